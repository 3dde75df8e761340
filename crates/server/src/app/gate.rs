//! Preparing a gate: build the input document from one snapshot, evaluate it, and keep what was noted on the way.

pub(super) mod authors;
mod components;
pub(super) mod conditions;
mod documents;
pub mod exceptions;
pub(super) mod record;
pub(super) mod risks;
mod templates;

use std::collections::BTreeSet;
use std::sync::Arc;

use chancery_core::actor::ActorKind;
use chancery_core::approval::ApprovalVerdict;
use chancery_core::manifest::Manifest;
use chancery_core::model::Profile;
use chancery_core::names::{Digest, Label, PolicyMode, State};
use chancery_core::policy::{self, Finding, Fixity, Gate, Input, Verdict};
use chancery_core::promotion::{DecisionKind, GateRecord};
use chancery_core::refusal::Refusal;
use chancery_core::registry::{self, ACCESS, POLICY_MODE};
use chancery_core::speakers::Authors;
use chancery_core::tables::{AliasRow, ApprovalRow, DecisionRow, EvidenceRow, ModelRow, PromotionRow, SettingRow, VersionRow};

use super::access::Caller;
use super::policy::Policy;
use super::sequence::Noted;
use super::view;
use super::{App, AppError, register};
use crate::blobs;
use crate::fault::Fault;
use crate::store::Snapshot;
use crate::values;

/// A version as a gate sees it, with everything that was read for it.
pub(super) struct Subjects {
    pub(super) model: ModelRow,
    pub(super) version: VersionRow,
    pub(super) promotion: Option<PromotionRow>,
    pub(super) approvals: Vec<ApprovalRow>,
    pub(super) evidence: Vec<EvidenceRow>,
    pub(super) noted: Vec<Noted>,
    pub(super) input: Input,
    pub(super) policy: Arc<Policy>,
}

impl Subjects {
    /// The version as commands name it, such as `loan/3`.
    pub(super) fn label(&self) -> String {
        format!("{}/{}", self.model.name, self.version.number)
    }

    /// Who made the version or asks for its promotion, and who made their credentials.
    pub(super) async fn authors(&self, snapshot: &Snapshot) -> Result<Authors, AppError> {
        authors::with_makers(snapshot, self.input.authors.clone(), &self.version, self.promotion.as_ref(), &self.evidence).await
    }
}

/// Whether the files of a version are read for its input document.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Look {
    /// Their digests are compared with their bytes.
    Files,
    /// They count as intact: nothing that is asked depends on it.
    Trust,
}

/// What a gate said.
pub(super) struct Evaluated {
    pub(super) verdict: Verdict,
    pub(super) record: GateRecord,
}

