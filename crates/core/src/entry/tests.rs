//! Golden entries: the stored form never changes. `UPDATE_GOLDEN=1` writes files that are missing, and only those.

use std::path::PathBuf;

use super::*;
use crate::access::{Limits, Role};
use crate::actor::ActorKind;
use crate::approval::{ApprovalVerdict, Condition, Effect};
use crate::evidence::{Binding, EvidenceType};
use crate::model::{Ownership, Profile, RiskStatement};
use crate::names::{AliasName, Classification, Grade, IdentityId, ModelKind, ModelName, PolicyMode, RiskTier, State, TagKey};
use crate::promotion::DecisionKind;
use crate::testing::*;

fn folder() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/golden/entries-v1"))
}

fn digest(text: &str) -> Digest {
    Digest::of(text.as_bytes())
}

fn time() -> Timestamp {
    Timestamp::parse("2026-05-03T12:00:00.25Z").unwrap()
}

fn version() -> Subject {
    Subject::Version(model_id(1), numbered(3))
}

fn promotion() -> Subject {
    Subject::Promotion(promotion_id(1))
}

/// A profile with every field.
fn profile() -> Box<Profile> {
    let text = |text: &str| Some(text.to_owned());
    let list = |text: &str| vec![text.to_owned()];
    Box::new(Profile {
        description: text("Scores loans; € and \u{1f600}"),
        use_case: text("consumer credit"),
        limitations: text("not for companies"),
        intended_users: list("clerks"),
        allowed_uses: list("scoring"),
        prohibited_uses: list("profiling"),
        licence: text("Apache-2.0"),
        ownership: Ownership {
            owning_team: Some(label("risk")),
            owner: text("head of risk"),
            backup_owner: text("deputy"),
            escalation_contact: text("risk-on-call"),
            business_unit: text("retail"),
        },
        risk: RiskStatement {
            security_rating: text("B"),
            mitigation_controls: list("human in the loop"),
            compliance_status: text("assessed"),
            fairness_tested: Some(true),
            ..RiskStatement::default()
        },
        classification: Some(Classification::Confidential),
        personal_data: Some(true),
        ..Profile::default()
    })
}

fn actor_events() -> Vec<(Subject, Event)> {
    use crate::actor::Event as E;
    let actor = || Subject::Actor(bob());
    let token = || Subject::Token(TokenId::parse(&format!("t{:0>32}", 1)).unwrap());
    vec![
        (actor(), E::Created { kind: ActorKind::Person, roles: vec![Role::Viewer.into(), Role::Approver(label("security")).into()] }.into()),
        (actor(), E::RolesChanged { roles: vec![Role::Owner.into()] }.into()),
        (actor(), E::Deactivated {}.into()),
        (token(), E::TokenIssued(Box::new(issued(None))).into()),
        (token(), E::TokenRevoked {}.into()),
    ]
}

fn issued(run: Option<crate::actor::token::Recognised>) -> crate::actor::token::Issued {
    crate::actor::token::Issued {
        actor: bob(),
        expires_at: time(),
        secret: digest("secret"),
        purpose: crate::actor::password::Purpose::Access,
        limits: Limits::default(),
        replaces: None,
        run,
    }
}

/// Tokens with limits, rotated ones, those of pipeline runs, and workload identities.
fn token_events() -> Vec<(Subject, Event)> {
    use crate::access::Action;
    use crate::actor::Event as E;
    use crate::actor::identity::Added;
    use crate::actor::token::{Issued, Recognised};
    use crate::identity::{Match, Rule, Shape};
    let token = |number: u8| TokenId::parse(&format!("t{number:0>32}")).unwrap();
    let identity = IdentityId::parse(&format!("i{:0>32}", 1)).unwrap();
    let limits = Limits::new(vec![Action::Read, Action::Register], vec![label("credit")], vec![model_id(1)]).unwrap();
    let rule = |claim: &str, how, value: &str| Rule { claim: claim.to_owned(), how, value: value.to_owned() };
    let added = Added {
        id: identity.clone(),
        issuer: "https://token.actions.githubusercontent.com".to_owned(),
        audience: "chancery".to_owned(),
        shape: Shape::Github,
        rules: vec![rule("repository", Match::Exact, "acme/loans"), rule("ref", Match::Prefix, "refs/heads/release/")],
    };
    let run = Recognised { identity: identity.clone(), presented: digest("presented"), facts: digest("facts") };
    vec![
        (Subject::Token(token(2)), E::TokenIssued(Box::new(Issued { limits, replaces: Some(token(1)), ..issued(None) })).into()),
        (Subject::Token(token(1)), E::TokenRotated { to: token(2), ends_at: time() }.into()),
        (Subject::Actor(bob()), E::IdentityAdded(Box::new(added)).into()),
        (Subject::Token(token(3)), E::TokenIssued(Box::new(issued(Some(run)))).into()),
        (Subject::Actor(bob()), E::IdentityRemoved { id: identity }.into()),
    ]
}

