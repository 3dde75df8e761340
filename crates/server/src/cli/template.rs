//! `chancery template`: templates of written documents.

use std::path::PathBuf;

use chancery_core::evidence::EvidenceType;
use clap::Subcommand;
use reqwest::Method;
use serde_json::json;

use super::Outcome;
use super::document::MAX_DOCUMENT_BYTES;
use super::exit::ExitCode;
use super::failure::Failure;
use super::history::Page;
use super::output::{Format, Output, fields, text};
use super::session::Session;

/// Templates to begin with, by name.
pub const STARTERS: &[(&str, &str)] = &[
    ("model-card", include_str!("../../../../templates/model-card.md")),
    ("datasheet", include_str!("../../../../templates/datasheet.md")),
    ("explainability", include_str!("../../../../templates/explainability.md")),
    ("risk-assessment", include_str!("../../../../templates/risk-assessment.md")),
    ("review", include_str!("../../../../templates/review.md")),
    ("rollback-plan", include_str!("../../../../templates/rollback-plan.md")),
    ("change-summary", include_str!("../../../../templates/change-summary.md")),
];

/// The subcommands of `template`.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Write a template to begin with: model-card, datasheet, explainability, risk-assessment, review, rollback-plan or change-summary.
    #[command(after_help = "Example: chancery template init model-card --to model-card.md")]
    Init {
        /// Which one.
        name: String,
        /// File to write; it must not exist. Otherwise NAME.md.
        #[arg(long, value_name = "FILE")]
        to: Option<PathBuf>,
    },
    /// List the versions of all templates.
    #[command(after_help = "Example: chancery template list")]
    List {
        /// Which part of the list.
        #[command(flatten)]
        page: Page,
    },
    /// Print a template: the version in force, or the one that is named.
    #[command(after_help = "Example: chancery template show model-card@1")]
    Show {
        /// `name` or `name@version`.
        template: String,
    },
    /// Add the next version of a template; another person approves it.
    #[command(after_help = "Example: chancery template add model-card model-card.md --type model-card --section intended_use --section limitations")]
    Add {
        /// Name.
        name: String,
        /// The Markdown.
        file: PathBuf,
        /// Type of the documents that are written by it.
        #[arg(long = "type", value_name = "TYPE")]
        kind: EvidenceType,
        /// Id of a section that a document must fill in; may be repeated. Otherwise every heading that is not marked [optional].
        #[arg(long = "section", value_name = "ID")]
        sections: Vec<String>,
    },
    /// Approve a version that another person added.
    #[command(after_help = "Example: chancery template approve model-card@1")]
    Approve {
        /// `name@version`.
        template: String,
    },
    /// Withdraw a version.
    #[command(after_help = "Example: chancery template withdraw model-card@1 --reason \"the law changed\"")]
    Withdraw {
        /// `name@version`.
        template: String,
        /// Why. Goes into the record.
        #[arg(long, value_name = "TEXT")]
        reason: String,
    },
}

/// Runs the subcommands that need no server; `None` for the others.
///
/// # Errors
/// [`Failure`].
pub fn run_here(command: &Command, format: Format) -> Option<Outcome> {
    let Command::Init { name, to } = command else { return None };
    Some(init(name, to.clone().unwrap_or_else(|| PathBuf::from(format!("{name}.md"))), Output::new(format)))
}

