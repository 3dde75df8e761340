//! One person, pipeline or service: what it may do, who gave it that, and what opens the door for it.

use std::collections::BTreeSet;

use askama::Template;
use axum::http::StatusCode;
use axum::response::Response;
use chancery_core::access::Action;
use chancery_core::actor::ActorKind;
use chancery_core::names::Label;
use chancery_core::refusal::Refusal;
use chancery_core::tables::{ActorRow, GrantProposalRow, TeamMemberRow};

use super::grants::{self, GrantLine};
use super::people::path_of;
use super::{Tab, may, tabs};
use crate::app::AppError;
use crate::app::origins::{self, Giver};
use crate::http::api::grant::{ProposalView, proposal};
use crate::http::api::key::{KeyView, keys_of};
use crate::http::api::token::view::{self as tokens, TokenView};
use crate::http::api::user::{UserView, named_or_id, user};
use crate::http::ui::filters;
use crate::http::ui::form::Fields;
use crate::http::ui::frame::{Area, Frame};
use crate::http::ui::layout::{Note, page};
use crate::http::ui::session::{PageError, Path, Shown};
use crate::http::{PageQuery, caller};
use crate::store::Snapshot;
use crate::values;

/// Lines of each list of the page.
const LINES: u32 = 20;

#[derive(Template)]
#[template(path = "admin-person.html")]
struct Person {
    frame: Frame,
    tabs: Vec<Tab>,
    path: String,
    who: String,
    user: UserView,
    revision: u64,
    created_index: u64,
    roles: Vec<Held>,
    proposal: Option<ProposalView>,
    own_proposal: bool,
    teams: Vec<String>,
    tokens: Vec<TokenView>,
    more_tokens: bool,
    keys: Vec<KeyView>,
    may: Rights,
    fields: Fields,
    secret: Option<Secret>,
}

/// What whoever looks may do here.
struct Rights {
    /// Whether he manages people.
    administers: bool,
    /// Whether it is himself, whose roles somebody else changes.
    himself: bool,
}

impl Rights {
    /// Whether he may change what this one has.
    fn changes(&self) -> bool {
        self.administers && !self.himself
    }
}

struct Held {
    grant: GrantLine,
    given: String,
    index: Option<u64>,
    /// Whether it stays when the form of roles is sent as it is.
    kept: bool,
}

/// A secret that is shown once.
pub(in crate::http::ui) struct Secret {
    pub(in crate::http::ui) title: &'static str,
    /// The secret; none when the form was sent twice, and the first answer had it.
    pub(in crate::http::ui) text: Option<String>,
    pub(in crate::http::ui) what_next: String,
}

/// Who gave a role, in words.
async fn giver(snapshot: &Snapshot, giver: &Giver) -> Result<String, AppError> {
    Ok(match giver {
        Giver::One(actor) => origins::name(snapshot, actor).await?,
        Giver::Two { proposed_by, confirmed_by } => {
            format!("{}, confirmed by {}", origins::name(snapshot, proposed_by).await?, origins::name(snapshot, confirmed_by).await?)
        }
        Giver::Groups(groups) => format!("groups of the identity provider: {}", groups.join(", ")),
    })
}

async fn roles(snapshot: &Snapshot, row: &ActorRow, fields: &Fields) -> Result<Vec<Held>, AppError> {
    let known = origins::of(snapshot, &row.actor_id).await?;
    // A form that was refused keeps what was chosen in it.
    let chosen: Option<BTreeSet<&str>> = (!fields.get("revision").is_empty()).then(|| fields.all("keep").iter().map(String::as_str).collect());
    let mut held = Vec::new();
    for grant in row.grants() {
        let origin = known.get(&grant);
        let line = grants::line(snapshot, &grant).await?;
        let given = match origin {
            Some(origin) => giver(snapshot, &origin.giver).await?,
            None => "not in the newest entries about this person".to_owned(),
        };
        let kept = chosen.as_ref().is_none_or(|chosen| chosen.contains(line.text.as_str()));
        held.push(Held { grant: line, given, index: origin.map(|origin| origin.index), kept });
    }
    Ok(held)
}

/// The row of somebody who has a name, or had it.
pub(super) async fn row(snapshot: &Snapshot, name: &Label) -> Result<ActorRow, AppError> {
    let id = named_or_id(snapshot, name).await?;
    Ok(snapshot.get::<ActorRow>(values![id]).await?.ok_or_else(|| Refusal::not_found("user", name.as_str()))?)
}

/// The page.
pub(super) async fn shown(
    own: &Shown<caller::ReadEntries>,
    name: &Label,
    (status, note): (StatusCode, Option<Note>),
    fields: Fields,
    secret: Option<Secret>,
) -> Result<Response, PageError> {
    let snapshot = own.allowed.read().await?;
    let row = row(&snapshot, name).await?;
    let id = row.actor_id.clone();
    let first = PageQuery { limit: Some(LINES), after: None };
    let proposed = snapshot.get::<GrantProposalRow>(values![id]).await?;
    let own_proposal = proposed.as_ref().is_some_and(|row| row.proposed_by == own.allowed.caller.actor.id);
    let proposal = match proposed {
        Some(row) => Some(proposal(&snapshot, row).await?),
        None => None,
    };
    let list = tokens::page(&snapshot, Some(&id), &first).await?;
    let members = snapshot.rows::<TeamMemberRow>("WHERE actor_id = $1 ORDER BY team LIMIT 100", &values![id]).await?;
    let (revision, created_index) = (row.revision, row.created_index);
    let roles = roles(&snapshot, &row, &fields).await?;
    let view = user(&snapshot, row).await?;
    let who = view.display_name.clone().filter(|text| !text.is_empty()).or_else(|| view.name.clone()).unwrap_or_else(|| view.id.clone());
    let frame = own.frame(&snapshot, Area::Admin, &who).await?.under("/admin/people", "People").present_only().with(note);
    let template = Person {
        frame,
        tabs: tabs(own, "/admin/people"),
        path: path_of(view.name.as_deref(), &view.id),
        who,
        revision,
        created_index,
        roles,
        proposal,
        own_proposal,
        teams: members.into_iter().map(|row| row.team.to_string()).collect(),
        tokens: list.items,
        more_tokens: list.next.is_some(),
        keys: keys_of(&snapshot, &id, &first).await?.items,
        may: Rights { administers: may(own, Action::ManageActors), himself: own.allowed.caller.actor.id == id },
        user: view,
        fields,
        secret,
    };
    Ok(page(status, &template))
}

impl Person {
    fn is_person(&self) -> bool {
        self.user.kind == ActorKind::Person.as_str()
    }

    fn is_pipeline(&self) -> bool {
        self.user.kind == ActorKind::Pipeline.as_str()
    }
}

/// `GET /admin/people/{name}`.
pub(super) async fn show(own: Shown<caller::ReadEntries>, Path(name): Path<Label>) -> Result<Response, PageError> {
    shown(&own, &name, (StatusCode::OK, None), Fields::default(), None).await
}
