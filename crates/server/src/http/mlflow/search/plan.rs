//! How a search is carried out. Two ways, both with all conditions in SQL:
//!
//! - walk the objects in the order of the result and take those that fit, which is good when many do;
//! - start from the few candidates that an index on tags, runs, sources or names gives, or from the few models that the caller may read,
//!   and sort what fits.
//!
//! Neither database knows how many candidates there are, so they are counted, up to the number at which both ways cost the same.

use chancery_core::rows::Value;

use super::Query;
use super::clause::{Attribute, Clause, Prompts, Test};
use super::filter::Target;
use super::order::{By, Direction, Term};
use super::page::Page;
use super::sql::{self, Parameters};
use crate::app::AppError;
use crate::fault::Fault;
use crate::store::{Snapshot, Values};

/// Rows of one statement while walking: what the driver holds is a few times as large as what it becomes.
const CHUNK: usize = 5_000;
/// With this times the root of the page, walking a hundred thousand objects for a page costs as much as sorting the candidates.
const CANDIDATES_PER_ROOT: usize = 300;

/// Up to so many versions that are in sight are sorted, whatever the page: a walk may have to pass all others.
const SEEN: i64 = 5_000;

/// Where the objects come from.
#[derive(Clone, Copy, Debug)]
enum Start<'a> {
    /// All of them, or all of the named model, in the order of the result.
    Walk,
    /// Those for which this clause can hold.
    Clause(&'a Clause),
    /// The versions of the models whose names fit.
    Names,
    /// The versions of the models that are in sight.
    Seen,
}

/// A search of one target.
#[derive(Clone, Copy, Debug)]
pub(super) struct Plan<'a> {
    pub(super) target: Target,
    /// The columns of a result.
    pub(super) columns: &'a str,
    pub(super) query: &'a Query,
}

impl<'a> Plan<'a> {
    /// At most `limit` results after the page before, each with the place after which the rest begins.
    pub(super) async fn rows<T>(self, snapshot: &Snapshot, limit: usize, read: impl Fn(Values) -> Result<T, Fault>) -> Result<Vec<(T, Page)>, AppError> {
        let Some(start) = self.start(snapshot, limit).await? else { return Ok(Vec::new()) };
        let chunk = if matches!(start, Start::Walk) && self.is_walked_in_order() { CHUNK } else { limit };
        let mut found: Vec<(T, Page)> = Vec::new();
        while found.len() < limit {
            let wanted = chunk.min(limit.saturating_sub(found.len()));
            let after = found.last().map(|(_, place)| place).or(self.query.page.as_ref());
            let (text, parameters) = self.statement(start, after, wanted);
            let rows = snapshot.query(&text, &parameters).await?;
            let is_last = rows.len() < wanted;
            for mut row in rows {
                let after = row.split_off(row.len().saturating_sub(self.query.order.terms.len()));
                found.push((read(row)?, Page { after }));
            }
            if is_last {
                break;
            }
        }
        Ok(found)
    }

