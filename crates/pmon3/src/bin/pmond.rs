//! The daemon. All of it is in `pmon3::daemon`.

use std::process::ExitCode;

fn main() -> ExitCode {
    pmon3::daemon::main(std::env::args_os().skip(1))
}
