//! Answers about the present, kept in memory until an entry changes their model.
//!
//! A registry is read far more often than it is written, and most reads ask again what was asked a moment ago. An answer is kept with
//! the size of the ledger that it was read at; every entry notes at which index its model changed. An answer read before its
//! model changed is not given any more.
//!
//! INVARIANT: before an answer is given, every entry that was committed when the request came in has been noted. On SQLite this
//! process makes all entries and notes them just before it commits them. On PostgreSQL other servers write too: each
//! request first waits for a look at the head that began after it came in; requests that wait together share one look.
//! INVARIANT: what is kept depends on entries about one model and about policy bundles only, and on nothing that no entry changes.
//! INVARIANT: a kept answer is given to who may read the access class that its model had when it was made; entries that can give a model
//! another class without being about it make every answer old.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use chancery_core::names::{AliasName, ModelId, ModelName, VersionNumber};
use chancery_core::registry::ACCESS;
use chancery_core::rows::{Field, Value};
use chancery_core::tables::VersionRow;
use tokio::sync::{mpsc, oneshot};

use super::{App, AppError, Caller, Reading, view};
use crate::fault::Fault;
use crate::store::{Snapshot, Store};
use crate::values;

/// Bytes of answers that are kept; beyond them all are dropped and read again.
const MAX_BYTES: usize = 64 * 1024 * 1024;
/// What an answer costs beside its bytes, about.
const OVERHEAD_BYTES: usize = 256;
/// Models and places that are remembered.
const MAX_NAMES: usize = 200_000;
/// Entries of other servers that one look takes in; beyond them all answers are dropped.
const LOOK: usize = 2_000;
/// Requests that wait for one look.
const WAITING: usize = 4_096;

/// What was asked.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Question {
    /// A version by the name it is known under and its number.
    Version(ModelName, VersionNumber),
    /// An alias of the model that has the name now.
    Alias(ModelName, AliasName),
    /// A version of the model that has the name now, as MLflow shows it.
    MlflowVersion(ModelName, VersionNumber),
    /// The version that an alias names, as MLflow shows it.
    MlflowAlias(ModelName, AliasName),
}

/// What is answered.
#[derive(Clone, Debug)]
pub struct Answer {
    /// Revision of the subject, where it is the ETag.
    pub revision: Option<u64>,
    /// The body.
    pub body: Bytes,
}

impl Answer {
    /// A view as JSON.
    ///
    /// # Errors
    /// [`Fault`] when it cannot be written, which would be a defect.
    pub fn json<T: serde::Serialize>(revision: Option<u64>, view: &T) -> Result<Self, Fault> {
        let body = serde_json::to_vec(view).map_err(|error| Fault::database("write an answer", error))?;
        Ok(Self { revision, body: body.into() })
    }
}

/// The answers, and what makes them old.
#[derive(Debug, Default)]
pub(super) struct Current {
    kept: Mutex<Kept>,
    /// Which model `name/number` means: for ever, so nothing makes it old.
    places: Mutex<HashMap<(ModelName, VersionNumber), ModelId>>,
}

#[derive(Debug, Default)]
struct Kept {
    answers: HashMap<Question, Made>,
    bytes: usize,
    /// One more than the index of the last entry about each model.
    changed: HashMap<String, u64>,
    /// Changes before this size of the ledger are not remembered.
    floor: u64,
    /// Entries before this index were noted.
    size: u64,
    /// One more than the index of the last entry that can make an access class, or change who reads one.
    classes: u64,
}

/// An answer, and what it depends on.
#[derive(Debug)]
struct Made {
    answer: Answer,
    model: ModelId,
    /// Access classes of the model and of the versions behind it that the answer names.
    classes: Vec<String>,
    /// The access revision at which these were the classes, when they are not those of the model alone: entries about the others
    /// make this answer not old.
    access: Option<u64>,
    /// Size of the ledger that it was read at.
    size: u64,
}

