//! `chancery review`: the review calendar.

use chancery_core::names::Timestamp;
use clap::Subcommand;
use serde_json::{Map, Value, json};

use super::Outcome;
use super::exit::ExitCode;
use super::failure::Failure;
use super::history::{Page, add};
use super::output::text;
use super::reference::Target;
use super::risk::when;
use super::session::Session;

/// The subcommands of `review`.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Schedule a review.
    #[command(after_help = "Example: chancery review schedule card loan-approval --owner credit-risk --due 2026-12-01 --every 180")]
    Schedule(ScheduleArgs),
    /// List reviews, the one that is due first in front.
    #[command(after_help = "Example: chancery review list --status overdue")]
    List {
        /// open, overdue, done or all.
        #[arg(long, default_value = "open")]
        status: String,
        /// entry, card, risk, policy, exception, emergency or dataset.
        #[arg(long)]
        about: Option<String>,
        /// Only reviews of this model.
        #[arg(long)]
        model: Option<String>,
        /// Only what this owner owes.
        #[arg(long)]
        owner: Option<String>,
        #[command(flatten)]
        page: Page,
    },
    /// Say that a review is done; one with a rhythm schedules the next.
    #[command(after_help = "Example: chancery review done v0123456789abcdef0123456789abcdef --outcome confirmed --note \"the card is still true\"")]
    Done {
        /// Id of the review.
        id: String,
        /// confirmed, changed, escalated or obsolete.
        #[arg(long)]
        outcome: String,
        /// More words. Go into the record.
        #[arg(long, value_name = "TEXT")]
        note: Option<String>,
    },
}

/// Arguments of `review schedule`.
#[derive(Debug, clap::Args)]
pub struct ScheduleArgs {
    /// entry, card, risk, policy, exception, emergency or dataset.
    about: String,
    /// A model (`name`) or version (`name/3`), or the id of the risk or exception. Nothing for the policy.
    subject: Option<String>,
    /// Who owes it: a team, a role or a handle.
    #[arg(long)]
    owner: String,
    /// By when: a date or an RFC 3339 time.
    #[arg(long, value_name = "WHEN", value_parser = when)]
    due: Timestamp,
    /// The next one is due so many days after one is done.
    #[arg(long, value_name = "DAYS")]
    every: Option<u64>,
    /// Why. Goes into the record.
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
}

/// Runs a subcommand.
///
/// # Errors
/// [`Failure`].
pub async fn run(command: Command, session: &Session) -> Outcome {
    let client = &session.client;
    match command {
        Command::Schedule(args) => return schedule(args, session).await,
        Command::List { status, about, model, owner, page } => {
            let mut url = client.url(&["reviews"]);
            add(&mut url, &[("status", Some(&status)), ("about", about.as_deref()), ("model", model.as_deref()), ("owner", owner.as_deref())]);
            page.add_to(&mut url);
            let answer = client.get(url).await?;
            session.output.page(&answer, &["id", "about", "model", "version", "owner", "due", "overdue", "status", "outcome"], |item| {
                ["/id", "/about", "/subject/model", "/subject/version", "/owner", "/due", "/overdue", "/status", "/outcome"]
                    .iter()
                    .map(|pointer| text(item, pointer))
                    .collect()
            });
        }
        Command::Done { id, outcome, note } => {
            let mut body = Map::from_iter([("outcome".to_owned(), json!(outcome))]);
            if let Some(note) = note {
                body.insert("note".to_owned(), json!(note));
            }
            let answer = client.post(client.url(&["reviews", &id, "done"]), &body).await?;
            session.output.receipt(&answer, &format!("review {id} is done"));
            if answer.value.pointer("/entries/1").is_some() {
                session.output.line(&format!("the next one is due on {}", text(&answer.value, "/entries/1/data/review/due")));
            }
        }
    }
    Ok(ExitCode::Done)
}

async fn schedule(args: ScheduleArgs, session: &Session) -> Outcome {
    let mut body = Map::from_iter([("about".to_owned(), json!(args.about)), ("owner".to_owned(), json!(args.owner)), ("due".to_owned(), json!(args.due))]);
    if let Some(days) = args.every {
        body.insert("every_days".to_owned(), json!(days));
    }
    if let Some(reason) = args.reason {
        body.insert("reason".to_owned(), json!(reason));
    }
    if let Some(subject) = args.subject {
        body.extend(named(&subject, session).await?);
    }
    let answer = session.client.post(session.client.url(&["reviews"]), &body).await?;
    let id = text(&answer.value, "/entries/0/subject").replace("review/", "");
    session.output.receipt(&answer, &format!("review {id} is scheduled"));
    Ok(ExitCode::Done)
}

/// The members of the body that name what is reviewed.
async fn named(subject: &str, session: &Session) -> Result<Vec<(String, Value)>, Failure> {
    for (letter, member) in [('r', "risk"), ('x', "exception")] {
        if is_id(subject, letter) {
            return Ok(vec![(member.to_owned(), json!(subject))]);
        }
    }
    let Ok(target) = subject.parse::<Target>();
    match target {
        Target::Model(name) => Ok(vec![("model".to_owned(), json!(name))]),
        Target::Version(reference) => {
            let found = session.resolve(&reference).await?;
            let number = found.view.value.get("number").cloned().unwrap_or_default();
            Ok(vec![("model".to_owned(), json!(found.name)), ("version".to_owned(), number)])
        }
    }
}

/// Whether a text is an id that begins with this letter.
fn is_id(text: &str, letter: char) -> bool {
    text.len() == 33 && text.strip_prefix(letter).is_some_and(|rest| rest.bytes().all(|byte| byte.is_ascii_hexdigit()))
}
