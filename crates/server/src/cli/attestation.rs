//! `chancery attestation`: signed verification summaries for machines, and their revocation.

use chancery_core::attestation::RevocationReason;
use clap::Subcommand;
use serde_json::json;

use super::Outcome;
use super::exit::ExitCode;
use super::history::Page;
use super::output::text;
use super::reference::Reference;
use super::session::Session;

/// The subcommands of `attestation`.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// List the attestations of a version.
    #[command(after_help = "Example: chancery attestation list loan-approval/3")]
    List {
        /// The version.
        reference: Reference,
        /// Which part of the list.
        #[command(flatten)]
        page: Page,
    },
    /// Print a signed attestation: a DSSE envelope, byte for byte.
    #[command(after_help = "Example: chancery attestation show 5a7a78cca4a0f420d9bc62bb669c3c2759e39f723d3ae10dcbe0f0815a07ecd4")]
    Show {
        /// Digest of the envelope.
        digest: String,
    },
    /// Say that an attestation no longer counts.
    #[command(
        after_help = "Example: chancery attestation revoke 5a7a78cca4a0f420d9bc62bb669c3c2759e39f723d3ae10dcbe0f0815a07ecd4 --reason vulnerable --comment \"see SEC-7\""
    )]
    Revoke {
        /// Digest of the envelope.
        digest: String,
        /// vulnerable, incident, evidence-distrusted or other; machines read it.
        #[arg(long)]
        reason: RevocationReason,
        /// Why. Goes into the record.
        #[arg(long, value_name = "TEXT")]
        comment: String,
    },
    /// Print the signed list of revoked attestations: a DSSE envelope.
    #[command(after_help = "Example: chancery attestation revocations")]
    Revocations,
}

/// Runs a subcommand.
///
/// # Errors
/// [`Failure`](super::failure::Failure).
pub async fn run(command: Command, session: &Session) -> Outcome {
    let client = &session.client;
    match command {
        Command::List { reference, page } => {
            let (name, number) = session.locate(&reference).await?;
            let mut url = client.url(&["models", &name, "versions", &number, "attestations"]);
            page.add_to(&mut url);
            let answer = client.get(url).await?;
            session.output.page(&answer, &["target", "environment", "status", "issued", "expires", "reason", "digest"], |item| {
                ["/target", "/environment", "/status", "/issued_at", "/expires_at", "/reason", "/digest"].iter().map(|pointer| text(item, pointer)).collect()
            });
        }
        Command::Show { digest } => session.output.raw(&client.get(client.url(&["attestations", &digest])).await?.text),
        Command::Revoke { digest, reason, comment } => {
            let body = json!({"reason": reason.as_str(), "comment": comment});
            let answer = client.post(client.url(&["attestations", &digest, "revoke"]), &body).await?;
            session.output.receipt(&answer, &format!("attestation {digest} is revoked: {reason}"));
        }
        Command::Revocations => session.output.raw(&client.get(client.url(&["attestations", "revocations"])).await?.text),
    }
    Ok(ExitCode::Done)
}
