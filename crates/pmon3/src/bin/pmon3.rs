//! The command line.

use std::process::ExitCode;

fn main() -> ExitCode {
    pmon3::cli::main()
}
