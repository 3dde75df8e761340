//! `chancery model tier-proposal`: a lower risk tier takes two persons.

use clap::Subcommand;
use serde_json::{Value, json};

use super::Outcome;
use super::exit::ExitCode;
use super::history::Page;
use super::output::{items, moment, text};
use super::session::Session;

/// The subcommands of `model tier-proposal`.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// List the risk tiers that wait for a second person.
    #[command(after_help = "Example: chancery model tier-proposal list")]
    List {
        /// Which part of the list.
        #[command(flatten)]
        page: Page,
    },
    /// Confirm what somebody else proposed, in the role ai-governance.
    #[command(after_help = "Example: chancery model tier-proposal confirm sorter minimal --reason \"sorts paper\"")]
    Confirm {
        /// Name of the model.
        name: String,
        /// The proposed tier.
        tier: String,
        /// Why. Goes into the record.
        #[arg(long, value_name = "TEXT")]
        reason: String,
    },
    /// Reject what somebody proposed, in the role ai-governance.
    #[command(after_help = "Example: chancery model tier-proposal reject sorter --reason \"people are scored\"")]
    Reject {
        /// Name of the model.
        name: String,
        /// Why. Goes into the record.
        #[arg(long, value_name = "TEXT")]
        reason: String,
    },
    /// Take your own proposal back.
    #[command(after_help = "Example: chancery model tier-proposal withdraw sorter --reason \"too early\"")]
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
    let url = |name: &str, word: &str| client.url(&["models", name, "tier-proposal", word]);
    match command {
        Command::List { page } => {
            let mut url = client.url(&["tier-proposals"]);
            page.add_to(&mut url);
            let answer = client.get(url).await?;
            session.output.page(&answer, &["model", "tier", "proposed", "by", "at", "reason"], |item| {
                let mut cells: Vec<String> = ["/model/name", "/from", "/risk_tier", "/proposed_by_name"].iter().map(|pointer| text(item, pointer)).collect();
                cells.extend([moment(item, "/proposed_at"), text(item, "/reason")]);
                cells
            });
        }
        Command::Confirm { name, tier, reason } => {
            let answer = client.post(url(&name, "confirm"), &json!({"risk_tier": tier, "reason": reason})).await?;
            session.output.receipt(&answer, &format!("the risk tier of {name} is {tier}; approvals given before do not count any more"));
        }
        Command::Reject { name, reason } => {
            let answer = client.post(url(&name, "reject"), &json!({"reason": reason})).await?;
            session.output.receipt(&answer, &format!("the proposed risk tier of {name} is rejected"));
        }
        Command::Withdraw { name, reason } => {
            let answer = client.post(url(&name, "withdraw"), &json!({"reason": reason})).await?;
            session.output.receipt(&answer, &format!("the proposed risk tier of {name} is withdrawn"));
        }
    }
    Ok(ExitCode::Done)
}

fn proposed(receipt: &Value) -> Option<String> {
    let entries = items(receipt.get("entries").unwrap_or(&Value::Null));
    entries.iter().find(|entry| text(entry, "/kind") == "model.tier-proposed").map(|entry| text(entry, "/data/to"))
}

/// What became of a new risk tier, as the receipt says.
pub(super) fn outcome(name: &str, tier: &str, receipt: &Value) -> String {
    match proposed(receipt) {
        Some(tier) => {
            let next = format!("chancery model tier-proposal confirm {name} {tier} --reason TEXT");
            format!("risk tier {tier} is proposed; next, by somebody else in the role ai-governance: {next}")
        }
        None => format!("the risk tier of {name} is {tier}"),
    }
}

/// What to add when a model was created with a proposal instead of the tier that was asked for.
pub(super) fn note(receipt: &Value) -> String {
    proposed(receipt).map(|tier| format!("; it is unclassified until somebody in the role ai-governance confirms the risk tier {tier}")).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_receipt_says_whether_a_tier_was_set_or_proposed() {
        let proposed = json!({"entries": [{"kind": "model.created"}, {"kind": "model.tier-proposed", "data": {"to": "minimal"}}]});
        let told = outcome("loan", "minimal", &proposed);
        assert!(told.starts_with("risk tier minimal is proposed; next") && told.ends_with("confirm loan minimal --reason TEXT"), "{told}");
        assert_eq!(note(&proposed), "; it is unclassified until somebody in the role ai-governance confirms the risk tier minimal");
        let raised = json!({"entries": [{"kind": "model.risk-tier-changed", "data": {"to": "high"}}]});
        assert_eq!((outcome("loan", "high", &raised), note(&raised)), ("the risk tier of loan is high".to_owned(), String::new()));
    }
}
