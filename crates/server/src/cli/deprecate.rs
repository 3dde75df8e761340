//! `chancery deprecate`: says that a version is replaced.

use super::Outcome;
use super::reference::Reference;
use super::session::Session;
use super::transition::Transition;

/// Arguments of `deprecate`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: chancery deprecate loan-approval/2 --reason \"replaced by 3\" --successor 3 --sunset 2027-06-30T00:00:00Z")]
pub struct Args {
    /// The version.
    reference: Reference,
    /// Why. Goes into the record.
    #[arg(long, value_name = "TEXT")]
    reason: String,
    /// Number of the version that replaces it.
    #[arg(long, value_name = "NUMBER")]
    successor: Option<u64>,
    /// When running use must end, RFC 3339.
    #[arg(long, value_name = "TIME")]
    sunset: Option<String>,
}

/// Runs `deprecate`.
///
/// # Errors
/// [`Failure`](super::failure::Failure).
pub async fn run(args: Args, session: &Session) -> Outcome {
    Transition { reference: &args.reference, to: "deprecated", reason: &args.reason, successor: args.successor, sunset: args.sunset.as_deref() }
        .run(session)
        .await
}
