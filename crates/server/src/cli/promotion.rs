//! `chancery promotion`: looks at promotions and decides about them.
//!
//! A promotion is named by its id or by its version: nobody has to look up an id while a version has only one open promotion.

use std::path::PathBuf;

use chancery_core::names::Timestamp;
use clap::Subcommand;
use serde_json::{Map, Value, json};

use super::Outcome;
use super::approval_signature;
use super::check::{findings, missing};
use super::document;
use super::exit::ExitCode;
use super::failure::Failure;
use super::history::{Page, add};
use super::output::{fields, items, list, moment, text};
use super::promotion_view;
use super::reference::Reference;
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
    /// Show a promotion: what changed, metrics, findings, approvals, what is missing.
    #[command(after_help = "Example: chancery promotion show loan-approval/2")]
    Show {
        /// Which promotion.
        #[command(flatten)]
        which: Which,
        /// Also the metrics of slices and the rules that hold.
        #[arg(long)]
        all: bool,
    },
    /// Approve in a role. Shows what is signed.
    #[command(after_help = "Example: chancery promotion approve loan-approval/2 --role security")]
    Approve(VerdictArgs),
    /// Reject in a role.
    #[command(after_help = "Example: chancery promotion reject loan-approval/2 --role product --comment \"too early\"")]
    Reject(VerdictArgs),
    /// Take your own approval back.
    #[command(after_help = "Example: chancery promotion withdraw loan-approval/2 --role security --reason \"new finding\"")]
    Withdraw {
        /// Which promotion.
        #[command(flatten)]
        which: Which,
        /// The role in which you approved.
        #[arg(long)]
        role: String,
        /// Who approved in your place; without it your own approval is meant.
        #[arg(long, value_name = "USER")]
        given_by: Option<String>,
        /// Why. Goes into the record.
        #[arg(long, value_name = "TEXT")]
        reason: String,
    },
    /// Comment on a promotion, open or closed.
    #[command(after_help = "Example: chancery promotion comment loan-approval/2 \"the slice for women needs a second look\"")]
    Comment {
        /// Which promotion.
        #[command(flatten)]
        which: Which,
        /// The comment. It can be erased later.
        #[arg(value_name = "TEXT")]
        text: String,
    },
    /// Conditions of approvals.
    #[command(subcommand)]
    Condition(ConditionCommand),
    /// Cancel a promotion.
    #[command(after_help = "Example: chancery promotion cancel loan-approval/2 --reason \"a newer version comes\"")]
    Cancel {
        /// Which promotion.
        #[command(flatten)]
        which: Which,
        /// Why. Goes into the record.
        #[arg(long, value_name = "TEXT")]
        reason: String,
    },
    /// Release in an emergency what only waivable rules hold back.
    #[command(after_help = "Example: chancery promotion break-glass loan-approval/2 --reason \"the present release leaks data\"")]
    BreakGlass {
        /// Which promotion.
        #[command(flatten)]
        which: Which,
        /// Why. Goes into the record.
        #[arg(long, value_name = "TEXT")]
        reason: String,
    },
}

/// The subcommands of `promotion condition`.
#[derive(Debug, Subcommand)]
pub enum ConditionCommand {
    /// List the conditions of a promotion.
    #[command(after_help = "Example: chancery promotion condition list loan-approval/2")]
    List {
        /// Which promotion.
        #[command(flatten)]
        which: Which,
    },
    /// Say that a condition is met, in the role that set it.
    #[command(after_help = "Example: chancery promotion condition met loan-approval/2 1 --note \"monitor runs since Monday, OPS-12\"")]
    Met {
        /// Which promotion.
        #[command(flatten)]
        which: Which,
        /// Number of the condition in the promotion.
        #[arg(value_name = "NUMBER")]
        number: u64,
        /// What was done, and where it can be seen. Goes into the record.
        #[arg(long, value_name = "TEXT")]
        note: String,
    },
}

