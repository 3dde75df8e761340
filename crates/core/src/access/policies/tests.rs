//! Who may do what, by the shipped policies and by those of an organisation.

use super::*;
use crate::access::authorize_read;
use crate::actor::ActorKind;
use crate::entry::Door;
use crate::refusal::Code;
use crate::testing::*;

const ROLES: [&str; 9] = ["viewer", "contributor", "owner", "approver:security", "approver:ai-governance", "deployer", "incident", "auditor", "administrator"];

fn with(roles: &[&str]) -> Actor {
    let roles = roles.iter().map(|role| Grant::parse(role).unwrap()).collect();
    Actor { id: bob(), kind: ActorKind::Person, roles, teams: vec![], delegated: vec![], access_revision: 0 }
}

fn class(team: &str, classification: &str, model: Option<ModelId>) -> AccessClass {
    AccessClass { model, ..AccessClass::parse(&format!("{team}/high/{classification}/model/-")).unwrap() }
}

fn decide(actor: &Actor, action: Action, resource: &Resource) -> Decision {
    Policies::shipped().decide(actor, action, resource, &Circumstances::at(Door::Api))
}

fn own(text: &str) -> Result<Policies, SourceError> {
    Policies::with(&BTreeMap::from([("own.cedar".to_owned(), text.to_owned())]), Digest::of(text.as_bytes()))
}

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
    let own = Resource::Model(class("credit", "-", Some(model_id(1))));
    let other = Resource::Model(class("fraud", "-", None));
    let policies = Policies::shipped();
    for (action, allowed) in matrix {
        for role in ROLES {
            let expected = allowed.contains(&role);
            let (registry, team, model) = (role.to_owned(), format!("{role}@team:credit"), format!("{role}@model:{}", model_id(1)));
            for (grant, resource, reaches) in [
                (&registry, &Resource::Registry, true),
                (&registry, &own, true),
                (&registry, &other, true),
                (&team, &own, true),
                (&team, &other, false),
                (&team, &Resource::Registry, false),
                (&team, &Resource::Team(label("credit")), true),
                (&team, &Resource::Team(label("fraud")), false),
                (&model, &own, true),
                (&model, &other, false),
                (&model, &Resource::Registry, false),
            ] {
                let decision = decide(&with(&[grant]), action, resource);
                assert_eq!(decision.allowed, expected && reaches, "{grant}: {action} on {resource:?}");
                assert_eq!(decision.policies.is_empty(), !decision.allowed, "{grant}: {action}");
            }
            assert_eq!(policies.role_allows(&Role::parse(role).unwrap(), action), expected, "the table that is read from the policies: {role} {action}");
            assert_eq!(policies.anywhere(&with(&[&team]), action), expected, "{role}: {action} somewhere");
        }
        let refusal = authorize_read(&policies, &with(&[]), action, &Circumstances::at(Door::Api)).unwrap_err();
        assert_eq!(refusal.code, Code::AccessDenied);
        check_style(&refusal);
    }
}

#[test]
fn what_was_decided_is_no_answer_about_somebody_else_or_something_else() {
    let policies = own("@id(\"own.1\") forbid (principal, action, resource) when { context.door == \"mlflow\" };").unwrap();
    let (loans, restricted) = (Resource::Model(class("credit", "internal", None)), Resource::Model(class("credit", "restricted", None)));
    let member = Actor { teams: vec![crate::names::Label::parse("credit").unwrap()], ..with(&["viewer"]) };
    // One id: what differs is what it stands for.
    let people = [with(&["owner"]), with(&["viewer"]), with(&[]), member, Actor { access_revision: 1, ..with(&[]) }];
    let mut answers = std::collections::BTreeSet::new();
    for actor in people.iter().chain(people.iter().rev()) {
        for (resource, door) in [(&loans, Door::Api), (&restricted, Door::Api), (&loans, Door::Mlflow), (&Resource::Registry, Door::Api)] {
            for action in [Action::Read, Action::Register] {
                let circumstances = Circumstances::at(door);
                let anew = policies.decide_anew(actor, action, resource, &circumstances);
                for _ in 0..2 {
                    assert_eq!(policies.decide(actor, action, resource, &circumstances), anew);
                }
                answers.insert((anew.allowed, anew.policies));
            }
        }
    }
    assert!(answers.len() > 4, "the questions have one answer: {answers:?}");
}

