//! `chancery tag`: tags of models and versions.

use clap::Subcommand;
use reqwest::{Method, Url};
use serde_json::json;

use super::Outcome;
use super::exit::ExitCode;
use super::failure::Failure;
use super::reference::Target;
use super::session::Session;

/// The subcommands of `tag`.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Set a tag.
    #[command(after_help = "Example: chancery tag set loan-approval/3 team credit-risk")]
    Set {
        /// A model (`name`) or a version (`name/3`).
        target: Target,
        /// Key of the tag.
        key: String,
        /// Its value.
        value: String,
    },
    /// Remove a tag.
    #[command(after_help = "Example: chancery tag delete loan-approval team")]
    Delete {
        /// A model (`name`) or a version (`name/3`).
        target: Target,
        /// Key of the tag.
        key: String,
    },
}

/// Runs a subcommand.
///
/// # Errors
/// [`Failure`].
pub async fn run(command: Command, session: &Session) -> Outcome {
    match command {
        Command::Set { target, key, value } => {
            let url = url(session, &target, &key).await?;
            let answer = session.client.change(Method::PUT, url, &json!({"value": value}), None).await?;
            session.output.receipt(&answer, &format!("tag {key} is set"));
        }
        Command::Delete { target, key } => {
            let answer = session.client.delete(url(session, &target, &key).await?).await?;
            session.output.receipt(&answer, &format!("tag {key} is removed"));
        }
    }
    Ok(ExitCode::Done)
}

async fn url(session: &Session, target: &Target, key: &str) -> Result<Url, Failure> {
    Ok(match target {
        Target::Model(name) => session.client.url(&["models", name, "tags", key]),
        Target::Version(reference) => {
            let (name, number) = session.locate(reference).await?;
            session.client.url(&["models", &name, "versions", &number, "tags", key])
        }
    })
}
