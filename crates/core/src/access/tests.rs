//! Who may do what: nothing without a role, and a review only in a role that the actor has.

use super::*;
use crate::approval::ApprovalVerdict;
use crate::names::State;
use crate::testing::*;

fn with(roles: &[&str]) -> Actor {
    let roles = roles.iter().map(|role| Grant::parse(role).unwrap()).collect();
    Actor { id: bob(), kind: ActorKind::Person, roles, teams: vec![], delegated: vec![], access_revision: 0 }
}

const ROLES: [&str; 9] = ["viewer", "contributor", "owner", "approver:security", "approver:ai-governance", "deployer", "incident", "auditor", "administrator"];

#[test]
fn who_may_do_what() {
    use Action::{
        AskPromotion, BreakGlass, Comment, Decide, Delegate, Demote, EditModel, ErasePerson, Execute, GrantException, ManageAccess, ManageActors, ManageModel,
        ManageOwnAccount, ManageOwnKeys, ManagePolicy, ManageRisks, ManageSettings, ManageTeams, ManageTemplates, Read, ReadAccessLog, ReadEntries, Register,
        RequestException, Retire, Review, RevokeAttestation, Rollback, RunChecks, ScheduleReview, SetAlias, SetPolicyMode, SetRiskTier, TransferModel, Upload,
    };
    let approvers = &["approver:security", "approver:ai-governance"];
    let working = &["contributor", "owner", "approver:security", "approver:ai-governance"];
    let matrix: [(Action, &[&str]); 36] = [
        (Read, &ROLES),
        (ReadEntries, &["auditor", "administrator"]),
        (Upload, &["contributor", "owner"]),
        (EditModel, &["contributor", "owner"]),
        (ManageModel, &["owner"]),
        (SetRiskTier, &["owner", "approver:ai-governance"]),
        (Register, &["contributor", "owner"]),
        (SetAlias, &["contributor", "owner", "deployer"]),
        (AskPromotion, &["contributor", "owner", "deployer"]),
        (Review, &["approver:security", "approver:ai-governance"]),
        (Comment, &["contributor", "owner", "approver:security", "approver:ai-governance", "deployer"]),
        (Decide, &["contributor", "owner", "approver:security", "approver:ai-governance", "deployer"]),
        (Execute, &["owner", "deployer"]),
        (Demote, &["owner", "incident"]),
        (Retire, &["owner"]),
        (Rollback, &["deployer", "incident"]),
        (ManageActors, &["administrator"]),
        (ManageOwnKeys, &ROLES),
        (ManageSettings, &["administrator"]),
        (SetPolicyMode, &["approver:ai-governance", "administrator"]),
        (RequestException, &["contributor", "owner", "approver:security", "approver:ai-governance", "deployer", "incident"]),
        (GrantException, approvers),
        (BreakGlass, &["incident"]),
        (Delegate, approvers),
        (ManageRisks, working),
        (ScheduleReview, working),
        (ManagePolicy, &["approver:ai-governance", "administrator"]),
        (ManageTemplates, &["approver:ai-governance", "administrator"]),
        (RunChecks, &["administrator"]),
        (RevokeAttestation, &["owner", "approver:ai-governance", "incident"]),
        (ManageOwnAccount, &ROLES),
        (ManageTeams, &["administrator"]),
        (TransferModel, &["owner", "administrator"]),
        (ErasePerson, &["administrator"]),
        (ManageAccess, &["administrator"]),
        (ReadAccessLog, &["auditor", "administrator"]),
    ];
    assert_eq!(matrix.map(|(action, _)| action).as_slice(), Action::ALL);
    for (action, allowed) in matrix {
        for role in ROLES {
            let result = authorize_read(&with(&[role]), action);
            assert_eq!(result.is_ok(), allowed.contains(&role), "{role}: {action}");
        }
        let refusal = authorize_read(&with(&[]), action).unwrap_err();
        assert_eq!(refusal.code, Code::AccessDenied);
        check_style(&refusal);
    }
}

#[test]
fn a_verdict_is_given_in_a_role_that_one_has() {
    let id = promotion_id(1);
    let command = |role| Command::from(give_review(&id, role, ApprovalVerdict::Approve));
    assert!(authorize(&with(&["approver:security"]), command("security")).is_ok());
    let refusal = authorize(&with(&["approver:security"]), command("product")).unwrap_err();
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
        let result = authorize(&with(&roles), review(role)).map(drop);
        assert_eq!(result.as_ref().map_err(|refusal| refusal.field.as_deref()).copied(), field, "{roles:?} as {role:?}");
    }
    let withdraw = promotion::Command::Withdraw { promotion: id, role: label("product"), given_by: None, reason: reason() };
    assert_eq!(authorize(&with(&["approver:security"]), withdraw.into()).unwrap_err().code, Code::AccessDenied);
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
    let actor = Actor { delegated: vec![Delegated { role: security.clone(), by: by.clone() }], ..with(&[]) };
    for action in Action::ALL {
        let allowed = matches!(action, Action::Read | Action::Review | Action::Comment | Action::Decide | Action::ManageOwnKeys | Action::ManageOwnAccount);
        assert_eq!(authorize_read(&actor, *action).is_ok(), allowed, "{action}");
    }
    assert_eq!(actor.speaks_for(&security), Some(Some(&by)));
    assert_eq!(actor.speaks_for(&label("product")), None);
    let review = |role: &str, delegated_by: Option<ActorId>| {
        let review = promotion::Review { delegated_by, ..review_of(&promotion_id(1), role, ApprovalVerdict::Approve) };
        Command::from(promotion::Command::Review(Box::new(review)))
    };
    assert!(authorize(&actor, review("security", Some(by.clone()))).is_ok());
    for command in [review("security", None), review("security", Some(alice())), review("product", Some(by.clone()))] {
        assert_eq!(authorize(&actor, command).unwrap_err().field.as_deref(), Some("role"));
    }
    // Who has the role himself speaks for himself.
    let holder = Actor { delegated: actor.delegated.clone(), ..with(&["approver:security"]) };
    assert_eq!(holder.speaks_for(&security), Some(None));
    let give = |role: &str| {
        let until = crate::names::Timestamp::from_micros(0);
        Command::from(delegation::Command::Give { role: label(role), to: carol(), until, reason: reason() })
    };
    assert!(authorize(&holder, give("security")).is_ok());
    assert!(authorize(&holder, give("product")).is_err());
    assert!(authorize(&actor, give("security")).is_err(), "what is lent is not passed on");
}
