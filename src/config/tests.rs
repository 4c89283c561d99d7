//! From a text and an environment to settings, or to everything that is wrong with them.

use super::document::{Value, leaves, parse};
use super::*;
use crate::sinks::Topic;

/// The least that is sound.
const LEAST: &str = r#"
[job]
name = "loyalty"

[[source]]
brokers = "k1:9092, k2:9092"
topics = ["bets.v1", "fx.v1"]
"#;

/// The page for people.
const PAGE: &str = include_str!("../../docs/configuration.md");

fn with(text: &str, variables: &[(&str, &str)]) -> Result<Config, Vec<Problem>> {
    let environment = |name: &str| variables.iter().find(|(each, _)| *each == name).map(|(_, value)| (*value).to_owned());
    let names: Vec<String> = variables.iter().map(|(name, _)| (*name).to_owned()).collect();
    read("tidemark.toml", text, &environment, &names)
}

fn sound(text: &str) -> Config {
    with(text, &[]).unwrap_or_else(|problems| panic!("{problems:?}"))
}

fn problems(text: &str, variables: &[(&str, &str)]) -> Vec<String> {
    with(text, variables).expect_err("it is not sound").iter().map(ToString::to_string).collect()
}

/// There is one problem for each of these pairs, in this order: where it is, and a piece of what it says.
fn says(problems: &[String], expected: &[(&str, &str)]) {
    assert_eq!(problems.len(), expected.len(), "{problems:#?}");
    for (problem, (place, piece)) in problems.iter().zip(expected) {
        assert!(problem.starts_with(&format!("{place}: ")), "{problem} is not at {place}");
        assert!(problem.contains(piece), "`{piece}` is not in {problem}");
    }
}

#[test]
fn what_is_left_out_has_the_defaults_of_the_file_of_defaults() {
    let config = sound(LEAST);
    assert_eq!(config.job, Job { name: "loyalty".to_owned(), workers: 1, shards: 12 });
    assert_eq!(config.clock, Clock { mode: Mode::Wall, speed: 1, start: None });
    let expected = Epoch {
        interval: Duration::from_millis(50),
        commit_interval: Duration::from_millis(500),
        snapshot_interval: Duration::from_secs(60),
        profile_interval: Duration::from_secs(10),
        bytes: 4 * 1024 * 1024,
        in_flight: 16,
    };
    assert_eq!(config.epoch, expected);
    assert_eq!(config.store.url, "tidemark-state");
    let [source] = config.sources.as_slice() else { panic!("one source") };
    assert_eq!((source.brokers.as_str(), source.topic_prefix.as_str()), ("k1:9092,k2:9092", ""));
    assert_eq!(config.sink.brokers, "k1:9092,k2:9092", "those of the first source");
    assert_eq!(config.sink.transaction_timeout, Duration::from_secs(60));
    assert_eq!(config.http.listen, Some(SocketAddr::from(([127, 0, 0, 1], 9464))));
    assert_eq!(config.programme.path, Path::new("programme"));
    assert!(config.warnings.is_empty(), "{:?}", config.warnings);
}

#[test]
fn every_topic_of_facts_has_its_cloudevents_setting_and_the_two_busiest_are_off() {
    let set = sound(LEAST).sink.cloudevents;
    let mut names: Vec<&str> = Topic::ALL.into_iter().map(Topic::name).collect();
    names.sort_unstable();
    assert_eq!(set.keys().map(String::as_str).collect::<Vec<_>>(), names);
    let off: Vec<&str> = set.iter().filter(|(_, on)| !**on).map(|(topic, _)| topic.as_str()).collect();
    assert_eq!(off, ["crm.player-profile.v1", "loyalty.points-ledger.v1"]);
    let both = "[sink.kafka.cloudevents]\n\"crm.triggers.v1\" = false\nloyalty.points-ledger.v1 = true\n";
    let changed = sound(&format!("{LEAST}{both}")).sink.cloudevents;
    assert_eq!((changed["crm.triggers.v1"], changed["loyalty.points-ledger.v1"]), (false, true));
}

