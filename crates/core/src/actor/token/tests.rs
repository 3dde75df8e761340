//! Tokens: issued once, rotated without a gap, exchanged once.

use super::super::Command;
use super::super::identity::Added;
use super::*;
use crate::identity::{Match, Rule, Shape};
use crate::names::{Label, ModelId};
use crate::testing::*;

fn token(last: &str) -> TokenId {
    TokenId::parse(&format!("t{last:0>32}")).unwrap()
}

fn pipeline() -> ActorId {
    ActorId::parse(&format!("p{:0>32}", "d")).unwrap()
}

fn identity() -> IdentityId {
    IdentityId::parse(&format!("i{:0>32}", "1")).unwrap()
}

/// Alice administers, Bob reads, a pipeline is known by an identity.
fn world() -> World {
    let mut world = World::new();
    world.ok(&system(), create_actor(&alice(), ActorKind::Person, "alice", &["administrator"]));
    world.ok(&alice(), create_actor(&bob(), ActorKind::Person, "bob", &["viewer"]));
    world.ok(&alice(), create_actor(&pipeline(), ActorKind::Pipeline, "ci", &["deployer"]));
    world.ok(&alice(), add(&pipeline(), &identity(), 0));
    world
}

fn add(actor: &ActorId, id: &IdentityId, held: u64) -> Command {
    let rule = |claim: &str, value: &str| Rule { claim: claim.to_owned(), how: Match::Exact, value: value.to_owned() };
    let rules = vec![rule("repository", "acme/loans"), rule("ref", "refs/heads/main")];
    let added = Added { id: id.clone(), issuer: "https://i.example".to_owned(), audience: "chancery".to_owned(), shape: Shape::Github, rules };
    Command::AddIdentity { actor: actor.clone(), identity: Box::new(added), held }
}

fn issued(world: &World, id: &str, actor: &ActorId, by: Issuer) -> Command {
    let (secret, expires_at) = (Digest::of(id.as_bytes()), world.now().plus_seconds(3600));
    let limits = Limits::new(vec![], vec![Label::parse("credit").unwrap()], vec![]).unwrap();
    Command::IssueToken(Box::new(Issue { token: token(id), actor: actor.clone(), secret, expires_at, limits, by }))
}

fn run(presented: &str) -> Issuer {
    let facts = PrivateText::new("facts", "{}", [1; 16]).unwrap();
    Issuer::Run(Box::new(Run { identity: identity(), presented: Digest::of(presented.as_bytes()), facts }))
}

fn rotate(old: &str, new: &str, overlap_seconds: i64, whose: Whose) -> Command {
    Command::RotateToken(Rotate { token: token(old), new: token(new), secret: Digest::of(new.as_bytes()), overlap_seconds, whose })
}

#[test]
fn a_rotated_token_ends_after_the_overlap_and_the_new_one_is_limited_alike() {
    let mut world = world();
    let first = issued(&world, "1", &bob(), Issuer::Self_);
    world.ok(&bob(), first);
    let before = world.row::<TokenRow>(&[&token("1")]).unwrap();
    world.ok(&bob(), rotate("1", "2", 60, Whose::Own));
    let (old, new) = (world.row::<TokenRow>(&[&token("1")]).unwrap(), world.row::<TokenRow>(&[&token("2")]).unwrap());
    assert!(old.expires_at < before.expires_at && old.expires_at > new.issued_at, "no gap");
    assert_eq!((old.replaced_by, new.valid_seconds), (Some(token("2")), before.valid_seconds));
    assert_eq!(limits_of(&new), limits_of(&before));
    assert_eq!(world.row::<CredentialRow>(&[&Digest::of(b"2")]).unwrap().token_id, token("2"));
    assert_eq!(world.refused(&bob(), rotate("1", "3", 60, Whose::Own)).code, Code::TransitionRefused, "once");
    // An overlap never prolongs the old one.
    let short = issued(&world, "4", &bob(), Issuer::Administrator);
    world.ok(&alice(), short);
    let until = world.row::<TokenRow>(&[&token("4")]).unwrap().expires_at;
    world.ok(&alice(), rotate("4", "5", MAX_OVERLAP_SECONDS, Whose::Other));
    assert_eq!(world.row::<TokenRow>(&[&token("4")]).unwrap().expires_at, until);
}

