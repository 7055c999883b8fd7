//! The `shutterlag` command.

use std::process::ExitCode;

fn main() -> ExitCode {
    shutterlag::cli::main()
}
