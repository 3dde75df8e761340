//! The `chancery` binary.

use clap::Parser as _;

#[tokio::main(flavor = "multi_thread")]
async fn main() -> std::process::ExitCode {
    chancery::cli::run(chancery::cli::Cli::parse()).await.into()
}
