//! What happens to a promotion, as entries say it.

use serde::{Deserialize, Serialize};

use super::DecisionKind;
use crate::approval::{ApprovalVerdict, Condition};
use crate::entry::Subject;
use crate::names::{ActorId, Digest, Label, PromotionId, RiskTier, State, Timestamp};

/// What happened. The subject is the promotion, or for a decision the version.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", content = "data", deny_unknown_fields)]
pub enum Event {
    /// It was opened.
    #[serde(rename = "promotion.opened")]
    Opened {
        /// Version.
        version: Subject,
        /// Target state.
        target: State,
        /// Environment.
        environment: Label,
        /// Frozen evidence set.
        evidence_set: Digest,
        /// Risk tier.
        risk_tier: RiskTier,
        /// Payload with the verdict.
        verdict: Digest,
        /// Rules that failed.
        failed: Vec<String>,
        /// Comment, in the vault.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        comment: Option<Digest>,
    },
    /// Its evidence set was frozen anew; approvals of another set no longer count.
    #[serde(rename = "promotion.refreshed")]
    Refreshed {
        /// Frozen evidence set.
        evidence_set: Digest,
        /// Risk tier.
        risk_tier: RiskTier,
        /// Payload with the verdict.
        verdict: Digest,
        /// Rules that failed.
        failed: Vec<String>,
        /// Whether approvals lapsed by it.
        lapsed: bool,
    },
    /// A verdict was given.
    #[serde(rename = "approval.recorded")]
    ApprovalRecorded {
        /// Role.
        role: Label,
        /// The approver for whom the person stood in.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        delegated_by: Option<ActorId>,
        /// Yes or no.
        verdict: ApprovalVerdict,
        /// What was signed for.
        version_digest: Digest,
        /// Target.
        target: State,
        /// Environment.
        environment: Label,
        /// Risk tier.
        risk_tier: RiskTier,
        /// Evidence set that was shown.
        evidence_set: Digest,
        /// Comment, in the vault.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        comment: Option<Digest>,
        /// Ticket.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        ticket: Option<String>,
        /// Conditions.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        conditions: Vec<Condition>,
        /// Payload with the signed approval.
        envelope: Digest,
        /// Id of the person's own key, when the envelope carries that signature too.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        signed_with: Option<Digest>,
        /// Until when it counts.
        expires_at: Timestamp,
    },
    /// An approval was taken back.
    #[serde(rename = "approval.withdrawn")]
    ApprovalWithdrawn {
        /// Role.
        role: Label,
        /// Who gave it in the place of the actor of this entry; none when it was the actor's own.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        given_by: Option<ActorId>,
        /// Why, in the vault.
        reason: Digest,
    },
    /// A condition of an approval was met.
    #[serde(rename = "condition.met")]
    ConditionMet {
        /// Number of the condition in the promotion.
        number: u64,
        /// Role in which it was said.
        role: Label,
        /// The approver for whom the person stood in.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        delegated_by: Option<ActorId>,
        /// By what, in the vault.
        note: Digest,
    },
    /// Somebody commented.
    #[serde(rename = "promotion.commented")]
    Commented {
        /// The text, in the vault.
        text: Digest,
    },
    /// Nothing but the execution is missing.
    #[serde(rename = "promotion.completed")]
    Completed {
        /// Frozen evidence set for which that holds.
        evidence_set: Digest,
        /// Payload with the verdict.
        verdict: Digest,
        /// Rules that fail nevertheless: those about who executes, and under `warn` those that do not block.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        failed: Vec<String>,
    },
    /// A decision was signed; the subject is the version.
    #[serde(rename = "decision.recorded")]
    DecisionRecorded {
        /// Id inside the envelope.
        id: String,
        /// Kind.
        decision: DecisionKind,
        /// Payload with the envelope.
        envelope: Digest,
        /// Promotion, if one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        promotion: Option<PromotionId>,
        /// Target.
        target: State,
        /// Environment.
        environment: Label,
        /// Until when it counts.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        expires_at: Option<Timestamp>,
    },
    /// The version reached the target.
    #[serde(rename = "promotion.executed")]
    Executed {
        /// Payload with the verdict at execution.
        verdict: Digest,
    },
    /// A reviewer said no.
    #[serde(rename = "promotion.rejected")]
    Rejected {
        /// Role that said no.
        role: Label,
    },
    /// It was taken back, or its version went where the promotion does not lead on from.
    #[serde(rename = "promotion.cancelled")]
    Cancelled {
        /// Why, in the vault; none when another promotion moved the version.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reason: Option<Digest>,
    },
}
