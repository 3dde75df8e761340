//! `chancery alias`: names that point to versions.

use clap::Subcommand;
use reqwest::Method;
use serde_json::json;

use super::Outcome;
use super::exit::ExitCode;
use super::output::text;
use super::reference::Reference;
use super::session::Session;

/// The subcommands of `alias`.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Point an alias to a version.
    #[command(after_help = "Example: chancery alias set champion loan-approval/3")]
    Set {
        /// The alias.
        alias: String,
        /// The version.
        reference: Reference,
        /// Revision of the alias that you saw. Otherwise the present one is asked for just before the change.
        #[arg(long, value_name = "REVISION")]
        if_match: Option<u64>,
    },
    /// Remove an alias.
    #[command(after_help = "Example: chancery alias delete loan-approval challenger")]
    Delete {
        /// Name of the model.
        model: String,
        /// The alias.
        alias: String,
    },
    /// Show where an alias points.
    #[command(after_help = "Example: chancery alias show loan-approval champion")]
    Show {
        /// Name of the model.
        model: String,
        /// The alias.
        alias: String,
    },
}

/// Runs a subcommand.
///
/// # Errors
/// [`Failure`](super::failure::Failure).
pub async fn run(command: Command, session: &Session) -> Outcome {
    match command {
        Command::Set { alias, reference, if_match } => return set(session, &alias, &reference, if_match).await,
        Command::Delete { model, alias } => {
            let answer = session.client.delete(session.client.url(&["models", &model, "aliases", &alias])).await?;
            session.output.receipt(&answer, &format!("{model}@{alias} is removed"));
        }
        Command::Show { model, alias } => {
            let answer = session.client.get(session.client.url(&["models", &model, "aliases", &alias])).await?;
            session.output.show(&answer, || {
                let (number, revision) = (text(&answer.value, "/number"), text(&answer.value, "/revision"));
                vec![format!("{model}@{alias} is {model}/{number} (revision {revision})")]
            });
        }
    }
    Ok(ExitCode::Done)
}

async fn set(session: &Session, alias: &str, reference: &Reference, if_match: Option<u64>) -> Outcome {
    let (name, number) = session.locate(reference).await?;
    let url = session.client.url(&["models", &name, "aliases", alias]);
    let revision = match if_match {
        Some(revision) => Some(format!("\"{revision}\"")),
        // Moving an alias needs its revision, so that of two people who move it at once only one succeeds.
        None => match session.client.get(url.clone()).await {
            Ok(present) => present.value.get("revision").map(|revision| format!("\"{revision}\"")),
            Err(failure) if failure.is_not_found() => None,
            Err(failure) => return Err(failure),
        },
    };
    let version: u64 = number.parse().unwrap_or_default();
    let answer = session.client.change(Method::PUT, url, &json!({"version": version}), revision.as_deref()).await?;
    session.output.receipt(&answer, &format!("{name}@{alias} is {name}/{number}"));
    Ok(ExitCode::Done)
}