/// Runs a subcommand.
///
/// # Errors
/// [`Failure`].
pub async fn run(command: Command, session: &Session) -> Outcome {
    let client = &session.client;
    match command {
        Command::Init { name, to } => return init(&name, to.unwrap_or_else(|| PathBuf::from(format!("{name}.md"))), session.output),
        Command::List { page } => {
            let mut url = client.url(&["templates"]);
            page.add_to(&mut url);
            let answer = client.get(url).await?;
            session.output.page(&answer, &["template", "version", "type", "status", "in force", "added by", "approved by"], |item| {
                ["/name", "/version", "/type", "/status", "/in_force", "/added_by_name", "/approved_by_name"]
                    .iter()
                    .map(|pointer| text(item, pointer))
                    .collect()
            });
        }
        Command::Show { template } => {
            let answer = match template.rsplit_once('@') {
                Some((name, version)) => client.get(client.url(&["templates", name, version])).await?,
                None => client.get(client.url(&["templates", &template])).await?,
            };
            session.output.show(&answer, || {
                let head = [("template", "/name"), ("version", "/version"), ("type", "/type"), ("status", "/status"), ("sections", "/sections")];
                let mut lines = fields(&answer.value, &head);
                lines.push(String::new());
                lines.extend(text(&answer.value, "/text").lines().map(str::to_owned));
                lines
            });
        }
        Command::Add { name, file, kind, sections } => {
            let body = json!({"name": name, "type": kind, "text": read(&file)?, "sections": (!sections.is_empty()).then_some(sections)});
            let answer = client.post(client.url(&["templates"]), &body).await?;
            let version = text(&answer.value, "/entries/0/data/version");
            session.output.receipt(&answer, &format!("template {name}@{version} is proposed; another person approves it"));
        }
        Command::Approve { template } => {
            let (name, version) = named(&template)?;
            let answer = client.post(client.url(&["templates", name, version, "approve"]), &json!({})).await?;
            session.output.receipt(&answer, &format!("template {template} is approved"));
        }
        Command::Withdraw { template, reason } => {
            let (name, version) = named(&template)?;
            let url = client.url(&["templates", name, version, "withdraw"]);
            let answer = client.change(Method::POST, url, &json!({"reason": reason}), None).await?;
            session.output.receipt(&answer, &format!("template {template} is withdrawn"));
        }
    }
    Ok(ExitCode::Done)
}

fn init(name: &str, to: PathBuf, output: Output) -> Outcome {
    let Some((_, starter)) = STARTERS.iter().find(|(known, _)| *known == name) else {
        let known: Vec<&str> = STARTERS.iter().map(|(known, _)| *known).collect();
        return Err(Failure::Usage(format!("there is no template `{name}` to begin with; use one of: {}", known.join(", "))));
    };
    let failed = |error: std::io::Error| Failure::Usage(format!("cannot write `{}`: {error}", to.display()));
    let mut file = std::fs::OpenOptions::new().write(true).create_new(true).open(&to).map_err(failed)?;
    std::io::Write::write_all(&mut file, starter.as_bytes()).map_err(failed)?;
    output.line(&format!("{} is written; change it, then add it with `chancery template add`", to.display()));
    Ok(ExitCode::Done)
}

fn named(template: &str) -> Result<(&str, &str), Failure> {
    template.rsplit_once('@').ok_or_else(|| Failure::Usage(format!("`{template}` names no version; write name@version, such as model-card@1")))
}

fn read(file: &std::path::Path) -> Result<String, Failure> {
    let unreadable = |error: String| Failure::Usage(format!("cannot read `{}`: {error}", file.display()));
    let size = std::fs::metadata(file).map_err(|error| unreadable(error.to_string()))?.len();
    if size > MAX_DOCUMENT_BYTES {
        return Err(unreadable(format!("it has {size} bytes; at most {MAX_DOCUMENT_BYTES} are accepted")));
    }
    std::fs::read_to_string(file).map_err(|error| unreadable(error.to_string()))
}

#[cfg(test)]
mod tests {
    use chancery_core::evidence::format::written::outline;
    use chancery_core::evidence::read::read;

    use super::*;

    /// A starter can be added as it is, and read as a document: nothing of it counts before somebody filled it in.
    #[test]
    fn every_starter_is_a_template_and_an_empty_document() {
        for (name, starter) in STARTERS {
            let outline = outline(starter.as_bytes()).unwrap();
            let (named, version) = outline.template.unwrap();
            assert_eq!((named.as_str(), version), (*name, 1));
            assert!(!outline.required.is_empty(), "{name}");
            let kind = if *name == "rollback-plan" { EvidenceType::Plan } else { EvidenceType::parse(name).unwrap() };
            assert!(chancery_core::template::is_written(kind));
            if kind != EvidenceType::ChangeSummary {
                let reading = read(kind, starter.as_bytes()).unwrap().unwrap();
                assert_eq!(reading.summary["sections"], json!([]), "{name}");
            }
        }
        assert_eq!(read(EvidenceType::ChangeSummary, STARTERS[6].1.as_bytes()).unwrap_err().field.as_deref(), Some("summary"));
    }

    #[test]
    fn a_starter_is_written_once() {
        let place = tempfile::tempdir().unwrap();
        let to = place.path().join("card.md");
        assert!(init("model-card", to.clone(), Output::new(Format::Table)).is_ok());
        assert!(init("model-card", to, Output::new(Format::Table)).is_err(), "a file is never overwritten");
        assert!(init("poem", place.path().join("poem.md"), Output::new(Format::Table)).is_err());
    }
}
