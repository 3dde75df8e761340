//! `chancery lineage`: what a version comes from, what comes from it, and who used what.

use clap::{Args, Subcommand};
use serde_json::Value;

use super::Outcome;
use super::exit::ExitCode;
use super::history::{Page, add};
use super::output::{labelled, list, short, text};
use super::reference::Reference;
use super::session::Session;
use super::summary::under;

/// Arguments of `lineage`.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub struct LineageArgs {
    #[command(subcommand)]
    command: Option<Command>,
    /// The version: a name and number, an alias, a composite id.
    #[arg(required = true)]
    reference: Option<Reference>,
    /// What it comes from: data, code, runs, parents, parts. This is so unless you say otherwise.
    #[arg(long)]
    up: bool,
    /// What comes from it.
    #[arg(long)]
    down: bool,
    /// How many edges to follow.
    #[arg(long, value_name = "COUNT")]
    depth: Option<u64>,
}

/// The subcommands of `lineage`.
#[expect(clippy::large_enum_variant, reason = "parsed once for each run of the program")]
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Show which versions used a dataset, commit, run, package or other version.
    #[command(after_help = "Example: chancery lineage uses --dataset loanapp")]
    Uses(UsesArgs),
    /// Show what a recall of a version would touch, and who has to hear of it.
    #[command(after_help = "Example: chancery lineage impact base-model/3")]
    Impact {
        /// The version.
        reference: Reference,
    },
}

/// What was used.
#[derive(Debug, Args)]
pub struct UsesArgs {
    /// Name of a dataset.
    #[arg(long, value_name = "NAME")]
    dataset: Option<String>,
    /// Only this version of the dataset.
    #[arg(long, value_name = "VERSION", requires = "dataset")]
    dataset_version: Option<String>,
    /// SHA-256 of a dataset.
    #[arg(long, value_name = "DIGEST")]
    dataset_digest: Option<String>,
    /// Commit of the training code.
    #[arg(long)]
    commit: Option<String>,
    /// Run of an experiment.
    #[arg(long, value_name = "ID")]
    run: Option<String>,
    /// Run of a pipeline.
    #[arg(long, value_name = "ID")]
    pipeline: Option<String>,
    /// A package, as `name` or `name==version`.
    #[arg(long)]
    package: Option<String>,
    /// A version of the registry.
    #[arg(long, value_name = "REFERENCE")]
    model: Option<String>,
    /// A parent that the registry does not have, by the reference that was claimed.
    #[arg(long, value_name = "REFERENCE")]
    external: Option<String>,
    #[command(flatten)]
    page: Page,
}

/// Runs `lineage`.
///
/// # Errors
/// [`Failure`](super::failure::Failure).
pub async fn run(args: LineageArgs, session: &Session) -> Outcome {
    match (args.command, args.reference) {
        (Some(Command::Uses(args)), _) => uses(&args, session).await,
        (Some(Command::Impact { reference }), _) => impact(&reference, session).await,
        (None, Some(reference)) => {
            let direction = match (args.up, args.down) {
                (true, true) => "both",
                (false, true) => "down",
                (true | false, false) => "up",
            };
            let (name, number) = session.locate(&reference).await?;
            let mut url = session.client.url(&["models", &name, "versions", &number, "lineage"]);
            add(&mut url, &[("direction", Some(direction)), ("depth", args.depth.map(|depth| depth.to_string()).as_deref())]);
            let answer = session.client.get(url).await?;
            session.output.show(&answer, || lines(session, &answer.value));
            Ok(ExitCode::Done)
        }
        (None, None) => Err(super::failure::Failure::Usage("name a version: chancery lineage NAME/NUMBER".to_owned())),
    }
}

async fn uses(args: &UsesArgs, session: &Session) -> Outcome {
    let mut url = session.client.url(&["lineage", "uses"]);
    add(
        &mut url,
        &[
            ("dataset", args.dataset.as_deref()),
            ("dataset_version", args.dataset_version.as_deref()),
            ("dataset_digest", args.dataset_digest.as_deref()),
            ("commit", args.commit.as_deref()),
            ("run", args.run.as_deref()),
            ("pipeline", args.pipeline.as_deref()),
            ("package", args.package.as_deref()),
            ("model", args.model.as_deref()),
            ("external", args.external.as_deref()),
        ],
    );
    args.page.add_to(&mut url);
    let answer = session.client.get(url).await?;
    session.output.page(&answer, &["version", "semver", "state", "relation", "what", "detail", "grade"], |item| {
        let what = [text(item, "/name"), text(item, "/version")].join(" ");
        let what = if what.trim().is_empty() { format!("digest {}", short(item, "/digest")) } else { what.trim().to_owned() };
        vec![
            format!("{}/{}", text(item, "/model/name"), text(item, "/number")),
            text(item, "/semver"),
            text(item, "/state"),
            text(item, "/relation"),
            what,
            text(item, "/detail"),
            text(item, "/grade"),
        ]
    });
    Ok(ExitCode::Done)
}