#[test]
fn a_token_of_an_issuer_is_exchanged_once() {
    let mut world = world();
    let first = issued(&world, "1", &pipeline(), run("jti"));
    world.ok(&pipeline(), first);
    let row = world.row::<TokenRow>(&[&token("1")]).unwrap();
    assert_eq!((row.identity, row.run.is_some()), (Some(identity()), true));
    let again = issued(&world, "2", &pipeline(), run("jti"));
    assert_eq!(world.refused(&pipeline(), again).code, Code::Unauthenticated);
    assert_eq!(world.refused(&alice(), rotate("1", "3", 0, Whose::Other)).code, Code::TransitionRefused, "not renewed");
    world.ok(&alice(), Command::RemoveIdentity { actor: pipeline(), id: identity() });
    let ended = issued(&world, "4", &pipeline(), run("other"));
    assert_eq!(world.refused(&pipeline(), ended).code, Code::Unauthenticated);
}

#[test]
fn every_refusal_about_tokens_and_identities() {
    let mut world = world();
    let own = issued(&world, "1", &bob(), Issuer::Self_);
    world.ok(&bob(), own);
    let other = IdentityId::parse(&format!("i{:0>32}", "2")).unwrap();
    let cases = vec![
        ("a token for somebody else", bob(), issued(&world, "2", &alice(), Issuer::Self_), Code::AccessDenied),
        ("a pipeline for itself", pipeline(), issued(&world, "2", &pipeline(), Issuer::Self_), Code::AccessDenied),
        ("a run of somebody else", bob(), issued(&world, "2", &bob(), run("x")), Code::Unauthenticated),
        ("somebody else's token as one's own", alice(), rotate("1", "2", 0, Whose::Own), Code::NotFound),
        ("revoking somebody else's", alice(), Command::RevokeToken { token: token("1"), whose: Whose::Own }, Code::NotFound),
        ("a long overlap", bob(), rotate("1", "2", MAX_OVERLAP_SECONDS + 1, Whose::Own), Code::InvalidField),
        ("a negative overlap", bob(), rotate("1", "2", -1, Whose::Own), Code::InvalidField),
        ("a new id that is taken", bob(), rotate("1", "1", 0, Whose::Own), Code::AlreadyExists),
        ("rotating nothing", bob(), rotate("9", "2", 0, Whose::Own), Code::NotFound),
        ("an identity of a person", alice(), add(&bob(), &other, 0), Code::TransitionRefused),
        ("an identity twice", alice(), add(&pipeline(), &identity(), 0), Code::AlreadyExists),
        ("too many identities", alice(), add(&pipeline(), &other, 20), Code::TooLarge),
        ("removing nothing", alice(), Command::RemoveIdentity { actor: pipeline(), id: other.clone() }, Code::NotFound),
        ("removing another's", alice(), Command::RemoveIdentity { actor: bob(), id: identity() }, Code::NotFound),
    ];
    for (why, who, command, code) in cases {
        assert_eq!(world.refused(&who, command).code, code, "{why}");
    }
    world.ok(&bob(), Command::RevokeToken { token: token("1"), whose: Whose::Own });
    assert_eq!(world.refused(&bob(), rotate("1", "2", 0, Whose::Own)).code, Code::TransitionRefused, "revoked");
}

#[test]
fn limits_that_cannot_be_read_let_nothing_through() {
    let mut world = world();
    let command = issued(&world, "1", &bob(), Issuer::Self_);
    world.ok(&bob(), command);
    let row = TokenRow { limits: serde_json::json!({"actions": ["everything"]}), ..world.row::<TokenRow>(&[&token("1")]).unwrap() };
    let limits = limits_of(&row);
    assert!(!limits.reaches(&ModelId::parse(&format!("m{:0>32}", "1")).unwrap(), None));
}