impl Current {
    /// Notes entries: their index and subject.
    pub(super) fn note<'a>(&self, entries: impl Iterator<Item = (u64, &'a str)>) {
        let mut kept = held(&self.kept);
        for (index, subject) in entries {
            kept.note(index, subject);
        }
    }

    /// Drops everything: after a commit whose outcome is not known.
    pub(super) fn clear(&self) {
        let mut kept = held(&self.kept);
        *kept = Kept { classes: kept.classes, ..Kept::default() };
    }

    /// Whether no entry since the ledger had this size can have made an access class, or changed who reads one.
    pub(super) fn are_classes_of(&self, size: u64) -> bool {
        size >= held(&self.kept).classes
    }

    /// Whether a look took in every entry of a ledger of this size.
    pub(super) fn has_noted(&self, size: u64) -> bool {
        held(&self.kept).size >= size
    }

    fn find(&self, question: &Question, access: u64, may_read: impl Fn(&str) -> bool) -> Option<Answer> {
        let (answer, classes) = {
            let kept = held(&self.kept);
            let made = kept.answers.get(question)?;
            let is_new = made.size >= kept.changed.get(made.model.as_str()).copied().unwrap_or(kept.floor) && made.access.is_none_or(|then| then == access);
            is_new.then(|| (made.answer.clone(), made.classes.clone()))?
        };
        classes.iter().all(|class| may_read(class)).then_some(answer)
    }

    fn keep(&self, question: Question, made: Made) {
        let mut kept = held(&self.kept);
        let cost = |made: &Made| made.answer.body.len() + OVERHEAD_BYTES;
        kept.bytes += cost(&made);
        if kept.bytes > MAX_BYTES {
            kept.answers.clear();
            kept.bytes = cost(&made);
        }
        if let Some(old) = kept.answers.insert(question, made) {
            kept.bytes -= cost(&old);
        }
    }

    /// Notes what was committed since the last look. Gives the access revision.
    async fn look(&self, store: &Store) -> Result<u64, Fault> {
        const SINCE: &str = "SELECT head.size, settings.revision, entries.entry_index, entries.subject FROM head LEFT JOIN settings ON settings.name = $1
            LEFT JOIN entries ON entries.entry_index >= $2 WHERE head.id = 1 ORDER BY entries.entry_index LIMIT $3";
        let seen = held(&self.kept).size;
        let rows = store.query_one_shot(SINCE, &values![ACCESS, seen, LOOK as u64 + 1]).await?;
        let mut kept = held(&self.kept);
        let (mut size, mut access) = (0, 0);
        for row in &rows {
            let [Value::Integer(head), revision, index, subject] = row.as_slice() else { continue };
            size = u64::from_value(Value::Integer(*head))?;
            access = Option::<u64>::from_value(revision.clone())?.unwrap_or(0);
            if let (Value::Integer(index), Value::Text(subject)) = (index, subject) {
                kept.note(u64::from_value(Value::Integer(*index))?, subject);
            }
        }
        if rows.len() > LOOK || size < seen {
            // Too much to note one by one, as at the first look; or a database that was put back.
            *kept = Kept { floor: size, classes: size, ..Kept::default() };
        }
        kept.size = size;
        Ok(access)
    }
}

impl Kept {
    fn note(&mut self, index: u64, subject: &str) {
        let mut parts = subject.split('/');
        let (kind, name, number) = (parts.next(), parts.next(), parts.next());
        match kind {
            // `model/ID` and `model/ID/NUMBER`: no kept answer shows anything of other subjects.
            // A token that is for one model gives it a class of its own; what answers show is the same.
            Some("model") if number.is_none() => self.classes = self.classes.max(index + 1),
            Some("token") => self.classes = self.classes.max(index + 1),
            Some("model" | "promotion" | "exception" | "risk" | "review" | "template") => {}
            // Answers say how complete an entry is, which the bundle in force decides; and grants, teams and access policies may give any
            // model another access class: all answers are old.
            _ => {
                self.floor = index + 1;
                self.classes = self.classes.max(index + 1);
                self.changed.clear();
            }
        }
        let (Some("model"), Some(model)) = (kind, name) else { return };
        match self.changed.get_mut(model) {
            Some(changed) => *changed = (*changed).max(index + 1),
            None => {
                if self.changed.len() >= MAX_NAMES {
                    self.floor = index + 1;
                    self.changed.clear();
                }
                self.changed.insert(model.to_owned(), index + 1);
            }
        }
    }
}

