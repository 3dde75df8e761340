//! `chancery model transfer`: another team shall own a model, and both sides must want it.

use clap::Subcommand;
use serde_json::json;

use super::Outcome;
use super::exit::ExitCode;
use super::history::Page;
use super::output::{moment, text};
use super::session::Session;

/// The subcommands of `model transfer`.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Propose that a team owns a model, as an owner in the team that owns it; or claim a model without a team.
    #[command(after_help = "Example: chancery model transfer propose loan-approval retail --reason \"new organisation\"")]
    Propose {
        /// Name of the model.
        name: String,
        /// The team that shall own it.
        team: String,
        /// Why. Goes into the record.
        #[arg(long, value_name = "TEXT")]
        reason: String,
    },
    /// List the transfers that wait for the other side.
    #[command(after_help = "Example: chancery model transfer list")]
    List {
        /// Which part of the list.
        #[command(flatten)]
        page: Page,
    },
    /// Accept a transfer, as an owner in the receiving team.
    #[command(after_help = "Example: chancery model transfer accept loan-approval retail")]
    Accept {
        /// Name of the model.
        name: String,
        /// The team that was proposed.
        team: String,
    },
    /// Reject a transfer, on either side.
    #[command(after_help = "Example: chancery model transfer reject loan-approval --reason \"not ours\"")]
    Reject {
        /// Name of the model.
        name: String,
        /// Why. Goes into the record.
        #[arg(long, value_name = "TEXT")]
        reason: String,
    },
    /// Take your own proposal back.
    #[command(after_help = "Example: chancery model transfer withdraw loan-approval --reason \"too early\"")]
    Withdraw {
        /// Name of the model.
        name: String,
        /// Why. Goes into the record.
        #[arg(long, value_name = "TEXT")]
        reason: String,
    },
}

/// Runs a subcommand.
///
/// # Errors
/// [`Failure`](super::failure::Failure).
pub async fn run(command: Command, session: &Session) -> Outcome {
    let client = &session.client;
    let url = |name: &str, word: &str| client.url(&["models", name, "transfer", word]);
    match command {
        Command::Propose { name, team, reason } => {
            let answer = client.post(client.url(&["models", &name, "transfer"]), &json!({"to": team, "reason": reason})).await?;
            let next = format!("next, by the other side: chancery model transfer accept {name} {team}");
            session.output.receipt(&answer, &format!("team {team} is proposed as owner of {name}; {next}"));
        }
        Command::List { page } => {
            let mut url = client.url(&["transfers"]);
            page.add_to(&mut url);
            let answer = client.get(url).await?;
            session.output.page(&answer, &["model", "from", "to", "by", "at", "reason"], |item| {
                let mut cells: Vec<String> = ["/model/name", "/from", "/to", "/proposed_by_name"].iter().map(|pointer| text(item, pointer)).collect();
                cells.extend([moment(item, "/proposed_at"), text(item, "/reason")]);
                cells
            });
        }
        Command::Accept { name, team } => {
            let answer = client.post(url(&name, "accept"), &json!({"to": team})).await?;
            session.output.receipt(&answer, &format!("team {team} owns {name}"));
        }
        Command::Reject { name, reason } => {
            let answer = client.post(url(&name, "reject"), &json!({"reason": reason})).await?;
            session.output.receipt(&answer, &format!("the transfer of {name} is rejected"));
        }
        Command::Withdraw { name, reason } => {
            let answer = client.post(url(&name, "withdraw"), &json!({"reason": reason})).await?;
            session.output.receipt(&answer, &format!("the transfer of {name} is withdrawn"));
        }
    }
    Ok(ExitCode::Done)
}
