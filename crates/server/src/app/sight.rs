//! What a caller may read: which access classes, decided once for each caller and class, and the snapshots that show no more.
//!
//! INVARIANT: a class that was not decided is not readable. So a model of a class that appeared a moment ago is shown to nobody for whom
//! that class was not decided, also not to a caller who read all classes that there were before.
//! INVARIANT: what was decided counts for a caller with the same roles, teams, delegations and limits at the same door, under the same
//! access policies; whatever else moved the access revision.
//!
//! The classes are read again when an entry was noted that can make one, or change who reads it (`app/current.rs`).

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use chancery_core::access::{AccessClass, Action, Grant, Limits, Resource, Role, Scope};
use chancery_core::entry::Door;
use chancery_core::names::{ActorId, Digest, Label, ModelId, ModelName, Timestamp, TokenId};
use chancery_core::tables::{ModelRow, TransferProposalRow};

use super::access::{Caller, Reading};
use super::view::{self, column};
use super::{App, AppError};
use crate::store::{Density, Readable, Sight, Snapshot};
use crate::values;

/// Most callers whose sight is remembered.
const REMEMBERED: usize = 10_000;
/// Up to so many models are sorted for a list; more are met soon enough on a walk.
const FEW: i64 = 5_000;
/// For how long the number of models that a caller reads counts as known.
const COUNTED_SECONDS: i64 = 60;

/// Which classes there are, and what was decided for callers.
#[derive(Debug, Default)]
pub(super) struct Sights {
    classes: Mutex<Classes>,
    known: Mutex<HashMap<Place, Known>>,
}

/// The classes of a moment.
#[derive(Clone, Debug, Default)]
struct Classes {
    list: Arc<Vec<String>>,
    /// Size of the ledger at which they were read; 0 when they never were.
    size: u64,
}

/// Where what was decided for a caller is kept.
type Place = (ActorId, Door, Option<TokenId>);

#[derive(Debug)]
struct Known {
    caller: Caller,
    /// The access policies that decided.
    policies: Option<Digest>,
    decided: HashMap<String, bool>,
    /// The classes that `sight` is made of.
    classes: Arc<Vec<String>>,
    sight: Sight,
    /// When the models were counted.
    counted_at: Timestamp,
}

impl App {
    /// A consistent read of what a caller who was allowed to read may see.
    ///
    /// # Errors
    /// [`AppError::Fault`].
    pub async fn read(&self, _permit: &Reading, caller: &Caller) -> Result<Snapshot, AppError> {
        self.seen_by(caller).await
    }

    /// What the caller may see now, for what is done on his behalf.
    pub(super) async fn seen_by(&self, caller: &Caller) -> Result<Snapshot, AppError> {
        let snapshot = self.inner.store.read().await?;
        let sight = self.sight(caller, &snapshot).await?;
        Ok(snapshot.seen_with(sight))
    }

    /// The model of a transfer that the caller has a part in: one that he may read; or one that he may take over for a team, because that was
    /// proposed or it has no team.
    ///
    /// # Errors
    /// `not_found`.
    pub async fn model_for_transfer(&self, caller: &Caller, name: &ModelName, to: Option<&Label>) -> Result<ModelId, AppError> {
        let snapshot = self.seen_by(caller).await?;
        let refusal = match view::model_named(&snapshot, name).await {
            Err(AppError::Refused(refusal, entry)) if snapshot.is_limited() => AppError::Refused(refusal, entry),
            other => return other.map(|model| model.model_id),
        };
        let everything = snapshot.everything();
        let Ok(model) = view::model_named(&everything, name).await else { return Err(refusal) };
        let Some(class) = model.class() else { return Err(refusal) };
        let proposed = everything.get::<TransferProposalRow>(values![model.model_id]).await?.map(|row| row.to_team);
        let team = proposed.or_else(|| to.filter(|_| class.team.is_none()).cloned());
        let Some(team) = team else { return Err(refusal) };
        let taken_over = Resource::Model(AccessClass { team: Some(team), ..class });
        if self.decision(caller, Action::TransferModel, &taken_over, None).allowed { Ok(model.model_id) } else { Err(refusal) }
    }

    /// Whether the caller may read models of a class: by his roles and teams, and by the limits of his token.
    pub(super) fn reads_class(&self, caller: &Caller, class: &str) -> bool {
        let place = place(caller);
        if let Some(decided) =
            held(&self.inner.sights.known).get(&place).filter(|known| self.counts_for(known, caller)).and_then(|known| known.decided.get(class))
        {
            return *decided;
        }
        self.reads(caller, class)
    }

    /// Whether the caller reads every model, as far as it is known without looking.
    pub(super) fn sees_everything(&self, caller: &Caller) -> bool {
        let classes = held(&self.inner.sights.classes).clone();
        classes.size > 0
            && self.inner.current.are_classes_of(classes.size)
            && held(&self.inner.sights.known)
                .get(&place(caller))
                .is_some_and(|known| self.counts_for(known, caller) && Arc::ptr_eq(&known.classes, &classes.list) && matches!(known.sight, Sight::Everything))
    }

