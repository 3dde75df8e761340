//! What a snapshot shows: the models of some access classes, and of every other table what hangs on them.
//!
//! INVARIANT: whoever may not read a model finds in no table a row of it, whatever statement is asked. A snapshot of a caller who does
//! not read everything puts in front of each statement a common table expression with the name of each guarded table; a statement that
//! names `versions` reads the versions that he may read. A handler cannot forget it: there is no other way to the rows.
//! INVARIANT: a page is full, and what counts, counts what is shown: rows are left out before ORDER BY and LIMIT see them.
//!
//! A caller who may read every model pays nothing: his statements go to the database as they are.

use std::fmt::Write as _;
use std::sync::Arc;

use chancery_core::names::ActorId;
use chancery_core::rows::{Class, Key, Value};

use super::sql::{key_columns, quoted};
use super::{Schema, Values};

/// What may be seen.
#[derive(Clone, Debug, Default)]
pub enum Sight {
    /// Everything.
    #[default]
    Everything,
    /// The models of some access classes.
    Some(Arc<Readable>),
}

/// The access classes that may be read.
#[derive(Debug, PartialEq, Eq)]
pub struct Readable {
    /// As a JSON list: one parameter, however many they are.
    list: String,
    /// Who reads: an actor's id.
    reader: String,
    /// Teams for which he takes over models, as a JSON list: what is offered to them he sees.
    takes_for: String,
    density: Density,
}

/// Where the parameters of the guards are in a statement.
#[derive(Clone, Copy)]
struct Places {
    classes: usize,
    reader: usize,
    teams: usize,
}

/// How many of the models are seen: what is rare is looked up by its class, what is frequent is met on the way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Density {
    /// So few that they can be sorted.
    Few,
    /// So many that a walk in the wanted order meets them soon.
    Many,
}

/// The databases write two things differently.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Dialect {
    Sqlite,
    Postgres,
}

/// On what the rows of a table hang.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Guard {
    /// On nothing: whoever may read at all may read them, or reaches them by a row that he reads (payloads, by their digest).
    Open,
    /// It is the table of models.
    Models,
    /// On the model in the column `model_id`.
    Model,
    /// On a promotion.
    Promotion,
    /// A risk is shown with the first of its models that is, and when it has none.
    Risk,
    /// On the model in the column `model_id`, and where that is empty on what the column `subject` names, if it is of these kinds.
    ModelOrSubject(&'static [&'static str]),
    /// On a review.
    Review,
    /// On the model in the column `model_id`, or for who reads models of the team that is asked to take it over.
    Transfer,
    /// On bytes: those of what may be read, and those that the caller sent.
    Bytes,
    /// On what the column `subject` names.
    Subject,
}

/// Kinds of subjects that belong to a model, or may.
const KINDS: &[&str] = &["model", "promotion", "exception", "risk", "review"];

/// What each table hangs on. A test knows that no table is missing here.
pub const GUARDS: &[(&str, Guard)] = &[
    // The others need what stands before them.
    ("models", Guard::Models),
    ("blob_uses", Guard::Model),
    ("promotions", Guard::Model),
    ("exceptions", Guard::Model),
    ("risks", Guard::Risk),
    ("reviews", Guard::ModelOrSubject(&["promotion", "exception", "risk"])),
    ("access_anchors", Guard::Open),
    ("access_classes", Guard::Open),
    ("access_log", Guard::Open),
    ("access_policies", Guard::Open),
    ("actor_keys", Guard::Open),
    ("actors", Guard::Open),
    ("aliases", Guard::Model),
    ("approvals", Guard::Promotion),
    ("artifact_files", Guard::Bytes),
    ("artifact_uploads", Guard::Open),
    ("attestations", Guard::Model),
    ("bindings", Guard::Model),
    ("blob_senders", Guard::Open),
    ("checkpoints", Guard::Open),
    ("comments", Guard::Promotion),
    ("components", Guard::Model),
    ("compositions", Guard::Model),
    ("conditions", Guard::Model),
    ("credentials", Guard::Open),
    ("decisions", Guard::Model),
    ("delegations", Guard::Open),
    ("directory", Guard::Open),
    ("entries", Guard::Subject),
    ("environments", Guard::Open),
    ("evidence", Guard::Model),
    ("exchanges", Guard::Open),
    ("findings", Guard::ModelOrSubject(KINDS)),
    ("grant_proposals", Guard::Open),
    ("group_roles", Guard::Open),
    ("handles", Guard::Open),
    ("lineage", Guard::Model),
    ("login_failures", Guard::Open),
    ("login_groups", Guard::Open),
    ("login_identities", Guard::Open),
    ("names", Guard::Model),
    ("open_promotions", Guard::Model),
    ("packages", Guard::Open),
    ("passwords", Guard::Open),
    ("payloads", Guard::Open),
    ("policy_bundles", Guard::Open),
    ("private_payloads", Guard::Open),
    ("review_causes", Guard::Review),
    ("risk_links", Guard::Model),
    ("semvers", Guard::Model),
    ("session_uses", Guard::Open),
    ("sessions", Guard::Open),
    ("settings", Guard::Open),
    ("sign_ins", Guard::Open),
    ("speakers", Guard::Open),
    ("tags", Guard::Model),
    ("team_members", Guard::Open),
    ("teams", Guard::Open),
    ("template_names", Guard::Open),
    ("templates", Guard::Open),
    ("tier_proposals", Guard::Model),
    ("tiles", Guard::Open),
    ("timeline", Guard::Subject),
    ("token_uses", Guard::Open),
    ("tokens", Guard::Open),
    ("transfer_proposals", Guard::Transfer),
    ("versions", Guard::Model),
    ("workload_identities", Guard::Open),
];

