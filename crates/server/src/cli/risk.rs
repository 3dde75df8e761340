//! `chancery risk`: the risk register.

use std::path::PathBuf;

use chancery_core::names::Timestamp;
use chancery_core::risk::transfer::{Format, MAX_BYTES};
use clap::Subcommand;
use reqwest::Method;
use serde_json::{Map, Value, json};

use super::Outcome;
use super::exit::ExitCode;
use super::failure::Failure;
use super::history::{Page, add};
use super::output::{list, outline, text};
use super::session::Session;

/// The subcommands of `risk`.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Add a risk.
    #[command(after_help = "Example: chancery risk add \"unfair to some\" --category fairness --severity high --likelihood possible --model loan-approval")]
    Add(AddArgs),
    /// List risks.
    #[command(after_help = "Example: chancery risk list --model loan-approval --status open --level high")]
    List {
        /// Only risks of this model.
        #[arg(long)]
        model: Option<String>,
        /// open, mitigated, accepted or closed.
        #[arg(long)]
        status: Option<String>,
        /// low, medium, high or critical.
        #[arg(long)]
        level: Option<String>,
        /// Which part of the list.
        #[command(flatten)]
        page: Page,
    },
    /// Show a risk.
    #[command(after_help = "Example: chancery risk show r0123456789abcdef0123456789abcdef")]
    Show {
        /// Id of the risk.
        id: String,
    },
    /// Change what is said about a risk; what is not given stays.
    #[command(after_help = "Example: chancery risk change r0123456789abcdef0123456789abcdef --likelihood likely --review-date 2026-12-01")]
    Change(ChangeArgs),
    /// Link a risk to a model or system, or take the link away.
    #[command(after_help = "Example: chancery risk link r0123456789abcdef0123456789abcdef loan-approval")]
    Link {
        /// Id of the risk.
        id: String,
        /// Name of the model.
        model: String,
        /// Take the link away.
        #[arg(long)]
        remove: bool,
    },
    /// Plan a mitigation, or say that one is done.
    #[command(after_help = "Example: chancery risk mitigate r0123456789abcdef0123456789abcdef \"measure parity\" --owner credit-risk --due 2026-12-01")]
    Mitigate(MitigateArgs),
    /// Bear a risk as it is. A high or critical one needs a second person in the role ai-governance or security.
    #[command(after_help = "Example: chancery risk accept r0123456789abcdef0123456789abcdef --reason \"parity above 0.8 in every group\"")]
    Accept(StatusArgs),
    /// Say that a risk does not exist any more; or with another status, where it stands.
    #[command(after_help = "Example: chancery risk close r0123456789abcdef0123456789abcdef --reason \"the model is retired\"")]
    Close {
        /// The risk and why.
        #[command(flatten)]
        args: StatusArgs,
        /// closed, mitigated or open.
        #[arg(long, value_name = "STATUS", default_value = "closed", value_parser = ["closed", "mitigated", "open"])]
        to: String,
    },
    /// Write the register as a file.
    #[command(after_help = "Example: chancery risk export --format csv --out risks.csv")]
    Export {
        /// csv or json.
        #[arg(long, default_value = "csv")]
        format: Format,
        /// The file; the standard output without it.
        #[arg(long, value_name = "FILE")]
        out: Option<PathBuf>,
    },
    /// Add and change risks from a file.
    #[command(after_help = "Example: chancery risk import risks.csv --dry-run")]
    Import {
        /// CSV, or JSON when its name ends in `.json`.
        file: PathBuf,
        /// Only say what would happen.
        #[arg(long)]
        dry_run: bool,
    },
}

/// Arguments of `risk add`.
#[derive(Debug, clap::Args)]
pub struct AddArgs {
    /// The risk in one line.
    title: String,
    /// Category, a word of the organisation.
    #[arg(long)]
    category: String,
    /// low, medium, high or critical.
    #[arg(long)]
    severity: String,
    /// rare, possible, likely or certain.
    #[arg(long)]
    likelihood: String,
    #[command(flatten)]
    more: MoreArgs,
    /// A model or system that it is linked to; repeat it for more.
    #[arg(long = "model", value_name = "NAME")]
    models: Vec<String>,
}

