//! Another key in the place of one of the registry's own: the entry, and what the ledger says of the keys.

use chancery_core::names::Timestamp;
use chancery_core::registry::{self, KEY_SEPARATOR, KeyPurpose, key_in_force};
use chancery_core::tables::SettingRow;

use super::App;
use crate::crash::{CrashPoint, reach};
use crate::fault::Fault;
use crate::keys::rotation::{Prepared, forget_former, prepare};
use crate::keys::{InForce, Keys};
use crate::store::Snapshot;
use crate::values;

/// What became of a rotation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rotated {
    /// Index of its entry.
    pub index: u64,
    /// The public key that is in force now: SPKI PEM or vkey.
    pub new: String,
    /// Until when the old one signs, too.
    pub overlap_until: Option<Timestamp>,
}

/// What the ledger says of the keys.
///
/// # Errors
/// [`Fault`].
pub(super) async fn in_force(snapshot: &Snapshot) -> Result<InForce, Fault> {
    let (decision, _) = setting(snapshot, KeyPurpose::Decision).await?;
    let (checkpoint, overlap_until) = setting(snapshot, KeyPurpose::Checkpoint).await?;
    Ok(InForce { decision, checkpoint, overlap_until })
}

async fn setting(snapshot: &Snapshot, purpose: KeyPurpose) -> Result<(Option<String>, Option<Timestamp>), Fault> {
    let Some(row) = snapshot.get::<SettingRow>(values![key_in_force(purpose)]).await? else { return Ok((None, None)) };
    let (key, until) = row.value.split_once(KEY_SEPARATOR).unwrap_or((&row.value, ""));
    let until = if until.is_empty() { None } else { Some(Timestamp::parse(until).map_err(|refusal| Fault::Config(refusal.message))?) };
    Ok((Some(key.to_owned()), until))
}

impl App {
    /// Puts a new key in the place of one, and records it. `overlap_seconds` is how long the old checkpoint key signs beside the new
    /// one. The application must be opened for it ([`crate::keys::Sources::rotating`]), and be dropped after it.
    ///
    /// # Errors
    /// [`Fault::Config`] when there is nothing to rotate to, or another server rotated; [`Fault`] of disk, token or database.
    pub async fn rotate_key(&self, purpose: KeyPurpose, overlap_seconds: i64) -> Result<Rotated, Fault> {
        let (crash, data) = (self.inner.crash, &self.inner.data);
        if self.read_only().is_some() {
            return Err(Fault::Config("the database does not hold what the checkpoint key has signed: bring the right data back first".to_owned()));
        }
        let Prepared { old, new, can_overlap } = prepare(data, self.keys().origin(), &self.inner.sources, purpose)?;
        reach(crash, CrashPoint::AfterNewKey);
        let overlap_until = (can_overlap && overlap_seconds > 0).then(|| self.now().plus_seconds(overlap_seconds));
        let command = registry::Command::RotateKey { purpose, old, new: new.clone(), overlap_until };
        let receipt = self.system_command(command.into()).await?;
        reach(crash, CrashPoint::AfterRotation);
        let in_force = in_force(&self.store().read().await?).await?;
        Keys::open_with(data, None, &self.inner.sources, &in_force)?;
        Ok(Rotated { index: receipt.index, new, overlap_until })
    }

    /// Removes the private half of the former checkpoint key when its overlap is over.
    ///
    /// # Errors
    /// [`Fault`].
    pub async fn forget_former_key(&self) -> Result<(), Fault> {
        let in_force = in_force(&self.store().read().await?).await?;
        match in_force.overlap_until {
            Some(until) if until > self.now() => Ok(()),
            Some(_) | None => forget_former(&self.inner.data),
        }
    }
}
