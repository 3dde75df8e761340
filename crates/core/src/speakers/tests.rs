use super::*;
use crate::access::Limits;
use crate::actor::password::{FOREIGN_SECONDS, PasswordHash, Proof};
use crate::actor::token::{Issue, Issuer};
use crate::actor::{self, password};
use crate::model::Command as Model;
use crate::names::{Digest, TokenId};
use crate::tables::{PasswordRow, TokenRow};
use crate::testing::{World, alice, bob, carol, label, reason, system};

fn token(number: u8) -> TokenId {
    TokenId::parse(&format!("t{number:0>32}")).unwrap()
}

fn issue(world: &World, number: u8, actor: &ActorId, by: Issuer) -> actor::Command {
    let secret = Digest::of(&[number]);
    let expires_at = world.now().plus_seconds(3_600);
    actor::Command::IssueToken(Box::new(Issue { token: token(number), actor: actor.clone(), secret, expires_at, limits: Limits::default(), by }))
}

fn held(world: &mut World, number: u8) -> Vec<ActorId> {
    world.row::<TokenRow>(&[&token(number)]).unwrap().made_by
}

fn people() -> World {
    let mut world = World::new();
    for id in [alice(), bob(), carol()] {
        world.person(&id, &["administrator"]);
    }
    world
}

#[test]
fn a_token_knows_who_made_it_and_so_does_what_is_made_by_it() {
    let mut world = people();
    let command = issue(&world, 1, &bob(), Issuer::Administrator);
    world.ok(&alice(), command);
    assert_eq!(held(&mut world, 1), [alice()]);
    let command = issue(&world, 2, &bob(), Issuer::Self_);
    world.ok(&bob(), command);
    assert!(held(&mut world, 2).is_empty(), "his own, made by a credential of his own");
    world.through = vec![alice()];
    for (number, whose, by, makers) in [(3, bob(), Issuer::Self_, vec![alice()]), (4, carol(), Issuer::Administrator, vec![alice(), bob()])] {
        let command = issue(&world, number, &whose, by);
        let entries = world.ok(&bob(), command);
        assert_eq!(entries[0].through, [alice()], "the entry says it");
        assert_eq!(held(&mut world, number), makers);
    }
    world.through.clear();
    let command = issue(&world, 5, &alice(), Issuer::Administrator);
    world.ok(&system(), command);
    assert!(held(&mut world, 5).is_empty(), "the program is nobody");
}

#[test]
fn a_chain_of_credentials_ends() {
    let mut world = people();
    world.through = (0..MAX_MAKERS).map(|number| ActorId::parse(&format!("u{number:0>32}")).unwrap()).collect();
    let command = issue(&world, 1, &bob(), Issuer::Self_);
    world.ok(&bob(), command);
    let command = issue(&world, 2, &carol(), Issuer::Administrator);
    assert_eq!(world.refused(&bob(), command).code, Code::TooLarge);
}

#[test]
fn a_password_is_his_own_when_he_changes_it_after_the_time_in_which_he_would_notice() {
    let mut world = people();
    let hash = |text: &str| PasswordHash::new(text.to_owned());
    let until = world.now().plus_seconds(86_400);
    let secret_hash = Digest::of(b"once");
    world.ok(&alice(), actor::Command::Password(password::Command::Reset { actor: bob(), secret_hash, until, ended: vec![] }));
    let set = |world: &mut World, to: &str, proof: Proof| {
        world.ok(&bob(), actor::Command::Password(password::Command::Set { hash: hash(to), proof, ended: vec![] }));
        world.row::<PasswordRow>(&[&bob()]).unwrap().made_by
    };
    assert_eq!(set(&mut world, "a", Proof::Reset(secret_hash)), [alice()]);
    assert_eq!(set(&mut world, "b", Proof::Old(hash("a"))), [alice()], "who reset it could have changed it as well");
    world.skip(FOREIGN_SECONDS);
    assert!(set(&mut world, "c", Proof::Old(hash("b"))).is_empty());
    assert!(set(&mut world, "d", Proof::Old(hash("c"))).is_empty());
}

#[test]
fn who_made_a_credential_is_not_the_second_person_on_either_side() {
    let mut world = people();
    world.ok(&system(), crate::team::Command::Create { team: label("retail"), description: String::new() });
    for id in [alice(), bob(), carol()] {
        let roles = ["owner", "administrator"].map(|role| crate::access::Grant::parse(role).unwrap()).to_vec();
        world.ok(&system(), actor::Command::SetRoles { id, roles });
    }
    let propose = |id| Model::ProposeTransfer { id, to: label("retail"), reason: reason() };
    let accept = |id| Model::AcceptTransfer { id, to: label("retail") };
    let model = world.model("loans");
    world.ok(&alice(), propose(model.clone()));
    world.through = vec![alice()];
    let refusal = world.refused(&bob(), accept(model.clone()));
    assert_eq!(refusal.code, Code::SeparationOfDuties);
    assert!(refusal.message.contains("credential that you use") && refusal.message.contains(alice().as_str()), "{}", refusal.message);
    world.through = vec![carol()];
    world.ok(&bob(), accept(model));
    // The other way round: what was proposed by a credential that the second person made.
    let model = world.model("cards");
    world.through = vec![alice()];
    world.ok(&bob(), propose(model.clone()));
    world.through.clear();
    let refusal = world.refused(&alice(), accept(model.clone()));
    assert_eq!((refusal.code, refusal.message.contains("credential that you made")), (Code::SeparationOfDuties, true), "{}", refusal.message);
    world.ok(&carol(), accept(model));
}
