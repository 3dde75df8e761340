//! Rules that name too little are refused, and nothing but the very text fits.

use serde_json::json;

use super::*;

fn exact(claim: &str, value: &str) -> Rule {
    Rule { claim: claim.to_owned(), how: Match::Exact, value: value.to_owned() }
}

fn prefix(claim: &str, value: &str) -> Rule {
    Rule { claim: claim.to_owned(), how: Match::Prefix, value: value.to_owned() }
}

#[test]
fn rules_name_who_runs_and_which_run() {
    let uid = "/kubernetes.io/serviceaccount/uid";
    let account = || exact("sub", "system:serviceaccount:ci:release");
    let repository = || exact("repository", "acme/loans");
    for (shape, rules) in [
        (Shape::Github, vec![repository(), exact("ref", "refs/heads/main")]),
        (Shape::Github, vec![repository(), prefix("ref", "refs/heads/release/")]),
        (Shape::Github, vec![repository(), exact("environment", "production")]),
        (Shape::Github, vec![exact("repository_id", "7"), exact("job_workflow_ref", "acme/shared/.github/workflows/release.yml@refs/heads/main")]),
        (Shape::Gitlab, vec![exact("project_path", "acme/loans"), exact("ref_path", "refs/heads/main")]),
        (Shape::Kubernetes, vec![account(), exact(uid, "7a6f")]),
        (Shape::Other, vec![exact("sub", "release"), exact("pipeline", "loans")]),
    ] {
        assert_eq!(check(shape, &rules), Ok(()), "{rules:?}");
    }
    for (why, shape, rules) in [
        ("a repository alone", Shape::Github, vec![repository()]),
        ("twice who", Shape::Github, vec![repository(), exact("repository_id", "7")]),
        ("who by a prefix", Shape::Github, vec![prefix("repository", "acme/"), exact("ref", "refs/heads/main")]),
        ("nobody", Shape::Github, vec![exact("ref", "refs/heads/main")]),
        ("every branch", Shape::Github, vec![repository(), prefix("ref", "refs/heads/")]),
        ("every ref", Shape::Github, vec![repository(), prefix("ref", "refs/")]),
        ("a proposed change", Shape::Github, vec![repository(), exact("ref", "refs/pull/7/merge")]),
        ("a workflow at any ref", Shape::Github, vec![repository(), prefix("workflow_ref", "acme/loans/.github/workflows/")]),
        ("the organisation", Shape::Github, vec![repository(), exact("repository_owner", "acme")]),
        ("a project alone", Shape::Gitlab, vec![exact("project_path", "acme/loans")]),
        ("a service account alone", Shape::Kubernetes, vec![account()]),
        ("a namespace", Shape::Kubernetes, vec![prefix("sub", "system:serviceaccount:ci:"), exact(uid, "7a6f")]),
        ("one claim", Shape::Other, vec![exact("sub", "release")]),
        ("the audience", Shape::Other, vec![exact("sub", "release"), exact("aud", "chancery")]),
        ("none", Shape::Other, vec![]),
        ("a claim twice", Shape::Github, vec![repository(), exact("ref", "refs/heads/main"), exact("ref", "refs/heads/x")]),
        ("a prefix in the middle", Shape::Github, vec![repository(), exact("ref", "refs/heads/main"), prefix("actor", "rel")]),
        ("a wildcard", Shape::Github, vec![repository(), exact("ref", "refs/heads/*")]),
        ("an empty value", Shape::Github, vec![repository(), exact("ref", "")]),
        ("an invisible letter", Shape::Github, vec![exact("repository", "acme/loans\u{200b}"), exact("ref", "refs/heads/main")]),
        ("too many", Shape::Other, (0..17).map(|number| exact(&format!("c{number}"), "x")).collect()),
    ] {
        let refusal = check(shape, &rules).unwrap_err();
        assert!(refusal.field.as_deref().is_some_and(|field| field.starts_with("rules")), "{why}: {refusal}");
    }
}

#[test]
fn only_the_very_text_fits() {
    let rules = [exact("repository", "acme/loans"), prefix("ref", "refs/heads/release/"), exact("/k/n", "x")];
    let claims = |changes: &[(&str, Value)]| {
        let mut all = json!({"repository": "acme/loans", "ref": "refs/heads/release/1", "k": {"n": "x"}});
        for (name, value) in changes {
            all[*name] = value.clone();
        }
        all.as_object().unwrap().clone()
    };
    assert_eq!(mismatches(Shape::Github, &rules, &claims(&[])), []);
    for (name, value) in [
        ("repository", json!("acme/loans-evil")),
        ("repository", json!("Acme/Loans")),
        ("repository", json!("acme/loans ")),
        ("repository", json!("acme/lo\u{430}ns")),
        ("repository", json!(["acme/loans"])),
        ("repository", json!([["acme/loans"]])),
        ("repository", json!({"acme/loans": "acme/loans"})),
        ("repository", json!(null)),
        ("repository", json!(true)),
        ("ref", json!("refs/heads/release")),
        ("ref", json!("refs/heads/RELEASE/1")),
        ("ref", json!("xrefs/heads/release/1")),
        ("k", json!([{"n": "x"}])),
        ("k", json!("x")),
        ("event_name", json!("pull_request_target")),
    ] {
        let found = mismatches(Shape::Github, &rules, &claims(&[(name, value.clone())]));
        assert_eq!(found.len(), 1, "{name} {value}: {found:?}");
    }
    // A claim whose name begins with a stroke is reached through objects only.
    assert_eq!(mismatches(Shape::Other, &[exact("/k/n", "x")], json!({"/k/n": "x"}).as_object().unwrap()).len(), 1);
    let asked = [exact("event_name", "pull_request")];
    assert_eq!(mismatches(Shape::Github, &asked, json!({"event_name": "pull_request"}).as_object().unwrap()), []);
}

#[test]
fn the_facts_of_a_run_are_those_that_its_token_says() {
    let claims = json!({"repository": "acme/loans", "run_id": "88", "sha": "4185", "workflow_ref": "acme/loans/w.yml@refs/heads/main", "ref": "refs/heads/main",
        "actor": "sam", "job_url": 7});
    let found = facts(Shape::Github, "https://i.example", "repo:acme/loans", claims.as_object().unwrap());
    assert_eq!(found.run_url.as_deref(), Some("https://github.com/acme/loans/actions/runs/88"));
    assert_eq!((found.commit.as_deref(), found.actor.as_deref(), found.subject.as_str()), (Some("4185"), Some("sam"), "repo:acme/loans"));
    let gitlab = json!({"project_path": "acme/loans", "job_id": "9", "sha": "41\n85", "user_login": "sam"});
    let found = facts(Shape::Gitlab, "https://gitlab.example", "s", gitlab.as_object().unwrap());
    assert_eq!((found.run_url.as_deref(), found.commit), (Some("https://gitlab.example/acme/loans/-/jobs/9"), None), "no control characters");
}