/// Which promotion is meant.
#[derive(Debug, clap::Args)]
pub struct Which {
    /// The version whose promotion is meant, such as `loan-approval/2`, or the id of the promotion.
    #[arg(value_name = "VERSION_OR_ID")]
    promotion: String,
    /// Only promotions to this state, when a version has more than one.
    #[arg(long, value_name = "STATE", value_parser = TARGETS)]
    to: Option<String>,
}

/// The states that a promotion leads to.
pub(super) const TARGETS: [&str; 3] = ["candidate", "approved", "production"];

/// Arguments of `promotion approve` and `promotion reject`.
#[derive(Debug, clap::Args)]
pub struct VerdictArgs {
    #[command(flatten)]
    which: Which,
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
    /// Sign it also yourself, with a private key whose public half you registered: PKCS#8 PEM or unencrypted OpenSSH, P-256 or Ed25519.
    #[arg(long, value_name = "KEY")]
    sign_with: Option<PathBuf>,
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
            session.output.page(&answer, &["id", "version", "to", "environment", "status", "missing rules", "opened"], |item| {
                let mut cells = vec![text(item, "/id"), version(item)];
                cells.extend(["/target", "/environment", "/status", "/missing_rules"].iter().map(|pointer| text(item, pointer)));
                cells.push(moment(item, "/opened_at"));
                cells
            });
        }
        Command::Show { which, all } => {
            let id = which.find(session, Closed::Counts).await?;
            promotion_view::show(session, &id, all).await?;
        }
        Command::Approve(args) => return decide(args, "approve", session).await,
        Command::Reject(args) => return decide(args, "reject", session).await,
        Command::Withdraw { which, role, given_by, reason } => {
            let id = which.find(session, Closed::DoesNotCount).await?;
            let mut body = json!({"role": role, "reason": reason});
            if let (Some(name), Some(members)) = (given_by, body.as_object_mut()) {
                members.insert("given_by".to_owned(), json!(name));
            }
            let answer = client.post(client.url(&["promotions", &id, "withdraw"]), &body).await?;
            session.output.receipt(&answer, &format!("the approval as {role} is withdrawn"));
        }
        Command::Comment { which, text } => {
            let id = which.find(session, Closed::Counts).await?;
            let answer = client.post(client.url(&["promotions", &id, "comments"]), &json!({"text": text})).await?;
            session.output.receipt(&answer, "the comment is recorded");
        }
        Command::Condition(command) => return condition(command, session).await,
        Command::Cancel { which, reason } => {
            let id = which.find(session, Closed::DoesNotCount).await?;
            let answer = client.post(client.url(&["promotions", &id, "cancel"]), &json!({"reason": reason})).await?;
            session.output.receipt(&answer, &format!("promotion {id} is cancelled"));
        }
        Command::BreakGlass { which, reason } => {
            let id = which.find(session, Closed::DoesNotCount).await?;
            return super::emergency::break_glass(session, &id, &reason).await;
        }
    }
    Ok(ExitCode::Done)
}

async fn condition(command: ConditionCommand, session: &Session) -> Outcome {
    let client = &session.client;
    match command {
        ConditionCommand::List { which } => {
            let id = which.find(session, Closed::Counts).await?;
            let answer = client.get(client.url(&["promotions", &id])).await?;
            session.output.show(&answer, || promotion_view::conditions(session.output, &answer.value));
        }
        ConditionCommand::Met { which, number, note } => {
            let id = which.find(session, Closed::Counts).await?;
            let answer = client.post(client.url(&["promotions", &id, "conditions", &number.to_string(), "met"]), &json!({"note": note})).await?;
            session.output.receipt(&answer, &format!("condition {number} is met"));
        }
    }
    Ok(ExitCode::Done)
}

