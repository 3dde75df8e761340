//! `chancery group`: what groups of the identity provider give.

use clap::Subcommand;
use reqwest::Method;
use serde_json::json;

use super::Outcome;
use super::exit::ExitCode;
use super::history::Page;
use super::output::text;
use super::session::Session;

/// The subcommands of `group`.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Say which roles a group gives, at the next login of whoever is in it.
    #[command(after_help = "Example: chancery group map ml-credit --role contributor@team:credit-risk --role viewer")]
    Map {
        /// Name of the group, as the provider says it.
        group: String,
        /// A role; repeat it for more.
        #[arg(long = "role", value_name = "ROLE", required = true)]
        roles: Vec<String>,
    },
    /// End what a group gives.
    #[command(after_help = "Example: chancery group unmap ml-credit")]
    Unmap {
        /// Name of the group.
        group: String,
    },
    /// List the groups that give roles.
    #[command(after_help = "Example: chancery group list")]
    List {
        /// Which part of the list.
        #[command(flatten)]
        page: Page,
    },
}

/// Runs a subcommand.
///
/// # Errors
/// [`Failure`](super::failure::Failure).
pub async fn run(command: Command, session: &Session) -> Outcome {
    let client = &session.client;
    match command {
        Command::Map { group, roles } => {
            let answer = client.change(Method::PUT, client.url(&["groups", &group]), &json!({"roles": roles}), None).await?;
            session.output.receipt(&answer, &format!("group {group} gives {}", roles.join(", ")));
        }
        Command::Unmap { group } => {
            let answer = client.delete(client.url(&["groups", &group])).await?;
            session.output.receipt(&answer, &format!("group {group} gives nothing any more"));
        }
        Command::List { page } => {
            let mut url = client.url(&["groups"]);
            page.add_to(&mut url);
            let answer = client.get(url).await?;
            session.output.page(&answer, &["group", "roles", "mapped by", "since"], |item| {
                ["/group", "/roles", "/mapped_by", "/mapped_at"].iter().map(|pointer| text(item, pointer)).collect()
            });
        }
    }
    Ok(ExitCode::Done)
}
