//! Lineage: which edges facts and addenda make, and what they keep from being hidden.

use serde_json::{Value, json};

use super::*;
use crate::entry::{Payload, Subject};
use crate::evidence::{self, Binding, Body, EvidenceType};
use crate::manifest::Manifest;
use crate::refusal::Code;
use crate::tables::VersionRow;
use crate::testing::*;
use crate::version::{Command, Origin};

fn register(world: &mut World, model: &ModelId, facts: &Value, held: bool) -> VersionNumber {
    let Command::Register { model, semver, bump, description, tags, .. } = register_version(model, "x") else { panic!("a registration") };
    let (files, origin) = if held { (manifest("w"), None) } else { (Manifest::empty(), Some(Origin { source: "s3://b/m".to_owned(), ..Origin::default() })) };
    let command = Command::Register { model, manifest: files, facts: Payload::json("facts", facts).unwrap(), semver, bump, description, origin, tags };
    let Subject::Version(_, number) = world.ok(&alice(), command)[0].subject.clone() else { panic!("a version") };
    number
}

/// Relation, name, version, detail and grade of each edge.
fn edges(world: &World, number: VersionNumber) -> Vec<(Relation, String, String, String, Grade)> {
    let rows = world.all::<LineageRow>().into_iter().filter(|row| row.number == number);
    rows.map(|row| (row.relation, row.name, row.version, row.detail, row.grade)).collect()
}

/// LIN-1: everything that facts say a version comes from is an edge, with the grade of the fact.
#[test]
fn facts_become_edges() {
    let mut world = World::new();
    let model = world.model("loans");
    let parent = world.version(&model);
    let digest = world.row::<VersionRow>(&[&model, &parent]).unwrap().version_digest;
    let facts = json!({
        "parents": ["meta/llama", {"reference": "loans/1", "relation": "finetune", "method": "lora", "resolved": {"model": model, "number": 1, "version_digest": digest}}],
        "datasets": [{"name": "d", "version": "v2", "digest": Digest::of(b"d"), "role": "training"}, {"name": "e", "version": null}],
        "training": {"run_id": "r1", "pipeline_run": "p1", "code": {"repository": "git", "commit": "a".repeat(40)}},
        "environment": {"packages": ["NumPy==2.0", "scipy>=1", {"name": "torch", "version": "2.9"}], "pinned": false},
        "origin": {"source": "s3://x", "run_id": "r1"},
        "grades": {"datasets": "claimed", "training": "claimed", "training.run_id": "read", "environment": "read"},
    });
    let number = register(&mut world, &model, &facts, true);
    let text = |text: &str| text.to_owned();
    assert_eq!(
        edges(&world, number),
        vec![
            (Relation::DerivedFrom, text("meta/llama"), text(""), text(""), Grade::Claimed),
            (Relation::FineTunedFrom, text("loans/1"), text(""), text("lora"), Grade::Claimed),
            (Relation::Dataset, text("d"), text("v2"), text("training"), Grade::Claimed),
            (Relation::Dataset, text("e"), text(""), text(""), Grade::Claimed),
            (Relation::Code, "a".repeat(40), text(""), text("git"), Grade::Claimed),
            (Relation::Run, text("r1"), text(""), text(""), Grade::Read),
            (Relation::Pipeline, text("p1"), text(""), text(""), Grade::Claimed),
            (Relation::Environment, text(""), text(""), text(""), Grade::Read),
        ]
    );
    let resolved = world.all::<LineageRow>().into_iter().find(|row| row.relation == Relation::FineTunedFrom).unwrap();
    assert_eq!((resolved.to_model, resolved.to_number, resolved.digest), (Some(model.clone()), Some(1), Some(digest)));
    let packages: Vec<(String, String)> = world.all::<PackageRow>().into_iter().map(|row| (row.name, row.version)).collect();
    assert_eq!(packages, [(text("numpy"), text("2.0")), (text("torch"), text("2.9"))]);
    // A parent cannot be hidden, and nothing that is shown of it changed.
    let row = world.row::<VersionRow>(&[&model, &parent]).unwrap();
    assert!(row.shared && !row.pinned && row.revision == row.registered_index);
    assert_eq!(world.run(&alice(), world.hide_version(&model, parent)).unwrap_err().code, Code::ProtectedDeletion);
}

