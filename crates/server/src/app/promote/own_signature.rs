//! The approver's own signature: the server says exactly what there is to sign, and takes it back only from that person, for that promotion,
//! in that role, within five minutes.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use chancery_core::actor::key::{not_registered, not_yours, parse_spki};
use chancery_core::entry::PrivateText;
use chancery_core::names::{Digest, PromotionId, Timestamp};
use chancery_core::refusal::{Code, Refusal};
use chancery_core::signing::dsse::{IN_TOTO_PAYLOAD_TYPE, pre_authentication_encoding};
use chancery_core::tables::ActorKeyRow;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::DAY_SECONDS;
use super::review::ReviewAsk;
use crate::app::access::Caller;
use crate::app::signed::ApprovalText;
use crate::app::{App, AppError};
use crate::fault::Fault;
use crate::store::Snapshot;
use crate::{ids, values};

/// How long a statement may be signed, in seconds.
pub const VALID_SECONDS: i64 = 300;
/// Largest statement, in bytes: 20 conditions with their texts fit.
const MAX_STATEMENT_BYTES: usize = 256 * 1024;

/// A signature that a person made on his own machine.
#[derive(Clone, Debug)]
pub struct OwnSignature {
    /// The statement, byte for byte as the server gave it.
    pub payload: Vec<u8>,
    /// The key.
    pub key_id: Digest,
    /// The signature over the pre-authentication encoding of DSSE.
    pub signature: Vec<u8>,
    /// The salt under which the statement names the comment.
    pub comment_salt: [u8; 16],
}

/// What there is to sign.
#[derive(Debug, Serialize, ToSchema)]
pub struct ApprovalStatement {
    /// The in-toto statement, base64.
    pub payload: String,
    /// `application/vnd.in-toto+json`: what is signed is DSSE's pre-authentication encoding of it and the payload.
    pub payload_type: &'static str,
    /// Hexadecimal; give it back with the signature.
    pub comment_salt: String,
    /// Until when the signature is taken (RFC 3339).
    pub valid_until: String,
}

/// The members of a statement that say whose word it is.
#[derive(Deserialize)]
struct Said {
    predicate: SaidPredicate,
}

#[derive(Deserialize)]
struct SaidPredicate {
    promotion: String,
    role: String,
    verdict: String,
    by: SaidBy,
    at: String,
}

#[derive(Deserialize)]
struct SaidBy {
    id: String,
}

impl App {
    /// What a person would sign who gives this verdict now. Changes nothing.
    ///
    /// # Errors
    /// `not_found`, the refusal that the promotion is closed, `precondition_failed` when other evidence was shown.
    pub async fn approval_to_sign(&self, caller: &Caller, id: &PromotionId, ask: &ReviewAsk) -> Result<ApprovalStatement, AppError> {
        let _turn = self.turn().await?;
        let (subjects, _) = self.promotion_subjects(caller, id).await?;
        if subjects.promotion.as_ref().is_some_and(|row| row.evidence_set != ask.evidence_set) {
            return Err(Refusal::new(Code::PreconditionFailed, "the evidence changed while you read")
                .field("evidence_set")
                .remedy("look at the promotion again and give your verdict on what it shows now")
                .into());
        }
        let (salt, at) = (ids::random()?, self.now());
        let comment = ask.comment.as_deref().map(|text| PrivateText::new("comment", text, salt)).transpose()?;
        let delegated_by = caller.speaks_for(&ask.role, &subjects.model).flatten().cloned();
        let text = ApprovalText {
            role: &ask.role,
            delegated_by: delegated_by.as_ref(),
            verdict: ask.verdict,
            at,
            comment: comment.map(|comment| comment.digest),
            ticket: ask.ticket.as_deref(),
            conditions: &ask.conditions,
            expires_at: at.plus_seconds(i64::from(subjects.policy.engine.approval_lifetime_days()) * DAY_SECONDS),
        };
        let snapshot = self.store().read().await?;
        let statement = self.approval_statement(&snapshot, caller, &subjects, text).await?;
        Ok(ApprovalStatement {
            payload: BASE64_STANDARD.encode(statement),
            payload_type: IN_TOTO_PAYLOAD_TYPE,
            comment_salt: hex::encode(salt),
            valid_until: at.plus_seconds(VALID_SECONDS).to_string(),
        })
    }
}

impl OwnSignature {
    /// When the statement was made, once it is clear that it is of this person, promotion, role and verdict, and fresh.
    pub(super) fn moment(&self, caller: &Caller, id: &PromotionId, ask: &ReviewAsk, now: Timestamp) -> Result<Timestamp, Refusal> {
        let malformed = || Refusal::invalid("signed.payload", "this is no statement of an approval").remedy("sign the payload that `approvals/statement` gave");
        if self.payload.len() > MAX_STATEMENT_BYTES {
            return Err(Refusal::new(Code::TooLarge, &format!("a statement has at most {MAX_STATEMENT_BYTES} bytes")).field("signed.payload"));
        }
        let said: Said = serde_json::from_slice(&self.payload).map_err(|_| malformed())?;
        let said = said.predicate;
        let meant = [id.as_str(), ask.role.as_str(), ask.verdict.as_str(), caller.actor.id.as_str()];
        if [&said.promotion, &said.role, &said.verdict, &said.by.id].iter().zip(meant).any(|(said, meant)| *said != meant) {
            return Err(Refusal::new(Code::AccessDenied, "what was signed is about another promotion, role, verdict or person")
                .field("signed.payload")
                .remedy("sign the statement of this very approval"));
        }
        let at = Timestamp::parse(&said.at).map_err(|_| malformed())?;
        if at > now || at.plus_seconds(VALID_SECONDS) < now {
            return Err(Refusal::new(Code::PreconditionFailed, "what was signed is older than five minutes")
                .field("signed.payload")
                .remedy("ask for the statement again"));
        }
        Ok(at)
    }

    /// Checks that this person's own key signed exactly this statement.
    pub(in crate::app) async fn check(&self, snapshot: &Snapshot, caller: &Caller, statement: &[u8]) -> Result<(), AppError> {
        if self.payload != statement {
            return Err(Refusal::new(Code::PreconditionFailed, "what was signed is not what the promotion shows now; nothing was recorded")
                .field("signed.payload")
                .remedy("ask for the statement again, read it, and sign that")
                .into());
        }
        let row = snapshot.get::<ActorKeyRow>(values![self.key_id]).await?;
        let row = row.filter(|row| row.removed_at.is_none() || row.actor_id != caller.actor.id).ok_or_else(|| not_registered(&self.key_id))?;
        if row.actor_id != caller.actor.id {
            return Err(not_yours(&self.key_id).into());
        }
        let key = parse_spki(&row.spki).map_err(|refusal| Fault::database("read a registered key", refusal))?;
        key.verify(&pre_authentication_encoding(IN_TOTO_PAYLOAD_TYPE, statement), &self.signature).map_err(|_| {
            Refusal::new(Code::AccessDenied, &format!("the signature is not that of key `{}` over this statement", self.key_id))
                .field("signed.signature")
                .remedy("sign the pre-authentication encoding of DSSE with that key: `chancery promotion approve --sign-with KEY` does it")
        })?;
        Ok(())
    }
}
