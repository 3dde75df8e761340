//! Another key in the place of one: the steps on the disk. The entry between them is made by [`crate::app::App::rotate_key`].
//!
//! The steps, and what a crash after each means:
//! 1. [`prepare`]: the new key is complete on the disk, as `*.next.pem`. Nothing has changed; the next rotation replaces the file.
//! 2. The entry `keys.rotated` is committed. The next start does the rest: it sees that the ledger names the key of the file.
//! 3. [`finish`]: the old checkpoint key is kept as `checkpoint.former.pem` for the overlap, the new public key is noted, and the
//!    file becomes the key. Each can be done again.
//!
//! INVARIANT: no entry names a key that is not on the disk completely (or in the token, or in the environment).
//! INVARIANT: a key that is neither the last one noted nor named by the ledger signs nothing: a file or variable that was swapped by
//! accident, or a copy from before a rotation, does not start.

use std::fs;
use std::io::ErrorKind;
use std::path::Path;
use std::sync::Arc;

use chancery_core::ledger::note::Signer;
use chancery_core::names::Timestamp;
use chancery_core::registry::KeyPurpose;
use chancery_core::signing::SigningKey;

use super::{
    InForce, Source, Sources, file_of, new_decision_pem, new_log_pem, note_signer, open_decision, open_log, public, read_private, spki_pem, write_private,
};
use crate::fault::Fault;

/// A rotation that is ready for its entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Prepared {
    /// The public key that goes: SPKI PEM or vkey.
    pub old: String,
    /// The public key that comes.
    pub new: String,
    /// Whether the old key can sign beside the new one for a while.
    pub can_overlap: bool,
}

/// Makes the new key, or takes it from where the configuration says.
///
/// # Errors
/// [`Fault::Config`] when the configured key is the one in force; [`Fault`] of disk or token.
pub fn prepare(data: &Path, origin: &str, sources: &Sources, purpose: KeyPurpose) -> Result<Prepared, Fault> {
    let folder = data.join("keys");
    let known = public::lines(&folder)?;
    let old = known.into_iter().rev().find(|(found, _)| *found == purpose).map(|(_, key)| key);
    let old = old.ok_or_else(|| Fault::Config(format!("`{}` names no {} key", folder.join("public").display(), purpose.as_str())))?;
    let can_overlap = purpose == KeyPurpose::Checkpoint && public_of(&folder, &file_of(purpose), origin, purpose)?.is_some_and(|key| key == old);
    let new = match sources.of(purpose) {
        Source::File => {
            let pem = match purpose {
                KeyPurpose::Decision => new_decision_pem()?,
                KeyPurpose::Checkpoint => new_log_pem()?,
            };
            write_private(&folder.join(next_of(purpose)), pem.as_bytes())?;
            public_of(&folder, &next_of(purpose), origin, purpose)?.unwrap_or_default()
        }
        Source::Pem(_) | Source::Pkcs11(_) => match purpose {
            KeyPurpose::Decision => spki_pem(&open_decision(&folder, &sources.decision)?.public_key())?,
            KeyPurpose::Checkpoint => open_log(&folder, origin, &sources.checkpoint)?.verifier().to_string(),
        },
    };
    if new == old {
        return Err(Fault::Config(format!("the configured {0} key is the one in force: configure the new one, then rotate", purpose.as_str())));
    }
    Ok(Prepared { old, new, can_overlap })
}

/// Does what is left to do of a rotation that is in the ledger, when the new key is in a file.
pub(super) fn finish(folder: &Path, origin: &str, sources: &Sources, in_force: &InForce) -> Result<(), Fault> {
    for purpose in [KeyPurpose::Decision, KeyPurpose::Checkpoint] {
        let next = public_of(folder, &next_of(purpose), origin, purpose)?;
        let is_named = next.as_deref().is_some_and(|next| in_force.of(purpose) == Some(next));
        if let (Some(key), true, Source::File) = (&next, is_named, sources.of(purpose)) {
            keep_former(folder, origin, purpose, key, in_force)?;
            public::add(folder, purpose, key)?;
            rename(folder, &next_of(purpose), &file_of(purpose))?;
        }
    }
    Ok(())
}

