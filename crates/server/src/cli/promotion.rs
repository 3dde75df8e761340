//! `chancery promotion`: looks at promotions and decides about them.

use std::path::PathBuf;

use clap::Subcommand;
use serde_json::{Map, Value, json};

use super::Outcome;
use super::check::{findings, missing};
use super::document;
use super::exit::ExitCode;
use super::history::{Page, add};
use super::output::{fields, items, text};
use super::session::{Session, member};

/// The subcommands of `promotion`.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// List promotions.
    #[command(after_help = "Example: chancery promotion list --status open")]
    List {
        /// Only this status.
        #[arg(long)]
        status: Option<String>,
        /// Only this model.
        #[arg(long)]
        model: Option<String>,
        /// Which part of the list.
        #[command(flatten)]
        page: Page,
    },
    /// Show a promotion: findings, approvals, what is missing.
    #[command(after_help = "Example: chancery promotion show p0123456789abcdef0123456789abcdef")]
    Show {
        /// Id of the promotion.
        id: String,
    },
    /// Approve in a role. Shows what is signed.
    #[command(after_help = "Example: chancery promotion approve p0123456789abcdef0123456789abcdef --role security")]
    Approve(VerdictArgs),
    /// Reject in a role.
    #[command(after_help = "Example: chancery promotion reject p0123456789abcdef0123456789abcdef --role product --comment \"too early\"")]
    Reject(VerdictArgs),
    /// Take your own approval back.
    #[command(after_help = "Example: chancery promotion withdraw p0123456789abcdef0123456789abcdef --role security --reason \"new finding\"")]
    Withdraw {
        /// Id of the promotion.
        id: String,
        /// The role in which you approved.
        #[arg(long)]
        role: String,
        /// Why. Goes into the record.
        #[arg(long, value_name = "TEXT")]
        reason: String,
    },
    /// Cancel a promotion.
    #[command(after_help = "Example: chancery promotion cancel p0123456789abcdef0123456789abcdef --reason \"a newer version comes\"")]
    Cancel {
        /// Id of the promotion.
        id: String,
        /// Why. Goes into the record.
        #[arg(long, value_name = "TEXT")]
        reason: String,
    },
}

/// Arguments of `promotion approve` and `promotion reject`.
#[derive(Debug, clap::Args)]
pub struct VerdictArgs {
    /// Id of the promotion.
    id: String,
    /// The role in which you decide.
    #[arg(long)]
    role: String,
    /// Words for the record.
    #[arg(long, value_name = "TEXT")]
    comment: Option<String>,
    /// Number of a ticket elsewhere.
    #[arg(long)]
    ticket: Option<String>,
    /// Conditions: a list of {text, owner, due, effect}, YAML or JSON.
    #[arg(long, value_name = "FILE")]
    conditions: Option<PathBuf>,
}

/// Runs a subcommand.
///
/// # Errors
/// [`Failure`](super::failure::Failure).
pub async fn run(command: Command, session: &Session) -> Outcome {
    let client = &session.client;
    match command {
        Command::List { status, model, page } => {
            let mut url = client.url(&["promotions"]);
            add(&mut url, &[("status", status.as_deref()), ("model", model.as_deref())]);
            page.add_to(&mut url);
            let answer = client.get(url).await?;
            session.output.page(&answer, &["id", "version", "to", "environment", "status", "missing roles", "opened"], |item| {
                let mut cells = vec![text(item, "/id"), version(item)];
                cells.extend(["/target", "/environment", "/status", "/missing_roles", "/opened_at"].iter().map(|pointer| text(item, pointer)));
                cells
            });
        }
        Command::Show { id } => {
            let answer = client.get(client.url(&["promotions", &id])).await?;
            session.output.show(&answer, || show_lines(session, &answer.value));
        }
        Command::Approve(args) => return decide(args, "approve", session).await,
        Command::Reject(args) => return decide(args, "reject", session).await,
        Command::Withdraw { id, role, reason } => {
            let answer = client.post(client.url(&["promotions", &id, "withdraw"]), &json!({"role": role, "reason": reason})).await?;
            session.output.receipt(&answer, &format!("the approval as {role} is withdrawn"));
        }
        Command::Cancel { id, reason } => {
            let answer = client.post(client.url(&["promotions", &id, "cancel"]), &json!({"reason": reason})).await?;
            session.output.receipt(&answer, &format!("promotion {id} is cancelled"));
        }
    }
    Ok(ExitCode::Done)
}

