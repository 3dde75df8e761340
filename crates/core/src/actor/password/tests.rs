//! Who sets which password, and what ends with it.

use super::*;
use crate::actor;
use crate::testing::*;

fn token(last: &str) -> TokenId {
    TokenId::parse(&format!("t{last:0>32}")).unwrap()
}

fn hash(text: &str) -> PasswordHash {
    PasswordHash::new(format!("$argon2id${text}"))
}

fn secret(text: &str) -> Digest {
    Digest::of(text.as_bytes())
}

fn reset(world: &World, actor: &ActorId, text: &str) -> actor::Command {
    actor::Command::Password(Command::Reset { actor: actor.clone(), secret_hash: secret(text), until: world.now().plus_seconds(60), ended: vec![] })
}

fn set(new: &str, proof: Proof) -> actor::Command {
    actor::Command::Password(Command::Set { hash: hash(new), proof, ended: vec![token("1"), token("2"), token("9")] })
}

fn log_in(world: &World, last: &str, epoch: u64, seconds: i64) -> actor::Command {
    let expires_at = world.now().plus_seconds(seconds);
    actor::Command::Password(Command::LogIn { token: token(last), secret_hash: secret(last), expires_at, epoch })
}

fn pipeline() -> ActorId {
    ActorId::parse(&format!("p{:0>32}", "9")).unwrap()
}

/// Alice administers; Bob has the one-time secret `once`.
fn world() -> World {
    let mut world = World::new();
    world.ok(&system(), create_actor(&alice(), ActorKind::Person, "alice", &["administrator"]));
    world.ok(&alice(), create_actor(&bob(), ActorKind::Person, "bob", &["viewer"]));
    world.ok(&alice(), create_actor(&pipeline(), ActorKind::Pipeline, "ci", &["deployer"]));
    let command = reset(&world, &bob(), "once");
    world.ok(&alice(), command);
    world
}

fn epoch_of_bob(world: &mut World) -> u64 {
    world.row::<SignInRow>(&[&bob()]).unwrap().epoch
}

#[test]
fn a_one_time_secret_sets_a_password_once_and_the_old_password_sets_the_next() {
    let mut world = world();
    world.ok(&bob(), set("first", Proof::Reset(secret("once"))));
    let row = world.row::<PasswordRow>(&[&bob()]).unwrap();
    assert_eq!((row.hash, row.reset_hash), (Some(hash("first")), None));
    for proof in [Proof::Reset(secret("once")), Proof::Old(hash("other"))] {
        assert_eq!(world.refused(&bob(), set("stolen", proof)).code, Code::Unauthenticated);
    }
    let index = world.ok(&bob(), set("second", Proof::Old(hash("first"))))[0].index;
    assert_eq!(epoch_of_bob(&mut world), index, "sessions of before are over");
    // A reset ends the password at once.
    let command = reset(&world, &bob(), "again");
    world.ok(&alice(), command);
    assert_eq!(world.refused(&bob(), set("third", Proof::Old(hash("second")))).code, Code::Unauthenticated);
}

#[test]
fn a_one_time_secret_ends() {
    let mut world = world();
    let until = world.now().plus_seconds(1);
    world.ok(&alice(), actor::Command::Password(Command::Reset { actor: bob(), secret_hash: secret("once"), until, ended: vec![] }));
    world.person(&carol(), &["viewer"]);
    assert_eq!(world.refused(&bob(), set("late", Proof::Reset(secret("once")))).code, Code::Unauthenticated);
}

#[test]
fn a_change_of_the_password_ends_the_tokens_of_logins_and_no_others() {
    let mut world = world();
    let epoch = epoch_of_bob(&mut world);
    let command = log_in(&world, "1", epoch, 60);
    world.ok(&bob(), command);
    let command = log_in(&world, "2", 0, 60);
    assert_eq!(world.refused(&bob(), command).code, Code::Unauthenticated, "proved before the reset");
    let issue = actor::Command::IssueToken { token: token("2"), actor: alice(), secret_hash: secret("2"), expires_at: world.now().plus_seconds(60) };
    world.ok(&alice(), issue);
    let entries = world.ok(&bob(), set("first", Proof::Reset(secret("once"))));
    assert_eq!(entries.len(), 2, "his token ends; hers, and one that does not exist, do not");
    assert!(world.row::<TokenRow>(&[&token("1")]).unwrap().revoked);
    assert!(!world.row::<TokenRow>(&[&token("2")]).unwrap().revoked);
}

#[test]
fn machines_and_people_without_access_do_not_log_in() {
    let mut world = world();
    let command = reset(&world, &pipeline(), "x");
    assert_eq!(world.refused(&alice(), command).code, Code::AccessDenied);
    let command = reset(&world, &alice(), "x");
    assert_eq!(world.refused(&alice(), command).code, Code::SeparationOfDuties);
    let command = log_in(&world, "1", 0, 60);
    assert_eq!(world.refused(&pipeline(), command).code, Code::AccessDenied);
    for seconds in [0, MAX_LOGIN_SECONDS + 60] {
        let epoch = epoch_of_bob(&mut world);
        let command = log_in(&world, "1", epoch, seconds);
        assert_eq!(world.refused(&bob(), command).code, Code::InvalidField);
    }
    world.ok(&alice(), actor::Command::Deactivate { id: bob() });
    let command = reset(&world, &bob(), "x");
    assert_eq!(world.refused(&alice(), command).code, Code::TransitionRefused);
    assert_eq!(world.refused(&bob(), set("x", Proof::Reset(secret("once")))).code, Code::TransitionRefused);
}

#[test]
fn people_end_their_own_tokens_only() {
    let mut world = world();
    let epoch = epoch_of_bob(&mut world);
    let command = log_in(&world, "1", epoch, 60);
    world.ok(&bob(), command);
    let revoke = actor::Command::Password(Command::RevokeOwnToken { token: token("1") });
    assert_eq!(world.refused(&alice(), revoke.clone()).code, Code::NotFound);
    world.ok(&bob(), revoke);
    assert!(world.row::<TokenRow>(&[&token("1")]).unwrap().revoked);
}

#[test]
fn a_password_has_rules_and_is_not_repeated_in_the_refusal() {
    let long = "aB3$x".repeat(52);
    for (bad, rule) in [
        ("", "12 to 256"),
        ("short", "12 to 256"),
        (long.as_str(), "12 to 256"),
        ("data-scientist", "your name"),
        ("Data-Scientist2026", "your name"),
        ("data-scientistdata-scientist", "your name"),
        ("aaaaaaaaaaaa", "five different"),
        ("chy_aaaabbbbccccdddd", "like a token"),
        ("twelve chars\u{7}", "control"),
    ] {
        let refusal = check(bad, "data-scientist").unwrap_err();
        assert!(refusal.message.contains(rule), "{bad}: {refusal}");
        assert!(bad.is_empty() || !refusal.to_string().contains(bad));
    }
    for good in ["correct horse battery", "zwölf Zeichen!", "données-très-longues"] {
        check(good, "data-scientist").unwrap();
    }
    assert_eq!(format!("{:?}", hash("x")), "PasswordHash(…)");
}
