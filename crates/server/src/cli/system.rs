//! `chancery system`: AI systems, which are made of versions of models, adapters, prompts and indexes.

use std::path::PathBuf;

use chancery_core::names::ModelName;
use clap::Subcommand;

use super::Outcome;
use super::history::Page;
use super::model::{self, CreateArgs, ListArgs};
use super::session::Session;

/// The subcommands of `system`.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Create a system: its intended use and its risk tier are said once, its versions say what it is made of.
    #[command(after_help = "Example: chancery system create support-assistant --tier high\n\nA version: chancery register support-assistant --component model=base/3 --component prompt=greeting@stable")]
    Create {
        /// Name of the system. Otherwise the name in the file.
        name: Option<ModelName>,
        /// What is said about it, YAML or JSON.
        #[arg(long, value_name = "FILE")]
        file: Option<PathBuf>,
        /// unclassified, minimal, limited, high or prohibited.
        #[arg(long)]
        tier: Option<String>,
        /// What it is.
        #[arg(long, value_name = "TEXT")]
        description: Option<String>,
    },
    /// List systems.
    #[command(after_help = "Example: chancery system list --tier high")]
    List {
        /// Only this risk tier.
        #[arg(long)]
        tier: Option<String>,
        /// Only names that begin so.
        #[arg(long)]
        prefix: Option<String>,
        /// Which part of the list.
        #[command(flatten)]
        page: Page,
    },
}

/// Runs a subcommand: a system is an entry of its own kind.
///
/// # Errors
/// [`Failure`](super::failure::Failure).
pub async fn run(command: Command, session: &Session) -> Outcome {
    let kind = Some("system".to_owned());
    let command = match command {
        Command::Create { name, file, tier, description } => model::Command::Create(CreateArgs { name, file, kind, tier, description }),
        Command::List { tier, prefix, page } => model::Command::List(ListArgs { kind, tier, prefix, page }),
    };
    model::run(command, session).await
}
