//! The document that a gate is evaluated on: the API's own view of a version and of everything that speaks for it.
//!
//! The server fills it, the same bytes go to Rego and to the rules in Rust, and anyone can fetch it. Field names are the
//! JSON names. Its digest (over canonical JSON, RFC 8785) is part of every verdict, so that a verdict can be replayed.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::names::{
    ActorId, Classification, Digest, ExceptionId, Grade, Label, ModelId, ModelKind, ModelName, PolicyMode, PromotionId, ReviewId, RiskId, RiskTier, State,
    Timestamp, VersionNumber,
};

crate::words! {
    /// What kind of actor asks.
    ActorKind, "actor.kind" {
        /// A named, authenticated person.
        Person = "person",
        /// A pipeline.
        Pipeline = "pipeline",
        /// A service.
        Service = "service",
        /// The registry itself.
        System = "system",
    }
}

crate::words! {
    /// By what an actor was recognised.
    Recognised, "actor.credential" {
        /// The token that the issuer of a CI system made for this very run.
        Workload = "workload",
        /// A token that somebody keeps.
        Token = "token",
        /// A session of the pages, or a password.
        Login = "login",
        /// Nothing: the registry itself, or `--no-auth`.
        None = "none",
    }
}

crate::words! {
    /// What the last fixity check said of a file.
    Fixity, "fixity" {
        /// The bytes have the digest.
        Intact = "intact",
        /// There are no bytes.
        Missing = "missing",
        /// The bytes have another digest.
        Corrupt = "corrupt",
        /// Nobody looked yet.
        Unchecked = "unchecked",
    }
}

crate::words! {
    /// What a piece of evidence speaks about.
    BindingKind, "binds_to.kind" {
        /// This version, by version digest.
        Version = "version",
        /// These bytes, by content digest: also of another version with the same files.
        Content = "content",
        /// One file, by its digest.
        File = "file",
    }
}

crate::words! {
    /// What an approver said.
    ApprovalVerdict, "verdict" {
        /// Yes.
        Approve = "approve",
        /// No.
        Reject = "reject",
    }
}

crate::words! {
    /// How far an exception reaches.
    Scope, "scope" {
        /// One version.
        Version = "version",
        /// All versions of one model.
        Model = "model",
    }
}

/// The input document, version 1.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Input {
    /// Version of this format: 1.
    pub v: u32,
    /// The time of the evaluation; rules know no other clock.
    pub now: Timestamp,
    /// Whether failed rules block.
    pub mode: PolicyMode,
    /// The state that is asked for. In the gates `rollback` and `deploy`: `production`.
    pub target: State,
    /// Environment that is asked for, such as `production`.
    pub environment: String,
    /// Who asks.
    pub actor: Actor,
    /// The model entry.
    pub model: Model,
    /// The version.
    pub version: Version,
    /// Evidence about the version; in an open promotion the frozen set.
    pub evidence: Vec<Evidence>,
    /// Digest of the evidence set; approvals bind to it.
    pub evidence_set_digest: Digest,
    /// The open promotion, if there is one.
    pub promotion: Option<Promotion>,
    /// People and pipelines that made the version: registrar, run user, commit author, evidence uploaders, opener.
    pub authors: Vec<ActorId>,
    /// Approvals of the promotion, also withdrawn, expired and lapsed ones.
    pub approvals: Vec<Approval>,
    /// The signed decision, once there is one.
    pub decision: Option<Decision>,
    /// Exceptions granted for the version or its model.
    pub exceptions: Vec<Exception>,
    /// What the version is compared with.
    pub reference: Option<Reference>,
    /// The pinned versions that a version of a system is composed of, as they stand now; empty for everything else.
    pub components: Vec<Component>,
    /// Conditions of approvals that counted when a version of this model was released or approved.
    pub conditions: Vec<Condition>,
    /// Risks of the register that are linked to the model, or to a system that the version is a part of.
    pub risks: Vec<RegisteredRisk>,
    /// Open reviews of the calendar that are about the model or the version.
    pub reviews: Vec<OpenReview>,
    /// The risk score that the registry computes from declared factors.
    pub risk_score: Option<RiskScore>,
}

