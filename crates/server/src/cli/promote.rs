//! `chancery promote`: opens or refreshes a promotion, and executes it when nothing is missing.

use serde_json::{Value, json};

use super::Outcome;
use super::exit::ExitCode;
use super::output::text;
use super::promotion::{TARGETS, missing_lines};
use super::reference::Reference;
use super::session::Session;

/// Arguments of `promote`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: chancery promote loan-approval/3 --to production\n\nExit code 0 when it is executed, 3 when it waits.")]
pub struct Args {
    /// The version.
    reference: Reference,
    /// The state.
    #[arg(long, value_name = "STATE", value_parser = TARGETS)]
    to: String,
    /// The environment.
    #[arg(long, value_name = "NAME", default_value = "production")]
    environment: String,
    /// Words for those who decide.
    #[arg(long, value_name = "TEXT")]
    comment: Option<String>,
    /// Leave the other versions in production.
    #[arg(long)]
    keep_others: bool,
}

/// Runs `promote`.
///
/// # Errors
/// [`Failure`](super::failure::Failure).
pub async fn run(args: Args, session: &Session) -> Outcome {
    let (name, number) = session.locate(&args.reference).await?;
    let version: u64 = number.parse().unwrap_or_default();
    let mut body = json!({"model": name, "version": version, "to": args.to, "environment": args.environment, "keep_others": args.keep_others});
    if let (Some(body), Some(comment)) = (body.as_object_mut(), &args.comment) {
        body.insert("comment".to_owned(), json!(comment));
    }
    let answer = session.client.post(session.client.url(&["promotions"]), &body).await?;
    let executed = answer.value.get("executed").and_then(Value::as_bool) == Some(true);
    session.output.show(&answer, || {
        let promotion = answer.value.get("promotion").unwrap_or(&Value::Null);
        let id = text(promotion, "/id");
        if executed {
            return vec![format!("{name}/{number} is now {} (promotion {id}, entry {})", args.to, text(&answer.value, "/receipt/index"))];
        }
        let mut lines = vec![format!("promotion {id} of {name}/{number} to {} is open and waits", args.to)];
        lines.extend(missing_lines(promotion));
        lines
    });
    Ok(if executed { ExitCode::Done } else { ExitCode::Waits })
}
