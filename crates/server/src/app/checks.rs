//! The scheduled checks: what should have been looked at, what is not as the rules want it, and what follows.
//!
//! A run looks at what is there now, schedules the reviews that are missing, opens the findings that are missing and closes those that
//! do not hold any more.
//!
//! INVARIANT: a run that finds nothing new makes one entry, the one that says that it ran. Two runs at once, on one server or several,
//! make no finding and no review twice: `core::finding` and `core::calendar` refuse the second.
//! INVARIANT: a version whose rules could not be evaluated keeps its findings.

mod events;
mod promises;
mod standing;

use std::collections::{BTreeMap, BTreeSet};

use chancery_core::actor::ActorKind;
use chancery_core::calendar::Plan;
use chancery_core::entry::{Door, Subject};
use chancery_core::finding::{self, Counts};
use chancery_core::names::{ActorId, Timestamp};
use chancery_core::refusal::Code;
use chancery_core::tables::FindingRow;
use chancery_core::{Command, access, calendar};
use futures_util::{StreamExt as _, TryStreamExt as _, stream};

use super::execute::Receipt;
use super::sequence::{Answer, Job, Speaks, Work};
use super::{App, AppError, Caller};
use crate::fault::Fault;
use crate::ids;

/// Commands of a run that wait for the sequencer at once.
const AT_ONCE: usize = 32;

/// Whether a run writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Run {
    /// Writes what it found.
    Write,
    /// Only says what it would write.
    Dry,
}

/// Something that is not as it should be.
#[derive(Clone, Debug, PartialEq)]
pub struct Wrong {
    /// What it is about.
    pub subject: Subject,
    /// Rule.
    pub rule: String,
    /// What is wrong.
    pub message: String,
    /// When it becomes, or became, pressing.
    pub due: Option<Timestamp>,
}

/// What a run found and did.
#[derive(Clone, Debug)]
pub struct Checked {
    /// How many of each; in a dry run, how many it would be.
    pub counts: Counts,
    /// Findings that are new.
    pub opened: Vec<Wrong>,
    /// Findings that do not hold any more: subject and rule.
    pub closed: Vec<(String, String)>,
    /// Reviews that are new.
    pub scheduled: Vec<Plan>,
    /// Versions that lose their state because a condition of their approval was missed.
    pub deprecated: Vec<Subject>,
    /// The entry that says that the checks ran; none for a dry run.
    pub receipt: Option<Receipt>,
}

/// What the rules say now.
#[derive(Default)]
struct Seen {
    wrong: BTreeMap<(String, String), Wrong>,
    /// Subjects of which nothing is known this time.
    unknown: BTreeSet<String>,
    versions: u64,
    failed: u64,
}

impl Seen {
    fn add(&mut self, wrong: Wrong) {
        self.wrong.entry((wrong.subject.to_string(), wrong.rule.clone())).or_insert(wrong);
    }
}

impl App {
    /// Runs the scheduled checks once, on behalf of the caller or of the schedule.
    ///
    /// # Errors
    /// [`AppError`]; what was written by then stays, and the next run does the rest.
    pub async fn run_checks(&self, by: Option<&Caller>, run: Run) -> Result<Checked, AppError> {
        let now = self.now().max(self.store().read().await?.head().at);
        let scheduled = self.missing_reviews(now).await?;
        if run == Run::Write {
            self.schedule(&scheduled).await?;
        }
        let broken = self.broken_promises().await?;
        if run == Run::Write {
            self.deprecate(&broken).await?;
        }
        let mut seen = Seen::default();
        self.look_at_standing(now, &mut seen).await?;
        self.look_at_versions(&mut seen).await?;
        let open = self.store().read().await?.rows::<FindingRow>("WHERE status = 'open' ORDER BY opened_index", &[]).await?;
        let is_known = |wrong: &Wrong, row: &FindingRow| wrong.due == row.due;
        let known: BTreeMap<(String, String), &FindingRow> = open.iter().map(|row| ((row.subject.clone(), row.rule.clone()), row)).collect();
        let closed = known.iter().filter(|(key, _)| !seen.wrong.contains_key(*key) && !seen.unknown.contains(&key.0));
        let closed: Vec<(String, String)> = closed.map(|(key, _)| key.clone()).collect();
        let opened = seen.wrong.iter().filter(|(key, wrong)| !known.get(*key).is_some_and(|row| is_known(wrong, row)));
        let opened: Vec<Wrong> = opened.map(|(_, wrong)| wrong.clone()).collect();
        let mut counts = Counts { versions: seen.versions, failed: seen.failed, ..Counts::default() };
        (counts.scheduled, counts.deprecated) = (scheduled.len() as u64, broken.len() as u64);
        (counts.opened, counts.closed) = (opened.len() as u64, closed.len() as u64);
        let receipt = match run {
            Run::Dry => None,
            Run::Write => {
                self.write_findings(&opened, &closed).await?;
                Some(self.record_run(by, counts).await?)
            }
        };
        let deprecated = broken.into_iter().map(|broken| broken.subject()).collect();
        Ok(Checked { counts, opened, closed, scheduled, deprecated, receipt })
    }

