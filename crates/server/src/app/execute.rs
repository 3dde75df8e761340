//! Executing a command: sequence it, and answer with the entries that it made. Also first start and recorded refusals.

use std::path::Path;
use std::sync::Arc;

use chancery_core::access::{Action, Actor, Authorized, Grant, Limits, Role, action_of};
use chancery_core::actor::token::{Issue, Issuer};
use chancery_core::actor::{self, ActorKind};
use chancery_core::entry::{Door, Draft, Entry, Subject};
use chancery_core::names::{ActorId, Digest, Label, PolicyMode};
use chancery_core::promotion::GateRecord;
use chancery_core::refusal::{Code, Recorded, Refusal};
use chancery_core::tables::{ActorRow, EntryRow, SettingRow};
use chancery_core::{Command, registry};
use futures_util::future::BoxFuture;

use super::access::{Caller, Credential};
use super::refusals::Record;
use super::sequence::{Answer, Job, Noted, Speaks, Work};
use super::{App, AppError, models};
use crate::crash::{CrashPoint, reach};
use crate::fault::Fault;
use crate::{ids, token, values};

/// How often a command is prepared: once, and three times again when its subjects changed meanwhile.
pub(super) const ATTEMPTS: usize = 4;
/// How long the first administrator's token is valid, in seconds: a year.
const FIRST_TOKEN_SECONDS: i64 = 365 * 86_400;

/// What goes with a command.
#[derive(Clone, Debug)]
pub struct Options {
    /// Surface.
    pub door: Door,
    /// Idempotency: digests of actor and key, and of the body.
    pub request: Option<(Digest, Digest)>,
    /// By what the caller was recognised.
    pub credential: Credential,
    /// Others who made that credential.
    pub made_by: Vec<ActorId>,
    /// To what the caller's token is limited.
    pub limits: Option<Arc<Limits>>,
}

impl Options {
    /// Of a caller, without idempotency key.
    pub fn of(caller: &Caller) -> Self {
        let Caller { door, credential, made_by, limits, .. } = caller.clone();
        Self { door, request: None, credential, made_by, limits }
    }

    /// The same without the idempotency key: for what a request does beside its command.
    #[must_use]
    pub fn plain(&self) -> Self {
        Self { request: None, ..self.clone() }
    }

    /// The caller whose command this is, with the actor as it stands.
    fn caller(&self, actor: Actor) -> Caller {
        let Self { door, credential, made_by, limits, .. } = self.clone();
        Caller { actor, door, credential, made_by, limits }
    }
}

/// The entries that a command made: the answer to every mutation.
#[derive(Clone, Debug)]
pub struct Receipt {
    /// Index of the last entry; the revision of what changed.
    pub index: u64,
    /// The exact bytes of each entry.
    pub entries: Vec<Vec<u8>>,
    /// Whether the command was done before under the same idempotency key.
    pub replayed: bool,
}

impl Receipt {
    /// The first entry, parsed.
    ///
    /// # Errors
    /// [`Fault`] when it cannot be read, which would be a defect.
    pub fn first(&self) -> Result<Entry, Fault> {
        let bytes = self.entries.first().map(Vec::as_slice).unwrap_or_default();
        Entry::from_bytes(bytes).map_err(|error| Fault::database("read the entry just made", error))
    }
}

/// A command with what was noted while it was prepared.
#[derive(Clone, Debug)]
pub(super) struct Prepared {
    pub(super) command: Authorized<Command>,
    pub(super) noted: Vec<Noted>,
    pub(super) evaluated_at: Option<chancery_core::names::Timestamp>,
    pub(super) gate: Option<GateRecord>,
    pub(super) subject: Subject,
}

impl Prepared {
    /// A command that needs no preparation.
    fn plain(command: Authorized<Command>) -> Self {
        Self { command, noted: Vec::new(), evaluated_at: None, gate: None, subject: Subject::Registry }
    }
}

/// What became of one attempt.
pub(super) enum Attempt {
    Done(Receipt),
    /// Prepare again.
    Stale,
}