#[test]
fn the_file_of_defaults_with_its_examples_is_a_sound_configuration() {
    let example = |line: &str| line.starts_with('#') && line.chars().nth(1).is_some_and(|letter| letter.is_ascii_lowercase());
    let bare = |line: &str| line.strip_prefix('#').filter(|_| example(line)).unwrap_or(line).to_owned();
    let whole = DEFAULTS.lines().map(bare).collect::<Vec<_>>().join("\n");
    let (config, least) = (sound(&whole), sound(LEAST));
    assert_eq!((&config.job, &config.epoch, &config.clock), (&least.job, &least.epoch, &least.clock));
    assert!(!config.print().contains("# default"), "a key is not in the file of defaults:\n{}", config.print());
}

#[test]
fn every_key_is_in_the_page_about_configuration() {
    let defaults = parse(DEFAULTS).unwrap();
    let examples = ["job.name", "source.brokers", "source.topics", "sink.kafka.brokers"].map(ToOwned::to_owned);
    let mut keys = Vec::from(examples);
    for (key, node) in leaves(&defaults) {
        match &node.value {
            Value::List(items) => {
                let Value::Table(source) = &items[0].value else { panic!("a source") };
                keys.extend(source.keys().map(|each| format!("{key}.{each}")));
            }
            _ if key.starts_with("sink.kafka.cloudevents") => keys.push("sink.kafka.cloudevents".to_owned()),
            _ => keys.push(key),
        }
    }
    assert!(keys.len() > 20, "{keys:?}");
    for key in keys {
        assert!(PAGE.contains(&format!("`{key}`")), "{key} is not in docs/configuration.md");
    }
}

#[test]
fn the_examples_of_the_page_are_sound() {
    let whole = PAGE.split("```toml\n").filter_map(|part| part.split_once("```")).map(|(block, _)| block);
    let files: Vec<&str> = whole.filter(|block| block.contains("[job]")).collect();
    assert_eq!(files.len(), 2, "{files:?}");
    for file in files {
        assert!(with(file, &[("KAFKA_PASSWORD", "hunter2")]).is_ok(), "{file}");
    }
}

#[test]
fn all_problems_are_told_at_once_each_with_its_place() {
    let text = r#"
[job]
nam = "x"
workers = 13
shards = 7
[clock]
mode = "sundial"
speed = "fast"
start = "noon"
[epoch]
interval = 50
commit_interval = "1 s"
snapshot_interval = "2d"
bytes = 0
[store]
url = "ftp://host/state"
[[source]]
brokers = "localhost"
topics = []
[[source]]
topics = ["bets.v1"]
librdkafka = 1
[sink.kafka]
transaction_timeout = true
[sink.clickhouse]
url = "http://127.0.0.1:8123"
[http]
listen = "localhost:9464"
"#;
    let expected = [
        ("tidemark.toml:2:2", "job.name is missing"),
        ("tidemark.toml:3:1", "did you mean `name`?"),
        ("tidemark.toml:5:10", "7 does not divide 240"),
        ("tidemark.toml:7:8", "\"wall\" or \"events\""),
        ("tidemark.toml:8:9", "the text \"fast\" is found, a whole number from 1 to 100000"),
        ("tidemark.toml:9:9", "2026-03-01T00:00:00Z"),
        ("tidemark.toml:11:12", "50 has no unit; write \"50ms\""),
        ("tidemark.toml:12:19", "`1 s` is no whole number with ms, s, m or h"),
        ("tidemark.toml:13:21", "`2d`"),
        ("tidemark.toml:14:9", "0 is out of bounds, a whole number from 1024"),
        ("tidemark.toml:16:7", "s3://"),
        ("tidemark.toml:18:11", "HOST:PORT"),
        ("tidemark.toml:19:10", "it is empty"),
        ("tidemark.toml:20:1", "source[1].brokers is missing"),
        ("tidemark.toml:22:14", "the number 1 is found, a table of settings"),
        ("tidemark.toml:24:23", "`true` is found, a length of time from 1s to 15m"),
        ("tidemark.toml:25:7", "[sink.clickhouse] is not enforced in this version"),
        ("tidemark.toml:28:10", "127.0.0.1:9464"),
    ];
    says(&problems(text, &[]), &expected);
}

