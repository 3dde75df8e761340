//! What one decision costs when nothing is cached: 50 policies, 1,000 teams that own models, a caller with as many roles as one can have.

use std::collections::BTreeMap;
use std::hint::black_box;
use std::time::Instant;

use chancery_core::access::{AccessClass, Action, Actor, Circumstances, Grant, Policies, Resource};
use chancery_core::actor::{ActorKind, MAX_ROLES};
use chancery_core::entry::Door;
use chancery_core::names::{ActorId, Digest, Label};

use crate::table::{Limit, Table};

/// Policies in force, the shipped ones among them.
const POLICIES: usize = 50;
/// Teams that own models.
const TEAMS: usize = 1_000;
/// Teams that the caller is a member of.
const MEMBERSHIPS: usize = 20;
/// Decisions of a round: each team, and each of four actions.
const DECISIONS: usize = TEAMS * 4;
/// Most that authorisation may add to a request, in microseconds.
const MICROSECONDS: f64 = 100.0;

/// Measures decisions.
///
/// # Errors
/// When the policies do not compile.
pub fn measure(rounds: usize, table: &mut Table) -> anyhow::Result<()> {
    let (policies, actor) = (policies()?, actor()?);
    let classes: Vec<Resource> = (0..TEAMS).map(class).collect::<anyhow::Result<_>>()?;
    let circumstances = Circumstances::at(Door::Api);
    let actions = [Action::Read, Action::Register, Action::Execute, Action::Review];
    let mut figures = Vec::with_capacity(rounds);
    for _ in 0..rounds.max(1) {
        let began = Instant::now();
        for resource in &classes {
            for action in actions {
                black_box(policies.decide_anew(&actor, action, resource, &circumstances));
            }
        }
        figures.push(began.elapsed().as_secs_f64() * 1e6 / DECISIONS as f64);
    }
    // A command is decided twice: whether its model may be read, and whether the command may be done.
    let twice: Vec<f64> = figures.iter().map(|figure| figure * 2.0).collect();
    table.figure("one decision, uncached, 50 policies, 1,000 teams", "us", &figures, Limit::Below(MICROSECONDS));
    table.figure("authorising a command, uncached (read, then the action)", "us", &twice, Limit::Below(MICROSECONDS));
    Ok(())
}

fn policies() -> anyhow::Result<Policies> {
    let shipped = Policies::shipped().sources().len();
    let one = |number: usize| {
        format!(
            "@id(\"own.{number}\") permit (principal, action in [Chancery::Action::\"comment\", Chancery::Action::\"read\"], resource is Chancery::Model)\n\
             when {{ resource.team == \"team-{number}\" && resource.tier == \"high\" && resource in principal.viewer }};\n"
        )
    };
    let text: String = (shipped..POLICIES).map(one).collect();
    let digest = Digest::of(text.as_bytes());
    let made = Policies::with(&BTreeMap::from([("own.cedar".to_owned(), text)]), digest).map_err(|error| anyhow::anyhow!("{error}"))?;
    anyhow::ensure!(made.sources().len() == POLICIES, "{} policies", made.sources().len());
    Ok(made)
}

fn actor() -> anyhow::Result<Actor> {
    let words = ["viewer", "contributor", "owner", "approver:security"];
    let roles = words.iter().cycle().zip(0..MAX_ROLES).map(|(role, number)| Grant::parse(&format!("{role}@team:team-{number}")));
    let teams = (0..MEMBERSHIPS).map(|number| Label::parse(&format!("team-{number}")));
    let wrong = |refusal: chancery_core::refusal::Refusal| anyhow::anyhow!("{refusal}");
    Ok(Actor {
        id: ActorId::parse(&format!("u{:0>32}", 1)).map_err(wrong)?,
        kind: ActorKind::Person,
        roles: roles.collect::<Result<_, _>>().map_err(wrong)?,
        teams: teams.collect::<Result<_, _>>().map_err(wrong)?,
        delegated: Vec::new(),
        access_revision: 0,
    })
}

fn class(number: usize) -> anyhow::Result<Resource> {
    let text = format!("team-{number}/high/confidential/model/yes");
    Ok(Resource::Model(AccessClass::parse(&text).map_err(|refusal| anyhow::anyhow!("{refusal}"))?))
}
