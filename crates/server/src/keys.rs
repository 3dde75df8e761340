//! The private keys of a registry and the name of its log, in `DATA/keys` (`design.md` section 3).
//!
//! - `decision.pem`: ECDSA P-256 (PKCS#8), signs decisions and models;
//! - `checkpoint.pem`: Ed25519 (PKCS#8), signs checkpoints;
//! - `origin`: the origin of the log, which is also the name of the checkpoint key;
//! - `checkpoint.memory`: the newest checkpoint that this key signed (see [`crate::ledger::memory`]);
//! - `public`: every public key that the registry ever signed with (see [`PublicKeys`]);
//! - `*.next.pem`, `checkpoint.former.pem`: while keys are rotated (see [`rotation`]).
//!
//! Instead of a file, a private key can be in the environment or in a PKCS#11 token.
//!
//! INVARIANT: a key file is complete and on disk before its key signs anything, so that no signature outlives its key.
//! INVARIANT: a key is made only when its file is missing; a file that cannot be read is never replaced.

mod pkcs11;
mod public;
pub mod rotation;

use std::fs::{self, File, OpenOptions};
use std::io::{ErrorKind, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use chancery_core::ledger::note::{Signer, Verifier};
use chancery_core::names::Timestamp;
use chancery_core::registry::KeyPurpose;
use chancery_core::signing::keys::{KeyError, ed25519_seed_from_pkcs8_pem, ed25519_seed_to_pkcs8_pem};
use chancery_core::signing::{PublicKey, Sign, SigningKey};

pub use public::PublicKeys;

use crate::config::Pkcs11;
use crate::fault::Fault;
use crate::ids::random;

/// Where a private key comes from.
#[derive(Clone, Debug, Default)]
pub enum Source {
    /// `DATA/keys`; made there when it is missing.
    #[default]
    File,
    /// PKCS#8 PEM, from the environment.
    Pem(Pem),
    /// A token that gives it to nobody.
    Pkcs11(Box<Pkcs11>),
}

/// A private key as PEM; `Debug` does not show it.
#[derive(Clone)]
pub struct Pem(pub String);

impl std::fmt::Debug for Pem {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Pem(…)")
    }
}

/// Where the keys of a registry come from, and what is done with them.
#[derive(Clone, Debug, Default)]
pub struct Sources {
    /// The decision key.
    pub decision: Source,
    /// The checkpoint key.
    pub checkpoint: Source,
    /// The key that is about to be rotated: it may be another one than the registry knows.
    pub rotating: Option<KeyPurpose>,
}

impl Sources {
    pub(crate) fn of(&self, purpose: KeyPurpose) -> &Source {
        match purpose {
            KeyPurpose::Decision => &self.decision,
            KeyPurpose::Checkpoint => &self.checkpoint,
        }
    }
}

/// What the ledger says of the keys: nothing before the first rotation.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct InForce {
    /// SPKI PEM of the decision key.
    pub decision: Option<String>,
    /// vkey of the checkpoint key.
    pub checkpoint: Option<String>,
    /// Until when the checkpoint key before it signs, too.
    pub overlap_until: Option<Timestamp>,
}

impl InForce {
    pub(crate) fn of(&self, purpose: KeyPurpose) -> Option<&str> {
        match purpose {
            KeyPurpose::Decision => self.decision.as_deref(),
            KeyPurpose::Checkpoint => self.checkpoint.as_deref(),
        }
    }
}

/// The keys of a registry. Cheap to clone; `Debug` shows public parts only.
#[derive(Clone)]
pub struct Keys {
    decision: Arc<dyn Sign>,
    log: Arc<Signer>,
    /// The checkpoint key before, which signs, too, until then.
    former: Option<(Arc<Signer>, Timestamp)>,
    public: Arc<PublicKeys>,
}

impl std::fmt::Debug for Keys {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Keys").field("log", &self.log.verifier().to_string()).finish_non_exhaustive()
    }
}

impl Keys {
    /// [`Keys::open_with`] the files of the data folder, of a registry whose keys were never rotated.
    ///
    /// # Errors
    /// As there.
    pub fn open(data: &Path, origin: Option<&str>) -> Result<Self, Fault> {
        Self::open_with(data, origin, &Sources::default(), &InForce::default())
    }

