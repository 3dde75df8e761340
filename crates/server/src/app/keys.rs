//! Public keys of actors, as signatures are compared with them.

use chancery_core::access::Action;
use chancery_core::actor::ActorKind;
use chancery_core::actor::key::parse_spki;
use chancery_core::entry::Subject;
use chancery_core::evidence::signed::{KnownKey, MAX_TRIED, Standing};
use chancery_core::names::{ActorId, Digest};
use chancery_core::refusal::{Code, Refusal};
use chancery_core::tables::{ActorKeyRow, ActorRow};

use super::access::Caller;
use super::{App, AppError};
use crate::fault::Fault;
use crate::store::Snapshot;
use crate::values;

impl App {
    /// The registered keys that signatures name, and those of pipelines that signatures without a known name are tried with.
    ///
    /// # Errors
    /// A fault.
    pub(super) async fn known_keys(&self, named: &[Digest]) -> Result<Vec<KnownKey>, AppError> {
        let snapshot = self.store().read().await?;
        let mut rows = Vec::new();
        for id in named {
            rows.extend(snapshot.get::<ActorKeyRow>(values![*id]).await?);
        }
        // The newest first: they are the ones in use.
        let tail = "WHERE removed_at IS NULL AND actor_id LIKE 'p%' ORDER BY added_index DESC LIMIT $1";
        let pipelines = snapshot.rows::<ActorKeyRow>(tail, &values![i64::try_from(MAX_TRIED).unwrap_or(i64::MAX)]).await?;
        rows.extend(pipelines.into_iter().filter(|row| !named.contains(&row.key_id)));
        let mut known = Vec::with_capacity(rows.len());
        for row in rows {
            known.push(known_key(&snapshot, row).await?);
        }
        Ok(known)
    }

    /// Refuses the registry's own key: what it signs is its own word and nobody else's.
    ///
    /// # Errors
    /// `separation_of_duties` (recorded); a fault.
    pub async fn check_foreign(&self, caller: &Caller, key_id: &Digest) -> Result<(), AppError> {
        let ids = self.keys().public().decisions().iter().map(chancery_core::signing::PublicKey::key_id).collect::<Result<Vec<_>, _>>();
        let ids = ids.map_err(|error| Fault::Config(format!("name the decision key: {error}")))?;
        if ids.contains(&key_id.to_string()) {
            let refusal = Refusal::new(Code::SeparationOfDuties, "this is the key with which the registry signs").field("key");
            let refusal = refusal.remedy("register a key of your own");
            return Err(self.refuse(caller, Subject::Actor(caller.actor.id.clone()), Action::ManageOwnKeys.as_str(), refusal, None).await);
        }
        Ok(())
    }
}

async fn known_key(snapshot: &Snapshot, row: ActorKeyRow) -> Result<KnownKey, AppError> {
    let actor = snapshot.get::<ActorRow>(values![row.actor_id]).await?;
    let standing = match actor {
        Some(actor) if row.removed_at.is_none() && actor.active => match actor.kind {
            ActorKind::Pipeline => Standing::Trusted,
            ActorKind::Person | ActorKind::Service => Standing::NoPipeline,
        },
        Some(_) | None => Standing::Ended,
    };
    let key = parse_spki(&row.spki).map_err(|error| Fault::database("read a registered key", error))?;
    Ok(KnownKey { id: row.key_id, key, standing })
}

/// How many keys of an actor are in force.
///
/// # Errors
/// A fault.
pub async fn held(snapshot: &Snapshot, actor: &ActorId) -> Result<u64, AppError> {
    Ok(snapshot.rows::<ActorKeyRow>("WHERE actor_id = $1 AND removed_at IS NULL", &values![*actor]).await?.len() as u64)
}