impl App {
    /// Waits for a turn to prepare a gate: from the reading of its input to its verdict. Nobody may wait for a second one meanwhile.
    pub(super) async fn turn(&self) -> Result<tokio::sync::SemaphorePermit<'_>, Fault> {
        self.inner.turns.acquire().await.map_err(|error| Fault::database("wait for a turn", error))
    }

    /// Builds the input document for moving a version to `target`.
    pub(super) async fn subjects(
        &self,
        snapshot: &Snapshot,
        caller: &Caller,
        model: ModelRow,
        version: VersionRow,
        target: State,
        environment: &Label,
        promotion: Option<PromotionRow>,
    ) -> Result<Subjects, AppError> {
        self.subjects_as(snapshot, caller, model, version, target, environment, promotion, Look::Files).await
    }

    /// Builds the input document, with a look at the files of the version or without.
    pub(super) async fn subjects_as(
        &self,
        snapshot: &Snapshot,
        caller: &Caller,
        model: ModelRow,
        version: VersionRow,
        target: State,
        environment: &Label,
        promotion: Option<PromotionRow>,
        look: Look,
    ) -> Result<Subjects, AppError> {
        // The rules judge what there is, not what the caller may see of it; views leave out what he may not.
        let snapshot = &snapshot.everything();
        let evidence = view::evidence(snapshot, &version).await?;
        let approvals = match &promotion {
            Some(row) => snapshot.rows::<ApprovalRow>("WHERE promotion_id = $1 ORDER BY entry_index", &values![row.promotion_id]).await?,
            None => Vec::new(),
        };
        let mode_row = snapshot.get::<SettingRow>(values![POLICY_MODE]).await?;
        let of_registry = mode_row.as_ref().and_then(|row| PolicyMode::parse(&row.value).ok()).unwrap_or(PolicyMode::Enforce);
        let mode = model.policy_mode.unwrap_or(of_registry);
        let access = snapshot.get::<SettingRow>(values![ACCESS]).await?.map_or(0, |row| row.revision);
        let releases = snapshot.get::<SettingRow>(values![registry::releases(&model.model_id)]).await?.map_or(0, |row| row.revision);
        let in_force = self.in_force(snapshot).await?;
        let policy = self.policy_of(snapshot, in_force.baseline, in_force.organisation).await?;
        let mut noted = vec![
            Noted::Setting(POLICY_MODE, mode_row.map_or(0, |row| row.revision)),
            Noted::Setting(ACCESS, access),
            Noted::Releases(model.model_id.clone(), releases),
            exceptions::noted(snapshot, &model.model_id).await?,
            Noted::Model(model.model_id.clone(), model.revision),
            Noted::Version(model.model_id.clone(), version.number, version.revision),
        ];
        noted.extend(in_force.noted);
        noted.extend(promotion.as_ref().map(|row| Noted::Promotion(row.promotion_id.clone(), row.revision)));
        // Never before the newest entry: after a clock that ran ahead, a gate would otherwise look too old to the sequencer for ever.
        let now = self.now().max(snapshot.head().at);
        let stated = self.version_input(snapshot, &version, look).await?;
        let authors = authors::authors(snapshot, &version, &stated.facts, promotion.as_ref(), &evidence).await?;
        let mut pieces = documents::input(snapshot, &version, &evidence).await?;
        noted.extend(templates::resolve(snapshot, &mut pieces).await?);
        let components = components::input(snapshot, &model, &version, &mut noted).await?;
        let attached = risks::attached(snapshot, &model, &mut noted).await?;
        let input = Input {
            v: 1,
            now,
            mode,
            target,
            environment: environment.to_string(),
            actor: policy::Actor {
                id: caller.actor.id.clone(),
                kind: actor_kind(caller),
                roles: caller.roles_for(&model),
                credential: caller.credential.recognised(),
            },
            model: model_input(&model)?,
            version: stated,
            evidence: pieces,
            evidence_set_digest: evidence_set(&version, &evidence),
            promotion: promotion.as_ref().map(|row| policy::Promotion {
                id: row.promotion_id.clone(),
                opened_by: row.opened_by.clone(),
                opened_at: row.opened_at,
            }),
            authors,
            approvals: approvals.iter().filter(|row| stands_for(row, &model)).map(approval_input).collect(),
            decision: self.decision_input(snapshot, &version, promotion.as_ref()).await?,
            exceptions: exceptions::input(snapshot, &version, promotion.as_ref(), now).await?,
            reference: self.reference_input(snapshot, &model, &version).await?,
            components,
            conditions: conditions::input(snapshot, &model.model_id, now).await?,
            risks: attached.risks,
            reviews: attached.reviews,
            risk_score: Some(risks::score(&model)?),
        };
        if let Some(reference) = &input.reference {
            // The version it is compared with must not change between verdict and commit.
            if let Some(row) = snapshot.get::<VersionRow>(values![model.model_id, reference.number]).await? {
                noted.push(Noted::Version(model.model_id.clone(), row.number, row.revision));
            }
        }
        Ok(Subjects { model, version, promotion, approvals, evidence, noted, input, policy })
    }

    /// Evaluates gates on an input document, off the async threads: a rule may use its whole time limit.
    pub(super) async fn evaluate(&self, gates: Vec<Gate>, subjects: &Subjects) -> Result<Evaluated, AppError> {
        let mut evaluated = self.judge(&subjects.policy, gates, &subjects.input).await?;
        // A refusal names them; the verdict beside them is kept, and stays as the rules said it.
        evaluated.record.failed = evaluated.record.failed.into_iter().map(|finding| finding.about(&subjects.label())).collect();
        Ok(evaluated)
    }

    /// What gates say of an input document, when nothing of it is to be kept.
    pub(super) async fn verdict(&self, gates: Vec<Gate>, subjects: &Subjects) -> Result<Verdict, AppError> {
        let (policy, input) = (Arc::clone(&subjects.policy), subjects.input.clone());
        apart(move || said(&policy, &gates, &input)).await
    }

    /// Evaluates gates of a policy on an input document that need not be what is stored: with exceptions that are to be granted, say.
    pub(super) async fn judge(&self, policy: &Arc<Policy>, gates: Vec<Gate>, input: &Input) -> Result<Evaluated, AppError> {
        let (policy, input) = (Arc::clone(policy), input.clone());
        let work = move || {
            let verdict = said(&policy, &gates, &input)?;
            let failed: Vec<Finding> = verdict.failed().cloned().collect();
            let record = GateRecord { payload: record::payload(&verdict, &input)?, failed, blocks: verdict.blocks() };
            Ok(Evaluated { verdict, record })
        };
        apart(work).await
    }

    async fn version_input(&self, snapshot: &Snapshot, version: &VersionRow, look: Look) -> Result<policy::Version, AppError> {
        let mut facts = view::facts(snapshot, version).await?;
        let grades = view::take_grades(&mut facts);
        let manifest = manifest(snapshot, version).await?;
        let mut files = Vec::with_capacity(manifest.files().len());
        let found = match look {
            Look::Files => self.blobs().intact(manifest.files().iter().map(|file| file.digest).collect()).await?,
            Look::Trust => manifest.files().iter().map(|file| blobs::Fixity::Intact { size: file.size }).collect(),
        };
        for (file, found) in manifest.files().iter().zip(found) {
            let fixity = match found {
                blobs::Fixity::Missing => Fixity::Missing,
                blobs::Fixity::Intact { size } if size == file.size => Fixity::Intact,
                blobs::Fixity::Intact { .. } | blobs::Fixity::Corrupt { .. } => Fixity::Corrupt,
            };
            files.push(policy::InputFile { path: file.path.to_string(), size: file.size, digest: file.digest, fixity });
        }
        Ok(policy::Version {
            number: version.number,
            semver: version.semver.clone(),
            state: version.state,
            content_digest: version.content_digest,
            facts_digest: version.facts_digest,
            version_digest: version.version_digest,
            registered_at: version.registered_at,
            registered_by: version.registered_by.clone(),
            registered_index: version.registered_index,
            ungated: version.ungated,
            was_production: version.production_index.is_some(),
            facts,
            grades,
            files,
            bytes_held: version.held,
            source: version.source.clone(),
        })
    }

    /// The newest decision that approves this version for the promotion, with its signature checked.
    async fn decision_input(&self, snapshot: &Snapshot, version: &VersionRow, promotion: Option<&PromotionRow>) -> Result<Option<policy::Decision>, AppError> {
        let rows = snapshot
            .rows::<DecisionRow>(
                "WHERE model_id = $1 AND number = $2 AND decision = $3 ORDER BY entry_index DESC",
                &values![version.model_id, version.number, DecisionKind::Approved],
            )
            .await?;
        let wanted = promotion.and_then(|row| row.decision);
        let Some(row) = rows.into_iter().find(|row| wanted.is_none_or(|digest| digest == row.digest)) else { return Ok(None) };
        if promotion.is_some() && wanted.is_none() {
            return Ok(None);
        }
        let signature_valid = self.check_decision(&view::payload(snapshot, &row.digest).await?, &row, version);
        let Some(expires_at) = row.expires_at else { return Ok(None) };
        Ok(Some(policy::Decision {
            id: row.decision_id,
            digest: row.digest,
            decision: row.decision.to_string(),
            target: row.target,
            environment: row.environment.to_string(),
            version_digest: version.version_digest,
            index: Some(row.entry_index),
            signature_valid,
            expires_at,
        }))
    }

    /// What a version is compared with: the champion, else the newest version in production, else the newest release.
    async fn reference_input(&self, snapshot: &Snapshot, model: &ModelRow, version: &VersionRow) -> Result<Option<policy::Reference>, AppError> {
        let other = |row: &VersionRow| row.number != version.number;
        let champion = snapshot.rows::<AliasRow>("WHERE model_id = $1 AND alias = 'champion'", &values![model.model_id]).await?;
        let mut found = None;
        if let Some(alias) = champion.first() {
            let row = snapshot.get::<VersionRow>(values![model.model_id, alias.number]).await?;
            found = row.filter(other).map(|row| (row, "champion"));
        }
        if found.is_none() {
            found = view::production(snapshot, model).await?.into_iter().find(other).map(|row| (row, "production"));
        }
        if found.is_none() {
            let released = snapshot
                .rows::<VersionRow>("WHERE model_id = $1 AND production_index IS NOT NULL ORDER BY production_index DESC", &values![model.model_id])
                .await?;
            found = released.into_iter().find(other).map(|row| (row, "newest release"));
        }
        let Some((row, why)) = found else { return Ok(None) };
        let evidence = view::evidence(snapshot, &row).await?;
        Ok(Some(policy::Reference {
            number: row.number,
            semver: row.semver.clone(),
            why: why.to_owned(),
            version_digest: row.version_digest,
            evidence: documents::input(snapshot, &row, &evidence).await?,
            signature_change: register::contract(&view::facts(snapshot, &row).await?, &view::facts(snapshot, version).await?).as_str().to_owned(),
        }))
    }
}