/// A pinned version in the composition of a system.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Component {
    /// What it is in the system, such as `model`, `adapter`, `prompt` or `index`.
    pub role: String,
    /// Model entry.
    pub model: ModelId,
    /// Name now bound to it.
    pub name: ModelName,
    /// Kind of entry.
    pub kind: ModelKind,
    /// Number.
    pub number: VersionNumber,
    /// The version digest that the composition pins.
    pub version_digest: Digest,
    /// State now.
    pub state: State,
    /// Risk tier of its model now.
    pub tier: RiskTier,
    /// Licence of its model.
    pub licence: String,
    /// Whether it passed a gate under `warn` that it failed.
    pub ungated: bool,
}

crate::words! {
    /// Where the condition of an approval stands.
    ConditionStatus, "conditions.status" {
        /// It is owed and not yet due.
        Open = "open",
        /// It was met.
        Met = "met",
        /// It is overdue.
        Missed = "missed",
    }
}

/// A condition of an approval.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Condition {
    /// Promotion that was approved under it.
    pub promotion: PromotionId,
    /// Version that was promoted.
    pub number: VersionNumber,
    /// Role of the approval.
    pub role: Label,
    /// What must be done.
    pub text: String,
    /// Who owes it.
    pub owner: String,
    /// By when.
    pub due: Timestamp,
    /// What happens when it is missed: `finding`, `block` or `deprecate`.
    pub effect: crate::approval::Effect,
    /// Where it stands at `now`.
    pub status: ConditionStatus,
}

/// A risk of the register.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RegisteredRisk {
    /// Id.
    pub id: RiskId,
    /// One line.
    pub title: String,
    /// Category, a word of the organisation.
    pub category: String,
    /// `low`, `medium`, `high` or `critical`.
    pub severity: String,
    /// `rare`, `possible`, `likely` or `certain`.
    pub likelihood: String,
    /// Level that follows from both: `low`, `medium`, `high` or `critical`.
    pub level: String,
    /// `open`, `mitigated`, `accepted` or `closed`.
    pub status: String,
    /// When it must be looked at again.
    pub review_date: Option<Timestamp>,
    /// Mitigations that are not done.
    pub open_mitigations: u64,
}

/// An open review of the calendar.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct OpenReview {
    /// Id.
    pub id: ReviewId,
    /// What is reviewed: `entry`, `card`, `risk`, `policy`, `exception`, `emergency`, …
    pub about: String,
    /// Who owes it.
    pub owner: String,
    /// By when.
    pub due: Timestamp,
}

/// A score with the factors that it was computed from (ENT-16).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RiskScore {
    /// 0 to 100.
    pub score: u64,
    /// `low`, `medium`, `high` or `critical`.
    pub level: String,
    /// Factor, given value and points.
    pub factors: Vec<RiskFactor>,
}

/// One factor of a risk score.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RiskFactor {
    /// Factor, such as `risk_tier`.
    pub factor: String,
    /// Value that was declared; empty when nobody said.
    pub value: String,
    /// Points that it adds.
    pub points: u64,
}

/// Who asks.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Actor {
    /// Opaque id.
    pub id: ActorId,
    /// Kind of actor.
    pub kind: ActorKind,
    /// Roles that the actor holds for this model.
    pub roles: Vec<String>,
    /// By what it was recognised.
    pub credential: Recognised,
}