/// Shows what the verdict is about, then sends it with exactly the evidence set that was shown.
async fn decide(args: VerdictArgs, verdict: &str, session: &Session) -> Outcome {
    let view = session.client.get(session.client.url(&["promotions", &args.id])).await?.value;
    let evidence_set = member(&view, "/evidence_set")?;
    signed_lines(&view, verdict, &args.role).iter().for_each(|line| session.output.line(line));
    let mut body = Map::new();
    body.insert("role".to_owned(), json!(args.role));
    body.insert("verdict".to_owned(), json!(verdict));
    body.insert("evidence_set".to_owned(), json!(evidence_set));
    body.extend(args.comment.map(|comment| ("comment".to_owned(), json!(comment))));
    body.extend(args.ticket.map(|ticket| ("ticket".to_owned(), json!(ticket))));
    if let Some(file) = &args.conditions {
        body.insert("conditions".to_owned(), document::read(file)?);
    }
    let answer = session.client.post(session.client.url(&["promotions", &args.id, "approvals"]), &body).await?;
    session.output.receipt(&answer, &format!("{verdict} as {} is recorded", args.role));
    if session.output.format() == super::output::Format::Table {
        let view = session.client.get(session.client.url(&["promotions", &args.id])).await?.value;
        session.output.line(&format!("missing roles: {}", if roles(&view).is_empty() { "none".to_owned() } else { roles(&view) }));
    }
    Ok(ExitCode::Done)
}

/// What somebody puts his name to.
fn signed_lines(view: &Value, verdict: &str, role: &str) -> Vec<String> {
    let mut lines = vec![format!("{verdict} as {role}:")];
    lines.push(format!("  version:        {}", version(view)));
    lines.extend(
        fields(view, &[("version digest", "/version_digest"), ("target", "/target"), ("environment", "/environment"), ("risk tier", "/risk_tier")])
            .iter()
            .map(|line| format!("  {line}")),
    );
    lines.push(format!("  evidence set:   {}", text(view, "/evidence_set")));
    lines
}

/// What keeps a promotion waiting, and the next command.
pub(super) fn missing_lines(view: &Value) -> Vec<String> {
    let mut lines = findings(missing(view));
    if !roles(view).is_empty() {
        lines.push(format!("missing roles: {}", roles(view)));
        lines.push(format!("next: chancery promotion approve {} --role ROLE", text(view, "/id")));
    }
    lines
}

fn roles(view: &Value) -> String {
    let list = view.get("missing_roles").map_or(&[][..], |list| items(list));
    list.iter().map(|role| role.as_str().unwrap_or("-")).collect::<Vec<_>>().join(", ")
}

fn version(view: &Value) -> String {
    format!("{}/{}", text(view, "/model/name"), text(view, "/version"))
}

fn show_lines(session: &Session, view: &Value) -> Vec<String> {
    let mut lines = vec![format!("promotion {} of {} to {}: {}", text(view, "/id"), version(view), text(view, "/target"), text(view, "/status"))];
    lines.extend(fields(
        view,
        &[
            ("environment", "/environment"),
            ("risk tier", "/risk_tier"),
            ("version digest", "/version_digest"),
            ("evidence set", "/evidence_set"),
            ("opened by", "/opened_by"),
            ("opened at", "/opened_at"),
            ("required roles", "/required_roles"),
            ("decision", "/decision/decision"),
            ("decision digest", "/decision/digest"),
            ("compared with", "/reference/number"),
        ],
    ));
    let sections: [(&str, &[&str]); 2] = [
        ("metrics", &["name", "slice", "value", "reference", "limit"]),
        ("approvals", &["role", "verdict", "actor_name", "at", "expires_at", "counts", "comment"]),
    ];
    for (list, columns) in sections {
        let found = view.get(list).map_or(&[][..], |list| items(list));
        if !found.is_empty() {
            let row = |item: &Value| columns.iter().map(|column| text(item, &format!("/{column}"))).collect();
            lines.push(format!("{list}:"));
            lines.push(session.output.table(columns, &found.iter().map(row).collect::<Vec<_>>()));
        }
    }
    lines.extend(missing_lines(view));
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_approver_sees_what_is_signed() {
        let view = json!({"id": "p1", "model": {"name": "loan"}, "version": 3, "version_digest": "d3", "target": "production", "environment": "production",
            "risk_tier": "high", "evidence_set": "e9", "missing_roles": ["security"], "missing": []});
        assert_eq!(
            signed_lines(&view, "approve", "product"),
            [
                "approve as product:",
                "  version:        loan/3",
                "  version digest: d3",
                "  target:         production",
                "  environment:    production",
                "  risk tier:      high",
                "  evidence set:   e9",
            ]
        );
        assert_eq!(missing_lines(&view), ["missing roles: security", "next: chancery promotion approve p1 --role ROLE"]);
    }
}
