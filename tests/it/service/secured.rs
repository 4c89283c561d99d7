//! A broker that asks for TLS, a password and rights: what is refused is told and loses nothing, what is right works.
//!
//! Needs a build with the feature `tls`.

use std::fs;
use std::path::Path;

use super::rig::{Rig, casino, digest, replayed};
use crate::broker::Broker;

const SETTINGS: &str = "[clock]\nmode = \"events\"\n[http]\nlisten = \"\"";

/// Lets the job come by the secured address, with the password of a file.
fn secure(rig: &Rig, broker: &Broker, usual: &str, password: &Path) {
    let librdkafka = format!(
        "{{ \"security.protocol\" = \"SASL_SSL\", \"sasl.mechanism\" = \"SCRAM-SHA-512\", \"sasl.username\" = \"tm\", \
         \"sasl.password\" = {{ file = \"{}\" }}, \"ssl.ca.location\" = \"{}\" }}",
        password.display(),
        broker.certificate().display(),
    );
    let before = format!("brokers = \"{}\"\n", broker.address());
    let after = format!("brokers = \"{}\"\nlibrdkafka = {librdkafka}\n", broker.secured_address());
    assert_eq!(usual.matches(&before).count(), 2, "{usual}");
    fs::write(rig.config(), usual.replace(&before, &after)).unwrap();
}

/// A drain that must fail; what it said.
fn failed(rig: &Rig) -> String {
    let before = rig.said().len();
    let code = rig.ended(rig.start(2, &["--drain"])).status.code();
    let said = rig.said().split_off(before);
    assert_eq!(code, Some(1), "{said}");
    said
}

#[test]
fn over_tls_with_a_password_and_rights_it_publishes_what_a_replay_gives_and_without_them_it_says_what_is_missing() {
    // A commit of several requests.
    let casino = casino(60_000, 91);
    let wanted = replayed(&casino);
    let broker = Broker::secured();
    let rig = Rig::new(broker.address(), "secured", &casino, SETTINGS);
    rig.produce(&casino, None);
    let usual = fs::read_to_string(rig.config()).unwrap();

    let wrong = rig.folder.path().join("wrong-password");
    fs::write(&wrong, "hunter2\n").unwrap();
    secure(&rig, &broker, &usual, &wrong);
    let said = failed(&rig);
    assert!(said.contains("invalid credentials") && said.contains("[sink.kafka.librdkafka]"), "{said}");
    assert!(!said.contains("hunter2"), "{said}");

    secure(&rig, &broker, &usual, &broker.password());
    let said = failed(&rig);
    assert!(said.contains(&format!("no topic {}", rig.prefix)) && said.contains("allow this client"), "{said}");

    let tm = ["--allow-principal", "User:tm", "--operation", "All", "--resource-pattern-type", "prefixed"];
    broker.rights(&[&["--add", "--topic", &rig.prefix][..], &tm].concat());
    broker.rights(&[&["--add", "--transactional-id", "tidemark.", "--group", "tidemark."][..], &tm].concat());
    let ledger = format!("{}loyalty.points-ledger.v1", rig.prefix);
    let denied = ["--deny-principal", "User:tm", "--operation", "Write", "--topic", &ledger];
    broker.rights(&[&["--add"][..], &denied].concat());
    let said = failed(&rig);
    assert!(said.contains(&ledger) && said.contains("authorization failed"), "{said}");
    assert!(said.contains("give the client its rights back"), "{said}");

    broker.rights(&[&["--remove", "--force"][..], &denied].concat());
    assert_eq!(rig.drain(3)["facts_digest"], digest(&wanted.summary));
    assert_eq!(rig.published(), wanted.lines);
    assert_eq!(rig.verified()["facts_digest"], digest(&wanted.summary));
}