fn model_events() -> Vec<(Subject, Event)> {
    use crate::model::Event as E;
    let model = || Subject::Model(model_id(1));
    let name = |text| ModelName::parse(text).unwrap();
    vec![
        (model(), E::Created { name: name("Modell für Kredite"), kind: ModelKind::Model, risk_tier: RiskTier::High, profile: profile() }.into()),
        (model(), E::Updated { profile: Box::default() }.into()),
        (model(), E::RiskTierChanged { from: RiskTier::High, to: RiskTier::Limited, reason: digest("reason"), proposed_by: None }.into()),
        (model(), E::Renamed { from: name("loans"), to: name("credit") }.into()),
        (model(), E::Hidden { name: name("credit"), reason: digest("reason") }.into()),
    ]
}

fn version_events() -> Vec<(Subject, Event)> {
    use crate::version::Event as E;
    let registered = E::Registered {
        name: ModelName::parse("loans").unwrap(),
        number: numbered(3),
        semver: "1.4.0".to_owned(),
        content_digest: digest("content"),
        facts_digest: digest("facts"),
        version_digest: digest("version"),
        files: 2,
        size: 5_000_000_000,
        description: "retrained".to_owned(),
        origin: None,
    };
    let transitioned = E::Transitioned {
        from: State::Production,
        to: State::Deprecated,
        reason: Some(digest("reason")),
        promotion: Some(promotion_id(1)),
        verdict: Some(digest("verdict")),
        ungated: true,
        successor: Some(numbered(4)),
        sunset: Some(time()),
    };
    vec![
        (version(), registered.into()),
        (version(), E::Described { description: "line one\nline two".to_owned() }.into()),
        (version(), transitioned.into()),
        (version(), E::Hidden { reason: digest("reason") }.into()),
    ]
}

fn small_events() -> Vec<(Subject, Event)> {
    use crate::registry::Event as R;
    let alias = || AliasName::parse("champion").unwrap();
    let key = || TagKey::parse("team").unwrap();
    let added = crate::evidence::Event::Added {
        evidence_type: EvidenceType::Evaluation,
        digest: digest("document"),
        grade: Grade::Attested,
        binds_to: Binding::Content,
        binds_digest: digest("content"),
        title: "evaluation.json".to_owned(),
        size: 1234,
        in_payloads: true,
        format: String::new(),
        summary: None,
        role: None,
        signed_by: vec![],
    };
    let exception = Subject::Exception(ExceptionId::parse(&format!("x{:0>32}", 1)).unwrap());
    let granted = crate::exception::Event::Granted { role: Some(label("ai-governance")) };
    vec![
        (version(), crate::alias::Event::Set { alias: alias(), from: Some(numbered(2)), finding: None }.into()),
        (Subject::Model(model_id(1)), crate::alias::Event::Deleted { alias: alias(), from: numbered(3) }.into()),
        (version(), crate::tag::Event::Set { key: key(), value: Some("risk \u{7f} \u{1}".to_owned()), value_digest: None }.into()),
        (version(), crate::tag::Event::Deleted { key: key() }.into()),
        (version(), added.into()),
        (exception, granted.into()),
        (Subject::Registry, R::Started { origin: "registry.example".to_owned(), mode: PolicyMode::Enforce, baseline: digest("baseline") }.into()),
        (Subject::Registry, R::PolicyModeChanged { mode: PolicyMode::Warn, reason: digest("reason") }.into()),
        (version(), R::CheckRecorded { target: State::Approved, verdict: digest("verdict"), passed: false, failed: vec!["sbom.present".to_owned()] }.into()),
        (
            version(),
            R::Refused { action: "execute".to_owned(), code: Code::GateFailed, rules: vec!["sbom.present".to_owned()], verdict: Some(digest("verdict")) }
                .into(),
        ),
    ]
}

