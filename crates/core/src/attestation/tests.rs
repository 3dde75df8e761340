//! Attestations are issued with an execution, and end by revocation, demotion and retirement.

use super::*;
use crate::names::{ModelId, VersionNumber};
use crate::promotion::{self, DecisionKind};
use crate::testing::*;

fn attested(world: &mut World, model: &ModelId, number: VersionNumber, target: State) -> Digest {
    let id = world.open(model, number, target);
    let envelope = Payload::new("envelope", format!("attestation of {model}/{number} to {target}").into_bytes()).unwrap();
    let digest = envelope.digest;
    let expires_at = world.now().plus_seconds(86_400);
    let signed_for = Signed { envelope, version_digest: Digest::of(b"version"), target, environment: label("production"), expires_at };
    let decision = signed(DecisionKind::Executed, usize::try_from(number.get()).unwrap() * 10 + target as usize);
    world.ok(&alice(), promotion::Command::Execute { promotion: id, gate: passing(), decision, replaced: vec![], attestation: Some(signed_for) });
    digest
}

fn revoke(digest: Digest, reason: RevocationReason) -> Command {
    Command::Revoke { digest, reason, comment: reason_text() }
}

fn reason_text() -> PrivateText {
    crate::testing::reason()
}

fn fall(world: &mut World, model: &ModelId, number: VersionNumber, to: State, attestations: Vec<Digest>) -> usize {
    let mut command = move_version(model, number, to);
    if let version::Command::Transition { attestations: found, .. } = &mut command {
        *found = attestations;
    }
    world.ok(&alice(), command).len()
}

#[test]
fn somebody_revokes_once_and_never_with_the_words_of_the_lifecycle() {
    let mut world = World::new();
    let model = world.model("loans");
    let number = world.version(&model);
    let digest = attested(&mut world, &model, number, State::Production);
    let row = world.row::<AttestationRow>(&[&digest]).unwrap();
    assert_eq!((row.target, row.revoked, row.number), (State::Production, None, number));
    for reason in [RevocationReason::Demoted, RevocationReason::Retired] {
        let refusal = world.refused(&alice(), revoke(digest, reason));
        assert_eq!((refusal.code, refusal.field.as_deref()), (Code::InvalidField, Some("reason")));
    }
    assert_eq!(world.refused(&alice(), revoke(Digest::of(b"none"), RevocationReason::Other)).code, Code::NotFound);
    let index = world.ok(&alice(), revoke(digest, RevocationReason::Vulnerable))[0].index;
    let row = world.row::<AttestationRow>(&[&digest]).unwrap();
    assert_eq!((row.revoked, row.revoked_index), (Some(RevocationReason::Vulnerable), Some(index)));
    assert_eq!(world.refused(&alice(), revoke(digest, RevocationReason::Other)).code, Code::AlreadyExists);
}

#[test]
fn a_version_that_falls_back_or_ends_loses_what_is_above_it() {
    for (to, lost) in [
        (State::Approved, vec![State::Production]),
        (State::Candidate, vec![State::Approved, State::Production]),
        (State::Draft, vec![State::Approved, State::Production]),
        (State::Retired, vec![State::Approved, State::Production]),
        (State::Deprecated, vec![]),
    ] {
        let mut world = World::new();
        let model = world.model("loans");
        let number = world.version(&model);
        let digests = [State::Approved, State::Production].map(|target| attested(&mut world, &model, number, target));
        let entries = fall(&mut world, &model, number, to, digests.to_vec());
        assert_eq!(entries, 1 + lost.len(), "{to}");
        let revoked: Vec<State> =
            digests.iter().filter_map(|digest| world.row::<AttestationRow>(&[digest])).filter(|row| row.revoked.is_some()).map(|row| row.target).collect();
        assert_eq!(revoked, lost, "{to}");
    }
}