impl Guard {
    /// The guarded tables that this guard reads, and those that their guards read.
    fn reads(self) -> &'static [&'static str] {
        match self {
            Self::Open | Self::Models => &[],
            Self::Model | Self::Risk | Self::Transfer => &["models"],
            Self::Bytes => &["models", "blob_uses"],
            Self::Promotion => &["models", "promotions"],
            Self::ModelOrSubject(_) | Self::Review | Self::Subject => &["models", "promotions", "exceptions", "risks", "reviews"],
        }
    }
}

impl Readable {
    /// The classes that `reader` may read, the teams for which he takes over models, and how many models have one of the classes.
    pub fn new(reader: &ActorId, classes: &[String], takes_for: &[String], density: Density) -> Self {
        let list = |words: &[String]| serde_json::Value::from(words).to_string();
        Self { list: list(classes), reader: reader.to_string(), takes_for: list(takes_for), density }
    }

    /// How many of the models are seen.
    pub fn density(&self) -> Density {
        self.density
    }

    /// The statement that shows what is seen, with its parameters; none when it reads no guarded table.
    pub(super) fn guarded(&self, sql: &str, parameters: &[Value], dialect: Dialect) -> Option<(String, Values)> {
        let named = named(sql)?;
        let mut parameters = parameters.to_vec();
        parameters.push(Value::Text(self.list.clone()));
        let classes = parameters.len();
        let mut pushed = |guard: Guard, text: &String| {
            if needed(&named).any(|(_, wanted)| wanted == guard) {
                parameters.push(Value::Text(text.clone()));
            }
            parameters.len()
        };
        let places = Places { classes, reader: pushed(Guard::Bytes, &self.reader), teams: pushed(Guard::Transfer, &self.takes_for) };
        let shadows: Vec<String> = needed(&named).map(|(name, guard)| self.shadow(name, guard, places, dialect)).collect();
        Some((in_front(sql, &shadows.join(", "), dialect), parameters))
    }

    /// The table expression that stands for a table.
    fn shadow(&self, name: &str, guard: Guard, places: Places, dialect: Dialect) -> String {
        // In SQLite a name with its schema is never that of a table expression; in PostgreSQL an expression does not see itself.
        let table = match dialect {
            Dialect::Sqlite if guard == Guard::Bytes => format!("scratch.{name}"),
            Dialect::Sqlite => format!("main.{name}"),
            Dialect::Postgres => name.to_owned(),
        };
        let condition = match guard {
            Guard::Open => "1 = 1".to_owned(),
            Guard::Models => self.class_is_readable(places.classes, dialect),
            Guard::Model => model_is_seen("guarded.model_id"),
            Guard::Promotion => promotion_is_seen("guarded.promotion_id"),
            Guard::Risk => format!(
                "(NOT EXISTS (SELECT 1 FROM {links} AS links WHERE links.risk_id = guarded.risk_id)
                OR EXISTS (SELECT 1 FROM {links} AS links JOIN models AS seen ON seen.model_id = links.model_id WHERE links.risk_id = guarded.risk_id))",
                links = match dialect {
                    Dialect::Sqlite => "main.risk_links",
                    Dialect::Postgres => "risk_links",
                }
            ),
            Guard::ModelOrSubject(kinds) => {
                format!("CASE WHEN guarded.model_id IS NOT NULL THEN {} ELSE {} END", model_is_seen("guarded.model_id"), subject_is_seen(kinds))
            }
            Guard::Transfer => {
                let teams = match dialect {
                    Dialect::Sqlite => format!("SELECT value FROM json_each(${})", places.teams),
                    Dialect::Postgres => format!("SELECT json_array_elements_text(${}::text::json)", places.teams),
                };
                format!("({} OR guarded.to_team IN ({teams}))", model_is_seen("guarded.model_id"))
            }
            Guard::Bytes => format!(
                "(EXISTS (SELECT 1 FROM blob_uses AS seen WHERE seen.digest = guarded.digest)
                OR EXISTS (SELECT 1 FROM blob_senders AS sent WHERE sent.digest = guarded.digest AND sent.actor_id = ${}))",
                places.reader
            ),
            Guard::Review => "EXISTS (SELECT 1 FROM reviews AS seen WHERE seen.review_id = guarded.review_id)".to_owned(),
            Guard::Subject => subject_is_seen(KINDS),
        };
        format!("{name} AS NOT MATERIALIZED (SELECT guarded.* FROM {table} AS guarded WHERE {condition})")
    }

    fn class_is_readable(&self, place: usize, dialect: Dialect) -> String {
        // An expression is in no index: the table is walked as the statement wants it.
        let column = match (self.density, dialect) {
            (Density::Few, _) => "guarded.access_class",
            (Density::Many, Dialect::Sqlite) => "+guarded.access_class",
            (Density::Many, Dialect::Postgres) => "guarded.access_class || ''",
        };
        match dialect {
            Dialect::Sqlite => format!("{column} IN (SELECT value FROM json_each(${place}))"),
            Dialect::Postgres => format!("{column} = ANY (ARRAY(SELECT json_array_elements_text(${place}::text::json)))"),
        }
    }
}