/// Document control and what else of a profile came later.
fn later_profile() -> Box<Profile> {
    use crate::model::document::{Criticality, DocumentControl, Materiality, ReviewStatus};
    let text = |text: &str| Some(text.to_owned());
    Box::new(Profile {
        risk: RiskStatement { autonomy: Some(crate::model::Autonomy::Reviewed), audience: Some(crate::model::Audience::Partners), ..RiskStatement::default() },
        document_control: DocumentControl {
            document_id: text("MRM-7"),
            contributors: vec!["credit".to_owned()],
            reviewers: vec!["model-risk".to_owned()],
            validator: text("validation"),
            review_status: Some(ReviewStatus::InReview),
            next_review: Some(time()),
            business_context: text("consumer credit"),
            related_documents: vec!["policy 12".to_owned()],
            criticality: Some(Criticality::MissionCritical),
            materiality: Some(Materiality::High),
        },
        ..Profile::default()
    })
}

/// Risks, reviews, findings, and the clock.
fn calendar_events() -> Vec<(Subject, Event)> {
    use crate::calendar::{About, Event as C, Outcome, Plan};
    use crate::finding::{Closing, Counts, Event as F};
    use crate::risk::{Assessment, Event as R, Likelihood, NewMitigation, Severity, Status};
    let risk = || Subject::Risk(RiskId::parse(&format!("r{:0>32}", 1)).unwrap());
    let review = |number| ReviewId::parse(&format!("v{number:0>32}")).unwrap();
    let assessment = || {
        Box::new(Assessment {
            title: "unfair to some".to_owned(),
            category: label("fairness"),
            severity: Severity::Critical,
            likelihood: Likelihood::Possible,
            description: "of €".to_owned(),
            requirements: vec!["EU-AI-Act Art. 10".to_owned()],
            review_date: Some(time()),
        })
    };
    let plan = Plan {
        about: About::Emergency,
        subject: version(),
        owner: label("ai-governance"),
        due: time(),
        every_days: Some(90),
        cause: Some("rollback/1".to_owned()),
        not_by: Some(bob()),
    };
    let mitigation = NewMitigation { text: "measure it".to_owned(), owner: label("credit"), due: Some(time()) };
    let role = Some(label("security"));
    let rule = || "review.overdue".to_owned();
    vec![
        (Subject::Model(model_id(1)), crate::model::Event::Updated { profile: later_profile() }.into()),
        (risk(), R::Added(assessment()).into()),
        (risk(), R::Changed(assessment()).into()),
        (risk(), R::Linked { model: model_id(1) }.into()),
        (risk(), R::Unlinked { model: model_id(1), role: role.clone() }.into()),
        (risk(), R::MitigationAdded { number: 1, mitigation }.into()),
        (risk(), R::MitigationFinished { number: 1, note: Some(digest("note")) }.into()),
        (risk(), R::StatusChanged { from: Status::Open, to: Status::Accepted, reason: Some(digest("reason")), role }.into()),
        (Subject::Review(review(1)), C::Scheduled { review: Box::new(plan), reason: Some(digest("reason")), after: Some(review(2)) }.into()),
        (Subject::Review(review(1)), C::Done { outcome: Outcome::Changed, note: Some(digest("note")) }.into()),
        (Subject::Review(review(1)), F::Opened { rule: rule(), message: "it is overdue".to_owned(), due: Some(time()) }.into()),
        (Subject::Review(review(1)), F::Closed { rule: rule(), reason: Closing::Superseded }.into()),
        (Subject::Registry, F::Ran(Counts { versions: 7, failed: 1, opened: 2, closed: 3, scheduled: 4, deprecated: 5 }).into()),
        (Subject::Registry, crate::registry::Event::ClockMoved { offset_seconds: -7200 }.into()),
    ]
}