fn said(policy: &Policy, gates: &[Gate], input: &Input) -> Result<Verdict, AppError> {
    Ok(policy.engine.evaluate(gates, input).map_err(|error| Fault::database("evaluate the gates", error))?)
}

/// Runs rules off the async threads.
async fn apart<T: Send + 'static>(work: impl FnOnce() -> Result<T, AppError> + Send + 'static) -> Result<T, AppError> {
    tokio::task::spawn_blocking(work).await.map_err(|error| Fault::database("evaluate the gates", error))?
}

/// The manifest of a version.
///
/// # Errors
/// A fault when it is missing or damaged.
pub(super) async fn manifest(snapshot: &Snapshot, version: &VersionRow) -> Result<Manifest, AppError> {
    let bytes = view::payload(snapshot, &version.content_digest).await?;
    Ok(serde_json::from_slice(&bytes).map_err(|error| Fault::database("read a manifest", error))?)
}

/// Digest of the evidence set: what an approver signs for beside the version.
pub(super) fn evidence_set(version: &VersionRow, evidence: &[EvidenceRow]) -> Digest {
    let digests: BTreeSet<String> = evidence.iter().map(|row| row.digest.to_string()).collect();
    let digests: Vec<String> = digests.into_iter().map(|digest| format!("\"{digest}\"")).collect();
    // RFC 8785 by hand: two members in order, hexadecimal text only.
    Digest::of(format!(r#"{{"evidence":[{}],"version_digest":"{}"}}"#, digests.join(","), version.version_digest).as_bytes())
}

fn actor_kind(caller: &Caller) -> policy::ActorKind {
    match caller.actor.kind {
        ActorKind::Person => policy::ActorKind::Person,
        ActorKind::Pipeline => policy::ActorKind::Pipeline,
        ActorKind::Service => policy::ActorKind::Service,
    }
}

fn model_input(row: &ModelRow) -> Result<policy::Model, AppError> {
    let profile: Profile = serde_json::from_value(row.profile.clone()).map_err(|error| Fault::database("read a profile", error))?;
    Ok(policy::Model {
        id: row.model_id.clone(),
        name: row.name.clone(),
        kind: row.kind,
        description: profile.description.unwrap_or_default(),
        use_case: profile.use_case.unwrap_or_default(),
        limitations: profile.limitations.unwrap_or_default(),
        intended_users: profile.intended_users,
        allowed_uses: profile.allowed_uses,
        prohibited_uses: profile.prohibited_uses,
        licence: profile.licence.unwrap_or_default(),
        ownership: policy::Ownership {
            owning_team: profile.ownership.owning_team.map(|team| team.to_string()).unwrap_or_default(),
            owner: profile.ownership.owner.unwrap_or_default(),
            backup_owner: profile.ownership.backup_owner.unwrap_or_default(),
            escalation_contact: profile.ownership.escalation_contact.unwrap_or_default(),
            business_unit: profile.ownership.business_unit.unwrap_or_default(),
        },
        risk: policy::Risk {
            tier: row.risk_tier,
            security_rating: profile.risk.security_rating.unwrap_or_default(),
            mitigation_controls: profile.risk.mitigation_controls,
            compliance_status: profile.risk.compliance_status.unwrap_or_default(),
            fairness_tested: profile.risk.fairness_tested,
        },
        classification: profile.classification,
        personal_data: profile.personal_data,
        policy_mode: row.policy_mode,
        document_control: serde_json::to_value(&profile.document_control).unwrap_or_default(),
    })
}

/// Whether rules may see an approval: one that was given before the tier went away and came back has lapsed, and its words do not show it.
fn stands_for(row: &ApprovalRow, model: &ModelRow) -> bool {
    row.tier_index == model.tier_index || row.risk_tier != model.risk_tier
}

fn approval_input(row: &ApprovalRow) -> policy::Approval {
    policy::Approval {
        role: row.role.to_string(),
        verdict: match row.verdict {
            ApprovalVerdict::Approve => policy::ApprovalVerdict::Approve,
            ApprovalVerdict::Reject => policy::ApprovalVerdict::Reject,
        },
        actor: row.actor.clone(),
        at: row.at,
        expires_at: row.expires_at,
        withdrawn: row.withdrawn,
        version_digest: row.version_digest,
        target: row.target,
        environment: row.environment.to_string(),
        tier: row.risk_tier,
        evidence_set_digest: row.evidence_set,
        delegated_by: row.delegated_by.clone(),
        signed_with: row.signed_with.map(|id| id.to_string()),
    }
}

/// The gates for a move, or the refusal that it has none.
pub(super) fn gates(from: State, to: State) -> Result<Vec<Gate>, Refusal> {
    let gates = policy::gates_between(from, to);
    if gates.is_empty() {
        return Err(Refusal::new(chancery_core::refusal::Code::TransitionRefused, &format!("no gate leads from {from} to {to}"))
            .field("to")
            .remedy("gates lead forward to candidate, approved and production; for other moves use `demote`, `deprecate`, `retire` or `rollback`"));
    }
    Ok(gates)
}