/// What can be said about a risk beside its title and level.
#[derive(Debug, clap::Args)]
pub struct MoreArgs {
    /// More words.
    #[arg(long, value_name = "TEXT")]
    description: Option<String>,
    /// A requirement that it concerns; repeat it for more.
    #[arg(long = "requirement", value_name = "REFERENCE")]
    requirements: Vec<String>,
    /// When it must be looked at again: a date or an RFC 3339 time.
    #[arg(long, value_name = "WHEN", value_parser = when)]
    review_date: Option<Timestamp>,
}

/// Arguments of `risk change`.
#[derive(Debug, clap::Args)]
pub struct ChangeArgs {
    /// Id of the risk.
    id: String,
    /// The risk in one line.
    #[arg(long)]
    title: Option<String>,
    /// Category.
    #[arg(long)]
    category: Option<String>,
    /// low, medium, high or critical.
    #[arg(long)]
    severity: Option<String>,
    /// rare, possible, likely or certain.
    #[arg(long)]
    likelihood: Option<String>,
    #[command(flatten)]
    more: MoreArgs,
}

/// Arguments of `risk mitigate`.
#[derive(Debug, clap::Args)]
pub struct MitigateArgs {
    /// Id of the risk.
    id: String,
    /// What is done.
    #[arg(required_unless_present = "done")]
    text: Option<String>,
    /// Who owes it: a team, a role or a handle.
    #[arg(long, required_unless_present = "done")]
    owner: Option<String>,
    /// By when: a date or an RFC 3339 time.
    #[arg(long, value_name = "WHEN", value_parser = when)]
    due: Option<Timestamp>,
    /// Number of the mitigation that is done.
    #[arg(long, value_name = "NUMBER", conflicts_with_all = ["text", "owner", "due"])]
    done: Option<u64>,
    /// What was done. Goes into the record.
    #[arg(long, value_name = "TEXT", requires = "done")]
    note: Option<String>,
}

/// A risk and why.
#[derive(Debug, clap::Args)]
pub struct StatusArgs {
    /// Id of the risk.
    id: String,
    /// Why. Goes into the record.
    #[arg(long, value_name = "TEXT")]
    reason: String,
}

/// A date of the command line, which counts to its end in UTC, or an RFC 3339 time.
///
/// # Errors
/// A sentence that says what is accepted.
pub(super) fn when(text: &str) -> Result<Timestamp, String> {
    Timestamp::parse_due(text).map_err(|_| format!("`{text}` is neither a date such as 2026-12-01 nor an RFC 3339 time"))
}

/// Runs a subcommand.
///
/// # Errors
/// [`Failure`].
pub async fn run(command: Command, session: &Session) -> Outcome {
    let client = &session.client;
    match command {
        Command::Add(args) => return add_risk(args, session).await,
        Command::List { model, status, level, page } => {
            let mut url = client.url(&["risks"]);
            add(&mut url, &[("model", model.as_deref()), ("status", status.as_deref()), ("level", level.as_deref())]);
            page.add_to(&mut url);
            let answer = client.get(url).await?;
            session.output.page(&answer, &["id", "title", "level", "status", "category", "review", "models"], |item| {
                ["/id", "/title", "/level", "/status", "/category", "/review_date", "/models"].iter().map(|pointer| text(item, pointer)).collect()
            });
        }
        Command::Show { id } => {
            let answer = client.get(client.url(&["risks", &id])).await?;
            session.output.show(&answer, || outline(&named(&answer.value), 0));
        }
        Command::Change(args) => return change(args, session).await,
        Command::Link { id, model, remove } => {
            let url = client.url(&["risks", &id, "models", &model]);
            let answer = if remove { client.delete(url).await? } else { client.change(Method::PUT, url, &json!({}), None).await? };
            session.output.receipt(&answer, &format!("the risk is {} {model}", if remove { "unlinked from" } else { "linked to" }));
        }
        Command::Mitigate(args) => return mitigate(args, session).await,
        Command::Accept(args) => return set_status(args, "accepted", session).await,
        Command::Close { args, to } => return set_status(args, &to, session).await,
        Command::Export { format, out } => return export(format, out, session).await,
        Command::Import { file, dry_run } => return import(&file, dry_run, session).await,
    }
    Ok(ExitCode::Done)
}

