//! Exceptions by table: who may ask, grant, refuse and revoke; emergencies; and that nothing waives what nobody may waive.

use proptest::prelude::*;

use super::*;
use crate::access::{Action, Actor, Grant, action_of};
use crate::actor::ActorKind;
use crate::names::PolicyMode;
use crate::promotion::{DecisionKind, Status as PromotionStatus};
use crate::tables::{DecisionRow, PromotionRow, SettingRow, VersionRow};
use crate::testing::*;

fn exception_id(number: usize) -> ExceptionId {
    ExceptionId::parse(&format!("x{number:0>32}")).unwrap()
}

fn dave() -> ActorId {
    ActorId::parse(&format!("u{:0>32}", "d")).unwrap()
}

fn ask(world: &World, id: usize, model: &ModelId, number: VersionNumber, rule: &str, scope: Scope) -> Command {
    let expires_at = world.now().plus_seconds(30 * DAY);
    Command::Request { id: exception_id(id), rule: rule.to_owned(), scope, model: model.clone(), number, reason: reason(), expires_at, longest_days: 90 }
}

fn grant_command(id: usize, role: &str) -> Command {
    Command::Grant {
        id: exception_id(id),
        role: label(role),
        grantors: vec![label("ai-governance")],
        authors: vec![alice()].into(),
        decision: signed(DecisionKind::ExceptionGranted, id),
    }
}

fn refuse_command(id: usize, role: &str) -> Command {
    Command::Refuse { id: exception_id(id), role: label(role), grantors: vec![label("ai-governance")], reason: reason() }
}

fn revoke_command(id: usize) -> Command {
    Command::Revoke { id: exception_id(id), grantors: vec![label("ai-governance")], reason: reason() }
}

/// A registry with a model, a version by alice, and people: bob governs, carol owns, dave has another role of approval.
fn world() -> (World, ModelId, VersionNumber) {
    let mut world = World::new();
    for (id, handle, roles) in [
        (alice(), "alice", &["contributor"][..]),
        (bob(), "bob", &["approver:ai-governance"]),
        (carol(), "carol", &["owner"]),
        (dave(), "dave", &["approver:product"]),
    ] {
        world.ok(&system(), create_actor(&id, ActorKind::Person, handle, roles));
    }
    let model = world.model("loans");
    let number = world.version(&model);
    (world, model, number)
}

fn row(world: &mut World, id: usize) -> ExceptionRow {
    world.row::<ExceptionRow>(&[&exception_id(id)]).unwrap()
}

fn exceptions_revision(world: &mut World, model: &ModelId) -> u64 {
    world.row::<SettingRow>(&[&crate::registry::exceptions(model)]).map_or(0, |row| row.revision)
}

#[test]
fn an_exception_goes_from_request_to_grant_to_revocation_and_each_moves_what_gates_note() {
    let (mut world, model, number) = world();
    world.ok(&alice(), ask(&world, 1, &model, number, "build.reproducible", Scope::Version));
    let asked = row(&mut world, 1);
    assert_eq!((asked.status, asked.origin, asked.granted_by.clone()), (Status::Requested, Origin::Asked, None));
    assert_eq!(exceptions_revision(&mut world, &model), 0, "a request changes no gate");
    assert!(!in_force(&asked, State::Draft, None, world.now()));

    let entries = world.ok(&bob(), grant_command(1, "ai-governance"));
    assert_eq!(exceptions_revision(&mut world, &model), entries[0].index);
    let granted = row(&mut world, 1);
    assert_eq!((granted.status, granted.granted_by.clone(), granted.role.clone()), (Status::Granted, Some(bob()), Some(label("ai-governance"))));
    for state in State::ALL {
        assert!(in_force(&granted, *state, None, world.now()), "{state}");
    }
    let decision = world.all::<DecisionRow>().into_iter().next().unwrap();
    assert_eq!((decision.decision, decision.number, decision.target), (DecisionKind::ExceptionGranted, number, State::Draft));

    let revoked = world.ok(&alice(), revoke_command(1));
    assert_eq!(exceptions_revision(&mut world, &model), revoked[0].index);
    assert!(!in_force(&row(&mut world, 1), State::Draft, None, world.now()));
    assert_eq!(standing(&row(&mut world, 1), asked.expires_at), Standing::Revoked);
}

