//! Consistent reads.

use std::sync::{Arc, Mutex};

use chancery_core::rows::{Key, Row, Table, Value};
use deadpool_postgres::Object;
use rusqlite::Connection;

use super::sight::{Density, Dialect, Sight, look_up};
use super::turn::Turn;
use super::{Head, Loaded, Values, postgres, sql, sqlite};
use crate::fault::Fault;

/// The database as of one moment. Dropping it ends its transaction; drop it before anything slow happens.
#[derive(Debug)]
pub struct Snapshot {
    link: Arc<Link>,
    turn: Arc<Turn>,
    head: Head,
    sight: Sight,
}

#[derive(Debug)]
enum Link {
    Sqlite(Reader),
    Postgres(Box<Transaction>),
}

/// A reading connection of SQLite that goes back to its pool. The mutex is never contended: it makes the type shareable.
#[derive(Debug)]
struct Reader {
    connection: Arc<Mutex<Connection>>,
    files: Arc<sqlite::Files>,
}

impl Drop for Reader {
    fn drop(&mut self) {
        sqlite::roll_back(&sqlite::held(&self.connection));
        self.files.give_back(&self.connection);
    }
}

#[derive(Debug)]
struct Transaction(Object);

impl Drop for Transaction {
    fn drop(&mut self) {
        postgres::roll_back(&self.0);
    }
}

impl Link {
    fn dialect(&self) -> Dialect {
        match self {
            Self::Sqlite(_) => Dialect::Sqlite,
            Self::Postgres(_) => Dialect::Postgres,
        }
    }

    async fn query(&self, sql: &str, parameters: &[Value]) -> Result<Vec<Values>, Fault> {
        match self {
            Self::Sqlite(reader) => sqlite::query(&sqlite::held(&reader.connection), sql, parameters),
            Self::Postgres(transaction) => postgres::query(&transaction.0, sql, parameters).await,
        }
    }
}

/// The head is read at once: on both databases it is the first read that fixes the moment, not BEGIN.
const HEAD: &str = "SELECT size, at FROM head WHERE id = 1";

impl Snapshot {
    pub(super) fn sqlite(files: Arc<sqlite::Files>) -> Result<Self, Fault> {
        let turn = Arc::new(Turn::take());
        let reader = Reader { connection: files.take()?, files };
        let head = {
            let connection = sqlite::held(&reader.connection);
            sqlite::run(&connection, "BEGIN DEFERRED")?;
            Head::from_values(&sqlite::query(&connection, HEAD, &[])?)?
        };
        Ok(Self { link: Arc::new(Link::Sqlite(reader)), turn, head, sight: Sight::Everything })
    }

    pub(super) async fn postgres(client: Object) -> Result<Self, Fault> {
        let turn = Arc::new(Turn::take());
        let transaction = Box::new(Transaction(client));
        let begin = format!("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; {HEAD}");
        let head = Head::from_integers(&postgres::integers(&transaction.0, &begin).await?)?;
        Ok(Self { link: Arc::new(Link::Postgres(transaction)), turn, head, sight: Sight::Everything })
    }

    /// The ledger's head in this snapshot.
    pub fn head(&self) -> Head {
        self.head
    }

    /// The same moment, as whoever has this sight sees it.
    #[must_use]
    pub fn seen_with(mut self, sight: Sight) -> Self {
        self.sight = sight;
        self
    }

    /// The same moment without any limit of sight, for what the rules must know whoever asks: nothing that it shows goes to a caller.
    #[must_use]
    pub fn everything(&self) -> Self {
        Self { link: Arc::clone(&self.link), turn: Arc::clone(&self.turn), head: self.head, sight: Sight::Everything }
    }

    /// Whether something may be out of sight.
    pub fn is_limited(&self) -> bool {
        matches!(self.sight, Sight::Some(_))
    }

    /// Whether so few models are in sight that it is better to begin with them than to meet them on the way.
    pub fn sees_few_models(&self) -> bool {
        matches!(&self.sight, Sight::Some(readable) if readable.density() == Density::Few)
    }