/// The statement that reads the row with a key, and its parameters.
pub(super) fn look_up(key: &Key) -> (String, &[Value]) {
    let mut text = super::sql::select(key.table).to_string();
    for (position, column) in key_columns(key.table).iter().enumerate() {
        let word = if position == 0 { "WHERE" } else { "AND" };
        let _ = write!(text, " {word} {}.{} = ${}", quoted(key.table.name), quoted(column.name), position.saturating_add(1));
    }
    (text, &key.values)
}

/// Whether every table of the schema has its line in [`GUARDS`]; gives those that have none.
pub fn unguarded(schema: &Schema) -> Vec<&'static str> {
    let known = |name: &str| GUARDS.iter().any(|(table, _)| *table == name);
    schema.tables.iter().map(|table| table.name).filter(|name| !known(name)).collect()
}

/// Tables that are looked for in the wrong file of SQLite: what hangs on bytes is scratch data, all else that is guarded is not.
pub fn misplaced(schema: &Schema) -> Vec<&'static str> {
    let guarded = |name: &str| GUARDS.iter().any(|(table, guard)| *table == name && *guard != Guard::Open);
    let of_bytes = |name: &str| GUARDS.iter().any(|(table, guard)| *table == name && *guard == Guard::Bytes);
    schema.tables.iter().filter(|table| guarded(table.name) && (table.class == Class::Scratch) != of_bytes(table.name)).map(|table| table.name).collect()
}

fn model_is_seen(column: &str) -> String {
    format!("EXISTS (SELECT 1 FROM models AS seen WHERE seen.model_id = {column})")
}

fn promotion_is_seen(column: &str) -> String {
    format!("EXISTS (SELECT 1 FROM promotions AS seen WHERE seen.promotion_id = {column})")
}

/// Letters of a model id: `m` and 32 digits.
const MODEL_ID_LETTERS: usize = 33;

/// A subject is a kind and an identifier, `model/ID/NUMBER` for a version (`chancery_core::entry::Subject`).
fn subject_is_seen(kinds: &[&str]) -> String {
    let mut text = "CASE".to_owned();
    for kind in kinds {
        let begin = kind.len().saturating_add(2);
        let id = match *kind {
            "model" => format!("substr(guarded.subject, {begin}, {MODEL_ID_LETTERS})"),
            _ => format!("substr(guarded.subject, {begin})"),
        };
        let _ = write!(text, " WHEN guarded.subject LIKE '{kind}/%' THEN EXISTS (SELECT 1 FROM {kind}s AS seen WHERE seen.{kind}_id = {id})");
    }
    text.push_str(" ELSE 1 = 1 END");
    text
}

/// The guarded tables whose names are words of a statement; none when it has no such word.
fn named(sql: &str) -> Option<Vec<&'static str>> {
    let mut found = Vec::new();
    for word in sql.split(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_') {
        let guarded = GUARDS.iter().find(|(table, guard)| *table == word && *guard != Guard::Open);
        if let Some((table, _)) = guarded.filter(|(table, _)| !found.contains(table)) {
            found.push(*table);
        }
    }
    Some(found).filter(|found| !found.is_empty())
}