impl App {
    /// Executes a command that needs no gate.
    ///
    /// # Errors
    /// The refusal (with its entry when it is recorded), or a fault.
    pub async fn execute(&self, command: Authorized<Command>, options: &Options) -> Result<Receipt, AppError> {
        let mut command = command;
        for _ in 0..ATTEMPTS {
            match self.attempt(Prepared::plain(command.clone()), options).await? {
                Attempt::Done(receipt) => return Ok(receipt),
                Attempt::Stale => {
                    // Roles changed since the caller was authenticated: decide about access anew.
                    let (actor, what) = command.into_parts();
                    let caller = options.caller(self.current_actor(&actor).await?);
                    command = self.allow_command(&caller, what).await?;
                }
            }
        }
        Err(contended().into())
    }

    /// Sequences one prepared command.
    pub(super) async fn attempt(&self, prepared: Prepared, options: &Options) -> Result<Attempt, AppError> {
        self.check_writable()?;
        let (actor, command) = prepared.command.into_parts();
        let action = action_of(&command);
        let mut noted = prepared.noted;
        noted.push(Noted::access(actor.access_revision));
        let job = Job {
            actor: actor.id.clone(),
            door: options.door,
            request: options.request,
            speaks: Speaks { run: options.credential.run().cloned(), through: options.made_by.clone() },
            work: Work::Command { command: Box::new(command), noted, evaluated_at: prepared.evaluated_at },
        };
        match self.sequencer().submit(job).await? {
            Answer::Done(receipt) => Ok(Attempt::Done(receipt)),
            Answer::Stale => Ok(Attempt::Stale),
            Answer::Refused(refusal, subject) => {
                let caller = options.caller(actor);
                let subject = subject.unwrap_or(prepared.subject);
                Err(self.refuse(&caller, subject, action.as_str(), refusal, prepared.gate.as_ref()).await)
            }
        }
    }

    /// The error for a refusal; when the attempt belongs to the record, it becomes an entry first.
    pub(crate) async fn refuse(&self, caller: &Caller, subject: Subject, action: &str, refusal: Refusal, gate: Option<&GateRecord>) -> AppError {
        let refusal = self.with_names(caller, refusal).await;
        if refusal.recorded() == Recorded::No || self.check_writable().is_err() {
            return refusal.into();
        }
        if self.inner.refusals.count(&caller.actor.id, self.now()) == Record::Counted {
            return refusal.into();
        }
        let draft = registry::refused(subject, action, &refusal, gate);
        match self.record(caller, draft).await {
            Ok(receipt) => AppError::Refused(Box::new(refusal), Some(receipt.index)),
            Err(fault) => AppError::Fault(fault),
        }
    }

    /// The same refusal, with names in the place of the ids of who made the caller's credential: the rules know ids only. The entry of a
    /// refusal has no words, so that no name comes into the ledger.
    async fn with_names(&self, caller: &Caller, refusal: Refusal) -> Refusal {
        if refusal.code != Code::SeparationOfDuties || caller.made_by.is_empty() {
            return refusal;
        }
        // Without the names the ids say it as well.
        let Ok(snapshot) = self.store().read().await else { return refusal };
        let Ok(names) = models::names(&snapshot, caller.made_by.clone()).await else { return refusal };
        let message = names.iter().fold(refusal.message.clone(), |text, (id, name)| text.replace(&format!("`{id}`"), &format!("`{name}`")));
        Refusal { message, ..refusal }
    }

    /// Records how many attempts were refused above the rate that is recorded one by one. A job calls it.
    ///
    /// A crash before it loses the count of the last minute, never an entry.
    ///
    /// # Errors
    /// [`Fault`].
    pub async fn record_suppressed(&self) -> Result<(), Fault> {
        for suppressed in self.inner.refusals.take_ended(self.now()) {
            let event = registry::Event::RefusalsSuppressed { count: suppressed.count, from: suppressed.from, to: suppressed.to };
            let draft = Draft::new(Subject::Actor(suppressed.actor.clone()), event);
            let job = Job { actor: suppressed.actor, door: Door::Schedule, request: None, speaks: Speaks::default(), work: Work::Record(Box::new(draft)) };
            self.sequencer().submit(job).await?;
        }
        Ok(())
    }

    async fn record(&self, caller: &Caller, draft: Draft) -> Result<Receipt, Fault> {
        let job = Job {
            actor: caller.actor.id.clone(),
            door: caller.door,
            request: None,
            speaks: Speaks { run: caller.credential.run().cloned(), through: caller.made_by.clone() },
            work: Work::Record(Box::new(draft)),
        };
        match self.sequencer().submit(job).await? {
            Answer::Done(receipt) => Ok(receipt),
            Answer::Stale => Err(Fault::Config("a record cannot be stale".to_owned())),
            Answer::Refused(refusal, _) => Err(Fault::Config(refusal.message)),
        }
    }

