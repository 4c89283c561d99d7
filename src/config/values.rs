//! Single values: from the text or number as written to what it stands for, or to what is wrong with it.

use std::net::SocketAddr;
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::time::Duration;

use tidemark_domain::time::Instant;

use super::Mode;
use super::document::Value;

/// Key groups of all players: fixed for ever.
const KEY_GROUPS: u64 = 240;
/// The longest name that Kafka gives a topic.
pub(super) const TOPIC_NAME_MAX: usize = 249;
/// The longest prefix of topics, and the longest name of a job.
const NAME_MAX: usize = 100;
/// Object stores, by what their urls begin with.
const OBJECT_STORES: [&str; 3] = ["s3", "gs", "az"];

/// A text.
pub(super) fn text(value: &Value) -> Result<&str, String> {
    match value {
        Value::Text(text) => Ok(text),
        other => Err(format!("{} is found, a text is due", other.in_words())),
    }
}

/// A whole number within bounds that fit its type.
pub(super) fn whole<T: TryFrom<u64>>(value: &Value, range: &RangeInclusive<u64>) -> Result<T, String> {
    let due = || format!("a whole number from {} to {} is due", range.start(), range.end());
    let Value::Whole(number) = value else { return Err(format!("{} is found, {}", value.in_words(), due())) };
    let inside = u64::try_from(*number).ok().filter(|inside| range.contains(inside));
    inside.and_then(|found| T::try_from(found).ok()).ok_or_else(|| format!("{number} is out of bounds, {}", due()))
}

/// So many shards, which key groups can be divided into.
pub(super) fn shards(value: &Value) -> Result<u32, String> {
    let shards: u32 = whole(value, &(1..=KEY_GROUPS))?;
    if KEY_GROUPS.is_multiple_of(u64::from(shards)) {
        return Ok(shards);
    }
    let divisors: Vec<String> =
        (1..=KEY_GROUPS).filter(|each| KEY_GROUPS.is_multiple_of(*each)).map(|each| each.to_string()).collect();
    Err(format!("{shards} does not divide {KEY_GROUPS}; one of {}", divisors.join(", ")))
}

/// A length of time within bounds.
pub(super) fn duration(value: &Value, range: &RangeInclusive<Duration>) -> Result<Duration, String> {
    let due = || format!("a length of time from {} to {} is due, such as \"10s\"", length(*range.start()), length(*range.end()));
    let text = match value {
        Value::Text(text) => text,
        Value::Whole(number) => {
            return Err(format!("{number} has no unit; write \"{number}ms\", \"{number}s\" or \"{number}m\""));
        }
        other => return Err(format!("{} is found, {}", other.in_words(), due())),
    };
    let end = text.find(|letter: char| !letter.is_ascii_digit()).unwrap_or(text.len());
    let (digits, unit) = text.split_at(end);
    let millis = match unit {
        "ms" => 1,
        "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        _ => return Err(format!("`{text}` is no whole number with ms, s, m or h; {}", due())),
    };
    let Ok(number) = digits.parse::<u64>() else { return Err(format!("`{text}` does not begin with a number; {}", due())) };
    let found = Duration::from_millis(number.saturating_mul(millis));
    if range.contains(&found) { Ok(found) } else { Err(format!("{text} is out of bounds; {}", due())) }
}

/// How far back something reaches: `forever`, or a length of time from a second to ten years.
pub(super) fn reach(text: &str) -> Result<Option<Duration>, String> {
    const YEARS: Duration = Duration::from_secs(10 * 366 * 86_400);
    if text == "forever" {
        return Ok(None);
    }
    let range = Duration::from_secs(1)..=YEARS;
    duration(&Value::Text(text.to_owned()), &range).map(Some).map_err(|wrong| format!("{wrong}; or \"forever\""))
}

/// A length of time in its largest whole unit.
pub(super) fn length(duration: Duration) -> String {
    let millis = duration.as_millis();
    let units = [("h", 3_600_000), ("m", 60_000), ("s", 1_000)];
    let unit = units.into_iter().find(|(_, size)| millis > 0 && millis.is_multiple_of(*size));
    unit.map_or_else(|| format!("{millis}ms"), |(unit, size)| format!("{}{unit}", millis / size))
}

/// A job's name.
pub(super) fn name(text: &str) -> Result<String, String> {
    if !text.is_empty() && text.len() <= NAME_MAX && is_plain(text) && !is_folder_above(text) {
        return Ok(text.to_owned());
    }
    Err(format!(
        "`{text}` is no name of a job; 1 to {NAME_MAX} letters, digits, `.`, `_` or `-` are due, and neither `.` nor `..`"
    ))
}

/// What time is.
pub(super) fn mode(text: &str) -> Result<Mode, String> {
    match text {
        "wall" => Ok(Mode::Wall),
        "events" => Ok(Mode::Events),
        _ => Err(format!("`{text}` is unknown; \"wall\" or \"events\" is due")),
    }
}

/// An instant, or an empty text for none.
pub(super) fn instant(value: &Value) -> Result<Option<Instant>, String> {
    let written: &str = match value {
        Value::Instant(written) => written,
        other => text(other)?,
    };
    if written.is_empty() {
        return Ok(None);
    }
    Instant::parse(written.as_bytes())
        .map(Some)
        .ok_or_else(|| format!("`{written}` is no instant with its offset; write it like \"2026-03-01T00:00:00Z\""))
}

