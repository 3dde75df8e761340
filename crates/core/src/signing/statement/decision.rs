//! The decision predicate, exactly the members of `decision-v1.schema.json`.

use serde::{Deserialize, Serialize};

use super::{Digest, Resource};

/// Who asked, who decided, by which policy, on which evidence, with which checks.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Decision {
    /// The id of the decision, at least 16 characters.
    pub decision_id: String,
    /// What was decided.
    pub decision: Verdict,
    /// The change of state that it is about.
    pub transition: Transition,
    /// The version that it is about.
    pub model: DecidedModel,
    /// Proves that the entry was there before the decision.
    pub registration: Registration,
    /// Who asked.
    pub requested_by: Principal,
    /// When, RFC 3339 ending in `Z`.
    pub requested_at: String,
    /// Who decided.
    pub decided_by: Principal,
    /// When, RFC 3339 ending in `Z`.
    pub decided_at: String,
    /// Until when it counts, RFC 3339 ending in `Z`; without it there is no limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<String>,
    /// Why, in the decider's words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub comment: Option<String>,
    /// The change ticket.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ticket: Option<String>,
    /// The policy that was applied.
    pub policy: AppliedPolicy,
    /// The outcome of each rule.
    pub checks: Vec<Check>,
    /// Everything that the decider was shown, by digest.
    pub evidence: Vec<Resource>,
    /// The approvals that it rests on.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub approvals: Vec<DecisionApproval>,
    /// Earlier decisions that it replaces.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub supersedes: Vec<Resource>,
}

/// What a decision says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Verdict {
    /// The transition may be executed.
    Approved,
    /// The transition may not be executed.
    Rejected,
    /// The transition was executed.
    Executed,
    /// An approval ran out or lost its ground.
    Lapsed,
    /// An approval was taken back.
    Revoked,
    /// A rule was waived.
    ExceptionGranted,
}

/// A change of state.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Transition {
    /// The state before.
    pub from: DecidedState,
    /// The state after.
    pub to: DecidedState,
    /// The environment, for transitions that concern only one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub environment: Option<String>,
}

/// A lifecycle state as it is spelled in decisions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DecidedState {
    /// Internal experimentation.
    Draft,
    /// Passed the baseline checks.
    Candidate,
    /// Authorised for production.
    Approved,
    /// Released.
    Production,
    /// Replaced.
    Deprecated,
    /// Out of use for good.
    Retired,
}

/// The version that a decision is about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DecidedModel {
    /// The immutable id of the model.
    pub id: String,
    /// Its name at the time of the decision.
    pub name: String,
    /// The version number, from 1.
    pub version: u64,
    /// The SemVer of the version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub semver: Option<String>,
    /// The composite id.
    pub uri: String,
    /// The digest of the manifest, 64 lower-case hexadecimal digits.
    pub content_digest: String,
    /// The digest of the sealed facts, 64 lower-case hexadecimal digits.
    pub facts_digest: String,
    /// The risk tier at the time of the decision.
    pub risk_tier: DecidedRiskTier,
}

/// A risk tier as it is spelled in decisions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DecidedRiskTier {
    /// May not be used.
    Prohibited,
    /// High risk.
    High,
    /// Limited risk.
    Limited,
    /// Minimal risk.
    Minimal,
    /// Not yet classified.
    Unclassified,
}

/// Where the ledger holds the registration of the version.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Registration {
    /// The origin of the log.
    pub log_origin: String,
    /// The index of the entry that registered the version.
    pub index: u64,
    /// When it was registered, RFC 3339 ending in `Z`.
    pub registered_at: String,
}

/// A person or machine that acted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Principal {
    /// The opaque id of the actor.
    pub id: String,
    /// What acted.
    pub kind: PrincipalKind,
    /// Who vouches for the identity.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub issuer: Option<String>,
    /// The role in which it acted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<String>,
    /// The name of a person; approvals must have it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub display_name: Option<String>,
    /// The run of a pipeline that was known by its workload identity, as the token that `issuer` made for it says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run: Option<DecidedRun>,
}

/// A run of a pipeline.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DecidedRun {
    /// The id of the short-lived token that the run was given; its entry names the identity.
    pub token: String,
    /// The subject of the run's own token.
    pub subject: String,
    /// The address of the run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run_url: Option<String>,
    /// The commit that it ran on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub commit: Option<String>,
    /// The workflow, at its ref.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub workflow: Option<String>,
    /// The ref that it ran on.
    #[serde(rename = "ref", default, skip_serializing_if = "Option::is_none")]
    pub reference: Option<String>,
    /// Who started it, as the issuer calls him.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub started_by: Option<String>,
}

/// What kind of actor acted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PrincipalKind {
    /// A human.
    Person,
    /// A CI pipeline with its own identity.
    Pipeline,
    /// Another program.
    Service,
    /// The registry's own clockwork.
    Schedule,
}

/// The policy bundle that was applied: a resource with an address and a mode.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AppliedPolicy {
    /// The name of the bundle.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The identity of the bundle.
    pub uri: String,
    /// The digest of the bundle.
    pub digest: Digest,
    /// Whether failures block.
    pub mode: AppliedMode,
}

/// Whether a policy blocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AppliedMode {
    /// Failures block.
    Enforce,
    /// Failures are recorded and block nothing.
    Warn,
}

/// The outcome of one rule.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Check {
    /// The rule id.
    pub id: String,
    /// The outcome.
    pub outcome: CheckOutcome,
    /// What was found, for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// The id of the exception; a waived check must have it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub waiver: Option<String>,
    /// The evidence that the rule read.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub evidence: Vec<Resource>,
}

/// How a check came out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum CheckOutcome {
    /// The rule holds.
    Passed,
    /// The rule does not hold.
    Failed,
    /// The rule does not hold and does not block.
    Warned,
    /// The rule does not hold and an exception covers it.
    Waived,
    /// The rule does not concern this version.
    NotApplicable,
}

/// One approval that a decision rests on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DecisionApproval {
    /// The role in which the person approved.
    pub role: String,
    /// The person, with display name.
    pub by: Principal,
    /// When, RFC 3339 ending in `Z`.
    pub at: String,
    /// The digest of the approval's own envelope, 64 lower-case hexadecimal digits.
    pub digest: String,
    /// What was asked for with the approval.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub conditions: Vec<ApprovalCondition>,
    /// Until when it counts, RFC 3339 ending in `Z`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<String>,
    /// The digest of the evidence set that was shown, 64 lower-case hexadecimal digits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub evidence_set_digest: Option<String>,
}

/// Something that must be done by a day, or else.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApprovalCondition {
    /// What must be done.
    pub text: String,
    /// Who must do it.
    pub owner: String,
    /// By when, RFC 3339 ending in `Z`.
    pub due: String,
    /// What happens when it is missed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub effect: Option<ConditionEffect>,
}

/// What happens when a condition is missed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ConditionEffect {
    /// A finding is recorded.
    Finding,
    /// New use is blocked.
    Block,
    /// The version is deprecated.
    Deprecate,
}
