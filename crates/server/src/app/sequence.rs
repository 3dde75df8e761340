//! The sequencer: the only place where entries are made. One thread, one batch at a time, one commit for up to 256 commands.
//!
//! lock the head → load the rows of the batch → decide and apply each command on the overlay → hash → put rows → commit → answer.
//!
//! INVARIANT: nothing is answered before its commit is durable. INVARIANT: no policy engine, key or file is touched here.
//! INVARIANT: each command succeeds or fails alone; a refused one leaves no trace in the batch.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use chancery_core::entry::{Door, Draft, Entry, Request, Subject};
use chancery_core::ledger::merkle::leaf_hash;
use chancery_core::names::{ActorId, Digest, ModelId, PromotionId, Timestamp, TokenId, VersionNumber};
use chancery_core::refusal::{Code, Refusal};
use chancery_core::registry::{ACCESS, attached, exceptions, releases};
use chancery_core::rows::{Key, Missing, Row, Rows, Value};
use chancery_core::tables::{EntryRow, ModelRow, PayloadRow, PromotionRow, SettingRow, VersionRow};
use chancery_core::{Command, Context, Stop, apply, decide};
use tokio::sync::{mpsc, oneshot, watch};

use super::current::Current;
use super::execute::Receipt;
use crate::clock::Clock;
use crate::crash::{CrashPoint, reach};
use crate::fault::Fault;
use crate::ledger::sequence::Edge;
use crate::ledger::signer::Publish;
use crate::store::{Head, Store, Tx, Writer};

/// Most commands in a batch.
const BATCH: usize = 256;
/// How many commands may wait.
const QUEUE: usize = 4096;
/// Rows that are kept from batch to batch; beyond them all are read again.
const KNOWN_ROWS: usize = 20_000;
/// How old a verdict may be when its command is sequenced, in microseconds.
const VERDICT_AGE: i64 = 5_000_000;

/// A subject whose revision was noted while a command was prepared.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Noted {
    Setting(&'static str, u64),
    Model(ModelId, u64),
    Releases(ModelId, u64),
    Exceptions(ModelId, u64),
    Attached(ModelId, u64),
    Version(ModelId, VersionNumber, u64),
    Promotion(PromotionId, u64),
}

impl Noted {
    pub(super) fn access(revision: u64) -> Self {
        Self::Setting(ACCESS, revision)
    }

    fn unchanged(&self, rows: &mut Rows) -> Result<bool, Missing> {
        Ok(match self {
            Self::Setting(name, revision) => rows.get::<SettingRow>(&[name])?.map_or(0, |row| row.revision) == *revision,
            Self::Releases(id, revision) => rows.get::<SettingRow>(&[&releases(id)])?.map_or(0, |row| row.revision) == *revision,
            Self::Exceptions(id, revision) => rows.get::<SettingRow>(&[&exceptions(id)])?.map_or(0, |row| row.revision) == *revision,
            Self::Attached(id, revision) => rows.get::<SettingRow>(&[&attached(id)])?.map_or(0, |row| row.revision) == *revision,
            Self::Model(id, revision) => rows.get::<ModelRow>(&[id])?.map(|row| row.revision) == Some(*revision),
            Self::Version(id, number, revision) => rows.get::<VersionRow>(&[id, number])?.map(|row| row.revision) == Some(*revision),
            Self::Promotion(id, revision) => rows.get::<PromotionRow>(&[id])?.map(|row| row.revision) == Some(*revision),
        })
    }
}

/// One piece of work.
#[derive(Clone, Debug)]
pub(super) enum Work {
    Command {
        command: Box<Command>,
        noted: Vec<Noted>,
        evaluated_at: Option<Timestamp>,
    },
    /// An entry that needs no decision: a recorded refusal.
    Record(Box<Draft>),
}