    /// Starts an empty registry, makes its first administrator, and gives the administrator's token, once.
    ///
    /// The steps are: registry, administrator, token file, token. A crash between any two of them leaves what was done, and the
    /// next start does the rest. The file comes before the token that it holds is valid: a token that nobody can read would lock
    /// everybody out. A file whose token never became valid is replaced.
    pub(super) async fn start(&self, mode: PolicyMode, data: &Path) -> Result<Option<String>, Fault> {
        // The key has signed entries that are not here: an empty database is not a new registry then.
        if self.read_only().is_some() {
            return Ok(None);
        }
        let crash = self.inner.crash;
        let snapshot = self.store().read().await?;
        let started = snapshot.get::<SettingRow>(values![registry::POLICY_MODE]).await?.is_some();
        let issued = !snapshot.query("SELECT token_id FROM tokens LIMIT 1", &[]).await?.is_empty();
        // Nobody could make a second actor before the first token.
        let administrator = snapshot.rows::<ActorRow>("ORDER BY created_index LIMIT 1", &[]).await?.into_iter().next();
        drop(snapshot);
        let system = ActorId::parse("system").map_err(|refusal| Fault::Config(refusal.message))?;
        if !started {
            let origin = self.keys().origin().to_owned();
            self.system(&system, registry::Command::Start { origin, mode, baseline: self.inner.baseline.clone() }.into()).await?;
            reach(crash, CrashPoint::AfterStart);
        }
        if issued {
            return Ok(None);
        }
        let actor = match administrator {
            Some(row) => row.actor_id,
            None => self.first_administrator(&system).await?,
        };
        reach(crash, CrashPoint::AfterAdministrator);
        let secret = token::secret()?;
        crate::keys::write_private(&data.join("admin-token"), secret.as_bytes())?;
        reach(crash, CrashPoint::AfterTokenFile);
        let expires_at = self.now().plus_seconds(FIRST_TOKEN_SECONDS);
        let secret_digest = Digest::of(secret.as_bytes());
        let by = Issuer::Administrator;
        let issue = Issue { token: ids::token()?, actor, secret: secret_digest, expires_at, limits: Limits::default(), by };
        self.system(&system, actor::Command::IssueToken(Box::new(issue)).into()).await?;
        reach(crash, CrashPoint::AfterToken);
        Ok(Some(secret))
    }

    /// Records that the clock of this server is moved, or true again, when that is new: every time in later entries depends on it.
    ///
    /// # Errors
    /// [`Fault`].
    pub async fn record_clock_offset(&self, micros: i64) -> Result<(), Fault> {
        if self.read_only().is_some() {
            return Ok(());
        }
        let offset_seconds = micros / 1_000_000;
        let known = self.store().read().await?.get::<SettingRow>(values![registry::CLOCK_OFFSET]).await?;
        if known.map_or_else(|| "0".to_owned(), |row| row.value) == offset_seconds.to_string() {
            return Ok(());
        }
        let system = ActorId::parse("system").map_err(|refusal| Fault::Config(refusal.message))?;
        self.system(&system, registry::Command::MoveClock { offset_seconds }.into()).await.map(drop)
    }

    async fn first_administrator(&self, system: &ActorId) -> Result<ActorId, Fault> {
        let id = ids::actor(ActorKind::Person)?;
        let handle = Label::parse("administrator").map_err(|refusal| Fault::Config(refusal.message))?;
        let roles = [Role::Administrator, Role::Owner, Role::Auditor].map(Grant::from).to_vec();
        let create = actor::Command::Create { id: id.clone(), kind: ActorKind::Person, handle, display_name: "First administrator".to_owned(), roles };
        self.system(system, create.into()).await?;
        Ok(id)
    }

    /// Runs a command of the program itself.
    pub(super) async fn system_command(&self, command: Command) -> Result<Receipt, Fault> {
        let system = ActorId::parse("system").map_err(|refusal| Fault::Config(refusal.message))?;
        self.system(&system, command).await
    }

