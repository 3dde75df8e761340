//! Search in MLflow's language finds, orders and pages exactly what a naive reading of the grammar does, on both databases.
//!
//! The rows are written past the commands: only what stands in them matters here, and names, times and hidden rows can be anything.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::fmt::Write as _;

use chancery::http::mlflow::search::{self, Query, Target};
use chancery::store::{Schema, Snapshot, Store, StoreConfig, Writer};
use chancery_core::rows::{Kind, Row, Table, Value};
use chancery_core::tables::{ModelRow, TagRow, VersionRow};
use tempfile::TempDir;

use crate::support::postgres;

const IS_PROMPT: &str = "mlflow.prompt.is_prompt";

/// A model or a version as the naive search sees it.
#[derive(Clone, Debug, Default)]
struct Thing {
    model: String,
    name: String,
    /// 0 for a model.
    number: i64,
    run: String,
    source: String,
    hidden: bool,
    /// Microseconds.
    created: i64,
    updated: i64,
    tags: BTreeMap<String, String>,
}

/// A generator of numbers (SplitMix64): the same on every machine.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }

    fn one_in(&mut self, many: u64) -> bool {
        self.below(many) == 0
    }

    fn of<'a, T: ?Sized>(&mut self, choices: &[&'a T]) -> &'a T {
        choices[usize::try_from(self.below(choices.len() as u64)).unwrap()]
    }
}

struct Place {
    store: Store,
    writer: Writer,
    _folder: TempDir,
}

impl Place {
    async fn open(database: Option<String>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let config = StoreConfig { data: folder.path().to_owned(), database };
        let (store, writer) = Store::open(config, &Schema::product()).await.unwrap();
        Self { store, writer, _folder: folder }
    }

    async fn fill(&mut self, models: &[Thing], versions: &[Thing]) {
        let mut tx = self.writer.begin().await.unwrap();
        tx.put(ModelRow::TABLE, &models.iter().map(model_row).collect::<Vec<_>>()).await.unwrap();
        tx.put(VersionRow::TABLE, &versions.iter().map(version_row).collect::<Vec<_>>()).await.unwrap();
        let tags = models.iter().chain(versions).flat_map(|thing| {
            let row = |(key, value): (&String, &String)| {
                filled(TagRow::TABLE, &[("model_id", text(&thing.model)), ("number", Value::Integer(thing.number)), ("key", text(key)), ("value", text(value))])
            };
            thing.tags.iter().map(row)
        });
        tx.put(TagRow::TABLE, &tags.collect::<Vec<_>>()).await.unwrap();
        tx.commit().await.unwrap();
    }
}

fn text(text: &str) -> Value {
    Value::Text(text.to_owned())
}

/// A row with these values, and something that fits in all other columns.
fn filled(table: &Table, values: &[(&str, Value)]) -> Vec<Value> {
    let other = |name: &str, kind: Kind| match (name, kind) {
        ("kind", _) => text("model"),
        ("risk_tier", _) => text("unclassified"),
        ("policy_mode" | "attached_by" | "attached_index", _) => Value::Null,
        ("state", _) => text("draft"),
        ("profile", _) => text("{}"),
        ("created_by" | "registered_by", _) => text(&format!("u{:032x}", 1)),
        (name, Kind::Text) if name.ends_with("_digest") => text(&"0".repeat(64)),
        (_, Kind::Text) => text(""),
        (_, Kind::Integer) => Value::Integer(0),
        (_, Kind::Bytes) => Value::Bytes(vec![0; 32]),
    };
    let value = |name: &str| values.iter().find(|(known, _)| *known == name).map(|(_, value)| value.clone());
    table.columns.iter().map(|column| value(column.name).unwrap_or_else(|| other(column.name, column.kind))).collect()
}

fn model_row(thing: &Thing) -> Vec<Value> {
    let values = [
        ("model_id", text(&thing.model)),
        ("name", text(&thing.name)),
        ("hidden", Value::Integer(thing.hidden.into())),
        ("created_at", Value::Integer(thing.created)),
        ("last_updated_at", Value::Integer(thing.updated)),
    ];
    filled(ModelRow::TABLE, &values)
}

