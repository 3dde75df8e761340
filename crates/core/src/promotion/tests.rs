//! Commands on promotions: opening, review, decision, execution, rollback.

use super::*;
use crate::approval::Effect;
use crate::names::RiskTier;
use crate::tables::{AliasRow, ApprovalRow, CommentRow, ConditionRow, ExceptionRow, ModelRow, SettingRow, VersionRow};
use crate::testing::*;

struct Scene {
    world: World,
    model: ModelId,
    number: VersionNumber,
    id: PromotionId,
}

/// A draft with an open promotion to production.
fn scene() -> Scene {
    let mut world = World::new();
    let model = world.model("loans");
    let number = world.version(&model);
    let id = world.open(&model, number, State::Production);
    Scene { world, model, number, id }
}

fn execute(id: &PromotionId, gate: GateRecord, replaced: Vec<VersionNumber>) -> Command {
    Command::Execute { promotion: id.clone(), gate, decision: signed(DecisionKind::Executed, 77), replaced, attestation: None }
}

fn refresh(id: &PromotionId, set: &[u8]) -> Command {
    Command::Refresh { promotion: id.clone(), evidence_set: Digest::of(set), gate: passing() }
}

fn withdraw(id: &PromotionId, role: &str) -> Command {
    Command::Withdraw { promotion: id.clone(), role: label(role), given_by: None, reason: reason() }
}

fn cancel(id: &PromotionId) -> Command {
    Command::Cancel { promotion: id.clone(), reason: reason() }
}

fn decide_it(id: &PromotionId) -> Command {
    Command::Decide { promotion: id.clone(), decision: signed(DecisionKind::Approved, 1) }
}

fn approve(id: &PromotionId, role: &str) -> Command {
    give_review(id, role, ApprovalVerdict::Approve)
}

/// The approval with one part changed.
fn changed(id: &PromotionId, role: &str, change: impl Fn(&mut Review)) -> Command {
    let mut review = review_of(id, role, ApprovalVerdict::Approve);
    change(&mut review);
    Command::Review(Box::new(review))
}

fn condition() -> Condition {
    Condition { text: "test again".to_owned(), owner: "risk".to_owned(), due: Timestamp::from_micros(0), effect: Effect::Finding }
}

fn promotion(scene: &mut Scene) -> PromotionRow {
    scene.world.row::<PromotionRow>(&[&scene.id]).unwrap()
}

fn state(world: &mut World, model: &ModelId, number: VersionNumber) -> State {
    world.row::<VersionRow>(&[model, &number]).unwrap().state
}

#[test]
fn from_draft_to_production_step_by_step() {
    let mut scene = scene();
    scene.world.ok(&bob(), approve(&scene.id, "security"));
    scene.world.ok(&bob(), decide_it(&scene.id));
    let approving = signed(DecisionKind::Approved, 1).envelope.digest;
    assert_eq!(promotion(&mut scene).decision, Some(approving));
    let entries = scene.world.ok(&carol(), execute(&scene.id, passing(), vec![]));
    let mut kinds = Vec::new();
    for entry in &entries {
        if let crate::Event::Version(version::Event::Transitioned { to, .. }) = &entry.event {
            kinds.push(to.as_str());
        } else if let crate::Event::Promotion(Event::DecisionRecorded { decision, .. }) = &entry.event {
            kinds.push(decision.as_str());
        } else {
            assert!(matches!(&entry.event, crate::Event::Promotion(Event::Executed { .. })), "unexpected {entry:?}");
            kinds.push("executed");
        }
    }
    assert_eq!(kinds, ["candidate", "approved", "production", "EXECUTED", "executed"]);
    let row = promotion(&mut scene);
    assert_eq!((row.status, row.decision), (Status::Executed, Some(approving)), "the record of the execution does not replace the decision that approved it");
    assert_eq!(scene.world.row::<OpenPromotionRow>(&[&scene.model, &scene.number, &State::Production]), None);
    assert_eq!(scene.world.row::<VersionRow>(&[&scene.model, &scene.number]).unwrap().production_index, Some(entries[2].index));
}