#[test]
fn a_classification_keeps_people_out_whose_roles_would_let_them_in() {
    let member = Actor { teams: vec![label("credit")], ..with(&[]) };
    for (who, confidential, restricted) in [
        (with(&["viewer"]), false, false),
        (with(&["contributor"]), true, false),
        (with(&["owner"]), true, false),
        (with(&["deployer"]), true, false),
        (with(&["approver:security"]), true, true),
        (with(&["incident"]), true, true),
        (with(&["auditor"]), true, true),
        (with(&["administrator"]), true, true),
        (with(&["viewer@team:credit"]), true, true),
        (with(&["viewer", "contributor@team:credit"]), true, true),
        (with(&["viewer", "contributor@team:fraud"]), false, false),
        (with(&["contributor", "contributor@team:fraud"]), true, false),
        (with(&["viewer@team:fraud"]), false, false),
        (member, true, true),
    ] {
        for (classification, allowed) in [("confidential", confidential), ("restricted", restricted)] {
            let decision = decide(&who, Action::Read, &Resource::Model(class("credit", classification, None)));
            assert_eq!(decision.allowed, allowed, "{:?} reads {classification}: {decision:?}", who.roles);
        }
    }
    let forbidden = decide(&with(&["viewer"]), Action::Read, &Resource::Model(class("credit", "restricted", None)));
    assert_eq!(forbidden.policies, ["classification.restricted"]);
}

#[test]
fn a_member_of_a_team_reads_its_models_and_no_more() {
    let member = Actor { teams: vec![label("credit")], ..with(&[]) };
    let (ours, theirs) = (Resource::Model(class("credit", "-", None)), Resource::Model(class("fraud", "-", None)));
    assert!(decide(&member, Action::Read, &ours).allowed && !decide(&member, Action::Read, &theirs).allowed);
    assert!(!decide(&member, Action::EditModel, &ours).allowed);
    assert!(Policies::shipped().anywhere(&member, Action::Read) && !Policies::shipped().anywhere(&member, Action::Upload));
}

