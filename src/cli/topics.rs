//! `topics print|check|create`.

use std::path::Path;

use super::{config, print};
use crate::runtime::{Failure, topics};

/// Says what topics a job needs, and how they have to be.
///
/// # Errors
/// Where the configuration is not sound.
pub(super) fn show(path: &Path, partitions: u32, json: bool) -> Result<u8, Failure> {
    let wanted = topics::wanted(&config::load(path)?, partitions);
    if json {
        return print::json(&wanted).map(|()| 0);
    }
    let width = wanted.iter().map(|topic| topic.topic.len()).max().unwrap_or(0);
    let mut text = String::new();
    for topic in &wanted {
        let settings: Vec<String> = topic.settings.iter().map(|(name, value)| format!("{name}={value}")).collect();
        text.push_str(&format!(
            "{:width$}  {:7}  {:>3} partitions  key {:31}  {}\n",
            topic.topic,
            topic.direction,
            topic.partitions,
            topic.key,
            settings.join(" ")
        ));
    }
    print::text(&text).map(|()| 0)
}

/// Says what about the topics has to be put right; 1 where something is a problem.
///
/// # Errors
/// Where the brokers do not say how they are.
pub(super) fn check(path: &Path, json: bool) -> Result<u8, Failure> {
    let findings = topics::check(&config::load(path)?, &print::notice())?;
    let problems = findings.iter().filter(|finding| finding.problem).count();
    if json {
        print::json(&findings)?;
    } else {
        let mut text = String::new();
        for finding in &findings {
            let kind = if finding.problem { "problem" } else { "slower" };
            text.push_str(&format!("{kind}: {}: {}\n", finding.topic, finding.message));
        }
        if findings.is_empty() {
            text.push_str("every topic is as it has to be\n");
        }
        print::text(&text)?;
    }
    Ok(u8::from(problems > 0))
}

/// Makes the topics that are missing.
///
/// # Errors
/// Where one cannot be made.
pub(super) fn create(path: &Path, partitions: u32) -> Result<u8, Failure> {
    let made = topics::create(&config::load(path)?, partitions, &print::notice())?;
    let mut text: String = made.iter().map(|topic| format!("made {topic}\n")).collect();
    if made.is_empty() {
        text.push_str("every topic is there\n");
    }
    print::text(&text).map(|()| 0)
}
