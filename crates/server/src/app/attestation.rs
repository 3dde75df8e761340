//! What machines are told: a SLSA verification summary (VSA v1) for each promotion that passed its gates, and the list of those revoked.

use chancery_core::attestation::Signed;
use chancery_core::names::{Digest, Label, PolicyMode, State, Timestamp};
use chancery_core::promotion::SignedDecision;
use chancery_core::signing::statement::{Digest as Sha256, STATEMENT_TYPE, Statement};
use chancery_core::tables::{AttestationRow, VersionRow};
use serde::Serialize;

use super::gate::{Evaluated, Subjects};
use super::signed::{POLICY_URI, counts, resource};
use super::{App, AppError, view};
use crate::fault::Fault;
use crate::store::Snapshot;
use crate::values;

/// Predicate of a verification summary (slsa.dev, verification_summary v1).
const VSA_PREDICATE_TYPE: &str = "https://slsa.dev/verification_summary/v1";
/// Predicate of the list of revoked attestations. It never changes.
const REVOCATIONS_PREDICATE_TYPE: &str = "https://chancery.dev/attestation/revocation-list/v1";
/// Longest validity of an attestation, in seconds: 90 days.
const LONGEST_SECONDS: i64 = 90 * 86_400;
/// How long a list of revocations may be used, in seconds.
const LIST_SECONDS: i64 = 3600;
/// Most revocations on the list; revoked attestations leave it when they would have expired.
const MAX_REVOCATIONS: usize = 100_000;

/// SLSA VSA v1; `expiresAt` is ours, readers of the standard pass over it.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Summary {
    verifier: Verifier,
    time_verified: String,
    resource_uri: String,
    policy: Policy,
    input_attestations: Vec<Input>,
    verification_result: &'static str,
    verified_levels: Vec<&'static str>,
    expires_at: String,
}

#[derive(Serialize)]
struct Verifier {
    id: String,
}

#[derive(Serialize)]
struct Policy {
    uri: &'static str,
    digest: Sha256,
}