#[test]
fn every_refusal_of_a_request() {
    let (mut world, model, number) = world();
    world.ok(&alice(), ask(&world, 1, &model, number, "card.sections", Scope::Version));
    let (now, unknown) = (world.now(), model_id(999));
    let usual = ask(&world, 2, &model, number, "card.sections", Scope::Model);
    let until = |seconds: i64| {
        let mut command = usual.clone();
        if let Command::Request { expires_at, .. } = &mut command {
            *expires_at = now.plus_seconds(seconds);
        }
        command
    };
    let mut cases = vec![
        ("a version that is not there", ask(&world, 2, &unknown, number, "card.sections", Scope::Version), Code::NotFound, None),
        ("an id twice", ask(&world, 1, &model, number, "card.sections", Scope::Version), Code::AlreadyExists, Some("exception")),
        ("no rule", ask(&world, 2, &model, number, "", Scope::Version), Code::InvalidField, Some("rule")),
        ("a long rule", ask(&world, 2, &model, number, &"r".repeat(101), Scope::Version), Code::InvalidField, Some("rule")),
        ("over already", until(0), Code::InvalidField, Some("expires_at")),
        ("later than the policy allows", until(90 * DAY + 60), Code::InvalidField, Some("expires_at")),
    ];
    for rule in non_waivable::RULES {
        cases.push((rule.id, ask(&world, 2, &model, number, rule.id, Scope::Model), Code::NonWaivable, Some("rule")));
    }
    for (what, command, code, field) in cases {
        let refusal = world.refused(&alice(), command);
        assert_eq!((refusal.code, refusal.field.as_deref()), (code, field), "{what}: {refusal}");
    }
    world.ok(&alice(), until(90 * DAY - 60));
}

#[test]
fn only_a_grantor_who_is_neither_author_nor_the_one_who_asked_grants_and_refuses() {
    let (mut world, model, number) = world();
    world.ok(&carol(), ask(&world, 1, &model, number, "card.sections", Scope::Version));
    world.ok(&bob(), ask(&world, 2, &model, number, "card.sections", Scope::Version));
    for (who, command, code) in [
        (dave(), grant_command(1, "product"), Code::AccessDenied),
        (dave(), refuse_command(1, "product"), Code::AccessDenied),
        (carol(), grant_command(1, "ai-governance"), Code::SeparationOfDuties),
        (alice(), grant_command(1, "ai-governance"), Code::SeparationOfDuties),
        (bob(), grant_command(2, "ai-governance"), Code::SeparationOfDuties),
        (bob(), grant_command(9, "ai-governance"), Code::NotFound),
        (dave(), revoke_command(1), Code::AccessDenied),
        (alice(), revoke_command(1), Code::AccessDenied),
    ] {
        assert_eq!(world.refused(&who, command.clone()).code, code, "{who} {command:?}");
    }
    world.ok(&bob(), refuse_command(1, "ai-governance"));
    assert_eq!(row(&mut world, 1).status, Status::Refused);
    for command in [grant_command(1, "ai-governance"), refuse_command(1, "ai-governance"), revoke_command(1)] {
        assert_eq!(world.refused(&bob(), command).code, Code::TransitionRefused);
    }
    world.ok(&carol(), revoke_command(2));
    assert_eq!(row(&mut world, 2).status, Status::Revoked, "an owner withdraws a request");
}

#[test]
fn an_expired_request_cannot_be_granted_and_an_expired_exception_does_not_count() {
    let (mut world, model, number) = world();
    let Command::Request { id, rule, scope, reason, longest_days, .. } = ask(&world, 1, &model, number, "card.sections", Scope::Version) else {
        panic!("a request")
    };
    let expires_at = world.now().plus_seconds(2);
    world.ok(&carol(), Command::Request { id, rule, scope, model: model.clone(), number, reason, expires_at, longest_days });
    assert_eq!(standing(&row(&mut world, 1), expires_at), Standing::Expired);
    assert_eq!(world.refused(&bob(), grant_command(1, "ai-governance")).code, Code::TransitionRefused);
    world.ok(&carol(), ask(&world, 2, &model, number, "card.sections", Scope::Version));
    world.ok(&bob(), grant_command(2, "ai-governance"));
    let granted = row(&mut world, 2);
    assert!(!in_force(&granted, State::Production, None, granted.expires_at));
}

