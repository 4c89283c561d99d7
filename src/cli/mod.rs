//! The command line (CONTRACTS section 4): what a person types, and what they read.

mod args;
mod commands;
mod progress;

pub use args::{Arguments, Command};

use clap::Parser as _;

/// Runs the command line; gives the exit code.
#[must_use]
pub fn main() -> u8 {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => {
            let code = if error.use_stderr() { 2 } else { 0 };
            // A closed pipe is no reason to complain.
            let _printed = error.print();
            return code;
        }
    };
    match commands::run(arguments) {
        Ok(code) => code,
        Err(failure) => {
            eprintln!("tidemark: {failure}");
            failure.exit_code()
        }
    }
}