fn version_row(thing: &Thing) -> Vec<Value> {
    let values = [
        ("model_id", text(&thing.model)),
        ("number", Value::Integer(thing.number)),
        ("run_id", text(&thing.run)),
        ("source", text(&thing.source)),
        ("hidden", Value::Integer(thing.hidden.into())),
        ("registered_at", Value::Integer(thing.created)),
        ("last_updated_at", Value::Integer(thing.updated)),
    ];
    filled(VersionRow::TABLE, &values)
}

const NAMES: &[&str] =
    &["a", "A", "ab", "aB", "a_b", "a%b", "a\\b", "it's", "é", "É", "100%", "Beta", "alpha", "模型", "🦀", "[a]", "a*b", "a?b", "z z", "\u{10FFFF}"];
const VALUES: &[&str] = &["true", "false", "True", "x", "X", "x%", "x_", "x\\y", "", "é", "É", "it's", "\"q\"", "模型 🦀", "x1", "x2"];
const PATTERNS: &[&str] = &[
    "%",
    "a%",
    "A%",
    "%b",
    "a_b",
    "_",
    "__",
    "%'%",
    "x\\%",
    "x\\_",
    "É%",
    "%é%",
    "x%",
    "X_",
    "",
    "%%",
    "a%b",
    "[a]",
    "a*b",
    "true",
    "\u{10FFFF}%",
    "s3%",
    "r_",
];
const KEYS: &[&str] = &["k", "K", "team", "a.b", "a b", "日本", IS_PROMPT];

fn tags(random: &mut Random) -> BTreeMap<String, String> {
    let mut tags = BTreeMap::new();
    for key in KEYS {
        // Many have the key `k` with the value `x`, so that walking is the better way to find them.
        if *key == "k" && !random.one_in(10) {
            tags.insert((*key).to_owned(), if random.one_in(8) { random.of(VALUES).to_owned() } else { "x".to_owned() });
        } else if random.one_in(if *key == IS_PROMPT { 25 } else { 3 }) {
            tags.insert((*key).to_owned(), random.of(VALUES).to_owned());
        }
    }
    if random.one_in(20) {
        // Longer than what an index holds, with one beginning and different ends.
        tags.insert("long".to_owned(), format!("{}{}", "é".repeat(50_000), random.below(2)));
    }
    tags
}

/// Times with ties in the millisecond but not in the microsecond.
fn moment(random: &mut Random) -> i64 {
    1_700_000_000_000_000 + i64::try_from(random.below(40_000)).unwrap()
}

fn data(random: &mut Random) -> (Vec<Thing>, Vec<Thing>) {
    let (mut models, mut versions) = (Vec::new(), Vec::new());
    for (place, name) in NAMES.iter().chain(&["a", "Beta"]).enumerate() {
        // The last two are hidden, and others have their names.
        let hidden = place >= NAMES.len();
        let model =
            Thing { model: format!("m{place:032x}"), name: (*name).to_owned(), hidden, created: moment(random), updated: moment(random), ..Thing::default() };
        for number in 1..=i64::try_from(random.below(50)).unwrap() {
            versions.push(Thing {
                number,
                run: if random.one_in(3) { String::new() } else { format!("r{}", random.below(9)) },
                source: format!("s3://{}{}", "bucket/".repeat(20), random.below(9)),
                hidden: random.one_in(9),
                created: model.created + number * 700,
                updated: moment(random),
                tags: tags(random),
                ..model.clone()
            });
        }
        models.push(Thing { tags: tags(random), ..model });
    }
    // A version whose model is hidden is hidden with it.
    for version in versions.iter_mut().filter(|version| models.iter().any(|model| model.hidden && model.model == version.model)) {
        version.hidden = true;
    }
    (models, versions)
}

/// A comparison: what, how, with what.
struct Clause {
    key: String,
    is_tag: bool,
    operator: &'static str,
    values: Vec<String>,
}

