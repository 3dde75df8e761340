//! `chancery jobs`: the scheduled checks, on demand.

use clap::Subcommand;
use serde_json::{Value, json};

use super::Outcome;
use super::exit::ExitCode;
use super::output::{list, text};
use super::session::Session;

/// The subcommands of `jobs`.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run the scheduled checks now: reviews that are owed, risks past their date, rules of released versions.
    #[command(after_help = "Example: chancery jobs run --dry-run")]
    Run {
        /// Only say what would be written.
        #[arg(long)]
        dry_run: bool,
    },
}

/// Runs a subcommand.
///
/// # Errors
/// [`Failure`](super::failure::Failure).
pub async fn run(command: Command, session: &Session) -> Outcome {
    let Command::Run { dry_run } = command;
    let answer = session.client.post(session.client.url(&["jobs", "run"]), &json!({"dry_run": dry_run})).await?;
    session.output.show(&answer, || told(&answer.value, session));
    Ok(ExitCode::Done)
}

fn told(value: &Value, session: &Session) -> Vec<String> {
    let mut lines = Vec::new();
    let opened = list(value, "/opened");
    if !opened.is_empty() {
        let row = |item: &Value| ["/rule", "/subject/model", "/subject/version", "/message"].iter().map(|pointer| text(item, pointer)).collect::<Vec<String>>();
        lines.push(session.output.table(&["rule", "model", "version", "message"], &opened.iter().map(row).collect::<Vec<_>>()));
    }
    let count = |name: &str| text(value, &format!("/counts/{name}"));
    let would = if value.get("dry_run") == Some(&Value::Bool(true)) { "nothing is written; it would be: " } else { "" };
    lines.push(format!(
        "{would}{} findings opened, {} closed, {} reviews scheduled, {} versions deprecated; {} versions looked at",
        count("opened"),
        count("closed"),
        count("scheduled"),
        count("deprecated"),
        count("versions")
    ));
    if count("failed") != "0" {
        lines.push("the rules of some versions could not be evaluated; the server's log says why".to_owned());
    }
    lines
}
