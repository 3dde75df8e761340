//! `chancery retire`: ends a version.

use super::Outcome;
use super::reference::Reference;
use super::session::Session;
use super::transition::Transition;

/// Arguments of `retire`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: chancery retire loan-approval/1 --reason \"nothing serves it\"")]
pub struct Args {
    /// The version.
    reference: Reference,
    /// Why. Goes into the record.
    #[arg(long, value_name = "TEXT")]
    reason: String,
}

/// Runs `retire`.
///
/// # Errors
/// [`Failure`](super::failure::Failure).
pub async fn run(args: Args, session: &Session) -> Outcome {
    Transition { reference: &args.reference, to: "retired", reason: &args.reason, successor: None, sunset: None }.run(session).await
}
