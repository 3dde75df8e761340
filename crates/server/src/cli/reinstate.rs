//! `chancery reinstate`: brings a deprecated version back.

use super::Outcome;
use super::reference::Reference;
use super::session::Session;
use super::transition::{Back, Transition};

/// Arguments of `reinstate`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: chancery reinstate loan-approval/2 --to draft --reason \"deprecated by mistake\"")]
pub struct Args {
    /// The version, which is deprecated. One in any other state is moved by `demote` or `promote`.
    reference: Reference,
    /// The state that it comes back to: draft, or candidate through its gate.
    #[arg(long, value_name = "STATE", default_value = "draft", value_parser = ["draft", "candidate"])]
    to: String,
    /// Why. Goes into the record.
    #[arg(long, value_name = "TEXT")]
    reason: String,
}

/// Runs `reinstate`.
///
/// # Errors
/// [`Failure`](super::failure::Failure).
pub async fn run(args: Args, session: &Session) -> Outcome {
    let transition = Transition { reference: &args.reference, to: &args.to, reason: &args.reason, successor: None, sunset: None };
    transition.run_back(session, Back::Reinstate).await
}
