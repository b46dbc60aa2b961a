//! The `twinhub` program.

use std::process::ExitCode;

fn main() -> ExitCode {
    twinhub::cli::main()
}