#[test]
fn every_refusal() {
    let mut scene = scene();
    let id = scene.id.clone();
    let (model, number) = (scene.model.clone(), scene.number);
    let draft = scene.world.version(&model);
    let closed = scene.world.open(&model, draft, State::Candidate);
    scene.world.ok(&alice(), cancel(&closed));
    scene.world.ok(&bob(), approve(&id, "security"));
    scene.world.ok(&bob(), decide_it(&id));
    let (unknown, none) = (promotion_id(999), numbered(99));
    let long_condition = Condition { text: "x".repeat(1001), ..condition() };
    let long_owner = Condition { owner: "x".repeat(201), ..condition() };
    let cases: Vec<(&str, ActorId, Command, Code, Option<&str>)> = vec![
        ("opening for no version", alice(), open_promotion(&unknown, &model, none, State::Production), Code::NotFound, None),
        ("an id twice", alice(), open_promotion(&id, &model, draft, State::Production), Code::AlreadyExists, Some("promotion")),
        ("a second open one", alice(), open_promotion(&unknown, &model, number, State::Production), Code::AlreadyExists, None),
        ("refresh of nothing", alice(), refresh(&unknown, b"x"), Code::NotFound, None),
        ("refresh of a closed one", alice(), refresh(&closed, b"x"), Code::TransitionRefused, Some("promotion")),
        ("review of nothing", bob(), approve(&unknown, "security"), Code::NotFound, None),
        ("review of a closed one", bob(), approve(&closed, "security"), Code::TransitionRefused, Some("promotion")),
        ("approval by an author", alice(), approve(&id, "security"), Code::SeparationOfDuties, None),
        (
            "approval in a second role",
            bob(),
            changed(&id, "product", |review| review.other_roles.push(label("security"))),
            Code::SeparationOfDuties,
            Some("role"),
        ),
        ("the same verdict twice", bob(), approve(&id, "security"), Code::AlreadyExists, Some("role")),
        (
            "a stale evidence set",
            carol(),
            changed(&id, "product", |review| review.evidence_set = Digest::of(b"old")),
            Code::PreconditionFailed,
            Some("evidence_set"),
        ),
        ("many conditions", carol(), changed(&id, "product", |review| review.conditions = vec![condition(); 21]), Code::TooLarge, Some("conditions")),
        (
            "a long condition",
            carol(),
            changed(&id, "product", |review| review.conditions.push(long_condition.clone())),
            Code::TooLarge,
            Some("conditions.text"),
        ),
        ("a long owner", carol(), changed(&id, "product", |review| review.conditions.push(long_owner.clone())), Code::TooLarge, Some("conditions.owner")),
        ("a long ticket", carol(), changed(&id, "product", |review| review.ticket = Some("x".repeat(201))), Code::TooLarge, Some("ticket")),
        ("a second decision", bob(), decide_it(&id), Code::AlreadyExists, None),
        ("a decision about nothing", bob(), decide_it(&unknown), Code::NotFound, None),
        ("a decision about a closed one", bob(), decide_it(&closed), Code::TransitionRefused, Some("promotion")),
        ("withdrawal from nothing", bob(), withdraw(&unknown, "security"), Code::NotFound, None),
        ("withdrawal from a closed one", bob(), withdraw(&closed, "security"), Code::TransitionRefused, Some("promotion")),
        ("withdrawal of another's approval", carol(), withdraw(&id, "security"), Code::NotFound, None),
        ("withdrawal in another role", bob(), withdraw(&id, "product"), Code::NotFound, None),
        ("cancelling nothing", alice(), cancel(&unknown), Code::NotFound, None),
        ("cancelling a closed one", alice(), cancel(&closed), Code::TransitionRefused, Some("promotion")),
        ("executing nothing", carol(), execute(&unknown, passing(), vec![]), Code::NotFound, None),
        ("executing a closed one", carol(), execute(&closed, passing(), vec![]), Code::TransitionRefused, Some("promotion")),
        ("executing against a gate", carol(), execute(&id, failing(false, true), vec![]), Code::GateFailed, None),
        ("executing against a rule for ever", carol(), execute(&id, failing(true, true), vec![]), Code::NonWaivable, None),
        ("replacing nothing", carol(), execute(&id, passing(), vec![none]), Code::NotFound, None),
        ("replacing a draft", carol(), execute(&id, passing(), vec![draft]), Code::PreconditionFailed, Some("replaced")),
        ("replacing itself", carol(), execute(&id, passing(), vec![number]), Code::PreconditionFailed, Some("replaced")),
        ("rolling back to nothing", carol(), roll_back(&model, none, vec![]), Code::NotFound, None),
        ("rolling back to a draft", carol(), roll_back(&model, draft, vec![]), Code::TransitionRefused, Some("to")),
    ];
    for (what, actor, command, code, field) in cases {
        let refusal = scene.world.refused(&actor, command);
        assert_eq!((refusal.code, refusal.field.as_deref()), (code, field), "{what}: {refusal}");
    }
    assert_eq!(scene.world.refused(&carol(), execute(&id, failing(true, true), vec![])).findings.len(), 1, "the findings go with the refusal");
}

