//! `chancery team`: teams own models, and roles are given for what a team owns.

use clap::Subcommand;
use reqwest::Method;
use serde_json::json;

use super::Outcome;
use super::exit::ExitCode;
use super::history::Page;
use super::output::{moment, text};
use super::session::Session;

/// The subcommands of `team`.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Create a team.
    #[command(after_help = "Example: chancery team create credit-risk --description \"scores loans\"")]
    Create {
        /// Its name: lower case letters, digits, `-`, `_`, `.`. It is never given again.
        name: String,
        /// What it is for.
        #[arg(long, value_name = "TEXT", default_value = "")]
        description: String,
    },
    /// List teams.
    #[command(after_help = "Example: chancery team list")]
    List {
        /// Which part of the list.
        #[command(flatten)]
        page: Page,
    },
    /// Say what a team is for.
    #[command(after_help = "Example: chancery team describe credit-risk \"scores and prices loans\"")]
    Describe {
        /// Name of the team.
        name: String,
        /// What it is for.
        description: String,
    },
    /// List who is in a team.
    #[command(after_help = "Example: chancery team members credit-risk")]
    Members {
        /// Name of the team.
        name: String,
        /// Which part of the list.
        #[command(flatten)]
        page: Page,
    },
    /// Add a person, pipeline or service.
    #[command(after_help = "Example: chancery team add credit-risk ann")]
    Add {
        /// Name of the team.
        name: String,
        /// Name of the user.
        user: String,
    },
    /// Take somebody out.
    #[command(after_help = "Example: chancery team remove credit-risk ann")]
    Remove {
        /// Name of the team.
        name: String,
        /// Name of the user, or the id when the name was erased.
        user: String,
    },
    /// End a team that owns no model and has no members.
    #[command(after_help = "Example: chancery team dissolve credit-risk --reason \"part of retail now\"")]
    Dissolve {
        /// Name of the team.
        name: String,
        /// Why. Goes into the record.
        #[arg(long, value_name = "TEXT")]
        reason: String,
    },
}

/// Runs a subcommand.
///
/// # Errors
/// [`Failure`](super::failure::Failure).
pub async fn run(command: Command, session: &Session) -> Outcome {
    let client = &session.client;
    match command {
        Command::Create { name, description } => {
            let answer = client.post(client.url(&["teams"]), &json!({"name": name, "description": description})).await?;
            session.output.receipt(&answer, &format!("team {name} is created"));
        }
        Command::List { page } => {
            let mut url = client.url(&["teams"]);
            page.add_to(&mut url);
            let answer = client.get(url).await?;
            session.output.page(&answer, &["name", "members", "models", "dissolved", "description"], |item| {
                ["/name", "/members", "/models", "/dissolved", "/description"].iter().map(|pointer| text(item, pointer)).collect()
            });
        }
        Command::Describe { name, description } => {
            let answer = client.change(Method::PUT, client.url(&["teams", &name]), &json!({"description": description}), None).await?;
            session.output.receipt(&answer, &format!("team {name} is described anew"));
        }
        Command::Members { name, page } => {
            let mut url = client.url(&["teams", &name, "members"]);
            page.add_to(&mut url);
            let answer = client.get(url).await?;
            session.output.page(&answer, &["name", "kind", "active", "since", "id"], |item| {
                vec![text(item, "/name"), text(item, "/kind"), text(item, "/active"), moment(item, "/added_at"), text(item, "/id")]
            });
        }
        Command::Add { name, user } => {
            let answer = client.change(Method::PUT, client.url(&["teams", &name, "members", &user]), &json!({}), None).await?;
            session.output.receipt(&answer, &format!("{user} is in team {name}"));
        }
        Command::Remove { name, user } => {
            let answer = client.delete(client.url(&["teams", &name, "members", &user])).await?;
            session.output.receipt(&answer, &format!("{user} is not in team {name} any more"));
        }
        Command::Dissolve { name, reason } => {
            let answer = client.post(client.url(&["teams", &name, "dissolve"]), &json!({"reason": reason})).await?;
            session.output.receipt(&answer, &format!("team {name} is dissolved"));
        }
    }
    Ok(ExitCode::Done)
}