#[derive(Clone, Debug)]
pub(super) struct Job {
    pub(super) actor: ActorId,
    pub(super) door: Door,
    pub(super) request: Option<(Digest, Digest)>,
    pub(super) speaks: Speaks,
    pub(super) work: Work,
}

/// Who stands behind the actor of a job.
#[derive(Clone, Debug, Default)]
pub(super) struct Speaks {
    /// Token of the pipeline run that asks.
    pub(super) run: Option<TokenId>,
    /// Others who made the credential that was used.
    pub(super) through: Vec<ActorId>,
}

#[derive(Clone, Debug)]
pub(super) enum Answer {
    Done(Receipt),
    Refused(Refusal, Option<Subject>),
    Stale,
}

enum Message {
    Job(Box<Job>, oneshot::Sender<Result<Answer, Fault>>),
    Publish(Publish, oneshot::Sender<Result<bool, Fault>>),
}

/// Handle of the sequencer thread.
#[derive(Clone, Debug)]
pub struct Sequencer {
    sender: mpsc::Sender<Message>,
    access: Arc<AtomicU64>,
    grown: watch::Receiver<u64>,
}

impl Sequencer {
    /// Starts the thread; it ends when the last handle is dropped.
    ///
    /// # Errors
    /// [`Fault`] when the thread cannot be made.
    pub(super) fn start(writer: Writer, clock: Clock, crash: Option<CrashPoint>, current: Arc<Current>) -> Result<Self, Fault> {
        let (sender, receiver) = mpsc::channel(QUEUE);
        let (grow, grown) = watch::channel(0);
        // u64::MAX: not known yet; the first batch tells.
        let access = Arc::new(AtomicU64::new(u64::MAX));
        let thread = Thread { writer, clock, crash, edge: Edge::default(), rows: Rows::default(), access: Arc::clone(&access), grow, current };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(|error| Fault::database("start the sequencer", error))?;
        std::thread::Builder::new()
            .name("sequencer".to_owned())
            .spawn(move || runtime.block_on(thread.run(receiver)))
            .map_err(|error| Fault::database("start the sequencer", error))?;
        Ok(Self { sender, access, grown })
    }

    pub(super) async fn submit(&self, job: Job) -> Result<Answer, Fault> {
        let (reply, answer) = oneshot::channel();
        let stopped = || Fault::Config("the sequencer has stopped".to_owned());
        self.sender.send(Message::Job(Box::new(job), reply)).await.map_err(|_| stopped())?;
        answer.await.map_err(|_| stopped())?
    }

    /// Publishes a signed checkpoint, unless a larger one was published meanwhile. Says whether it was published.
    ///
    /// # Errors
    /// [`Fault`].
    pub async fn publish(&self, publish: Publish) -> Result<bool, Fault> {
        let (reply, answer) = oneshot::channel();
        let stopped = || Fault::Config("the sequencer has stopped".to_owned());
        self.sender.send(Message::Publish(publish, reply)).await.map_err(|_| stopped())?;
        answer.await.map_err(|_| stopped())?
    }

    /// Tells when the ledger grew; the value is its size.
    pub fn grown(&self) -> watch::Receiver<u64> {
        self.grown.clone()
    }

    /// The access revision, when this process is the only one that writes and has learnt it.
    pub(super) fn access_revision(&self, store: &Store) -> Option<u64> {
        if !store.is_exclusive() {
            return None;
        }
        Some(self.access.load(Ordering::SeqCst)).filter(|revision| *revision != u64::MAX)
    }
}

struct Thread {
    writer: Writer,
    clock: Clock,
    crash: Option<CrashPoint>,
    edge: Edge,
    /// Rows as of the head that this thread wrote: nobody else has written since while the head is still that one.
    rows: Rows,
    access: Arc<AtomicU64>,
    grow: watch::Sender<u64>,
    current: Arc<Current>,
}

/// What the jobs of a batch became, before it is written.
struct Outcome {
    answers: Vec<Answer>,
    entries: Vec<EntryRow>,
    at: Timestamp,
}