#[test]
fn a_promotion_ends_when_its_version_goes_where_it_does_not_lead_on() {
    for state in [State::Deprecated, State::Retired] {
        let mut scene = scene();
        let made = scene.world.ok(&alice(), transition_to(&scene, state));
        let ended = made.last().map(|entry| (entry.subject.clone(), entry.event.clone()));
        let reason = Some(reason().digest);
        assert_eq!(ended, Some((Subject::Promotion(scene.id.clone()), Event::Cancelled { reason }.into())));
        assert_eq!(promotion(&mut scene).status, Status::Cancelled);
        assert_eq!(scene.world.row::<OpenPromotionRow>(&[&scene.model, &scene.number, &State::Production]), None);
        let refusal = scene.world.refused(&carol(), execute(&scene.id, passing(), vec![]));
        assert_eq!((refusal.code, refusal.field.as_deref()), (Code::TransitionRefused, Some("promotion")));
    }
}

fn transition_to(scene: &Scene, to: State) -> version::Command {
    move_version(&scene.model, scene.number, to)
}

#[test]
fn a_rejection_ends_the_promotion_and_an_author_may_reject() {
    let mut scene = scene();
    let decision = Some(signed(DecisionKind::Rejected, 3));
    let command = Command::Review(Box::new(Review { decision, ..review_of(&scene.id, "security", ApprovalVerdict::Reject) }));
    assert_eq!(scene.world.ok(&alice(), command).len(), 3);
    let row = promotion(&mut scene);
    assert_eq!((row.status, row.decision), (Status::Rejected, None), "a rejection is no decision that approves");
    assert_eq!(scene.world.all::<DecisionRow>().len(), 1);
    assert_eq!(scene.world.refused(&bob(), approve(&scene.id, "security")).code, Code::TransitionRefused);
    scene.world.open(&scene.model.clone(), scene.number, State::Production);
}

#[test]
fn a_withdrawn_approval_takes_the_decision_with_it_and_can_be_given_again() {
    let mut scene = scene();
    let key = |scene: &Scene| (scene.id.clone(), label("security"), bob());
    scene.world.ok(&bob(), approve(&scene.id, "security"));
    scene.world.ok(&bob(), decide_it(&scene.id));
    scene.world.ok(&bob(), withdraw(&scene.id, "security"));
    let (id, role, actor) = key(&scene);
    assert!(scene.world.row::<ApprovalRow>(&[&id, &role, &actor]).unwrap().withdrawn);
    assert_eq!(promotion(&mut scene).decision, None);
    assert_eq!(scene.world.refused(&bob(), withdraw(&scene.id, "security")).code, Code::NotFound);
    scene.world.ok(&bob(), approve(&scene.id, "security"));
    assert!(!scene.world.row::<ApprovalRow>(&[&id, &role, &actor]).unwrap().withdrawn);
}

#[test]
fn a_refresh_lapses_when_the_set_or_the_tier_changed_and_only_then() {
    for (set, tier, lapses) in [(&b"evidence"[..], None, false), (b"more", None, true), (b"evidence", Some(RiskTier::High), true)] {
        let mut scene = scene();
        scene.world.ok(&bob(), approve(&scene.id, "security"));
        scene.world.ok(&bob(), decide_it(&scene.id));
        if let Some(risk_tier) = tier {
            scene.world.ok(&alice(), model::Command::SetRiskTier { id: scene.model.clone(), risk_tier, reason: reason() });
        }
        let entries = scene.world.ok(&alice(), refresh(&scene.id, set));
        assert!(matches!(&entries[0].event, crate::Event::Promotion(Event::Refreshed { lapsed, .. }) if *lapsed == lapses));
        let row = promotion(&mut scene);
        assert_eq!((row.decision.is_none(), row.evidence_set), (lapses, Digest::of(set)));
    }
}

