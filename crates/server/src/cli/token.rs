//! `chancery token`: tokens of users. A secret is shown once, when it is made.

use clap::Subcommand;
use serde_json::{Value, json};

use super::Outcome;
use super::client::Answer;
use super::exit::ExitCode;
use super::failure::Failure;
use super::history::add;
use super::output::{Format, text};
use super::session::{Session, member};

/// The subcommands of `token`.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Issue a token: for yourself, or as an administrator for somebody else. Only the token goes to the standard output.
    #[command(after_help = "Example: chancery token issue scoring-service --action read --model loan-approval --expires-in-days 30")]
    Issue(IssueArgs),
    /// List tokens and when they were last used; never their secrets.
    #[command(after_help = "Example: chancery token list --user scoring-service")]
    List {
        /// Only of this user.
        #[arg(long, conflicts_with = "own")]
        user: Option<String>,
        /// Only your own; everybody may ask for these.
        #[arg(long)]
        own: bool,
    },
    /// Issue a token in the place of another, which ends after an overlap. Only the new token goes to the standard output.
    #[command(after_help = "Example: chancery token rotate t0123456789abcdef0123456789abcdef --overlap-hours 2")]
    Rotate {
        /// Id of the token.
        id: String,
        /// How long the old one is valid beside the new one, 0 to 168.
        #[arg(long, value_name = "HOURS", default_value_t = 24)]
        overlap_hours: u32,
        /// It is your own; everybody may rotate these.
        #[arg(long)]
        own: bool,
    },
    /// Revoke a token; it ends at once.
    #[command(after_help = "Example: chancery token revoke t0123456789abcdef0123456789abcdef")]
    Revoke {
        /// Id of the token.
        id: String,
        /// It is your own; everybody may revoke these.
        #[arg(long)]
        own: bool,
    },
}

/// Arguments of `token issue`.
#[derive(Debug, clap::Args)]
pub struct IssueArgs {
    /// Name of the user. Otherwise you.
    pub user: Option<String>,
    /// How long it is valid.
    #[arg(long, value_name = "DAYS", default_value_t = 90)]
    pub expires_in_days: u32,
    /// Only for this action, such as `read`; may be given several times.
    #[arg(long = "action", value_name = "ACTION")]
    pub actions: Vec<String>,
    /// Only for models of this team; may be given several times.
    #[arg(long = "team", value_name = "TEAM")]
    pub teams: Vec<String>,
    /// Only for this model; may be given several times.
    #[arg(long = "model", value_name = "NAME")]
    pub models: Vec<String>,
}

/// Runs a subcommand.
///
/// # Errors
/// [`Failure`](super::failure::Failure).
pub async fn run(command: Command, session: &Session) -> Outcome {
    let client = &session.client;
    match command {
        Command::Issue(args) => return issue(session, &args).await,
        Command::List { user, own } => {
            let mut url = address(session, own, &[]);
            add(&mut url, &[("user", user.as_deref())]);
            let answer = client.get(url).await?;
            session.output.page(&answer, &["id", "user", "issued", "expires", "revoked", "last used", "from", "for"], |item| {
                let pointers = ["/id", "/user", "/issued_at", "/expires_at", "/revoked", "/last_used_at", "/last_used_from"];
                pointers.iter().map(|pointer| text(item, pointer)).chain([limits(item)]).collect()
            });
        }
        Command::Rotate { id, overlap_hours, own } => {
            let url = address(session, own, &[&id, "rotate"]);
            let answer = client.post(url, &json!({"overlap_hours": overlap_hours})).await?;
            let note = format!(
                "token {} takes the place of {id}, which ends in {overlap_hours} hours at the latest; it is shown only now",
                text(&answer.value, "/token_id")
            );
            shown(session, &answer, &note)?;
        }
        Command::Revoke { id, own } => {
            let url = address(session, own, &[&id]);
            let answer = client.delete(url).await?;
            session.output.receipt(&answer, &format!("token {id} is revoked"));
        }
    }
    Ok(ExitCode::Done)
}

/// Where tokens are: one's own, or all.
fn address(session: &Session, own: bool, rest: &[&str]) -> reqwest::Url {
    let start: &[&str] = if own { &["account", "tokens"] } else { &["tokens"] };
    session.client.url(&[start, rest].concat())
}

/// What a token is for, in one cell.
fn limits(item: &Value) -> String {
    let lists = ["actions", "teams", "models"].iter().filter_map(|kind| {
        let members: Vec<&str> = item.pointer(&format!("/limits/{kind}"))?.as_array()?.iter().filter_map(Value::as_str).collect();
        (!members.is_empty()).then(|| format!("{kind} {}", members.join(",")))
    });
    let words: Vec<String> = lists.collect();
    if words.is_empty() { "everything".to_owned() } else { words.join("; ") }
}

/// Issues a token and prints it.
///
/// # Errors
/// [`Failure`](super::failure::Failure).
pub async fn issue(session: &Session, args: &IssueArgs) -> Outcome {
    let days = args.expires_in_days;
    let limits = json!({"actions": args.actions, "teams": args.teams, "models": args.models});
    let (url, body) = match &args.user {
        Some(user) => (session.client.url(&["tokens"]), json!({"user": user, "expires_in_days": days, "limits": limits})),
        None => (session.client.url(&["account", "tokens"]), json!({"expires_in_days": days, "limits": limits})),
    };
    let answer = session.client.post(url, &body).await?;
    let whose = args.user.as_deref().unwrap_or("you");
    shown(session, &answer, &format!("token {} of {whose}, valid for {days} days; it is shown only now", text(&answer.value, "/token_id")))?;
    Ok(ExitCode::Done)
}

/// Issues a token without limits.
///
/// # Errors
/// [`Failure`](super::failure::Failure).
pub async fn create(session: &Session, user: &str, expires_in_days: u32) -> Outcome {
    let args = IssueArgs { user: Some(user.to_owned()), expires_in_days, actions: Vec::new(), teams: Vec::new(), models: Vec::new() };
    issue(session, &args).await
}

fn shown(session: &Session, answer: &Answer, note: &str) -> Result<(), Failure> {
    match session.output.format() {
        Format::Json => session.output.raw(&answer.text),
        Format::Table => {
            session.output.note(note);
            // Alone on the standard output, so that `CHANCERY_TOKEN=$(chancery token issue …)` works.
            session.output.raw(&member(&answer.value, "/secret")?);
        }
    }
    Ok(())
}
