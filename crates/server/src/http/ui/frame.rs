//! The frame of a page: navigation, breadcrumb, bars, and the footer that says as of which entry and under which policy it was made.

use axum::http::request::Parts;
use chancery_core::names::{PolicyMode, Timestamp};
use chancery_core::refusal::Refusal;
use chancery_core::registry::POLICY_MODE;
use chancery_core::tables::SettingRow;
use futures_util::FutureExt as _;
use reqwest::Url;

use super::layout::{Link, Note, NoteKind};
use super::session::Shown;
use crate::app::AppError;
use crate::app::as_of::Cut;
use crate::http::{AsOf, Permit};
use crate::secret::Secret;
use crate::store::Snapshot;
use crate::{ids, values};

/// Version of the program, for the footer.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");
/// Name of the cookie that holds the theme.
pub const THEME_COOKIE: &str = "chancery-theme";

/// Who is logged in.
#[derive(Clone, Debug)]
pub struct Person {
    /// Name to show.
    pub name: String,
    /// What his forms carry.
    pub csrf: Secret,
    /// Whether he is anybody (`--no-auth`).
    pub anyone: bool,
    /// Whether every entry is there for him, and with them the pages of administration.
    pub reads_entries: bool,
}

/// What a page request said beside its path parameters.
#[derive(Clone, Debug, Default)]
pub struct Visit {
    /// Path, as it was asked.
    pub path: String,
    /// Names and values of the query, decoded.
    pub query: Vec<(String, String)>,
    /// `light` or `dark`; empty to follow the system.
    pub theme: &'static str,
}

impl Visit {
    /// Of a request.
    pub(super) fn of(parts: &Parts) -> Self {
        let pairs = Url::parse(&format!("http://x/?{}", parts.uri.query().unwrap_or_default())).ok();
        let query = pairs.map(|url| url.query_pairs().map(|(name, value)| (name.into_owned(), value.into_owned())).collect()).unwrap_or_default();
        Self { path: parts.uri.path().to_owned(), query, theme: theme(parts) }
    }

    /// The first value of a field of the query.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str()).filter(|value| !value.is_empty())
    }

    /// This page with one field of its query set, or taken out.
    pub fn with(&self, name: &str, value: Option<&str>) -> String {
        let others = self.query.iter().filter(|(key, _)| key != name).map(|(key, value)| (key.as_str(), value.as_str()));
        query_path(&self.path, others.chain(value.map(|value| (name, value))))
    }

    /// `as_of` of the query.
    ///
    /// # Errors
    /// `invalid_field` when it is neither an entry nor a time.
    pub fn as_of(&self) -> Result<Option<AsOf>, Refusal> {
        self.get("as_of").map(|text| AsOf::try_from(text.to_owned())).transpose()
    }
}

/// The theme that the browser remembers.
fn theme(parts: &Parts) -> &'static str {
    match super::session::cookie(parts, THEME_COOKIE).map(Secret::into_exposed).as_deref() {
        Some("light") => "light",
        Some("dark") => "dark",
        Some(_) | None => "",
    }
}

/// A path with a query, encoded.
pub fn query_path<'a>(path: &str, fields: impl Iterator<Item = (&'a str, &'a str)>) -> String {
    let Ok(mut url) = Url::parse("http://x/") else { return path.to_owned() };
    url.query_pairs_mut().extend_pairs(fields);
    match url.query() {
        Some(query) if !query.is_empty() => format!("{path}?{query}"),
        Some(_) | None => path.to_owned(),
    }
}

/// An entry of the navigation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Area {
    /// What waits.
    Inbox,
    /// Models and versions.
    Models,
    /// Promotions.
    Promotions,
    /// Exceptions.
    Exceptions,
    /// Risks.
    Risks,
    /// The ledger.
    Ledger,
    /// The policy.
    Policy,
    /// Administration.
    Admin,
    /// None of them.
    Elsewhere,
}

/// The navigation, in its order: what leads where, in what words.
const NAVIGATION: &[(Area, &str, &str)] = &[
    (Area::Inbox, "/", "Inbox"),
    (Area::Models, "/models", "Models"),
    (Area::Promotions, "/promotions", "Promotions"),
    (Area::Exceptions, "/exceptions", "Exceptions"),
    (Area::Risks, "/risks", "Risks"),
    (Area::Ledger, "/ledger", "Ledger"),
    (Area::Policy, "/policy", "Policy"),
    (Area::Admin, "/admin/people", "Admin"),
];