/// The model entry. Texts that were not given are empty.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Model {
    /// Opaque id.
    pub id: ModelId,
    /// Name now bound to it.
    pub name: ModelName,
    /// Kind of entry.
    pub kind: ModelKind,
    /// Description.
    pub description: String,
    /// What it is for.
    pub use_case: String,
    /// Known limitations.
    pub limitations: String,
    /// Who should use it.
    pub intended_users: Vec<String>,
    /// Allowed uses.
    pub allowed_uses: Vec<String>,
    /// Prohibited uses.
    pub prohibited_uses: Vec<String>,
    /// Licence (SPDX identifier or text).
    pub licence: String,
    /// Who answers for it.
    pub ownership: Ownership,
    /// Risk facts.
    pub risk: Risk,
    /// Confidentiality class.
    pub classification: Option<Classification>,
    /// Whether it was trained on or processes personal data; null when nobody said.
    pub personal_data: Option<bool>,
    /// The policy mode of the model, when it has one of its own; `input.mode` is the one in force.
    #[serde(default)]
    pub policy_mode: Option<PolicyMode>,
    /// Document control of the entry (ENT-15): a JSON object with the members that were given.
    #[serde(default)]
    pub document_control: Value,
}

/// Who answers for a model (ENT-2).
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Ownership {
    /// Team.
    pub owning_team: String,
    /// Owner.
    pub owner: String,
    /// Stand-in.
    pub backup_owner: String,
    /// Whom to call when it fails.
    pub escalation_contact: String,
    /// Business unit.
    pub business_unit: String,
}

/// Risk facts (ENT-3).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Risk {
    /// Risk tier.
    pub tier: RiskTier,
    /// Security rating, free word of the organisation.
    pub security_rating: String,
    /// Mitigation controls in place.
    pub mitigation_controls: Vec<String>,
    /// Compliance status, free word of the organisation.
    pub compliance_status: String,
    /// Whether fairness was tested; null when nobody said.
    pub fairness_tested: Option<bool>,
}

/// The version.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Version {
    /// Integer number.
    pub number: VersionNumber,
    /// Semantic version.
    pub semver: String,
    /// State now.
    pub state: State,
    /// Digest of its manifest.
    pub content_digest: Digest,
    /// Digest of its sealed facts.
    pub facts_digest: Digest,
    /// Digest of the version: the subject of decisions and approvals.
    pub version_digest: Digest,
    /// When it was registered.
    pub registered_at: Timestamp,
    /// Who registered it.
    pub registered_by: ActorId,
    /// Index of the entry that registered it.
    pub registered_index: u64,
    /// Whether it passed a gate under `warn` that it failed.
    pub ungated: bool,
    /// Whether it was in production at any time.
    pub was_production: bool,
    /// Sealed facts: a JSON object (framework, training, datasets, metrics, signature, environment, …).
    pub facts: Value,
    /// Source grade of each top-level fact, by its name.
    pub grades: std::collections::BTreeMap<String, Grade>,
    /// Files of the manifest.
    pub files: Vec<InputFile>,
    /// Whether the registry holds the bytes of all files.
    pub bytes_held: bool,
    /// Where the bytes come from, in the words of who registered it; empty when nobody said.
    #[serde(default)]
    pub source: String,
}

/// A file of the manifest.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct InputFile {
    /// Path in the package.
    pub path: String,
    /// Size in bytes.
    pub size: u64,
    /// SHA-256 of the bytes.
    pub digest: Digest,
    /// Last fixity result.
    pub fixity: Fixity,
}

/// A piece of evidence.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Evidence {
    /// Digest of the document.
    pub digest: Digest,
    /// Type, such as `evaluation` or `sbom`.
    #[serde(rename = "type")]
    pub kind: String,
    /// Source grade.
    pub grade: Grade,
    /// What it speaks about.
    pub binds_to: Binding,
    /// Who added it.
    pub actor: ActorId,
    /// When it was added.
    pub at: Timestamp,
    /// Format that the registry read it as, such as `chancery.evaluation/v1` or `cyclonedx`; empty when it was not read.
    #[serde(default)]
    pub format: String,
    /// What the registry read in it when it was added (`crates/core/src/evidence/reading.rs`); null when it was not read.
    #[serde(default)]
    pub summary: Option<Value>,
    /// Ids of the trusted keys whose signature over it was verified; then the grade is `attested`.
    #[serde(default)]
    pub signed_by: Vec<String>,
    /// Role of approval in which the uploader of a review spoke.
    #[serde(default)]
    pub role: Option<String>,
}