async fn impact(reference: &Reference, session: &Session) -> Outcome {
    let (name, number) = session.locate(reference).await?;
    let answer = session.client.get(session.client.url(&["models", &name, "versions", &number, "lineage", "impact"])).await?;
    session.output.show(&answer, || {
        let found = &answer.value;
        let aliases = found.get("aliases").and_then(Value::as_object).into_iter().flatten();
        let aliases: Vec<String> = aliases.map(|(alias, version)| format!("{alias} -> {version}")).collect();
        let or_none = |words: String| if words.is_empty() { "none".to_owned() } else { words };
        let mut rows = vec![
            ("version", text(found, "/subject")),
            ("descendants", format!("{}{}", text(found, "/descendants"), if more(found) { " and more" } else { "" })),
            ("in production", or_none(text(found, "/production"))),
        ];
        rows.extend(under("aliases", if aliases.is_empty() { vec!["none".to_owned()] } else { aliases }.into_iter()));
        let mut lines = labelled(&rows);
        lines.push(String::new());
        let head = ["notify", "kind", "tier", "team", "owner", "contact", "versions", "in production"];
        let pointers = ["/model", "/kind", "/risk_tier", "/owning_team", "/owner", "/escalation_contact", "/versions", "/production"];
        let row = |item: &Value| pointers.iter().map(|pointer| text(item, pointer)).collect();
        lines.push(session.output.table(&head, &list(found, "/owners").iter().map(row).collect::<Vec<_>>()));
        lines
    });
    Ok(ExitCode::Done)
}

fn more(found: &Value) -> bool {
    found.get("truncated").and_then(Value::as_bool) == Some(true)
}

fn lines(session: &Session, found: &Value) -> Vec<String> {
    let label = |id: &Value| id.as_str().unwrap_or("-").to_owned();
    let versions = list(found, "/nodes").iter().filter(|node| text(node, "/kind") == "version");
    let versions: Vec<Vec<String>> = versions
        .map(|node| {
            vec![
                format!("{}/{}", text(node, "/name"), text(node, "/number")),
                text(node, "/model_kind"),
                text(node, "/version"),
                text(node, "/state"),
                text(node, "/aliases"),
                text(node, "/distance"),
            ]
        })
        .collect();
    let edge = |edge: &Value| {
        let side = |pointer: &str| label(edge.pointer(pointer).unwrap_or(&Value::Null));
        vec![side("/from"), text(edge, "/relation"), side("/to"), text(edge, "/detail"), text(edge, "/grade")]
    };
    let edges: Vec<Vec<String>> = list(found, "/edges").iter().map(edge).collect();
    let mut lines = vec![session.output.table(&["version", "kind", "semver", "state", "aliases", "distance"], &versions), String::new()];
    if edges.is_empty() {
        lines.push("no edges in this direction".to_owned());
    } else {
        lines.push(session.output.table(&["from", "relation", "to", "detail", "grade"], &edges));
    }
    let count = |what: &str| format!("{} {what}", list(found, &format!("/{what}")).len());
    lines.push(String::new());
    lines.push(format!("{}: {}, {}, {}", text(found, "/subject"), count("evidence"), count("approvals"), count("decisions")));
    if more(found) {
        lines.push("there is more than one answer shows: ask from a version that is nearer".to_owned());
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser as _;

    #[derive(clap::Parser)]
    struct Line {
        #[command(flatten)]
        args: LineageArgs,
    }

    #[test]
    fn a_version_and_the_subcommands_are_told_apart() {
        let parsed = |words: &[&str]| Line::try_parse_from([&["lineage"], words].concat()).map(|line| line.args);
        let plain = parsed(&["loan/3", "--down", "--depth", "2"]).unwrap();
        assert!(plain.command.is_none() && plain.down && plain.depth == Some(2));
        assert!(matches!(parsed(&["uses", "--package", "numpy==2.0"]).unwrap().command, Some(Command::Uses(_))));
        assert!(matches!(parsed(&["impact", "loan/3"]).unwrap().command, Some(Command::Impact { .. })));
        assert!(parsed(&[]).is_err());
        assert!(parsed(&["uses", "--dataset-version", "1"]).is_err());
    }
}