#[test]
fn an_empty_file_lacks_a_name_and_a_source() {
    let expected = [("tidemark.toml", "job.name is missing"), ("tidemark.toml", "there is no source")];
    says(&problems("", &[]), &expected);
}

#[test]
fn a_text_that_is_no_toml_is_told_with_its_places() {
    let found = problems("[job\nname = \"x\"\nworkers = = 2\n", &[]);
    assert!(found[0].starts_with("tidemark.toml:1:"), "{found:?}");
    assert!(found.iter().all(|problem| problem.contains("this is no TOML")), "{found:?}");
    says(&problems("[job]\nname = \"a\"\nname = \"b\"\n", &[]), &[("tidemark.toml:3:1", "duplicate key")]);
}

#[test]
fn what_must_go_together_is_checked_where_a_person_wrote_it() {
    let crowded = LEAST.replace("name =", "workers = 13\nname =");
    says(&problems(&crowded, &[]), &[("tidemark.toml:3:11", "job.workers is 13, more than job.shards, 12")]);
    let single = LEAST.replace("name =", "shards = 1\nname =");
    assert_eq!(sound(&single).job.shards, 1);
    let swift = format!("{LEAST}[epoch]\ninterval = \"600ms\"\n");
    let expected = "epoch.commit_interval is 500ms, shorter than epoch.interval, 600ms";
    says(&problems(&swift, &[]), &[("tidemark.toml:9:12", expected)]);
    let restless = format!("{LEAST}[epoch]\nsnapshot_interval = \"100ms\"\n");
    says(&problems(&restless, &[]), &[("tidemark.toml:9:21", "shorter than epoch.commit_interval, 500ms")]);
    let slow = format!("{LEAST}[epoch]\ncommit_interval = \"2s\"\n[sink.kafka]\ntransaction_timeout = \"2s\"\n");
    says(&problems(&slow, &[]), &[("tidemark.toml:11:23", "above epoch.commit_interval, 2s")]);
    for own in ["tidemark.loyalty.progress.v1", "tidemark.loyalty.dlq-replayed.v1", "pipeline.dlq.v1"]
        .map(|own| LEAST.replace("fx.v1", own))
    {
        says(&problems(&own, &[]), &[("tidemark.toml:7:10", ".v1` is written by this job: reading what it writes would")]);
        sound(&format!("{own}[sink.kafka]\nbrokers = \"k9:9092\"\n"));
        sound(&format!("{own}[sink.kafka]\ntopic_prefix = \"b.\"\n"));
    }
}

#[test]
fn each_entry_of_a_list_is_told_and_no_name_leads_out_of_its_folder() {
    let brokers = LEAST.replace("k1:9092, k2:9092", "h:1,k:0,:3");
    says(&problems(&brokers, &[]), &[("tidemark.toml:6:11", "`k:0` is no broker, `:3` is no broker; HOST:PORT is due")]);
    let topics = LEAST.replace("[\"bets.v1\", \"fx.v1\"]", "[\"a\", \"\u{e9}\", \"b c\", \"\", \"..\", 7]");
    says(
        &problems(&topics, &[]),
        &[(
            "tidemark.toml:7:10",
            "`\u{e9}` is no topic, `b c` is no topic, `` is no topic, `..` is no topic, the number 7 is found in the list",
        )],
    );
    for name in [".", ".."] {
        let above = [("TIDEMARK__JOB__NAME", name)];
        says(&problems(LEAST, &above), &[("TIDEMARK__JOB__NAME", "is no name of a job")]);
    }
}