/// Nothing panics while it holds one of these.
fn held<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Looks at the head on behalf of all requests that wait.
#[derive(Clone, Debug)]
pub(super) struct Lookout {
    sender: mpsc::Sender<oneshot::Sender<Result<u64, String>>>,
}

impl Lookout {
    /// Starts the task; it ends with the last handle. Must be called in a tokio runtime.
    pub(super) fn start(store: Store, current: Arc<Current>) -> Self {
        let (sender, mut receiver) = mpsc::channel(WAITING);
        tokio::spawn(async move {
            let mut waiting: Vec<oneshot::Sender<Result<u64, String>>> = Vec::new();
            while receiver.recv_many(&mut waiting, WAITING).await > 0 {
                let seen = current.look(&store).await.map_err(|fault| crate::fault::chain(&fault));
                waiting.drain(..).for_each(|reply| drop(reply.send(seen.clone())));
            }
        });
        Self { sender }
    }

    /// Waits for a look that begins after this call. Gives the access revision.
    async fn look(&self) -> Result<u64, Fault> {
        let (reply, answer) = oneshot::channel();
        let stopped = || Fault::Config("the server is stopping".to_owned());
        self.sender.send(reply).await.map_err(|_| stopped())?;
        answer.await.map_err(|_| stopped())?.map_err(|text| Fault::database("look at the head", text))
    }
}

impl App {
    /// The access revision, after every entry that is committed by now was noted.
    pub(super) async fn access_revision(&self) -> Result<u64, Fault> {
        if let Some(revision) = self.inner.sequencer.access_revision(&self.inner.store) {
            return Ok(revision);
        }
        self.inner.lookout.look().await
    }

    /// The kept answer to a question, for a caller who was allowed to read and may read its model.
    pub fn kept(&self, _permit: &Reading, caller: &Caller, question: &Question) -> Option<Answer> {
        self.inner.current.find(question, caller.actor.access_revision, |class| self.reads_class(caller, class))
    }

    /// Keeps an answer about a model that was made from this snapshot, and gives it back. It names no other model.
    ///
    /// # Errors
    /// [`AppError::Fault`].
    pub async fn keep(&self, question: Question, model: ModelId, snapshot: &Snapshot, answer: Answer) -> Result<Answer, AppError> {
        if let Some(class) = self.class_word(snapshot, &model).await? {
            self.inner.current.keep(question, Made { answer: answer.clone(), model, classes: vec![class], access: None, size: snapshot.head().size });
        }
        Ok(answer)
    }

    /// Keeps an answer that shows a version whole, with the names of what is behind it, and gives it back. It must have been made for a
    /// caller who may read all of that.
    ///
    /// # Errors
    /// [`AppError::Fault`].
    pub async fn keep_whole(&self, caller: &Caller, question: Question, version: &VersionRow, snapshot: &Snapshot, answer: Answer) -> Result<Answer, AppError> {
        let classes = super::lineage::classes_behind(snapshot, version).await?;
        let access = (classes.len() > 1).then_some(caller.actor.access_revision);
        let made = Made { answer: answer.clone(), model: version.model_id.clone(), classes, access, size: snapshot.head().size };
        self.inner.current.keep(question, made);
        Ok(answer)
    }

