//! `chancery ledger`: proves what the ledger holds; verifies, rebuilds and exports it on the data itself.

use std::path::PathBuf;

use chancery_core::ledger::note::Verifier;
use chancery_core::ledger::proof::LogProof;
use chancery_core::names::{ModelName, VersionNumber};
use clap::Subcommand;
use serde_json::json;

use super::Outcome;
use super::exit::ExitCode;
use super::failure::Failure;
use super::output::Format;
use super::session::Session;
use crate::app::view::version_named;
use crate::blobs::Blobs;
use crate::fault::{Fault, chain};
use crate::keys::PublicKeys;
use crate::ledger::export;
use crate::ledger::rebuild::rebuild;
use crate::ledger::verify::{self, Mode, Options};
use crate::store::{Schema, Store, StoreConfig};

/// The subcommands of `ledger`.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Fetch and check the proof that an entry is in the log.
    #[command(after_help = "Example: chancery ledger prove 42 --to entry-42.tlog-proof\n\nExit code 5 when the proof does not hold.")]
    Prove(ProveArgs),
    /// Verify the whole ledger in a data folder, beside a server that runs or on a copy.
    #[command(after_help = "Example: chancery ledger verify --data chancery-data --files\n\nExit code 5 when anything was altered.")]
    Verify(VerifyArgs),
    /// Make all derived rows anew from the entries. The server must be stopped.
    #[command(after_help = "Example: chancery ledger rebuild --data chancery-data")]
    Rebuild(DataArgs),
    /// Write an evidence folder for a version: entries, proofs, checkpoints, decisions, keys.
    #[command(after_help = "Example: chancery ledger export loan-approval/1 --data chancery-data --to evidence")]
    Export(ExportArgs),
}

/// Where the data is.
#[derive(Debug, clap::Args)]
pub struct DataArgs {
    /// Data folder.
    #[arg(long, env = "CHANCERY_DATA", default_value = "chancery-data")]
    data: PathBuf,
    /// PostgreSQL address; without it SQLite in the data folder.
    #[arg(long, env = "CHANCERY_DATABASE", hide_env_values = true)]
    database: Option<String>,
}

/// Arguments of `ledger verify`.
#[derive(Debug, clap::Args)]
pub struct VerifyArgs {
    #[command(flatten)]
    at: DataArgs,
    /// How much: `tree` checks entries, tiles and checkpoints; `full` also compares every derived row with what the entries say.
    #[arg(long, default_value = "full", value_parser = ["tree", "full"])]
    mode: String,
    /// Hash every artifact again.
    #[arg(long)]
    files: bool,
    /// File with the log's public key as you know it (and those before it, one a line), instead of the one in the data folder.
    #[arg(long, value_name = "FILE")]
    key: Option<PathBuf>,
}

/// Arguments of `ledger export`.
#[derive(Debug, clap::Args)]
pub struct ExportArgs {
    /// Version, as `name/number`.
    version: String,
    #[command(flatten)]
    at: DataArgs,
    /// Folder to write; it must not exist or be empty.
    #[arg(long, value_name = "FOLDER")]
    to: PathBuf,
}

impl DataArgs {
    fn config(&self) -> Result<StoreConfig, Failure> {
        let database = crate::serve::database_address(self.database.as_deref(), None).map_err(|invalid| Failure::Usage(invalid.to_string()))?;
        Ok(StoreConfig { data: self.data.clone(), database })
    }

    /// The keys of an existing registry; none are made here.
    fn keys(&self) -> Result<PublicKeys, Failure> {
        if !self.data.join("keys").is_dir() {
            return Err(Failure::Usage(format!("`{}` has no folder `keys`: give the log's public key with --key", self.data.display())));
        }
        PublicKeys::read(&self.data).map_err(|fault| failed(&fault))
    }
}

fn failed(fault: &Fault) -> Failure {
    Failure::Usage(chain(fault))
}

/// Runs the subcommands that work on the data itself; `None` for those that ask the server.
///
/// # Errors
/// [`Failure`].
pub async fn run_on_data(command: &Command, format: Format) -> Option<Outcome> {
    match command {
        Command::Prove(_) => None,
        Command::Verify(args) => Some(verify_data(args, format).await),
        Command::Rebuild(args) => Some(rebuild_data(args).await),
        Command::Export(args) => Some(export_data(args).await),
    }
}

