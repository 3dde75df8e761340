//! Writes the access log, anchors its finished days, and verifies them.
//!
//! Nothing waits for the disk here: a line goes into a queue, and one task writes what is there, up to 256 lines in a transaction. When the
//! queue is full, callers wait for it; after five seconds they are refused, for nothing is handed out without a line.
//!
//! A crash loses the lines that were not written yet, those of about the last second; [`App::flush_access_log`] is called when the server
//! stops in order, and loses none.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use chancery_core::access_log::{AccessKind, Command, Day, Tally, Whence};
use chancery_core::names::{ActorId, Digest, Timestamp};
use chancery_core::refusal::Code;
use chancery_core::tables::{AccessAnchorRow, AccessLogRow};
use tokio::sync::{mpsc, oneshot};
use tokio::time::{sleep, timeout};

use super::sequence::{Answer, Job, Speaks, Work};
use super::{App, AppError};
use crate::clock::Clock;
use crate::fault::{Fault, chain};
use crate::store::{Snapshot, Store};
use crate::{ids, values};

/// Lines that wait at most.
const QUEUE: usize = 10_000;
/// Lines that are written in one transaction.
const BATCH: usize = 256;
/// How long a caller waits for a place in the queue.
const PATIENCE: Duration = Duration::from_secs(5);
/// How long to wait before a batch that could not be written is tried again.
const AGAIN: Duration = Duration::from_secs(1);
/// Rows that are read at once.
const PAGE: i64 = 1_000;
/// Days that one verification looks at.
pub const MAX_DAYS: u32 = 500;
/// How long after midnight a day is anchored, in seconds: every server has written its lines by then.
const LAG_SECONDS: i64 = 600;

enum Message {
    Line(Box<AccessLogRow>),
    Flush(oneshot::Sender<()>),
}

/// The queue of the access log.
#[derive(Clone, Debug)]
pub(super) struct Log {
    sender: mpsc::Sender<Message>,
    /// Lines so far: those of one moment are listed in the order in which they were made.
    count: Arc<AtomicU32>,
}

impl Log {
    /// Starts the task that writes; it ends, with everything written, after the last handle. Must be called in a tokio runtime.
    pub(super) fn start(store: Store, clock: Clock) -> Self {
        let (sender, receiver) = mpsc::channel(QUEUE);
        tokio::spawn(write(store, clock, receiver));
        Self { sender, count: Arc::default() }
    }
}

async fn write(store: Store, clock: Clock, mut receiver: mpsc::Receiver<Message>) {
    let mut messages = Vec::with_capacity(BATCH);
    while receiver.recv_many(&mut messages, BATCH).await > 0 {
        let mut rows = Vec::with_capacity(messages.len());
        let mut waiting = Vec::new();
        for message in messages.drain(..) {
            match message {
                Message::Line(row) => rows.push(*row),
                Message::Flush(reply) => waiting.push(reply),
            }
        }
        while !rows.is_empty() {
            // The day is that of the writing, also when it succeeds late: no row comes to a day that is anchored.
            let day = Day::of(clock.now());
            rows.iter_mut().for_each(|row| row.day = day.clone());
            match store.scratch().put(&rows).await {
                Ok(()) => rows.clear(),
                Err(fault) => {
                    tracing::error!(error = %chain(&fault), lines = rows.len(), "the access log could not be written, and is tried again");
                    sleep(AGAIN).await;
                }
            }
        }
        for reply in waiting {
            // Whoever waited may be gone.
            let _ = reply.send(());
        }
    }
}

/// How the rows of a day compare with what was anchored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DayState {
    /// They are the same.
    Same,
    /// They are not: rows were added, changed or taken away.
    Different,
    /// The day is not anchored yet.
    Open,
}

/// A day of the access log.
#[derive(Clone, Debug)]
pub struct VerifiedDay {
    /// The day.
    pub day: Day,
    /// What was anchored.
    pub anchor: Option<AccessAnchorRow>,
    /// What the rows come to now.
    pub found: Tally,
    /// Private texts that are not those that their rows name.
    pub altered: u64,
    /// How it compares.
    pub state: DayState,
}

