//! `chancery policy`: the rules, their mode and their tests.

use clap::Subcommand;
use reqwest::Method;
use serde_json::{Value, json};

use super::Outcome;
use super::exit::ExitCode;
use super::output::{fields, items, outline, text};
use super::session::Session;

/// The subcommands of `policy`.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Show the rules, or one rule with its source.
    #[command(after_help = "Example: chancery policy show metric.no-regression")]
    Show {
        /// Id of a rule.
        rule: Option<String>,
    },
    /// Say whether failed rules stop a promotion (enforce) or mark it (warn).
    #[command(after_help = "Example: chancery policy mode enforce --reason \"the trial period ends\"")]
    Mode {
        /// enforce or warn.
        mode: String,
        /// Why. Goes into the record.
        #[arg(long, value_name = "TEXT")]
        reason: String,
    },
    /// Let the server run the tests of its rules.
    #[command(after_help = "Example: chancery policy test\n\nExit code 5 when a test fails.")]
    Test,
}

/// Runs a subcommand.
///
/// # Errors
/// [`Failure`](super::failure::Failure).
pub async fn run(command: Command, session: &Session) -> Outcome {
    let client = &session.client;
    match command {
        Command::Show { rule: None } => {
            let answer = client.get(client.url(&["policy"])).await?;
            session.output.show(&answer, || overview(session, &answer.value));
        }
        Command::Show { rule: Some(rule) } => {
            let answer = client.get(client.url(&["policy", "rules", &rule])).await?;
            session.output.show(&answer, || outline(&answer.value, 0));
        }
        Command::Mode { mode, reason } => {
            let answer = client.change(Method::PUT, client.url(&["policy", "mode"]), &json!({"mode": mode, "reason": reason}), None).await?;
            session.output.receipt(&answer, &format!("the policy mode is {mode}"));
        }
        Command::Test => {
            let answer = client.post(client.url(&["policy", "test"]), &json!({})).await?;
            let passed = answer.value.get("passed").and_then(Value::as_bool) == Some(true);
            session.output.show(&answer, || {
                let mut lines = answer.value.get("results").map_or_else(Vec::new, |results| outline(results, 0));
                lines.push(if passed { "every test passes" } else { "a test fails" }.to_owned());
                lines
            });
            return Ok(if passed { ExitCode::Done } else { ExitCode::VerificationFailed });
        }
    }
    Ok(ExitCode::Done)
}

fn overview(session: &Session, view: &Value) -> Vec<String> {
    let rules = view.get("rules").map_or(&[][..], |list| items(list));
    let row = |rule: &Value| {
        let strict = if rule.get("non_waivable").and_then(Value::as_bool) == Some(true) { "yes" } else { "" };
        vec![text(rule, "/id"), text(rule, "/gates"), strict.to_owned(), text(rule, "/title")]
    };
    let mut lines = fields(view, &[("mode", "/mode"), ("bundle", "/bundle_digest"), ("engine", "/engine")]);
    lines.push(session.output.table(&["rule", "gates", "non-waivable", "title"], &rules.iter().map(row).collect::<Vec<_>>()));
    lines
}
