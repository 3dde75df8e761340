//! Adding evidence: what it binds to, and what a document may not do.

use super::*;
use crate::tables::VersionRow;
use crate::testing::*;

struct Adding {
    binds_to: Binding,
    binds_digest: Digest,
    file_of_manifest: bool,
}

fn add(model: &ModelId, number: VersionNumber, about: &Adding, text: &str) -> Command {
    Command::Add {
        model: model.clone(),
        number,
        evidence_type: EvidenceType::Evaluation,
        grade: Grade::Claimed,
        binds_to: about.binds_to,
        binds_digest: about.binds_digest,
        file_of_manifest: about.file_of_manifest,
        title: "report.json".to_owned(),
        body: Body::Payload(Payload::new("document", text.as_bytes().to_vec()).unwrap()),
        read: None,
        role: None,
        signed_by: vec![],
    }
}

#[test]
fn a_document_must_be_about_this_version() {
    let mut world = World::new();
    let model = world.model("loans");
    let number = world.version(&model);
    let row = world.row::<VersionRow>(&[&model, &number]).unwrap();
    let cases = [
        (Binding::Version, row.version_digest, false, true),
        (Binding::Version, row.content_digest, false, false),
        (Binding::Content, row.content_digest, false, true),
        (Binding::Content, row.version_digest, true, false),
        (Binding::File, Digest::of(b"file"), true, true),
        (Binding::File, row.content_digest, false, false),
    ];
    for (index, (binds_to, binds_digest, file_of_manifest, accepted)) in cases.into_iter().enumerate() {
        let command = add(&model, number, &Adding { binds_to, binds_digest, file_of_manifest }, &format!("document {index}"));
        if accepted {
            world.ok(&alice(), command);
            let stored = world.row::<EvidenceRow>(&[&model, &number, &Digest::of(format!("document {index}").as_bytes())]).unwrap();
            assert_eq!((stored.binds_to, stored.binds_digest, stored.actor, stored.in_payloads), (binds_to, binds_digest, alice(), true));
        } else {
            let refusal = world.refused(&alice(), command);
            assert_eq!((refusal.code, refusal.field.as_deref()), (Code::DigestMismatch, Some("binds_digest")), "{binds_to}");
        }
    }
}

#[test]
fn every_refusal() {
    let mut world = World::new();
    let model = world.model("loans");
    let (number, retired) = (world.version(&model), world.version_in(&model, State::Retired));
    let about = Adding { binds_to: Binding::File, binds_digest: Digest::of(b"file"), file_of_manifest: true };
    world.ok(&alice(), add(&model, number, &about, "document"));
    let mut long = add(&model, number, &about, "other");
    let Command::Add { title, .. } = &mut long;
    *title = "x".repeat(501);
    let mut in_a_role = add(&model, number, &about, "other");
    let Command::Add { role, .. } = &mut in_a_role;
    *role = Some(label("security"));
    let cases: Vec<(&str, Command, Code, Option<&str>)> = vec![
        ("about nothing", add(&model, numbered(9), &about, "x"), Code::NotFound, None),
        ("about a retired version", add(&model, retired, &about, "x"), Code::TransitionRefused, Some("version")),
        ("the same document twice", add(&model, number, &about, "document"), Code::AlreadyExists, Some("document")),
        ("a long title", long, Code::TooLarge, Some("title")),
        ("an evaluation in a role of approval", in_a_role, Code::InvalidField, Some("role")),
    ];
    for (what, command, code, field) in cases {
        let refusal = world.refused(&bob(), command);
        assert_eq!((refusal.code, refusal.field.as_deref()), (code, field), "{what}: {refusal}");
    }
}

#[test]
fn a_blob_is_in_use_and_a_payload_is_not_a_blob() {
    let mut world = World::new();
    let model = world.model("loans");
    let number = world.version(&model);
    let about = Adding { binds_to: Binding::File, binds_digest: Digest::of(b"file"), file_of_manifest: true };
    let uses = world.all::<BlobUseRow>().len();
    world.ok(&alice(), add(&model, number, &about, "small"));
    assert_eq!(world.all::<BlobUseRow>().len(), uses);
    let mut large = add(&model, number, &about, "large");
    let digest = Digest::of(b"large");
    let Command::Add { body, .. } = &mut large;
    *body = Body::Blob { digest, size: 5_000_000 };
    world.ok(&alice(), large);
    assert!(world.row::<BlobUseRow>(&[&digest, &model, &number, &format!("evidence:{digest}")]).is_some());
    assert_eq!(world.row::<EvidenceRow>(&[&model, &number, &digest]).unwrap().size, 5_000_000);
}