    /// Rows of a query with `$1` placeholders, of what is in sight.
    ///
    /// # Errors
    /// [`Fault::Database`]; [`Fault::BadRow`] for a column that is no integer, text or bytes.
    pub async fn query(&self, sql: &str, parameters: &[Value]) -> Result<Vec<Values>, Fault> {
        let guarded = match &self.sight {
            Sight::Everything => None,
            Sight::Some(readable) => readable.guarded(sql, parameters, self.link.dialect()),
        };
        match &guarded {
            None => self.link.query(sql, parameters).await,
            Some((sql, parameters)) => self.link.query(sql, parameters).await,
        }
    }

    /// The rows with these keys, in the order of the keys; `None` where there is none in sight.
    ///
    /// # Errors
    /// As [`Snapshot::query`].
    pub async fn load(&self, keys: Vec<Key>) -> Result<Loaded, Fault> {
        match (&self.sight, &*self.link) {
            (Sight::Some(_), _) => {
                let look = |key: Key| async {
                    let (text, parameters) = look_up(&key);
                    let found = self.query(&text, parameters).await?.into_iter().next();
                    Ok::<_, Fault>((key, found))
                };
                futures_util::future::try_join_all(keys.into_iter().map(look)).await
            }
            (Sight::Everything, Link::Sqlite(reader)) => sqlite::load(&sqlite::held(&reader.connection), keys),
            (Sight::Everything, Link::Postgres(transaction)) => postgres::load(&transaction.0, keys).await,
        }
    }

    /// The row with this key.
    ///
    /// # Errors
    /// As [`Snapshot::query`]; [`Fault::BadRow`] when it does not fit its type.
    pub async fn get<R: Row>(&self, key: Values) -> Result<Option<R>, Fault> {
        let loaded = self.load(vec![Key { table: R::TABLE, values: key }]).await?;
        let values = loaded.into_iter().next().and_then(|(_, values)| values);
        Ok(values.map(R::from_values).transpose()?)
    }

    /// Rows of `R`; `tail` is what follows `SELECT columns FROM table`, such as `WHERE name = $1 ORDER BY number`.
    ///
    /// # Errors
    /// As [`Snapshot::get`].
    pub async fn rows<R: Row>(&self, tail: &str, parameters: &[Value]) -> Result<Vec<R>, Fault> {
        typed(self.query(&format!("{} {tail}", sql::select(R::TABLE)), parameters).await?)
    }

    /// Rows of `A`, each with its row of `B`; `tail` is what follows `SELECT columns FROM`. One round trip where two reads need two.
    ///
    /// # Errors
    /// As [`Snapshot::get`].
    pub async fn pairs<A: Row, B: Row>(&self, tail: &str, parameters: &[Value]) -> Result<Vec<(A, B)>, Fault> {
        let text = format!("SELECT {}, {} FROM {tail}", sql::columns(A::TABLE), sql::columns(B::TABLE));
        let rows = self.query(&text, parameters).await?.into_iter();
        let pair = |mut values: Values| {
            let second = values.split_off(A::TABLE.columns.len().min(values.len()));
            Ok((A::from_values(values)?, B::from_values(second)?))
        };
        rows.map(pair).collect()
    }

    /// A page of a table in the order of its key (text by bytes), after the key `after`, at most `limit` rows.
    ///
    /// # Errors
    /// As [`Snapshot::query`].
    pub async fn scan(&self, table: &Table, after: Option<Values>, limit: u32) -> Result<Vec<Values>, Fault> {
        let text = sql::page(table, after.is_some());
        self.query(&text, &page_parameters(after, limit)).await
    }

    /// As [`Snapshot::scan`], typed.
    ///
    /// # Errors
    /// As [`Snapshot::get`].
    pub async fn scan_as<R: Row>(&self, after: Option<Values>, limit: u32) -> Result<Vec<R>, Fault> {
        typed(self.scan(R::TABLE, after, limit).await?)
    }
}

/// Parameters of [`sql::page`].
pub(super) fn page_parameters(after: Option<Values>, limit: u32) -> Values {
    let mut parameters = after.unwrap_or_default();
    parameters.push(Value::Integer(limit.into()));
    parameters
}

fn typed<R: Row>(rows: Vec<Values>) -> Result<Vec<R>, Fault> {
    Ok(rows.into_iter().map(R::from_values).collect::<Result<_, _>>()?)
}