/// Where state is kept.
pub(super) fn url(text: &str) -> Result<String, String> {
    let due = "a folder, file:///PATH, s3://BUCKET/PREFIX, gs://BUCKET/PREFIX or az://CONTAINER/PREFIX is due";
    match text.split_once("://") {
        None if text.is_empty() => Err(format!("it is empty; {due}")),
        None if is_nearly_a_url(text) => Err(format!("`{text}` is no store, and looks like no folder; {due}")),
        None => Ok(text.to_owned()),
        Some((_, "")) => Err(format!("`{text}` is no store; {due}")),
        Some(("file", path)) if path.starts_with('/') => Ok(text.to_owned()),
        Some(("file", _)) => Err(format!("`{text}` has no path from the root behind file://; {due}")),
        Some((scheme, rest)) if OBJECT_STORES.contains(&scheme) => bucket(text, rest.split('/').next().unwrap_or_default()),
        Some(_) => Err(format!("`{text}` is no store; {due}")),
    }
}

/// Whether a text without `://` was meant to be a URL: a folder of that name is better not made.
fn is_nearly_a_url(text: &str) -> bool {
    let word = text.split([':', '/']).next().unwrap_or_default();
    let named = ["file", "s3", "gs", "az"].iter().any(|scheme| word.eq_ignore_ascii_case(scheme));
    let rest = text.get(word.len()..).unwrap_or_default();
    named && (rest.starts_with(':') || rest.starts_with("//"))
}

/// A place in an object store.
fn bucket(url: &str, bucket: &str) -> Result<String, String> {
    if bucket.contains('@') {
        return Err("it holds credentials; give them by the environment of the cloud's own tools".to_owned());
    }
    if bucket.is_empty() || !is_plain(bucket) {
        return Err(format!("`{url}` has no bucket; letters, digits, `.`, `_` or `-` are due after ://"));
    }
    if !cfg!(feature = "cloud") {
        return Err(format!(
            "`{url}` is an object store, and this build keeps state in folders only; build it with them: cargo build --release \
             --features cloud"
        ));
    }
    Ok(url.to_owned())
}

/// Kafka's brokers.
pub(super) fn brokers(text: &str) -> Result<String, String> {
    let due = "HOST:PORT is due, several with commas";
    let wrong: Vec<String> = text
        .split(',')
        .map(str::trim)
        .filter(|broker| {
            let port =
                broker.rsplit_once(':').filter(|(host, _)| !host.is_empty()).and_then(|(_, port)| port.parse::<u16>().ok());
            broker.contains("://") || broker.contains(char::is_whitespace) || port.is_none_or(|port| port == 0)
        })
        .map(|broker| format!("`{broker}` is no broker"))
        .collect();
    if wrong.is_empty() {
        return Ok(text.split(',').map(str::trim).collect::<Vec<_>>().join(","));
    }
    Err(format!("{}; {due}", wrong.join(", ")))
}

/// Names of topics, at least one.
pub(super) fn topics(value: &Value) -> Result<Vec<String>, String> {
    let due = "a list of topics is due, such as [\"bets.v1\", \"fx.v1\"]";
    let Value::List(items) = value else { return Err(format!("{} is found, {due}", value.in_words())) };
    if items.is_empty() {
        return Err(format!("it is empty, {due}"));
    }
    let (mut topics, mut wrong) = (Vec::new(), Vec::new());
    for item in items {
        match &item.value {
            Value::Text(topic) if is_topic(topic) => topics.push(topic.clone()),
            Value::Text(topic) => wrong.push(format!("`{topic}` is no topic")),
            other => wrong.push(format!("{} is found in the list", other.in_words())),
        }
    }
    if wrong.is_empty() {
        return Ok(topics);
    }
    Err(format!("{}; topics are named with 1 to {TOPIC_NAME_MAX} letters, digits, `.`, `_` or `-`", wrong.join(", ")))
}

/// Whether Kafka takes it as the name of a topic.
fn is_topic(text: &str) -> bool {
    !text.is_empty() && text.len() <= TOPIC_NAME_MAX && is_plain(text) && !is_folder_above(text)
}

/// Whether it names no folder of its own but this one or the one above.
fn is_folder_above(text: &str) -> bool {
    matches!(text, "." | "..")
}

/// What stands before topics' names.
pub(super) fn prefix(text: &str) -> Result<String, String> {
    if text.len() <= NAME_MAX && is_plain(text) {
        return Ok(text.to_owned());
    }
    Err(format!("`{text}` cannot begin a topic's name; at most {NAME_MAX} letters, digits, `.`, `_` or `-` are due"))
}

/// Where to listen, or an empty text for nowhere.
pub(super) fn listen(text: &str) -> Result<Option<SocketAddr>, String> {
    if text.is_empty() {
        return Ok(None);
    }
    let due = "ADDRESS:PORT is due, such as \"127.0.0.1:9464\" or \"0.0.0.0:9464\"; \"\" listens nowhere";
    text.parse().map(Some).map_err(|_| format!("`{text}` is no address with a port; {due}"))
}

/// A path.
pub(super) fn path(text: &str) -> Result<PathBuf, String> {
    if text.is_empty() { Err("it is empty; a file or folder is due".to_owned()) } else { Ok(PathBuf::from(text)) }
}

/// Whether Kafka takes it in a name.
fn is_plain(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-'))
}