#[test]
fn what_is_replaced_is_deprecated_once_and_names_its_successor() {
    let mut world = World::new();
    let model = world.model("loans");
    let (old, new) = (world.version_in(&model, State::Production), world.version(&model));
    let id = world.open(&model, new, State::Production);
    world.ok(&carol(), execute(&id, passing(), vec![old, old]));
    let row = world.row::<VersionRow>(&[&model, &old]).unwrap();
    assert_eq!((row.state, row.successor), (State::Deprecated, Some(new.get())));
    let deprecations =
        world.entries.iter().filter(|entry| matches!(&entry.event, crate::Event::Version(version::Event::Transitioned { to: State::Deprecated, .. })));
    assert_eq!(deprecations.count(), 1);
}

#[test]
fn a_new_candidate_may_replace_what_is_on_its_way() {
    let mut world = World::new();
    let model = world.model("loans");
    let (candidate, approved, released) =
        (world.version_in(&model, State::Candidate), world.version_in(&model, State::Approved), world.version_in(&model, State::Production));
    let new = world.version(&model);
    let id = world.open(&model, new, State::Candidate);
    assert_eq!(world.refused(&carol(), execute(&id, passing(), vec![released])).code, Code::PreconditionFailed);
    world.ok(&carol(), execute(&id, passing(), vec![candidate, approved]));
    for (number, expected) in [(candidate, State::Deprecated), (approved, State::Deprecated), (released, State::Production), (new, State::Candidate)] {
        assert_eq!(state(&mut world, &model, number), expected, "{number}");
    }
}

#[test]
fn a_rollback_changes_places_moves_aliases_and_grants_what_is_missing() {
    let mut world = World::new();
    let model = world.model("loans");
    let (old, new) = (world.version_in(&model, State::Production), world.version(&model));
    let id = world.open(&model, new, State::Production);
    world.ok(&carol(), execute(&id, passing(), vec![old]));
    world.ok(&carol(), set_alias(&model, "champion", new));
    let Command::Rollback { reason, gate, exceptions_end, decision, .. } = roll_back(&model, old, vec![]) else { panic!("a rollback") };
    let champion = AliasName::parse("champion").unwrap();
    let exceptions = vec![(ExceptionId::parse(&format!("x{:0>32}", 1)).unwrap(), "monitor.linked".to_owned())];
    let command = |gate| Command::Rollback {
        model: model.clone(),
        to: old,
        replaced: vec![new],
        reason: reason.clone(),
        gate,
        exceptions: exceptions.clone(),
        exceptions_end,
        aliases: vec![champion.clone()],
        decision: decision.clone(),
    };
    assert_eq!(world.refused(&carol(), command(failing(true, true))).code, Code::NonWaivable);
    world.ok(&carol(), command(gate));
    assert_eq!((state(&mut world, &model, old), state(&mut world, &model, new)), (State::Production, State::Deprecated));
    assert_eq!(world.row::<AliasRow>(&[&model, &champion]).unwrap().number, old);
    let exception = &world.all::<ExceptionRow>()[0];
    assert_eq!((exception.rule.as_str(), exception.expires_at, exception.granted_by.clone()), ("monitor.linked", exceptions_end, Some(carol())));
    assert!(world.all::<DecisionRow>().iter().any(|row| row.number == old && row.promotion_id.is_none()));
}

#[test]
fn open_promotions_to_two_targets_are_two() {
    let mut scene = scene();
    let model = scene.model.clone();
    let other = scene.world.open(&model, scene.number, State::Candidate);
    scene.world.ok(&carol(), execute(&other, passing(), vec![]));
    assert_eq!(promotion(&mut scene).status, Status::Open);
    scene.world.ok(&carol(), execute(&scene.id, passing(), vec![]));
    assert_eq!(state(&mut scene.world, &model, scene.number), State::Production);
}

