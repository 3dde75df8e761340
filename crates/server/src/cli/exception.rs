//! `chancery exception`: waivers of rules, with a reason, a grantor and an expiry.

use clap::Subcommand;
use serde_json::{Map, Value, json};

use super::Outcome;
use super::exit::ExitCode;
use super::failure::Failure;
use super::history::{Page, add};
use super::output::{fields, items, moment, text};
use super::reference::Target;
use super::session::Session;
use crate::sentence::sentence;

/// The subcommands of `exception`.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Ask for a waiver of a rule.
    #[command(after_help = "Example: chancery exception request loan-approval/2 build.reproducible --until 2026-12-31T00:00:00Z --reason \"the old pipeline\"")]
    Request {
        /// A version (`name/3`), or a model (`name`) for all of its versions.
        target: Target,
        /// Id of the rule.
        rule: String,
        /// Until when (RFC 3339).
        #[arg(long, value_name = "WHEN")]
        until: String,
        /// Why. Goes into the record.
        #[arg(long, value_name = "TEXT")]
        reason: String,
    },
    /// List exceptions, newest first.
    #[command(after_help = "Example: chancery exception list --model loan-approval --status granted")]
    List {
        /// Only of this model.
        #[arg(long)]
        model: Option<String>,
        /// Only from this rule.
        #[arg(long)]
        rule: Option<String>,
        /// requested, granted, refused, revoked or expired.
        #[arg(long)]
        status: Option<String>,
        /// Which part of the list.
        #[command(flatten)]
        page: Page,
    },
    /// Show an exception.
    #[command(after_help = "Example: chancery exception show x00000000000000000000000000000001")]
    Show {
        /// Id of the exception.
        id: String,
    },
    /// Grant an exception that somebody else asked for.
    #[command(after_help = "Example: chancery exception grant x00000000000000000000000000000001 --role ai-governance")]
    Grant {
        /// Id of the exception.
        id: String,
        /// Approval role in which you grant it; otherwise the first one that you hold and that the policy names.
        #[arg(long)]
        role: Option<String>,
    },
    /// Refuse an exception that was asked for.
    #[command(after_help = "Example: chancery exception refuse x00000000000000000000000000000001 --reason \"fix it instead\"")]
    Refuse {
        /// Id of the exception.
        id: String,
        /// Approval role in which you refuse it; otherwise the first one that you hold and that the policy names.
        #[arg(long)]
        role: Option<String>,
        /// Why. Goes into the record.
        #[arg(long, value_name = "TEXT")]
        reason: String,
    },
    /// Take an exception back.
    #[command(after_help = "Example: chancery exception revoke x00000000000000000000000000000001 --reason \"it is fixed\"")]
    Revoke {
        /// Id of the exception.
        id: String,
        /// Why. Goes into the record.
        #[arg(long, value_name = "TEXT")]
        reason: String,
    },
}

/// Runs a subcommand.
///
/// # Errors
/// [`Failure`].
pub async fn run(command: Command, session: &Session) -> Outcome {
    let client = &session.client;
    match command {
        Command::Request { target, rule, until, reason } => {
            let mut body = asked_for(session, &target).await?;
            body.extend([("rule", rule), ("expires_at", until), ("reason", reason)].map(|(key, value)| (key.to_owned(), json!(value))));
            let answer = client.post(client.url(&["exceptions"]), &body).await?;
            let id = asked(&answer.value);
            session.output.receipt(&answer, &format!("exception {id} is asked for; next, by somebody else: chancery exception grant {id}"));
        }
        Command::List { model, rule, status, page } => {
            let mut url = client.url(&["exceptions"]);
            add(&mut url, &[("model", model.as_deref()), ("rule", rule.as_deref()), ("status", status.as_deref())]);
            page.add_to(&mut url);
            let answer = client.get(url).await?;
            session.output.page(&answer, &["id", "rule", "for", "origin", "status", "counts", "granted by", "until"], |item| {
                let mut cells: Vec<String> = vec![text(item, "/id"), text(item, "/rule"), reach(item)];
                cells.extend([text(item, "/origin"), text(item, "/status"), counts(item).to_owned()]);
                cells.extend([text(item, "/granted_by_name"), moment(item, "/expires_at")]);
                cells
            });
        }
        Command::Show { id } => {
            let answer = client.get(client.url(&["exceptions", &id])).await?;
            let history = client.get(client.url(&["exceptions", &id, "history"])).await?;
            session.output.show(&answer, || lines(&answer.value, &history.value));
        }
        Command::Grant { id, role } => {
            let body: Map<String, Value> = role.map(|role| ("role".to_owned(), json!(role))).into_iter().collect();
            let answer = client.post(client.url(&["exceptions", &id, "grant"]), &body).await?;
            session.output.receipt(&answer, &format!("exception {id} is granted"));
        }
        Command::Refuse { id, role, reason } => {
            let mut body: Map<String, Value> = role.map(|role| ("role".to_owned(), json!(role))).into_iter().collect();
            body.insert("reason".to_owned(), json!(reason));
            let answer = client.post(client.url(&["exceptions", &id, "refuse"]), &body).await?;
            session.output.receipt(&answer, &format!("exception {id} is refused"));
        }
        Command::Revoke { id, reason } => {
            let answer = client.post(client.url(&["exceptions", &id, "revoke"]), &json!({"reason": reason})).await?;
            session.output.receipt(&answer, &format!("exception {id} is revoked"));
        }
    }
    Ok(ExitCode::Done)
}

