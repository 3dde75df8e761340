//! The signer of checkpoints. It signs outside of any transaction and publishes through the sequencer.
//!
//! INVARIANT: a checkpoint is remembered on disk before it can be seen, and extends the remembered one and the published one.
//! So this key never signs two histories, whatever happens to the database.
//!
//! What a crash means, in the order of the steps:
//! - before the memory is written: nothing was signed that anybody can see;
//! - after it, before the publication: the next run publishes the remembered note as it is;
//! - after the publication: nothing is left to do.

use std::sync::Arc;

use chancery_core::ledger::merkle::verify_consistency;
use chancery_core::ledger::note::Signer as NoteSigner;
use chancery_core::ledger::{Checkpoint, SignedCheckpoint};
use chancery_core::names::Timestamp;
use chancery_core::rows::Row as _;
use chancery_core::tables::CheckpointRow;
use tokio::sync::watch;

use super::{hashes, memory, newest_checkpoint};
use crate::crash::{CrashPoint, reach};
use crate::fault::Fault;
use crate::keys::Keys;
use crate::store::{Snapshot, Store, Tx};

/// A signed checkpoint on its way into the database.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Publish {
    /// The number of entries that it covers.
    pub size: u64,
    /// The signed note.
    pub note: String,
    /// When it was signed.
    pub at: Timestamp,
}

/// Writes a checkpoint, unless one of that size or a larger one is published: of several servers the slower one loses. Says
/// whether it was written. The caller commits.
///
/// # Errors
/// [`Fault::Config`] for a checkpoint of more entries than are committed; [`Fault::Database`].
pub async fn publish(tx: &mut Tx<'_>, checkpoint: &Publish) -> Result<bool, Fault> {
    if checkpoint.size > tx.head().size {
        return Err(Fault::Config(format!("a checkpoint of {} entries cannot be published: there are {}", checkpoint.size, tx.head().size)));
    }
    let taken = tx.query("SELECT size FROM checkpoints WHERE size >= $1 LIMIT 1", &crate::values![checkpoint.size]).await?;
    if !taken.is_empty() {
        return Ok(false);
    }
    let row = CheckpointRow { size: checkpoint.size, note: checkpoint.note.clone(), at: checkpoint.at };
    tx.insert(CheckpointRow::TABLE, &[row.to_values()]).await?;
    Ok(true)
}

/// Signs checkpoints of one log.
#[derive(Debug)]
pub struct Signer {
    store: Store,
    keys: Keys,
    crash: Option<CrashPoint>,
    read_only: watch::Sender<Option<Arc<str>>>,
}

/// What the signer found in one consistent view.
enum Found {
    /// The newest checkpoint covers every entry.
    Covered,
    /// It was signed before, but not published.
    Signed(SignedCheckpoint),
    /// The ledger grew.
    Grown(Checkpoint),
    /// The database does not hold what was signed: nothing may be written until the right data is back.
    Broken(String),
}

impl Signer {
    /// Takes the store, the keys of the log, and where the process ends itself in a test. Nothing is read yet: call [`Signer::next`]
    /// before the first write is accepted.
    pub fn new(store: Store, keys: Keys, crash: Option<CrashPoint>) -> Self {
        Self { store, keys, crash, read_only: watch::Sender::new(None) }
    }

    /// Why nothing may be written, as long as something stands there: the database was restored from a backup or was altered.
    pub fn read_only(&self) -> watch::Receiver<Option<Arc<str>>> {
        self.read_only.subscribe()
    }

    /// Signs a checkpoint if the ledger has entries that none covers, and remembers it. The caller has it published: [`publish`]
    /// runs in a transaction of the sequencer.
    ///
    /// # Errors
    /// [`Fault`] when database or disk fail, the memory cannot be read, or hashes are missing.
    pub async fn next(&self, now: Timestamp) -> Result<Option<Publish>, Fault> {
        let signed = match self.look().await? {
            Found::Covered => {
                self.set_read_only(None);
                return Ok(None);
            }
            Found::Broken(reason) => {
                self.set_read_only(Some(reason));
                return Ok(None);
            }
            Found::Signed(signed) => signed,
            Found::Grown(checkpoint) => {
                let signed = sign(checkpoint, self.keys.log(), self.keys.former_log(now))?;
                reach(self.crash, CrashPoint::BeforeMemory);
                // A crash before this line leaves no trace. After it the key is bound: it will sign nothing that this does not extend.
                memory::write(&self.keys.memory_path(), &signed)?;
                reach(self.crash, CrashPoint::AfterMemory);
                signed
            }
        };
        self.set_read_only(None);
        // A crash here leaves the memory ahead of the published checkpoint, never ahead of the entries.
        Ok(Some(Publish { size: signed.checkpoint().size, note: signed.note().to_owned(), at: now }))
    }