/// Shows what the verdict is about, then sends it with exactly the evidence set that was shown.
async fn decide(args: VerdictArgs, verdict: &str, session: &Session) -> Outcome {
    let id = args.which.find(session, Closed::DoesNotCount).await?;
    let view = session.client.get(session.client.url(&["promotions", &id])).await?.value;
    let evidence_set = member(&view, "/evidence_set")?;
    signed_lines(&view, verdict, &args.role).iter().for_each(|line| session.output.line(line));
    let mut body = Map::new();
    body.insert("role".to_owned(), json!(args.role));
    body.insert("verdict".to_owned(), json!(verdict));
    body.insert("evidence_set".to_owned(), json!(evidence_set));
    body.extend(args.comment.map(|comment| ("comment".to_owned(), json!(comment))));
    body.extend(args.ticket.map(|ticket| ("ticket".to_owned(), json!(ticket))));
    if let Some(file) = &args.conditions {
        body.insert("conditions".to_owned(), dated(document::read(file)?));
    }
    if let Some(key) = &args.sign_with {
        body.insert("signed".to_owned(), approval_signature::sign(session, &id, &view, &body, key).await?);
    }
    let answer = session.client.post(session.client.url(&["promotions", &id, "approvals"]), &body).await?;
    session.output.receipt(&answer, &format!("{verdict} as {} is recorded", args.role));
    if session.output.format() == super::output::Format::Table {
        let view = session.client.get(session.client.url(&["promotions", &id])).await?.value;
        next_lines(&view).iter().for_each(|line| session.output.line(line));
    }
    Ok(ExitCode::Done)
}

/// The conditions of a file, each date as the moment that it means; whatever else is wrong the server says.
fn dated(mut conditions: Value) -> Value {
    for condition in conditions.as_array_mut().into_iter().flatten() {
        if let Some(due) = condition.get_mut("due")
            && let Some(Ok(moment)) = due.as_str().map(Timestamp::parse_due)
        {
            *due = json!(moment);
        }
    }
    conditions
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
    let mut lines = findings(missing(view), &version(view));
    lines.extend(next_lines(view));
    lines
}

/// The roles that are missing and the command that approves in the first of them; without missing roles the command that releases.
fn next_lines(view: &Value) -> Vec<String> {
    match (list(view, "/missing_roles").first(), text(view, "/status").as_str()) {
        (Some(_), _) => {
            let first = text(view, "/missing_roles/0");
            let command = format!("next, by somebody else than the author: chancery promotion approve {} --role {first}", version(view));
            vec![format!("missing roles: {}", text(view, "/missing_roles")), command]
        }
        (None, "open") if missing(view).is_empty() => {
            vec![format!("nothing is missing; next: chancery promote {} --to {}", version(view), text(view, "/target"))]
        }
        (None, "open") => {
            let rules: Vec<String> = missing(view).iter().map(|finding| text(finding, "/rule")).collect();
            vec![format!("no role is missing, but these rules do not hold: {}; see: chancery promotion show {}", rules.join(", "), version(view))]
        }
        (None, _) => Vec::new(),
    }
}

/// `name/number` of a promotion's version.
pub(super) fn version(view: &Value) -> String {
    format!("{}/{}", text(view, "/model/name"), text(view, "/version"))
}

/// Whether a promotion that is over is meant too, when none is open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Closed {
    Counts,
    DoesNotCount,
}

impl Which {
    /// The id: as it was given, or that of the version's open promotion.
    async fn find(&self, session: &Session, closed: Closed) -> Result<String, Failure> {
        if is_id(&self.promotion) {
            return Ok(self.promotion.clone());
        }
        let Ok(reference) = self.promotion.parse::<Reference>();
        // Asks the server, so that a version that does not exist is called that.
        let version = session.resolve(&reference).await?;
        let mut url = session.client.url(&["promotions"]);
        add(&mut url, &[("model", Some(&version.name)), ("limit", Some("500"))]);
        let answer = session.client.get(url).await?;
        choose(items(&answer.value), &version.label(), self.to.as_deref(), closed)
    }
}

/// `p` and 32 hexadecimal digits.
fn is_id(text: &str) -> bool {
    text.strip_prefix('p').is_some_and(|digits| digits.len() == 32 && digits.chars().all(|digit| digit.is_ascii_hexdigit()))
}