    /// Whether what was decided then counts for this caller now.
    fn counts_for(&self, known: &Known, caller: &Caller) -> bool {
        let (then, now) = (&known.caller.actor, &caller.actor);
        let same = then.id == now.id && then.kind == now.kind && then.roles == now.roles && then.teams == now.teams && then.delegated == now.delegated;
        same && known.caller.limits == caller.limits && known.policies == self.access_policies().digest()
    }

    fn reads(&self, caller: &Caller, class: &str) -> bool {
        caller.limits.as_ref().is_none_or(|limits| within(limits, class)) && self.may_read(caller, class)
    }

    /// The sight of a caller in a snapshot that shows everything.
    async fn sight(&self, caller: &Caller, snapshot: &Snapshot) -> Result<Sight, AppError> {
        let classes = self.classes(snapshot).await?;
        let (place, now, policies) = (place(caller), self.now(), self.access_policies().digest());
        let mut decided = HashMap::new();
        if let Some(known) = held(&self.inner.sights.known).get(&place).filter(|known| self.counts_for(known, caller)) {
            let is_counted = matches!(known.sight, Sight::Everything) || now.micros() < known.counted_at.plus_seconds(COUNTED_SECONDS).micros();
            if Arc::ptr_eq(&known.classes, &classes) && is_counted {
                return Ok(known.sight.clone());
            }
            decided.clone_from(&known.decided);
        }
        for class in classes.iter() {
            if !decided.contains_key(class) {
                decided.insert(class.clone(), self.reads(caller, class));
            }
        }
        let readable: Vec<String> = classes.iter().filter(|class| decided.get(*class) == Some(&true)).cloned().collect();
        let sight = if readable.len() == classes.len() { Sight::Everything } else { limited(caller, snapshot, &readable).await? };
        let mut known = held(&self.inner.sights.known);
        if known.len() >= REMEMBERED {
            known.clear();
        }
        known.insert(place, Known { caller: caller.clone(), policies, decided, classes, sight: sight.clone(), counted_at: now });
        Ok(sight)
    }

    /// The classes that there are in a snapshot.
    async fn classes(&self, snapshot: &Snapshot) -> Result<Arc<Vec<String>>, AppError> {
        const ALL: &str = "SELECT class FROM access_classes ORDER BY class";
        let (before, size) = (held(&self.inner.sights.classes).clone(), snapshot.head().size);
        if before.size > 0 && (before.size == size || (before.size < size && self.has_noted(size) && self.inner.current.are_classes_of(before.size))) {
            return Ok(before.list);
        }
        let list: Vec<String> = snapshot.query(ALL, &[]).await?.iter().map(|row| column(row, 0)).collect::<Result<_, AppError>>()?;
        // The same list stays the same: what was made of it counts on.
        let list = if *before.list == list { before.list } else { Arc::new(list) };
        let mut classes = held(&self.inner.sights.classes);
        if classes.size <= size {
            *classes = Classes { list: Arc::clone(&list), size };
        }
        Ok(list)
    }

    /// Whether every entry of a ledger of this size was noted: those of this process are, before they are committed.
    fn has_noted(&self, size: u64) -> bool {
        self.inner.store.is_exclusive() || self.inner.current.has_noted(size)
    }

    /// The class of a model, whoever asks.
    pub(super) async fn class_word(&self, snapshot: &Snapshot, model: &ModelId) -> Result<Option<String>, AppError> {
        Ok(snapshot.everything().get::<ModelRow>(values![*model]).await?.map(|row| row.access_class))
    }
}

/// The sight of some classes.
async fn limited(caller: &Caller, snapshot: &Snapshot, readable: &[String]) -> Result<Sight, AppError> {
    let teams = takes_for(caller);
    let rare = Readable::new(&caller.actor.id, readable, &teams, Density::Few);
    let seen = snapshot.everything().seen_with(Sight::Some(Arc::new(rare)));
    let count = seen.query("SELECT count(*) FROM (SELECT 1 FROM models LIMIT $1) AS counted", &values![FEW + 1]).await?;
    let count: i64 = count.first().map(|row| column(row, 0)).transpose()?.unwrap_or_default();
    let density = if count > FEW { Density::Many } else { Density::Few };
    Ok(Sight::Some(Arc::new(Readable::new(&caller.actor.id, readable, &teams, density))))
}

/// The teams that the caller owns for: what is offered to them is for him to take.
fn takes_for(caller: &Caller) -> Vec<String> {
    let owned = |grant: &Grant| match (&grant.role, &grant.scope) {
        (Role::Owner, Scope::Team(team)) => Some(team.to_string()),
        _ => None,
    };
    caller.actor.roles.iter().filter_map(owned).collect()
}

/// Whether a token with these limits is for the models of a class.
fn within(limits: &Limits, class: &str) -> bool {
    if !limits.limits_models() {
        return true;
    }
    let Ok(class) = AccessClass::parse(class) else { return false };
    match &class.model {
        Some(model) => limits.reaches(model, class.team.as_ref()),
        None => class.team.as_ref().is_some_and(|team| limits.teams.contains(team)),
    }
}

fn place(caller: &Caller) -> Place {
    (caller.actor.id.clone(), caller.door, caller.credential.token().cloned())
}

/// Nothing panics while it holds one of these.
fn held<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
