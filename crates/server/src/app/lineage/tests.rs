//! How far versions are, whatever shape the edges have.

use chancery_core::names::{Digest, Grade};

use super::*;

fn place(number: u64) -> Place {
    (ModelId::parse(&format!("m{}", "a".repeat(32))).unwrap(), VersionNumber::new(number).unwrap())
}

fn edge(from: u64, to: u64) -> LineageRow {
    LineageRow {
        model_id: place(from).0,
        number: place(from).1,
        source: Digest::of(b"facts"),
        place: to,
        relation: Relation::DerivedFrom,
        to_model: Some(place(to).0),
        to_number: Some(to),
        name: String::new(),
        version: String::new(),
        digest: None,
        detail: String::new(),
        grade: Grade::Claimed,
    }
}

fn distances(edges: &[LineageRow], start: u64, way: Way, among: u64) -> Vec<u64> {
    let found = Found {
        semver: String::new(),
        state: State::Draft,
        version_digest: String::new(),
        is_hidden: false,
        distance: u64::MAX,
        aliases: Vec::new(),
    };
    let mut versions: BTreeMap<Place, Found> = (1..=among).map(|number| (place(number), found.clone())).collect();
    measure(&mut versions, edges, &place(start), way);
    versions.values().map(|found| found.distance).collect()
}

#[test]
fn the_shortest_way_counts() {
    let edges = [edge(2, 1), edge(3, 2), edge(3, 1), edge(4, 3)];
    assert_eq!(distances(&edges, 1, Way::Down, 5), [0, 1, 1, 2, u64::MAX]);
    assert_eq!(distances(&edges, 4, Way::Up, 5), [2, 2, 1, 0, u64::MAX]);
}

/// No registration makes a ring, but rows of a damaged database might.
#[test]
fn a_ring_ends() {
    let edges = [edge(1, 2), edge(2, 3), edge(3, 1), edge(1, 1)];
    assert_eq!(distances(&edges, 1, Way::Up, 3), [0, 1, 2]);
    assert_eq!(distances(&edges, 1, Way::Down, 3), [0, 2, 1]);
}

#[test]
fn a_long_chain_needs_no_stack() {
    let edges: Vec<LineageRow> = (2..=20_000).map(|number| edge(number, number - 1)).collect();
    assert_eq!(distances(&edges, 1, Way::Down, 20_000).last(), Some(&19_999));
}
