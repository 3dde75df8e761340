//! `chancery register`: hashes a folder, uploads what the server lacks, and registers a version with its facts. A version of a system
//! is registered by naming its components; a folder is not needed then.

use std::path::{Path, PathBuf};

use chancery_core::manifest::Manifest;
use chancery_inspect::{Folder, Inspection, git_state, inspect};
use serde_json::{Value, json};

use super::Outcome;
use super::exit::ExitCode;
use super::facts::{self, Facts};
use super::failure::Failure;
use super::output::{fields, size, text};
use super::reference::Reference;
use super::session::Session;
use super::upload::upload_missing;
use super::{document, hashing, model, tier_proposal};

/// Arguments of `register`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example: chancery register loan-approval ./model --facts facts.yaml\n\nA system: chancery register support-assistant --component model=base/3 --component prompt=greeting@stable"
)]
pub struct Args {
    /// Name of the model.
    name: String,
    /// The folder with the files of the version, or one file. A system needs none.
    #[arg(required_unless_present = "component")]
    folder: Option<PathBuf>,
    /// A version that a system is made of, as ROLE=REFERENCE, such as `prompt=greeting@stable`. The server pins what it means now.
    #[arg(long, value_name = "ROLE=REFERENCE", value_parser = component)]
    component: Vec<(String, String)>,
    /// What you claim about it: training, datasets, metrics, uses. YAML or JSON.
    #[arg(long, value_name = "FILE")]
    facts: Option<PathBuf>,
    /// The folder of the training code; its git state is recorded when the facts do not name a commit.
    #[arg(long, value_name = "FOLDER")]
    source: Option<PathBuf>,
    /// Semantic version. Otherwise that of the facts file, or the server's suggestion.
    #[arg(long, value_name = "VERSION")]
    semver: Option<String>,
    /// Description. Otherwise that of the facts file.
    #[arg(long, value_name = "TEXT")]
    description: Option<String>,
    /// Make the model when it is missing.
    #[arg(long, requires = "model_file")]
    create: bool,
    /// What is said about a model that has to be made, YAML or JSON.
    #[arg(long, value_name = "FILE")]
    model_file: Option<PathBuf>,
}

/// Runs `register`.
///
/// # Errors
/// [`Failure`].
pub async fn run(args: Args, session: &Session) -> Outcome {
    let output = session.output;
    // A missing model is found before gigabytes are sent.
    ensure_model(&args, session).await?;
    let Some(root) = args.folder.clone() else {
        let facts = claimed_facts(&args)?;
        return send(&args, &Manifest::empty(), &facts, session).await;
    };
    let folder = Folder::open(&root).map_err(|error| Failure::Usage(error.to_string()))?;
    folder.skipped().iter().for_each(|skipped| output.note(&format!("left out: {} ({})", skipped.path, skipped.reason)));
    let facts = collect_facts(&args, &root, &folder)?;
    facts.warnings.iter().for_each(|warning| output.note(&format!("warning: {warning}")));
    let files = root.clone();
    let manifest = tokio::task::spawn_blocking(move || hashing::manifest(&files, &folder)).await.map_err(|error| Failure::Usage(error.to_string()))??;
    let content = manifest.payload()?.digest;
    output.line(&format!("{} files, {}, content digest {content}", manifest.files().len(), size(manifest.size())));
    let sent = upload_missing(&session.client, &root, &manifest).await?;
    output.line(&format!("uploaded {} files; the server had {} already", sent.files, sent.known));
    send(&args, &manifest, &facts, session).await
}

async fn send(args: &Args, manifest: &Manifest, facts: &Facts, session: &Session) -> Outcome {
    let receipt = session.client.post(session.client.url(&["models", &args.name, "versions"]), &body(args, manifest, facts)).await?;
    tell(&args.name, &receipt.value, session).await
}

/// `ROLE=REFERENCE`.
fn component(text: &str) -> Result<(String, String), String> {
    let sides = text.split_once('=').filter(|(role, reference)| !role.is_empty() && !reference.is_empty());
    sides.map(|(role, reference)| (role.to_owned(), reference.to_owned())).ok_or_else(|| "write ROLE=REFERENCE, such as prompt=greeting@stable".to_owned())
}

async fn ensure_model(args: &Args, session: &Session) -> Result<(), Failure> {
    match session.client.get(session.client.url(&["models", &args.name])).await {
        Ok(_) => Ok(()),
        Err(failure) if failure.is_not_found() && args.create => {
            let file = args.model_file.as_deref().unwrap_or(Path::new("model.yaml"));
            let made = model::create_from_file(session, &args.name, file).await?;
            session.output.line(&format!("{} is created{}", args.name, tier_proposal::note(&made.value)));
            Ok(())
        }
        Err(failure) if failure.is_not_found() => {
            let create = "add --create --model-file FILE (examples/first-model/model.yaml shows what is in it)";
            Err(Failure::not_found(&format!("model `{}` does not exist", args.name), create))
        }
        Err(failure) => Err(failure),
    }
}

/// What the facts file and the components say.
fn claims(args: &Args) -> Result<Value, Failure> {
    let mut claimed = args.facts.as_deref().map_or_else(|| Ok(json!({})), document::read)?;
    if let (Some(members), false) = (claimed.as_object_mut(), args.component.is_empty()) {
        if members.contains_key("composition") {
            return Err(Failure::Usage("the facts file has a `composition`; say the components there or with --component, not both".to_owned()));
        }
        let part = |(role, reference): &(String, String)| json!({"role": role, "reference": reference});
        members.insert("composition".to_owned(), args.component.iter().map(part).collect());
    }
    Ok(claimed)
}

