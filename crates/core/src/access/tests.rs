//! Who may do what: nothing without a role, and a review only in a role that the actor has.

use super::*;
use crate::approval::ApprovalVerdict;
use crate::entry::Door;
use crate::names::State;
use crate::testing::*;

fn with(roles: &[&str]) -> Actor {
    let roles = roles.iter().map(|role| Grant::parse(role).unwrap()).collect();
    Actor { id: bob(), kind: ActorKind::Person, roles, teams: vec![], delegated: vec![], access_revision: 0 }
}

const ROLES: [&str; 9] = ["viewer", "contributor", "owner", "approver:security", "approver:ai-governance", "deployer", "incident", "auditor", "administrator"];

#[test]
fn a_verdict_is_given_in_a_role_that_one_has() {
    let id = promotion_id(1);
    let command = |role| Command::from(give_review(&id, role, ApprovalVerdict::Approve));
    assert!(authorize_in_registry(&with(&["approver:security"]), command("security")).is_ok());
    let refusal = authorize_in_registry(&with(&["approver:security"]), command("product")).unwrap_err();
    assert_eq!((refusal.code, refusal.field.as_deref()), (Code::AccessDenied, Some("role")));
    // The same holds for who attaches a review in a role; without one it is a document like any other.
    let review = |role: Option<&str>| {
        Command::from(crate::evidence::Command::Add {
            model: model_id(1),
            number: numbered(1),
            evidence_type: crate::evidence::EvidenceType::Review,
            grade: crate::names::Grade::Claimed,
            binds_to: crate::evidence::Binding::Content,
            binds_digest: evidence_set(),
            file_of_manifest: false,
            title: String::new(),
            body: crate::evidence::Body::Blob { digest: evidence_set(), size: 1 },
            read: None,
            role: role.map(label),
            signed_by: vec![],
        })
    };
    for (roles, role, field) in [
        (["approver:security"], Some("security"), Ok(())),
        (["approver:security"], Some("product"), Err(Some("role"))),
        (["contributor"], Some("security"), Err(None)),
        (["approver:security"], None, Err(None)),
        (["contributor"], None, Ok(())),
    ] {
        let result = authorize_in_registry(&with(&roles), review(role)).map(drop);
        assert_eq!(result.as_ref().map_err(|refusal| refusal.field.as_deref()).copied(), field, "{roles:?} as {role:?}");
    }
    let withdraw = promotion::Command::Withdraw { promotion: id, role: label("product"), given_by: None, reason: reason() };
    assert_eq!(authorize_in_registry(&with(&["approver:security"]), withdraw.into()).unwrap_err().code, Code::AccessDenied);
}

#[test]
fn a_state_decides_which_action_a_transition_is() {
    for (to, action) in [
        (State::Draft, Action::Demote),
        (State::Candidate, Action::Demote),
        (State::Approved, Action::Demote),
        (State::Production, Action::Demote),
        (State::Deprecated, Action::Demote),
        (State::Retired, Action::Retire),
    ] {
        assert_eq!(action_of(&move_version(&model_id(1), numbered(1), to).into()), action, "{to}");
    }
}

#[test]
fn roles_are_written_as_they_are_read() {
    for role in ROLES {
        assert_eq!(Role::parse(role).unwrap().to_string(), role);
    }
    for bad in ["", "root", "approver:", "approver:A B", "Viewer"] {
        check_style(&Role::parse(bad).unwrap_err());
    }
}

/// Who stands in gives verdicts, looks and comments; nothing else that the role allows is lent with it.
#[test]
fn a_delegated_role_allows_verdicts_and_no_more() {
    let security = label("security");
    let by = carol();
    let actor = Actor { delegated: vec![Delegated { role: security.clone(), by: by.clone(), scopes: vec![Scope::Registry] }], ..with(&[]) };
    for action in Action::ALL {
        let allowed = matches!(action, Action::Read | Action::Review | Action::Comment | Action::Decide | Action::ManageOwnKeys | Action::ManageOwnAccount);
        let decision = Policies::shipped().decide(&actor, *action, &Resource::Registry, &Circumstances::at(Door::Api));
        assert_eq!(decision.allowed, allowed, "{action}");
    }
    assert_eq!(actor.speaks_for(&security, &Place::Anywhere), Some(Some(&by)));
    assert_eq!(actor.speaks_for(&label("product"), &Place::Anywhere), None);
    let review = |role: &str, delegated_by: Option<ActorId>| {
        let review = promotion::Review { delegated_by, ..review_of(&promotion_id(1), role, ApprovalVerdict::Approve) };
        Command::from(promotion::Command::Review(Box::new(review)))
    };
    assert!(authorize_in_registry(&actor, review("security", Some(by.clone()))).is_ok());
    for command in [review("security", None), review("security", Some(alice())), review("product", Some(by.clone()))] {
        assert_eq!(authorize_in_registry(&actor, command).unwrap_err().field.as_deref(), Some("role"));
    }
    // Who has the role himself speaks for himself.
    let holder = Actor { delegated: actor.delegated.clone(), ..with(&["approver:security"]) };
    assert_eq!(holder.speaks_for(&security, &Place::Anywhere), Some(None));
    let give = |role: &str| {
        let until = crate::names::Timestamp::from_micros(0);
        Command::from(delegation::Command::Give { role: label(role), to: carol(), until, reason: reason() })
    };
    assert!(authorize_in_registry(&holder, give("security")).is_ok());
    assert!(authorize_in_registry(&holder, give("product")).is_err());
    assert!(authorize_in_registry(&actor, give("security")).is_err(), "what is lent is not passed on");
}

/// A role of approval counts where it was granted, whether it is one's own or lent.
#[test]
fn a_role_of_approval_counts_where_it_was_granted() {
    let class = |team: &str| Resource::Model(AccessClass::parse(&format!("{team}/high/-/model/-")).unwrap());
    let (ours, theirs) = (class("credit"), class("fraud"));
    let review = |delegated_by: Option<ActorId>| {
        let review = promotion::Review { delegated_by, ..review_of(&promotion_id(1), "security", ApprovalVerdict::Approve) };
        Command::from(promotion::Command::Review(Box::new(review)))
    };
    let own = with(&["approver:security@team:credit", "approver:product"]);
    assert!(authorize_at(&own, ours.clone(), review(None)).is_ok());
    assert_eq!(authorize_at(&own, theirs.clone(), review(None)).unwrap_err().field.as_deref(), Some("role"), "another role does not stand for it");
    let scopes = vec![Scope::Team(label("credit"))];
    let lent = Actor { delegated: vec![Delegated { role: label("security"), by: carol(), scopes }], ..with(&[]) };
    assert!(authorize_at(&lent, ours, review(Some(carol()))).is_ok());
    assert_eq!(authorize_at(&lent, theirs, review(Some(carol()))).unwrap_err().code, Code::AccessDenied);
}
