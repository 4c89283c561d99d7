//! `kafka://HOST:PORT[,HOST:PORT]/topic[,topic]`.

use crate::sources::Error;

/// Which topics to read, and where.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Address {
    /// `HOST:PORT`, several separated by commas.
    pub brokers: String,
    /// The topics, each once, in the order they were named.
    pub topics: Vec<String>,
}

impl Address {
    /// Reads an address.
    ///
    /// # Errors
    /// Where it is none, and why.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let wrong = |why: &str| Err(Error::Usage(format!("{text}: {why}; write kafka://HOST:PORT/topic,topic")));
        let Some(rest) = text.strip_prefix("kafka://") else { return wrong("a Kafka address begins with kafka://") };
        let Some((brokers, topics)) = rest.split_once('/') else { return wrong("no topic is named") };
        if brokers.is_empty() {
            return wrong("no broker is named");
        }
        if let Some(broker) = brokers.split(',').find(|broker| !is_broker(broker)) {
            return wrong(&format!("'{broker}' is not a host and a port, such as localhost:9092"));
        }
        let mut named: Vec<String> = Vec::new();
        for topic in topics.split(',') {
            if topic.is_empty() {
                return wrong("a topic's name is empty");
            }
            if !is_topic(topic) {
                return wrong(&format!("'{topic}' cannot be a topic (letters, digits, '.', '_' and '-', at most 249 of them)"));
            }
            if named.iter().any(|name| name == topic) {
                return wrong(&format!("topic {topic} is named twice"));
            }
            named.push(topic.to_owned());
        }
        Ok(Self { brokers: brokers.to_owned(), topics: named })
    }
}

impl std::fmt::Display for Address {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "kafka://{}/{}", self.brokers, self.topics.join(","))
    }
}

fn is_broker(broker: &str) -> bool {
    let Some((host, port)) = broker.rsplit_once(':') else { return false };
    let (host, bracketed) = match host.strip_prefix('[').and_then(|host| host.strip_suffix(']')) {
        Some(host) => (host, true),
        None => (host, false),
    };
    let fits = |byte: u8| {
        byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_') || (bracketed && matches!(byte, b':' | b'%'))
    };
    !host.is_empty()
        && host.bytes().all(fits)
        && port.bytes().all(|byte| byte.is_ascii_digit())
        && port.parse::<u16>().is_ok_and(|port| port > 0)
}

/// Kafka's own rule for a topic's name.
fn is_topic(name: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
    name.len() <= 249 && name != "." && name != ".." && name.bytes().all(fits)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_names_brokers_and_topics() {
        let address = Address::parse("kafka://a.example:9092,[::1]:9093/bets.v1,fx.v1").unwrap();
        assert_eq!(
            address,
            Address { brokers: "a.example:9092,[::1]:9093".into(), topics: vec!["bets.v1".into(), "fx.v1".into()] }
        );
        assert_eq!(address.to_string(), "kafka://a.example:9092,[::1]:9093/bets.v1,fx.v1");
    }

    #[test]
    fn what_is_no_address_says_why() {
        let long = format!("kafka://a:1/{}", "t".repeat(250));
        for (text, why) in [
            ("bets.jsonl", "begins with kafka://"),
            ("kafka://a:1", "no topic is named"),
            ("kafka://a:1/", "a topic's name is empty"),
            ("kafka://a:1/b,", "a topic's name is empty"),
            ("kafka:///b", "no broker is named"),
            ("kafka://a/b", "'a' is not a host and a port"),
            ("kafka://:1/b", "':1' is not a host and a port"),
            ("kafka://a:0/b", "'a:0' is not a host and a port"),
            ("kafka://a:+1/b", "'a:+1' is not a host and a port"),
            ("kafka://a:70000/b", "'a:70000' is not a host and a port"),
            ("kafka://a:1,/b", "'' is not a host and a port"),
            ("kafka://u@a:1/b", "'u@a:1' is not a host and a port"),
            ("kafka://a:1/b c", "'b c' cannot be a topic"),
            ("kafka://a:1/b/c", "'b/c' cannot be a topic"),
            ("kafka://a:1/..", "'..' cannot be a topic"),
            ("kafka://a:1/b,c,b", "topic b is named twice"),
            (&long, "cannot be a topic"),
        ] {
            let message = Address::parse(text).unwrap_err().to_string();
            assert!(
                message.starts_with(text) && message.contains(why) && message.ends_with("write kafka://HOST:PORT/topic,topic"),
                "{message}"
            );
        }
    }
}
