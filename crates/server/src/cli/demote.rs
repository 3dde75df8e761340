//! `chancery demote`: moves a version to a lower state.

use super::Outcome;
use super::reference::Reference;
use super::session::Session;
use super::transition::{Back, Transition};

/// Arguments of `demote`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: chancery demote loan-approval/3 --to candidate --reason \"latency above the limit\"")]
pub struct Args {
    /// The version. A deprecated one is brought back by `reinstate`.
    reference: Reference,
    /// The lower state. Use `deprecate` for a version that is replaced, and `retire` to end one.
    #[arg(long, value_name = "STATE", value_parser = ["draft", "candidate", "approved"])]
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
    let transition = Transition { reference: &args.reference, to: &args.to, reason: &args.reason, successor: None, sunset: None };
    transition.run_back(session, Back::Demote).await
}