#[test]
fn a_verdict_that_no_longer_counts_is_given_anew() {
    let mut scene = scene();
    let id = scene.id.clone();
    // Time moves a second with every command: the end is over when the third runs.
    let end = scene.world.now().plus_seconds(3);
    let ends = |salt| Command::Decide { promotion: id.clone(), decision: SignedDecision { expires_at: Some(end), ..signed(DecisionKind::Approved, salt) } };
    scene.world.ok(&bob(), changed(&id, "security", |review| review.expires_at = end));
    scene.world.ok(&bob(), ends(1));
    scene.world.ok(&bob(), approve(&id, "security"));
    scene.world.ok(&bob(), ends(2));
    assert_eq!(promotion(&mut scene).decision, Some(signed(DecisionKind::Approved, 2).envelope.digest), "an expired decision is signed anew");
    assert_eq!(scene.world.refused(&bob(), approve(&id, "security")).code, Code::AlreadyExists);

    scene.world.ok(&alice(), model::Command::SetRiskTier { id: scene.model.clone(), risk_tier: RiskTier::High, reason: reason() });
    scene.world.ok(&alice(), refresh(&id, b"evidence"));
    scene.world.ok(&bob(), approve(&id, "security"));
}

/// APR-3: an approval that lapsed with its tier stays lapsed when the same word is set again, refreshed or not.
#[test]
fn a_tier_that_went_away_and_came_back_revives_no_approval() {
    let Scene { mut world, model, number: _, id } = scene();
    world.ok(&bob(), approve(&id, "security"));
    let tier = |risk_tier| model::Command::SetRiskTier { id: model.clone(), risk_tier, reason: reason() };
    world.ok(&alice(), tier(RiskTier::Limited));
    world.ok(&alice(), tier(RiskTier::Minimal));
    world.ok(&system(), create_actor(&bob(), crate::actor::ActorKind::Person, "bob", &["approver:ai-governance"]));
    world.ok(&bob(), model::Command::ConfirmTier { id: model.clone(), risk_tier: RiskTier::Minimal, reason: reason() });
    let row = world.row::<ModelRow>(&[&model]).unwrap();
    let approval = |world: &mut World| world.row::<ApprovalRow>(&[&id, &label("security"), &bob()]).unwrap();
    assert_eq!((row.risk_tier, approval(&mut world).risk_tier), (RiskTier::Minimal, RiskTier::Minimal));
    assert_ne!(approval(&mut world).tier_index, row.tier_index);
    let refreshed = world.ok(&alice(), Command::Refresh { promotion: id.clone(), evidence_set: evidence_set(), gate: passing() });
    assert!(matches!(&refreshed[0].event, crate::Event::Promotion(Event::Refreshed { lapsed: true, .. })));
    assert_ne!(approval(&mut world).tier_index, row.tier_index, "nor does the refresh");
    world.ok(&bob(), approve(&id, "security"));
    assert_eq!(approval(&mut world).tier_index, row.tier_index, "he gives it anew");
}

/// A command that says that a condition is met, as somebody in this role.
fn meet(id: &PromotionId, number: u64, role: &str, authors: Vec<ActorId>) -> Command {
    Command::MeetCondition { promotion: id.clone(), number, role: label(role), delegated_by: None, note: reason(), authors: authors.into() }
}

fn with_conditions(id: &PromotionId, role: &str, count: usize) -> Command {
    changed(id, role, |review| review.conditions = vec![condition(); count])
}

fn binding(scene: &mut Scene) -> Vec<bool> {
    let mut rows = scene.world.all::<ConditionRow>();
    rows.sort_by_key(|row| row.condition_number);
    rows.into_iter().map(|row| row.binding_index.is_some()).collect()
}

/// APR-6: a condition binds when the version moved under the approval that carries it.
#[test]
fn conditions_of_approvals_that_count_bind_at_the_execution() {
    let mut scene = scene();
    let id = scene.id.clone();
    scene.world.ok(&bob(), with_conditions(&id, "security", 2));
    // Given again: only the conditions of the last word bind.
    scene.world.ok(&bob(), withdraw(&id, "security"));
    scene.world.ok(&bob(), with_conditions(&id, "security", 1));
    scene.world.ok(&carol(), with_conditions(&id, "product", 1));
    assert_eq!((promotion(&mut scene).conditions, binding(&mut scene)), (4, vec![false; 4]));
    scene.world.ok(&carol(), withdraw(&id, "product"));
    scene.world.ok(&carol(), execute(&id, passing(), vec![]));
    assert_eq!(binding(&mut scene), [false, false, true, false], "a withdrawn approval takes its conditions with it");
}

