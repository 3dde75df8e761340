//! `chancery evidence`: typed documents about a version.

use std::path::{Path, PathBuf};

use chancery_core::evidence::EvidenceType;
use chancery_core::evidence::read::{check_size, read};
use chancery_core::evidence::types::describe;
use chancery_core::manifest::ManifestFile;
use chancery_core::names::{Digest, FilePath};
use clap::Subcommand;
use reqwest::Method;
use serde_json::json;

use super::Outcome;
use super::exit::ExitCode;
use super::failure::Failure;
use super::hashing::progress;
use super::history::{Page, add};
use super::output::{Format, Output, outline, text};
use super::reference::Reference;
use super::session::Session;
use super::upload::upload;

/// Largest document that is sent in one request, in bytes. Larger ones are uploaded as blobs.
const MAX_BODY_BYTES: u64 = 1024 * 1024;

/// The subcommands of `evidence`.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Add a document.
    #[command(after_help = "Example: chancery evidence add loan-approval/3 evaluation.json --type evaluation")]
    Add(AddArgs),
    /// Sign a document with a key of your pipeline, without the server; then add the envelope.
    #[command(
        after_help = "Example: chancery evidence sign evaluation.json --type evaluation --key ci.pem --subject content:5a7a78cca4a0f420d9bc62bb669c3c2759e39f723d3ae10dcbe0f0815a07ecd4 -o evaluation.dsse.json"
    )]
    Sign(super::evidence_sign::Args),
    /// List the documents of a version.
    #[command(after_help = "Example: chancery evidence list loan-approval/3")]
    List {
        /// The version.
        reference: Reference,
        /// Which part of the list.
        #[command(flatten)]
        page: Page,
    },
    /// Show a document of a version with what was read in it.
    #[command(after_help = "Example: chancery evidence show loan-approval/3 59a2a66f95b8445dde1b11c65aaf1693fbb0374a458036221d49d6bbcbeb2250")]
    Show {
        /// The version.
        reference: Reference,
        /// SHA-256 of the document.
        digest: String,
    },
    /// Say which types of evidence there are, and in which formats they are read. Needs no server.
    #[command(after_help = "Example: chancery evidence types")]
    Types,
    /// Print the JSON Schema of a type. Needs no server.
    #[command(after_help = "Example: chancery evidence schema review")]
    Schema {
        /// Type.
        kind: EvidenceType,
    },
    /// Read a document as the registry would, and print what it reads or why it refuses. Needs no server.
    #[command(after_help = "Example: chancery evidence check model-card.md --type model-card\n\nExit code 1 when the registry would refuse it.")]
    Check {
        /// The document.
        file: PathBuf,
        /// Type.
        #[arg(long = "type", value_name = "TYPE")]
        kind: EvidenceType,
    },
}

/// Arguments of `evidence add`.
#[derive(Debug, clap::Args)]
pub struct AddArgs {
    /// The version.
    reference: Reference,
    /// The document.
    file: PathBuf,
    /// evaluation, sbom, provenance, artifact-scan, vulnerability-report, vex, model-card, datasheet, explainability, risk-assessment, review,
    /// signature, reproducibility, drift-report, plan, change-summary, addendum or other.
    #[arg(long = "type", value_name = "TYPE")]
    kind: EvidenceType,
    /// Title. Otherwise the name of the file.
    #[arg(long)]
    title: Option<String>,
    /// What it is about: content (default), version or file.
    #[arg(long, value_name = "KIND")]
    binds_to: Option<String>,
    /// The digest that it is about, for a file.
    #[arg(long, value_name = "DIGEST")]
    binds_digest: Option<String>,
    /// Role of approval in which you speak as a reviewer, such as security; only for a review, and you must hold it.
    #[arg(long, value_name = "ROLE")]
    role: Option<String>,
}

/// Runs a subcommand.
///
/// # Errors
/// [`Failure`].
pub async fn run(command: Command, session: &Session) -> Outcome {
    match command {
        Command::Types | Command::Schema { .. } | Command::Check { .. } | Command::Sign(_) => {
            return run_here(&command, session.output.format()).unwrap_or(Ok(ExitCode::Done));
        }
        Command::Show { reference, digest } => {
            let (name, number) = session.locate(&reference).await?;
            let answer = session.client.get(session.client.url(&["models", &name, "versions", &number, "evidence", &digest])).await?;
            session.output.show(&answer, || outline(&answer.value, 0));
        }
        Command::Add(args) => return add_document(args, session).await,
        Command::List { reference, page } => {
            let (name, number) = session.locate(&reference).await?;
            let mut url = session.client.url(&["models", &name, "versions", &number, "evidence"]);
            page.add_to(&mut url);
            let answer = session.client.get(url).await?;
            session.output.page(&answer, &["type", "format", "grade", "title", "role", "binds to", "size", "at", "entry", "digest"], |item| {
                ["/type", "/format", "/grade", "/title", "/role", "/binds_to/kind", "/size", "/at", "/index", "/digest"].iter().map(|pointer| text(item, pointer)).collect()
            });
        }
    }
    Ok(ExitCode::Done)
}