#[test]
fn an_unknown_key_or_section_is_told_with_the_nearest_name() {
    let text = format!("{LEAST}topic = 1\n[epochs]\n[sink.kafak]\n[sink.kafka.cloudevents]\n\"crm.trigger.v1\" = true\n");
    let expected = [
        ("tidemark.toml:8:1", "unknown key `topic` in [[source]]; did you mean `topics`?"),
        ("tidemark.toml:9:2", "unknown key `epochs` outside all sections; did you mean `epoch`?"),
        ("tidemark.toml:10:7", "unknown key `kafak` in [sink]; did you mean `kafka`?"),
        ("tidemark.toml:12:1", "did you mean `crm.triggers.v1`?"),
    ];
    says(&problems(&text, &[]), &expected);
    says(&problems(&format!("workers = 2\n{LEAST}"), &[]), &[("tidemark.toml:1:1", "`workers` outside all sections")]);
}

#[test]
fn a_section_in_the_wrong_form_is_told_how_to_write_it() {
    let text = "job = \"loyalty\"\n[source]\nbrokers = \"k:9092\"\n";
    let expected = [
        ("tidemark.toml:1:1", "a section is due; write [job]"),
        ("tidemark.toml:1:1", "job.name is missing"),
        ("tidemark.toml:2:2", "write [[source]], in two brackets"),
    ];
    says(&problems(text, &[]), &expected);
}

#[test]
fn the_environment_goes_before_the_file_and_the_file_before_the_default() {
    let variables = [
        ("TIDEMARK__JOB__WORKERS", "4"),
        ("TIDEMARK__EPOCH__COMMIT_INTERVAL", "1s"),
        ("TIDEMARK__SOURCE__0__BROKERS", "other:9092"),
        ("TIDEMARK__SOURCE__0__TOPICS", "bets.v1, wins.v1"),
        ("TIDEMARK__SOURCE__1__BROKERS", "second:9092"),
        ("TIDEMARK__SOURCE__1__TOPICS", "config.v1"),
        ("TIDEMARK__SINK__KAFKA__TOPIC_PREFIX", "out."),
        ("TIDEMARK__HTTP__LISTEN", ""),
        ("TIDEMARK_SEED", "1"),
        ("PATH", "/bin"),
    ];
    let text = LEAST.replace("name =", "shards = 24\nworkers = 2\nname =");
    let config = with(&text, &variables).unwrap();
    assert_eq!((config.job.workers, config.job.shards), (4, 24));
    assert_eq!(config.epoch.commit_interval, Duration::from_secs(1));
    assert_eq!((config.sources[0].brokers.as_str(), config.sink.brokers.as_str()), ("other:9092", "other:9092"));
    assert_eq!(config.sources[0].topics, ["bets.v1", "wins.v1"]);
    assert_eq!(config.sources[1].topics, ["config.v1"]);
    assert_eq!(config.sink.full_name("audit.events.v1"), "out.audit.events.v1");
    assert_eq!(config.http.listen, None);

    let printed = config.print();
    for (line, origin) in [
        ("workers = 4 ", "# TIDEMARK__JOB__WORKERS"),
        ("shards = 24 ", "# tidemark.toml"),
        ("interval = \"50ms\" ", "# default"),
        ("topics = [\"bets.v1\", \"wins.v1\"] ", "# TIDEMARK__SOURCE__0__TOPICS"),
    ] {
        let found = printed.lines().find(|each| each.starts_with(line)).unwrap_or_else(|| panic!("{line}:\n{printed}"));
        assert!(found.ends_with(origin), "{found}");
    }
}

