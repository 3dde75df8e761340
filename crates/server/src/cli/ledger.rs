//! `chancery ledger`: proves what the ledger holds.

use std::path::PathBuf;

use chancery_core::ledger::note::Verifier;
use chancery_core::ledger::proof::LogProof;
use clap::Subcommand;
use serde_json::json;

use super::Outcome;
use super::exit::ExitCode;
use super::failure::Failure;
use super::output::Format;
use super::session::Session;

/// The subcommands of `ledger`.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Fetch and check the proof that an entry is in the log.
    #[command(after_help = "Example: chancery ledger prove 42 --to entry-42.tlog-proof\n\nExit code 5 when the proof does not hold.")]
    Prove(ProveArgs),
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