/// Kinds and members that came later: at the end, so that the golden files of the others keep their index.
/// Policy bundles.
fn bundle_events() -> Vec<(Subject, Event)> {
    use crate::bundle::Event as B;
    let subject = || Subject::Bundle(digest("bundle"));
    let activated = B::Activated { effective: digest("effective"), replaced: Some(digest("old bundle")), uploaded_by: bob(), reason: digest("reason") };
    vec![
        (subject(), B::Uploaded { digest: digest("bundle"), files: 3, size: 4096, reason: Some(digest("reason")) }.into()),
        (subject(), activated.into()),
        (subject(), B::Withdrawn { was_active: true, reason: digest("reason") }.into()),
        (subject(), B::Shipped { digest: digest("bundle") }.into()),
    ]
}

fn exception_events() -> Vec<(Subject, Event)> {
    use crate::exception::{Event as E, Origin};
    let about = |number: usize| Subject::Exception(ExceptionId::parse(&format!("x{number:0>32}")).unwrap());
    let requested = |origin, promotion, review_due| E::Requested {
        rule: "monitor.linked".to_owned(),
        scope: crate::policy::Scope::Version,
        version: version(),
        origin,
        reason: digest("reason"),
        expires_at: time(),
        promotion,
        review_due,
    };
    vec![
        (about(1), requested(Origin::Asked, None, None).into()),
        (about(2), requested(Origin::Emergency, Some(promotion_id(1)), Some(time())).into()),
        (about(3), E::Granted { role: None }.into()),
        (about(1), E::Refused { role: label("security"), reason: digest("reason") }.into()),
        (about(2), E::Revoked { reason: digest("reason") }.into()),
    ]
}

fn governed_events() -> Vec<(Subject, Event)> {
    use crate::model::Event as E;
    let events = [
        E::TierProposed { from: RiskTier::High, to: RiskTier::Limited, reason: Some(digest("reason")) },
        E::TierProposed { from: RiskTier::Unclassified, to: RiskTier::Minimal, reason: None },
        E::TierRejected { to: RiskTier::Minimal, reason: digest("reason") },
        E::TierWithdrawn { to: RiskTier::Minimal, reason: digest("reason") },
        E::RiskTierChanged { from: RiskTier::High, to: RiskTier::Limited, reason: digest("reason"), proposed_by: Some(bob()) },
        E::PolicyModeChanged { mode: Some(PolicyMode::Warn), reason: digest("reason") },
        E::PolicyModeChanged { mode: None, reason: digest("reason") },
    ];
    events.into_iter().map(|event| (Subject::Model(model_id(1)), event.into())).collect()
}

fn later_events() -> Vec<(Subject, Event)> {
    use crate::version::{Event as V, Origin};
    let suppressed = crate::registry::Event::RefusalsSuppressed { count: 17, from: time(), to: time() };
    let origin = Origin {
        source: "s3://bucket/loans/model?version=3#x".to_owned(),
        run_id: "0a1b2c".to_owned(),
        run_link: "https://tracking.example/runs/0a1b2c".to_owned(),
        download_uri: Some("s3://bucket/original".to_owned()),
    };
    let registered = V::Registered {
        name: ModelName::parse("loans").unwrap(),
        number: numbered(4),
        semver: "1.5.0".to_owned(),
        content_digest: digest("no content"),
        facts_digest: digest("facts"),
        version_digest: digest("version"),
        files: 0,
        size: 0,
        description: String::new(),
        origin: Some(Box::new(origin)),
    };
    let attached = V::Attached {
        content_digest: digest("content"),
        facts_digest: digest("more facts"),
        version_digest: digest("another version"),
        files: 2,
        size: 5_000_000_000,
    };
    let long = crate::tag::Event::Set { key: TagKey::parse("prompt").unwrap(), value: None, value_digest: Some(digest("a long value")) };
    let mut later: Vec<(Subject, Event)> =
        vec![(Subject::Actor(bob()), suppressed.into()), (version(), registered.into()), (version(), attached.into()), (version(), long.into())];
    later.extend(written_events());
    later.extend(exception_events());
    later.extend(governed_events());
    later.extend(supply_events());
    later.extend(bundle_events());
    later
}

