//! `chancery model`: models and what is said about them.

use std::path::PathBuf;

use chancery_core::names::ModelName;
use clap::Subcommand;
use reqwest::Method;
use serde_json::{Map, Value, json};

use super::Outcome;
use super::client::Answer;
use super::exit::ExitCode;
use super::failure::Failure;
use super::history::{Page, add};
use super::output::{outline, text};
use super::session::Session;
use super::{document, output};

/// The subcommands of `model`.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Create a model.
    #[command(after_help = "Example: chancery model create loan-approval --file model.yaml")]
    Create(CreateArgs),
    /// List models.
    #[command(after_help = "Example: chancery model list --tier high")]
    List(ListArgs),
    /// Show a model.
    #[command(after_help = "Example: chancery model show loan-approval")]
    Show {
        /// Name of the model.
        name: String,
        /// As it was then: an entry index or an RFC 3339 time.
        #[arg(long, value_name = "WHEN")]
        as_of: Option<String>,
    },
    /// Replace what is said about a model.
    #[command(after_help = "Example: chancery model update loan-approval --file model.yaml")]
    Update {
        /// Name of the model.
        name: String,
        /// The whole new text, YAML or JSON.
        #[arg(long, value_name = "FILE")]
        file: PathBuf,
        /// Only when the model still has this revision.
        #[arg(long, value_name = "REVISION")]
        if_match: Option<u64>,
    },
    /// Give a model another name.
    #[command(after_help = "Example: chancery model rename loan-approval mortgage-approval")]
    Rename {
        /// Name of the model.
        name: String,
        /// The new name.
        to: ModelName,
    },
    /// Take a model out of listings.
    #[command(after_help = "Example: chancery model hide trial --reason \"a test\"")]
    Hide {
        /// Name of the model.
        name: String,
        /// Why. Goes into the record.
        #[arg(long, value_name = "TEXT")]
        reason: String,
    },
    /// Raise the risk tier, or propose a lower one for a second person to confirm.
    #[command(after_help = "Example: chancery model tier loan-approval high --reason \"creditworthiness of people\"")]
    Tier {
        /// Name of the model.
        name: String,
        /// unclassified, minimal, limited, high or prohibited.
        tier: String,
        /// Why. Goes into the record.
        #[arg(long, value_name = "TEXT")]
        reason: String,
    },
    /// Confirm, reject or withdraw a proposed risk tier, and list what is proposed.
    #[command(subcommand)]
    TierProposal(super::tier_proposal::Command),
    /// Have another team own a model; both sides must want it.
    #[command(subcommand)]
    Transfer(super::transfer::Command),
    /// Give a model a policy mode of its own.
    #[command(after_help = "Example: chancery model mode sorter warn --reason \"a trial without users\"")]
    Mode {
        /// Name of the model.
        name: String,
        /// enforce, warn, or registry for the mode of the registry.
        mode: String,
        /// Why. Goes into the record.
        #[arg(long, value_name = "TEXT")]
        reason: String,
    },
}

/// Arguments of `model create`.
#[derive(Debug, clap::Args)]
pub struct CreateArgs {
    /// Name of the model. Otherwise the name in the file.
    pub(super) name: Option<ModelName>,
    /// What is said about it, YAML or JSON.
    #[arg(long, value_name = "FILE")]
    pub(super) file: Option<PathBuf>,
    /// model, adapter, prompt, system, dataset or evaluation-suite.
    #[arg(long)]
    pub(super) kind: Option<String>,
    /// unclassified, minimal, limited, high or prohibited.
    #[arg(long)]
    pub(super) tier: Option<String>,
    /// What it is.
    #[arg(long, value_name = "TEXT")]
    pub(super) description: Option<String>,
}

/// Arguments of `model list`.
#[derive(Debug, clap::Args)]
pub struct ListArgs {
    /// Only this kind.
    #[arg(long)]
    pub(super) kind: Option<String>,
    /// Only this risk tier.
    #[arg(long)]
    pub(super) tier: Option<String>,
    /// Only names that begin so.
    #[arg(long)]
    pub(super) prefix: Option<String>,
    #[command(flatten)]
    pub(super) page: Page,
}

/// Runs a subcommand.
///
/// # Errors
/// [`Failure`].
pub async fn run(command: Command, session: &Session) -> Outcome {
    let client = &session.client;
    match command {
        Command::Create(args) => return create(args, session).await,
        Command::List(args) => return list(args, session).await,
        Command::Show { name, as_of } => {
            let mut url = client.url(&["models", &name]);
            add(&mut url, &[("as_of", as_of.as_deref())]);
            let answer = client.get(url).await?;
            session.output.show(&answer, || outline(&answer.value, 0));
        }
        Command::Update { name, file, if_match } => {
            let mut body = profile(document::read(&file)?)?;
            // These change by commands of their own.
            ["name", "kind", "risk_tier"].iter().for_each(|key| drop(body.remove(*key)));
            let revision = if_match.map(|revision| format!("\"{revision}\""));
            let answer = client.change(Method::PUT, client.url(&["models", &name]), &body, revision.as_deref()).await?;
            session.output.receipt(&answer, &format!("{name} is updated"));
        }
        Command::Rename { name, to } => {
            let answer = client.post(client.url(&["models", &name, "rename"]), &json!({"to": to})).await?;
            session.output.receipt(&answer, &format!("{name} is now {to}"));
        }
        Command::Hide { name, reason } => {
            let answer = client.post(client.url(&["models", &name, "hide"]), &json!({"reason": reason})).await?;
            session.output.receipt(&answer, &format!("{name} is hidden"));
        }
        Command::Tier { name, tier, reason } => {
            let answer = client.post(client.url(&["models", &name, "risk-tier"]), &json!({"risk_tier": tier, "reason": reason})).await?;
            session.output.receipt(&answer, &super::tier_proposal::outcome(&name, &tier, &answer.value));
        }
        Command::TierProposal(command) => return super::tier_proposal::run(command, session).await,
        Command::Transfer(command) => return super::transfer::run(command, session).await,
        Command::Mode { name, mode, reason } => {
            let given = if mode == "registry" { Value::Null } else { json!(mode) };
            let url = client.url(&["models", &name, "policy-mode"]);
            let answer = client.change(Method::PUT, url, &json!({"mode": given, "reason": reason}), None).await?;
            session.output.receipt(&answer, &format!("the policy mode of {name} is {}", if given.is_null() { "that of the registry" } else { &mode }));
        }
    }
    Ok(ExitCode::Done)
}

