//! `chancery token`: tokens of users. A secret is shown once, when it is made.

use clap::Subcommand;
use serde_json::json;

use super::Outcome;
use super::exit::ExitCode;
use super::history::add;
use super::output::{Format, text};
use super::session::{Session, member};

/// The subcommands of `token`.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Create a token. Only the token goes to the standard output.
    #[command(after_help = "Example: chancery token create data-scientist --expires-in-days 30")]
    Create {
        /// Name of the user.
        user: String,
        /// How long it is valid.
        #[arg(long, value_name = "DAYS", default_value_t = 90)]
        expires_in_days: u32,
    },
    /// List tokens; never their secrets.
    #[command(after_help = "Example: chancery token list --user data-scientist")]
    List {
        /// Only of this user.
        #[arg(long)]
        user: Option<String>,
    },
    /// Revoke a token.
    #[command(after_help = "Example: chancery token revoke t0123456789abcdef0123456789abcdef")]
    Revoke {
        /// Id of the token.
        id: String,
    },
}

/// Runs a subcommand.
///
/// # Errors
/// [`Failure`](super::failure::Failure).
pub async fn run(command: Command, session: &Session) -> Outcome {
    let client = &session.client;
    match command {
        Command::Create { user, expires_in_days } => return create(session, &user, expires_in_days).await,
        Command::List { user } => {
            let mut url = client.url(&["tokens"]);
            add(&mut url, &[("user", user.as_deref())]);
            let answer = client.get(url).await?;
            session.output.page(&answer, &["id", "user", "created", "expires", "revoked"], |item| {
                ["/id", "/user", "/created_at", "/expires_at", "/revoked"].iter().map(|pointer| text(item, pointer)).collect()
            });
        }
        Command::Revoke { id } => {
            let answer = client.delete(client.url(&["tokens", &id])).await?;
            session.output.receipt(&answer, &format!("token {id} is revoked"));
        }
    }
    Ok(ExitCode::Done)
}

/// Creates a token and prints it.
///
/// # Errors
/// [`Failure`](super::failure::Failure).
pub async fn create(session: &Session, user: &str, expires_in_days: u32) -> Outcome {
    let answer = session.client.post(session.client.url(&["tokens"]), &json!({"user": user, "expires_in_days": expires_in_days})).await?;
    match session.output.format() {
        Format::Json => session.output.raw(&answer.text),
        Format::Table => {
            session.output.note(&format!("token {} of {user}, valid for {expires_in_days} days; it is shown only now", text(&answer.value, "/token_id")));
            // Alone on the standard output, so that `CHANCERY_TOKEN=$(chancery token create …)` works.
            session.output.raw(&member(&answer.value, "/secret")?);
        }
    }
    Ok(ExitCode::Done)
}