#[test]
fn a_variable_that_is_wrong_or_names_no_key_is_a_problem() {
    let variables = [
        ("TIDEMARK__JOB__WORKERS", "four"),
        ("TIDEMARK__JOB__WORKRES", "4"),
        ("TIDEMARK__SINK__KAFKA__LIBRDKAFKA__SASL_PASSWORD", "hidden"),
        ("TIDEMARK__SOURCE__2__BROKERS", "k:9092"),
    ];
    let expected = [
        ("TIDEMARK__JOB__WORKERS", "the text \"four\" is found, a whole number from 1 to 240"),
        ("TIDEMARK__JOB__WORKRES", "did you mean TIDEMARK__JOB__WORKERS?"),
        ("TIDEMARK__SINK__KAFKA__LIBRDKAFKA__SASL_PASSWORD", "this is written in the file"),
        ("TIDEMARK__SOURCE__2__BROKERS", "names no key"),
    ];
    let found = problems(LEAST, &variables);
    says(&found, &expected);
    assert!(!found.concat().contains("hidden"), "{found:?}");
}

#[test]
fn a_secret_in_the_file_is_refused_and_one_from_elsewhere_is_shown_to_nobody() {
    let literal = format!("{LEAST}[sink.kafka.librdkafka]\n\"sasl.password\" = \"hunter2\"\nssl.key.password = 7\n");
    let found = problems(&literal, &[]);
    let expected = [
        ("tidemark.toml:9:1", "`sasl.password` is a secret, which does not belong in this file; write { env = \"NAME\" }"),
        ("tidemark.toml:10:9", "`ssl.key.password` is a secret"),
    ];
    says(&found, &expected);
    assert!(!found.concat().contains("hunter2"), "{found:?}");

    let folder = tempfile::tempdir().unwrap();
    let name = folder.path().join("name");
    fs::write(&name, "line one\nline two\n").unwrap();
    let text = format!(
        "{LEAST}librdkafka = {{ \"security.protocol\" = \"SASL_PLAINTEXT\", \"socket.keepalive.enable\" = true, \"linger.ms\" = 5, \
         sasl.password = {{ env = \"KAFKA_PASSWORD\" }}, \"sasl.username\" = {{ file = '{}' }} }}\n",
        name.display()
    );
    let config = with(&text, &[("KAFKA_PASSWORD", "hunter2")]).unwrap();
    let settings = &config.sources[0].librdkafka;
    assert_eq!((settings["sasl.password"].as_str(), settings["sasl.username"].as_str()), ("hunter2", "line one\nline two"));
    assert_eq!((settings["linger.ms"].as_str(), settings["socket.keepalive.enable"].as_str()), ("5", "true"));
    let printed = config.print();
    assert!(printed.contains("[source.librdkafka]\n"), "{printed}");
    let masked = printed.lines().find(|line| line.starts_with("\"sasl.password\"")).unwrap();
    assert!(masked.starts_with("\"sasl.password\" = \"***\" "), "{masked}");
    assert!(masked.ends_with("# tidemark.toml, from the environment variable KAFKA_PASSWORD"), "{masked}");
    for shown in [printed, format!("{config:?}")] {
        assert!(!shown.contains("hunter2") && !shown.contains("line one"), "{shown}");
    }
}