    /// Reads the keys, and makes those files of the data folder that are missing. Finishes a rotation that is in the ledger.
    ///
    /// `origin` names a new log (a URL prefix without scheme, no space and no `+`); without it the name is `chancery.local/` and
    /// eight random hexadecimal digits. A log keeps its name.
    ///
    /// # Errors
    /// [`Fault::Config`] when a file is readable by others, is no key, the log has another origin already, or a key is not the one that
    /// the registry signs with; [`Fault::Database`] when the disk refuses.
    pub fn open_with(data: &Path, origin: Option<&str>, sources: &Sources, in_force: &InForce) -> Result<Self, Fault> {
        let folder = data.join("keys");
        make_folder(&folder)?;
        let origin = open_origin(&folder, origin)?;
        rotation::finish(&folder, &origin, sources, in_force)?;
        let decision = open_decision(&folder, &sources.decision)?;
        let log = open_log(&folder, &origin, &sources.checkpoint)?;
        let pem = spki_pem(&decision.public_key())?;
        rotation::check(&folder, &origin, KeyPurpose::Decision, &pem, sources, in_force)?;
        rotation::check(&folder, &origin, KeyPurpose::Checkpoint, &log.verifier().to_string(), sources, in_force)?;
        let former = rotation::former(&folder, &origin, in_force)?;
        let public = Arc::new(PublicKeys::read(data)?);
        Ok(Self { decision, log: Arc::new(log), former, public })
    }

    /// The origin of the log.
    pub fn origin(&self) -> &str {
        self.log.verifier().name()
    }

    /// The key that signs decisions and models.
    pub fn decision(&self) -> &dyn Sign {
        &*self.decision
    }

    /// Its public key, SPKI PEM.
    ///
    /// # Errors
    /// [`Fault::Config`] when it cannot be written.
    pub fn public_pem(&self) -> Result<String, Fault> {
        spki_pem(&self.decision.public_key())
    }

    /// The key that signs checkpoints.
    pub fn log(&self) -> &Signer {
        &self.log
    }

    /// The checkpoint key before it, while both sign.
    pub fn former_log(&self, now: Timestamp) -> Option<&Signer> {
        self.former.as_ref().filter(|(_, until)| now < *until).map(|(signer, _)| &**signer)
    }

    /// Its public key; written as text it is the vkey (C2SP signed-note).
    pub fn verifier(&self) -> &Verifier {
        self.log.verifier()
    }

    /// Every public key that this registry ever signed with.
    pub fn public(&self) -> &PublicKeys {
        &self.public
    }

    /// Where the newest signed checkpoint is remembered.
    pub fn memory_path(&self) -> PathBuf {
        self.public.memory_path()
    }
}

fn open_decision(folder: &Path, source: &Source) -> Result<Arc<dyn Sign>, Fault> {
    let (pem, place) = match source {
        Source::File => {
            let path = folder.join(file_of(KeyPurpose::Decision));
            (open_key(&path, new_decision_pem)?, format!("`{}`", path.display()))
        }
        Source::Pem(Pem(pem)) => (pem.clone(), "CHANCERY_DECISION_KEY".to_owned()),
        Source::Pkcs11(token) => return Ok(Arc::new(pkcs11::Decision::open(token)?)),
    };
    let key = SigningKey::from_pkcs8_pem(&pem).map_err(|error| Fault::Config(format!("{place}: {error}")))?;
    Ok(Arc::new(key))
}

fn open_log(folder: &Path, origin: &str, source: &Source) -> Result<Signer, Fault> {
    let (pem, place) = match source {
        Source::File => {
            let path = folder.join(file_of(KeyPurpose::Checkpoint));
            (open_key(&path, new_log_pem)?, format!("`{}`", path.display()))
        }
        Source::Pem(Pem(pem)) => (pem.clone(), "CHANCERY_CHECKPOINT_KEY".to_owned()),
        Source::Pkcs11(token) => return pkcs11::note_signer(origin, token),
    };
    note_signer(origin, &pem).map_err(|error| Fault::Config(format!("{place}: {error}")))
}

/// The signer of a log from the PEM of its key; the error is for a message that names the place.
fn note_signer(origin: &str, pem: &str) -> Result<Signer, String> {
    let seed = ed25519_seed_from_pkcs8_pem(pem).map_err(|error| error.to_string())?;
    Signer::new(origin, &seed).map_err(|error| error.to_string())
}

/// The file of a key in the folder of keys.
fn file_of(purpose: KeyPurpose) -> String {
    format!("{}.pem", purpose.as_str())
}

fn spki_pem(key: &PublicKey) -> Result<String, Fault> {
    key.to_spki_pem().map_err(|error| Fault::Config(format!("write a public key: {error}")))
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
        assert_eq!(mode(&folder.join("public")), 0o600);
        assert_eq!(fs::read_dir(&folder).unwrap().count(), 4);
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