impl Thread {
    async fn run(mut self, mut receiver: mpsc::Receiver<Message>) {
        let mut messages = Vec::with_capacity(BATCH);
        while receiver.recv_many(&mut messages, BATCH).await > 0 {
            let mut jobs = Vec::with_capacity(messages.len());
            for message in messages.drain(..) {
                match message {
                    Message::Job(job, reply) => jobs.push((*job, reply)),
                    Message::Publish(publish, reply) => {
                        let published = self.publish(publish).await;
                        drop(reply.send(published));
                    }
                }
            }
            if !jobs.is_empty() {
                self.answer(jobs).await;
            }
        }
    }

    async fn publish(&mut self, publish: Publish) -> Result<bool, Fault> {
        let mut tx = self.writer.begin().await?;
        let published = crate::ledger::signer::publish(&mut tx, &publish).await?;
        reach(self.crash, CrashPoint::BeforePublication);
        // A crash before the commit leaves the memory ahead of the published checkpoint: the next run publishes what the key remembers.
        // A crash after it means that the checkpoint is out, which is what was asked.
        tx.commit().await?;
        reach(self.crash, CrashPoint::AfterPublication);
        Ok(published)
    }

    async fn answer(&mut self, jobs: Vec<(Job, oneshot::Sender<Result<Answer, Fault>>)>) {
        let (jobs, replies): (Vec<Job>, Vec<_>) = jobs.into_iter().unzip();
        let size_before = self.edge.size();
        match self.batch(&jobs).await {
            Ok(answers) => replies.into_iter().zip(answers).for_each(|(reply, answer)| drop(reply.send(Ok(answer)))),
            Err(fault) if jobs.len() > 1 => {
                // One bad command must not fail its neighbours: redo the batch one by one.
                tracing::warn!(error = %crate::fault::chain(&fault), jobs = jobs.len(), "a batch failed and is done again one by one");
                for (job, reply) in jobs.into_iter().zip(replies) {
                    let answer = self.batch(std::slice::from_ref(&job)).await;
                    drop(reply.send(answer.and_then(|answers| answers.into_iter().next().ok_or_else(|| Fault::Config("a job had no answer".to_owned())))));
                }
            }
            Err(fault) => replies.into_iter().take(1).for_each(|reply| drop(reply.send(Err(fault_again(&fault))))),
        }
        let size = self.edge.size();
        if size != size_before {
            self.grow.send_replace(size);
        }
    }

    async fn batch(&mut self, jobs: &[Job]) -> Result<Vec<Answer>, Fault> {
        let result = self.write(jobs).await;
        if !matches!(result, Err(Fault::UnknownCommit(_))) {
            if result.is_err() {
                self.current.clear();
                self.edge = Edge::default();
                // The connection may be what failed; a new one costs little beside a failed batch.
                if let Err(fault) = self.writer.reconnect().await {
                    tracing::error!(error = %crate::fault::chain(&fault), "the database cannot be reached");
                }
            }
            return result.map(|(answers, _)| answers);
        }
        // The connection was lost while the commit was under way. `write` kept what it would have answered.
        self.current.clear();
        self.edge = Edge::default();
        Err(Fault::Config("the outcome of a commit could not be found out; read before you repeat".to_owned()))
    }

