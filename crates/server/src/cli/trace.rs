//! `chancery trace`: everything behind a composite id.

use super::Outcome;
use super::exit::ExitCode;
use super::output::outline;
use super::session::Session;

/// Arguments of `trace`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: chancery trace chancery:loan-approval/3@sha256:0123456789ab")]
pub struct Args {
    /// The composite id that is stamped on inferences; 12 digits of the digest are enough.
    composite: String,
}

/// Runs `trace`.
///
/// # Errors
/// [`Failure`](super::failure::Failure).
pub async fn run(args: Args, session: &Session) -> Outcome {
    let mut segments = vec!["trace"];
    segments.extend(args.composite.split('/'));
    let answer = session.client.get(session.client.url(&segments)).await?;
    session.output.show(&answer, || outline(&answer.value, 0));
    Ok(ExitCode::Done)
}
