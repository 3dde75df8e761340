//! What a caller may read: which access classes, decided once for each caller and class, and the snapshots that show no more.
//!
//! INVARIANT: a class that was not decided is not readable. So a model of a class that appeared a moment ago is shown to nobody for whom
//! that class was not decided, also not to a caller who read all classes that there were before.
//! INVARIANT: what was decided counts for the very caller that it was decided for: his roles, teams and limits of that access revision.
//!
//! The classes are read again when an entry was noted that can make one, or change who reads it (`app/current.rs`).

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use chancery_core::access::{AccessClass, Limits};
use chancery_core::entry::Door;
use chancery_core::names::{ActorId, Timestamp, TokenId};
use chancery_core::tables::ModelRow;

use super::access::{Caller, Reading};
use super::view::column;
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

    /// Whether the caller may read models of a class: by his roles and teams, and by the limits of his token.
    pub(super) fn reads_class(&self, caller: &Caller, class: &str) -> bool {
        let place = place(caller);
        if let Some(decided) = held(&self.inner.sights.known).get(&place).filter(|known| same(&known.caller, caller)).and_then(|known| known.decided.get(class)) {
            return *decided;
        }
        self.decide(caller, class)
    }

    /// Whether the caller reads every model, as far as it is known without looking.
    pub(super) fn sees_everything(&self, caller: &Caller) -> bool {
        let classes = held(&self.inner.sights.classes).clone();
        classes.size > 0
            && self.inner.current.are_classes_of(classes.size)
            && held(&self.inner.sights.known)
                .get(&place(caller))
                .is_some_and(|known| same(&known.caller, caller) && Arc::ptr_eq(&known.classes, &classes.list) && matches!(known.sight, Sight::Everything))
    }

    fn decide(&self, caller: &Caller, class: &str) -> bool {
        caller.limits.as_ref().is_none_or(|limits| within(limits, class)) && self.may_read(caller, class)
    }

    /// The sight of a caller in a snapshot that shows everything.
    async fn sight(&self, caller: &Caller, snapshot: &Snapshot) -> Result<Sight, AppError> {
        let classes = self.classes(snapshot).await?;
        let (place, now) = (place(caller), self.now());
        let mut decided = HashMap::new();
        if let Some(known) = held(&self.inner.sights.known).get(&place).filter(|known| same(&known.caller, caller)) {
            let is_counted = matches!(known.sight, Sight::Everything) || now.micros() < known.counted_at.plus_seconds(COUNTED_SECONDS).micros();
            if Arc::ptr_eq(&known.classes, &classes) && is_counted {
                return Ok(known.sight.clone());
            }
            decided.clone_from(&known.decided);
        }
        for class in classes.iter() {
            if !decided.contains_key(class) {
                decided.insert(class.clone(), self.decide(caller, class));
            }
        }
        let readable: Vec<String> = classes.iter().filter(|class| decided.get(*class) == Some(&true)).cloned().collect();
        let sight = if readable.len() == classes.len() { Sight::Everything } else { limited(snapshot, &readable).await? };
        let mut known = held(&self.inner.sights.known);
        if known.len() >= REMEMBERED {
            known.clear();
        }
        known.insert(place, Known { caller: caller.clone(), decided, classes, sight: sight.clone(), counted_at: now });
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
    pub(super) async fn class_of(&self, snapshot: &Snapshot, model: &chancery_core::names::ModelId) -> Result<Option<String>, AppError> {
        Ok(snapshot.everything().get::<ModelRow>(values![*model]).await?.map(|row| row.access_class))
    }
}

/// The sight of some classes.
async fn limited(snapshot: &Snapshot, readable: &[String]) -> Result<Sight, AppError> {
    let rare = Readable::new(readable, Density::Few);
    let seen = snapshot.everything().seen_with(Sight::Some(Arc::new(rare)));
    let count = seen.query("SELECT count(*) FROM (SELECT 1 FROM models LIMIT $1) AS counted", &values![FEW + 1]).await?;
    let count: i64 = count.first().map(|row| column(row, 0)).transpose()?.unwrap_or_default();
    let density = if count > FEW { Density::Many } else { Density::Few };
    Ok(Sight::Some(Arc::new(Readable::new(readable, density))))
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

/// Whether what was decided for one counts for the other.
fn same(known: &Caller, caller: &Caller) -> bool {
    known.actor == caller.actor && known.limits == caller.limits
}

/// Nothing panics while it holds one of these.
fn held<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
