//! The command line (CONTRACTS section 4): what a person types, and what they read.
//!
//! Owns: arguments, exit codes, and every text on standard output and standard error. Does not own: what is
//! done; each command is a few lines over `runtime`, `sources` and `report`.
//!
//! Reading order: `args` (what can be typed), then a file for each command (`run`, `replay`, `demo`, `generate`,
//! `programme`, `examples` for `programme test`, `snapshot`); `print`, `progress`, `screen` and `memory` are
//! what they stand on.

mod args;
mod config;
mod demo;
mod dlq;
mod examples;
mod generate;
pub mod memory;
mod print;
mod programme;
mod progress;
mod publish;
mod replay;
mod run;
mod screen;
mod snapshot;
mod topics;

pub use args::{Arguments, Command};

use clap::{CommandFactory as _, Parser as _};

use crate::runtime::Failure;

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
    match carry_out(arguments) {
        Ok(code) => code,
        Err(failure) => {
            print::tell(&failure.to_string());
            failure.exit_code()
        }
    }
}

/// Runs one command; gives the exit code.
fn carry_out(arguments: Arguments) -> Result<u8, Failure> {
    match arguments.command {
        Command::Verify(arguments) => run::verify(&arguments),
        Command::Run(arguments) => run::run(&arguments),
        Command::Topics(args::Topics::Print { config, partitions, json }) => topics::show(&config, partitions, json),
        Command::Topics(args::Topics::Check { config, json }) => topics::check(&config, json),
        Command::Topics(args::Topics::Create { config, partitions }) => topics::create(&config, partitions),
        Command::Dlq(command) => dlq::run(&command),
        Command::Config(args::Config::Check { file, json }) => config::check(file.path(), json),
        Command::Config(args::Config::Print { defaults: true, .. }) => config::print_defaults(),
        Command::Config(args::Config::Print { file, .. }) => config::print(file.path()),
        Command::Replay(arguments) => replay::run(&arguments),
        Command::Demo(arguments) => demo::run(&arguments),
        Command::Generate(arguments) => generate::run(&arguments),
        Command::Programme(arguments) => programme::run(&arguments),
        Command::Snapshot(args::Snapshot::Inspect { state, json }) => snapshot::inspect(&state, json),
        Command::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Arguments::command(), "tidemark", &mut script);
            print::bytes(&script)?;
            Ok(0)
        }
    }
}