#[test]
fn a_condition_is_met_once_by_its_role_and_never_by_an_author() {
    let mut scene = scene();
    let id = scene.id.clone();
    scene.world.ok(&bob(), with_conditions(&id, "security", 1));
    for (actor, command, code) in [
        (bob(), meet(&id, 2, "security", vec![]), Code::NotFound),
        (bob(), meet(&promotion_id(99), 1, "security", vec![]), Code::NotFound),
        (carol(), meet(&id, 1, "product", vec![]), Code::AccessDenied),
        (bob(), meet(&id, 1, "security", vec![alice(), bob()]), Code::SeparationOfDuties),
    ] {
        assert_eq!(scene.world.refused(&actor, command).code, code);
    }
    // Also after the promotion is closed, which is when conditions are worked off.
    scene.world.ok(&carol(), execute(&id, passing(), vec![]));
    let releases = |scene: &mut Scene| scene.world.row::<SettingRow>(&[&crate::registry::releases(&scene.model)]).unwrap().revision;
    let before = releases(&mut scene);
    scene.world.ok(&carol(), meet(&id, 1, "security", vec![alice()]));
    let row = scene.world.row::<ConditionRow>(&[&id, &1_u64]).unwrap();
    assert_eq!((row.met_by, row.note), (Some(carol()), Some(reason().digest)));
    assert!(releases(&mut scene) > before, "the gates of the model read its conditions, so what they noted moves");
    assert_eq!(scene.world.refused(&bob(), meet(&id, 1, "security", vec![])).code, Code::AlreadyExists);
}

#[test]
fn a_promotion_carries_so_many_conditions_and_comments() {
    let mut scene = scene();
    let id = scene.id.clone();
    let full = PromotionRow { conditions: MAX_CONDITIONS - 1, comments: MAX_COMMENTS, ..promotion(&mut scene) };
    scene.world.rows.put(&full);
    assert_eq!(scene.world.refused(&bob(), with_conditions(&id, "security", 2)).code, Code::TooLarge);
    assert_eq!(scene.world.refused(&bob(), Command::Comment { promotion: id.clone(), text: reason() }).code, Code::TooLarge);
    scene.world.rows.put(&PromotionRow { comments: MAX_COMMENTS - 1, ..full });
    scene.world.ok(&bob(), Command::Comment { promotion: id, text: reason() });
    assert_eq!(promotion(&mut scene).comments, MAX_COMMENTS);
}

#[test]
fn a_comment_is_made_on_an_open_and_on_a_closed_promotion() {
    let mut scene = scene();
    let id = scene.id.clone();
    scene.world.ok(&bob(), Command::Comment { promotion: id.clone(), text: reason() });
    scene.world.ok(&alice(), cancel(&id));
    scene.world.ok(&carol(), Command::Comment { promotion: id.clone(), text: reason() });
    let row = scene.world.row::<CommentRow>(&[&id, &2_u64]).unwrap();
    assert_eq!((row.actor, row.text, promotion(&mut scene).status), (carol(), reason().digest, Status::Cancelled));
    assert_eq!(scene.world.refused(&bob(), Command::Comment { promotion: promotion_id(99), text: reason() }).code, Code::NotFound);
}

/// A gate of which only these rules fail.
fn lacking(rules: &[&str]) -> GateRecord {
    let finding = |rule: &&str| Finding { rule: (*rule).to_owned(), ..failing(false, true).failed.remove(0) };
    GateRecord { failed: rules.iter().map(finding).collect(), blocks: !rules.is_empty(), ..passing() }
}