async fn add_risk(args: AddArgs, session: &Session) -> Outcome {
    let mut body = Map::new();
    for (key, value) in [("title", args.title), ("category", args.category), ("severity", args.severity), ("likelihood", args.likelihood)] {
        body.insert(key.to_owned(), json!(value));
    }
    body.insert("models".to_owned(), json!(args.models));
    more(&mut body, args.more);
    let answer = session.client.post(session.client.url(&["risks"]), &body).await?;
    let id = text(&answer.value, "/entries/0/subject").replace("risk/", "");
    session.output.receipt(&answer, &format!("risk {id} is added"));
    Ok(ExitCode::Done)
}

/// The same with names where it has them: `decided_by_name` in the place of the id in `decided_by`.
fn named(value: &Value) -> Value {
    match value {
        Value::Object(members) => {
            let is_name = |key: &str| key.strip_suffix("_name").is_some_and(|of| members.contains_key(of));
            let name = |key: &str| members.get(&format!("{key}_name")).filter(|name| !name.is_null()).cloned();
            let kept = members.iter().filter(|(key, _)| !is_name(key));
            Value::Object(kept.map(|(key, member)| (key.clone(), name(key).unwrap_or_else(|| named(member)))).collect())
        }
        Value::Array(list) => Value::Array(list.iter().map(named).collect()),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => value.clone(),
    }
}

/// Adds what was given beside title and level.
fn more(body: &mut Map<String, Value>, args: MoreArgs) {
    if let Some(description) = args.description {
        body.insert("description".to_owned(), json!(description));
    }
    if !args.requirements.is_empty() {
        body.insert("requirements".to_owned(), json!(args.requirements));
    }
    if let Some(date) = args.review_date {
        body.insert("review_date".to_owned(), json!(date));
    }
}

async fn change(args: ChangeArgs, session: &Session) -> Outcome {
    let url = session.client.url(&["risks", &args.id]);
    let known = session.client.get(url.clone()).await?;
    let mut body = Map::new();
    for key in ["title", "category", "severity", "likelihood", "description", "requirements", "review_date"] {
        if let Some(value) = known.value.get(key).filter(|value| !value.is_null()) {
            body.insert(key.to_owned(), value.clone());
        }
    }
    for (key, value) in [("title", args.title), ("category", args.category), ("severity", args.severity), ("likelihood", args.likelihood)] {
        if let Some(value) = value {
            body.insert(key.to_owned(), json!(value));
        }
    }
    more(&mut body, args.more);
    // What somebody else changed meanwhile must not be put back.
    let answer = session.client.change(Method::PUT, url, &body, known.etag.as_deref()).await?;
    session.output.receipt(&answer, &format!("risk {} is changed", args.id));
    Ok(ExitCode::Done)
}

async fn mitigate(args: MitigateArgs, session: &Session) -> Outcome {
    let client = &session.client;
    if let Some(number) = args.done {
        let url = client.url(&["risks", &args.id, "mitigations", &number.to_string(), "done"]);
        let body = args.note.map_or_else(|| json!({}), |note| json!({"note": note}));
        let answer = client.post(url, &body).await?;
        session.output.receipt(&answer, &format!("mitigation {number} is done"));
        return Ok(ExitCode::Done);
    }
    let mut body = json!({"text": args.text, "owner": args.owner});
    if let (Some(members), Some(due)) = (body.as_object_mut(), args.due) {
        members.insert("due".to_owned(), json!(due));
    }
    let answer = client.post(client.url(&["risks", &args.id, "mitigations"]), &body).await?;
    session.output.receipt(&answer, &format!("mitigation {} is planned", text(&answer.value, "/entries/0/data/number")));
    Ok(ExitCode::Done)
}