async fn verify_data(args: &VerifyArgs, format: Format) -> Outcome {
    let store = Store::open_to_read(&args.at.config()?).map_err(|fault| failed(&fault))?;
    let (logs, memory) = match &args.key {
        Some(file) => {
            let text = std::fs::read_to_string(file).map_err(|error| Failure::Usage(format!("cannot read `{}`: {error}", file.display())))?;
            let logs = text.lines().filter(|line| !line.trim().is_empty()).map(|line| line.trim().parse::<Verifier>()).collect::<Result<Vec<_>, _>>();
            let logs = logs.map_err(|error| Failure::Usage(format!("`{}` is no log key: {error}", file.display())))?;
            if logs.is_empty() {
                return Err(Failure::Usage(format!("`{}` has no log key", file.display())));
            }
            (logs, None)
        }
        None => {
            let keys = args.at.keys()?;
            (keys.logs().to_vec(), Some(keys.memory_path()))
        }
    };
    let blobs =
        if args.files { Some(Blobs::open(args.at.data.join("blobs")).map_err(|fault| failed(&Fault::database("open the artifacts", fault)))?) } else { None };
    let schema = Schema::product();
    let mode = if args.mode == "tree" { Mode::Tree } else { Mode::Full };
    let options = Options { mode, logs: &logs, memory: memory.as_deref(), schema: &schema, blobs: blobs.as_ref() };
    let report = verify::verify(&store, &options).await.map_err(|fault| failed(&fault))?;
    match format {
        Format::Json => println!("{}", serde_json::to_string(&report).unwrap_or_default()),
        Format::Table => println!("{}", report.to_string().trim_end()),
    }
    Ok(if report.is_intact() { ExitCode::Done } else { ExitCode::VerificationFailed })
}

async fn rebuild_data(args: &DataArgs) -> Outcome {
    let (_store, mut writer) = Store::open(args.config()?, &Schema::product()).await.map_err(|fault| failed(&fault))?;
    let entries = rebuild(&mut writer, None).await.map_err(|fault| failed(&fault))?;
    println!("rebuilt all derived rows from {entries} entries");
    Ok(ExitCode::Done)
}

async fn export_data(args: &ExportArgs) -> Outcome {
    let usage = || Failure::Usage(format!("`{}` is not NAME/NUMBER", args.version));
    let (name, number) = args.version.rsplit_once('/').ok_or_else(usage)?;
    let name = ModelName::parse(name).map_err(|refusal| Failure::Usage(refusal.message))?;
    let number = VersionNumber::new(number.parse().map_err(|_| usage())?).map_err(|refusal| Failure::Usage(refusal.message))?;
    let store = Store::open_to_read(&args.at.config()?).map_err(|fault| failed(&fault))?;
    let keys = args.at.keys()?;
    let snapshot = store.read().await.map_err(|fault| failed(&fault))?;
    let (model, version) = version_named(&snapshot, &name, number).await.map_err(|_| Failure::Usage(format!("there is no version `{}`", args.version)))?;
    let indexes = export::entries_of_version(&snapshot, &model.model_id, version.number).await.map_err(|fault| failed(&fault))?;
    drop(snapshot);
    let done = export::export(&store, &keys, &indexes, &args.to).await.map_err(|fault| failed(&fault))?;
    println!(
        "wrote {}: {} entries with their proofs, {} signed records, {} signed pieces of evidence, {} payloads, {} checkpoints",
        args.to.display(),
        done.entries,
        done.envelopes,
        done.signed_evidence,
        done.payloads,
        done.checkpoints
    );
    Ok(ExitCode::Done)
}

/// Arguments of `ledger prove`.
#[derive(Debug, clap::Args)]
pub struct ProveArgs {
    /// Index of the entry.
    index: u64,
    /// Write the proof (C2SP tlog-proof) into this file instead of the standard output.
    #[arg(long, value_name = "FILE")]
    to: Option<PathBuf>,
    /// File with the log's public key as you know it. Otherwise the server is asked, and trusted, for it.
    #[arg(long, value_name = "FILE")]
    key: Option<PathBuf>,
}

