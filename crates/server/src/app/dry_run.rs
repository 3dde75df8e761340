//! What another policy would change: versions are judged again, as if they asked for their state today, under both policies.
//!
//! Work is done in slices, each with a snapshot, a turn and a blocking thread of its own, so that gates and writers get theirs
//! between them. Only rules that can answer differently are evaluated; bytes are not read again, because no bundle changes what
//! the rules of the core say about them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use chancery_core::names::{Label, ModelId, State, VersionNumber};
use chancery_core::policy::{Finding, Gate, Input, Outcome, affected, gates_between};
use chancery_core::refusal::{Code, Refusal};
use chancery_core::tables::{ModelRow, PromotionRow, VersionRow};
use serde::Serialize;
use utoipa::ToSchema;

use super::access::Caller;
use super::gate::Look;
use super::policy::Policy;
use super::{App, AppError};
use crate::fault::Fault;
use crate::store::Snapshot;
use crate::values;

/// Versions in a slice.
const SLICE: usize = 64;
/// Versions that are listed with their findings; the counts go on.
const LISTED: usize = 500;
/// Longest part of a dry run in one request, which may take 60 s.
const LIMIT: Duration = Duration::from_secs(40);

/// Which versions are judged.
#[derive(Clone, Debug)]
pub struct DryRunAsk {
    /// In these states; of drafts only those that wait in an open promotion.
    pub states: BTreeSet<State>,
    /// After this version.
    pub after: Option<(ModelId, u64)>,
}

/// What a policy would change.
#[derive(Debug, Serialize, ToSchema)]
pub struct DryRunView {
    /// Digest of the policy in force.
    pub bundle_now: String,
    /// Digest of the policy that was tried.
    pub bundle_tried: String,
    /// Rules that can answer differently.
    pub rules: Vec<String>,
    /// Versions that were judged.
    pub judged: u64,
    /// Versions for which a rule would fail that does not fail now.
    pub newly_failing: u64,
    /// Versions for which a rule would no longer fail.
    pub newly_passing: u64,
    /// Rules that would newly fail, each with its number of versions.
    pub failing_rules: BTreeMap<String, u64>,
    /// Rules that would no longer fail, each with its number of versions.
    pub passing_rules: BTreeMap<String, u64>,
    /// The versions that would change, the first 500.
    pub versions: Vec<VersionChange>,
    /// Give it as `after` to go on; null when every version was judged.
    pub next: Option<String>,
}

/// A version that would be judged differently.
#[derive(Debug, Serialize, ToSchema)]
pub struct VersionChange {
    /// Model.
    pub model: String,
    /// Number.
    pub version: u64,
    /// Its state.
    pub state: String,
    /// The state whose gates were evaluated.
    pub to: String,
    /// Rules that would fail, with what they say.
    pub newly_failing: Vec<RuleSays>,
    /// Rules that would no longer fail.
    pub newly_passing: Vec<String>,
}

/// What a rule says.
#[derive(Debug, Serialize, ToSchema)]
pub struct RuleSays {
    /// The rule.
    pub rule: String,
    /// Its message.
    pub message: String,
    /// What to do.
    pub remedy: Option<String>,
}

/// A version that waits for its judgement.
struct Waiting {
    model: String,
    version: VersionRow,
    target: State,
    gates: Vec<Gate>,
    input: Input,
}

impl App {
    /// Judges versions under the policy in force and under another one.
    ///
    /// # Errors
    /// `rate_limited` while another dry run goes on.
    pub async fn dry_run(&self, caller: &Caller, tried: Arc<Policy>, ask: DryRunAsk) -> Result<DryRunView, AppError> {
        let Ok(_only) = self.inner.dry_run.try_lock() else {
            return Err(Refusal::new(Code::RateLimited, "another dry run goes on").remedy("try again when it is done").into());
        };
        let started = Instant::now();
        let snapshot = self.store().read().await?;
        let now = self.policy_for(&snapshot).await?;
        drop(snapshot);
        let rules = affected((&now.bundle, &now.engine), (&tried.bundle, &tried.engine));
        let mut view = DryRunView::new(&now, &tried, &rules);
        let (rules, mut after) = (Arc::new(rules), ask.after.clone());
        while !rules.is_empty() {
            if started.elapsed() > LIMIT {
                view.next = after.map(|(model, number)| format!("{model}/{number}"));
                break;
            }
            let turn = self.turn().await?;
            let snapshot = self.seen_by(caller).await?;
            let rows = slice(&snapshot, &ask.states, after.as_ref()).await?;
            let Some(last) = rows.last() else { break };
            after = Some((last.model_id.clone(), last.number.get()));
            let complete = rows.len() < SLICE;
            let waiting = self.waiting(&snapshot, caller, rows).await?;
            drop(snapshot);
            let (now, tried, rules) = (Arc::clone(&now), Arc::clone(&tried), Arc::clone(&rules));
            let work = move || waiting.iter().map(|waiting| judge(waiting, &now, &tried, &rules)).collect::<Result<Vec<_>, Fault>>();
            let judged = tokio::task::spawn_blocking(work).await.map_err(|error| Fault::database("judge versions", error))??;
            drop(turn);
            judged.into_iter().for_each(|change| view.add(change));
            if complete {
                break;
            }
        }
        Ok(view)
    }

