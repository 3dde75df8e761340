//! `chancery doctor`: says what is wrong with the connection, the token, the clock or the server, and what to do.

use chancery_core::ledger::checkpoint::SignedCheckpoint;
use chancery_core::ledger::note::Verifier;
use jiff::Timestamp;
use serde_json::{Value, json};

use super::Outcome;
use super::connection::TokenSource;
use super::exit::ExitCode;
use super::failure::Failure;
use super::output::{Format, text};
use super::session::Session;

/// Largest difference between the two clocks that is still fine, in seconds.
const MAX_CLOCK_SECONDS: i64 = 30;
/// How long the checkpoint may stay behind the ledger, in seconds.
const MAX_CHECKPOINT_SECONDS: i64 = 120;

/// Arguments of `doctor`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: chancery doctor")]
pub struct Args {}

/// What one examination found.
#[derive(Debug, PartialEq)]
enum Finding {
    Fine(String),
    /// What is wrong, and what to do.
    Wrong(String, &'static str),
}

/// Runs `doctor`.
///
/// # Errors
/// None of its own: what goes wrong is its result.
pub async fn run(_args: Args, session: &Session) -> Outcome {
    let mut findings = vec![("server", server(session).await)];
    let is_reachable = matches!(findings.first(), Some((_, Finding::Fine(_))));
    if is_reachable {
        findings.push(("token", token(session).await));
        findings.push(("clock", clock(session).await));
        findings.push(("checkpoint", checkpoint(session).await));
        findings.push(("publishing", publishing(session).await));
    }
    tell(session, &findings);
    let is_fine = findings.iter().all(|(_, finding)| matches!(finding, Finding::Fine(_)));
    Ok(match (is_reachable, is_fine) {
        (false, _) => ExitCode::Fault,
        (true, false) => ExitCode::Refused,
        (true, true) => ExitCode::Done,
    })
}

fn tell(session: &Session, findings: &[(&str, Finding)]) {
    let mut list = Vec::new();
    for (name, finding) in findings {
        match finding {
            Finding::Fine(text) => {
                session.output.line(&format!("ok     {name}: {text}"));
                list.push(json!({"name": name, "ok": true, "message": text}));
            }
            Finding::Wrong(text, remedy) => {
                session.output.line(&format!("wrong  {name}: {text}\n       remedy: {remedy}"));
                list.push(json!({"name": name, "ok": false, "message": text, "remedy": remedy}));
            }
        }
    }
    if session.output.format() == Format::Json {
        session.output.raw(&Value::Array(list).to_string());
    }
}

async fn server(session: &Session) -> Finding {
    let base = session.client.base();
    match session.client.get_bytes(session.client.root_url(&["readyz"])).await {
        Ok(_) => Finding::Fine(format!("{base} is ready")),
        Err(Failure::Problem { problem, .. }) => Finding::Wrong(format!("{base} is not ready: {}", problem.detail), "look into the server's log"),
        Err(failure) => {
            Finding::Wrong(format!("{base} cannot be reached: {failure}"), "start it (`chancery serve`), or set CHANCERY_URL or --url to where it runs")
        }
    }
}

async fn token(session: &Session) -> Finding {
    let source = match session.client.token_source() {
        TokenSource::Environment => "CHANCERY_TOKEN".to_owned(),
        TokenSource::Login => "chancery login".to_owned(),
        TokenSource::File(file) => file.display().to_string(),
        TokenSource::None => return Finding::Wrong("there is no token".to_owned(), "set CHANCERY_TOKEN or use --token-file"),
    };
    match session.client.get(session.client.url(&["whoami"])).await {
        Ok(answer) => Finding::Fine(format!(
            "from {source}: {} ({}), roles: {}",
            text(&answer.value, "/name"),
            text(&answer.value, "/kind"),
            text(&answer.value, "/roles")
        )),
        Err(failure) => Finding::Wrong(format!("from {source}: {failure}"), "ask an administrator for a token: chancery token create NAME"),
    }
}

async fn clock(session: &Session) -> Finding {
    let request = session.client.request(reqwest::Method::GET, session.client.root_url(&["healthz"]));
    let date = match session.client.send(request).await {
        Ok(response) => response.headers().get("date").and_then(|date| date.to_str().ok()).map(str::to_owned),
        Err(failure) => return Finding::Wrong(failure.to_string(), "try again"),
    };
    let Some(server) = date.and_then(|date| jiff::fmt::rfc2822::parse(&date).ok()) else {
        return Finding::Wrong("the server does not say what time it is".to_owned(), "look at what stands between this machine and the server");
    };
    judge_clock(Timestamp::now().as_second() - server.timestamp().as_second())
}

fn judge_clock(difference: i64) -> Finding {
    let text = format!("this machine and the server differ by {} s", difference.abs());
    if difference.abs() <= MAX_CLOCK_SECONDS { Finding::Fine(text) } else { Finding::Wrong(text, "synchronise both clocks (NTP)") }
}

/// The published checkpoint is signed by the log's key.
async fn checkpoint(session: &Session) -> Finding {
    let client = &session.client;
    let note = client.get_bytes(client.root_url(&["log", "checkpoint"])).await;
    let keys = client.get_bytes(client.root_url(&["log", "key"])).await;
    let (Ok(note), Ok(keys)) = (note, keys) else {
        return Finding::Wrong("the server publishes no checkpoint".to_owned(), "look into the server's log; it signs one when it starts");
    };
    let (note, keys) = (String::from_utf8_lossy(&note), String::from_utf8_lossy(&keys));
    let verifiers = keys.lines().filter_map(|line| line.trim().parse::<Verifier>().ok());
    match verifiers.filter_map(|verifier| SignedCheckpoint::open(&note, &verifier).ok()).next() {
        Some(signed) => Finding::Fine(format!("{} entries, signed by {}", signed.checkpoint().size, signed.checkpoint().origin)),
        None => Finding::Wrong(
            "the checkpoint is not signed by the log's key".to_owned(),
            "do not trust this server; run `chancery ledger verify` on its data folder",
        ),
    }
}

async fn publishing(session: &Session) -> Finding {
    match session.client.get(session.client.url(&["ledger", "head"])).await {
        Ok(answer) => judge_head(&answer.value, Timestamp::now().as_second()),
        Err(failure) => match failure.exit_code() {
            ExitCode::Refused => Finding::Fine("not examined: it needs a role that this token does not have".to_owned()),
            ExitCode::Done | ExitCode::Usage | ExitCode::Waits | ExitCode::NotFound | ExitCode::VerificationFailed | ExitCode::Fault => {
                Finding::Wrong(failure.to_string(), "look into the server's log")
            }
        },
    }
}

/// The checkpoint follows the ledger: it may be behind for a short time only.
fn judge_head(head: &Value, now: i64) -> Finding {
    let number = |name: &str| head.get(name).and_then(Value::as_u64).unwrap_or(0);
    let behind = number("size").saturating_sub(number("checkpoint_size"));
    let published = head.get("published").and_then(Value::as_str).and_then(|time| time.parse::<Timestamp>().ok());
    let age = published.map(|time| now - time.as_second());
    let text = format!("{} entries, {behind} of them after the checkpoint", number("size"));
    if behind > 0 && age.is_some_and(|age| age > MAX_CHECKPOINT_SECONDS) {
        return Finding::Wrong(format!("{text}, which is {} s old", age.unwrap_or(0)), "look into the server's log: signing or storing checkpoints fails");
    }
    Finding::Fine(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_late_checkpoint_and_a_wrong_clock_are_found() {
        let now = "2026-01-01T00:10:00Z".parse::<Timestamp>().unwrap().as_second();
        let head = |behind: u64, published: &str| json!({"size": 10, "checkpoint_size": 10 - behind, "published": published});
        let cases = [(head(0, "2026-01-01T00:00:00Z"), true), (head(3, "2026-01-01T00:09:59Z"), true), (head(3, "2026-01-01T00:00:00Z"), false)];
        for (head, fine) in cases {
            assert_eq!(matches!(judge_head(&head, now), Finding::Fine(_)), fine, "{head}");
        }
        for (difference, fine) in [(0, true), (-30, true), (31, false), (-3600, false)] {
            assert_eq!(matches!(judge_clock(difference), Finding::Fine(_)), fine, "{difference}");
        }
    }
}