impl App {
    /// Adds a line to the access log.
    ///
    /// # Errors
    /// [`Fault`] when it cannot be queued within five seconds: then what it is about must not happen.
    pub async fn log_access(&self, kind: AccessKind, actor: Option<&ActorId>, what: &str, whence: &Whence) -> Result<(), Fault> {
        let now = self.now();
        let place = self.inner.access_log.count.fetch_add(1, Ordering::Relaxed);
        let log_id = format!("{place:08x}{}", hex::encode(ids::random::<4>()?));
        let row = AccessLogRow::new((now, now), log_id, kind, actor.cloned(), what, whence, ids::random()?);
        let row = row.map_err(|refusal| Fault::Config(refusal.message))?;
        match timeout(PATIENCE, self.inner.access_log.sender.send(Message::Line(Box::new(row)))).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) | Err(_) => Err(Fault::Config("the access log takes no lines".to_owned())),
        }
    }

    /// Waits until every line so far is written.
    pub async fn flush_access_log(&self) {
        let (reply, done) = oneshot::channel();
        if self.inner.access_log.sender.send(Message::Flush(reply)).await.is_ok() {
            // The task ends only with the runtime, when nobody waits any more.
            let _ = done.await;
        }
    }

    /// Anchors every finished day that has rows and is not anchored; gives them. A job calls it. On several servers the second to come
    /// finds the day anchored.
    ///
    /// # Errors
    /// [`Fault`]; the days before it stay anchored.
    pub async fn anchor_access_log(&self, now: Timestamp) -> Result<Vec<Day>, Fault> {
        if self.read_only().is_some() {
            return Ok(Vec::new());
        }
        let today = Day::of(now.plus_seconds(-LAG_SECONDS));
        let snapshot = self.store().read().await?;
        let sql = "SELECT DISTINCT day FROM access_log WHERE day < $1 AND day > (SELECT COALESCE(MAX(day), '') FROM access_anchors) ORDER BY day";
        let days = days(snapshot.query(sql, &values![today]).await?)?;
        drop(snapshot);
        let mut anchored = Vec::new();
        for day in days {
            let Tally { count, digest } = self.tally(&day).await?.0;
            if self.anchor(day.clone(), count, digest).await? {
                anchored.push(day);
            }
        }
        Ok(anchored)
    }

    async fn anchor(&self, day: Day, count: u64, digest: Digest) -> Result<bool, Fault> {
        let system = ActorId::parse("system").map_err(|refusal| Fault::Config(refusal.message))?;
        let command = Box::new(Command::Anchor { day, count, digest }.into());
        let work = Work::Command { command, noted: Vec::new(), evaluated_at: None };
        let job = Job { actor: system, door: chancery_core::entry::Door::Schedule, request: None, speaks: Speaks::default(), work };
        match self.sequencer().submit(job).await? {
            Answer::Done(_) => Ok(true),
            Answer::Refused(refusal, _) if refusal.code == Code::AlreadyExists => Ok(false),
            Answer::Refused(refusal, _) => Err(Fault::Config(refusal.message)),
            Answer::Stale => Err(Fault::Config("an anchor cannot be stale".to_owned())),
        }
    }

    /// Count and digest of the rows of a day, and how many of them have another private text than they name.
    async fn tally(&self, day: &Day) -> Result<(Tally, u64), Fault> {
        let mut tally = Tally::new(day);
        let (mut at, mut id, mut altered) = (Timestamp::from_micros(i64::MIN), String::new(), 0);
        loop {
            // No read transaction outlives a page.
            let tail = "WHERE day = $1 AND (at, log_id) > ($2, $3) ORDER BY at, log_id LIMIT $4";
            let rows = self.store().read().await?.rows::<AccessLogRow>(tail, &values![*day, at, id, PAGE]).await?;
            let Some(last) = rows.last() else { return Ok((tally, altered)) };
            (at, id) = (last.at, last.log_id.clone());
            for row in &rows {
                altered += u64::from(!row.is_whole());
                tally.add(row);
            }
        }
    }

    /// Recomputes days from `since` on, oldest first, at most `limit` of them, and compares them with what was anchored.
    ///
    /// # Errors
    /// [`AppError::Fault`].
    pub async fn verify_access_log(&self, since: Option<&Day>, limit: u32) -> Result<Vec<VerifiedDay>, AppError> {
        let since = since.map_or("", Day::as_str);
        let snapshot = self.store().read().await?;
        let sql = "SELECT day FROM access_anchors WHERE day >= $1 UNION SELECT day FROM access_log WHERE day >= $1 ORDER BY day LIMIT $2";
        let days = days(snapshot.query(sql, &values![since, i64::from(limit)]).await?)?;
        let newest = newest_anchor(&snapshot).await?;
        drop(snapshot);
        let mut verified = Vec::with_capacity(days.len());
        for day in days {
            let anchor = self.store().read().await?.get::<AccessAnchorRow>(values![day]).await?;
            let (found, altered) = self.tally(&day).await?;
            let state = match &anchor {
                Some(anchor) if altered == 0 && (anchor.count, anchor.digest) == (found.count, found.digest) => DayState::Same,
                Some(_) => DayState::Different,
                // A later day is anchored: this one had no rows then.
                None if newest.as_ref().is_some_and(|newest| *newest > day) || altered > 0 => DayState::Different,
                None => DayState::Open,
            };
            verified.push(VerifiedDay { day, anchor, found, altered, state });
        }
        Ok(verified)
    }
}

fn days(rows: Vec<crate::store::Values>) -> Result<Vec<Day>, Fault> {
    rows.into_iter().flatten().map(|value| Ok(chancery_core::rows::Field::from_value(value)?)).collect()
}

async fn newest_anchor(snapshot: &Snapshot) -> Result<Option<Day>, Fault> {
    Ok(snapshot.rows::<AccessAnchorRow>("ORDER BY day DESC LIMIT 1", &[]).await?.pop().map(|row| row.day))
}
