//! Decisions that wait for a person: promotions that lack the approval of a role in which he speaks, exceptions that he may grant, lower risk tiers
//! that he may confirm, and what else needs him as a second person.

use std::collections::BTreeSet;

use chancery_core::approval::ApprovalVerdict;
use chancery_core::model::GOVERNANCE;
use chancery_core::names::{ActorId, Label, ModelName, PolicyMode, RiskTier, Timestamp};
use chancery_core::registry::POLICY_MODE;
use chancery_core::tables::{
    AccessPolicyRow, ApprovalRow, BundleRow, ExceptionRow, GrantProposalRow, ModelRow, PromotionRow, SettingRow, TemplateRow, TierProposalRow,
    TransferProposalRow, VersionRow,
};

use super::{decides, seconds};
use crate::app::access::Caller;
use crate::app::gate::authors::authors;
use crate::app::policy::Policy;
use crate::app::{App, AppError, view};
use crate::store::Snapshot;
use crate::values;

/// Most open promotions that are looked at, oldest first, and most approvals of them.
const MOST: i64 = 200;
const MOST_APPROVALS: i64 = 4_000;
/// Most requests for an exception that are looked at.
const MOST_REQUESTS: i64 = 100;

/// What is to be decided.
#[derive(Clone, Debug)]
pub enum Question {
    /// Whether a version moves.
    Promotion {
        /// The promotion.
        row: Box<PromotionRow>,
        /// The model.
        model: Box<ModelRow>,
        /// Roles that have approved.
        approved: Vec<String>,
        /// Roles that have not.
        open: Vec<String>,
    },
    /// Whether a rule is waived, for a version of this model.
    Exception(Box<ExceptionRow>, Box<ModelRow>),
    /// Whether the risk tier of this model is lowered.
    Tier(TierProposalRow, Box<ModelRow>),
    /// Whether somebody gets roles of approval or administration.
    Grant {
        /// The roles.
        row: GrantProposalRow,
        /// The name of who gets them, for commands.
        user: Label,
    },
    /// Whether a team takes over a model.
    Transfer {
        /// The transfer.
        row: TransferProposalRow,
        /// The name of the model.
        name: ModelName,
        /// Whether the person may read the model already.
        readable: bool,
    },
    /// Whether a policy bundle is put in force.
    Bundle(BundleRow),
    /// Whether access policies are put in force.
    AccessPolicy(AccessPolicyRow),
    /// Whether a template is approved.
    Template(TemplateRow),
}

/// A decision that waits.
#[derive(Clone, Debug)]
pub struct Decision {
    /// What is asked.
    pub question: Question,
    /// Roles of approval in which the person may answer; none where he does it as a second person.
    pub roles: Vec<String>,
    /// Since when it waits.
    pub since: Timestamp,
}

impl App {
    /// The decisions that wait for the caller, the oldest first.
    ///
    /// # Errors
    /// [`AppError::Fault`].
    pub async fn decisions(&self, caller: &Caller, snapshot: &Snapshot) -> Result<Vec<Decision>, AppError> {
        let mut found = in_roles(self, caller, snapshot).await?;
        found.extend(seconds::waiting(self, caller, snapshot).await?);
        found.sort_by_key(|decision| decision.since);
        Ok(found)
    }
}

/// What waits for roles of approval; nothing while the policy in force does not work.
async fn in_roles(app: &App, caller: &Caller, snapshot: &Snapshot) -> Result<Vec<Decision>, AppError> {
    if !decides(caller) {
        return Ok(Vec::new());
    }
    let policy = match app.policy_for(snapshot).await {
        Ok(policy) => policy,
        Err(AppError::Refused(..)) => return Ok(Vec::new()),
        Err(fault) => return Err(fault),
    };
    let mut found = promotions(app, caller, snapshot, &policy).await?;
    found.extend(exceptions(caller, snapshot, &policy).await?);
    found.extend(tiers(caller, snapshot).await?);
    Ok(found)
}