#[test]
fn what_needs_tls_is_refused_by_a_build_without_it_and_no_value_is_told() {
    let lines = [
        "\"security.protocol\" = \"SASL_SSL\"",
        "\"security.protocol\" = \"ssl\"",
        "\"sasl.mechanism\" = \"SCRAM-SHA-512\"",
        "\"sasl.mechanisms\" = \"OAUTHBEARER\"",
        "\"ssl.ca.location\" = \"/etc/ca.pem\"",
        "\"ssl.key.password\" = { env = \"KEY_PASSWORD\" }",
    ];
    for line in lines {
        let read = with(&format!("{LEAST}[sink.kafka.librdkafka]\n{line}\n"), &[("KEY_PASSWORD", "hunter2")]);
        assert_eq!(read.is_ok(), cfg!(feature = "tls"), "{line}");
        if let Err(found) = read {
            let told = found.iter().map(ToString::to_string).collect::<String>();
            assert!(told.starts_with("tidemark.toml:9:1: sink.kafka.librdkafka: "), "{told}");
            assert!(told.contains("cargo build --release --features tls") && !told.contains("hunter2"), "{told}");
        }
    }
    let plain = "\"security.protocol\" = \"SASL_PLAINTEXT\"\n\"sasl.mechanism\" = \"PLAIN\"\n\"sasl.username\" = \"tm\"\n";
    sound(&format!("{LEAST}[sink.kafka.librdkafka]\n{plain}"));
    let kerberos = format!("{LEAST}[sink.kafka.librdkafka]\n\"sasl.mechanism\" = \"GSSAPI\"\n");
    says(&problems(&kerberos, &[]), &[("tidemark.toml:9:1", "asks for Kerberos, which no build has")]);
}

#[test]
fn a_secret_that_cannot_be_fetched_is_a_problem() {
    let text = format!(
        "{LEAST}[source.librdkafka]\n\"sasl.password\" = {{ env = \"NOWHERE\" }}\n\
         \"ssl.key.pem\" = {{ file = \"no/such/key\" }}\n\
         \"sasl.username\" = {{ env = \"A\", file = \"B\" }}\n"
    );
    let expected = [
        ("tidemark.toml:9:1", "the environment variable NOWHERE, which is not set"),
        ("tidemark.toml:10:1", "cannot be read from the file no/such/key"),
        ("tidemark.toml:11:1", "a table that is not understood; write { env = \"NAME\" }"),
    ];
    says(&problems(&text, &[]), &expected);
}

#[test]
fn what_tidemark_sets_itself_cannot_be_set() {
    let ours = [
        "enable.auto.commit",
        "auto.offset.reset",
        "isolation.level",
        "transactional.id",
        "enable.idempotence",
        "group.id",
        "acks",
        "partitioner",
        "enable.auto.offset.store",
        "transaction.timeout.ms",
        "bootstrap.servers",
    ];
    for key in ours {
        let text = format!("{LEAST}[source.librdkafka]\n{key} = \"x\"\n");
        let found = problems(&text, &[]);
        assert!(found.len() == 1 && found[0].contains(&format!("`{key}` is set by Tidemark itself; ")), "{key}: {found:?}");
    }
}

#[test]
fn a_prefix_is_put_before_topics_and_taken_off_again() {
    let text = format!("{LEAST}topic_prefix = \"eu.\"\n");
    let config = sound(&text);
    let source = &config.sources[0];
    assert_eq!(source.full_names(), ["eu.bets.v1", "eu.fx.v1"]);
    assert_eq!((source.stripped("eu.bets.v1"), source.stripped("us.bets.v1")), (Some("bets.v1"), None));
    assert_eq!(source.topics, ["bets.v1", "fx.v1"]);

    let twice = format!("{text}[[source]]\nbrokers = \"k:9092\"\ntopics = [\"fx.v1\"]\ntopic_prefix = \"us.\"\n");
    says(&problems(&twice, &[]), &[("tidemark.toml:11:10", "`fx.v1` is already in source[0].topics")]);
    let doubled = sound(&text.replace("\"bets.v1\"", "\"eu.bets.v1\""));
    assert!(doubled.warnings[0].contains("`eu.eu.bets.v1` is read"), "{:?}", doubled.warnings);
    let spaced = text.replace("eu.", "e u");
    says(&problems(&spaced, &[]), &[("tidemark.toml:8:16", "cannot begin a topic's name")]);
}

#[test]
fn a_clock_for_tests_is_announced() {
    let config = sound(&format!("{LEAST}[clock]\nspeed = 14_400\nstart = 2026-03-01T00:00:00Z\n"));
    assert_eq!(config.clock.start, Instant::parse(b"2026-03-01T00:00:00Z"));
    let [speed, start] = config.warnings.as_slice() else { panic!("{:?}", config.warnings) };
    assert!(speed.contains("14400, for tests"), "{speed}");
    assert!(start.contains("2026-03-01T00:00:00.000Z, for tests"), "{start}");
}

