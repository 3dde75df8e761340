//! `chancery grant`: roles of approval and administration that wait for a second administrator.

use clap::Subcommand;
use serde_json::json;

use super::Outcome;
use super::exit::ExitCode;
use super::history::Page;
use super::output::{items, moment, text};
use super::session::Session;

/// The subcommands of `grant`.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// List the roles that wait for a second administrator.
    #[command(after_help = "Example: chancery grant list")]
    List {
        /// Which part of the list.
        #[command(flatten)]
        page: Page,
    },
    /// Confirm the roles that another administrator proposed.
    #[command(after_help = "Example: chancery grant confirm bob --role approver:security")]
    Confirm {
        /// Name of the user who gets them.
        user: String,
        /// A role that waits, as you saw it; repeat it for more.
        #[arg(long = "role", value_name = "ROLE", required = true)]
        roles: Vec<String>,
    },
    /// Reject the roles that another administrator proposed.
    #[command(after_help = "Example: chancery grant reject bob --reason \"not trained yet\"")]
    Reject {
        /// Name of the user.
        user: String,
        /// Why. Goes into the record.
        #[arg(long, value_name = "TEXT")]
        reason: String,
    },
    /// Take your own proposal back.
    #[command(after_help = "Example: chancery grant withdraw bob --reason \"a mistake\"")]
    Withdraw {
        /// Name of the user.
        user: String,
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
    let url = |user: &str, word: &str| client.url(&["grant-proposals", user, word]);
    match command {
        Command::List { page } => {
            let mut url = client.url(&["grant-proposals"]);
            page.add_to(&mut url);
            let answer = client.get(url).await?;
            session.output.page(&answer, &["user", "roles", "by", "at"], |item| {
                vec![text(item, "/user"), text(item, "/roles"), text(item, "/proposed_by_name"), moment(item, "/proposed_at")]
            });
        }
        Command::Confirm { user, roles } => {
            let answer = client.post(url(&user, "confirm"), &json!({"roles": roles})).await?;
            session.output.receipt(&answer, &format!("{user} has {}", roles.join(", ")));
        }
        Command::Reject { user, reason } => {
            let answer = client.post(url(&user, "reject"), &json!({"reason": reason})).await?;
            session.output.receipt(&answer, &format!("the roles proposed for {user} are rejected"));
        }
        Command::Withdraw { user, reason } => {
            let answer = client.post(url(&user, "withdraw"), &json!({"reason": reason})).await?;
            session.output.receipt(&answer, &format!("the roles proposed for {user} are withdrawn"));
        }
    }
    Ok(ExitCode::Done)
}

/// What to add when a receipt says that roles wait for a second administrator.
pub(super) fn note(user: &str, receipt: &serde_json::Value) -> String {
    let entries = items(receipt.get("entries").unwrap_or(&serde_json::Value::Null));
    let Some(proposed) = entries.iter().find(|entry| text(entry, "/kind") == "actor.grant-proposed") else { return String::new() };
    let grants = proposed.pointer("/data/grants").map_or(&[][..], items);
    let words: Vec<String> = grants.iter().map(|grant| format!("--role {}", text(grant, ""))).collect();
    format!("; next, by another administrator: chancery grant confirm {user} {}", words.join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_receipt_says_which_roles_wait() {
        let receipt = json!({"entries": [{"kind": "actor.created"}, {"kind": "actor.grant-proposed", "data": {"grants": ["approver:security"]}}]});
        assert_eq!(note("bob", &receipt), "; next, by another administrator: chancery grant confirm bob --role approver:security");
        assert_eq!(note("bob", &json!({"entries": [{"kind": "actor.created"}]})), "");
    }
}