async fn promotions(app: &App, caller: &Caller, snapshot: &Snapshot, policy: &Policy) -> Result<Vec<Decision>, AppError> {
    let tail = "promotions JOIN models ON models.model_id = promotions.model_id
        WHERE promotions.status = 'open' AND models.hidden = 0 ORDER BY promotions.opened_index LIMIT $1";
    let open = snapshot.pairs::<PromotionRow, ModelRow>(tail, &values![MOST]).await?;
    if open.is_empty() {
        return Ok(Vec::new());
    }
    let tail = "WHERE promotion_id IN (SELECT promotion_id FROM promotions WHERE status = 'open' ORDER BY opened_index LIMIT $1)
        ORDER BY entry_index LIMIT $2";
    let approvals = snapshot.rows::<ApprovalRow>(tail, &values![MOST, MOST_APPROVALS]).await?;
    let mode = snapshot.get::<SettingRow>(values![POLICY_MODE]).await?.map_or(Ok(PolicyMode::Enforce), |row| PolicyMode::parse(&row.value))?;
    let now = app.now();
    let mut found = Vec::new();
    for (row, model) in open {
        let counted: Vec<&ApprovalRow> = approvals.iter().filter(|given| counts(given, &row, &model, now)).collect();
        let needed = policy.engine.expected().roles(tier(&model, mode), row.target);
        let speaks = |role: &str| Label::parse(role).is_ok_and(|role| caller.speaks_for(&role, &model).is_some());
        let (open, approved): (Vec<_>, Vec<_>) = needed.into_iter().partition(|(role, count)| voices(&counted, role) < *count);
        let names = |roles: Vec<(String, u64)>| roles.into_iter().map(|(role, _)| role).collect::<Vec<String>>();
        let (open, approved) = (names(open), names(approved));
        let roles: Vec<String> = open.iter().filter(|role| speaks(role)).cloned().collect();
        // One person approves in one role.
        let spoke = counted.iter().any(|given| given.actor == caller.actor.id || given.delegated_by.as_ref() == Some(&caller.actor.id));
        if roles.is_empty() || spoke || is_author(snapshot, &row, &caller.actor.id).await? {
            continue;
        }
        let since = row.opened_at;
        found.push(Decision { question: Question::Promotion { row: Box::new(row), model: Box::new(model), approved, open }, roles, since });
    }
    Ok(found)
}

/// The tier that rules go by.
fn tier(model: &ModelRow, of_registry: PolicyMode) -> RiskTier {
    match (model.risk_tier, model.policy_mode.unwrap_or(of_registry)) {
        (RiskTier::Unclassified, PolicyMode::Enforce) => RiskTier::High,
        (tier, PolicyMode::Enforce | PolicyMode::Warn) => tier,
    }
}

fn counts(given: &ApprovalRow, row: &PromotionRow, model: &ModelRow, now: Timestamp) -> bool {
    given.promotion_id == row.promotion_id
        && given.verdict == ApprovalVerdict::Approve
        && !given.withdrawn
        && given.evidence_set == row.evidence_set
        && given.tier_index == model.tier_index
        && given.expires_at > now
}

fn voices(counted: &[&ApprovalRow], role: &str) -> u64 {
    let voices = counted.iter().filter(|given| given.role.as_str() == role).map(|given| given.delegated_by.as_ref().unwrap_or(&given.actor));
    voices.collect::<BTreeSet<&ActorId>>().len() as u64
}

async fn is_author(snapshot: &Snapshot, row: &PromotionRow, person: &ActorId) -> Result<bool, AppError> {
    if row.opened_by == *person {
        return Ok(true);
    }
    let Some(version) = snapshot.get::<VersionRow>(values![row.model_id, row.number]).await? else { return Ok(true) };
    let (facts, evidence) = (view::facts(snapshot, &version).await?, view::evidence(snapshot, &version).await?);
    Ok(authors(snapshot, &version, &facts, Some(row), &evidence).await?.contains(person))
}

async fn exceptions(caller: &Caller, snapshot: &Snapshot, policy: &Policy) -> Result<Vec<Decision>, AppError> {
    let tail = "exceptions JOIN models ON models.model_id = exceptions.model_id WHERE exceptions.status = 'requested' ORDER BY exceptions.entry_index LIMIT $1";
    let mut found = Vec::new();
    for (row, model) in snapshot.pairs::<ExceptionRow, ModelRow>(tail, &values![MOST_REQUESTS]).await? {
        let grantors = policy.engine.exception_rules().grantors(&row.rule);
        let roles: Vec<String> = grantors.iter().filter(|role| caller.speaks_for(role, &model).is_some()).map(ToString::to_string).collect();
        // Nobody grants what he asked for.
        if roles.is_empty() || row.requested_by == caller.actor.id {
            continue;
        }
        let since = row.requested_at;
        found.push(Decision { question: Question::Exception(Box::new(row), Box::new(model)), roles, since });
    }
    Ok(found)
}

/// Lower tiers that governance confirms or rejects: who has the role himself, and never who proposed one.
async fn tiers(caller: &Caller, snapshot: &Snapshot) -> Result<Vec<Decision>, AppError> {
    let governance = Label::parse(GOVERNANCE)?;
    let tail = "tier_proposals JOIN models ON models.model_id = tier_proposals.model_id ORDER BY tier_proposals.entry_index LIMIT $1";
    let open = snapshot.pairs::<TierProposalRow, ModelRow>(tail, &values![MOST_REQUESTS]).await?;
    let asked = |(row, model): &(TierProposalRow, ModelRow)| row.proposed_by != caller.actor.id && matches!(caller.speaks_for(&governance, model), Some(None));
    let decision = |(row, model): (TierProposalRow, ModelRow)| {
        let since = row.proposed_at;
        Decision { question: Question::Tier(row, Box::new(model)), roles: vec![GOVERNANCE.to_owned()], since }
    };
    Ok(open.into_iter().filter(asked).map(decision).collect())
}
