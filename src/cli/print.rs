//! Standard output, and notices on standard error. Whoever reads the output may go away (`| head`): that ends it and
//! is no failure.

use std::io::{ErrorKind, Write as _};
use std::sync::Arc;

use anyhow::Context as _;
use serde::Serialize;

use crate::kafka::Notice;
use crate::runtime::Failure;

/// Prints bytes as they are.
///
/// # Errors
/// Where they cannot be written.
pub(super) fn bytes(bytes: &[u8]) -> Result<(), Failure> {
    let mut out = std::io::stdout().lock();
    match out.write_all(bytes).and_then(|()| out.flush()) {
        Err(cause) if cause.kind() != ErrorKind::BrokenPipe => {
            Err(Failure::Failed(anyhow::Error::new(cause).context("cannot write to standard output")))
        }
        _ => Ok(()),
    }
}

/// Prints a text; a line's end follows where it has none.
///
/// # Errors
/// Where it cannot be written.
pub(super) fn text(text: &str) -> Result<(), Failure> {
    let end = if text.ends_with('\n') { "" } else { "\n" };
    bytes(format!("{text}{end}").as_bytes())
}

/// Prints a value as JSON.
///
/// # Errors
/// Where it cannot be written.
pub(super) fn json(value: &impl Serialize) -> Result<(), Failure> {
    text(&serde_json::to_string_pretty(value).context("cannot write JSON").map_err(Failure::Failed)?)
}

/// A whole number for a person: `1,234,567`.
pub(super) fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() * 4 / 3 + 1);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// So many of something: `1 level`, `4 levels`.
pub(super) fn counted(number: u64, one: &str, more: &str) -> String {
    format!("{} {}", count(number), if number == 1 { one } else { more })
}

/// A size for a person, in the unit that leaves one to three digits before the point.
pub(super) fn size(bytes: u64) -> String {
    let mut value = bytes as f64;
    for unit in ["B", "kB", "MB", "GB"] {
        if value < 1_000.0 {
            return if unit == "B" { format!("{bytes} B") } else { format!("{value:.1} {unit}") };
        }
        value /= 1_000.0;
    }
    format!("{value:.1} TB")
}

/// Prints a line to standard error. Where that cannot be written (a full disk, a reader that went away) nothing else
/// suffers: what runs goes on.
pub(super) fn complain(line: &str) {
    let _written = std::io::stderr().write_all(format!("{line}\n").as_bytes());
}

/// The same, in this program's name.
pub(super) fn tell(line: &str) {
    complain(&format!("tidemark: {line}"));
}

/// What happens while a command runs goes to standard error, a line each.
pub(super) fn notice() -> Notice {
    Arc::new(tell)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_read_well() {
        assert_eq!([0, 999, 1_000, 1_234_567].map(count), ["0", "999", "1,000", "1,234,567"]);
        assert_eq!(counted(1, "level", "levels"), "1 level");
        assert_eq!([12, 1_500, 2_000_000].map(size), ["12 B", "1.5 kB", "2.0 MB"]);
    }
}
