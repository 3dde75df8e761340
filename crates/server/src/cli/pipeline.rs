//! `chancery pipeline`: by which tokens of their CI systems pipelines are known.

use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use clap::Subcommand;
use serde_json::{Value, json};

use super::Outcome;
use super::exit::ExitCode;
use super::failure::Failure;
use super::output::text;
use super::session::Session;

/// Largest file of claims that is read, in bytes.
const MAX_FILE_BYTES: u64 = 64 * 1024;

/// The subcommands of `pipeline`.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Workload identities: what the token of a run must say.
    #[command(subcommand)]
    Identity(Identity),
}

/// The subcommands of `pipeline identity`.
#[derive(Debug, Subcommand)]
pub enum Identity {
    /// Register an identity: who runs, and which of its runs.
    #[command(
        after_help = "Example: chancery pipeline identity add release-pipeline --issuer https://token.actions.githubusercontent.com --rule repository=acme/loans --rule environment=production"
    )]
    Add {
        /// The pipeline.
        pipeline: String,
        /// `iss` of the tokens: an issuer that the operator configured.
        #[arg(long, value_name = "ISSUER")]
        issuer: String,
        /// A claim that must be exactly this.
        #[arg(long = "rule", value_name = "CLAIM=VALUE")]
        rules: Vec<String>,
        /// A claim that must begin with this, which ends with `/` or `:`.
        #[arg(long = "prefix", value_name = "CLAIM=VALUE")]
        prefixes: Vec<String>,
    },
    /// List the identities of a pipeline.
    #[command(after_help = "Example: chancery pipeline identity list release-pipeline")]
    List {
        /// The pipeline.
        pipeline: String,
    },
    /// End an identity.
    #[command(after_help = "Example: chancery pipeline identity remove release-pipeline i0123456789abcdef0123456789abcdef")]
    Remove {
        /// The pipeline.
        pipeline: String,
        /// Id of the identity.
        id: String,
    },
    /// Try claims: which identity would fit, and why the others do not. Nothing is verified or issued.
    #[command(after_help = "Example: chancery pipeline identity test release-pipeline claims.json")]
    Test {
        /// The pipeline.
        pipeline: String,
        /// File with the claims as JSON, or with a token, of which only the claims are sent.
        file: PathBuf,
    },
}

/// Runs a subcommand.
///
/// # Errors
/// [`Failure`].
pub async fn run(command: Command, session: &Session) -> Outcome {
    let Command::Identity(command) = command;
    let client = &session.client;
    match command {
        Identity::Add { pipeline, issuer, rules, prefixes } => {
            let exact = rules.iter().map(|rule| read_rule(rule, "exact"));
            let rules = exact.chain(prefixes.iter().map(|rule| read_rule(rule, "prefix"))).collect::<Result<Vec<Value>, Failure>>()?;
            let answer = client.post(client.url(&["users", &pipeline, "identities"]), &json!({"issuer": issuer, "rules": rules})).await?;
            session.output.receipt(&answer, &format!("{pipeline} is known by tokens of {issuer}"));
        }
        Identity::List { pipeline } => {
            let answer = client.get(client.url(&["users", &pipeline, "identities"])).await?;
            session.output.page(&answer, &["id", "issuer", "audience", "rules", "added"], |item| {
                vec![text(item, "/id"), text(item, "/issuer"), text(item, "/audience"), rules_of(item), text(item, "/added_at")]
            });
        }
        Identity::Remove { pipeline, id } => {
            let answer = client.delete(client.url(&["users", &pipeline, "identities", &id])).await?;
            session.output.receipt(&answer, &format!("identity {id} of {pipeline} is ended"));
        }
        Identity::Test { pipeline, file } => return test(session, &pipeline, &file).await,
    }
    Ok(ExitCode::Done)
}

async fn test(session: &Session, pipeline: &str, file: &Path) -> Outcome {
    let claims = read_claims(file)?;
    let answer = session.client.post(session.client.url(&["users", pipeline, "identities", "test"]), &json!({"claims": claims})).await?;
    session.output.page(&answer, &["identity", "outcome", "why not"], |item| {
        let why = item.pointer("/mismatches").and_then(Value::as_array).into_iter().flatten();
        let why: Vec<String> = why.map(|one| format!("{}: {}", text(one, "/claim"), text(one, "/message"))).collect();
        vec![text(item, "/id"), text(item, "/outcome"), why.join("\n")]
    });
    let items = answer.value.pointer("/items").and_then(Value::as_array);
    let fits = items.is_some_and(|items| items.iter().any(|item| text(item, "/outcome") == "fits"));
    Ok(if fits { ExitCode::Done } else { ExitCode::Refused })
}

fn read_rule(text: &str, how: &str) -> Result<Value, Failure> {
    match text.split_once('=') {
        Some((claim, value)) => Ok(json!({"claim": claim, "match": how, "value": value})),
        None => Err(Failure::Usage(format!("`{text}` is no rule such as repository=acme/loans"))),
    }
}

fn rules_of(item: &Value) -> String {
    let rules = item.pointer("/rules").and_then(Value::as_array).into_iter().flatten();
    let words: Vec<String> =
        rules.map(|rule| format!("{}={}{}", text(rule, "/claim"), text(rule, "/value"), if text(rule, "/match") == "prefix" { "…" } else { "" })).collect();
    words.join("\n")
}

/// The claims in a file. The signature of a token stays here: a token is a secret until it is exchanged.
fn read_claims(file: &Path) -> Result<Value, Failure> {
    let unreadable = |error: String| Failure::Usage(format!("cannot read the claims in `{}`: {error}", file.display()));
    if std::fs::metadata(file).map_err(|error| unreadable(error.to_string()))?.len() > MAX_FILE_BYTES {
        return Err(unreadable("the file is too large".to_owned()));
    }
    let content = std::fs::read_to_string(file).map_err(|error| unreadable(error.to_string()))?;
    let bytes = match content.trim().split('.').collect::<Vec<_>>().as_slice() {
        [_, claims, _] if !content.trim_start().starts_with('{') => {
            BASE64_URL_SAFE_NO_PAD.decode(claims).map_err(|_| unreadable("it is neither JSON nor a token".to_owned()))?
        }
        _ => content.into_bytes(),
    };
    serde_json::from_slice(&bytes).map_err(|error| unreadable(format!("line {}, column {}: this is no JSON", error.line(), error.column())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn claims_are_read_from_json_and_from_a_token_without_its_signature() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("claims");
        let token = format!("e30.{}.c2ln", BASE64_URL_SAFE_NO_PAD.encode(r#"{"sub":"x"}"#));
        for (content, expected) in [(r#"{"sub": "x"}"#.to_owned(), true), (token, true), ("a.b.c".to_owned(), false), ("x".to_owned(), false)] {
            std::fs::write(&file, &content).unwrap();
            assert_eq!(read_claims(&file).ok(), expected.then(|| json!({"sub": "x"})), "{content}");
        }
    }
}