    async fn write(&mut self, jobs: &[Job]) -> Result<(Vec<Answer>, u64), Fault> {
        let mut tx = self.writer.begin().await?;
        let head = tx.head();
        if self.edge.size() != head.size || head.size == 0 {
            self.edge = Edge::load(&mut tx, head.size).await?;
            self.rows = Rows::default();
        }
        let receipts = receipts(&mut tx, jobs).await?;
        let now = self.clock.now().max(head.at);
        // Taken out for the time of the batch: after a fault nothing of it is known any more.
        let mut rows = std::mem::take(&mut self.rows);
        want(&mut rows, jobs);
        let outcome = loop {
            for (key, values) in tx.load(rows.take_missing()).await? {
                rows.fill(key, values);
            }
            rows.forget_changes();
            let outcome = simulate(&mut rows, jobs, &receipts, head, now)?;
            if !rows.is_missing() {
                break outcome;
            }
        };
        let access = rows.get::<SettingRow>(&[&ACCESS]).ok().flatten().map(|row| row.revision);
        let size = head.size + outcome.entries.len() as u64;
        let first = outcome.entries.first().map(|entry| (entry.entry_index, entry.bytes.clone()));
        if !outcome.entries.is_empty() {
            for entry in &outcome.entries {
                self.edge.append(leaf_hash(&entry.bytes));
            }
            let entries: Vec<Vec<Value>> = outcome.entries.iter().map(Row::to_values).collect();
            tx.insert(EntryRow::TABLE, &entries).await?;
            self.edge.full_tiles(&mut tx).await?;
            tx.flush(rows.take_changes()).await?;
            tx.set_head(Head { size, at: outcome.at });
            // Before the commit, so that nobody who reads after it can be given an older answer. If it fails, answers are dropped too early.
            self.current.note(outcome.entries.iter().map(|entry| (entry.entry_index, entry.subject.as_str())));
            reach(self.crash, CrashPoint::BeforeCommit);
            // A crash before this commit loses the whole batch, of which nobody was told. A crash after it keeps all of it,
            // entries, rows and tiles together; the callers saw a broken connection and find it by reading, or by repeating
            // the command with its idempotency key.
            let committed = tx.commit().await;
            reach(self.crash, CrashPoint::AfterCommit);
            let committed =
                if self.crash == Some(CrashPoint::AnswerLost) { committed.and_then(|()| Err(Fault::UnknownCommit("lost".into()))) } else { committed };
            match committed {
                Err(Fault::UnknownCommit(source)) => self.find_out(first, source).await?,
                other => other?,
            }
        }
        if let Some(access) = access {
            self.access.store(access, Ordering::SeqCst);
        }
        if rows.known() <= KNOWN_ROWS {
            self.rows = rows;
        }
        Ok((outcome.answers, size))
    }

    /// After a commit whose answer was lost: takes the head lock, so that nothing is in flight, and looks whether our first
    /// entry stands at its index. It is there: the batch is committed. Another or none: it is not, and the batch is redone.
    async fn find_out(&mut self, first: Option<(u64, Vec<u8>)>, source: crate::fault::Source) -> Result<(), Fault> {
        let Some((index, bytes)) = first else { return Ok(()) };
        self.writer.reconnect().await?;
        let mut tx = self.writer.begin().await?;
        let stored = tx.query("SELECT bytes FROM entries WHERE entry_index = $1", &crate::values![index]).await?;
        if stored.into_iter().flatten().next() == Some(Value::Bytes(bytes)) {
            return Ok(());
        }
        Err(Fault::Database { doing: "commit: the connection was lost and nothing was stored".to_owned(), source })
    }
}

/// A fault cannot be cloned; its text is enough for the other callers.
fn fault_again(fault: &Fault) -> Fault {
    Fault::Config(crate::fault::chain(fault))
}

/// Asks for the rows that the jobs are certain to need.
fn want(rows: &mut Rows, jobs: &[Job]) {
    rows.want(&Key { table: SettingRow::TABLE, values: crate::values![ACCESS] });
    for job in jobs {
        if let Work::Command { command, .. } = &job.work {
            chancery_core::want(rows, command);
        }
    }
}