/// The facts of a version without files.
fn claimed_facts(args: &Args) -> Result<Facts, Failure> {
    let git = args.source.as_deref().and_then(git_state);
    facts::merge(claims(args)?, &Inspection::default(), git.as_ref())
}

fn collect_facts(args: &Args, root: &Path, folder: &Folder) -> Result<Facts, Failure> {
    let parent = root.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let around = if root.is_file() { parent } else { root };
    let git = git_state(args.source.as_deref().unwrap_or(around));
    if let (Some(source), None) = (&args.source, &git) {
        return Err(Failure::Usage(format!("`{}` is not in a git repository with a commit", source.display())));
    }
    facts::merge(claims(args)?, &inspect(folder), git.as_ref())
}

fn body(args: &Args, manifest: &Manifest, facts: &Facts) -> Value {
    let mut body = json!({"files": manifest.files(), "facts": facts.document});
    let semver = args.semver.as_ref().or(facts.semver.as_ref());
    let description = args.description.as_ref().or(facts.description.as_ref());
    if let Some(body) = body.as_object_mut() {
        body.extend(semver.map(|semver| ("semver".to_owned(), json!(semver))));
        body.extend(description.map(|description| ("description".to_owned(), json!(description))));
    }
    body
}

/// Shows the new version as the server sees it, and the next command.
async fn tell(name: &str, receipt: &Value, session: &Session) -> Outcome {
    let number = registered_number(receipt);
    let number = number.ok_or_else(|| Failure::Network("the receipt does not name the new version".to_owned()))?;
    let found = session.resolve(&Reference::Numbered { name: name.to_owned(), number }).await?;
    session.output.show(&found.view, || {
        let mut lines = vec![format!("{} is registered", found.label())];
        lines.extend(fields(
            &found.view.value,
            &[("semantic version", "/semver"), ("state", "/state"), ("composite id", "/composite_id"), ("content digest", "/content_digest")],
        ));
        lines.push(format!("ledger entry:     {}", text(receipt, "/index")));
        lines.push(format!("next: chancery check {} --to production", found.label()));
        lines
    });
    Ok(ExitCode::Done)
}

/// The number in the entry `version.registered` of a receipt.
fn registered_number(receipt: &Value) -> Option<u64> {
    let entries = receipt.get("entries")?.as_array()?;
    let entry = entries.iter().find(|entry| entry.get("kind").and_then(Value::as_str) == Some("version.registered"))?;
    entry.pointer("/data/number")?.as_u64()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_example_registers_without_contradiction() {
        let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/loan-approval/v1");
        let args = Args {
            name: "loan-approval".into(),
            folder: Some(example.join("model")),
            component: vec![],
            facts: Some(example.join("facts.yaml")),
            source: None,
            semver: Some("1.0.1".into()),
            description: None,
            create: false,
            model_file: None,
        };
        let root = args.folder.clone().unwrap();
        let folder = Folder::open(&root).unwrap();
        let facts = collect_facts(&args, &root, &folder).unwrap();
        assert_eq!(facts.warnings, Vec::<String>::new());
        let body = body(&args, &hashing::manifest(&root, &folder).unwrap(), &facts);
        assert_eq!(body["semver"], "1.0.1", "the argument comes before the facts file");
        assert!(body["description"].as_str().unwrap().starts_with("Six inputs"));
        for (fact, grade) in [("framework", "read"), ("flavour", "read"), ("signature", "read"), ("environment", "read"), ("metrics", "claimed")] {
            assert_eq!(body["facts"]["grades"][fact], grade, "{fact}");
        }
        assert_eq!(body["facts"]["environment"]["pinned"], true);
        assert_eq!(body["facts"]["signature"]["inputs"].as_array().unwrap().len(), 6);
        assert!(body["facts"].get("claims").is_none());
    }

    #[test]
    fn components_become_the_composition() {
        assert_eq!(component("prompt=greeting@stable"), Ok(("prompt".to_owned(), "greeting@stable".to_owned())));
        assert_eq!(component("model=a=b/3"), Ok(("model".to_owned(), "a=b/3".to_owned())));
        assert!(["greeting", "=greeting/1", "prompt="].iter().all(|text| component(text).is_err()));
        let args = Args {
            name: "assistant".into(),
            folder: None,
            component: vec![component("model=base/3").unwrap()],
            facts: None,
            source: None,
            semver: None,
            description: None,
            create: false,
            model_file: None,
        };
        let body = body(&args, &Manifest::empty(), &claimed_facts(&args).unwrap());
        assert_eq!(body["files"], json!([]));
        assert_eq!(body["facts"]["composition"], json!([{"role": "model", "reference": "base/3"}]));
    }

    #[test]
    fn the_number_comes_from_the_entry() {
        let receipt = json!({"index": 9, "entries": [{"kind": "x", "data": {"number": 1}}, {"kind": "version.registered", "data": {"number": 3}}]});
        assert_eq!(registered_number(&receipt), Some(3));
        assert_eq!(registered_number(&json!({"entries": []})), None);
    }
}