/// Passwords, and what a login gives.
fn login_events() -> Vec<(Subject, Event)> {
    use crate::actor::Event as E;
    let token = Subject::Token(TokenId::parse(&format!("t{:0>32}", 2)).unwrap());
    let issued = E::TokenIssued(Box::new(crate::actor::token::Issued { purpose: crate::actor::password::Purpose::Login, ..issued(None) }));
    let actor = || Subject::Actor(bob());
    let issuer = || "https://idp.example/realms/ml".to_owned();
    let (group, roles) = ("ml-credit".to_owned(), vec![crate::access::Grant::parse("contributor@team:credit").unwrap()]);
    vec![
        (actor(), E::PasswordSet {}.into()),
        (actor(), E::PasswordReset { until: time() }.into()),
        (token, issued.into()),
        (actor(), E::LoginBound { issuer: issuer(), subject: digest("subject") }.into()),
        (actor(), E::LoginUnbound { issuer: issuer() }.into()),
        (actor(), E::GroupsChanged { groups: vec![group.clone()], roles: roles.clone() }.into()),
        (Subject::Registry, crate::group::Event::Mapped { group: group.clone(), roles }.into()),
        (Subject::Registry, crate::group::Event::Unmapped { group }.into()),
    ]
}

/// Teams, transfers, roles that two persons give, erasure, the access log.
fn team_events() -> Vec<(Subject, Event)> {
    use crate::grant::Event as G;
    use crate::model::Event as M;
    use crate::team::Event as T;
    let team = || Subject::Team(label("credit"));
    let model = || Subject::Model(model_id(1));
    let grants = || vec![crate::access::Grant::parse("approver:security@team:credit").unwrap()];
    let (actor, reason) = (|| Subject::Actor(bob()), digest("reason"));
    vec![
        (team(), T::Created { description: "scores loans".to_owned() }.into()),
        (team(), T::Changed { description: "all of it".to_owned() }.into()),
        (team(), T::MemberAdded { member: bob() }.into()),
        (team(), T::MemberRemoved { member: bob() }.into()),
        (team(), T::Dissolved { reason }.into()),
        (model(), M::TransferProposed { from: None, to: label("credit"), reason }.into()),
        (model(), M::Transferred { from: Some(label("risk")), to: label("credit"), proposed_by: bob() }.into()),
        (model(), M::TransferRejected { to: label("credit"), reason }.into()),
        (model(), M::TransferWithdrawn { to: label("credit"), reason }.into()),
        (actor(), G::Proposed { grants: grants() }.into()),
        (actor(), G::Confirmed { grants: grants(), proposed_by: alice() }.into()),
        (actor(), G::Rejected { grants: grants(), reason }.into()),
        (actor(), G::Withdrawn { grants: grants(), reason }.into()),
        (actor(), crate::erasure::Event::Erased { digests: vec![digest("comment"), digest("reason")] }.into()),
        (
            Subject::Registry,
            crate::access_log::Event::Anchored { day: crate::access_log::Day::parse("2026-05-02").unwrap(), count: 3, digest: digest("rows") }.into(),
        ),
    ]
}

/// A key of the registry was rotated.
fn key_events() -> Vec<(Subject, Event)> {
    use crate::registry::{Event as R, KeyPurpose};
    let rotated = R::KeysRotated {
        purpose: KeyPurpose::Checkpoint,
        old: "example.com/log+33d7b496+AeHZzYzlBWWzUhKRuEFW4XbyPYQgjP2uVOFW5ZYpSrLE".to_owned(),
        new: "example.com/log+c3d4e5f6+AQ".to_owned(),
        overlap_until: Some(time()),
    };
    vec![(Subject::Registry, rotated.into())]
}

/// Documents that were read, and templates.
fn written_events() -> Vec<(Subject, Event)> {
    use crate::template::Event as T;
    let template = || Subject::Template(label("model-card"));
    let read = crate::evidence::Event::Added {
        evidence_type: EvidenceType::Review,
        digest: digest("review"),
        grade: Grade::Attested,
        binds_to: Binding::File,
        binds_digest: digest("file"),
        title: "review.md".to_owned(),
        size: 5_000,
        in_payloads: true,
        format: "markdown".to_owned(),
        summary: Some(digest("summary")),
        role: Some(label("security")),
        signed_by: vec!["key".to_owned()],
    };
    let sections = vec!["intended_use".to_owned(), "limitations".to_owned()];
    vec![
        (version(), read.into()),
        (template(), T::Added { version: 2, evidence_type: EvidenceType::ModelCard, text: digest("text"), sections }.into()),
        (template(), T::Approved { version: 2 }.into()),
        (template(), T::Withdrawn { version: 1, reason: digest("reason") }.into()),
    ]
}