/// An entry of the navigation as it is shown.
#[derive(Clone, Copy, Debug)]
pub struct Item {
    /// Where it leads.
    pub path: &'static str,
    /// What it says.
    pub words: &'static str,
    /// Whether this page is under it.
    pub here: bool,
    /// How many things wait there.
    pub count: u64,
}

/// The bar of a page that shows the past.
#[derive(Clone, Debug)]
pub struct Past {
    /// The last entry that counts.
    pub index: u64,
    /// When it was made; none when it is out of sight.
    pub at: Option<Timestamp>,
    /// The same page at the change before; the page knows its subject.
    pub earlier: Option<String>,
    /// The same page at the change after.
    pub later: Option<String>,
    /// The same page now.
    pub now: String,
}

/// What the footer says.
#[derive(Clone, Debug)]
pub struct Foot {
    /// Last entry.
    pub index: u64,
    /// Its time.
    pub at: Timestamp,
    /// Policy mode.
    pub mode: PolicyMode,
    /// Digest of the rules in force; none when they cannot be evaluated.
    pub policy: Option<String>,
    /// The same as JSON.
    pub json: Option<String>,
    /// This page, to be asked for another time; none when it has no past.
    pub other_time: Option<String>,
}

/// The frame of a page.
#[derive(Clone, Debug)]
pub struct Frame {
    /// What the page is about.
    pub title: String,
    /// Where it is.
    pub area: Area,
    /// What it is under, from the top.
    pub crumbs: Vec<Link>,
    /// Who is logged in.
    pub person: Option<Person>,
    /// What has to be said first.
    pub note: Option<Note>,
    /// Whether nobody is asked who they are (`--no-auth`).
    pub open: bool,
    /// `light`, `dark` or empty.
    pub theme: &'static str,
    /// What waits for this person to decide.
    pub waiting: u64,
    /// Set on a page that shows the past.
    pub past: Option<Past>,
    /// The footer of a page about the registry.
    pub foot: Option<Foot>,
    /// Begins the idempotency keys of the forms of this rendering.
    seed: String,
}

impl Frame {
    /// A frame that says nothing about the registry.
    pub fn bare(title: &str, person: Option<Person>) -> Self {
        let open = person.as_ref().is_some_and(|person| person.anyone);
        Self {
            title: title.to_owned(),
            area: Area::Elsewhere,
            crumbs: Vec::new(),
            person,
            note: None,
            open,
            theme: "",
            waiting: 0,
            past: None,
            foot: None,
            seed: String::new(),
        }
    }

    /// With a note, if there is one.
    #[must_use]
    pub fn with(mut self, note: Option<Note>) -> Self {
        self.note = note.or(self.note);
        self
    }

    /// Under a page, which is under those said before.
    #[must_use]
    pub fn under(mut self, path: impl Into<String>, words: impl Into<String>) -> Self {
        self.crumbs.push(Link::new(path, words));
        self
    }

    /// With the same as JSON, which is at this path of the API.
    #[must_use]
    pub fn json(mut self, path: impl AsRef<str>) -> Self {
        if let Some(foot) = &mut self.foot {
            foot.json = Some(super::open::path(path.as_ref()));
        }
        self
    }

    /// Of a page that shows nothing but the present: who asks it for another time is told so.
    #[must_use]
    pub fn present_only(mut self) -> Self {
        if let Some(foot) = &mut self.foot {
            foot.other_time = None;
        }
        let past = self.past.take().map(|past| Note {
            lines: vec!["What it shows is worked out from the record as it is now. The ledger has every change of it.".to_owned()],
            links: vec![
                Link::new(format!("/ledger?as_of={}", past.index), format!("Read the ledger up to entry {}", past.index)),
                Link::new(past.now, "This page without a time"),
            ],
            ..Note::new(NoteKind::Told, "This page shows the present, not the time that was asked for.")
        });
        self.with(past)
    }

    /// Whether forms are rendered: nothing is changed in the past.
    pub fn acts(&self) -> bool {
        self.past.is_none()
    }

    /// Whether this person reads every entry: others have no link to one that may be none of theirs.
    pub fn reads_entries(&self) -> bool {
        self.person.as_ref().is_some_and(|person| person.reads_entries)
    }