/// The one open promotion of the version; the newest closed one when that counts and none is open.
fn choose(newest_first: &[Value], label: &str, to: Option<&str>, closed: Closed) -> Result<String, Failure> {
    let of_version: Vec<&Value> = newest_first.iter().filter(|item| version(item) == label && to.is_none_or(|to| text(item, "/target") == to)).collect();
    let open: Vec<&Value> = of_version.iter().filter(|item| text(item, "/status") == "open").copied().collect();
    match (open.as_slice(), of_version.first()) {
        ([one], _) => member(one, "/id"),
        ([], Some(newest)) if closed == Closed::Counts => member(newest, "/id"),
        ([], _) => Err(Failure::not_found(
            &format!("{label} has no open promotion"),
            &format!("open one: chancery promote {label} --to {}", to.unwrap_or("production")),
        )),
        (several, _) => {
            let ids: Vec<String> =
                several.iter().map(|item| format!("{} (to {}, {})", text(item, "/id"), text(item, "/target"), text(item, "/environment"))).collect();
            Err(Failure::Usage(format!("{label} has more than one open promotion; add --to, or name one by its id: {}", ids.join(", "))))
        }
    }
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
        let next = "next, by somebody else than the author: chancery promotion approve loan/3 --role security";
        assert_eq!(missing_lines(&view), ["missing roles: security", next]);
        let complete = json!({"model": {"name": "loan"}, "version": 3, "target": "production", "status": "open", "missing_roles": [], "missing": []});
        assert_eq!(missing_lines(&complete), ["nothing is missing; next: chancery promote loan/3 --to production"]);
        let failing = json!({"model": {"name": "loan"}, "version": 3, "status": "open", "missing_roles": [], "missing": [{"rule": "metric.threshold"}]});
        assert_eq!(next_lines(&failing), ["no role is missing, but these rules do not hold: metric.threshold; see: chancery promotion show loan/3"]);
        let executed = json!({"status": "executed", "missing_roles": [], "missing": []});
        assert_eq!(missing_lines(&executed), Vec::<String>::new());
    }

    #[test]
    fn a_condition_is_due_at_the_end_of_its_day() {
        let given = json!([{"text": "a", "due": "2026-12-20"}, {"due": "2026-12-20T10:00:00Z"}, {"due": "soon"}, {"due": 7}, "odd"]);
        let expected = [json!("2026-12-20T23:59:59.000000Z"), json!("2026-12-20T10:00:00.000000Z"), json!("soon"), json!(7)];
        let read = dated(given);
        assert_eq!(items(&read).iter().filter_map(|item| item.get("due").cloned()).collect::<Vec<_>>(), expected);
        assert_eq!(dated(json!({"due": "2026-12-20"})), json!({"due": "2026-12-20"}), "no list: the server refuses it");
    }

    #[test]
    fn a_version_stands_for_its_open_promotion() {
        let item = |id: &str, version: u64, target: &str, status: &str| json!({"id": id, "model": {"name": "loan"}, "version": version, "target": target, "environment": "production", "status": status});
        let (one, other) = (item("p3", 1, "production", "open"), item("p2", 1, "candidate", "open"));
        let (over, older) = (item("p5", 2, "production", "executed"), item("p4", 2, "production", "cancelled"));
        let everything = [over, older, one.clone(), other];
        let cases = [
            (&everything[..], "loan/1", Some("candidate"), Closed::DoesNotCount, Ok("p2")),
            (&[one], "loan/1", None, Closed::DoesNotCount, Ok("p3")),
            (&everything, "loan/1", None, Closed::Counts, Err(2)),
            (&everything, "loan/2", None, Closed::Counts, Ok("p5")),
            (&everything, "loan/2", None, Closed::DoesNotCount, Err(4)),
            (&everything, "loan/3", None, Closed::Counts, Err(4)),
        ];
        for (items, label, to, closed, expected) in cases {
            let found = choose(items, label, to, closed).map_err(|failure| failure.exit_code().number());
            assert_eq!(found, expected.map(str::to_owned), "{label} {to:?} {closed:?}");
        }
        assert!(is_id("p0123456789abcdef0123456789abcdef") && !is_id("loan/1") && !is_id("p0123") && !is_id("production-model"));
    }
}
