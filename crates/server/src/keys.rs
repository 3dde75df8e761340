//! The private keys of a registry and the name of its log, in `DATA/keys` (`design.md` section 3).
//!
//! - `decision.pem`: ECDSA P-256 (PKCS#8), signs decisions and models;
//! - `checkpoint.pem`: Ed25519 (PKCS#8), signs checkpoints;
//! - `origin`: the origin of the log, which is also the name of the checkpoint key;
//! - `checkpoint.memory`: the newest checkpoint that this key signed (see [`crate::ledger::memory`]).
//!
//! INVARIANT: a key file is complete and on disk before its key signs anything, so that no signature outlives its key.
//! INVARIANT: a key is made only when its file is missing; a file that cannot be read is never replaced.

use std::fs::{self, File, OpenOptions};
use std::io::{ErrorKind, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use chancery_core::ledger::note::{Signer, Verifier};
use chancery_core::signing::SigningKey;
use chancery_core::signing::keys::{KeyError, ed25519_seed_from_pkcs8_pem, ed25519_seed_to_pkcs8_pem};

use crate::fault::Fault;
use crate::ids::random;

/// The keys of a registry. Cheap to clone; `Debug` shows public parts only.
#[derive(Clone)]
pub struct Keys {
    folder: PathBuf,
    decision: SigningKey,
    log: Arc<Signer>,
}

impl std::fmt::Debug for Keys {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Keys").field("folder", &self.folder).field("log", &self.log.verifier().to_string()).finish_non_exhaustive()
    }
}

impl Keys {
    /// Reads the keys of the data folder, and makes those that are missing.
    ///
    /// `origin` names a new log (a URL prefix without scheme, no space and no `+`); without it the name is `chancery.local/` and
    /// eight random hexadecimal digits. A log keeps its name.
    ///
    /// # Errors
    /// [`Fault::Config`] when a file is readable by others, is no key, or the log has another origin already; [`Fault::Database`]
    /// when the disk refuses.
    pub fn open(data: &Path, origin: Option<&str>) -> Result<Self, Fault> {
        let folder = data.join("keys");
        make_folder(&folder)?;
        let origin = open_origin(&folder, origin)?;
        let decision_path = folder.join("decision.pem");
        let decision_pem = open_key(&decision_path, new_decision_pem)?;
        let decision = SigningKey::from_pkcs8_pem(&decision_pem).map_err(|error| unusable(&decision_path, &error))?;
        let log_path = folder.join("checkpoint.pem");
        let seed = ed25519_seed_from_pkcs8_pem(&open_key(&log_path, new_log_pem)?).map_err(|error| unusable(&log_path, &error))?;
        let log = Signer::new(&origin, &seed).map_err(|error| Fault::Config(format!("`{}`: {error}", folder.join("origin").display())))?;
        Ok(Self { folder, decision, log: Arc::new(log) })
    }

    /// The origin of the log.
    pub fn origin(&self) -> &str {
        self.log.verifier().name()
    }

    /// The key that signs decisions and models.
    pub fn decision(&self) -> &SigningKey {
        &self.decision
    }

    /// Its public key, SPKI PEM.
    ///
    /// # Errors
    /// [`Fault::Config`] when it cannot be written.
    pub fn public_pem(&self) -> Result<String, Fault> {
        self.decision.public_key().to_spki_pem().map_err(|error| Fault::Config(format!("write a public key: {error}")))
    }

    /// The key that signs checkpoints.
    pub fn log(&self) -> &Signer {
        &self.log
    }

    /// Its public key; written as text it is the vkey (C2SP signed-note).
    pub fn verifier(&self) -> &Verifier {
        self.log.verifier()
    }

    /// Where the newest signed checkpoint is remembered.
    pub fn memory_path(&self) -> PathBuf {
        memory_path(&self.folder)
    }
}

/// The memory of the checkpoint key in a folder of keys.
fn memory_path(folder: &Path) -> PathBuf {
    folder.join("checkpoint.memory")
}

/// Writes a file with mode 0600 so that it is there completely or not at all, and survives a power cut when this returns.
///
/// # Errors
/// [`Fault::Database`].
pub fn write_private(path: &Path, bytes: &[u8]) -> Result<(), Fault> {
    let write = || {
        let temporary = path.with_extension("new");
        // What a crash left behind is of no use: the rename had not happened.
        fs::remove_file(&temporary).or_else(|error| if error.kind() == ErrorKind::NotFound { Ok(()) } else { Err(error) })?;
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&temporary)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(&temporary, path)?;
        // Without this the rename itself could be lost at a power cut.
        path.parent().map_or(Ok(()), |folder| File::open(folder)?.sync_all())
    };
    write().map_err(|error| Fault::database(format!("write `{}`", path.display()), error))
}

/// Reads a file; `None` when there is none.
///
/// # Errors
/// [`Fault::Config`] when others may read it; [`Fault::Database`].
pub(crate) fn read_private(path: &Path) -> Result<Option<String>, Fault> {
    let doing = || format!("read `{}`", path.display());
    let metadata = match fs::metadata(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        other => other.map_err(|error| Fault::database(doing(), error))?,
    };
    check_mode(path, metadata.permissions().mode())?;
    fs::read_to_string(path).map(Some).map_err(|error| Fault::database(doing(), error))
}

fn make_folder(folder: &Path) -> Result<(), Fault> {
    let doing = || format!("make the folder `{}`", folder.display());
    fs::DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(|error| Fault::database(doing(), error))?;
    let metadata = fs::metadata(folder).map_err(|error| Fault::database(doing(), error))?;
    check_mode(folder, metadata.permissions().mode())?;
    let synced = folder.parent().map_or(Ok(()), |parent| File::open(parent)?.sync_all());
    synced.map_err(|error| Fault::database(doing(), error))
}

