//! `chancery key`: public keys, with which approvals and evidence are signed.

mod rotate;

use std::path::{Path, PathBuf};

use chancery_core::signing::{ForeignKey, ForeignSigningKey};
use clap::Subcommand;
use serde_json::json;

use super::Outcome;
use super::exit::ExitCode;
use super::failure::Failure;
use super::history::Page;
use super::output::text;
use super::session::{Session, member};

/// Largest key file that is read, in bytes.
const MAX_FILE_BYTES: u64 = 64 * 1024;

/// The subcommands of `key`.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Register a public key: your own, or as an administrator that of a pipeline.
    #[command(after_help = "Example: chancery key add id_ed25519.pub")]
    Add {
        /// SPKI PEM (`openssl pkey -in KEY -pubout`) or an OpenSSH `.pub` file, of P-256 or Ed25519.
        file: PathBuf,
        /// The pipeline or service whose key it is. Otherwise you.
        #[arg(long, value_name = "NAME")]
        user: Option<String>,
    },
    /// List public keys.
    #[command(after_help = "Example: chancery key list --user ci")]
    List {
        /// Whose. Otherwise yours.
        #[arg(long, value_name = "NAME")]
        user: Option<String>,
        /// Which part of the list.
        #[command(flatten)]
        page: Page,
    },
    /// Put a new key in the place of one with which the registry itself signs. The server must be stopped.
    #[command(after_help = "Example: chancery key rotate checkpoint --data chancery-data --overlap 30d")]
    Rotate(rotate::Args),
    /// End the use of a public key. What it signed before stays signed.
    #[command(after_help = "Example: chancery key remove 5a7a78cca4a0f420d9bc62bb669c3c2759e39f723d3ae10dcbe0f0815a07ecd4 --user ci")]
    Remove {
        /// Id of the key.
        id: String,
        /// Whose. Otherwise yours.
        #[arg(long, value_name = "NAME")]
        user: Option<String>,
    },
}

/// Runs the subcommand that works on the data itself; `None` for those that ask the server.
///
/// # Errors
/// [`Failure`].
pub async fn run_on_data(command: &Command) -> Option<Outcome> {
    match command {
        Command::Rotate(args) => Some(Box::pin(rotate::run(args)).await),
        Command::Add { .. } | Command::List { .. } | Command::Remove { .. } => None,
    }
}

/// Runs a subcommand.
///
/// # Errors
/// [`Failure`].
pub async fn run(command: Command, session: &Session) -> Outcome {
    let client = &session.client;
    match command {
        Command::Add { file, user } => {
            let key = read_file(&file)?;
            // Refused here, so that a private key never leaves the machine.
            let id = ForeignKey::parse(&key)?.key_id().map_err(|error| Failure::Usage(error.to_string()))?;
            let user = named(session, user).await?;
            let answer = client.post(client.url(&["users", &user, "keys"]), &json!({"key": key})).await?;
            session.output.receipt(&answer, &format!("key {id} of {user} is registered"));
        }
        Command::List { user, page } => {
            let user = named(session, user).await?;
            let mut url = client.url(&["users", &user, "keys"]);
            page.add_to(&mut url);
            let answer = client.get(url).await?;
            session.output.page(&answer, &["id", "algorithm", "added", "removed"], |item| {
                ["/id", "/algorithm", "/added_at", "/removed_at"].iter().map(|pointer| text(item, pointer)).collect()
            });
        }
        Command::Rotate(args) => return Box::pin(rotate::run(&args)).await,
        Command::Remove { id, user } => {
            let user = named(session, user).await?;
            let answer = client.delete(client.url(&["users", &user, "keys", &id])).await?;
            session.output.receipt(&answer, &format!("key {id} of {user} is removed"));
        }
    }
    Ok(ExitCode::Done)
}

/// The user that is meant: the caller unless one is named.
async fn named(session: &Session, user: Option<String>) -> Result<String, Failure> {
    match user {
        Some(user) => Ok(user),
        None => member(&session.client.get(session.client.url(&["whoami"])).await?.value, "/name"),
    }
}

/// The private key in a file.
///
/// # Errors
/// [`Failure::Usage`] when it cannot be read or is none.
pub fn private(path: &Path) -> Result<ForeignSigningKey, Failure> {
    ForeignSigningKey::parse(&read_file(path)?).map_err(|refusal| Failure::Usage(format!("`{}`: {refusal}", path.display())))
}

fn read_file(path: &Path) -> Result<String, Failure> {
    let unreadable = |error: std::io::Error| Failure::Usage(format!("cannot read `{}`: {error}", path.display()));
    if std::fs::metadata(path).map_err(unreadable)?.len() > MAX_FILE_BYTES {
        return Err(Failure::Usage(format!("`{}` is too large for a key", path.display())));
    }
    std::fs::read_to_string(path).map_err(unreadable)
}