/// Runs every job on the overlay. When rows are missing the result is void and the caller loads them and calls again.
fn simulate(rows: &mut Rows, jobs: &[Job], receipts: &HashMap<String, Receipted>, head: Head, now: Timestamp) -> Result<Outcome, Fault> {
    let mut outcome = Outcome { answers: Vec::with_capacity(jobs.len()), entries: Vec::new(), at: now };
    let mut seen: BTreeMap<String, (Digest, Receipt)> = BTreeMap::new();
    for job in jobs {
        let answer = match replay(job, receipts, &seen) {
            Some(answer) => answer,
            None => match run(rows, job, head, now, &mut outcome.entries) {
                Ok(answer) => answer,
                Err(Missing::Row) => Answer::Stale,
                Err(Missing::Bad(bad)) => return Err(bad.into()),
            },
        };
        if let (Some((key, body)), Answer::Done(receipt)) = (job.request, &answer) {
            seen.entry(key.to_string()).or_insert((body, Receipt { replayed: true, ..receipt.clone() }));
        }
        outcome.answers.push(answer);
    }
    Ok(outcome)
}

fn run(rows: &mut Rows, job: &Job, head: Head, now: Timestamp, entries: &mut Vec<EntryRow>) -> Result<Answer, Missing> {
    let drafts = match &job.work {
        Work::Record(draft) => vec![(**draft).clone()],
        Work::Command { command, noted, evaluated_at } => {
            if evaluated_at.is_some_and(|at| now.micros() - at.micros() > VERDICT_AGE) {
                return Ok(Answer::Stale);
            }
            for noted in noted {
                match noted.unchanged(rows) {
                    Ok(true) => {}
                    Ok(false) => return Ok(Answer::Stale),
                    // Go on: one load for all that will be missing is cheaper than one for each.
                    Err(Missing::Row) => {}
                    Err(bad @ Missing::Bad(_)) => return Err(bad),
                }
            }
            match decide(rows, &Context { now, actor: job.actor.clone(), through: job.speaks.through.clone() }, command) {
                Ok(drafts) => drafts,
                Err(Stop::Missing(missing)) => return Err(missing),
                Err(Stop::Refused(refusal)) => return Ok(Answer::Refused(refusal, subject_of(command))),
            }
        }
    };
    let count = drafts.len() as u64;
    if rows.is_missing() {
        return want_rows(rows, job, drafts, head, now);
    }
    // Bytes first: an entry that is too large refuses the command before anything of it is applied.
    let mut made = Vec::with_capacity(drafts.len());
    for (draft, number) in drafts.iter().zip(0..) {
        let request = job.request.filter(|_| number == 0).map(|(key, body)| Request { key, body, entries: count });
        let index = head.size + entries.len() as u64 + number;
        let entry = Entry {
            index,
            at: now,
            actor: job.actor.clone(),
            door: job.door,
            subject: draft.subject.clone(),
            event: draft.event.clone(),
            request,
            run: job.speaks.run.clone(),
            through: job.speaks.through.clone(),
        };
        match entry.to_bytes() {
            Ok(bytes) => made.push((entry, bytes)),
            Err(refusal) => return Ok(Answer::Refused(refusal, None)),
        }
    }
    let mut applied = Ok(());
    for (draft, (entry, _)) in drafts.iter().zip(&made) {
        for payload in &draft.payloads {
            rows.put(&PayloadRow { digest: payload.digest, bytes: payload.bytes.clone() });
        }
        for row in &draft.vault {
            row.put(rows);
        }
        applied = also(applied, apply(rows, entry))?;
    }
    applied?;
    let index = made.last().map_or(0, |(entry, _)| entry.index);
    let receipt = Receipt { index, entries: made.iter().map(|(_, bytes)| bytes.clone()).collect(), replayed: false };
    entries.extend(made.into_iter().map(|(entry, bytes)| EntryRow {
        entry_index: entry.index,
        leaf_hash: leaf_hash(&bytes).as_bytes().to_vec(),
        bytes,
        subject: entry.subject.to_string(),
        request: entry.request.map(|request| request.key.to_string()),
    }));
    Ok(Answer::Done(receipt))
}