fn clause(random: &mut Random, target: Target) -> Clause {
    let attributes: &[&str] = if target == Target::Models { &["name"] } else { &["name", "run_id", "source_path", "version_number"] };
    let is_tag = !random.one_in(3);
    let key = if is_tag { random.of(&[KEYS, &["long"]].concat()) } else { random.of(attributes) };
    let operators: &[&str] = match key {
        "version_number" => &["=", "!=", "<", "<=", ">", ">="],
        "name" | "run_id" if !is_tag => &["=", "!=", "LIKE", "ILIKE", "IN", "NOT IN"],
        _ => &["=", "!=", "LIKE", "ILIKE"],
    };
    let operator = random.of(operators);
    let count = if operator.ends_with("IN") { 1 + random.below(3) } else { 1 };
    let mut value = || match (key, operator) {
        ("version_number", _) => random.below(50).to_string(),
        ("long", "=" | "!=") => format!("{}{}", "é".repeat(50_000), random.below(2)),
        (_, "LIKE" | "ILIKE") => random.of(PATTERNS).to_owned(),
        ("name", _) if !is_tag => random.of(NAMES).to_owned(),
        ("run_id", _) if !is_tag => random.of(&["r1", "r2", "R1", "", "r"]).to_owned(),
        ("source_path", _) => format!("s3://{}{}", "bucket/".repeat(20), random.below(9)),
        _ => random.of(VALUES).to_owned(),
    };
    let values = (0..count).map(|_| value()).collect();
    Clause { key: key.to_owned(), is_tag, operator, values }
}

/// The clause in the language, in one of its spellings.
fn spelled(clause: &Clause, random: &mut Random) -> String {
    let in_list = clause.operator.ends_with("IN");
    let mut quoted = |value: &String| {
        let value = if in_list { value.replace('\\', "\\\\") } else { value.clone() };
        if clause.key == "version_number" && !clause.is_tag && random.one_in(2) {
            value
        } else if value.contains('\'') || (!value.contains('"') && random.one_in(2)) {
            format!("\"{value}\"")
        } else {
            format!("'{value}'")
        }
    };
    let values: Vec<String> = clause.values.iter().map(&mut quoted).collect();
    let values = if in_list { format!("({})", values.join(random.of(&[",", ", "]))) } else { values.concat() };
    let operator = if random.one_in(2) { clause.operator.to_lowercase() } else { clause.operator.to_owned() };
    let plain = !clause.key.contains(' ') && random.one_in(2);
    match (clause.is_tag, plain) {
        (true, true) => format!("tag.{} {operator} {values}", clause.key),
        (true, false) => format!("tags.`{}`  {operator} {values}", clause.key),
        (false, true) => format!("attribute.{} {operator} {values}", clause.key),
        (false, false) => format!("{} {operator}{}{values}", clause.key, if operator.ends_with(['=', '<', '>']) { "" } else { " " }),
    }
}

fn holds(clause: &Clause, thing: &Thing) -> bool {
    let value = match (clause.is_tag, clause.key.as_str()) {
        (true, key) => thing.tags.get(key).cloned(),
        (false, "name") => Some(thing.name.clone()),
        (false, "run_id") => Some(thing.run.clone()),
        (false, "source_path") => Some(thing.source.clone()),
        (false, _) => Some(format!("{:020}", thing.number)),
    };
    let Some(mut value) = value else { return false };
    let mut wanted = clause.values.clone();
    if !clause.is_tag && clause.key == "version_number" {
        wanted = wanted.iter().map(|number| format!("{number:0>20}")).collect();
    }
    if clause.is_tag && clause.key == IS_PROMPT && matches!(clause.operator, "=" | "!=") {
        value.make_ascii_lowercase();
        wanted.iter_mut().for_each(|wanted| wanted.make_ascii_lowercase());
    }
    let first = &wanted[0];
    match clause.operator {
        "=" => value == *first,
        "!=" => value != *first,
        "<" => value < *first,
        "<=" => value <= *first,
        ">" => value > *first,
        ">=" => value >= *first,
        "LIKE" => like(&letters(&value), &letters(first)),
        "ILIKE" => like(&letters(&value.to_ascii_lowercase()), &letters(&first.to_ascii_lowercase())),
        "IN" => wanted.contains(&value),
        "NOT IN" => !wanted.contains(&value),
        other => panic!("{other}"),
    }
}

fn letters(text: &str) -> Vec<char> {
    text.chars().collect()
}