/// Keeps the checkpoint key of the file for the overlap, when it is another one than `key`.
fn keep_former(folder: &Path, origin: &str, purpose: KeyPurpose, key: &str, in_force: &InForce) -> Result<(), Fault> {
    let is_other = public_of(folder, &file_of(purpose), origin, purpose)?.is_some_and(|current| current != key);
    if purpose == KeyPurpose::Checkpoint && is_other && in_force.overlap_until.is_some() {
        let pem = read_private(&folder.join(file_of(purpose)))?.unwrap_or_default();
        write_private(&folder.join(FORMER), pem.as_bytes())?;
    }
    Ok(())
}

/// Refuses a key that the registry does not know; notes the first one.
pub(super) fn check(folder: &Path, origin: &str, purpose: KeyPurpose, key: &str, sources: &Sources, in_force: &InForce) -> Result<(), Fault> {
    let is_external = !matches!(sources.of(purpose), Source::File);
    if sources.rotating == Some(purpose) && is_external && in_force.of(purpose) != Some(key) {
        return Ok(());
    }
    let name = purpose.as_str();
    if in_force.of(purpose).is_some_and(|named| named != key) {
        return Err(Fault::Config(format!(
            "the {name} key was rotated, and this server has the one before: bring the folder `{}` of the server that rotated it here, or configure the new key",
            folder.display()
        )));
    }
    let known = public::lines(folder)?;
    match known.iter().rev().find(|(found, _)| *found == purpose) {
        Some((_, last)) if last != key && in_force.of(purpose).is_none() => Err(Fault::Config(format!(
            "the {name} key is not the one that this registry signs with: bring that one back; when this one is meant to follow it, run `chancery key rotate {name}`"
        ))),
        Some(_) | None => {
            if is_external && in_force.of(purpose) == Some(key) {
                // The key moved out of its file, which is not to be taken for it.
                keep_former(folder, origin, purpose, key, in_force)?;
                remove(&folder.join(file_of(purpose)))?;
            }
            public::add(folder, purpose, key)
        }
    }
}

/// The checkpoint key before the one in force, while both sign. When that is over, its file goes.
pub(super) fn former(folder: &Path, origin: &str, in_force: &InForce) -> Result<Option<(Arc<Signer>, Timestamp)>, Fault> {
    let path = folder.join(FORMER);
    let Some(pem) = read_private(&path)? else { return Ok(None) };
    let Some(until) = in_force.overlap_until else { return Ok(None) };
    let signer = note_signer(origin, &pem).map_err(|error| Fault::Config(format!("`{}`: {error}", path.display())))?;
    Ok(Some((Arc::new(signer), until)))
}

/// Removes the private key that does not sign any more. Called when its overlap is over.
///
/// # Errors
/// [`Fault::Database`].
pub fn forget_former(data: &Path) -> Result<(), Fault> {
    remove(&data.join("keys").join(FORMER))
}

const FORMER: &str = "checkpoint.former.pem";

fn next_of(purpose: KeyPurpose) -> String {
    format!("{}.next.pem", purpose.as_str())
}

/// The public key of a private key in a file; nothing without the file.
fn public_of(folder: &Path, file: &str, origin: &str, purpose: KeyPurpose) -> Result<Option<String>, Fault> {
    let path = folder.join(file);
    let Some(pem) = read_private(&path)? else { return Ok(None) };
    let public = match purpose {
        KeyPurpose::Decision => SigningKey::from_pkcs8_pem(&pem).and_then(|key| key.public_key().to_spki_pem()).map_err(|error| error.to_string()),
        KeyPurpose::Checkpoint => note_signer(origin, &pem).map(|signer| signer.verifier().to_string()),
    };
    public.map(Some).map_err(|error| Fault::Config(format!("`{}`: {error}", path.display())))
}

fn rename(folder: &Path, from: &str, to: &str) -> Result<(), Fault> {
    let renamed = fs::rename(folder.join(from), folder.join(to)).and_then(|()| fs::File::open(folder)?.sync_all());
    renamed.map_err(|error| Fault::database(format!("rename `{}`", folder.join(from).display()), error))
}

fn remove(path: &Path) -> Result<(), Fault> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(Fault::database(format!("remove `{}`", path.display()), error)),
        Ok(()) | Err(_) => Ok(()),
    }
}