#[test]
fn what_was_read_is_a_payload_of_the_entry() {
    let mut world = World::new();
    let model = world.model("loans");
    let number = world.version(&model);
    let about = Adding { binds_to: Binding::File, binds_digest: Digest::of(b"file"), file_of_manifest: true };
    let summary = Payload::new("summary", br#"{"kind":"security"}"#.to_vec()).unwrap();
    for text in ["document", r#"{"kind":"security"}"#] {
        let mut command = add(&model, number, &about, text);
        let Command::Add { evidence_type, read, role, .. } = &mut command;
        *evidence_type = EvidenceType::Review;
        *read = Some(Read { format: "chancery.review/v1".to_owned(), summary: summary.clone() });
        *role = Some(label("security"));
        world.ok(&bob(), command);
        let row = world.row::<EvidenceRow>(&[&model, &number, &Digest::of(text.as_bytes())]).unwrap();
        assert_eq!((row.format.as_str(), row.summary, row.role), ("chancery.review/v1", Some(summary.digest), Some(label("security"))));
    }
    assert_eq!(world.payloads.iter().filter(|payload| **payload == summary).count(), 2, "with each entry, and once when it is the document itself");
}

/// Attested is what a pipeline signed with a key that is in force, also at the moment of the entry (EVD-2).
#[test]
fn only_the_keys_of_pipelines_attest() {
    use crate::actor::key::{RegisteredKey, Whose};
    use crate::actor::{self, ActorKind};
    use crate::names::ActorId;
    let key = |byte: u8| {
        RegisteredKey::of(&crate::signing::ForeignSigningKey::EcdsaP256(crate::signing::SigningKey::from_bytes(&[byte; 32]).unwrap()).public_key()).unwrap()
    };
    let mut world = World::new();
    let model = world.model("loans");
    let number = world.version(&model);
    let pipeline = ActorId::parse(&format!("p{:0>32}", "9")).unwrap();
    let gone = ActorId::parse(&format!("p{:0>32}", "8")).unwrap();
    world.ok(&system(), create_actor(&alice(), ActorKind::Person, "alice", &["administrator"]));
    world.ok(&alice(), create_actor(&pipeline, ActorKind::Pipeline, "ci", &[]));
    world.ok(&alice(), create_actor(&gone, ActorKind::Pipeline, "old-ci", &[]));
    for (actor, byte) in [(&pipeline, 1), (&pipeline, 2), (&gone, 3)] {
        world.ok(&alice(), actor::Command::AddKey { actor: actor.clone(), key: key(byte), whose: Whose::Other, held: 0 });
    }
    world.ok(&alice(), actor::Command::AddKey { actor: alice(), key: key(4), whose: Whose::Own, held: 0 });
    world.ok(&alice(), actor::Command::RemoveKey { actor: pipeline.clone(), key_id: key(2).id, whose: Whose::Other });
    world.ok(&alice(), actor::Command::Deactivate { id: gone });
    let about = Adding { binds_to: Binding::File, binds_digest: Digest::of(b"file"), file_of_manifest: true };
    let signed = |text: &str, of: Grade, by: &[u8]| {
        let mut command = add(&model, number, &about, text);
        let Command::Add { grade, signed_by, .. } = &mut command;
        *grade = of;
        *signed_by = by.iter().map(|byte| key(*byte).id.to_string()).collect();
        command
    };
    for (why, grade, by) in [
        ("attested by nobody", Grade::Attested, &[][..]),
        ("signed and claimed", Grade::Claimed, &[1]),
        ("a removed key", Grade::Attested, &[2]),
        ("a pipeline whose access ended", Grade::Attested, &[3]),
        ("a person", Grade::Attested, &[4]),
        ("an unknown key", Grade::Attested, &[9]),
        ("one of two", Grade::Attested, &[1, 9]),
    ] {
        assert_eq!(world.refused(&bob(), signed("x", grade, by)).code, Code::InvalidField, "{why}");
    }
    world.ok(&bob(), signed("x", Grade::Attested, &[1]));
    assert_eq!(world.row::<EvidenceRow>(&[&model, &number, &Digest::of(b"x")]).unwrap().signed_by, serde_json::json!([key(1).id.to_string()]));
}
