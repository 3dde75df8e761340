//! `chancery login`, `logout` and `account`: people at a keyboard. Passwords are asked for without an echo, never taken from arguments.

use std::io::{BufRead as _, IsTerminal as _};
use std::process::{Command as Program, Stdio};

use clap::Subcommand;
use serde_json::json;

use super::Outcome;
use super::connection::{forget_login, keep_login, kept_login};
use super::exit::ExitCode;
use super::failure::Failure;
use super::login_run;
use super::output::text;
use super::session::{Session, member};
use crate::secret::Secret;

/// Longest line that is read as a password.
const MAX_LINE: u64 = 4_096;

/// Arguments of `login`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: chancery login --name data-scientist\n\
    A pipeline run: chancery login --github --audience https://registry.example.com --save token\n\
    Its token is valid for a quarter of an hour; without --save it goes to the standard output.")]
pub struct Args {
    /// Your name in the registry. Otherwise your name on this machine.
    #[arg(long)]
    name: Option<String>,
    /// For the run of a pipeline.
    #[command(flatten)]
    run: login_run::RunArgs,
}

/// Logs in and keeps the token for the commands that follow.
///
/// # Errors
/// [`Failure`].
pub async fn login(args: Args, session: &Session) -> Outcome {
    if args.run.is_run() {
        return login_run::run(args.run, session).await;
    }
    let name = named(args.name)?;
    let password = ask(&format!("password of {name}: ")).await?;
    let url = session.client.url(&["login"]);
    // Sent once: each call is a login of its own.
    let request = session.client.request(reqwest::Method::POST, url).json(&json!({"name": name, "password": password.expose()}));
    let answer = session.client.answer_once(request).await?;
    let secret = Secret::new(member(&answer.value, "/secret")?);
    let file = keep_login(session.client.base(), &secret, &member(&answer.value, "/token_id")?)?;
    session.output.note(&format!("you are {name} until {}; the token is in {}", text(&answer.value, "/expires_at"), file.display()));
    Ok(ExitCode::Done)
}

/// Revokes the token of the last login, and forgets it.
///
/// # Errors
/// [`Failure`].
pub async fn logout(session: &Session) -> Outcome {
    let Some((secret, id)) = kept_login(session.client.base())? else {
        session.output.note("you are not logged in to this server");
        return Ok(ExitCode::Done);
    };
    let url = session.client.url(&["account", "tokens", &id]);
    let revoked = session.client.answer_once(session.client.request(reqwest::Method::DELETE, url).bearer_auth(secret.expose())).await;
    forget_login(session.client.base())?;
    match revoked {
        Ok(_) => session.output.note("you are logged out; the token is revoked"),
        // It ended by itself; what is wanted is so.
        Err(Failure::Problem { problem, .. }) if problem.status == 401 => session.output.note("you are logged out; the token had ended already"),
        Err(failure) => return Err(failure),
    }
    Ok(ExitCode::Done)
}

/// The subcommands of `account`.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Set your password, with the one in force or with the one-time secret of a reset.
    #[command(after_help = "Example: chancery account password --name data-scientist")]
    Password {
        /// Your name in the registry. Otherwise your name on this machine.
        #[arg(long)]
        name: Option<String>,
    },
    /// List your sessions of the pages.
    #[command(after_help = "Example: chancery account sessions")]
    Sessions,
    /// End a session of the pages, or all.
    #[command(after_help = "Example: chancery account end-sessions")]
    EndSessions {
        /// Id of the session. Otherwise all.
        id: Option<String>,
    },
}

/// Runs a subcommand of `account`.
///
/// # Errors
/// [`Failure`].
pub async fn account(command: Command, session: &Session) -> Outcome {
    let client = &session.client;
    match command {
        Command::Password { name } => {
            let name = named(name)?;
            let current = ask("password in force, or one-time secret: ").await?;
            let new = ask("new password: ").await?;
            if std::io::stdin().is_terminal() && ask("new password, again: ").await?.expose() != new.expose() {
                return Err(Failure::Usage("the new password was not the same twice".to_owned()));
            }
            let body = json!({"name": name, "current": current.expose(), "new": new.expose()});
            let answer = client.answer_once(client.request(reqwest::Method::POST, client.url(&["account", "password"])).json(&body)).await?;
            session.output.receipt(&answer, &format!("the password of {name} is set; sessions and login tokens have ended"));
        }
        Command::Sessions => {
            let answer = client.get(client.url(&["account", "sessions"])).await?;
            session.output.page(&answer, &["id", "by", "since", "last used", "browser"], |item| {
                ["/id", "/method", "/created_at", "/used_at", "/browser"].iter().map(|pointer| text(item, pointer)).collect()
            });
        }
        Command::EndSessions { id } => {
            let mut path = vec!["account", "sessions"];
            path.extend(id.as_deref());
            let answer = client.delete(client.url(&path)).await?;
            session.output.line(&format!("sessions ended: {}", text(&answer.value, "/ended")));
        }
    }
    Ok(ExitCode::Done)
}

fn named(given: Option<String>) -> Result<String, Failure> {
    given.or_else(|| std::env::var("USER").ok()).ok_or_else(|| Failure::Usage("say who you are: --name NAME".to_owned()))
}

/// A password: typed without an echo at a terminal, otherwise the next line of the standard input.
async fn ask(question: &str) -> Result<Secret, Failure> {
    if !std::io::stdin().is_terminal() {
        return line();
    }
    eprint!("{question}");
    let echo = Echo::off()?;
    let asked = tokio::task::spawn_blocking(line);
    let answer = tokio::select! {
        answer = asked => answer.map_err(|error| Failure::Usage(format!("cannot read the password: {error}")))?,
        _ = tokio::signal::ctrl_c() => Err(Failure::Usage("cancelled".to_owned())),
    };
    drop(echo);
    eprintln!();
    if matches!(&answer, Err(Failure::Usage(why)) if why == "cancelled") {
        // The thread that waits for a line would hold up the end.
        std::process::exit(130);
    }
    answer
}

fn line() -> Result<Secret, Failure> {
    use std::io::Read as _;
    let mut text = String::new();
    // What is read beyond the line stays in the buffer of the standard input, for the next question.
    let read = std::io::stdin().lock().take(MAX_LINE).read_line(&mut text);
    read.map_err(|error| Failure::Usage(format!("cannot read the password: {error}")))?;
    let trimmed = text.trim_end_matches(['\r', '\n']).len();
    text.truncate(trimmed);
    if text.is_empty() {
        return Err(Failure::Usage("no password was given".to_owned()));
    }
    Ok(Secret::new(text))
}

/// The terminal without an echo, until it is dropped.
struct Echo {
    before: String,
}

impl Echo {
    fn off() -> Result<Self, Failure> {
        let failed = |error: std::io::Error| Failure::Usage(format!("cannot hide what is typed: {error}; give the password on the standard input"));
        let before = stty(&["-g"]).output().map_err(failed)?;
        let echo = Self { before: String::from_utf8_lossy(&before.stdout).trim().to_owned() };
        let status = stty(&["-echo"]).status().map_err(failed)?;
        if status.success() { Ok(echo) } else { Err(failed(std::io::Error::other("stty failed"))) }
    }
}

impl Drop for Echo {
    fn drop(&mut self) {
        let restored = stty(&[self.before.as_str()]).status();
        if !restored.is_ok_and(|status| status.success()) {
            eprintln!("type `stty sane` to see again what you type");
        }
    }
}

fn stty(arguments: &[&str]) -> Program {
    let mut program = Program::new("stty");
    program.args(arguments).stdin(Stdio::inherit()).stderr(Stdio::null());
    program
}