    /// The model of which `name/number` is a version, for ever.
    ///
    /// # Errors
    /// `not_found`.
    pub async fn model_of_version(&self, permit: &Reading, caller: &Caller, name: &ModelName, number: VersionNumber) -> Result<ModelId, AppError> {
        let place = (name.clone(), number);
        if self.sees_everything(caller)
            && let Some(model) = held(&self.inner.current.places).get(&place)
        {
            return Ok(model.clone());
        }
        let (model, _) = view::version_named(&self.read(permit, caller).await?, name, number).await?;
        let mut places = held(&self.inner.current.places);
        if places.len() >= MAX_NAMES {
            places.clear();
        }
        places.insert(place, model.model_id.clone());
        Ok(model.model_id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn model(digit: char) -> ModelId {
        ModelId::parse(&format!("m{}", digit.to_string().repeat(32))).unwrap()
    }

    fn question(name: &str) -> Question {
        Question::Version(ModelName::parse(name).unwrap(), VersionNumber::new(1).unwrap())
    }

    fn answer(text: &'static str) -> Answer {
        Answer { revision: Some(1), body: Bytes::from_static(text.as_bytes()) }
    }

    fn made(model: ModelId, size: u64, answer: Answer) -> Made {
        Made { answer, model, classes: vec!["open".to_owned()], access: None, size }
    }

    fn found(current: &Current, name: &str) -> bool {
        current.find(&question(name), 1, |class| class == "open").is_some()
    }

    #[test]
    fn an_answer_is_given_to_who_may_read_its_class() {
        let current = Current::default();
        current.keep(question("loan"), made(model('a'), 10, answer("loan")));
        assert!(found(&current, "loan"));
        assert!(current.find(&question("loan"), 1, |_| false).is_none());
        // One that names others as well is given to who may read them all, at the access revision at which these were their classes.
        let classes = ["open", "secret"].map(str::to_owned).to_vec();
        current.keep(question("loan"), Made { classes, access: Some(1), ..made(model('a'), 10, answer("loan")) });
        assert!(!found(&current, "loan"));
        assert!(current.find(&question("loan"), 1, |_| true).is_some());
        assert!(current.find(&question("loan"), 2, |_| true).is_none());
    }

    #[test]
    fn what_can_change_the_class_of_any_model_makes_every_answer_old() {
        for (subject, wanted) in [
            ("actor/u1", (true, true)),
            ("team/risk", (true, true)),
            ("access-policy/d", (true, true)),
            ("registry", (true, true)),
            ("token/t1", (false, true)),
            ("promotion/p1", (false, false)),
        ] {
            let current = Current::default();
            current.keep(question("loan"), made(model('a'), 10, answer("loan")));
            current.note([(10, subject)].into_iter());
            assert_eq!((!found(&current, "loan"), !current.are_classes_of(10)), wanted, "{subject}");
        }
    }

    #[test]
    fn an_answer_is_given_until_an_entry_about_its_model() {
        let current = Current::default();
        let (loan, fraud) = (model('a'), model('b'));
        current.keep(question("loan"), made(loan.clone(), 10, answer("loan")));
        current.keep(question("fraud"), made(fraud, 10, answer("fraud")));
        assert!(found(&current, "loan"));
        current.note([(10, format!("model/{loan}/1").as_str()), (11, "promotion/x")].into_iter());
        assert!(!found(&current, "loan"));
        assert!(found(&current, "fraud"));
    }

    #[test]
    fn an_answer_read_before_a_change_that_was_noted_meanwhile_is_not_given() {
        let current = Current::default();
        let loan = model('a');
        current.note([(10, format!("model/{loan}").as_str())].into_iter());
        current.keep(question("loan"), made(loan.clone(), 10, answer("old")));
        assert!(!found(&current, "loan"));
        current.keep(question("loan"), made(loan, 11, answer("new")));
        assert!(found(&current, "loan"));
    }

    #[test]
    fn a_bundle_makes_every_older_answer_old() {
        let current = Current::default();
        current.note([(3, format!("model/{}", model('b')).as_str())].into_iter());
        current.keep(question("loan"), made(model('a'), 10, answer("loan")));
        current.note([(10, format!("bundle/{}", "a".repeat(64)).as_str())].into_iter());
        assert!(!found(&current, "loan"));
        current.keep(question("loan"), made(model('a'), 11, answer("loan")));
        assert!(found(&current, "loan"));
    }

    #[test]
    fn forgotten_changes_make_every_older_answer_old() {
        let current = Current::default();
        current.keep(question("loan"), made(model('a'), 5, answer("loan")));
        let subjects: Vec<String> = (0..=MAX_NAMES).map(|number| format!("model/m{number:032}")).collect();
        current.note(subjects.iter().enumerate().map(|(index, subject)| (index as u64 + 5, subject.as_str())));
        assert!(!found(&current, "loan"));
    }

    #[test]
    fn memory_stays_within_its_limit() {
        let current = Current::default();
        let body = Bytes::from(vec![0; 1024 * 1024]);
        for number in 0..200 {
            current.keep(question(&format!("m{number}")), made(model('a'), 1, Answer { revision: Some(1), body: body.clone() }));
        }
        let kept = held(&current.kept);
        assert!(kept.bytes <= MAX_BYTES && kept.answers.len() > 10, "{} bytes, {} answers", kept.bytes, kept.answers.len());
    }
}