#[test]
fn what_is_printed_can_be_read_again() {
    let text = format!(
        "{LEAST}topic_prefix = \"eu.\"\nlibrdkafka = {{ \"client.rack\" = \"a\\\\b\" }}\n[clock]\nmode = \"events\"\n\
         [http]\nlisten = \"[::1]:80\"\n[sink.kafka.librdkafka]\n\"compression.type\" = \"zstd\"\n"
    );
    let (config, again) = (sound(&text), sound(&sound(&text).print()));
    assert_eq!((config.job, config.clock, config.epoch), (again.job, again.clock, again.epoch));
    assert_eq!((config.sources, config.sink, config.http), (again.sources, again.sink, again.http));
    assert_eq!((config.store, config.programme), (again.store, again.programme));
}

#[test]
fn a_file_that_is_not_there_is_a_problem() {
    let found = load(Path::new("no/such/tidemark.toml"), &|_: &str| None, &[]).expect_err("nothing to read");
    assert_eq!(found.len(), 1);
    assert!(found[0].to_string().starts_with("no/such/tidemark.toml: cannot read the configuration: "), "{}", found[0]);
}

#[test]
fn lengths_of_time_have_a_unit_and_bounds() {
    let most = Duration::from_millis(1)..=Duration::from_secs(3_600);
    let read = |text: &str| values::duration(&Value::Text(text.to_owned()), &most);
    for (text, millis) in [("1ms", 1), ("500ms", 500), ("10s", 10_000), ("1m", 60_000), ("1h", 3_600_000)] {
        assert_eq!(read(text), Ok(Duration::from_millis(millis)), "{text}");
        assert_eq!(values::length(Duration::from_millis(millis)), text);
    }
    for text in ["", "s", "1", "0ms", "61m", "1.5s", "-1s", "1S", "99999999999999999999s", "18446744073709551615h"] {
        assert!(read(text).is_err(), "{text}");
    }
}

#[test]
fn brokers_stores_and_names_are_judged() {
    for sound in ["k:9092", "k1:9092,k2:9093", "127.0.0.1:1", "[::1]:9092"] {
        assert!(values::brokers(sound).is_ok(), "{sound}");
    }
    for wrong in ["", "k", "k:", ":9092", "k:0", "k:99999", "k:9092,", "kafka://k:9092", "k 1:9092"] {
        assert!(values::brokers(wrong).is_err(), "{wrong}");
    }
    for sound in ["state", "/var/lib/tidemark", "file:///var/lib/tidemark", "s3/state", "a:b"] {
        assert!(values::url(sound).is_ok(), "{sound}");
    }
    for wrong in [
        "",
        "s3://",
        "s3:///x",
        "gs://a b",
        "http://host/",
        "file:state",
        "s3://key:secret@bucket",
        "s3:/b",
        "s3//b",
        "S3:/b",
        "file://b/c",
    ] {
        let told = values::url(wrong).expect_err(wrong);
        assert!(!told.contains("secret") && !told.contains("--features"), "{told}");
    }
    for cloudy in ["s3://bucket/path", "gs://b", "az://container/x"] {
        match values::url(cloudy) {
            Ok(url) => assert!(cfg!(feature = "cloud") && url == cloudy, "{url}"),
            Err(told) => assert!(!cfg!(feature = "cloud") && told.contains("--features cloud"), "{told}"),
        }
    }
    assert!(values::name("Loyalty_eu-1.b").is_ok() && values::name(&"x".repeat(100)).is_ok());
    for wrong in ["", "a b", "ü", "a:b", &"x".repeat(101)] {
        assert!(values::name(wrong).is_err(), "{wrong}");
    }
}
