//! The public keys that a registry ever signed with, in `DATA/keys/public`: out of the reach of the database, so that who alters
//! entries cannot say which keys are to be believed.
//!
//! A line for each key, in the order of their use: `decision BASE64` (SPKI DER) or `checkpoint VKEY`. The last of a kind is in force.

use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use chancery_core::ledger::note::Verifier;
use chancery_core::registry::KeyPurpose;
use chancery_core::signing::PublicKey;

use super::{memory_path, read_private, spki_pem, write_private};
use crate::fault::Fault;

/// Public keys of a registry.
#[derive(Clone, Debug)]
pub struct PublicKeys {
    folder: PathBuf,
    /// In the order of their use; never empty.
    decisions: Vec<PublicKey>,
    /// The key in force first; never empty.
    logs: Vec<Verifier>,
}

impl PublicKeys {
    /// Reads them; no private key is touched.
    ///
    /// # Errors
    /// [`Fault::Config`] when the file is missing or no such file; [`Fault::Database`].
    pub fn read(data: &Path) -> Result<Self, Fault> {
        let folder = data.join("keys");
        let lines = lines(&folder)?;
        let of = |purpose: KeyPurpose| lines.iter().filter(move |(found, _)| *found == purpose).map(|(_, key)| key.as_str());
        let decisions =
            of(KeyPurpose::Decision).map(PublicKey::from_spki_pem).collect::<Result<Vec<_>, _>>().map_err(|error| bad(&folder, &error.to_string()))?;
        let mut logs = of(KeyPurpose::Checkpoint).map(str::parse).collect::<Result<Vec<Verifier>, _>>().map_err(|error| bad(&folder, &error.to_string()))?;
        logs.reverse();
        if decisions.is_empty() || logs.is_empty() {
            let path = folder.join("public");
            return Err(Fault::Config(format!("`{}` does not name the keys of this registry: start the server on this folder once", path.display())));
        }
        Ok(Self { folder, decisions, logs })
    }

    /// The keys that signed checkpoints, the one in force first.
    pub fn logs(&self) -> &[Verifier] {
        &self.logs
    }

    /// The same as text, one vkey a line.
    pub fn log_lines(&self) -> String {
        self.logs.iter().map(|key| format!("{key}\n")).collect()
    }

    /// The keys that signed decisions, the one in force last.
    pub fn decisions(&self) -> &[PublicKey] {
        &self.decisions
    }

    /// The same as PEM: the one in force first, then those before it, the newest first, each after a line that says so.
    ///
    /// # Errors
    /// [`Fault::Config`] when a key cannot be written.
    pub fn decision_pems(&self) -> Result<String, Fault> {
        let mut text = String::new();
        for (age, key) in self.decisions.iter().rev().enumerate() {
            if age > 0 {
                text.push_str("\nA former decision key: it signs no more, and what it signed stays signed.\n");
            }
            text.push_str(&spki_pem(key)?);
        }
        Ok(text)
    }

    /// Where the newest signed checkpoint is remembered.
    pub fn memory_path(&self) -> PathBuf {
        memory_path(&self.folder)
    }
}

/// The keys of the file: SPKI PEM or vkey, in the order of their use.
pub(super) fn lines(folder: &Path) -> Result<Vec<(KeyPurpose, String)>, Fault> {
    let text = read_private(&folder.join("public"))?.unwrap_or_default();
    text.lines().map(|line| parsed(line).ok_or_else(|| bad(folder, "a line is no key"))).collect()
}

/// Adds a key, unless it is the last of its kind.
pub(super) fn add(folder: &Path, purpose: KeyPurpose, key: &str) -> Result<(), Fault> {
    let mut known = lines(folder)?;
    if known.iter().rev().find(|(found, _)| *found == purpose).is_some_and(|(_, last)| last == key) {
        return Ok(());
    }
    known.push((purpose, key.to_owned()));
    let mut text = String::new();
    for (purpose, key) in &known {
        let shown = match purpose {
            KeyPurpose::Checkpoint => key.clone(),
            KeyPurpose::Decision => {
                let der = PublicKey::from_spki_pem(key).and_then(|key| key.to_spki_der());
                BASE64_STANDARD.encode(der.map_err(|error| bad(folder, &error.to_string()))?)
            }
        };
        text.push_str(&format!("{} {shown}\n", purpose.as_str()));
    }
    write_private(&folder.join("public"), text.as_bytes())
}

fn parsed(line: &str) -> Option<(KeyPurpose, String)> {
    let (word, key) = line.split_once(' ')?;
    if word == KeyPurpose::Checkpoint.as_str() {
        return key.parse::<Verifier>().ok().map(|key| (KeyPurpose::Checkpoint, key.to_string()));
    }
    let der = BASE64_STANDARD.decode(key).ok().filter(|_| word == KeyPurpose::Decision.as_str())?;
    let pem = PublicKey::from_spki_der(&der).and_then(|key| key.to_spki_pem()).ok()?;
    Some((KeyPurpose::Decision, pem))
}

fn bad(folder: &Path, reason: &str) -> Fault {
    Fault::Config(format!("`{}`: {reason}", folder.join("public").display()))
}
