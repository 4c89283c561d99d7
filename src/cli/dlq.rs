//! `dlq list` and `dlq replay`: what was set aside, and a second chance for it.

use std::collections::BTreeMap;

use anyhow::Context as _;
use serde::Serialize;

use super::args::{Dlq, DlqList, DlqReplay};
use super::{config, print};
use crate::config::Config;
use crate::runtime::Failure;
use crate::runtime::dlq::{self, DeadLetter, Filed, Filter, Judged, Order, Report};

/// So many bytes are collected before they are printed.
const CHUNK: usize = 64 * 1024;

/// Runs one of them.
///
/// # Errors
/// Why it ended.
pub(super) fn run(command: &Dlq) -> Result<u8, Failure> {
    match command {
        Dlq::List(arguments) => list(arguments),
        Dlq::Replay(arguments) => replay(arguments),
    }
}

/// A text that is printed by and by.
#[derive(Default)]
struct Printer(String);

impl Printer {
    fn push(&mut self, text: &str) -> Result<(), Failure> {
        self.0.push_str(text);
        if self.0.len() >= CHUNK { self.flush() } else { Ok(()) }
    }

    fn flush(&mut self) -> Result<(), Failure> {
        let text = std::mem::take(&mut self.0);
        print::bytes(text.as_bytes())
    }
}

/// A letter as one line of JSON; `dlq replay --from` reads it back.
#[derive(Serialize)]
struct Line<'a> {
    dlq_partition: u32,
    dlq_offset: u64,
    #[serde(flatten)]
    letter: &'a DeadLetter,
}

fn list(arguments: &DlqList) -> Result<u8, Failure> {
    let since = since(&arguments.since)?;
    let filter = Filter { topic: arguments.letters.topic.clone(), kind: arguments.letters.kind.clone(), ..Filter::default() };
    let mut printer = Printer::default();
    let mut counts: BTreeMap<(String, String), u64> = BTreeMap::new();
    let (mut found, mut shown) = (0_u64, 0_u64);
    // Where each partition goes on behind what was shown.
    let mut next = since.clone();
    let config = config::load(&arguments.letters.config)?;
    let ends = dlq::read(&config, &since, &print::notice(), &mut |filed| {
        if !filter.takes(&filed.letter) {
            return Ok(());
        }
        found += 1;
        *counts.entry((filed.letter.topic.clone(), filed.letter.kind.clone())).or_default() += 1;
        if arguments.limit.is_some_and(|limit| shown >= limit) {
            return Ok(());
        }
        shown += 1;
        next.insert(filed.partition, filed.offset + 1);
        let text = if arguments.json {
            let line = Line { dlq_partition: filed.partition, dlq_offset: filed.offset, letter: &filed.letter };
            serde_json::to_string(&line).context("cannot write JSON")? + "\n"
        } else {
            in_words(&filed)
        };
        Ok(printer.push(&text)?)
    })?;
    if !arguments.json {
        let width = counts.keys().map(|(topic, _)| topic.len()).max().unwrap_or(0);
        let mut text = format!("{}\n", print::counted(found, "dead letter", "dead letters"));
        for ((topic, kind), count) in &counts {
            text.push_str(&format!("{:>9}  {topic:width$}  {kind}\n", print::count(*count)));
        }
        text.push_str(&unread(found, filter.topic.as_deref(), &config));
        if shown < found {
            text.push_str(&format!("the first {} of them are shown\n", print::count(shown)));
        }
        let behind = |partition: &u32, end: u64| if shown < found { next.get(partition).copied().unwrap_or(0) } else { end };
        let places: Vec<String> =
            ends.iter().map(|(partition, end)| format!("{partition}@{}", behind(partition, *end))).collect();
        text.push_str(&format!("what comes after these: --since {}\n", places.join(",")));
        printer.push(&text)?;
    }
    printer.flush()?;
    Ok(0)
}

/// What a person may have mistyped, where nothing was found.
fn unread(found: u64, topic: Option<&str>, config: &Config) -> String {
    let read: Vec<&str> = config.sources.iter().flat_map(|source| &source.topics).map(String::as_str).collect();
    match topic {
        Some(topic) if found == 0 && !read.contains(&topic) => {
            format!("topic {topic} is not read by this job, which reads {}\n", read.join(", "))
        }
        _ => String::new(),
    }
}

/// Reads `PARTITION@OFFSET` pairs.
fn since(given: &[String]) -> Result<BTreeMap<u32, u64>, Failure> {
    let pair = |text: &str| -> Option<(u32, u64)> {
        let (partition, offset) = text.split_once('@')?;
        Some((partition.parse().ok()?, offset.parse().ok()?))
    };
    given
        .iter()
        .map(|text| {
            pair(text).ok_or_else(|| {
                Failure::Usage(format!(
                    "--since {text} is not PARTITION@OFFSET in the dead-letter topic, such as 0@120 or 0@120,1@7"
                ))
            })
        })
        .collect()
}

/// A letter for a person.
fn in_words(filed: &Filed) -> String {
    let letter = &filed.letter;
    let mut text = format!(
        "{}@{}  {}{}  {} {}@{}",
        filed.partition,
        filed.offset,
        letter.kind,
        letter.field.as_ref().map(|field| format!(" ({field})")).unwrap_or_default(),
        letter.topic,
        letter.partition,
        letter.offset
    );
    if let Some(player) = &letter.player_id {
        text.push_str(&format!("  player {}:{player}", letter.brand_id.as_deref().unwrap_or("default")));
    }
    if let Some(original) = &letter.original_event_id {
        text.push_str(&format!("  event {original}"));
    }
    text.push_str(&format!("  letter {}\n    {}\n", letter.event_id, letter.error));
    text
}

