//! `chancery completions`: a script that completes the command line.

use clap::CommandFactory as _;

use super::Cli;
use super::exit::ExitCode;

/// Arguments of `completions`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: chancery completions bash")]
pub struct Args {
    /// The shell.
    #[arg(value_enum)]
    shell: clap_complete::Shell,
}

/// Prints the script.
pub fn run(args: &Args) -> ExitCode {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "chancery", &mut script);
    // A closed pipe is no error.
    let _ = std::io::Write::write_all(&mut std::io::stdout(), &script);
    ExitCode::Done
}
