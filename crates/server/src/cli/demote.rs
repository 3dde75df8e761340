//! `chancery demote`: moves a version to a lower state.

use super::Outcome;
use super::reference::Reference;
use super::session::Session;
use super::transition::Transition;

/// Arguments of `demote`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: chancery demote loan-approval/3 --to candidate --reason \"latency above the limit\"")]
pub struct Args {
    /// The version.
    reference: Reference,
    /// The lower state.
    #[arg(long, value_name = "STATE")]
    to: String,
    /// Why. Goes into the record.
    #[arg(long, value_name = "TEXT")]
    reason: String,
}

/// Runs `demote`.
///
/// # Errors
/// [`Failure`](super::failure::Failure).
pub async fn run(args: Args, session: &Session) -> Outcome {
    Transition { reference: &args.reference, to: &args.to, reason: &args.reason, successor: None, sunset: None }.run(session).await
}
