//! Evaluating a gate again: with the policy of its time on the input document that was kept with its verdict.

use chancery_core::Event;
use chancery_core::bundle::{POLICY_BASELINE, POLICY_BUNDLE};
use chancery_core::entry::{Entry, Subject};
use chancery_core::names::Digest;
use chancery_core::policy::{ENGINE, Finding};
use chancery_core::promotion;
use chancery_core::refusal::Refusal;
use chancery_core::registry;
use chancery_core::tables::{EntryRow, TimelineRow, VersionRow};
use chancery_core::version;
use serde::Serialize;
use utoipa::ToSchema;

use super::gate::record::Recorded;
use super::lineage::{Shown, Unreadable};
use super::{App, AppError, Caller, view};
use crate::fault::Fault;
use crate::store::Snapshot;
use crate::values;

/// What a replay found.
#[derive(Debug, Serialize, ToSchema)]
pub struct ReplayView {
    /// The entry.
    pub index: u64,
    /// About what it is.
    pub subject: String,
    /// When the gate was evaluated (RFC 3339).
    pub evaluated_at: String,
    /// Digest of the policy that the verdict names.
    pub bundle_digest: String,
    /// Whether the policy of that time, put together again, has that digest.
    pub same_bundle: bool,
    /// Digest of the input document that the verdict names.
    pub input_digest: String,
    /// Whether the document that was kept has that digest; false when it was too large to be kept.
    pub same_input: bool,
    /// Engine of the verdict.
    pub engine: String,
    /// Engine of this program.
    pub engine_now: String,
    /// Whether policy and input are the same, and so are all findings.
    pub identical: bool,
    /// Rules whose finding is another one now.
    pub differences: Vec<Difference>,
}

/// A rule that says something else than it did.
#[derive(Debug, Serialize, ToSchema)]
pub struct Difference {
    /// The rule.
    pub rule: String,
    /// Its finding of then; null when it was not there.
    #[schema(value_type = Option<Object>)]
    pub then: Option<Finding>,
    /// Its finding now; null when it is not there.
    #[schema(value_type = Option<Object>)]
    pub now: Option<Finding>,
}

impl App {
    /// Evaluates the gate of an entry again (POL-9, AUD-4).
    ///
    /// # Errors
    /// `not_found` for an entry that is not there or names no verdict.
    pub async fn replay(&self, caller: &Caller, index: u64) -> Result<Shown<ReplayView>, AppError> {
        let _turn = self.turn().await?;
        let snapshot = self.seen_by(caller).await?;
        let no_entry = || Refusal::not_found("entry", &index.to_string()).field("index");
        let row = snapshot.get::<EntryRow>(values![index]).await?.ok_or_else(no_entry)?;
        let entry = Entry::from_bytes(&row.bytes).map_err(|error| Fault::database("read an entry", error))?;
        let payload = verdict_of(&entry.event).ok_or_else(|| {
            Refusal::not_found("verdict", &format!("entry {index}"))
                .field("index")
                .remedy("give the index of an entry that a gate stands behind: a check, a promotion, a refusal")
        })?;
        let recorded = Recorded::read(&snapshot, &payload).await?;
        let policy = match of_then(&snapshot, POLICY_BASELINE, index).await? {
            Some(baseline) => Some(self.policy_of(&snapshot, baseline, of_then(&snapshot, POLICY_BUNDLE, index).await?).await?),
            None => None,
        };
        let input = recorded.input(&snapshot).await?;
        let unreadable = behind(&snapshot, &entry.subject).await?;
        drop(snapshot);
        let then = recorded.verdict;
        let same_bundle = policy.as_ref().is_some_and(|policy| policy.engine.bundle_digest() == then.bundle_digest);
        let mut view = ReplayView {
            index,
            subject: entry.subject.to_string(),
            evaluated_at: then.evaluated_at.to_string(),
            bundle_digest: then.bundle_digest.to_string(),
            same_bundle,
            input_digest: then.input_digest.to_string(),
            same_input: false,
            engine: then.engine.clone(),
            engine_now: ENGINE.to_owned(),
            identical: false,
            differences: Vec::new(),
        };
        if let (Some(policy), Some(input)) = (policy, input) {
            let gates = then.gates.clone();
            let again =
                tokio::task::spawn_blocking(move || policy.engine.evaluate(&gates, &input)).await.map_err(|error| Fault::database("replay a gate", error))?;
            let now = again.map_err(|error| Fault::database("replay a gate", error))?;
            view.same_input = now.input_digest == then.input_digest;
            view.differences = differences(&then.findings, &now.findings);
            view.identical =
                view.same_bundle && view.same_input && view.differences.is_empty() && now.passed == then.passed && now.completeness == then.completeness;
        }
        unreadable.shown(view)
    }
}

/// What is behind the version that a subject is, or is about.
async fn behind(snapshot: &Snapshot, subject: &Subject) -> Result<Unreadable, AppError> {
    let Some((model, number)) = view::version_behind(snapshot, subject).await? else { return Ok(Unreadable::default()) };
    match snapshot.get::<VersionRow>(values![model, number]).await? {
        Some(version) => Unreadable::behind(snapshot, &version).await,
        None => Ok(Unreadable::default()),
    }
}

/// The value that a setting of the policy had just before an entry.
async fn of_then(snapshot: &Snapshot, setting: &str, index: u64) -> Result<Option<Digest>, AppError> {
    let rows = snapshot
        .rows::<TimelineRow>(
            "WHERE subject = $1 AND attribute = $2 AND from_index < $3 AND to_index >= $3",
            &values![Subject::Registry.to_string(), setting, index],
        )
        .await?;
    Ok(rows.first().filter(|row| !row.value.is_empty()).map(|row| Digest::parse(&row.value)).transpose()?)
}

/// The payload with the verdict behind an entry.
fn verdict_of(event: &Event) -> Option<Digest> {
    match event {
        Event::Registry(registry::Event::CheckRecorded { verdict, .. }) => Some(*verdict),
        Event::Registry(registry::Event::Refused { verdict, .. }) | Event::Version(version::Event::Transitioned { verdict, .. }) => *verdict,
        Event::Promotion(
            promotion::Event::Opened { verdict, .. }
            | promotion::Event::Refreshed { verdict, .. }
            | promotion::Event::Completed { verdict, .. }
            | promotion::Event::Executed { verdict, .. },
        ) => Some(*verdict),
        Event::AccessLog(_)
        | Event::AccessPolicy(_)
        | Event::Actor(_)
        | Event::Alias(_)
        | Event::Attestation(_)
        | Event::Bundle(_)
        | Event::Calendar(_)
        | Event::Delegation(_)
        | Event::Erasure(_)
        | Event::Evidence(_)
        | Event::Exception(_)
        | Event::Finding(_)
        | Event::Grant(_)
        | Event::Group(_)
        | Event::Model(_)
        | Event::Promotion(_)
        | Event::Registry(_)
        | Event::Risk(_)
        | Event::Tag(_)
        | Event::Team(_)
        | Event::Template(_)
        | Event::Version(_) => None,
    }
}

fn differences(then: &[Finding], now: &[Finding]) -> Vec<Difference> {
    let find = |list: &[Finding], rule: &str| list.iter().find(|finding| finding.rule == rule).cloned();
    let mut rules: Vec<&str> = then.iter().chain(now).map(|finding| finding.rule.as_str()).collect();
    rules.sort_unstable();
    rules.dedup();
    let pairs = rules.into_iter().map(|rule| Difference { rule: rule.to_owned(), then: find(then, rule), now: find(now, rule) });
    pairs.filter(|pair| pair.then != pair.now).collect()
}