/// What a piece of evidence speaks about.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Binding {
    /// Kind of subject.
    pub kind: BindingKind,
    /// Its digest.
    pub digest: Digest,
}

/// The open promotion.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Promotion {
    /// Id.
    pub id: PromotionId,
    /// Who opened it.
    pub opened_by: ActorId,
    /// When.
    pub opened_at: Timestamp,
}

/// An approval, bound to what the approver was shown.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Approval {
    /// Role in which the person spoke.
    pub role: String,
    /// What they said.
    pub verdict: ApprovalVerdict,
    /// The person.
    pub actor: ActorId,
    /// When.
    pub at: Timestamp,
    /// Until when it counts.
    pub expires_at: Timestamp,
    /// Whether it was withdrawn.
    pub withdrawn: bool,
    /// Version that was shown.
    pub version_digest: Digest,
    /// State that was asked for.
    pub target: State,
    /// Environment that was asked for.
    pub environment: String,
    /// Risk tier at the time.
    pub tier: RiskTier,
    /// Evidence that was shown.
    pub evidence_set_digest: Digest,
    /// The approver for whom the person stood in, by a delegation that was in force.
    #[serde(default)]
    pub delegated_by: Option<ActorId>,
    /// Id of the person's own key when the approval carries that signature too.
    #[serde(default)]
    pub signed_with: Option<String>,
}

/// The signed decision of the promotion.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Decision {
    /// Id.
    pub id: String,
    /// Digest of the signed envelope.
    pub digest: Digest,
    /// What was decided: `APPROVED` or another word of the decision format.
    pub decision: String,
    /// State that it allows.
    pub target: State,
    /// Environment that it allows.
    pub environment: String,
    /// Version that it is about.
    pub version_digest: Digest,
    /// Index of its entry in the ledger; null as long as it is not included.
    pub index: Option<u64>,
    /// Whether the signature was verified.
    pub signature_valid: bool,
    /// Until when it may be executed.
    pub expires_at: Timestamp,
}

/// A waiver of one rule.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Exception {
    /// Id.
    pub id: ExceptionId,
    /// Rule that it waives.
    pub rule: String,
    /// Until when.
    pub expires_at: Timestamp,
    /// How far it reaches; the server lists only exceptions that reach this version.
    pub scope: Scope,
    /// Salted digest of the reason.
    pub reason_digest: Digest,
    /// Who granted it.
    pub granted_by: ActorId,
}

/// What the version is compared with: `champion`, the version in production, or the newest release.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Reference {
    /// Its number.
    pub number: VersionNumber,
    /// Its semantic version.
    pub semver: String,
    /// Why this one: `champion`, `production` or `newest release`.
    pub why: String,
    /// Its version digest.
    pub version_digest: Digest,
    /// Its evidence.
    pub evidence: Vec<Evidence>,
    /// What the signature of the version changes against it: `none`, `compatible`, `breaking` or `unknown` (ENT-9).
    #[serde(default)]
    pub signature_change: String,
}

impl Input {
    /// The tier that rules go by: `unclassified` counts as high under `enforce`.
    pub fn effective_tier(&self) -> RiskTier {
        match (self.model.risk.tier, self.mode) {
            (RiskTier::Unclassified, PolicyMode::Enforce) => RiskTier::High,
            (tier @ (RiskTier::Unclassified | RiskTier::Minimal | RiskTier::Limited | RiskTier::High | RiskTier::Prohibited), _) => tier,
        }
    }
}
