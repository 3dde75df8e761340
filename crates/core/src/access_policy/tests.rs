//! Access policies: two persons put them in force, and models that they name get a class of their own.

use super::*;
use crate::access::AccessClass;
use crate::tables::ModelRow;
use crate::testing::*;

fn document(text: &str) -> Payload {
    Payload::new("files", format!("{{\"own.cedar\":\"{text}\"}}").into_bytes()).unwrap()
}

fn install(text: &str) -> Command {
    Command::Install { document: document(text), policies: 1, reason: None }
}

fn activate(text: &str, models: Vec<ModelId>) -> Command {
    Command::Activate { digest: document(text).digest, models, reason: reason() }
}

fn withdraw(text: &str) -> Command {
    Command::Withdraw { digest: document(text).digest, reason: reason() }
}

fn in_force(world: &mut World) -> String {
    world.row::<SettingRow>(&[&ACCESS_POLICY]).map(|row| row.value).unwrap_or_default()
}

fn access(world: &mut World) -> u64 {
    world.row::<SettingRow>(&[&registry::ACCESS]).map_or(0, |row| row.revision)
}

#[test]
fn two_persons_put_policies_in_force_and_take_them_out() {
    let mut world = World::new();
    world.ok(&alice(), install("a"));
    assert_eq!(world.refused(&bob(), install("a")).code, Code::AlreadyExists);
    assert_eq!(world.refused(&alice(), activate("a", vec![])).code, Code::SeparationOfDuties);
    assert_eq!(world.refused(&system(), activate("a", vec![])).code, Code::SeparationOfDuties);
    assert_eq!(world.refused(&bob(), activate("b", vec![])).code, Code::NotFound);
    let before = access(&mut world);
    world.ok(&bob(), activate("a", vec![]));
    assert_eq!(in_force(&mut world), document("a").digest.to_string());
    assert!(access(&mut world) > before, "what was allowed is decided again");
    assert_eq!(world.refused(&carol(), activate("a", vec![])).code, Code::TransitionRefused);
    assert_eq!(world.refused(&bob(), withdraw("a")).code, Code::SeparationOfDuties);
    world.ok(&alice(), install("b"));
    world.ok(&bob(), activate("b", vec![]));
    assert_eq!(world.row::<AccessPolicyRow>(&[&document("a").digest]).unwrap().status, Status::Uploaded, "what is replaced can be activated again");
    let before = access(&mut world);
    world.ok(&alice(), withdraw("b"));
    assert_eq!((in_force(&mut world).as_str(), access(&mut world) > before), ("", true));
    assert_eq!(world.refused(&alice(), withdraw("b")).code, Code::TransitionRefused);
}

#[test]
fn a_model_that_a_policy_names_has_a_class_of_its_own_for_good() {
    let mut world = World::new();
    let (named, other) = (world.model("named"), world.model("other"));
    world.ok(&alice(), install("a"));
    world.ok(&bob(), activate("a", vec![named.clone(), model_id(9)]));
    let class = |world: &mut World, id: &ModelId| AccessClass::parse(&world.row::<ModelRow>(&[id]).unwrap().access_class).unwrap().model;
    assert_eq!((class(&mut world, &named), class(&mut world, &other)), (Some(named.clone()), None));
    world.ok(&alice(), withdraw("a"));
    assert_eq!(class(&mut world, &named), Some(named));
}
