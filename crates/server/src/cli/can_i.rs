//! `chancery can-i`: may I, or may somebody else, and which policy decides.

use serde_json::Value;

use super::Outcome;
use super::exit::ExitCode;
use super::history::add;
use super::output::{fields, items, text};
use super::session::Session;

/// The arguments of `can-i`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: chancery can-i execute loan-approval --as ci\n\nExit code 1 when the answer is no.")]
pub struct Args {
    /// The action, such as `read`, `register`, `review` or `execute`.
    action: String,
    /// Name or id of a model. Without it the registry is meant, or models in general.
    model: Option<String>,
    /// Environment of a promotion.
    #[arg(long, value_name = "NAME")]
    environment: Option<String>,
    /// Somebody else. Only auditors and administrators ask about others.
    #[arg(long = "as", value_name = "ACTOR")]
    who: Option<String>,
}

/// Asks.
///
/// # Errors
/// [`Failure`](super::failure::Failure).
pub async fn run(args: Args, session: &Session) -> Outcome {
    let client = &session.client;
    let mut url = client.url(&["can-i"]);
    let Args { action, model, environment, who } = &args;
    add(&mut url, &[("action", Some(action)), ("model", model.as_deref()), ("environment", environment.as_deref()), ("as", who.as_deref())]);
    let answer = client.get(url).await?;
    session.output.show(&answer, || lines(&answer.value));
    let allowed = answer.value.get("allowed").and_then(Value::as_bool) == Some(true);
    Ok(if allowed { ExitCode::Done } else { ExitCode::Refused })
}

fn lines(view: &Value) -> Vec<String> {
    let allowed = view.get("allowed").and_then(Value::as_bool) == Some(true);
    let mut lines = vec![if allowed { "yes".to_owned() } else { "no".to_owned() }];
    lines.extend(fields(view, &[("action", "/action"), ("actor", "/actor"), ("on", "/resource")]));
    let list = |member: &str| view.get(member).map_or(&[][..], |list| items(list));
    for policy in list("policies") {
        lines.push(format!("{} {} ({}): {}", text(policy, "/effect"), text(policy, "/id"), text(policy, "/source"), text(policy, "/title")));
    }
    let roles: Vec<&str> = list("roles_that_would").iter().filter_map(Value::as_str).collect();
    if !roles.is_empty() {
        lines.push(format!("roles that would allow it: {}", roles.join(", ")));
    }
    for member in ["remedy", "note"] {
        lines.extend(view.get(member).and_then(Value::as_str).map(|said| format!("{member}: {said}")));
    }
    lines
}
