//! Commands on models, and the rules by which names and numbers are bound.

use super::*;
use crate::actor::ActorKind;
use crate::names::Timestamp;
use crate::tables::TimelineRow;
use crate::testing::*;

/// Number of the version that a registration makes now.
fn registered(world: &mut World, model: &ModelId) -> u64 {
    world.version(model).get()
}

/// Which model's version `name/number` is: the bindings of the name, limited by what is known under it.
fn resolve(world: &mut World, name: &str, number: u64) -> Option<ModelId> {
    let bindings = world.all::<BindingRow>().into_iter().filter(|binding| binding.name.as_str() == name && number <= binding.last_number);
    let models: Vec<ModelId> = bindings.map(|binding| binding.model_id).collect();
    let mut found = models.into_iter().filter(|model| world.row::<crate::tables::VersionRow>(&[model, &numbered(number)]).is_some());
    let first = found.next();
    assert_eq!(found.next(), None, "{name}/{number} is of two models");
    first
}

fn name_of(world: &mut World, id: &ModelId) -> String {
    world.row::<ModelRow>(&[id]).unwrap().name.to_string()
}

fn tier(id: &ModelId, risk_tier: RiskTier) -> Command {
    Command::SetRiskTier { id: id.clone(), risk_tier, reason: reason() }
}

fn update(id: &ModelId, profile: Profile, expected: Option<u64>) -> Command {
    Command::Update { id: id.clone(), profile: Box::new(profile), expected }
}

fn described(text: &str) -> Profile {
    Profile { description: Some(text.to_owned()), ..Profile::default() }
}

#[test]
fn every_command_changes_what_it_says() {
    let mut world = World::new();
    let id = world.model("loans");
    let created = world.row::<ModelRow>(&[&id]).unwrap();
    assert_eq!((created.name.as_str(), created.risk_tier, created.hidden, created.last_number), ("loans", RiskTier::Minimal, false, 0));
    assert_eq!((created.created_by, created.revision), (alice(), 1));

    let profile = Profile { classification: Some(Classification::Internal), ..described("scores loans") };
    world.ok(&alice(), update(&id, profile.clone(), Some(1)));
    let updated = world.row::<ModelRow>(&[&id]).unwrap();
    assert_eq!(serde_json::from_value::<Profile>(updated.profile).unwrap(), profile);
    assert_eq!((updated.access_class.as_str(), updated.revision), ("-/minimal/internal/model/-", 2));

    world.ok(&alice(), tier(&id, RiskTier::High));
    assert_eq!(world.row::<ModelRow>(&[&id]).unwrap().access_class, "-/high/internal/model/-");
    world.ok(&alice(), rename_model(&id, "credit"));
    assert_eq!(name_of(&mut world, &id), "credit");
    assert_eq!(world.row::<NameRow>(&[&ModelName::parse("loans").unwrap()]).unwrap().model_id, None);
    let command = world.hide_model(&id);
    world.ok(&alice(), command);
    assert!(world.row::<ModelRow>(&[&id]).unwrap().hidden);
    assert_eq!(world.row::<NameRow>(&[&ModelName::parse("credit").unwrap()]).unwrap().model_id, None);
    let open = world.row::<TimelineRow>(&[&format!("model/{id}").as_str(), &"name", &OPEN]);
    assert_eq!(open, None, "a hidden model has no name any more");
}

