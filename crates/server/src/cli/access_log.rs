//! `chancery access-log`: who logged in, downloaded and exported, and whether the days are what was anchored.

use clap::Subcommand;

use super::Outcome;
use super::exit::ExitCode;
use super::history::{Page, add};
use super::output::{moment, text};
use super::session::Session;

/// The subcommands of `access-log`.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// List who logged in, downloaded and exported, newest first.
    #[command(after_help = "Example: chancery access-log list --kind download --user ann --since 2026-11-01")]
    List {
        /// login, login-failed, download, export or report.
        #[arg(long)]
        kind: Option<String>,
        /// Only of this user, by name or id.
        #[arg(long)]
        user: Option<String>,
        /// Not before this day.
        #[arg(long, value_name = "DAY")]
        since: Option<String>,
        /// Not after this day.
        #[arg(long, value_name = "DAY")]
        until: Option<String>,
        /// Which part of the list.
        #[command(flatten)]
        page: Page,
    },
    /// Recompute every day and compare it with what the ledger holds.
    #[command(after_help = "Example: chancery access-log verify --since 2026-11-01")]
    Verify {
        /// Not before this day.
        #[arg(long, value_name = "DAY")]
        since: Option<String>,
    },
}

/// Runs a subcommand.
///
/// # Errors
/// [`Failure`](super::failure::Failure).
pub async fn run(command: Command, session: &Session) -> Outcome {
    let client = &session.client;
    match command {
        Command::List { kind, user, since, until, page } => {
            let mut url = client.url(&["access-log"]);
            add(&mut url, &[("kind", kind.as_deref()), ("user", user.as_deref()), ("since", since.as_deref()), ("until", until.as_deref())]);
            page.add_to(&mut url);
            let answer = client.get(url).await?;
            session.output.page(&answer, &["at", "kind", "user", "what", "address", "program"], |item| {
                let mut cells = vec![moment(item, "/at")];
                cells.extend(["/kind", "/user", "/what", "/address", "/user_agent"].iter().map(|pointer| text(item, pointer)));
                cells
            });
            Ok(ExitCode::Done)
        }
        Command::Verify { since } => verify(session, since).await,
    }
}

async fn verify(session: &Session, mut since: Option<String>) -> Outcome {
    let client = &session.client;
    let mut intact = true;
    loop {
        let mut url = client.url(&["access-log", "verify"]);
        add(&mut url, &[("since", since.as_deref())]);
        let answer = client.get(url).await?;
        intact &= answer.value.get("intact") == Some(&serde_json::Value::Bool(true));
        session.output.page(&answer, &["day", "state", "lines", "anchored", "entry"], |item| {
            ["/day", "/state", "/count", "/anchored_count", "/index"].iter().map(|pointer| text(item, pointer)).collect()
        });
        match answer.value.get("next").and_then(serde_json::Value::as_str) {
            Some(next) => since = Some(next.to_owned()),
            None => break,
        }
    }
    if intact {
        return Ok(ExitCode::Done);
    }
    session.output.note("days that are `different` are not what was anchored: lines were added, changed or taken away");
    Ok(ExitCode::VerificationFailed)
}
