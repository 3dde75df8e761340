//! Values as PostgreSQL sends and takes them.

use bytes::BytesMut;
use chancery_core::rows::{BadRow, Column, Kind, Value};
use tokio_postgres::types::{IsNull, ToSql, Type, to_sql_checked};

use crate::fault::{Fault, Source};

/// All columns of a row.
pub(super) fn row_values(row: &tokio_postgres::Row) -> Result<Vec<Value>, Fault> {
    row.columns().iter().enumerate().map(|(position, column)| column_value(row, position, column.type_())).collect()
}

fn column_value(row: &tokio_postgres::Row, position: usize, kind: &Type) -> Result<Value, Fault> {
    let value = match *kind {
        Type::INT8 => row.try_get::<_, Option<i64>>(position).map(|number| number.map(Value::Integer)),
        Type::INT4 => row.try_get::<_, Option<i32>>(position).map(|number| number.map(|number| Value::Integer(number.into()))),
        Type::BOOL => row.try_get::<_, Option<bool>>(position).map(|truth| truth.map(|truth| Value::Integer(truth.into()))),
        Type::TEXT | Type::VARCHAR | Type::NAME => row.try_get::<_, Option<String>>(position).map(|text| text.map(Value::Text)),
        Type::BYTEA => row.try_get::<_, Option<Vec<u8>>>(position).map(|bytes| bytes.map(Value::Bytes)),
        _ => return Err(BadRow(format!("column {position} has the type `{kind}`: cast it to bigint, text or bytea")).into()),
    };
    value.map(|value| value.unwrap_or(Value::Null)).map_err(|error| Fault::database("read a column", error))
}

/// A parameter, encoded by the type that the server declares: the SQL text needs no casts.
#[derive(Debug)]
pub(super) struct Parameter<'a>(pub(super) &'a Value);

impl ToSql for Parameter<'_> {
    fn to_sql(&self, kind: &Type, out: &mut BytesMut) -> Result<IsNull, Source> {
        match (self.0, kind) {
            (Value::Null, _) => Ok(IsNull::Yes),
            (Value::Integer(number), &Type::INT8) => number.to_sql(kind, out),
            (Value::Integer(number), &Type::INT4) => i32::try_from(*number)?.to_sql(kind, out),
            (Value::Integer(number), &Type::BOOL) => (*number != 0).to_sql(kind, out),
            (Value::Text(text), &Type::TEXT | &Type::VARCHAR | &Type::NAME | &Type::UNKNOWN) => text.to_sql(kind, out),
            (Value::Bytes(bytes), &Type::BYTEA) => bytes.to_sql(kind, out),
            (value, kind) => Err(format!("parameter {value:?} cannot be sent as `{kind}`").into()),
        }
    }

    fn accepts(_: &Type) -> bool {
        true
    }

    to_sql_checked!();
}

/// One column of many rows, as an array.
#[derive(Debug)]
pub(super) enum Array<'a> {
    Integers(Vec<Option<i64>>),
    Texts(Vec<Option<&'a str>>),
    Bytes(Vec<Option<&'a [u8]>>),
}

impl ToSql for Array<'_> {
    fn to_sql(&self, kind: &Type, out: &mut BytesMut) -> Result<IsNull, Source> {
        match self {
            Self::Integers(values) => values.to_sql_checked(kind, out),
            Self::Texts(values) => values.to_sql_checked(kind, out),
            Self::Bytes(values) => values.to_sql_checked(kind, out),
        }
    }

    fn accepts(_: &Type) -> bool {
        true
    }

    to_sql_checked!();
}

/// Rows turned into one array per column.
pub(super) fn arrays<'a>(columns: &[Column], rows: &[&'a [Value]]) -> Result<Vec<Array<'a>>, BadRow> {
    columns.iter().enumerate().map(|(position, column)| array(column, position, rows)).collect()
}

fn array<'a>(column: &Column, position: usize, rows: &[&'a [Value]]) -> Result<Array<'a>, BadRow> {
    let values = rows.iter().map(|row| row.get(position));
    let misfit = |value: Option<&Value>| BadRow(format!("column `{}` cannot hold {value:?}", column.name));
    match column.kind {
        Kind::Integer => values
            .map(|value| match value {
                Some(Value::Null) => Ok(None),
                Some(Value::Integer(number)) => Ok(Some(*number)),
                other => Err(misfit(other)),
            })
            .collect::<Result<_, _>>()
            .map(Array::Integers),
        Kind::Text => values
            .map(|value| match value {
                Some(Value::Null) => Ok(None),
                Some(Value::Text(text)) => Ok(Some(text.as_str())),
                other => Err(misfit(other)),
            })
            .collect::<Result<_, _>>()
            .map(Array::Texts),
        Kind::Bytes => values
            .map(|value| match value {
                Some(Value::Null) => Ok(None),
                Some(Value::Bytes(bytes)) => Ok(Some(bytes.as_slice())),
                other => Err(misfit(other)),
            })
            .collect::<Result<_, _>>()
            .map(Array::Bytes),
    }
}