#[test]
fn every_refusal() {
    let mut world = World::new();
    let (id, other) = (world.model("loans"), world.model("fraud"));
    let hidden = world.model("old");
    let command = world.hide_model(&hidden);
    world.ok(&alice(), command);
    world.version(&id);
    let unknown = model_id(999);
    let long = "x".repeat(MAX_DESCRIPTION_BYTES + 1);
    let many = Profile { allowed_uses: vec!["a".to_owned(); MAX_LIST_ITEMS + 1], ..Profile::default() };
    let item = Profile { intended_users: vec!["a".repeat(2001)], ..Profile::default() };
    let wide = Profile { description: Some("x".repeat(70_000)), ..Profile::default() };
    let cases: Vec<(&str, Command, Code, Option<&str>)> = vec![
        ("an id twice", create_model(&id, "new", RiskTier::High), Code::AlreadyExists, Some("model_id")),
        ("a name twice", create_model(&unknown, "loans", RiskTier::High), Code::AlreadyExists, Some("name")),
        ("update of nothing", update(&unknown, Profile::default(), None), Code::NotFound, None),
        ("update of an old revision", update(&id, Profile::default(), Some(0)), Code::PreconditionFailed, Some("If-Match")),
        ("a long text", update(&id, described(&long), None), Code::TooLarge, Some("description")),
        ("a NUL", update(&id, described("a\0"), None), Code::InvalidField, Some("description")),
        ("a long list", update(&id, many, None), Code::TooLarge, Some("allowed_uses")),
        ("a long item", update(&id, item, None), Code::TooLarge, Some("intended_users")),
        ("more than an entry holds", update(&id, wide, None), Code::TooLarge, None),
        ("tier of nothing", tier(&unknown, RiskTier::High), Code::NotFound, None),
        ("the same tier", tier(&id, RiskTier::Minimal), Code::InvalidField, Some("risk_tier")),
        ("rename of nothing", rename_model(&unknown, "x"), Code::NotFound, None),
        ("a name that another has", rename_model(&id, "fraud"), Code::AlreadyExists, Some("name")),
        ("rename of a hidden model", rename_model(&hidden, "x"), Code::TransitionRefused, Some("name")),
        ("hiding nothing", world.hide_model(&unknown), Code::NotFound, None),
        ("hiding what is hidden", world.hide_model(&hidden), Code::NotFound, None),
        ("hiding a model with versions", world.hide_model(&id), Code::ProtectedDeletion, None),
    ];
    for (what, command, code, field) in cases {
        let refusal = world.refused(&alice(), command);
        assert_eq!((refusal.code, refusal.field.as_deref()), (code, field), "{what}: {refusal}");
    }
    world.ok(&alice(), rename_model(&other, "fraud-2"));
}

fn confirm(id: &ModelId, risk_tier: RiskTier) -> Command {
    Command::ConfirmTier { id: id.clone(), risk_tier, reason: reason() }
}

fn mode(id: &ModelId, mode: Option<PolicyMode>, ungated: &[u64]) -> Command {
    Command::SetPolicyMode { id: id.clone(), mode, reason: reason(), ungated: ungated.iter().map(|number| numbered(*number)).collect() }
}

/// A registry with people: alice contributes, bob governs, carol owns.
fn governed() -> World {
    let mut world = World::new();
    world.ok(&system(), create_actor(&alice(), ActorKind::Person, "alice", &["contributor"]));
    world.ok(&system(), create_actor(&bob(), ActorKind::Person, "bob", &["approver:ai-governance"]));
    world.ok(&system(), create_actor(&carol(), ActorKind::Person, "carol", &["owner", "approver:product"]));
    world
}

#[test]
fn raising_a_tier_is_immediate_and_lowering_it_takes_two_persons() {
    use RiskTier::{High, Limited, Minimal, Prohibited, Unclassified};
    let lowered = [
        (High, Minimal),
        (High, Limited),
        (High, Unclassified),
        (Limited, Minimal),
        (Unclassified, Minimal),
        (Unclassified, Limited),
        (Prohibited, High),
        (Prohibited, Unclassified),
        (Prohibited, Limited),
        (Prohibited, Minimal),
    ];
    for from in RiskTier::ALL {
        for to in RiskTier::ALL.iter().filter(|to| *to != from) {
            let mut world = governed();
            let id = model_id(1);
            world.ok(&carol(), create_model(&id, "loans", *from));
            let before = world.row::<ModelRow>(&[&id]).unwrap().tier_index;
            world.ok(&carol(), tier(&id, *to));
            if lowered.contains(&(*from, *to)) {
                assert_eq!(world.row::<ModelRow>(&[&id]).unwrap().risk_tier, *from, "{from} to {to}: a proposal changes nothing");
                assert_eq!(world.refused(&carol(), confirm(&id, *to)).code, Code::AccessDenied, "{from} to {to}");
                world.ok(&bob(), confirm(&id, *to));
            }
            let after = world.row::<ModelRow>(&[&id]).unwrap();
            assert_eq!(after.risk_tier, *to);
            assert!(after.tier_index > before);
            assert_eq!(world.row::<crate::tables::TierProposalRow>(&[&id]), None);
        }
    }
}