#[test]
fn completion_is_said_once_for_a_frozen_set_and_undone_by_what_lapses_it() {
    let complete = |id: &PromotionId, gate| Command::Complete { promotion: id.clone(), gate };
    let undoing: [(&str, fn(&mut Scene)); 3] = [
        ("refresh", |scene| drop(scene.world.ok(&alice(), refresh(&scene.id.clone(), b"more")))),
        ("withdrawal", |scene| drop(scene.world.ok(&bob(), withdraw(&scene.id.clone(), "security")))),
        ("new decision", |scene| drop(scene.world.ok(&bob(), Command::Decide { promotion: scene.id.clone(), decision: signed(DecisionKind::Approved, 2) }))),
    ];
    for (what, undo) in undoing {
        let mut scene = scene();
        let id = scene.id.clone();
        scene.world.ok(&bob(), approve(&id, "security"));
        assert_eq!(scene.world.refused(&bob(), complete(&id, lacking(&[PROMOTER_RULE, "metric.threshold"]))).code, Code::GateFailed, "{what}");
        let entries = scene.world.ok(&bob(), complete(&id, lacking(&[PROMOTER_RULE])));
        assert_eq!(promotion(&mut scene).completed, Some(entries[0].index), "{what}");
        assert_eq!(promotion(&mut scene).missing, serde_json::json!([PROMOTER_RULE]));
        assert_eq!(scene.world.refused(&carol(), complete(&id, passing())).code, Code::AlreadyExists, "{what}");
        // A refresh that changed nothing lapses nothing.
        scene.world.ok(&alice(), refresh(&id, b"evidence"));
        assert!(promotion(&mut scene).completed.is_some(), "{what}");
        undo(&mut scene);
        assert_eq!(promotion(&mut scene).completed, None, "{what}");
    }
    let mut scene = scene();
    let id = scene.id.clone();
    scene.world.ok(&alice(), cancel(&id));
    assert_eq!(scene.world.refused(&bob(), complete(&id, passing())).code, Code::TransitionRefused);
}

#[test]
fn a_verdict_by_delegation_needs_one_in_force_and_no_author_on_either_side() {
    let mut scene = scene();
    let id = scene.id.clone();
    let (bob, carol) = (scene.world.person(&bob(), &["approver:security"]), scene.world.person(&carol(), &["viewer"]));
    let stand_in = |authors: Vec<ActorId>, other_roles: Vec<Label>| {
        changed(&id, "security", |review| {
            review.delegated_by = Some(bob.clone());
            review.authors = authors.clone().into();
            review.other_roles = other_roles.clone();
        })
    };
    assert_eq!(scene.world.refused(&carol, stand_in(vec![], vec![])).code, Code::AccessDenied, "nobody delegated anything");
    let until = scene.world.now().plus_seconds(86_400);
    scene.world.ok(&bob, crate::delegation::Command::Give { role: label("security"), to: carol.clone(), until, reason: reason() });
    for authors in [vec![bob.clone()], vec![carol.clone()]] {
        assert_eq!(scene.world.refused(&carol, stand_in(authors, vec![])).code, Code::SeparationOfDuties);
    }
    assert_eq!(scene.world.refused(&carol, stand_in(vec![], vec![label("product")])).code, Code::SeparationOfDuties);
    scene.world.ok(&carol, stand_in(vec![alice()], vec![]));
    let row = scene.world.row::<ApprovalRow>(&[&id, &label("security"), &carol]).unwrap();
    assert_eq!(row.delegated_by, Some(bob.clone()));
    // What was approved stays approved when the delegation ends.
    scene.world.ok(&bob, crate::delegation::Command::End { role: label("security"), to: carol.clone() });
    assert!(!scene.world.row::<ApprovalRow>(&[&id, &label("security"), &carol]).unwrap().withdrawn);
    scene.world.ok(&carol, withdraw(&id, "security"));
    assert_eq!(scene.world.refused(&carol, stand_in(vec![], vec![])).code, Code::AccessDenied, "it ended");
    // In whose place it was given can take it back too, and nobody else.
    scene.world.ok(&bob, crate::delegation::Command::Give { role: label("security"), to: carol.clone(), until, reason: reason() });
    scene.world.ok(&carol, stand_in(vec![], vec![]));
    let take_back = || Command::Withdraw { promotion: id.clone(), role: label("security"), given_by: Some(carol.clone()), reason: reason() };
    assert_eq!(scene.world.refused(&alice(), take_back()).code, Code::NotFound);
    scene.world.ok(&bob, take_back());
    assert!(scene.world.row::<ApprovalRow>(&[&id, &label("security"), &carol]).unwrap().withdrawn);
}
