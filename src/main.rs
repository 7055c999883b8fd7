//! The `shutterlag` command.

use std::process::ExitCode;

// A tenth faster end to end on large inputs than the C library's: see docs/benchmarks.md.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    shutterlag::cli::main()
}
