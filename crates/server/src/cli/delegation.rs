//! `chancery delegation`: an approver lets somebody stand in for one role, until a date.

use clap::Subcommand;
use serde_json::json;

use super::Outcome;
use super::exit::ExitCode;
use super::history::{Page, add};
use super::output::{moment, text};
use super::session::Session;

/// The subcommands of `delegation`.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Let somebody stand in for one of your roles of approval.
    #[command(after_help = "Example: chancery delegation give security bob --until 2026-12-24T00:00:00Z --reason \"on leave\"")]
    Give {
        /// The role, one of your own.
        role: String,
        /// Name of the person who stands in.
        user: String,
        /// Until when (RFC 3339), at most 90 days from now.
        #[arg(long, value_name = "TIME")]
        until: String,
        /// Why. Goes into the record.
        #[arg(long, value_name = "TEXT")]
        reason: String,
    },
    /// List delegations, also those that ended.
    #[command(after_help = "Example: chancery delegation list --role security")]
    List {
        /// Only of this role.
        #[arg(long)]
        role: Option<String>,
        /// Which part of the list.
        #[command(flatten)]
        page: Page,
    },
    /// End a delegation that you gave.
    #[command(after_help = "Example: chancery delegation end security bob")]
    End {
        /// The role.
        role: String,
        /// Name of the person who stands in.
        user: String,
    },
}

/// Runs a subcommand.
///
/// # Errors
/// [`Failure`](super::failure::Failure).
pub async fn run(command: Command, session: &Session) -> Outcome {
    let client = &session.client;
    match command {
        Command::Give { role, user, until, reason } => {
            let body = json!({"role": role, "to": user, "until": until, "reason": reason});
            let answer = client.post(client.url(&["delegations"]), &body).await?;
            session.output.receipt(&answer, &format!("{user} stands in as {role} until {until}"));
        }
        Command::List { role, page } => {
            let mut url = client.url(&["delegations"]);
            add(&mut url, &[("role", role.as_deref())]);
            page.add_to(&mut url);
            let answer = client.get(url).await?;
            session.output.page(&answer, &["role", "of", "stands in", "until", "works now", "reason"], |item| {
                vec![
                    text(item, "/role"),
                    text(item, "/by_name"),
                    text(item, "/to_name"),
                    moment(item, "/until"),
                    text(item, "/in_force"),
                    text(item, "/reason"),
                ]
            });
        }
        Command::End { role, user } => {
            let answer = client.delete(client.url(&["delegations", &role, &user])).await?;
            session.output.receipt(&answer, &format!("{user} does not stand in as {role} any more"));
        }
    }
    Ok(ExitCode::Done)
}