    async fn look(&self) -> Result<Found, Fault> {
        let (log, logs) = (self.keys.verifier(), self.keys.public().logs());
        let remembered = memory::read(&self.keys.memory_path(), logs)?;
        let snapshot = self.store.read().await?;
        let size = snapshot.head().size;
        let published = match newest_checkpoint(&snapshot).await? {
            None => None,
            Some(row) => match SignedCheckpoint::open_any(&row.note, logs) {
                Ok(signed) => Some(signed),
                Err(error) => return Ok(Found::Broken(format!("the published checkpoint of {} entries is not signed by this log: {error}", row.size))),
            },
        };
        let covered = |signed: &Option<SignedCheckpoint>| signed.as_ref().map_or(0, |signed| signed.checkpoint().size);
        if size == 0 && covered(&remembered) == 0 && covered(&published) == 0 {
            return Ok(Found::Covered);
        }
        if covered(&remembered) > size {
            return Ok(Found::Broken(behind(covered(&remembered), size)));
        }
        if covered(&published) > size {
            return Ok(Found::Broken(format!(
                "the published checkpoint covers {} entries, the database has {size}: entries were removed",
                covered(&published)
            )));
        }
        if covered(&published) == size && remembered_is(&remembered, &published) {
            return Ok(Found::Covered);
        }
        let checkpoint = Checkpoint { origin: log.name().to_owned(), size, root: hashes::root(&snapshot, size).await? };
        for former in [&remembered, &published].into_iter().flatten() {
            if let Some(reason) = contradiction(&snapshot, former.checkpoint(), &checkpoint).await? {
                return Ok(Found::Broken(reason));
            }
        }
        if let Some(signed) = published.filter(|signed| signed.checkpoint().size == size) {
            // Another server signed it with this key, or the memory was lost: from now on this one knows of it, too.
            memory::write(&self.keys.memory_path(), &signed)?;
            return Ok(Found::Covered);
        }
        Ok(match remembered {
            Some(signed) if signed.checkpoint().size == size => Found::Signed(signed),
            Some(_) | None => Found::Grown(checkpoint),
        })
    }

    fn set_read_only(&self, reason: Option<String>) {
        self.read_only.send_if_modified(|current| {
            if current.as_deref() == reason.as_deref() {
                return false;
            }
            match &reason {
                Some(reason) => tracing::error!(reason, "the registry is read-only"),
                None => tracing::info!("the registry can be written again"),
            }
            *current = reason.map(Arc::from);
            true
        });
    }
}

/// Whether the memory says the very same as the published checkpoint, so that nothing needs to be computed: the usual idle run.
fn remembered_is(remembered: &Option<SignedCheckpoint>, published: &Option<SignedCheckpoint>) -> bool {
    matches!((remembered, published), (Some(remembered), Some(published)) if remembered.checkpoint() == published.checkpoint())
}

fn behind(remembered: u64, size: u64) -> String {
    format!(
        "the key has signed a checkpoint of {remembered} entries, the database has {size}: it was restored from a backup; \
         bring back the newer data"
    )
}

/// Says why `new` does not extend `former`, if it does not.
async fn contradiction(snapshot: &Snapshot, former: &Checkpoint, new: &Checkpoint) -> Result<Option<String>, Fault> {
    let proof = hashes::consistency_proof(snapshot, former.size, new.size).await?;
    let verified = verify_consistency(former.size, former.root, new.size, new.root, &proof);
    Ok(verified.err().map(|error| format!("the entries are not those that the checkpoint of {} entries covers ({error}): they were altered", former.size)))
}

/// Signs with the key in force, and while it takes over also with the one before it, so that whoever knows only that one still reads it.
fn sign(checkpoint: Checkpoint, signer: &NoteSigner, former: Option<&NoteSigner>) -> Result<SignedCheckpoint, Fault> {
    let signed = SignedCheckpoint::sign(checkpoint, signer);
    let signed = match former {
        Some(former) => signed.and_then(|signed| signed.add_signature(former)),
        None => signed,
    };
    signed.map_err(|error| Fault::Config(format!("sign a checkpoint: {error}")))
}