/// Those tables and the ones that their guards read, each after what it needs.
fn needed<'a>(named: &'a [&'static str]) -> impl Iterator<Item = (&'static str, Guard)> + 'a {
    let read = move |name: &str| GUARDS.iter().any(|(table, guard)| named.contains(table) && guard.reads().contains(&name));
    GUARDS.iter().copied().filter(move |(name, _)| named.contains(name) || read(name))
}

/// Puts table expressions in front of a statement, which may begin with some of its own.
fn in_front(sql: &str, shadows: &str, dialect: Dialect) -> String {
    let body = sql.trim_start();
    let Some(own) = body.strip_prefix("WITH ") else { return format!("WITH {shadows} {body}") };
    match (own.strip_prefix("RECURSIVE "), dialect) {
        (None, _) => format!("WITH {shadows}, {own}"),
        (Some(own), Dialect::Sqlite) => format!("WITH RECURSIVE {shadows}, {own}"),
        // Expressions of a recursive list would see themselves.
        (Some(_), Dialect::Postgres) => format!("WITH {shadows} SELECT * FROM ({body}) AS answered"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reader() -> ActorId {
        ActorId::parse("anonymous").unwrap()
    }

    #[test]
    fn every_table_has_its_guard_and_only_one() {
        let schema = Schema::product();
        assert_eq!(unguarded(&schema), [""; 0], "say in GUARDS what the rows of these tables hang on");
        assert_eq!(misplaced(&schema), [""; 0]);
        for (name, _) in GUARDS {
            assert_eq!(GUARDS.iter().filter(|(other, _)| other == name).count(), 1, "{name}");
        }
    }

    #[test]
    fn a_guarded_table_has_the_columns_that_its_guard_reads() {
        for table in Schema::product().tables {
            let guard = GUARDS.iter().find(|(name, _)| *name == table.name).unwrap().1;
            let columns: &[&str] = match guard {
                Guard::Open => &[],
                Guard::Models => &["model_id", "access_class"],
                Guard::Model => &["model_id"],
                Guard::Promotion => &["promotion_id"],
                Guard::Risk => &["risk_id"],
                Guard::ModelOrSubject(_) => &["model_id", "subject"],
                Guard::Review => &["review_id"],
                Guard::Bytes => &["digest"],
                Guard::Transfer => &["model_id", "to_team"],
                Guard::Subject => &["subject"],
            };
            for column in columns {
                assert!(table.columns.iter().any(|known| known.name == *column), "{} has no {column}", table.name);
            }
            let open = guard == Guard::Open;
            let told = table.columns.iter().any(|column| ["model_id", "promotion_id", "to_model", "subject"].contains(&column.name));
            // The subject of an identity is a person at his provider.
            assert!(!(open && told) || table.name == "login_identities", "{} tells of a model, and is open", table.name);
        }
    }

    #[test]
    fn a_statement_without_guarded_tables_stays_as_it_is() {
        let readable = Readable::new(&reader(), &["a".to_owned()], &[], Density::Few);
        assert!(readable.guarded("SELECT digest FROM payloads WHERE digest = $1", &[Value::Null], Dialect::Sqlite).is_none());
        let (text, parameters) = readable.guarded("SELECT name FROM models WHERE name = $1", &[Value::Null], Dialect::Sqlite).unwrap();
        assert!(text.starts_with("WITH models AS NOT MATERIALIZED (SELECT guarded.* FROM main.models AS guarded"), "{text}");
        assert_eq!(parameters, [Value::Null, Value::Text("[\"a\"]".to_owned())]);
    }

    #[test]
    fn what_a_guard_reads_comes_before_it() {
        let readable = Readable::new(&reader(), &[], &[], Density::Many);
        let (text, _) = readable.guarded("SELECT 1 FROM comments JOIN timeline", &[], Dialect::Postgres).unwrap();
        let at = |name: &str| text.find(&format!("{name} AS NOT")).unwrap_or_else(|| panic!("{name}: {text}"));
        assert!(at("models") < at("promotions") && at("promotions") < at("comments") && at("risks") < at("timeline"), "{text}");
        let (text, _) = readable.guarded("WITH RECURSIVE a AS (SELECT 1) SELECT 1 FROM versions", &[], Dialect::Postgres).unwrap();
        assert!(text.ends_with(" SELECT * FROM (WITH RECURSIVE a AS (SELECT 1) SELECT 1 FROM versions) AS answered"), "{text}");
        let (text, _) = readable.guarded("WITH RECURSIVE a AS (SELECT 1) SELECT 1 FROM versions", &[], Dialect::Sqlite).unwrap();
        assert!(text.starts_with("WITH RECURSIVE models AS NOT MATERIALIZED"), "{text}");
    }
}