fn like(text: &[char], pattern: &[char]) -> bool {
    match pattern.split_first() {
        None => text.is_empty(),
        Some(('%', rest)) => (0..=text.len()).any(|skipped| like(&text[skipped..], rest)),
        Some(('_', rest)) => !text.is_empty() && like(&text[1..], rest),
        Some((letter, rest)) => text.first() == Some(letter) && like(&text[1..], rest),
    }
}

/// Everything that a search must find, in its order.
fn naive<'a>(things: &'a [Thing], clauses: &[Clause], order: &[(&str, bool)]) -> Vec<&'a Thing> {
    let on_prompts = |clause: &&Clause| clause.is_tag && clause.key == IS_PROMPT;
    let shown = clauses.iter().find(on_prompts).is_some_and(|clause| {
        (clause.operator == "=" && clause.values[0].eq_ignore_ascii_case("true")) || (clause.operator == "!=" && clause.values[0].eq_ignore_ascii_case("false"))
    });
    let says = |thing: &Thing| thing.tags.get(IS_PROMPT).is_some_and(|value| value.eq_ignore_ascii_case("true"));
    let prompts: Vec<&str> = things.iter().filter(|thing| says(thing)).map(|thing| thing.model.as_str()).collect();
    let fits = |thing: &&Thing| {
        let kind = shown || !prompts.contains(&thing.model.as_str());
        !thing.hidden && kind && clauses.iter().filter(|clause| shown || !on_prompts(clause)).all(|clause| holds(clause, thing))
    };
    let mut found: Vec<&Thing> = things.iter().filter(fits).collect();
    found.sort_by(|a, b| {
        let compare = |(key, descends): &(&str, bool)| {
            let ascending = match *key {
                "name" => a.name.as_bytes().cmp(b.name.as_bytes()),
                "version_number" => a.number.cmp(&b.number),
                "creation_timestamp" => (a.created / 1000).cmp(&(b.created / 1000)),
                _ => (a.updated / 1000).cmp(&(b.updated / 1000)),
            };
            if *descends { ascending.reverse() } else { ascending }
        };
        let ties = [("name", false), ("version_number", true)];
        order.iter().chain(&ties).map(compare).fold(Ordering::Equal, Ordering::then)
    });
    found
}

/// One page: names and numbers, and the next token.
async fn page(snapshot: &Snapshot, target: Target, filter: &str, order_by: &[String], size: usize, token: &str) -> (Vec<(String, i64)>, Option<String>) {
    let query = Query::new(target, filter, order_by, i64::try_from(size).unwrap(), token).unwrap_or_else(|bad| panic!("{filter} {order_by:?}: {}", bad.0));
    match target {
        Target::Models => {
            let (rows, token) = search::models(snapshot, &query).await.unwrap();
            (rows.into_iter().map(|row| (row.name.as_str().to_owned(), 0)).collect(), token)
        }
        Target::Versions => {
            let (rows, token) = search::versions(snapshot, &query).await.unwrap();
            (rows.into_iter().map(|found| (found.name.as_str().to_owned(), i64::try_from(found.version.number.get()).unwrap())).collect(), token)
        }
    }
}

fn random_order(random: &mut Random, target: Target) -> Vec<(&'static str, bool)> {
    let keys: &[&str] = match target {
        Target::Models => &["name", "last_updated_timestamp"],
        Target::Versions => &["name", "version_number", "creation_timestamp", "last_updated_timestamp"],
    };
    let mut order: Vec<(&str, bool)> = Vec::new();
    for _ in 0..random.below(3) {
        let key = random.of(keys);
        if !order.iter().any(|(known, _)| *known == key) {
            order.push((key, random.one_in(2)));
        }
    }
    order
}

