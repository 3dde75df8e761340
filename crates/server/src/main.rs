//! The `chancery` binary.

use clap::Parser as _;

/// A request makes and drops some hundred small values; this allocator spends a third of the time on them.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[tokio::main(flavor = "multi_thread")]
async fn main() -> std::process::ExitCode {
    chancery::cli::run(chancery::cli::Cli::parse()).await.into()
}
