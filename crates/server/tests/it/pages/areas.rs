//! The addresses of the pages about records: models, versions, promotions, registers, ledger, policy, administration.

use super::visits::{Fixture, Visit, shape};
use super::world::World;

fn seen(person: &'static str, path: impl Into<String>) -> Visit {
    Visit { path: path.into(), person, status: 200 }
}

fn pages<const N: usize>(visits: [(&'static str, String); N]) -> Fixture {
    Fixture::Page(visits.into_iter().map(|(person, path)| seen(person, path)).collect())
}

/// What is looked at of a route about records.
pub(super) fn fixture(world: &World, pattern: &str) -> Option<Fixture> {
    let shape = shape(pattern);
    let area = shape.split('/').nth(1).unwrap_or_default();
    match area {
        "models" | "find" | "trace" => models(world, &shape),
        "promotions" | "exceptions" | "risks" | "evidence" => registers(world, &shape),
        "ledger" | "policy" | "can-i" => record(world, &shape),
        "admin" => administration(world, &shape),
        _ => None,
    }
}

fn models(world: &World, shape: &str) -> Option<Fixture> {
    let at = |path: &str| format!("{path}?as_of={}", world.earlier);
    Some(match shape {
        "/models" => pages([
            ("reader", "/models".to_owned()),
            ("scientist", "/models?q=loan".to_owned()),
            ("reader", "/models?q=nothing-of-this-name".to_owned()),
            ("reader", at("/models")),
        ])
        .and("reader", "/models?q=name%20LIKE%20(", 422),
        "/models/{}" => pages([
            ("model-owner", "/models/loan".to_owned()),
            // Nobody proposed another tier.
            ("model-owner", "/models/ready".to_owned()),
            ("governance-lead", "/models/loan".to_owned()),
            ("reader", "/models/assistant".to_owned()),
            ("reader", "/models/many".to_owned()),
            ("reader", "/models/bulk-00".to_owned()),
            ("reader", format!("/models/{}", encoded(&world.strange))),
            ("reader", at("/models/loan")),
        ]),
        "/models/{}/{}" => pages([
            ("scientist", "/models/loan/3".to_owned()),
            ("scientist", "/models/loan/4".to_owned()),
            ("model-owner", "/models/loan/2".to_owned()),
            ("reader", "/models/old/2".to_owned()),
            ("reader", "/models/scoring/1".to_owned()),
            ("reader", "/models/assistant/1".to_owned()),
            ("reader", "/models/elsewhere/1".to_owned()),
            ("scientist", at("/models/loan/2")),
        ]),
        "/models/{}/compare" => pages([("reader", "/models/many/compare?old=1&new=2".to_owned())]).and("reader", "/models/bulk-00/compare", 422),
        "/models/{}/compare/{}" => pages([("reader", "/models/loan/compare/2...3".to_owned()), ("reader", "/models/loan/compare/1...1".to_owned())]),
        "/models/{}/history" => pages([("model-auditor", "/models/loan/history".to_owned()), ("reader", at("/models/loan/history"))]),
        "/models/{}/{}/rollback" => pages([("on-call", "/models/loan/1/rollback".to_owned()), ("reader", "/models/loan/1/rollback".to_owned())]),
        "/models/{}/{}/lineage" => pages([
            ("reader", "/models/loan/3/lineage".to_owned()),
            ("reader", "/models/assistant/1/lineage?direction=up&depth=3".to_owned()),
            ("reader", "/models/base/1/lineage?direction=down".to_owned()),
        ]),
        "/models/{}/{}/files" | "/models/{}/{}/evidence" | "/models/{}/{}/findings" | "/models/{}/{}/history" => {
            let part = shape.rsplit('/').next().unwrap();
            pages([
                ("scientist", format!("/models/loan/3/{part}")),
                ("reader", format!("/models/loan/4/{part}")),
                ("reader", format!("/models/assistant/1/{part}")),
            ])
        }
        "/find" => {
            pages([("reader", "/find?q=lo".to_owned()), ("reader", "/find?q=nothing-of-this-name".to_owned()), ("reader", "/find?q=loan%2F3".to_owned())])
        }
        "/trace/{}" => pages([("reader", format!("/trace/{}", encoded(&world.composite)))]),
        _ => return None,
    })
}

/// Text as one segment of a path.
fn encoded(text: &str) -> String {
    text.bytes()
        .map(|byte| if byte.is_ascii_alphanumeric() || b"-_.".contains(&byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") })
        .collect()
}

fn registers(world: &World, shape: &str) -> Option<Fixture> {
    Some(match shape {
        "/promotions" => pages([("reader", "/promotions".to_owned()), ("security-lead", "/promotions?status=open".to_owned())]),
        "/promotions/{}" => {
            let mut visits = vec![];
            for person in ["security-lead", "product-owner", "scientist", "reader"] {
                visits.push(seen(person, format!("/promotions/{}", world.promotion("open"))));
            }
            for (what, id) in &world.promotions {
                let person = match *what {
                    "ready" => "releaser",
                    "complete" => "security-lead",
                    "stale" => "scientist",
                    _ => "product-owner",
                };
                visits.push(seen(person, format!("/promotions/{id}")));
            }
            Fixture::Page(visits)
        }
        "/exceptions" => pages([("scientist", "/exceptions".to_owned()), ("security-lead", "/exceptions?status=granted".to_owned())]),
        "/exceptions/{}" => {
            let of = |person| world.exceptions.iter().map(move |(_, id)| seen(person, format!("/exceptions/{id}")));
            Fixture::Page(of("governance-lead").chain(of("scientist")).collect())
        }
        "/risks" => pages([("scientist", "/risks".to_owned()), ("reader", "/risks".to_owned())]),
        "/risks/{}" => pages([
            ("governance-lead", format!("/risks/{}", world.risk)),
            ("scientist", format!("/risks/{}", world.risk)),
            ("reader", format!("/risks/{}", world.risk)),
        ]),
        "/evidence/{}" => Fixture::Page(world.evidence.iter().map(|digest| seen("reader", format!("/evidence/{digest}"))).collect()),
        _ => return None,
    })
}

fn record(world: &World, shape: &str) -> Option<Fixture> {
    Some(match shape {
        "/ledger" => {
            pages([("model-auditor", "/ledger".to_owned()), ("reader", "/ledger".to_owned()), ("model-auditor", "/ledger?subject=model%2Floan".to_owned())])
        }
        "/ledger/{}" => pages([
            ("model-auditor", format!("/ledger/{}", world.verdict)),
            ("model-auditor", format!("/ledger/{}", world.refused)),
            ("model-auditor", "/ledger/0".to_owned()),
        ]),
        "/policy" => pages([("registrar", "/policy".to_owned()), ("reader", "/policy".to_owned())]),
        "/policy/rules/{}" => pages([
            ("reader", "/policy/rules/metric.threshold".to_owned()),
            ("reader", "/policy/rules/artifact.intact".to_owned()),
            ("reader", "/policy/rules/approval.complete".to_owned()),
        ]),
        "/policy/try" => pages([("reader", "/policy/try".to_owned()), ("reader", "/policy/try?version=loan%2F3&to=production".to_owned())]),
        "/policy/bundles/{}" => pages([("registrar", format!("/policy/bundles/{}", world.bundle))]),
        "/policy/replay/{}" => pages([("model-auditor", format!("/policy/replay/{}", world.gate))]),
        "/can-i" => pages([("scientist", "/can-i".to_owned()), ("scientist", "/can-i?action=execute".to_owned())]),
        _ => return None,
    })
}

fn administration(world: &World, shape: &str) -> Option<Fixture> {
    let _ = world;
    Some(match shape {
        "/admin/people/{}" => pages([("registrar", "/admin/people/scientist".to_owned()), ("registrar", "/admin/people/waiting".to_owned())]),
        "/admin/people/{}/offboarding" => {
            pages([("registrar", "/admin/people/scientist/offboarding".to_owned()), ("registrar", "/admin/people/leaver/offboarding".to_owned())])
        }
        "/admin/teams/{}" => pages([("registrar", "/admin/teams/credit".to_owned()), ("registrar", "/admin/teams/risk".to_owned())]),
        _ if shape.split('/').count() == 3 => pages([("registrar", shape.to_owned()), ("model-auditor", shape.to_owned())]),
        _ => return None,
    })
}