/// Runs the subcommands that need no server; `None` for the others.
///
/// # Errors
/// [`Failure`].
pub fn run_here(command: &Command, format: Format) -> Option<Outcome> {
    let output = Output::new(format);
    match command {
        Command::Types => Some(Ok(types(output, format))),
        Command::Schema { kind } => {
            output.raw(describe(*kind).schema);
            Some(Ok(ExitCode::Done))
        }
        Command::Check { file, kind } => Some(check(file, *kind, output, format)),
        Command::Sign(args) => Some(super::evidence_sign::run(args, format)),
        Command::Add(_) | Command::List { .. } | Command::Show { .. } => None,
    }
}

fn types(output: Output, format: Format) -> ExitCode {
    let all = EvidenceType::ALL.iter().map(|kind| describe(*kind));
    match format {
        Format::Json => {
            let items: Vec<_> = all.map(|described| json!({"type": described.evidence_type, "formats": described.formats})).collect();
            output.raw(&json!({"items": items}).to_string());
        }
        Format::Table => {
            let rows: Vec<Vec<String>> = all.map(|described| vec![described.evidence_type.to_string(), described.formats.join(", ")]).collect();
            output.line(&output.table(&["type", "formats"], &rows));
        }
    }
    ExitCode::Done
}

/// Reads a document with the reader of the registry.
fn check(file: &Path, kind: EvidenceType, output: Output, format: Format) -> Outcome {
    let unreadable = |error| Failure::Usage(format!("cannot read `{}`: {error}", file.display()));
    let size = std::fs::metadata(file).map_err(unreadable)?.len();
    let read = match check_size(kind, size) {
        Ok(()) => read(kind, &std::fs::read(file).map_err(unreadable)?),
        Err(refusal) => Err(refusal),
    };
    let (code, told) = match &read {
        Ok(Some(reading)) => (ExitCode::Done, json!({"format": reading.format, "summary": reading.summary})),
        Ok(None) => (ExitCode::Done, json!({"format": null, "summary": null})),
        Err(refusal) => (ExitCode::Refused, json!(refusal)),
    };
    match (format, &read) {
        (Format::Json, _) => output.raw(&told.to_string()),
        (Format::Table, Ok(None)) => output.line("the document would be kept and not read"),
        (Format::Table, Ok(Some(_))) => outline(&told, 0).iter().for_each(|line| output.line(line)),
        (Format::Table, Err(refusal)) => {
            output.line(&format!("refused: {}", refusal.message));
            for (word, value) in [("field", &refusal.field), ("remedy", &refusal.remedy)] {
                value.iter().for_each(|value| output.line(&format!("{word}: {value}")));
            }
        }
    }
    Ok(code)
}

async fn add_document(args: AddArgs, session: &Session) -> Outcome {
    let (name, number) = session.locate(&args.reference).await?;
    let mut url = session.client.url(&["models", &name, "versions", &number, "evidence"]);
    let file_name = args.file.file_name().map(|name| name.to_string_lossy().into_owned());
    let title = args.title.or(file_name);
    add(
        &mut url,
        &[
            ("type", Some(args.kind.as_str())),
            ("title", title.as_deref()),
            ("binds_to", args.binds_to.as_deref()),
            ("binds_digest", args.binds_digest.as_deref()),
            ("role", args.role.as_deref()),
        ],
    );
    let unreadable = |error| Failure::Usage(format!("cannot read `{}`: {error}", args.file.display()));
    let size = std::fs::metadata(&args.file).map_err(unreadable)?.len();
    let body = if size > MAX_BODY_BYTES {
        add(&mut url, &[("digest", Some(upload_document(session, &args.file, size).await?.to_string().as_str()))]);
        Vec::new()
    } else {
        std::fs::read(&args.file).map_err(unreadable)?
    };
    let request = session.client.request(Method::POST, url).header("Content-Type", content_type(&args.file));
    let request = request.header("Idempotency-Key", uuid::Uuid::now_v7().to_string()).body(body);
    let receipt = session.client.ask(request).await?;
    session.output.receipt(&receipt, &format!("{} is evidence ({}) of {name}/{number}", args.file.display(), args.kind));
    Ok(ExitCode::Done)
}

async fn upload_document(session: &Session, path: &Path, size: u64) -> Result<Digest, Failure> {
    let unreadable = |error| Failure::Usage(format!("cannot read `{}`: {error}", path.display()));
    let mut reader = std::fs::File::open(path).map_err(unreadable)?;
    let (digest, _) = super::hashing::digest(&mut reader, &progress("hashing", size)).map_err(unreadable)?;
    // The path is only a label for messages here.
    let file = ManifestFile { digest, path: FilePath::parse("evidence")?, size };
    upload(&session.client, path, &file, &progress("uploading", size)).await?;
    Ok(digest)
}

fn content_type(path: &Path) -> &'static str {
    match path.extension().and_then(|extension| extension.to_str()) {
        Some("json") => "application/json",
        Some("md") => "text/markdown",
        Some("yaml" | "yml") => "application/yaml",
        Some("html") => "text/html",
        Some("pdf") => "application/pdf",
        Some("txt") => "text/plain",
        Some(_) | None => "application/octet-stream",
    }
}