/// Applies drafts in a simulation that is void because rows are missing: only to learn which rows they need.
fn want_rows(rows: &mut Rows, job: &Job, drafts: Vec<Draft>, head: Head, now: Timestamp) -> Result<Answer, Missing> {
    for draft in drafts {
        let entry = Entry {
            index: head.size,
            at: now,
            actor: job.actor.clone(),
            door: job.door,
            subject: draft.subject,
            event: draft.event,
            request: None,
            run: job.speaks.run.clone(),
            through: job.speaks.through.clone(),
        };
        let _ = also(Ok(()), apply(rows, &entry))?;
    }
    Err(Missing::Row)
}

/// Goes on with the next entry of a command where rows are missing: one load for all of them is cheaper than one for each.
///
/// # Errors
/// [`Missing::Bad`], with which nothing can go on.
fn also(before: Result<(), Missing>, now: Result<(), Missing>) -> Result<Result<(), Missing>, Missing> {
    match now {
        Ok(()) => Ok(before),
        Err(Missing::Row) => Ok(Err(Missing::Row)),
        Err(bad @ Missing::Bad(_)) => Err(bad),
    }
}

/// The subject that a refused command was about, for the entry that records the attempt.
fn subject_of(command: &Command) -> Option<Subject> {
    use chancery_core::{access_policy, actor, alias, exception, model, promotion, version};
    match command {
        Command::AccessPolicy(access_policy::Command::Install { document, .. }) => Some(Subject::AccessPolicy(document.digest)),
        Command::AccessPolicy(access_policy::Command::Activate { digest, .. } | access_policy::Command::Withdraw { digest, .. }) => {
            Some(Subject::AccessPolicy(*digest))
        }
        Command::Actor(actor::Command::AddKey { actor, .. } | actor::Command::RemoveKey { actor, .. }) => Some(Subject::Actor(actor.clone())),
        Command::Actor(actor::Command::SetRoles { id, .. } | actor::Command::Deactivate { id }) => Some(Subject::Actor(id.clone())),
        Command::Alias(alias::Command::Set { model, number, .. }) => Some(Subject::Version(model.clone(), *number)),
        Command::Alias(alias::Command::Delete { model, .. }) => Some(Subject::Model(model.clone())),
        Command::Model(
            model::Command::SetRiskTier { id, .. }
            | model::Command::ConfirmTier { id, .. }
            | model::Command::RejectTier { id, .. }
            | model::Command::WithdrawTier { id, .. }
            | model::Command::SetPolicyMode { id, .. }
            | model::Command::ProposeTransfer { id, .. }
            | model::Command::AcceptTransfer { id, .. }
            | model::Command::RejectTransfer { id, .. }
            | model::Command::WithdrawTransfer { id, .. }
            | model::Command::Hide { id, .. }
            | model::Command::Rename { id, .. },
        ) => Some(Subject::Model(id.clone())),
        Command::Exception(exception::Command::Request { model, number, .. }) => Some(Subject::Version(model.clone(), *number)),
        Command::Exception(exception::Command::Grant { id, .. } | exception::Command::Refuse { id, .. } | exception::Command::Revoke { id, .. }) => {
            Some(Subject::Exception(id.clone()))
        }
        Command::Exception(exception::Command::BreakGlass(command)) => Some(Subject::Promotion(command.promotion.clone())),
        Command::Exception(exception::Command::Release { promotion, .. }) => Some(Subject::Promotion(promotion.clone())),
        Command::Version(
            version::Command::Transition { model, number, .. } | version::Command::Hide { model, number, .. } | version::Command::Attach { model, number, .. },
        ) => Some(Subject::Version(model.clone(), *number)),
        Command::Promotion(promotion::Command::Review(review)) => Some(Subject::Promotion(review.promotion.clone())),
        Command::Promotion(
            promotion::Command::Execute { promotion, .. }
            | promotion::Command::Withdraw { promotion, .. }
            | promotion::Command::MeetCondition { promotion, .. },
        ) => Some(Subject::Promotion(promotion.clone())),
        Command::Promotion(promotion::Command::Open { model, number, .. }) => Some(Subject::Version(model.clone(), *number)),
        Command::Promotion(promotion::Command::Rollback { model, to, .. }) => Some(Subject::Version(model.clone(), *to)),
        Command::Erasure(chancery_core::erasure::Command::Erase { actor, .. }) => Some(Subject::Actor(actor.clone())),
        Command::Grant(command) => Some(Subject::Actor(command.actor().clone())),
        Command::Team(command) => Some(Subject::Team(command.team().clone())),
        Command::Calendar(command) => Some(Subject::Review(command.id().clone())),
        Command::Risk(command) => Some(Subject::Risk(command.id().clone())),
        Command::Template(command) => Some(Subject::Template(command.name().clone())),
        Command::AccessLog(_)
        | Command::Actor(_)
        | Command::Attestation(_)
        | Command::Bundle(_)
        | Command::Delegation(_)
        | Command::Finding(_)
        | Command::Group(_)
        | Command::Evidence(_)
        | Command::Tag(_)
        | Command::Registry(_)
        | Command::Model(_)
        | Command::Version(_)
        | Command::Promotion(
            promotion::Command::Refresh { .. }
            | promotion::Command::Decide { .. }
            | promotion::Command::Cancel { .. }
            | promotion::Command::Comment { .. }
            | promotion::Command::Complete { .. },
        ) => None,
    }
}

