//! `chancery hide`: takes a version out of listings. Entries, bytes and number stay.

use serde_json::json;

use super::Outcome;
use super::exit::ExitCode;
use super::reference::Reference;
use super::session::Session;

/// Arguments of `hide`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: chancery hide loan-approval/4 --reason \"registered by mistake\"")]
pub struct Args {
    /// The version.
    reference: Reference,
    /// Why. Goes into the record.
    #[arg(long, value_name = "TEXT")]
    reason: String,
}

/// Runs `hide`.
///
/// # Errors
/// [`Failure`](super::failure::Failure).
pub async fn run(args: Args, session: &Session) -> Outcome {
    let (name, number) = session.locate(&args.reference).await?;
    let url = session.client.url(&["models", &name, "versions", &number, "hide"]);
    let answer = session.client.post(url, &json!({"reason": args.reason})).await?;
    session.output.receipt(&answer, &format!("{name}/{number} is hidden"));
    Ok(ExitCode::Done)
}