fn check_mode(path: &Path, mode: u32) -> Result<(), Fault> {
    if mode & 0o077 == 0 {
        return Ok(());
    }
    let path = path.display();
    Err(Fault::Config(format!("`{path}` can be used by other users of this machine (mode {:04o}): run `chmod go-rwx '{path}'`", mode & 0o7777)))
}

fn open_origin(folder: &Path, wanted: Option<&str>) -> Result<String, Fault> {
    let path = folder.join("origin");
    if let Some(text) = read_private(&path)? {
        let stored = text.trim_end().to_owned();
        return match wanted {
            Some(wanted) if wanted != stored => {
                Err(Fault::Config(format!("the log is named `{stored}` and cannot be renamed to `{wanted}`: leave the origin out")))
            }
            Some(_) | None => Ok(stored),
        };
    }
    if folder.join("checkpoint.pem").exists() {
        return Err(Fault::Config(format!("`{}` is missing: restore it, it holds the name of the log on one line", path.display())));
    }
    let origin = match wanted {
        Some(wanted) => wanted.to_owned(),
        None => format!("chancery.local/{}", hex::encode(random::<4>()?)),
    };
    // Refuses a name that no note could carry before anything is stored.
    Signer::new(&origin, &[1; 32]).map_err(|error| Fault::Config(format!("origin of the log: {error}")))?;
    write_private(&path, format!("{origin}\n").as_bytes())?;
    Ok(origin)
}

fn open_key(path: &Path, make: impl FnOnce() -> Result<String, Fault>) -> Result<String, Fault> {
    if let Some(pem) = read_private(path)? {
        return Ok(pem);
    }
    let pem = make()?;
    write_private(path, pem.as_bytes())?;
    Ok(pem)
}

fn new_decision_pem() -> Result<String, Fault> {
    loop {
        match SigningKey::from_bytes(&random()?) {
            // Once in 2^32 the bytes are no key.
            Err(KeyError::OutOfRange) => {}
            made => {
                let pem = made.and_then(|key| key.to_pkcs8_pem());
                return pem.map(|pem| pem.as_str().to_owned()).map_err(|error| Fault::Config(format!("make a key: {error}")));
            }
        }
    }
}

fn new_log_pem() -> Result<String, Fault> {
    let pem = ed25519_seed_to_pkcs8_pem(&random()?);
    pem.map(|pem| pem.as_str().to_owned()).map_err(|error| Fault::Config(format!("make a key: {error}")))
}

fn unusable(path: &Path, error: &KeyError) -> Fault {
    Fault::Config(format!("`{}`: {error}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o7777
    }

    #[test]
    fn keys_are_made_once_for_the_owner_alone() {
        let data = tempfile::tempdir().unwrap();
        let first = Keys::open(data.path(), None).unwrap();
        let again = Keys::open(data.path(), None).unwrap();
        assert_eq!(first.verifier(), again.verifier());
        assert_eq!(first.public_pem().unwrap(), again.public_pem().unwrap());
        assert!(first.origin().starts_with("chancery.local/") && first.origin().len() == 23, "{}", first.origin());
        let folder = data.path().join("keys");
        assert_eq!(mode(&folder), 0o700);
        for name in ["decision.pem", "checkpoint.pem", "origin"] {
            assert_eq!(mode(&folder.join(name)), 0o600, "{name}");
        }
        assert_eq!(fs::read_dir(&folder).unwrap().count(), 3);
    }

    #[test]
    fn the_name_of_a_log_is_given_once() {
        let data = tempfile::tempdir().unwrap();
        assert!(Keys::open(data.path(), Some("no spaces")).unwrap_err().to_string().contains("`no spaces` is not a key name"));
        assert_eq!(Keys::open(data.path(), Some("example.com/log")).unwrap().origin(), "example.com/log");
        assert_eq!(Keys::open(data.path(), Some("example.com/log")).unwrap().origin(), "example.com/log");
        let error = Keys::open(data.path(), Some("example.com/other")).unwrap_err().to_string();
        assert_eq!(error, "the log is named `example.com/log` and cannot be renamed to `example.com/other`: leave the origin out");
        fs::remove_file(data.path().join("keys/origin")).unwrap();
        assert!(Keys::open(data.path(), None).unwrap_err().to_string().contains("origin` is missing"));
    }

    #[test]
    fn files_that_others_can_read_or_that_are_damaged_are_refused_and_kept() {
        for (name, mode, content, said) in [
            ("decision.pem", 0o640, None, "decision.pem` can be used by other users of this machine (mode 0640): run `chmod go-rwx"),
            ("checkpoint.pem", 0o604, None, "checkpoint.pem` can be used by other users of this machine (mode 0604)"),
            ("", 0o755, None, "keys/` can be used by other users of this machine (mode 0755)"),
            ("decision.pem", 0o600, Some("damaged"), "decision.pem`: not a `p-256` private key in pkcs#8 pem form"),
            ("checkpoint.pem", 0o600, Some("damaged"), "checkpoint.pem`: not a `ed25519` private key in pkcs#8 pem form"),
        ] {
            let data = tempfile::tempdir().unwrap();
            Keys::open(data.path(), None).unwrap();
            let path = data.path().join("keys").join(name);
            if let Some(content) = content {
                fs::write(&path, content).unwrap();
            }
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
            let error = Keys::open(data.path(), None).unwrap_err().to_string();
            assert!(error.contains(said.trim_start_matches("keys/")), "{error}");
            if let Some(content) = content {
                assert_eq!(fs::read_to_string(&path).unwrap(), content);
            }
        }
    }
}