    async fn schedule(&self, plans: &[Plan]) -> Result<(), AppError> {
        let commands = plans.iter().map(|plan| {
            let command = calendar::Command::Schedule { id: ids::review()?, review: Box::new(plan.clone()), reason: None };
            Ok(Command::from(command))
        });
        self.write_all(commands.collect::<Result<Vec<Command>, Fault>>()?).await
    }

    async fn write_findings(&self, opened: &[Wrong], closed: &[(String, String)]) -> Result<(), AppError> {
        let mut commands: Vec<Command> = Vec::with_capacity(opened.len() + closed.len());
        for Wrong { subject, rule, message, due } in opened.iter().cloned() {
            commands.push(finding::Command::Open { subject, rule, message, due }.into());
        }
        for (subject, rule) in closed {
            commands.push(finding::Command::Close { subject: Subject::try_from(subject.clone())?, rule: rule.clone() }.into());
        }
        self.write_all(commands).await
    }

    /// Writes commands of the schedule; what another run did meanwhile is not an error.
    async fn write_all(&self, commands: Vec<Command>) -> Result<(), AppError> {
        stream::iter(commands).map(|command| self.by_schedule(command)).buffer_unordered(AT_ONCE).try_for_each(|()| std::future::ready(Ok(()))).await
    }

    async fn by_schedule(&self, command: Command) -> Result<(), AppError> {
        self.check_writable()?;
        let work = Work::Command { command: Box::new(command), noted: Vec::new(), evaluated_at: None };
        match self.sequencer().submit(Job { actor: system()?, door: Door::Schedule, request: None, speaks: Speaks::default(), work }).await? {
            Answer::Done(_) | Answer::Stale => Ok(()),
            Answer::Refused(refusal, _) if matches!(refusal.code, Code::AlreadyExists | Code::NotFound | Code::TransitionRefused) => Ok(()),
            Answer::Refused(refusal, _) => Err(refusal.into()),
        }
    }

    async fn record_run(&self, by: Option<&Caller>, counts: Counts) -> Result<Receipt, AppError> {
        self.check_writable()?;
        let (actor, door, through) = match by {
            Some(caller) => (caller.actor.id.clone(), caller.door, caller.made_by.clone()),
            None => (system()?, Door::Schedule, Vec::new()),
        };
        let work = Work::Command { command: Box::new(finding::Command::Ran(counts).into()), noted: Vec::new(), evaluated_at: None };
        match self.sequencer().submit(Job { actor, door, request: None, speaks: Speaks { run: None, through }, work }).await? {
            Answer::Done(receipt) => Ok(receipt),
            Answer::Stale => Err(Fault::Config("a record cannot be stale".to_owned()).into()),
            Answer::Refused(refusal, _) => Err(refusal.into()),
        }
    }
}

/// The registry itself.
fn system() -> Result<ActorId, AppError> {
    Ok(ActorId::parse("system")?)
}

/// The registry as a caller, for the input of rules.
fn caller() -> Result<Caller, AppError> {
    let actor = access::Actor { id: system()?, kind: ActorKind::Service, roles: Vec::new(), teams: Vec::new(), access_revision: 0, delegated: Vec::new() };
    Ok(Caller { actor, door: Door::Schedule, credential: super::Credential::None, made_by: Vec::new(), limits: None })
}