    /// The name that the filter asks for, when versions of one model are searched.
    fn model(self) -> Option<&'a str> {
        let name = |clause: &'a Clause| if let Clause::Attribute(Attribute::Name, Test::Equal(name)) = clause { Some(name.as_str()) } else { None };
        if self.target == Target::Versions { self.query.filter.clauses.iter().find_map(name) } else { None }
    }

    /// Tests of the name.
    fn names(self) -> Vec<&'a Test> {
        let test = |clause: &'a Clause| if let Clause::Attribute(Attribute::Name, test) = clause { Some(test) } else { None };
        self.query.filter.clauses.iter().filter_map(test).collect()
    }

    /// Whether an index has the order of a walk, so that a walk may be interrupted.
    fn is_walked_in_order(self) -> bool {
        match self.terms().first().map(|(_, term)| term.by) {
            Some(By::Created) => self.model().is_none(),
            Some(By::Name | By::Number | By::Updated) => true,
            None => false,
        }
    }

    /// The better way; none when nothing can be found.
    async fn start(self, snapshot: &Snapshot, limit: usize) -> Result<Option<Start<'a>>, AppError> {
        if self.target == Target::Versions && self.model().is_none() && snapshot.sees_few_models() {
            // Whatever the filter: it meets nothing else, and on a walk most is out of sight.
            match self.least(snapshot, vec![Start::Seen], SEEN).await? {
                Some((_, 0)) => return Ok(None),
                Some((seen, count)) if count < SEEN => return Ok(Some(seen)),
                Some(_) | None => {}
            }
        }
        let cap = i64::try_from(limit.isqrt().saturating_mul(CANDIDATES_PER_ROOT)).unwrap_or(i64::MAX);
        let clauses = self.query.filter.clauses.iter().map(Start::Clause);
        let names = (self.target == Target::Versions && self.model().is_none() && !self.names().is_empty()).then_some(Start::Names);
        // How many there are at all: to look at each whether it is in sight would cost more than it saves.
        Ok(match self.least(&snapshot.everything(), clauses.chain(names).collect(), cap).await? {
            Some((_, 0)) => None,
            Some((start, count)) if count < cap => Some(start),
            Some(_) | None => Some(Start::Walk),
        })
    }

    /// The start with the fewest candidates, counted up to `cap`; none when no index gives any.
    async fn least(self, snapshot: &Snapshot, starts: Vec<Start<'a>>, cap: i64) -> Result<Option<(Start<'a>, i64)>, AppError> {
        let mut parameters = Parameters::default();
        let (mut counted, mut counts) = (Vec::new(), Vec::new());
        for start in starts {
            if let Some(candidates) = self.candidates(start, &mut parameters) {
                counts.push(format!("(SELECT count(*) FROM ({candidates} LIMIT {}) counted)", parameters.put(cap)));
                counted.push(start);
            }
        }
        if counted.is_empty() {
            return Ok(None);
        }
        let rows = snapshot.query(&format!("SELECT {}", counts.join(", ")), &parameters.0).await?;
        let counts = rows.into_iter().flatten().map(|value| if let Value::Integer(count) = value { count } else { cap });
        Ok(counted.into_iter().zip(counts).min_by_key(|(_, count)| *count))
    }

    fn candidates(self, start: Start<'a>, parameters: &mut Parameters) -> Option<String> {
        match start {
            Start::Walk => None,
            Start::Clause(clause) => sql::candidates(clause, self.target, self.model(), parameters),
            Start::Names => Some(sql::candidates_by_name(&self.names(), parameters)),
            Start::Seen => Some(sql::CANDIDATES_BY_SIGHT.to_owned()),
        }
    }

    /// The statement for at most `limit` rows after a place.
    fn statement(self, start: Start<'a>, after: Option<&Page>, limit: usize) -> (String, Values) {
        let mut parameters = Parameters::default();
        let candidates = self.candidates(start, &mut parameters);
        let with = candidates.as_ref().map(|select| format!("WITH hits (model_id, number) AS MATERIALIZED ({select}) ")).unwrap_or_default();
        // SQLite takes the tables of a CROSS JOIN in this order; PostgreSQL finds it by itself.
        let (from, mut conditions) = self.tables(candidates.is_some(), &mut parameters);
        conditions.extend(self.query.filter.clauses.iter().map(|clause| sql::condition(clause, self.target, &mut parameters)));
        conditions.extend(self.query.within.conditions(&mut parameters));
        let terms = self.terms();
        if let Some(page) = after {
            conditions.push(self.after(&terms, page, &mut parameters));
        }
        if self.query.filter.prompts == Prompts::Hidden {
            conditions.push(sql::no_prompt(self.target));
        }
        let order: Vec<String> = terms.iter().map(|(_, term)| format!("{}{}", self.expression(term.by), descending(term.direction))).collect();
        let places: Vec<&str> = self.query.order.terms.iter().map(|term| self.expression(term.by)).collect();
        let limit = parameters.put(i64::try_from(limit).unwrap_or(i64::MAX));
        let (columns, places, conditions, order) = (self.columns, places.join(", "), conditions.join(" AND "), order.join(", "));
        (format!("{with}SELECT {columns}, {places} FROM {from} WHERE {conditions} ORDER BY {order} LIMIT {limit}"), parameters.0)
    }

    /// The tables, and how they belong together.
    fn tables(self, hits: bool, parameters: &mut Parameters) -> (&'static str, Vec<String>) {
        let mut conditions = Vec::new();
        let from = match self.target {
            Target::Models => {
                if hits {
                    conditions.push("m.model_id = hits.model_id".to_owned());
                }
                if hits { "hits CROSS JOIN models m" } else { "models m" }
            }
            Target::Versions => {
                conditions.push("m.model_id = v.model_id AND v.hidden <> 1".to_owned());
                if let Some(name) = self.model() {
                    conditions.push(format!("v.model_id = {}", sql::the_model(name, parameters)));
                }
                if hits {
                    conditions.push("v.model_id = hits.model_id AND v.number = hits.number".to_owned());
                }
                match self.terms().first().map(|(_, term)| term.by) {
                    _ if hits => "hits CROSS JOIN versions v CROSS JOIN models m",
                    Some(By::Name) => "models m CROSS JOIN versions v",
                    Some(By::Number | By::Created | By::Updated) | None => "versions v CROSS JOIN models m",
                }
            }
        };
        conditions.push("m.hidden <> 1".to_owned());
        (from, conditions)
    }

    /// The terms that matter, with their positions: all versions of one model have one name.
    fn terms(self) -> Vec<(usize, Term)> {
        let one_name = self.model().is_some();
        self.query.order.terms.iter().copied().enumerate().filter(|(_, term)| !(one_name && term.by == By::Name)).collect()
    }

    fn expression(self, by: By) -> &'static str {
        match (by, self.target) {
            (By::Name, _) => "m.name",
            (By::Number, _) => "v.number",
            (By::Created, _) => "v.registered_at / 1000",
            (By::Updated, Target::Models) => "m.last_updated_at / 1000",
            (By::Updated, Target::Versions) => "v.last_updated_at / 1000",
        }
    }

    /// What comes after a place. The first key stands alone as well, so that an index can begin there.
    fn after(self, terms: &[(usize, Term)], page: &Page, parameters: &mut Parameters) -> String {
        let mut text = String::new();
        for (position, term) in terms.iter().rev() {
            let value = page.after.get(*position).cloned().unwrap_or(Value::Null);
            let (key, place) = (self.expression(term.by), parameters.put_value(value));
            let beyond = if term.direction == Direction::Ascending { ">" } else { "<" };
            text = if text.is_empty() { format!("{key} {beyond} {place}") } else { format!("{key} {beyond}= {place} AND ({key} {beyond} {place} OR {text})") };
        }
        format!("({text})")
    }
}