async fn random_searches(place: &mut Place) {
    let mut random = Random(2026);
    let (models, versions) = data(&mut random);
    assert!(versions.len() > 350, "too few for a walk: {}", versions.len());
    place.fill(&models, &versions).await;
    let snapshot = place.store.read().await.unwrap();
    let mut hits = 0;
    for _ in 0..600 {
        let target = if random.one_in(3) { Target::Models } else { Target::Versions };
        let clauses: Vec<Clause> = (0..random.below(4)).map(|_| clause(&mut random, target)).collect();
        let spellings: Vec<String> = clauses.iter().map(|clause| spelled(clause, &mut random)).collect();
        let filter = spellings.join(random.of(&[" AND ", " and ", "  And\n"]));
        let order = random_order(&mut random, target);
        let order_by: Vec<String> = order.iter().map(|(key, descends)| format!("{key}{}", if *descends { " DESC" } else { "" })).collect();
        let things = if target == Target::Models { &models } else { &versions };
        let default = if target == Target::Versions && order.is_empty() { vec![("last_updated_timestamp", true)] } else { order };
        let wanted: Vec<(String, i64)> = naive(things, &clauses, &default).iter().map(|thing| (thing.name.clone(), thing.number)).collect();
        hits += usize::from(!wanted.is_empty());
        let (mut found, mut token) = (Vec::new(), String::new());
        for _ in 0..6 {
            let size = *random.of(&[&1, &2, &7, &100, &1000]);
            let (rows, next) = page(&snapshot, target, &filter, &order_by, size, &token).await;
            let end = (found.len() + size).min(wanted.len());
            found.extend(rows);
            assert_eq!(found, wanted[..end], "{target:?} {} {order_by:?}", filter.chars().take(500).collect::<String>());
            assert_eq!(next.is_some(), end < wanted.len(), "an exactly full last page has no token: {filter} {order_by:?}");
            let Some(next) = next else { break };
            token = next;
        }
    }
    assert!(hits > 200, "only {hits} searches found anything");
}

/// All versions of a large model at once: more than the server reads at a time.
async fn many_versions(place: &mut Place) {
    let model = Thing { model: format!("m{:032x}", 1), name: "large".to_owned(), ..Thing::default() };
    let version = |number: i64| Thing { number, created: number, updated: number / 3_000 * 1_000, ..model.clone() };
    let versions: Vec<Thing> = (1..=11_000).map(version).collect();
    place.fill(std::slice::from_ref(&model), &versions).await;
    let snapshot = place.store.read().await.unwrap();
    for (filter, order) in
        [("", vec![]), ("name = 'large'", vec![]), ("version_number > 10", vec!["version_number"]), ("name = 'large'", vec!["creation_timestamp DESC"])]
    {
        let order_by: Vec<String> = order.iter().map(|key| (*key).to_owned()).collect();
        let (found, token) = page(&snapshot, Target::Versions, filter, &order_by, 200_000, "").await;
        let mut numbers: Vec<i64> = (if filter.contains('>') { 11 } else { 1 }..=11_000).collect();
        if order != ["version_number"] {
            numbers.reverse();
        }
        assert!(found.into_iter().map(|(_, number)| number).eq(numbers), "{filter} {order:?}");
        assert_eq!(token, None);
    }
}

async fn the_shapes_of_lists_are_few(place: &mut Place) {
    place.fill(&[Thing { model: format!("m{:032x}", 1), name: "a".to_owned(), ..Thing::default() }], &[]).await;
    let snapshot = place.store.read().await.unwrap();
    for count in [1, 2, 3, 1_000, 5_000] {
        let mut filter = "name IN (".to_owned();
        for place in 1..count {
            write!(filter, "'{place}', ").unwrap();
        }
        filter.push_str("'a')");
        let (found, _) = page(&snapshot, Target::Models, &filter, &[], 1, "").await;
        assert_eq!(found, [("a".to_owned(), 0)], "{count}");
    }
}

mod on_sqlite {
    use super::*;

    #[tokio::test]
    async fn random_searches() {
        super::random_searches(&mut Place::open(None).await).await;
    }

    #[tokio::test]
    async fn many_versions() {
        super::many_versions(&mut Place::open(None).await).await;
    }

    #[tokio::test]
    async fn the_shapes_of_lists_are_few() {
        super::the_shapes_of_lists_are_few(&mut Place::open(None).await).await;
    }
}

mod on_postgres {
    use super::*;

    #[tokio::test]
    async fn random_searches() {
        super::random_searches(&mut Place::open(Some(postgres::database().await)).await).await;
    }

    #[tokio::test]
    async fn many_versions() {
        super::many_versions(&mut Place::open(Some(postgres::database().await)).await).await;
    }

    #[tokio::test]
    async fn the_shapes_of_lists_are_few() {
        super::the_shapes_of_lists_are_few(&mut Place::open(Some(postgres::database().await)).await).await;
    }
}