#[test]
fn a_proposal_is_confirmed_by_another_one_rejected_or_withdrawn() {
    use RiskTier::{High, Limited, Minimal};
    let mut world = governed();
    let id = model_id(1);
    world.ok(&carol(), create_model(&id, "loans", High));
    for command in [confirm(&id, Minimal), Command::RejectTier { id: id.clone(), reason: reason() }, Command::WithdrawTier { id: id.clone(), reason: reason() }]
    {
        assert_eq!(world.refused(&bob(), command).code, Code::NotFound, "nothing is proposed");
    }
    world.ok(&bob(), tier(&id, Minimal));
    assert_eq!(world.refused(&carol(), tier(&id, Limited)).code, Code::AlreadyExists);
    assert_eq!(world.refused(&bob(), confirm(&id, Minimal)).code, Code::SeparationOfDuties);
    assert_eq!(world.refused(&bob(), confirm(&id, Limited)).code, Code::PreconditionFailed);
    assert_eq!(world.refused(&carol(), Command::WithdrawTier { id: id.clone(), reason: reason() }).code, Code::AccessDenied);
    assert_eq!(world.refused(&carol(), Command::RejectTier { id: id.clone(), reason: reason() }).code, Code::AccessDenied);
    world.ok(&bob(), Command::WithdrawTier { id: id.clone(), reason: reason() });
    world.ok(&carol(), tier(&id, Limited));
    world.ok(&bob(), Command::RejectTier { id: id.clone(), reason: reason() });
    assert_eq!(world.row::<ModelRow>(&[&id]).unwrap().risk_tier, High);
    // A higher tier ends what was proposed for the one before.
    world.ok(&carol(), tier(&id, Limited));
    world.ok(&carol(), tier(&id, RiskTier::Prohibited));
    assert_eq!(world.refused(&bob(), confirm(&id, Limited)).code, Code::NotFound);
}

#[test]
fn who_may_not_classify_proposes_a_low_tier_when_he_creates_a_model() {
    use RiskTier::{High, Limited, Minimal, Prohibited, Unclassified};
    for (who, given, begins, proposed) in [
        (alice(), Minimal, Unclassified, Some(Minimal)),
        (alice(), Limited, Unclassified, Some(Limited)),
        (alice(), Unclassified, Unclassified, None),
        (alice(), High, High, None),
        (alice(), Prohibited, Prohibited, None),
        (carol(), Minimal, Minimal, None),
        (bob(), Limited, Limited, None),
    ] {
        let mut world = governed();
        let id = model_id(1);
        world.ok(&who, create_model(&id, "loans", given));
        assert_eq!(world.row::<ModelRow>(&[&id]).unwrap().risk_tier, begins, "{who} {given}");
        let open = world.row::<crate::tables::TierProposalRow>(&[&id]);
        assert_eq!(open.map(|row| (row.risk_tier, row.proposed_by)), proposed.map(|tier| (tier, who.clone())));
        if let Some(tier) = proposed {
            world.ok(&bob(), confirm(&id, tier));
            assert_eq!(world.row::<ModelRow>(&[&id]).unwrap().risk_tier, tier);
        }
    }
}

#[test]
fn a_model_has_its_own_mode_unless_its_tier_demands_enforce() {
    use PolicyMode::{Enforce, Warn};
    for risk_tier in RiskTier::ALL {
        let mut world = governed();
        let id = model_id(1);
        world.ok(&carol(), create_model(&id, "loans", *risk_tier));
        assert_eq!(world.refused(&bob(), mode(&id, None, &[])).code, Code::InvalidField, "it has none");
        if counts_as_high(*risk_tier) {
            assert_eq!(world.refused(&bob(), mode(&id, Some(Warn), &[])).code, Code::TransitionRefused, "{risk_tier}");
            continue;
        }
        world.ok(&bob(), mode(&id, Some(Warn), &[]));
        assert_eq!(super::mode(&mut world.rows, &id).unwrap(), Warn);
        let number = world.version(&id);
        assert!(world.run(&carol(), set_alias(&id, "champion", number)).is_ok(), "warn blocks nothing");
        for back in [None, Some(Enforce)] {
            assert_eq!(world.refused(&bob(), mode(&id, back, &[1])).code, Code::TransitionRefused, "an ungated version");
        }
        world.ok(&bob(), mode(&id, Some(Enforce), &[]));
        assert_eq!(world.refused(&carol(), set_alias(&id, "stable", number)).code, Code::TransitionRefused);
    }
    let mut world = World::with_mode(Warn);
    let id = model_id(1);
    world.ok(&carol(), create_model(&id, "loans", RiskTier::High));
    world.ok(&bob(), mode(&id, Some(Enforce), &[]));
    assert_eq!(world.refused(&bob(), mode(&id, None, &[])).code, Code::TransitionRefused, "the registry's warn is not for a high tier");
}

#[test]
fn a_raised_tier_takes_mode_warn_away() {
    let mut world = governed();
    let id = model_id(1);
    world.ok(&carol(), create_model(&id, "loans", RiskTier::Minimal));
    world.ok(&bob(), mode(&id, Some(PolicyMode::Warn), &[]));
    world.ok(&carol(), tier(&id, RiskTier::Limited));
    assert_eq!(world.row::<ModelRow>(&[&id]).unwrap().policy_mode, Some(PolicyMode::Warn));
    assert_eq!(world.ok(&carol(), tier(&id, RiskTier::High)).len(), 2);
    assert_eq!(world.row::<ModelRow>(&[&id]).unwrap().policy_mode, Some(PolicyMode::Enforce));
}