fn promotion_events() -> Vec<(Subject, Event)> {
    use crate::promotion::Event as E;
    let failed = || vec!["evaluation.complete".to_owned()];
    let (target, environment, risk_tier) = (State::Production, label("production"), RiskTier::High);
    let condition = Condition { text: "test again".to_owned(), owner: "risk".to_owned(), due: time(), effect: Effect::Block };
    let opened = E::Opened {
        version: version(),
        target,
        environment: environment.clone(),
        evidence_set: digest("set"),
        risk_tier,
        verdict: digest("verdict"),
        failed: failed(),
        comment: Some(digest("comment")),
    };
    let approval = E::ApprovalRecorded {
        role: label("security"),
        delegated_by: Some(bob()),
        verdict: ApprovalVerdict::Approve,
        version_digest: digest("version"),
        target,
        environment: environment.clone(),
        risk_tier,
        evidence_set: digest("set"),
        comment: Some(digest("comment")),
        ticket: Some("RISK-7".to_owned()),
        conditions: vec![condition],
        envelope: digest("envelope"),
        signed_with: None,
        expires_at: time(),
    };
    let decision = E::DecisionRecorded {
        id: "d1".to_owned(),
        decision: DecisionKind::Approved,
        envelope: digest("envelope"),
        promotion: Some(promotion_id(1)),
        target,
        environment,
        expires_at: Some(time()),
    };
    vec![
        (promotion(), opened.into()),
        (promotion(), E::Refreshed { evidence_set: digest("set"), risk_tier, verdict: digest("verdict"), failed: failed(), lapsed: true }.into()),
        (promotion(), approval.into()),
        (promotion(), E::ApprovalWithdrawn { role: label("security"), given_by: None, reason: digest("reason") }.into()),
        (version(), decision.into()),
        (promotion(), E::Executed { verdict: digest("verdict") }.into()),
        (promotion(), E::Rejected { role: label("security") }.into()),
        (promotion(), E::Cancelled { reason: Some(digest("reason")) }.into()),
    ]
}

/// What approvers do beside their verdicts.
fn approver_events() -> Vec<(Subject, Event)> {
    use crate::delegation::Event as D;
    use crate::promotion::Event as E;
    let met = E::ConditionMet { number: 2, role: label("security"), delegated_by: Some(bob()), note: digest("note") };
    let completed = E::Completed { evidence_set: digest("set"), verdict: digest("verdict"), failed: vec!["promoter.pipeline".to_owned()] };
    let given = D::Given { role: label("security"), to: bob(), until: time(), reason: digest("reason") };
    let withdrawn = E::ApprovalWithdrawn { role: label("security"), given_by: Some(bob()), reason: digest("reason") };
    vec![
        (promotion(), met.into()),
        (promotion(), E::Commented { text: digest("comment") }.into()),
        (promotion(), completed.into()),
        (Subject::Actor(alice()), given.into()),
        (Subject::Actor(alice()), D::Ended { role: label("security"), to: bob() }.into()),
        (promotion(), withdrawn.into()),
    ]
}

/// One entry of every kind; the first also carries a receipt.
fn canonical() -> Vec<Entry> {
    let events = [
        actor_events(),
        model_events(),
        version_events(),
        small_events(),
        promotion_events(),
        later_events(),
        approver_events(),
        calendar_events(),
        team_events(),
        login_events(),
        access_policy_events(),
        token_events(),
        key_events(),
    ]
    .concat();
    let request = |index| (index == 0).then(|| Request { key: digest("key"), body: digest("body"), entries: 1 });
    (0..)
        .zip(events)
        .map(|(index, (subject, event))| Entry {
            index,
            at: time(),
            actor: alice(),
            door: Door::Api,
            subject,
            event,
            request: request(index),
            run: None,
            through: Vec::new(),
        })
        .map(|entry| {
            // As a pipeline run does it.
            let executed = matches!(entry.event, Event::Promotion(crate::promotion::Event::Executed { .. }));
            Entry { run: executed.then(|| TokenId::parse(&format!("t{:0>32}", 3)).unwrap()), ..entry }
        })
        .collect()
}