fn descending(direction: Direction) -> &'static str {
    match direction {
        Direction::Ascending => "",
        Direction::Descending => " DESC",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::mlflow::search::Query;
    use crate::store::{Schema, Store, StoreConfig};

    /// What SQLite does for a search, step by step.
    async fn steps(store: &Store, target: Target, filter: &str, order: &str, start: usize) -> Vec<String> {
        let order: Vec<String> = order.split(',').filter(|key| !key.is_empty()).map(ToOwned::to_owned).collect();
        let query = Query::new(target, filter, &order, 10, "").unwrap();
        let plan = Plan { target, columns: "m.model_id", query: &query };
        let start = query.filter.clauses.iter().map(Start::Clause).nth(start).unwrap_or(Start::Walk);
        let place = Page { after: vec![Value::Integer(1); query.order.terms.len()] };
        let (text, parameters) = plan.statement(start, Some(&place), 10);
        let rows = store.read().await.unwrap().query(&format!("EXPLAIN QUERY PLAN {text}"), &parameters).await.unwrap();
        rows.into_iter().filter_map(|row| if let Some(Value::Text(step)) = row.into_iter().next_back() { Some(step) } else { None }).collect()
    }

    #[tokio::test]
    async fn every_usual_search_goes_by_an_index() {
        let folder = tempfile::tempdir().unwrap();
        let (store, _writer) = Store::open(StoreConfig { data: folder.path().to_owned(), database: None }, &Schema::product()).await.unwrap();
        const WALK: usize = 9;
        for (target, filter, order, start, wanted) in [
            (Target::Models, "", "", WALK, "SEARCH m USING INDEX models_by_name (name>?)"),
            (Target::Models, "", "timestamp DESC", WALK, "SEARCH m USING INDEX models_by_update (<expr><?)"),
            (Target::Models, "tags.a = 'b'", "", 0, "SEARCH tags USING COVERING INDEX tags_by_key (key=? AND <expr>=? AND <expr>=?)"),
            (Target::Models, "tags.a LIKE 'b%'", "", 0, "SEARCH tags USING COVERING INDEX tags_by_key (key=? AND <expr>=? AND <expr>>? AND <expr><?)"),
            (Target::Versions, "", "", WALK, "SEARCH v USING INDEX versions_by_update (<expr><?)"),
            (Target::Versions, "", "", WALK, "SEARCH p USING COVERING INDEX tags_by_key (key=? AND <expr>=? AND <expr>=? AND <expr>=?)"),
            (Target::Versions, "", "creation_timestamp", WALK, "SEARCH v USING INDEX versions_by_registration (<expr>>?)"),
            (Target::Versions, "version_number > 1", "", WALK, "SEARCH v USING INDEX versions_by_update (<expr><?)"),
            (Target::Versions, "version_number = 1", "", 0, "SEARCH versions USING COVERING INDEX versions_by_number (number=?)"),
            (Target::Versions, "name = 'a' AND version_number = 1", "", WALK, "SEARCH v USING PRIMARY KEY (model_id=? AND number=?)"),
            (Target::Versions, "", "version_number DESC", WALK, "SEARCH v USING INDEX versions_by_number (number<?)"),
            (Target::Versions, "", "name", WALK, "SEARCH m USING INDEX models_by_name (name>?)"),
            (Target::Versions, "name = 'a'", "", WALK, "SEARCH v USING INDEX versions_of_model_by_update (model_id=? AND <expr><?)"),
            (Target::Versions, "name = 'a'", "version_number", WALK, "SEARCH v USING PRIMARY KEY (model_id=? AND number>?)"),
            (
                Target::Versions,
                "name = 'a' AND tags.b = 'c'",
                "",
                1,
                "SEARCH tags USING COVERING INDEX tags_by_key (key=? AND <expr>=? AND <expr>=? AND <expr>=?)",
            ),
            (Target::Versions, "run_id = 'a'", "", 0, "SEARCH versions USING COVERING INDEX versions_by_run (<expr>=?)"),
            (Target::Versions, "source_path LIKE 'a%'", "", 0, "SEARCH versions USING COVERING INDEX versions_by_source (<expr>>? AND <expr><?)"),
        ] {
            let steps = steps(&store, target, filter, order, start).await;
            assert!(steps.iter().any(|step| step == wanted), "{target:?} {filter} {order}: {steps:#?}");
            assert!(!steps.iter().any(|step| step.starts_with("SCAN") && step != "SCAN hits"), "{target:?} {filter} {order}: {steps:#?}");
        }
    }
}
