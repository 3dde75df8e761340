//! `chancery finding`: what the scheduled checks found.

use clap::Subcommand;

use super::Outcome;
use super::exit::ExitCode;
use super::history::{Page, add};
use super::output::text;
use super::session::Session;

/// The subcommands of `finding`.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// List standing findings, newest first.
    #[command(after_help = "Example: chancery finding list --model loan-approval")]
    List {
        /// open, closed or all.
        #[arg(long, default_value = "open")]
        status: String,
        /// Only this rule.
        #[arg(long)]
        rule: Option<String>,
        /// Only those that concern this model.
        #[arg(long)]
        model: Option<String>,
        #[command(flatten)]
        page: Page,
    },
}

/// Runs a subcommand.
///
/// # Errors
/// [`Failure`](super::failure::Failure).
pub async fn run(command: Command, session: &Session) -> Outcome {
    let Command::List { status, rule, model, page } = command;
    let mut url = session.client.url(&["findings"]);
    add(&mut url, &[("status", Some(&status)), ("rule", rule.as_deref()), ("model", model.as_deref())]);
    page.add_to(&mut url);
    let answer = session.client.get(url).await?;
    session.output.page(&answer, &["rule", "model", "version", "message", "due", "opened", "status"], |item| {
        ["/rule", "/subject/model", "/subject/version", "/message", "/due", "/opened_at", "/status"].iter().map(|pointer| text(item, pointer)).collect()
    });
    Ok(ExitCode::Done)
}