    async fn waiting(&self, snapshot: &Snapshot, caller: &Caller, rows: Vec<VersionRow>) -> Result<Vec<Waiting>, AppError> {
        let mut models: BTreeMap<ModelId, ModelRow> = BTreeMap::new();
        let mut waiting = Vec::with_capacity(rows.len());
        for version in rows {
            let model = match models.get(&version.model_id) {
                Some(model) => model.clone(),
                None => {
                    let Some(model) = snapshot.get::<ModelRow>(values![version.model_id]).await? else { continue };
                    models.insert(model.model_id.clone(), model.clone());
                    model
                }
            };
            let promotion = promotion(snapshot, &version).await?;
            let target = if version.state == State::Draft { promotion.as_ref().map_or(State::Candidate, |row| row.target) } else { version.state };
            let environment = promotion.as_ref().map_or_else(|| Label::parse("production"), |row| Ok(row.environment.clone()))?;
            let subjects = self.subjects_as(snapshot, caller, model, version, target, &environment, promotion, Look::Trust).await?;
            waiting.push(Waiting {
                model: subjects.model.name.to_string(),
                target,
                gates: gates_between(State::Draft, target),
                input: subjects.input,
                version: subjects.version,
            });
        }
        Ok(waiting)
    }
}

impl DryRunView {
    fn new(now: &Policy, tried: &Policy, rules: &BTreeSet<String>) -> Self {
        Self {
            bundle_now: now.engine.bundle_digest().to_string(),
            bundle_tried: tried.engine.bundle_digest().to_string(),
            rules: rules.iter().cloned().collect(),
            judged: 0,
            newly_failing: 0,
            newly_passing: 0,
            failing_rules: BTreeMap::new(),
            passing_rules: BTreeMap::new(),
            versions: Vec::new(),
            next: None,
        }
    }

    fn add(&mut self, change: VersionChange) {
        self.judged += 1;
        self.newly_failing += u64::from(!change.newly_failing.is_empty());
        self.newly_passing += u64::from(!change.newly_passing.is_empty());
        for says in &change.newly_failing {
            *self.failing_rules.entry(says.rule.clone()).or_default() += 1;
        }
        for rule in &change.newly_passing {
            *self.passing_rules.entry(rule.clone()).or_default() += 1;
        }
        let differs = !change.newly_failing.is_empty() || !change.newly_passing.is_empty();
        if differs && self.versions.len() < LISTED {
            self.versions.push(change);
        }
    }
}

/// The next versions, by model and number.
async fn slice(snapshot: &Snapshot, states: &BTreeSet<State>, after: Option<&(ModelId, u64)>) -> Result<Vec<VersionRow>, AppError> {
    let asked = |state: State| if states.contains(&state) { state.as_str() } else { "" };
    let (model, number) = after.map_or_else(|| (String::new(), 0), |(model, number)| (model.to_string(), *number));
    Ok(snapshot
        .rows::<VersionRow>(
            "WHERE (versions.model_id > $1 OR (versions.model_id = $1 AND versions.number > $2)) AND versions.hidden = 0
             AND (versions.state = $3 OR versions.state = $4 OR versions.state = $5 OR (versions.state = $6 AND EXISTS
                 (SELECT 1 FROM open_promotions WHERE open_promotions.model_id = versions.model_id AND open_promotions.number = versions.number)))
             ORDER BY versions.model_id, versions.number LIMIT $7",
            &values![model, number, asked(State::Candidate), asked(State::Approved), asked(State::Production), asked(State::Draft), SLICE as u64],
        )
        .await?)
}

/// The promotion that brought a version where it is, or that a draft waits in: the newest for its target.
async fn promotion(snapshot: &Snapshot, version: &VersionRow) -> Result<Option<PromotionRow>, AppError> {
    let rows =
        snapshot.rows::<PromotionRow>("WHERE model_id = $1 AND number = $2 ORDER BY opened_index DESC", &values![version.model_id, version.number]).await?;
    Ok(match version.state {
        State::Draft => rows.into_iter().find(|row| row.status == chancery_core::promotion::Status::Open),
        state @ (State::Candidate | State::Approved | State::Production | State::Deprecated | State::Retired) => {
            rows.into_iter().find(|row| row.target == state)
        }
    })
}

fn judge(waiting: &Waiting, now: &Policy, tried: &Policy, rules: &BTreeSet<String>) -> Result<VersionChange, Fault> {
    let evaluate = |policy: &Policy, wanted: &dyn Fn(&str) -> bool| {
        policy.engine.evaluate_some(&waiting.gates, &waiting.input, wanted).map_err(|error| Fault::database("judge a version", error))
    };
    let after = evaluate(tried, &|rule| rules.contains(rule))?.findings;
    // A rule that only the new policy has needs no look at the old one.
    let known: BTreeSet<String> = now.engine.rules().into_iter().map(|rule| rule.id).collect();
    let before = if rules.iter().any(|rule| known.contains(rule)) { evaluate(now, &|rule| rules.contains(rule))?.findings } else { Vec::new() };
    let fails = |list: &[Finding], rule: &str| list.iter().any(|finding| finding.rule == rule && finding.outcome == Outcome::Fail);
    let failing = after.iter().filter(|finding| finding.outcome == Outcome::Fail && !fails(&before, &finding.rule));
    let passing = before.iter().filter(|finding| finding.outcome == Outcome::Fail && !fails(&after, &finding.rule));
    Ok(VersionChange {
        model: waiting.model.clone(),
        version: VersionNumber::get(waiting.version.number),
        state: waiting.version.state.to_string(),
        to: waiting.target.to_string(),
        newly_failing: failing
            .map(|finding| RuleSays { rule: finding.rule.clone(), message: finding.message.clone(), remedy: finding.remedy.clone() })
            .collect(),
        newly_passing: passing.map(|finding| finding.rule.clone()).collect(),
    })
}