/// Model, version and scope of a request.
async fn asked_for(session: &Session, target: &Target) -> Result<Map<String, Value>, Failure> {
    let mut body = Map::new();
    match target {
        Target::Model(name) => {
            body.insert("model".to_owned(), json!(name));
            body.insert("scope".to_owned(), json!("model"));
        }
        Target::Version(reference) => {
            let (name, number) = session.locate(reference).await?;
            body.insert("model".to_owned(), json!(name));
            body.insert("version".to_owned(), json!(number.parse::<u64>().unwrap_or_default()));
        }
    }
    Ok(body)
}

/// The id of the exception that a receipt is about.
fn asked(receipt: &Value) -> String {
    let entries = receipt.get("entries").map_or(&[][..], items);
    let subject = entries.first().map(|entry| text(entry, "/subject")).unwrap_or_default();
    subject.strip_prefix("exception/").unwrap_or_default().to_owned()
}

/// What an exception reaches.
fn reach(view: &Value) -> String {
    match text(view, "/scope").as_str() {
        "model" => format!("{} (all versions)", text(view, "/model/name")),
        _ => format!("{}/{}", text(view, "/model/name"), text(view, "/version")),
    }
}

/// Whether an exception waives its rule now: a granted one of a rollback does not once its version left production.
fn counts(view: &Value) -> &'static str {
    match view.get("counts").and_then(Value::as_bool) {
        Some(true) => "yes",
        Some(false) => "no",
        None => "-",
    }
}

fn lines(view: &Value, history: &Value) -> Vec<String> {
    let mut lines =
        vec![format!("{} from {} for {}", text(view, "/status"), text(view, "/rule"), reach(view)), format!("waives the rule now: {}", counts(view))];
    lines.extend(fields(
        view,
        &[
            ("id", "/id"),
            ("origin", "/origin"),
            ("reason", "/reason"),
            ("asked by", "/requested_by_name"),
            ("asked at", "/requested_at"),
            ("granted by", "/granted_by_name"),
            ("in role", "/role"),
            ("grantors", "/grantors"),
            ("until", "/expires_at"),
            ("review due", "/review_due"),
        ],
    ));
    lines.extend(items(history).iter().map(|entry| format!("  {} {}", moment(entry, "/at"), sentence(entry))));
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_id_is_read_from_the_receipt_and_the_reach_from_the_view() {
        assert_eq!(asked(&json!({"entries": [{"subject": "exception/x1"}]})), "x1");
        assert_eq!(asked(&json!({})), "");
        let view = json!({"scope": "version", "model": {"name": "loan"}, "version": 2, "status": "granted", "rule": "a.b", "counts": false});
        assert_eq!(reach(&view), "loan/2");
        let entry = json!({"kind": "exception.granted", "actor": "u1", "subject": "exception/x1", "at": "2026-06-01T12:00:00Z", "data": {}});
        let shown = lines(&view, &json!({"items": [entry]}));
        assert_eq!(shown[..2], ["granted from a.b for loan/2", "waives the rule now: no"]);
        assert_eq!((counts(&json!({"counts": true})), counts(&json!({}))), ("yes", "-"));
        assert!(shown.last().is_some_and(|line| line.ends_with("u1 granted the exception")), "{shown:?}");
        assert_eq!(reach(&json!({"scope": "model", "model": {"name": "loan"}})), "loan (all versions)");
    }
}