#[test]
fn in_mode_warn_a_model_with_versions_can_be_hidden_and_its_name_goes_on_counting() {
    let mut world = World::with_mode(PolicyMode::Warn);
    let first = world.model("loans");
    assert_eq!(registered(&mut world, &first), 1);
    let command = world.hide_model(&first);
    world.ok(&alice(), command);
    let refusal = world.refused(&alice(), register_version(&first, "more"));
    assert_eq!((refusal.code, refusal.field.as_deref()), (Code::TransitionRefused, Some("name")));
    let second = world.model("loans");
    assert_eq!(registered(&mut world, &second), 2);
    assert_eq!(resolve(&mut world, "loans", 1), Some(first.clone()));
    assert_eq!(resolve(&mut world, "loans", 2), Some(second.clone()));
    // The hidden model has no say about the name that is another's now.
    let command = world.hide_model(&first);
    assert_eq!(world.refused(&alice(), command).code, Code::NotFound);
    assert_eq!(world.refused(&alice(), rename_model(&first, "elsewhere")).code, Code::TransitionRefused);
    assert_eq!(world.row::<NameRow>(&[&ModelName::parse("loans").unwrap()]).unwrap().model_id, Some(second));
}

#[test]
fn a_renamed_model_keeps_its_numbers_and_an_old_reference_still_finds_it() {
    let mut world = World::new();
    let first = world.model("a");
    assert_eq!([registered(&mut world, &first), registered(&mut world, &first)], [1, 2]);
    world.ok(&alice(), rename_model(&first, "b"));
    assert_eq!(registered(&mut world, &first), 3);
    assert_eq!(resolve(&mut world, "a", 2), Some(first.clone()));
    assert_eq!(resolve(&mut world, "b", 2), Some(first.clone()), "the new name knows the old versions");
    assert_eq!(resolve(&mut world, "a", 3), None, "version 3 was never known as a/3");
}

#[test]
fn a_new_model_under_an_old_name_continues_the_numbers_and_closes_the_name_for_the_first() {
    let mut world = World::new();
    let first = world.model("a");
    registered(&mut world, &first);
    registered(&mut world, &first);
    world.ok(&alice(), rename_model(&first, "b"));
    let second = world.model("a");
    assert_eq!(registered(&mut world, &second), 3);
    assert_eq!(resolve(&mut world, "a", 2), Some(first.clone()));
    assert_eq!(resolve(&mut world, "a", 3), Some(second.clone()));
    world.ok(&alice(), rename_model(&second, "c"));
    let refusal = world.refused(&alice(), rename_model(&first, "a"));
    assert_eq!((refusal.code, refusal.field.as_deref()), (Code::AlreadyExists, Some("name")), "a/3 is of the second model");
    world.ok(&alice(), rename_model(&second, "a"));
    assert_eq!(registered(&mut world, &second), 4);
}

#[test]
fn a_model_can_go_back_to_a_name_that_nobody_used_meanwhile() {
    let mut world = World::new();
    let first = world.model("a");
    registered(&mut world, &first);
    world.ok(&alice(), rename_model(&first, "b"));
    registered(&mut world, &first);
    world.ok(&alice(), rename_model(&first, "a"));
    assert_eq!(registered(&mut world, &first), 3);
    assert_eq!(resolve(&mut world, "a", 2), Some(first.clone()));
    assert_eq!(world.row::<BindingRow>(&[&ModelName::parse("b").unwrap(), &first]).unwrap().last_number, 2);
}

#[test]
fn a_name_with_versions_of_another_model_is_closed_for_a_rename() {
    let mut world = World::new();
    let (first, second) = (world.model("a"), world.model("b"));
    registered(&mut world, &first);
    world.ok(&alice(), rename_model(&first, "c"));
    assert_eq!(world.refused(&alice(), rename_model(&second, "a")).code, Code::AlreadyExists);
}

#[test]
fn the_timeline_knows_every_name() {
    let mut world = World::new();
    let id = world.model("a");
    world.ok(&alice(), rename_model(&id, "b"));
    let rows: Vec<TimelineRow> = world.all::<TimelineRow>().into_iter().filter(|row| row.attribute == "name").collect();
    let spans: Vec<(&str, u64, u64)> = rows.iter().map(|row| (row.value.as_str(), row.from_index, row.to_index)).collect();
    assert_eq!(spans, [("a", 1, 2), ("b", 2, OPEN)]);
    assert!(world.row::<ModelRow>(&[&id]).unwrap().updated_at > Timestamp::from_micros(0));
}