#[derive(Serialize)]
struct Input {
    uri: String,
    digest: Sha256,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Revocations {
    issued_at: String,
    next_update: String,
    log_origin: String,
    revoked: Vec<Revocation>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Revocation {
    version_digest: String,
    attestation_digest: String,
    reason: String,
    revoked_at: String,
    index: u64,
}

impl App {
    /// The attestation of a promotion that is about to be executed: only when every gate passed under `enforce`, and only for states that
    /// somebody deploys from.
    pub(super) fn attest(&self, subjects: &Subjects, evaluated: &Evaluated, decision: &SignedDecision) -> Result<Option<Signed>, AppError> {
        let levels = match subjects.input.target {
            State::Approved => vec!["CHANCERY_APPROVED"],
            State::Production => vec!["CHANCERY_APPROVED", "CHANCERY_PRODUCTION"],
            State::Draft | State::Candidate | State::Deprecated | State::Retired => return Ok(None),
        };
        if evaluated.verdict.mode != PolicyMode::Enforce || !evaluated.verdict.passed {
            return Ok(None);
        }
        let now = self.now();
        let expires_at = expiry(subjects, now);
        let summary = Summary {
            verifier: Verifier { id: format!("https://{}", self.keys().origin()) },
            time_verified: now.to_string(),
            // A summary for one environment must not open another: the environment is part of the name.
            resource_uri: format!("{}?environment={}", view::composite_id(&subjects.model.name, &subjects.version), subjects.input.environment),
            policy: Policy { uri: POLICY_URI, digest: Sha256 { sha256: evaluated.verdict.bundle_digest.to_string() } },
            input_attestations: inputs(subjects, decision),
            verification_result: "PASSED",
            verified_levels: levels,
            expires_at: expires_at.to_string(),
        };
        let version = &subjects.version;
        let statement = Statement {
            statement_type: STATEMENT_TYPE.to_owned(),
            subject: vec![
                resource(&view::composite_id(&subjects.model.name, version), &version.version_digest.to_string()),
                resource("content", &version.content_digest.to_string()),
            ],
            predicate_type: VSA_PREDICATE_TYPE.to_owned(),
            predicate: summary,
        };
        let environment = Label::parse(&subjects.input.environment)?;
        let envelope = self.sign("attestation", &statement)?;
        Ok(Some(Signed { envelope, version_digest: version.version_digest, target: subjects.input.target, environment, expires_at }))
    }

    /// The signed list of attestations that were revoked and have not expired, as a DSSE envelope.
    ///
    /// # Errors
    /// A fault.
    pub async fn revocation_list(&self) -> Result<Vec<u8>, AppError> {
        let now = self.now();
        let snapshot = self.store().read().await?;
        let tail = "WHERE revoked_index IS NOT NULL AND expires_at > $1 ORDER BY revoked_index LIMIT $2";
        let rows = snapshot.rows::<AttestationRow>(tail, &values![now, i64::try_from(MAX_REVOCATIONS).unwrap_or(i64::MAX)]).await?;
        drop(snapshot);
        let predicate = Revocations {
            issued_at: now.to_string(),
            next_update: now.plus_seconds(LIST_SECONDS).to_string(),
            log_origin: self.keys().origin().to_owned(),
            revoked: rows.iter().filter_map(revocation).collect(),
        };
        // A statement is about something that has a digest: here the list itself.
        let bytes = serde_json::to_vec(&predicate).map_err(|error| Fault::database("write the list of revocations", error))?;
        let statement = Statement {
            statement_type: STATEMENT_TYPE.to_owned(),
            subject: vec![resource("revocations", &Digest::of(&bytes).to_string())],
            predicate_type: REVOCATIONS_PREDICATE_TYPE.to_owned(),
            predicate,
        };
        self.sign_bytes("list of revocations", &statement)
    }
}

fn revocation(row: &AttestationRow) -> Option<Revocation> {
    Some(Revocation {
        version_digest: row.version_digest.to_string(),
        attestation_digest: row.digest.to_string(),
        reason: row.revoked?.to_string(),
        revoked_at: row.revoked_at?.to_string(),
        index: row.revoked_index?,
    })
}

/// Nothing that it rests on ends later: approvals that count, the decision, waivers.
fn expiry(subjects: &Subjects, now: Timestamp) -> Timestamp {
    let approvals = subjects.approvals.iter().filter(|row| counts(row, subjects)).map(|row| row.expires_at);
    let decision = subjects.input.decision.iter().map(|decision| decision.expires_at);
    let exceptions = subjects.input.exceptions.iter().map(|exception| exception.expires_at);
    approvals.chain(decision).chain(exceptions).fold(now.plus_seconds(LONGEST_SECONDS), Timestamp::min)
}

/// Everything that the gates read, by digest (VSA: "if present names all inputs").
fn inputs(subjects: &Subjects, decision: &SignedDecision) -> Vec<Input> {
    let input = |kind: &str, digest: &Digest| Input { uri: format!("chancery:{kind}/{digest}"), digest: Sha256 { sha256: digest.to_string() } };
    let mut all = vec![input("decisions", &decision.envelope.digest)];
    all.extend(subjects.input.decision.iter().map(|decision| input("decisions", &decision.digest)));
    all.extend(subjects.approvals.iter().filter(|row| counts(row, subjects)).map(|row| input("approvals", &row.envelope)));
    all.extend(subjects.evidence.iter().map(|row| input("evidence", &row.digest)));
    all
}

/// The attestations of a version that were not revoked.
pub(super) async fn in_force(snapshot: &Snapshot, version: &VersionRow) -> Result<Vec<Digest>, AppError> {
    let rows = snapshot
        .rows::<AttestationRow>("WHERE model_id = $1 AND number = $2 AND revoked_index IS NULL", &values![version.model_id, version.number])
        .await?;
    Ok(rows.into_iter().map(|row| row.digest).collect())
}
