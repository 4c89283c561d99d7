//! What the terminal can show.

use std::fs::File;
use std::io::IsTerminal as _;
use std::process::{Command, Stdio};

/// Where nobody says how wide it is.
const WIDTH_DEFAULT: usize = 100;

/// Whether to paint standard output: it is a terminal, and nobody asked for plain text (no-color.org).
#[expect(
    clippy::disallowed_methods,
    reason = "NO_COLOR is a wish of the person at the terminal for every program, not a setting"
)]
pub(super) fn colour() -> bool {
    let plain = std::env::var("NO_COLOR").is_ok_and(|wish| !wish.is_empty());
    std::io::stdout().is_terminal() && !plain
}

/// How many columns standard output has.
pub(super) fn width() -> usize {
    if !std::io::stdout().is_terminal() {
        return WIDTH_DEFAULT;
    }
    columns().filter(|columns| *columns > 0).unwrap_or(WIDTH_DEFAULT)
}

/// Asks `stty`, which is wherever there is a terminal: `ROWS COLUMNS`.
fn columns() -> Option<usize> {
    let terminal = File::open("/dev/tty").ok()?;
    let output = Command::new("stty").arg("size").stdin(Stdio::from(terminal)).stderr(Stdio::null()).output().ok()?;
    String::from_utf8(output.stdout).ok()?.split_whitespace().nth(1)?.parse().ok()
}
