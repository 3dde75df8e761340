//! Delegation: who may give it, to whom, for how long, and when it works.

use super::*;
use crate::access::Grant;
use crate::names::{ModelName, Timestamp};
use crate::tables::NameRow;
use crate::testing::*;
use crate::{Command as Any, actor};

const DAY: i64 = 86_400;

fn world() -> World {
    let mut world = World::new();
    world.person(&alice(), &["approver:security", "approver:product"]);
    world.person(&bob(), &["viewer"]);
    world.person(&carol(), &["approver:platform"]);
    world
}

fn give(world: &World, role: &str, to: &ActorId, seconds: i64) -> Any {
    Command::Give { role: label(role), to: to.clone(), until: world.now().plus_seconds(seconds), reason: reason() }.into()
}

fn row(world: &mut World, giver: &ActorId, role: &str, to: &ActorId) -> Option<DelegationRow> {
    world.row::<DelegationRow>(&[giver, &label(role), to])
}

/// Whether `delegate` may use a delegation at a moment, for a model that lies in no team.
fn works(world: &mut World, giver: &ActorId, role: &str, delegate: &ActorId, now: Timestamp) -> bool {
    let known = world.row::<NameRow>(&[&ModelName::parse("any").unwrap()]).and_then(|row| row.model_id);
    let model = known.unwrap_or_else(|| world.model("any"));
    check_in_force(&mut world.rows, giver, &label(role), delegate, &model, now).is_ok()
}

/// APR-2: in one's own role, to somebody else, who is a person and active, for at most 90 days.
#[test]
fn a_delegation_has_limits() {
    let mut world = world();
    let pipeline = ActorId::parse(&format!("p{:0>32}", 1)).unwrap();
    let create = actor::Command::Create { id: pipeline.clone(), kind: ActorKind::Pipeline, handle: label("ci"), display_name: String::new(), roles: vec![] };
    world.ok(&system(), create);
    let gone = world.person(&ActorId::parse(&format!("u{:0>32}", 9)).unwrap(), &[]);
    world.ok(&system(), actor::Command::Deactivate { id: gone.clone() });
    let unknown = ActorId::parse(&format!("u{:0>32}", 8)).unwrap();
    for (giver, role, to, seconds, code) in [
        (alice(), "security", alice(), DAY, Code::SeparationOfDuties),
        (alice(), "platform", bob(), DAY, Code::AccessDenied),
        (bob(), "security", carol(), DAY, Code::AccessDenied),
        (alice(), "security", bob(), 0, Code::InvalidField),
        (alice(), "security", bob(), 91 * DAY, Code::InvalidField),
        (alice(), "security", pipeline, DAY, Code::SeparationOfDuties),
        (alice(), "security", gone, DAY, Code::SeparationOfDuties),
        (alice(), "security", unknown, DAY, Code::NotFound),
    ] {
        let command = give(&world, role, &to, seconds);
        assert_eq!(world.refused(&giver, command).code, code, "{giver} {role} {to} {seconds}");
    }
    let command = give(&world, "security", &bob(), 90 * DAY);
    world.ok(&alice(), command);
}

#[test]
fn nobody_passes_on_what_was_lent_to_him() {
    let mut world = world();
    let command = give(&world, "security", &bob(), DAY);
    world.ok(&alice(), command);
    let command = give(&world, "security", &carol(), DAY);
    assert_eq!(world.refused(&bob(), command).code, Code::AccessDenied);
}

/// Works until its date, until it is ended, and as long as its giver has the role and his access.
#[test]
fn a_delegation_works_as_long_as_it_lasts_and_its_giver_has_the_role() {
    let roles =
        |id: &ActorId, roles: &[&str]| actor::Command::SetRoles { id: id.clone(), roles: roles.iter().map(|role| Grant::parse(role).unwrap()).collect() };
    let given = |world: &mut World| {
        let command = give(world, "security", &bob(), DAY);
        world.ok(&alice(), command);
    };
    let mut world = world();
    let now = world.now();
    assert!(!works(&mut world, &alice(), "security", &bob(), now), "before it is given");
    given(&mut world);
    let now = world.now();
    let until = row(&mut world, &alice(), "security", &bob()).unwrap().until;
    for (giver, role, delegate, at, expected) in [
        (alice(), "security", bob(), now, true),
        (alice(), "product", bob(), now, false),
        (alice(), "security", carol(), now, false),
        (carol(), "security", bob(), now, false),
        (alice(), "security", bob(), until.plus_seconds(-1), true),
        (alice(), "security", bob(), until, false),
    ] {
        assert_eq!(works(&mut world, &giver, role, &delegate, at), expected, "{giver} {role} {delegate} {at}");
    }
    world.ok(&system(), roles(&alice(), &["approver:product"]));
    assert!(!works(&mut world, &alice(), "security", &bob(), now), "its giver lost the role");
    world.ok(&system(), roles(&alice(), &["approver:security"]));
    assert!(works(&mut world, &alice(), "security", &bob(), now));
    world.ok(&alice(), Command::End { role: label("security"), to: bob() });
    assert!(!works(&mut world, &alice(), "security", &bob(), now), "it was ended");
    assert_eq!(world.refused(&alice(), Command::End { role: label("security"), to: bob() }).code, Code::NotFound);
    given(&mut world);
    let now = world.now();
    assert!(works(&mut world, &alice(), "security", &bob(), now), "given again");
    world.ok(&system(), actor::Command::Deactivate { id: alice() });
    assert!(!works(&mut world, &alice(), "security", &bob(), now), "its giver left");
}

#[test]
fn giving_and_ending_move_the_access_revision() {
    let mut world = world();
    let access = |world: &mut World| world.row::<crate::tables::SettingRow>(&[&registry::ACCESS]).unwrap().revision;
    let command = give(&world, "security", &bob(), DAY);
    let given = world.ok(&alice(), command);
    assert_eq!(access(&mut world), given[0].index);
    let ended = world.ok(&alice(), Command::End { role: label("security"), to: bob() });
    assert_eq!(access(&mut world), ended[0].index);
}