async fn set_status(args: StatusArgs, status: &str, session: &Session) -> Outcome {
    let url = session.client.url(&["risks", &args.id, "status"]);
    let answer = session.client.post(url, &json!({"status": status, "reason": args.reason})).await?;
    session.output.receipt(&answer, &format!("risk {} is {status}", args.id));
    Ok(ExitCode::Done)
}

async fn export(format: Format, out: Option<PathBuf>, session: &Session) -> Outcome {
    let mut url = session.client.url(&["risks", "export"]);
    add(&mut url, &[("format", Some(format.as_str()))]);
    let bytes = session.client.get_bytes(url).await?;
    match out {
        Some(path) => {
            std::fs::write(&path, &bytes).map_err(|error| Failure::Usage(format!("cannot write `{}`: {error}", path.display())))?;
            session.output.line(&format!("the register is in {}", path.display()));
        }
        None => session.output.raw(&String::from_utf8_lossy(&bytes)),
    }
    Ok(ExitCode::Done)
}

async fn import(file: &std::path::Path, dry_run: bool, session: &Session) -> Outcome {
    let bad = |why: String| Failure::Usage(format!("cannot read `{}`: {why}", file.display()));
    let bytes = std::fs::read(file).map_err(|error| bad(error.to_string()))?;
    if bytes.len() > MAX_BYTES {
        return Err(bad(format!("it has {} bytes; at most {MAX_BYTES} are accepted", bytes.len())));
    }
    let is_json = file.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("json"));
    let mut url = session.client.url(&["risks", "import"]);
    add(&mut url, &[("format", Some(if is_json { "json" } else { "csv" })), ("dry_run", dry_run.then_some("true"))]);
    let request = session.client.request(Method::POST, url).body(bytes).header("Idempotency-Key", uuid::Uuid::now_v7().to_string());
    let answer = session.client.ask(request).await?;
    session.output.show(&answer, || report(&answer.value, session));
    let refused = list(&answer.value, "/rows").iter().any(|row| text(row, "/outcome") == "refused");
    Ok(if refused { ExitCode::Refused } else { ExitCode::Done })
}

/// What became of the rows, for people: the refused ones by row, the others counted.
fn report(value: &Value, session: &Session) -> Vec<String> {
    let refused = list(value, "/rows").iter().filter(|row| text(row, "/outcome") == "refused");
    let rows: Vec<Vec<String>> = refused.map(|row| vec![text(row, "/row"), text(row, "/problem")]).collect();
    let mut lines = if rows.is_empty() { Vec::new() } else { vec![session.output.table(&["row", "problem"], &rows)] };
    let count = |name: &str| text(value, &format!("/{name}"));
    let would = if value.get("dry_run") == Some(&Value::Bool(true)) { "nothing is written; it would be: " } else { "" };
    lines.push(format!("{would}{} added, {} changed, {} unchanged, {} refused", count("added"), count("changed"), count("unchanged"), count("refused")));
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_stand_in_the_place_of_ids() {
        let view = json!({"title": "t", "created_by": "u1", "created_by_name": "ann", "decided_by": null, "decided_by_name": null,
            "mitigations": [{"number": 1, "done_by": "u2", "done_by_name": "bob"}]});
        assert_eq!(named(&view), json!({"title": "t", "created_by": "ann", "decided_by": null, "mitigations": [{"number": 1, "done_by": "bob"}]}));
    }

    #[test]
    fn a_day_counts_to_its_end() {
        assert_eq!(when("2026-12-01"), when("2026-12-01T23:59:59Z"));
        assert!(when("next week").unwrap_err().contains("`next week`"));
    }
}