/// The entries of a command that was done before, with the digest of its body.
struct Receipted {
    body: Digest,
    receipt: Receipt,
}

fn replay(job: &Job, stored: &HashMap<String, Receipted>, batch: &BTreeMap<String, (Digest, Receipt)>) -> Option<Answer> {
    let (key, body) = job.request?;
    let key = key.to_string();
    let (first_body, receipt) = match (stored.get(&key), batch.get(&key)) {
        (Some(found), _) => (found.body, &found.receipt),
        (None, Some((body, receipt))) => (*body, receipt),
        (None, None) => return None,
    };
    if first_body != body {
        let refusal = Refusal::new(Code::IdempotencyKeyReused, "this idempotency key was used with another request")
            .field("Idempotency-Key")
            .remedy("use a new key for a new request");
        return Some(Answer::Refused(refusal, None));
    }
    Some(Answer::Done(receipt.clone()))
}

/// Looks up the receipts of the keyed jobs of a batch. The unique index over `entries.request` is what keeps them.
async fn receipts(tx: &mut Tx<'_>, jobs: &[Job]) -> Result<HashMap<String, Receipted>, Fault> {
    let mut found = HashMap::new();
    let keys: Vec<String> = jobs.iter().filter_map(|job| job.request).map(|(key, _)| key.to_string()).collect();
    for keys in keys.chunks(64) {
        let marks: Vec<String> = (1..=keys.len()).map(|number| format!("${number}")).collect();
        let parameters: Vec<Value> = keys.iter().map(|key| Value::Text(key.clone())).collect();
        let sql = format!("SELECT bytes FROM entries WHERE request IN ({})", marks.join(", "));
        for values in tx.query(&sql, &parameters).await? {
            let Some(Value::Bytes(bytes)) = values.into_iter().next() else { continue };
            let entry = Entry::from_bytes(&bytes).map_err(|error| Fault::database("read a receipt", error))?;
            let Some(request) = entry.request else { continue };
            let end = entry.index + request.entries;
            let rows = tx
                .query("SELECT bytes FROM entries WHERE entry_index >= $1 AND entry_index < $2 ORDER BY entry_index", &crate::values![entry.index, end])
                .await?;
            let entries = rows.into_iter().flatten().filter_map(|value| if let Value::Bytes(bytes) = value { Some(bytes) } else { None }).collect();
            let receipt = Receipt { index: end - 1, entries, replayed: true };
            found.insert(request.key.to_string(), Receipted { body: request.body, receipt });
        }
    }
    Ok(found)
}