#[test]
fn the_roles_that_ask_and_grant() {
    let (world, model, number) = world();
    let actor = |roles: &[&str]| Actor {
        id: bob(),
        kind: ActorKind::Person,
        roles: roles.iter().map(|role| Grant::parse(role).unwrap()).collect(),
        teams: vec![],
        delegated: vec![],
        access_revision: 0,
    };
    let request: crate::Command = ask(&world, 1, &model, number, "card.sections", Scope::Version).into();
    assert_eq!(action_of(&request), Action::RequestException);
    for (roles, command, allowed) in [
        (&["contributor"][..], request.clone(), true),
        (&["auditor"], request, false),
        (&["contributor", "owner"], grant_command(1, "ai-governance").into(), false),
        (&["approver:ai-governance"], grant_command(1, "ai-governance").into(), true),
        (&["approver:product"], grant_command(1, "ai-governance").into(), false),
        (&["approver:product"], refuse_command(1, "ai-governance").into(), false),
        (&["approver:product"], revoke_command(1).into(), true),
    ] {
        assert_eq!(authorize_in_registry(&actor(roles), command.clone()).is_ok(), allowed, "{roles:?} {command:?}");
    }
}

fn break_glass(promotion: &PromotionId, rules: &[&str], expires_at: Timestamp) -> Command {
    Command::BreakGlass(Box::new(BreakGlass {
        promotion: promotion.clone(),
        rules: rules.iter().enumerate().map(|(at, rule)| (exception_id(100 + at), (*rule).to_owned())).collect(),
        reason: reason(),
        expires_at,
        authors: vec![alice()].into(),
        granted: signed(DecisionKind::ExceptionGranted, 100),
        approved: Some(signed(DecisionKind::Approved, 101)),
    }))
}

fn release(promotion: &PromotionId, exception: usize, gate: GateRecord) -> Command {
    let decision = signed(DecisionKind::Executed, 102);
    Command::Release { promotion: promotion.clone(), exception: exception_id(exception), gate, decision, replaced: vec![], attestation: None }
}

#[test]
fn an_emergency_waives_for_its_promotion_and_who_opened_it_releases() {
    let (mut world, model, number) = world();
    let promotion = world.open(&model, number, State::Production);
    let end = world.now().plus_seconds(EMERGENCY_SECONDS);
    world.ok(&bob(), break_glass(&promotion, &["approval.complete", "card.sections"], end));
    let waived = row(&mut world, 100);
    assert_eq!((waived.origin, waived.status, waived.review_due), (Origin::Emergency, Status::Granted, Some(end)));
    assert!(in_force(&waived, State::Approved, Some(&promotion), world.now()));
    assert!(!in_force(&waived, State::Approved, Some(&promotion_id(77)), world.now()), "no other promotion");
    assert!(!in_force(&waived, State::Approved, None, world.now()));
    assert!(in_force(&waived, State::Production, None, world.now()));
    let kinds: Vec<DecisionKind> = world.all::<DecisionRow>().into_iter().map(|row| row.decision).collect();
    assert!(kinds.contains(&DecisionKind::ExceptionGranted) && kinds.contains(&DecisionKind::Approved));

    assert_eq!(world.refused(&carol(), release(&promotion, 100, passing())).code, Code::AccessDenied, "somebody else");
    assert_eq!(world.refused(&bob(), release(&promotion, 99, passing())).code, Code::AccessDenied, "no such exception");
    assert_eq!(world.refused(&bob(), release(&promotion, 100, failing(true, true))).code, Code::NonWaivable, "the gates decide");
    world.ok(&bob(), release(&promotion, 101, passing()));
    assert_eq!(world.row::<VersionRow>(&[&model, &number]).unwrap().state, State::Production);
    assert_eq!(world.row::<PromotionRow>(&[&promotion]).unwrap().status, PromotionStatus::Executed);
}

#[test]
fn every_refusal_of_an_emergency() {
    let (mut world, model, number) = world();
    let to_approved = world.open(&model, number, State::Approved);
    let promotion = world.open(&model, number, State::Production);
    let pipeline = ActorId::parse(&format!("p{:0>32}", 1)).unwrap();
    world.ok(&system(), create_actor(&pipeline, ActorKind::Pipeline, "ci", &["deployer"]));
    let end = world.now().plus_seconds(EMERGENCY_SECONDS);
    let long = world.now().plus_seconds(EMERGENCY_SECONDS + 3600);
    for (what, who, command, code) in [
        ("a promotion elsewhere", bob(), break_glass(&to_approved, &["card.sections"], end), Code::TransitionRefused),
        ("no promotion", bob(), break_glass(&promotion_id(999), &["card.sections"], end), Code::NotFound),
        ("a pipeline", pipeline, break_glass(&promotion, &["card.sections"], end), Code::AccessDenied),
        ("an author", alice(), break_glass(&promotion, &["card.sections"], end), Code::SeparationOfDuties),
        ("nothing to waive", bob(), break_glass(&promotion, &[], end), Code::TransitionRefused),
        ("too long", bob(), break_glass(&promotion, &["card.sections"], long), Code::InvalidField),
        ("what nobody waives", bob(), break_glass(&promotion, &["card.sections", "promoter.pipeline"], end), Code::NonWaivable),
    ] {
        assert_eq!(world.refused(&who, command).code, code, "{what}");
    }
}

