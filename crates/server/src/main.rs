//! The `chancery` binary.

use clap::Parser;

#[derive(Parser)]
enum Cli {
    /// Run the server.
    Serve(chancery::serve::ServeArgs),
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    match Cli::parse() {
        Cli::Serve(args) => chancery::serve::run(args).await,
    }
}
