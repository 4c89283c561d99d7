//! What a reading that has an end reads: which partitions, from where to where.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::sources::Error;

/// One partition's part.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bounds {
    /// The topic.
    pub topic: String,
    /// The partition's number there.
    pub number: u32,
    /// The first offset that was there.
    pub start: u64,
    /// The offset behind the last stable record.
    pub end: u64,
}

/// See the module's words.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Extent {
    /// The id of the cluster; empty where its brokers give none.
    pub cluster: String,
    /// The partitions, in the order of topic and number.
    pub partitions: Vec<Bounds>,
    /// The hash of the rates and rulebooks in it; empty until they have been read.
    pub reference: String,
}

impl Extent {
    /// What tells this input from others, however far it has come: the cluster and the topics.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        std::iter::once(self.cluster.as_str()).chain(self.topics())
    }

    fn topics(&self) -> BTreeSet<&str> {
        self.partitions.iter().map(|each| each.topic.as_str()).collect()
    }

    /// Whether the same topics of the same cluster are meant.
    pub(super) fn is_of(&self, now: &Self) -> bool {
        self.cluster == now.cluster && self.topics() == now.topics()
    }

    /// Notes the hash of the rates and rulebooks; refused where it was another one when this was begun: all of them are
    /// read again at each start, and compaction may have moved one behind the end.
    ///
    /// # Errors
    /// Where it was another one.
    pub fn settle(&mut self, reference: String) -> Result<(), Error> {
        if !self.reference.is_empty() && self.reference != reference {
            return Err(Error::Kafka(
                "the rates and rulebooks that were there when this run began are not all there any more: their topic was compacted, \
                 or retention has passed them. Begin again with empty --out and --state folders"
                    .to_owned(),
            ));
        }
        self.reference = reference;
        Ok(())
    }

    /// Whether everything that was there then can be there still.
    pub(super) fn check(&self, now: &Self, brokers: &str) -> Result<(), Error> {
        for then in &self.partitions {
            let found = now.partitions.iter().find(|each| each.topic == then.topic && each.number == then.number);
            let lost = match found {
                None => "it is not there any more".to_owned(),
                Some(found) if found.end < then.end => format!("it ends at offset {} now", found.end),
                Some(_) => continue,
            };
            return Err(Error::Kafka(format!(
                "topic {}, partition {} at {brokers}: when this run began it ended at offset {}, and {lost}: the topic was made anew, \
                 or records are lost. Restore it, or begin again with empty --out and --state folders",
                then.topic, then.number, then.end
            )));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn extent(cluster: &str, partitions: &[(&str, u32, u64)]) -> Extent {
        let bounds = |&(topic, number, end): &(&str, u32, u64)| Bounds { topic: topic.to_owned(), number, start: 0, end };
        Extent { cluster: cluster.to_owned(), partitions: partitions.iter().map(bounds).collect(), reference: String::new() }
    }

    #[test]
    fn what_was_begun_is_told_from_other_inputs_and_from_what_has_lost_records() {
        let begun = extent("c", &[("a", 0, 5), ("b", 0, 7)]);
        let grown = extent("c", &[("a", 0, 9), ("a", 1, 3), ("b", 0, 7)]);
        assert!(begun.is_of(&grown));
        begun.check(&grown, "k:1").unwrap();
        assert!(!begun.is_of(&extent("d", &[("a", 0, 5), ("b", 0, 7)])), "another cluster");
        assert!(!begun.is_of(&extent("c", &[("a", 0, 5)])), "other topics");
        let told = begun.check(&extent("c", &[("a", 0, 4), ("b", 0, 7)]), "k:1").unwrap_err().to_string();
        assert!(told.contains("topic a, partition 0 at k:1") && told.contains("offset 5, and it ends at offset 4 now"), "{told}");
        let gone = extent("c", &[("a", 0, 5), ("a", 1, 3)]).check(&begun, "k:1").unwrap_err().to_string();
        assert!(gone.contains("topic a, partition 1 at k:1") && gone.contains("it is not there any more"), "{gone}");
    }

    #[test]
    fn rates_that_compaction_has_taken_since_are_missed() {
        let mut begun = extent("c", &[("fx.v1", 0, 5)]);
        begun.settle("one".to_owned()).unwrap();
        begun.settle("one".to_owned()).unwrap();
        assert!(begun.settle("another".to_owned()).unwrap_err().to_string().contains("compacted"));
    }
}