#[test]
fn the_exceptions_of_a_rollback_count_while_the_version_is_in_production() {
    let (mut world, model, number) = world();
    world.promote(&model, number, State::Production);
    world.ok(&alice(), move_version(&model, number, State::Deprecated));
    let mut command = roll_back(&model, number, vec![]);
    if let promotion::Command::Rollback { exceptions, .. } = &mut command {
        exceptions.push((exception_id(1), "approval.complete".to_owned()));
    }
    world.ok(&bob(), command);
    let waived = row(&mut world, 1);
    assert_eq!((waived.origin, waived.granted_by.clone(), waived.role.clone()), (Origin::Rollback, Some(bob()), None));
    for state in State::ALL {
        assert_eq!(in_force(&waived, *state, None, world.now()), *state == State::Production, "{state}");
    }
}

fn random_command(dice: [u8; 5], world: &World, model: &ModelId, number: VersionNumber) -> crate::Command {
    let [what, a, b, c, _] = dice;
    let id = usize::from(a % 8);
    let rules: Vec<&str> = non_waivable::RULES.iter().map(|rule| rule.id).chain(["card.sections", "approval.complete"]).collect();
    let rule = rules[usize::from(b) % rules.len()];
    let scope = if c % 2 == 0 { Scope::Version } else { Scope::Model };
    let promotion = promotion_id(usize::from(c % 3));
    match what % 10 {
        0..=2 => ask(world, id, model, number, rule, scope).into(),
        3 | 4 => grant_command(id, if c % 3 == 0 { "product" } else { "ai-governance" }).into(),
        5 => refuse_command(id, "ai-governance").into(),
        6 => revoke_command(id).into(),
        7 => open_promotion(&promotion, model, number, State::Production).into(),
        8 => break_glass(&promotion, &[rule], world.now().plus_seconds(DAY)).into(),
        _ => {
            let mut command = roll_back(model, number, vec![]);
            if let promotion::Command::Rollback { exceptions, .. } = &mut command {
                exceptions.push((exception_id(id + 200), rule.to_owned()));
            }
            command.into()
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// POL-4: whatever is asked, granted, broken or rolled back, no exception from a rule that nobody may waive ever exists, and nobody
    /// granted what he asked for himself but in an emergency or a rollback.
    #[test]
    fn no_sequence_of_commands_waives_what_nobody_may_waive(sequence in prop::collection::vec((any::<[u8; 5]>(), 0_usize..4), 1..60)) {
        let (mut world, model, number) = world();
        world.promote(&model, number, State::Production);
        world.ok(&alice(), move_version(&model, number, State::Deprecated));
        let draft = world.version(&model);
        for (dice, who) in sequence {
            let on = if dice[4] % 2 == 0 { number } else { draft };
            let command = random_command(dice, &world, &model, on);
            let actor = [alice(), bob(), carol(), dave()][who].clone();
            let _ = world.run(&actor, command);
        }
        for row in world.all::<ExceptionRow>() {
            prop_assert!(check_waivable(&row.rule).is_ok(), "{row:?}");
            if row.origin == Origin::Asked && row.granted_by.is_some() {
                prop_assert!(row.granted_by.as_ref() != Some(&row.requested_by) && row.granted_by != Some(alice()), "{row:?}");
            }
        }
        prop_assert_eq!(derived(&replay(&world.bytes, &world.payloads)), derived(&world.rows), "a rebuild gives the same rows");
    }
}

#[test]
fn in_mode_warn_the_duties_are_the_same() {
    let mut world = World::with_mode(PolicyMode::Warn);
    let model = world.model("loans");
    let number = world.version(&model);
    world.ok(&carol(), ask(&world, 1, &model, number, "card.sections", Scope::Version));
    assert_eq!(world.refused(&alice(), grant_command(1, "ai-governance")).code, Code::SeparationOfDuties);
}
