//! `programme publish`: a new revision, for a service that runs.

use super::args::Publish;
use super::{config, print};
use crate::runtime::Failure;
use crate::runtime::publish::{By, Published, publish};

/// Runs it.
///
/// # Errors
/// Why nothing was published.
pub(super) fn run(arguments: &Publish) -> Result<u8, Failure> {
    let notice = print::notice();
    let by = By { author: arguments.author.as_deref(), role: arguments.role.as_deref() };
    let published = publish(&config::load(&arguments.config)?, &arguments.path, by, &notice)?;
    print::text(&in_words(&published)).map(|()| 0)
}

fn in_words(published: &Published) -> String {
    let Published { topic, brokers, id, revision, effective_from, sha256, bytes, is_new } = published;
    if !is_new {
        return format!("revision {revision} of the programme \"{id}\" is published already, the same; nothing was sent\n");
    }
    format!(
        "published revision {revision} of the programme \"{id}\" to {topic} at {brokers}\n  \
         {} in one record, sha256 of the body {sha256}\n  \
         it holds from {effective_from}, or from when the service comes to know it where that is later\n",
        print::size(*bytes as u64)
    )
}

#[cfg(test)]
mod tests {
    use tidemark_domain::time::Instant;

    use super::*;

    #[test]
    fn it_says_what_was_published_and_from_when_it_holds() {
        let mut published = Published {
            topic: "eu.config.v1".to_owned(),
            brokers: "localhost:9092".to_owned(),
            id: "vip".to_owned(),
            revision: 2,
            effective_from: Instant::parse(b"2026-04-01T00:00:00Z").unwrap(),
            sha256: "ab".to_owned(),
            bytes: 1_500,
            is_new: true,
        };
        let said = in_words(&published);
        for part in ["revision 2", "\"vip\"", "eu.config.v1", "1.5 kB", "2026-04-01T00:00:00.000Z"] {
            assert!(said.contains(part), "{part}: {said}");
        }
        published.is_new = false;
        assert!(in_words(&published).contains("nothing was sent"));
    }
}