    /// Runs a command of the program itself that may be refused.
    ///
    /// # Errors
    /// The refusal; it is no attempt of anybody and becomes no entry.
    pub(super) async fn as_system(&self, command: Command) -> Result<Receipt, AppError> {
        self.check_writable()?;
        let job = Job {
            actor: ActorId::parse("system")?,
            door: Door::System,
            request: None,
            speaks: Speaks::default(),
            work: Work::Command { command: Box::new(command), noted: Vec::new(), evaluated_at: None },
        };
        match self.sequencer().submit(job).await? {
            Answer::Done(receipt) => Ok(receipt),
            Answer::Stale => Err(contended().into()),
            Answer::Refused(refusal, _) => Err(refusal.into()),
        }
    }

    async fn system(&self, actor: &ActorId, command: Command) -> Result<Receipt, Fault> {
        let job = Job {
            actor: actor.clone(),
            door: Door::System,
            request: None,
            speaks: Speaks::default(),
            work: Work::Command { command: Box::new(command), noted: Vec::new(), evaluated_at: None },
        };
        match self.sequencer().submit(job).await? {
            Answer::Done(receipt) => Ok(receipt),
            Answer::Stale => Err(Fault::Config("the first start was disturbed by another server; start again".to_owned())),
            Answer::Refused(refusal, _) => Err(Fault::Config(refusal.message)),
        }
    }

    /// Runs `prepare` and sequences what it made, again when its subjects changed meanwhile.
    ///
    /// The future is boxed, not an async closure: the compiler cannot see that those may move between threads, and handlers must.
    pub(super) async fn prepared<'a, F, T>(&self, caller: &Caller, action: Action, options: &Options, mut prepare: F) -> Result<(Receipt, T), AppError>
    where
        F: FnMut(Caller) -> BoxFuture<'a, Result<(Prepared, T), AppError>>,
    {
        let mut caller = caller.clone();
        for _ in 0..ATTEMPTS {
            self.allow(&caller, action).await?;
            let turn = self.turn().await?;
            let prepared = prepare(caller.clone()).await;
            drop(turn);
            let (prepared, extra) = match prepared {
                Ok(ready) => ready,
                Err(error) => return Err(self.refused_while_prepared(&caller, action, error).await),
            };
            match self.attempt(prepared, options).await? {
                Attempt::Done(receipt) => return Ok((receipt, extra)),
                Attempt::Stale => caller.actor = self.current_actor(&caller.actor).await?,
            }
        }
        Err(contended().into())
    }
}

impl App {
    /// The receipt of a command that was done before under the same idempotency key.
    ///
    /// A gated call asks before it prepares: its own effect may be the reason why it could not be prepared again.
    ///
    /// # Errors
    /// `idempotency_key_reused` when the key came with another body.
    pub async fn replayed(&self, options: &Options) -> Result<Option<Receipt>, AppError> {
        let Some((key, body)) = options.request else { return Ok(None) };
        let snapshot = self.store().read().await?;
        let rows = snapshot.rows::<EntryRow>("WHERE request = $1", &values![key.to_string()]).await?;
        let Some(first) = rows.into_iter().next() else { return Ok(None) };
        let entry = Entry::from_bytes(&first.bytes).map_err(|error| Fault::database("read a receipt", error))?;
        let Some(request) = entry.request else { return Ok(None) };
        if request.body != body {
            let refusal = Refusal::new(Code::IdempotencyKeyReused, "this idempotency key was used with another request");
            return Err(refusal.field("Idempotency-Key").remedy("use a new key for a new request").into());
        }
        let end = entry.index + request.entries;
        let rows = snapshot.rows::<EntryRow>("WHERE entry_index >= $1 AND entry_index < $2 ORDER BY entry_index", &values![entry.index, end]).await?;
        Ok(Some(Receipt { index: end - 1, entries: rows.into_iter().map(|row| row.bytes).collect(), replayed: true }))
    }

    /// Records a refusal that came up before the sequencer saw the command.
    pub(super) async fn refused_while_prepared(&self, caller: &Caller, action: Action, error: AppError) -> AppError {
        match error {
            AppError::Refused(refusal, None) => self.refuse(caller, Subject::Registry, action.as_str(), *refusal, None).await,
            recorded @ AppError::Refused(_, Some(_)) => recorded,
            fault @ AppError::Fault(_) => fault,
        }
    }
}

pub(super) fn contended() -> Refusal {
    Refusal::new(Code::Contended, "others changed the same subject while this was prepared").remedy("try again")
}