/// Runs a subcommand.
///
/// # Errors
/// [`Failure`].
pub async fn run(command: Command, session: &Session) -> Outcome {
    match command {
        Command::Prove(args) => prove(args, session).await,
        Command::Verify(_) | Command::Rebuild(_) | Command::Export(_) => Ok(ExitCode::Usage),
    }
}

async fn prove(args: ProveArgs, session: &Session) -> Outcome {
    let client = &session.client;
    let index = args.index.to_string();
    let entry = client.get_bytes(client.url(&["ledger", "entries", &index])).await?;
    let proof = text(client.get_bytes(client.url(&["ledger", "proof", &index])).await?)?;
    let keys = match &args.key {
        Some(file) => std::fs::read_to_string(file).map_err(|error| Failure::Usage(format!("cannot read `{}`: {error}", file.display())))?,
        None => text(client.get_bytes(client.root_url(&["log", "key"])).await?)?,
    };
    let (origin, size) = verify(&proof, args.index, &entry, &keys)?;
    match &args.to {
        Some(file) => std::fs::write(file, &proof).map_err(|error| Failure::Usage(format!("cannot write `{}`: {error}", file.display())))?,
        None if session.output.format() == Format::Table => session.output.raw(&proof),
        None => {}
    }
    match session.output.format() {
        Format::Json => session.output.raw(&json!({"index": args.index, "origin": origin, "size": size, "proof": proof}).to_string()),
        Format::Table => session.output.note(&format!("entry {index} is in the log {origin} of {size} entries: proof and signature hold")),
    }
    Ok(ExitCode::Done)
}

/// Checks the proof against one of the keys; gives origin and size of the log.
fn verify(proof: &str, index: u64, entry: &[u8], keys: &str) -> Result<(String, u64), Failure> {
    let bad = |why: String| Failure::Verification(why);
    let parsed: LogProof = proof.parse().map_err(|error| bad(format!("the proof is malformed: {error}")))?;
    if parsed.index != index {
        return Err(bad(format!("the proof is about entry {}, not {index}", parsed.index)));
    }
    let mut why = "there is no key of the log".to_owned();
    for line in keys.lines().filter(|line| !line.trim().is_empty()) {
        let verifier: Verifier = line.trim().parse().map_err(|error| bad(format!("the log's key is malformed: {error}")))?;
        match parsed.verify(entry, &verifier) {
            Ok(checkpoint) => return Ok((checkpoint.origin, checkpoint.size)),
            Err(error) => why = error.to_string(),
        }
    }
    Err(bad(why))
}

fn text(bytes: Vec<u8>) -> Result<String, Failure> {
    String::from_utf8(bytes).map_err(|_| Failure::Verification("the server's answer is not text".to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use chancery_core::ledger::checkpoint::{Checkpoint, SignedCheckpoint};
    use chancery_core::ledger::merkle::leaf_hash;
    use chancery_core::ledger::note::Signer;

    #[test]
    fn only_the_entry_itself_under_the_right_key_is_proven() {
        let signer = Signer::new("example.com/log", &[7; 32]).unwrap();
        let checkpoint = Checkpoint { origin: "example.com/log".into(), size: 1, root: leaf_hash(b"entry") };
        let signed = SignedCheckpoint::sign(checkpoint, &signer).unwrap();
        let proof = LogProof { extra: None, index: 0, hashes: vec![], checkpoint: signed.note().to_owned() }.to_string();
        let key = signer.verifier().to_string();
        let other = Signer::new("example.com/log", &[8; 32]).unwrap().verifier().to_string();
        let cases = [
            (0, b"entry", format!("{key}\n"), true),
            (0, b"entry", format!("{other}\n{key}\n"), true),
            (0, b"other", key.clone(), false),
            (1, b"entry", key.clone(), false),
            (0, b"entry", other, false),
            (0, b"entry", String::new(), false),
        ];
        for (index, entry, keys, holds) in cases {
            match verify(&proof, index, entry, &keys) {
                Ok(found) => assert!(holds && found == ("example.com/log".to_owned(), 1), "{index} {keys}"),
                Err(failure) => assert!(!holds && failure.exit_code().number() == 5, "{index} {keys}: {failure}"),
            }
        }
    }
}