fn access_policy_events() -> Vec<(Subject, Event)> {
    use crate::access_policy::Event as E;
    let installed = E::Installed { digest: digest("policies"), policies: 3, reason: Some(digest("reason")) };
    let activated = E::Activated { replaced: Some(digest("before")), installed_by: bob(), models: vec![model_id(1)], reason: digest("reason") };
    let withdrawn = E::Withdrawn { was_active: true, reason: digest("reason") };
    [installed, activated, withdrawn].map(|event| (Subject::AccessPolicy(digest("policies")), event.into())).to_vec()
}

fn supply_events() -> Vec<(Subject, Event)> {
    use crate::actor::Event as Actor;
    use crate::attestation::{Event as Attestation, RevocationReason};
    use crate::signing::foreign::Algorithm;
    let spki = "MCowBQYDK2VwAyEAYY+zZH0lHzWaY5AObElRbHMLcvTqvudH5GF0NsFMxdM=".to_owned();
    let added = Actor::KeyAdded { key_id: digest("key"), algorithm: Algorithm::Ed25519, spki };
    let removed = Actor::KeyRemoved { key_id: digest("key") };
    let issued = Attestation::Issued {
        digest: digest("attestation"),
        version_digest: digest("version"),
        target: State::Production,
        environment: label("production"),
        expires_at: time(),
    };
    let revoked = Attestation::Revoked { digest: digest("attestation"), reason: RevocationReason::Vulnerable, comment: Some(digest("comment")) };
    vec![(Subject::Actor(bob()), added.into()), (Subject::Actor(bob()), removed.into()), (version(), issued.into()), (version(), revoked.into())]
}

fn kind(bytes: &[u8]) -> String {
    serde_json::from_slice::<Value>(bytes).unwrap()["kind"].as_str().unwrap().to_owned()
}

/// Every kind of event in the sources: the words after `#[serde(rename = "…")]` in front of a variant.
fn kinds_in_the_sources() -> std::collections::BTreeSet<String> {
    let sources = [
        include_str!("../access_log.rs"),
        include_str!("../access_policy.rs"),
        include_str!("../actor.rs"),
        include_str!("../alias.rs"),
        include_str!("../attestation.rs"),
        include_str!("../bundle.rs"),
        include_str!("../delegation.rs"),
        include_str!("../erasure.rs"),
        include_str!("../evidence.rs"),
        include_str!("../exception.rs"),
        include_str!("../grant.rs"),
        include_str!("../model.rs"),
        include_str!("../promotion/event.rs"),
        include_str!("../registry.rs"),
        include_str!("../calendar.rs"),
        include_str!("../finding.rs"),
        include_str!("../group.rs"),
        include_str!("../risk.rs"),
        include_str!("../tag.rs"),
        include_str!("../team.rs"),
        include_str!("../template.rs"),
        include_str!("../version.rs"),
    ];
    let renames = sources.iter().flat_map(|source| source.split("#[serde(rename = \"").skip(1)).filter_map(|rest| rest.split('"').next());
    renames.filter(|word| word.contains('.') || *word == "refused").map(ToOwned::to_owned).collect()
}

#[test]
fn every_kind_of_event_has_a_golden_entry_that_is_read_and_written_unchanged() {
    let entries = canonical();
    let kinds: std::collections::BTreeSet<String> = entries.iter().map(|entry| kind(&entry.to_bytes().unwrap())).collect();
    assert_eq!(kinds, kinds_in_the_sources(), "a kind of event without an entry here");
    let count = entries.len();
    let mut seen = std::collections::BTreeMap::<String, usize>::new();
    for entry in entries {
        let bytes = entry.to_bytes().unwrap();
        let kind = kind(&bytes);
        let times = seen.entry(kind.clone()).or_default();
        *times += 1;
        // A kind that got more members has one file for each form.
        let name = if *times == 1 { kind } else { format!("{kind}-{times}") };
        let path = folder().join(format!("{name}.json"));
        if std::env::var_os("UPDATE_GOLDEN").is_some() && !path.exists() {
            std::fs::create_dir_all(folder()).unwrap();
            std::fs::write(&path, &bytes).unwrap();
        }
        let golden = std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}; UPDATE_GOLDEN=1 writes it", path.display()));
        let parsed = Entry::from_bytes(&golden).unwrap();
        assert_eq!(parsed, entry, "{}", path.display());
        assert_eq!(String::from_utf8(parsed.to_bytes().unwrap()).unwrap(), String::from_utf8(golden).unwrap());
    }
    let files = std::fs::read_dir(folder()).unwrap().count();
    assert_eq!(files, count, "a golden file of a kind that is gone: old entries must be readable for ever");
}