#[test]
fn an_organisation_permits_and_forbids_more_but_takes_no_forbid_away() {
    let policies = own(r#"
        @id("credit.comment")
        permit (principal, action == Chancery::Action::"comment", resource is Chancery::Model)
        when { resource.team == "credit" && resource in principal.viewer };
        @id("open") permit (principal, action, resource);
        @id("no.night.releases") forbid (principal, action == Chancery::Action::"execute", resource)
        when { context has environment && context.environment == "production" && principal.kind == "person" };
        "#)
    .unwrap();
    let viewer = with(&["viewer"]);
    let at = |resource: Resource, environment: Option<&str>, action| {
        let circumstances = Circumstances { door: Door::Api, environment: environment.map(label) };
        policies.decide(&viewer, action, &resource, &circumstances)
    };
    let ours = Resource::Model(class("credit", "-", None));
    assert_eq!(at(ours.clone(), None, Action::Comment).policies, ["credit.comment", "open"]);
    assert!(at(ours.clone(), Some("staging"), Action::Execute).allowed);
    assert_eq!(at(ours, Some("production"), Action::Execute).policies, ["no.night.releases"]);
    let closed = at(Resource::Model(class("fraud", "restricted", None)), None, Action::Read);
    assert_eq!((closed.allowed, closed.policies), (false, vec!["classification.restricted".to_owned()]), "a shipped forbid stays");
    assert!(policies.anywhere(&with(&[]), Action::Retire) && !Policies::shipped().anywhere(&with(&[]), Action::Retire));
    assert!(policies.permitting(Action::Comment).contains(&"credit.comment"));
}

#[test]
fn policies_are_refused_with_the_place_that_is_wrong() {
    let fine = r#"@id("a") permit (principal, action == Chancery::Action::"read", resource);"#;
    assert!(own(fine).is_ok());
    for (text, line, said) in [
        ("", 0, "no policy"),
        ("permit (principal, action, resource);", 1, "begins with its id"),
        ("\n\n@id(\"a\") permit (principal, action, resource", 3, ""),
        ("@id(\"a b\") permit (principal, action, resource);", 1, "letters, digits"),
        ("@id(\"role.mine\") permit (principal, action, resource);", 1, "ship with the program"),
        ("@id(\"a\") permit (principal, action, resource);\n@id(\"a\") permit (principal, action, resource);", 2, "at line 1 too"),
        ("@id(\"a\") permit (principal, action == Chancery::Action::\"reed\", resource);", 1, "reed"),
        (
            "@id(\"x\") permit (principal, action, resource);\n@id(\"a\") permit (principal, action, resource)\nwhen { resource.colour == \"red\" };",
            2,
            "colour",
        ),
        ("@id(\"a\") permit (principal == ?principal, action, resource);", 1, ""),
    ] {
        let error = own(text).unwrap_err();
        assert_eq!((error.file.as_str(), error.line), ("own.cedar", line), "{text}: {error}");
        assert!(error.to_string().contains(said) && !error.to_string().contains('\n'), "{text}: {error}");
    }
    let many: String = (0..201).map(|number| fine.replace("\"a\"", &format!("\"p{number}\""))).collect();
    assert!(own(&many).unwrap_err().message.contains("more than 200"));
    assert!(own(&" ".repeat(65 * 1024)).unwrap_err().message.contains("at most 65536"));
    for path in ["../own.cedar", "own.rego", "a//b.cedar", "/own.cedar", ".cedar"] {
        let files = BTreeMap::from([(path.to_owned(), fine.to_owned())]);
        assert!(Policies::with(&files, Digest::of(b"")).is_err(), "{path}");
    }
}

#[test]
fn models_that_policies_name_are_known() {
    let (one, two) = (model_id(1), model_id(2));
    let text = format!(
        "@id(\"a\") permit (principal, action, resource == Chancery::Model::\"{one}\");\n\
         @id(\"b\") permit (principal, action, resource) when {{ resource in Chancery::Scope::\"model:{two}\" }};"
    );
    let policies = own(&text).unwrap();
    assert_eq!(policies.named_models(), BTreeSet::from([one.clone(), two]));
    let decision = policies.decide(&with(&[]), Action::Read, &Resource::Model(class("-", "-", Some(one))), &Circumstances::at(Door::Api));
    assert_eq!(decision.policies, ["a"]);
}

#[test]
fn policies_that_do_not_work_any_more_let_administrators_in_alone() {
    let policies = Policies::closed(Digest::of(b"")).unwrap();
    let at = |who: &Actor, action| policies.decide(who, action, &Resource::Registry, &Circumstances::at(Door::Api)).allowed;
    assert!(at(&with(&["administrator"]), Action::ManageAccess));
    assert!(!at(&with(&["auditor"]), Action::Read) && !at(&with(&["administrator@team:credit"]), Action::Read));
}

#[test]
fn the_schema_knows_every_action_and_the_policies_no_other() {
    for action in Action::ALL {
        assert!(SCHEMA.contains(&format!("\"{action}\"")), "{action}");
        assert!(!Policies::shipped().permitting(*action).is_empty(), "nobody may {action}");
    }
    let words = SHIPPED.iter().flat_map(|(_, text)| text.split("Chancery::Action::\"").skip(1)).filter_map(|rest| rest.split('"').next());
    for word in words {
        assert!(Action::parse(word).is_ok(), "{word}");
    }
}

/// The decision of all policies, each with its head, over everything about the caller.
fn whole(policies: &Policies, actor: &Actor, action: Action, resource: &Resource) -> Decision {
    let (words, _) = COMPILED.as_ref().unwrap();
    let set = cedar_policy::PolicySet::from_policies(policies.sources().iter().map(|source| source.policy.clone())).unwrap();
    let (principal, resource) = (words.principal(actor, &|_| true).unwrap(), words.resource(resource).unwrap());
    let door = ("door".to_owned(), RestrictedExpression::new_string("api".to_owned()));
    let context = Context::from_pairs([door]).unwrap();
    let request = Request::new(principal.uid(), words.actions[action.as_str()].clone(), resource.uid(), context, None).unwrap();
    let response = Authorizer::new().is_authorized(&request, &set, &Entities::from_entities([principal, resource], None).unwrap());
    let mut decided: Vec<String> = response.diagnostics().reason().map(|id| AsRef::<str>::as_ref(id).to_owned()).collect();
    decided.sort();
    Decision { allowed: response.decision() == Outcome::Allow, policies: decided }
}

#[test]
fn a_decision_is_that_of_all_policies_about_the_whole_caller() {
    let named = "@id(\"own.one\") permit (principal, action == Chancery::Action::\"comment\", resource is Chancery::Model)
        when { principal.teams.contains(Chancery::Scope::\"team:fraud\") && principal.kind == \"person\" };
        @id(\"own.two\") forbid (principal, action, resource is Chancery::Model) when { resource.tier == \"low\" } unless { resource in principal.owner };";
    let counted = "@id(\"own.one\") permit (principal, action, resource is Chancery::Model) when { principal.viewer.isEmpty() };";
    let compared = "@id(\"own.one\") permit (principal, action == Chancery::Action::\"read\", resource) when { principal.teams.containsAny(principal.owner) };";
    let [named, counted, compared] = [named, counted, compared].map(|text| Arc::new(own(text).unwrap()));
    let seen = |policies: &Policies| matches!(policies.prepared.as_ref().unwrap().seen(), Seen::All);
    let fraud = Seen::Near(BTreeSet::from([Scope::parse("team:fraud").unwrap()]));
    assert_eq!(*named.prepared.as_ref().unwrap().seen(), fraud);
    assert!(!seen(&Policies::shipped()) && seen(&counted) && seen(&compared));

    let model = |team: &str, words: &str| Resource::Model(class(team, words, Some(model_id(1))));
    let resources = [Resource::Registry, Resource::Team(Label::parse("credit").unwrap()), model("credit", "confidential"), model("fraud", "restricted")];
    let scopes = ["".to_owned(), "@team:credit".to_owned(), "@team:fraud".to_owned(), format!("@model:{}", model_id(1))];
    let (mut allowed, mut denied) = (0, 0);
    for policies in [Policies::shipped(), named, counted, compared] {
        for (number, role) in ["viewer", "owner", "approver:security", "administrator"].into_iter().enumerate() {
            for scope in &scopes {
                let team = if number % 2 == 0 { "credit" } else { "fraud" };
                let actor = Actor { teams: vec![Label::parse(team).unwrap()], ..with(&[&format!("{role}{scope}"), "viewer@team:other"]) };
                for resource in &resources {
                    for action in [Action::Read, Action::Comment, Action::Execute, Action::ManageActors] {
                        let expected = whole(&policies, &actor, action, resource);
                        assert_eq!(policies.decide(&actor, action, resource, &Circumstances::at(Door::Api)), expected, "{actor:?} {action} {resource:?}");
                        *(if expected.allowed { &mut allowed } else { &mut denied }) += 1;
                    }
                }
            }
        }
    }
    assert!(allowed > 100 && denied > 100, "{allowed} {denied}");
}
