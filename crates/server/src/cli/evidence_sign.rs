//! `chancery evidence sign`: puts a document into a signed envelope, without the server. A pipeline does it with its own key.

use std::path::{Path, PathBuf};

use chancery_core::evidence::EvidenceType;
use chancery_core::evidence::format::provenance;
use chancery_core::evidence::signed::predicate_type;
use chancery_core::names::Digest;
use chancery_core::signing::Envelope;
use chancery_core::signing::dsse::IN_TOTO_PAYLOAD_TYPE;
use chancery_core::signing::statement::STATEMENT_TYPE;
use serde_json::{Value, json};

use super::Outcome;
use super::exit::ExitCode;
use super::failure::Failure;
use super::key;
use super::output::{Format, Output};

/// Largest document that is signed, in bytes.
const MAX_DOCUMENT_BYTES: u64 = 64 * 1024 * 1024;

/// Arguments of `evidence sign`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The document.
    file: PathBuf,
    /// Type of the document, as for `evidence add`.
    #[arg(long = "type", value_name = "TYPE")]
    kind: EvidenceType,
    /// Private key: PKCS#8 PEM or unencrypted OpenSSH, of P-256 or Ed25519.
    #[arg(long, value_name = "KEY")]
    key: PathBuf,
    /// What it is about: content:DIGEST, version:DIGEST or file:DIGEST. Repeat it for more. Provenance says it itself.
    #[arg(long, value_name = "KIND:DIGEST")]
    subject: Vec<Subject>,
    /// Where the envelope goes; otherwise to the standard output.
    #[arg(long, short, value_name = "OUT")]
    out: Option<PathBuf>,
}

/// A digest with what it is of.
#[derive(Clone, Debug)]
pub struct Subject {
    kind: String,
    digest: Digest,
}

impl std::str::FromStr for Subject {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let (kind, digest) = text.split_once(':').ok_or("write content:DIGEST, version:DIGEST or file:DIGEST")?;
        if !["content", "version", "file"].contains(&kind) {
            return Err(format!("`{kind}` is not known; use one of: content, version, file"));
        }
        Ok(Self { kind: kind.to_owned(), digest: Digest::parse(digest).map_err(|refusal| refusal.to_string())? })
    }
}

/// Runs the command.
///
/// # Errors
/// [`Failure`].
pub fn run(args: &Args, format: Format) -> Outcome {
    let output = Output::new(format);
    let unreadable = |error: std::io::Error| Failure::Usage(format!("cannot read `{}`: {error}", args.file.display()));
    if std::fs::metadata(&args.file).map_err(unreadable)?.len() > MAX_DOCUMENT_BYTES {
        return Err(Failure::Usage(format!("`{}` has more than {MAX_DOCUMENT_BYTES} bytes", args.file.display())));
    }
    let document = std::fs::read(&args.file).map_err(unreadable)?;
    let key = key::private(&args.key)?;
    let statement = statement(args.kind, &document, &args.subject)?;
    let envelope = Envelope::sign_foreign(IN_TOTO_PAYLOAD_TYPE, &statement, &key).map_err(|error| Failure::Usage(error.to_string()))?;
    let json = serde_json::to_string(&envelope).map_err(|error| Failure::Usage(error.to_string()))?;
    let id = key.public_key().key_id().map_err(|error| Failure::Usage(error.to_string()))?;
    match &args.out {
        Some(path) => write(path, &json)?,
        None => output.raw(&json),
    }
    output.note(&format!("signed with key {id}; next: chancery evidence add VERSION ENVELOPE --type {}", args.kind));
    Ok(ExitCode::Done)
}

fn write(path: &Path, json: &str) -> Result<(), Failure> {
    std::fs::write(path, format!("{json}\n")).map_err(|error| Failure::Usage(format!("cannot write `{}`: {error}", path.display())))
}

/// The statement that is signed: provenance is one itself, any other document becomes the predicate of one.
fn statement(kind: EvidenceType, document: &[u8], subjects: &[Subject]) -> Result<Vec<u8>, Failure> {
    let failed = |error: serde_json::Error| Failure::Usage(format!("the statement cannot be written: {error}"));
    if kind == EvidenceType::Provenance {
        if !subjects.is_empty() {
            return Err(Failure::Usage("provenance says itself what it is about: leave --subject out".to_owned()));
        }
        // Refused here rather than by the server, after it was signed.
        provenance::read(document)?;
        return Ok(document.to_vec());
    }
    if subjects.is_empty() {
        return Err(Failure::Usage("say what the document is about, such as --subject content:DIGEST".to_owned()));
    }
    let predicate = match serde_json::from_slice::<Value>(document) {
        Ok(predicate @ Value::Object(_)) => predicate,
        Ok(_) => return Err(Failure::Usage("a JSON document that is signed must be an object".to_owned())),
        Err(_) => {
            let text = std::str::from_utf8(document).map_err(|_| Failure::Usage("only JSON and UTF-8 text can be signed".to_owned()))?;
            json!({"text": text})
        }
    };
    let subject: Vec<Value> = subjects.iter().map(|subject| json!({"name": subject.kind, "digest": {"sha256": subject.digest.to_string()}})).collect();
    let statement = json!({"_type": STATEMENT_TYPE, "subject": subject, "predicateType": predicate_type(kind), "predicate": predicate});
    serde_json::to_vec(&statement).map_err(failed)
}