#[test]
fn foreign_bytes_are_not_an_entry() {
    let entry = &canonical()[0];
    let text = String::from_utf8(entry.to_bytes().unwrap()).unwrap();
    let cases = [
        (text.replace("\"v\":1", "\"v\":2"), "format 2"),
        (text.replace("\"v\":1", "\"v\":1,\"x\":1"), "unknown field"),
        (text.replace("actor.created", "actor.invented"), "unknown variant"),
        (text.replace("\"kind\":\"person\"", "\"kind\":\"person\",\"x\":1"), "unknown field"),
        (text.replace("\"door\":\"api\"", "\"door\":\"window\""), "door"),
        (text.replace(",\"subject\":\"actor/", ",\"subject\":\"thing/"), "subject"),
        (text.replace("\"subject\":\"actor/u", "\"subject\":\"model/m"), "subject"),
        ("{}".to_owned(), "missing field"),
        ("[".to_owned(), "EOF"),
    ];
    for (bytes, says) in cases {
        let error = Entry::from_bytes(bytes.as_bytes()).unwrap_err();
        assert!(error.contains(says), "{error} does not say {says}: {bytes}");
    }
}

#[test]
fn canonical_json_follows_rfc_8785() {
    // Numbers of RFC 8785 appendix B, strings and member order of sections 3.2.2.2 and 3.2.3.
    let numbers = [
        (0.0, "0"),
        (-0.0, "0"),
        (1e21, "1e+21"),
        (1e20, "100000000000000000000"),
        (9_007_199_254_740_992.0, "9007199254740992"),
        (295_147_905_179_352_830_000.0, "295147905179352830000"),
        (1e-6, "0.000001"),
        (1e-7, "1e-7"),
        (5e-324, "5e-324"),
        (f64::MAX, "1.7976931348623157e+308"),
        (333_333_333.333_333_3, "333333333.3333333"),
        (4.5, "4.5"),
        (0.002, "0.002"),
    ];
    let canonical = |value: &Value| String::from_utf8(serde_json_canonicalizer::to_vec(value).unwrap()).unwrap();
    for (number, text) in numbers {
        assert_eq!(canonical(&serde_json::json!(number)), text);
    }
    let strings = serde_json::json!("\u{20ac}$\u{f}\nA'B\"\\\"/\u{7f}");
    assert_eq!(canonical(&strings), "\"\u{20ac}$\\u000f\\nA'B\\\"\\\\\\\"/\u{7f}\"");
    let members: Value = serde_json::from_str(r#"{"\u20ac":1,"\r":2,"\ufb33":3,"1":4,"\ud83d\ude00":5,"\u0080":6,"\u00f6":7}"#).unwrap();
    assert_eq!(
        canonical(&members),
        "{\"\\r\":2,\"1\":4,\"\u{80}\":6,\"\u{f6}\":7,\"\u{20ac}\":1,\"\u{1f600}\":5,\"\u{fb33}\":3}",
        "order of UTF-16 code units"
    );
}

#[test]
fn an_entry_has_a_largest_size() {
    let mut entry = canonical().remove(0);
    entry.event = crate::version::Event::Described { description: "x".repeat(MAX_ENTRY_BYTES) }.into();
    let refusal = entry.to_bytes().unwrap_err();
    assert_eq!(refusal.code, Code::TooLarge);
    check_style(&refusal);
}

#[test]
fn subjects_are_written_as_they_are_read() {
    for (subject, _) in canonical().into_iter().map(|entry| (entry.subject, ())) {
        assert_eq!(Subject::try_from(subject.to_string()).unwrap(), subject);
    }
    for bad in ["", "registry/x", "model", "model/x", "model/m1/0", "version/1", "model/m/1/2"] {
        check_style(&Subject::try_from(bad.to_owned()).unwrap_err());
    }
}