/// Creates a model from a file, under this name.
///
/// # Errors
/// [`Failure`].
pub async fn create_from_file(session: &Session, name: &str, file: &std::path::Path) -> Result<Answer, Failure> {
    let mut body = profile(document::read(file)?)?;
    named(&mut body, Some(name))?;
    session.client.post(session.client.url(&["models"]), &body).await
}

async fn create(args: CreateArgs, session: &Session) -> Outcome {
    let mut body = args.file.as_deref().map_or_else(|| Ok(Map::new()), |file| document::read(file).and_then(profile))?;
    let name = named(&mut body, args.name.as_ref().map(ModelName::as_str))?;
    for (key, value) in [("kind", args.kind), ("risk_tier", args.tier), ("description", args.description)] {
        if let Some(value) = value {
            body.insert(key.to_owned(), json!(value));
        }
    }
    let answer = session.client.post(session.client.url(&["models"]), &body).await?;
    session.output.receipt(&answer, &format!("{name} is created{}", super::tier_proposal::note(&answer.value)));
    let is_system = body.get("kind").and_then(Value::as_str) == Some("system");
    let what = if is_system { "--component model=NAME/3 --component prompt=NAME@ALIAS" } else { "FOLDER" };
    session.output.line(&format!("next: chancery register {name} {what}"));
    Ok(ExitCode::Done)
}

async fn list(args: ListArgs, session: &Session) -> Outcome {
    let mut url = session.client.url(&["models"]);
    add(&mut url, &[("kind", args.kind.as_deref()), ("tier", args.tier.as_deref()), ("prefix", args.prefix.as_deref())]);
    args.page.add_to(&mut url);
    let answer = session.client.get(url).await?;
    session.output.page(&answer, &["name", "kind", "risk tier", "latest", "state", "production", "owner"], |item| {
        ["/name", "/kind", "/risk_tier", "/latest/number", "/latest/state", "/production", "/ownership/owner"]
            .iter()
            .map(|pointer| text(item, pointer))
            .collect()
    });
    Ok(ExitCode::Done)
}

/// The body that the server takes: in files people write the risk tier beside the other risk statements.
fn profile(document: Value) -> Result<Map<String, Value>, Failure> {
    let Value::Object(mut body) = document else {
        return Err(Failure::Usage("the model file must be a mapping of names to values".to_owned()));
    };
    let tier = body.get_mut("risk").and_then(Value::as_object_mut).and_then(|risk| risk.remove("tier"));
    if let Some(tier) = tier {
        body.insert("risk_tier".to_owned(), tier);
    }
    Ok(body)
}

/// Puts the name into the body; the file may hold the same name or none.
fn named(body: &mut Map<String, Value>, name: Option<&str>) -> Result<String, Failure> {
    let in_file = body.get("name").map(|_| output::text(&json!(body), "/name"));
    let name = match (name, in_file) {
        (Some(name), Some(in_file)) if name != in_file => {
            return Err(Failure::Usage(format!("the file is about `{in_file}`, not `{name}`")));
        }
        (Some(name), _) => name.to_owned(),
        (None, Some(in_file)) => in_file,
        (None, None) => return Err(Failure::Usage("the model needs a name: chancery model create NAME".to_owned())),
    };
    body.insert("name".to_owned(), json!(name));
    Ok(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_model_file_becomes_a_body() {
        let body = profile(json!({"name": "loan", "risk": {"tier": "high", "security_rating": "low"}})).unwrap();
        assert_eq!(Value::Object(body), json!({"name": "loan", "risk_tier": "high", "risk": {"security_rating": "low"}}));
        assert!(profile(json!([])).is_err());
    }

    #[test]
    fn the_name_comes_from_one_place() {
        let cases = [
            (json!({}), Some("loan"), Some("loan")),
            (json!({"name": "loan"}), None, Some("loan")),
            (json!({"name": "loan"}), Some("loan"), Some("loan")),
            (json!({"name": "loan"}), Some("other"), None),
            (json!({}), None, None),
        ];
        for (body, name, expected) in cases {
            let mut body = body.as_object().unwrap().clone();
            assert_eq!(named(&mut body, name).ok().as_deref(), expected, "{body:?} {name:?}");
        }
    }
}