#[test]
fn versions_with_the_same_packages_share_them() {
    let mut world = World::new();
    let model = world.model("loans");
    let packages = |list: Value| json!({"environment": {"packages": list}});
    for list in [json!(["b==2", "a==1"]), json!(["A==1", "b == 2 ; python_version > '3'"]), json!(["a==1"]), json!(["a>=1", "b==1.*"]), json!([])] {
        register(&mut world, &model, &packages(list), true);
    }
    let sets: Vec<u64> = world.all::<EnvironmentRow>().into_iter().map(|row| row.packages).collect();
    assert_eq!(sets.iter().sum::<u64>(), 3, "{sets:?}");
    assert_eq!((sets.len(), world.all::<PackageRow>().len()), (2, 3));
    let environments = world.all::<LineageRow>().into_iter().filter(|row| row.relation == Relation::Environment);
    assert_eq!(environments.count(), 3, "what pins nothing has no edge");
}

#[test]
fn packages_are_bounded() {
    let mut world = World::new();
    let model = world.model("loans");
    let mut list: Vec<String> = (0..MAX_PACKAGES + 500).map(|at| format!("p{at:05}==1")).collect();
    list.extend([format!("{}==1", "n".repeat(300)), format!("v=={}", "1".repeat(101)), "==1".to_owned(), "x==".to_owned()]);
    register(&mut world, &model, &json!({"environment": {"packages": list}}), true);
    assert_eq!(world.all::<PackageRow>().len(), MAX_PACKAGES);
    assert!(world.all::<PackageRow>().iter().all(|row| row.name.len() < 10));
}

#[test]
fn bytes_that_come_later_replace_what_the_facts_said() {
    let mut world = World::new();
    let model = world.model("loans");
    let number = register(&mut world, &model, &json!({"datasets": [{"name": "a"}, {"name": "b"}]}), false);
    assert_eq!(edges(&world, number).len(), 2);
    let facts = Payload::json("facts", &json!({"datasets": [{"name": "a"}], "training": {"run_id": "r"}})).unwrap();
    world.ok(&alice(), Command::Attach { model: model.clone(), number, manifest: manifest("w"), facts: facts.clone(), expected: None });
    let names: Vec<String> = edges(&world, number).into_iter().map(|edge| edge.1).collect();
    assert_eq!(names, ["a", "r"]);
    assert!(world.all::<LineageRow>().iter().all(|row| row.source == facts.digest));
}

/// Facts that come later are addenda: they add edges, as claims, and remove none.
#[test]
fn an_addendum_adds_edges() {
    let mut world = World::new();
    let model = world.model("loans");
    let other = world.version(&model);
    let digest = world.row::<VersionRow>(&[&model, &other]).unwrap().version_digest;
    let number = register(&mut world, &model, &json!({"datasets": [{"name": "a"}]}), true);
    let version = world.row::<VersionRow>(&[&model, &number]).unwrap().version_digest;
    let resolved = json!({"model": model, "number": 1, "version_digest": digest});
    for (kind, document) in [
        (
            EvidenceType::Addendum,
            json!({"datasets": [{"name": "late"}], "parents": [{"reference": "loans/1", "resolved": resolved}], "grades": {"datasets": "read"}}),
        ),
        (EvidenceType::Addendum, json!({"datasets": "not a list"})),
        (EvidenceType::Other, json!({"datasets": [{"name": "no addendum"}]})),
    ] {
        world.ok(
            &alice(),
            evidence::Command::Add {
                model: model.clone(),
                number,
                evidence_type: kind,
                grade: Grade::Claimed,
                binds_to: Binding::Version,
                binds_digest: version,
                file_of_manifest: false,
                title: String::new(),
                role: None,
                signed_by: Vec::new(),
                read: None,
                body: Body::Payload(Payload::json("evidence", &document).unwrap()),
            },
        );
    }
    let found: Vec<(String, Grade)> = edges(&world, number).into_iter().map(|edge| (edge.1, edge.4)).collect();
    assert_eq!(found.len(), 3, "{found:?}");
    assert!(found.iter().all(|(_, grade)| *grade == Grade::Claimed) && found.iter().any(|(name, _)| name == "late"));
    assert!(world.all::<LineageRow>().iter().all(|row| row.to_model.is_none()), "nobody looked the parent of an addendum up");
}

#[test]
fn relations_of_parents_are_closed() {
    for word in Relation::PARENTS {
        Relation::of_parent(word).unwrap();
    }
    let refusal = Relation::of_parent("component").unwrap_err();
    check_style(&refusal);
    assert!(refusal.remedy.unwrap().contains("quantised-from"));
}

#[test]
fn names_of_packages_are_compared_as_an_index_does() {
    for (name, expected) in [("Scikit_Learn", "scikit-learn"), ("a.-_b", "a-b"), (" Flask ", "flask"), ("é", "é")] {
        assert_eq!(normalised(name), expected);
    }
}