fn replay(arguments: &DlqReplay) -> Result<u8, Failure> {
    let order = Order {
        filter: Filter {
            topic: arguments.letters.topic.clone(),
            kind: arguments.letters.kind.clone(),
            ids: arguments.id.iter().cloned().collect(),
        },
        from: arguments.from.clone(),
        send: arguments.yes,
    };
    let mut printer = Printer::default();
    let config = config::load(&arguments.letters.config)?;
    let report = dlq::replay(&config, &order, &print::notice(), &mut |letter, judged| {
        let text = told(letter, judged, arguments.yes);
        Ok(printer.push(&text)?)
    })?;
    printer.push(&summary(&report, arguments.yes))?;
    printer.push(&unread(report.ready + report.before + report.refused, order.filter.topic.as_deref(), &config))?;
    printer.flush()?;
    let complete = report.refused == 0 && report.missing.is_empty();
    Ok(u8::from(arguments.yes && !complete))
}

/// What a person reads about one letter: what would be sent where nothing is, and always what cannot be.
fn told(letter: &DeadLetter, judged: &Judged, send: bool) -> String {
    let name = format!("{}  {}  {} {}@{}", letter.event_id, letter.kind, letter.topic, letter.partition, letter.offset);
    match judged {
        Judged::Refused(why) => format!("cannot be sent   {name}\n    {why}\n"),
        Judged::Before | Judged::Ready { .. } if send => String::new(),
        Judged::Before => format!("was sent before  {name}\n"),
        Judged::Ready { topic, key, bytes, again } => {
            let under = key.as_ref().map_or_else(|| "without a key".to_owned(), |known| format!("key {known}"));
            let note = again.as_ref().map(|why| format!("    it would be a dead letter again: {why}\n")).unwrap_or_default();
            format!("would be sent    {name}  to {topic}, {under}, {}\n{note}", print::size(*bytes as u64))
        }
    }
}

fn summary(report: &Report, send: bool) -> String {
    let mut text: String = report.missing.iter().map(|id| format!("no dead letter has the id {id}\n")).collect();
    if report.ready + report.before + report.refused == 0 {
        text.push_str("no dead letter is meant: there is none that all of these options choose\n");
        return text;
    }
    let (count, done) = if send { (report.sent, "sent") } else { (report.ready, "would be sent") };
    text.push_str(&format!("{} {done}", print::counted(count, "letter", "letters")));
    for (number, what) in [(report.before, "sent before with the same payload"), (report.refused, "cannot be sent")] {
        if number > 0 {
            text.push_str(&format!(", {} {what}", print::count(number)));
        }
    }
    text.push_str(if send || report.ready == 0 { "\n" } else { "; nothing was sent: --yes sends\n" });
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn letter() -> DeadLetter {
        let json = r#"{"event_id":"l1","event_type":"DeadLetter","kind":"missing_fx","error":"no rate","field":"currency","topic":"bets.v1","partition":3,"offset":4711,"brand_id":"b1","player_id":"p42","original_event_id":"e-1","payload":"{}"}"#;
        DeadLetter::read(json.as_bytes()).unwrap()
    }

    #[test]
    fn places_are_read_as_they_are_printed() {
        let given = |texts: &[&str]| since(&texts.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>());
        assert_eq!(given(&["0@120", "3@7"]).unwrap(), BTreeMap::from([(0, 120), (3, 7)]));
        assert!(given(&[]).unwrap().is_empty());
        for bad in ["12", "a@1", "0@", "0@-1"] {
            let Err(Failure::Usage(why)) = given(&[bad]) else { panic!("{bad} is taken") };
            assert!(why.contains(bad), "{why}");
        }
    }

    #[test]
    fn a_letter_in_words_says_where_it_stands_and_whose_it_is() {
        let text = in_words(&Filed { partition: 0, offset: 12, letter: letter() });
        assert_eq!(text, "0@12  missing_fx (currency)  bets.v1 3@4711  player b1:p42  event e-1  letter l1\n    no rate\n");
    }

    #[test]
    fn a_printed_line_of_json_is_a_letter_again() {
        let one = letter();
        let line = serde_json::to_string(&Line { dlq_partition: 0, dlq_offset: 12, letter: &one }).unwrap();
        assert!(line.starts_with(r#"{"dlq_partition":0,"dlq_offset":12,"event_id":"l1""#), "{line}");
        let again = DeadLetter::read(line.as_bytes()).unwrap();
        assert_eq!((&again.event_id, &again.payload, again.offset), (&one.event_id, &one.payload, one.offset));
    }

    #[test]
    fn a_summary_says_what_was_done_and_what_was_not() {
        let report = Report { ready: 2, sent: 2, before: 1, refused: 1, ..Report::default() };
        assert_eq!(summary(&report, true), "2 letters sent, 1 sent before with the same payload, 1 cannot be sent\n");
        assert!(summary(&Report { sent: 0, ..report }, false).ends_with("nothing was sent: --yes sends\n"));
        let nothing = Report { missing: ["x".to_owned()].into(), ..Report::default() };
        assert!(summary(&nothing, true).starts_with("no dead letter has the id x\nno dead letter is meant"));
    }
}