    /// Entries of the navigation.
    pub fn navigation(&self) -> Vec<Item> {
        let shown = NAVIGATION.iter().filter(|(area, _, _)| *area != Area::Admin || self.reads_entries());
        let count = |area: Area| if area == Area::Inbox { self.waiting } else { 0 };
        shown.map(|(area, path, words)| Item { path, words, here: *area == self.area, count: count(*area) }).collect()
    }

    /// The token that forms of this page carry.
    pub fn csrf(&self) -> &str {
        self.person.as_ref().map_or("", |person| person.csrf.expose())
    }

    /// The idempotency key of one form of this page: the same form sent twice does one thing.
    pub fn key(&self, form: &str) -> String {
        format!("{}.{form}", self.seed)
    }
}

impl<P: Permit> Shown<P> {
    /// The frame of a page that was made from a snapshot. A query `entry=N` says what a form just recorded.
    ///
    /// # Errors
    /// `invalid_field` for an `as_of` that is none; a fault.
    pub async fn frame(&self, snapshot: &Snapshot, area: Area, title: &str) -> Result<Frame, AppError> {
        let head = snapshot.head();
        let mode = snapshot.get::<SettingRow>(values![POLICY_MODE]).await?;
        let mode = mode.map_or(Ok(PolicyMode::Enforce), |row| PolicyMode::parse(&row.value))?;
        let policy = self.allowed.app.policy_for(snapshot).await.ok().map(|policy| policy.engine.bundle_digest().to_string());
        let last = head.size.saturating_sub(1);
        let recorded = self.visit.get("entry").and_then(|text| text.parse().ok()).filter(|index| *index <= last);
        let past = match cut(snapshot, &self.visit).await? {
            Some(cut) => Some(past(snapshot, &self.visit, cut).await?),
            None => None,
        };
        Ok(Frame {
            area,
            theme: self.visit.theme,
            note: recorded.map(Note::recorded),
            past,
            waiting: self.allowed.app.count_waiting(&self.allowed.caller, snapshot).boxed().await?,
            foot: Some(Foot { index: last, at: head.at, mode, policy, json: None, other_time: Some(self.visit.path.clone()) }),
            seed: hex::encode(ids::random::<16>()?),
            ..Frame::bare(title, Some(self.person.clone()))
        })
    }
}

/// The last entry that counts for a page; none when it shows the present.
///
/// # Errors
/// `invalid_field` for an `as_of` that is none, or before the first or after the last entry.
pub async fn cut(snapshot: &Snapshot, visit: &Visit) -> Result<Option<Cut>, AppError> {
    match visit.as_of()? {
        None => Ok(None),
        Some(AsOf::Index(index)) => Cut::at_index(snapshot, index).map(Some),
        Some(AsOf::Time(time)) => Cut::at_time(snapshot, time).await.map(Some),
    }
}

async fn past(snapshot: &Snapshot, visit: &Visit, cut: Cut) -> Result<Past, AppError> {
    let row = snapshot.get::<chancery_core::tables::EntryRow>(values![cut.index()]).await?;
    let at = row.as_ref().map(crate::app::as_of::entry).transpose()?.map(|entry| entry.at);
    Ok(Past { index: cut.index(), at, earlier: None, later: None, now: visit.with("as_of", None) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_links_to_itself_with_other_fields() {
        let request = axum::http::Request::builder().uri("/models/a%20b?as_of=5&q=x%26y").body(()).unwrap();
        let visit = Visit::of(&request.into_parts().0);
        assert_eq!((visit.get("q"), visit.get("as_of"), visit.get("z")), (Some("x&y"), Some("5"), None));
        assert_eq!(visit.with("as_of", None), "/models/a%20b?q=x%26y");
        assert_eq!(visit.with("q", Some("1")), "/models/a%20b?as_of=5&q=1");
        assert_eq!(Visit { path: "/x".to_owned(), ..Visit::default() }.with("q", None), "/x");
    }

    #[test]
    fn the_administration_is_shown_to_those_who_have_it() {
        let person = |reads_entries| Person { name: String::new(), csrf: Secret::new(String::new()), anyone: false, reads_entries };
        let areas = |frame: &Frame| frame.navigation().iter().map(|item| item.words).collect::<Vec<_>>();
        assert!(areas(&Frame::bare("", Some(person(true)))).contains(&"Admin"));
        assert!(!areas(&Frame::bare("", Some(person(false)))).contains(&"Admin"));
    }
}
