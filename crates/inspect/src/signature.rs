//! The signature of a model: what it takes and what it gives, in one form for every source.

use crate::mlmodel::RawSignature;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeSet;

/// Most columns in one list.
pub const MAX_COLUMNS: usize = 20_000;
/// Longest text of a column list, in bytes.
pub const MAX_COLUMNS_BYTES: usize = 1024 * 1024;

/// What a model takes and gives.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Signature {
    /// What every request must or may have.
    pub inputs: Vec<Column>,
    /// What every answer has.
    pub outputs: Vec<Column>,
    /// Settings of one request. They all have a default, so none is required.
    #[serde(default)]
    pub params: Vec<Column>,
}

/// One column, tensor or parameter.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Column {
    /// The name; a model with one unnamed tensor has none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// `double`, `long`, `string`, … for columns, the dtype (`float32`) for tensors,
    /// `array<…>`, `map<…>` and `object{name:…,optional?:…}` for nested ones.
    #[serde(rename = "type")]
    pub data_type: String,
    /// The sizes of a tensor; -1 is any size. None for a plain column.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub shape: Option<Vec<i64>>,
    /// Whether it must be there.
    pub required: bool,
}

/// Decodes the JSON texts that MLmodel keeps inside YAML.
pub(crate) fn from_mlmodel(raw: &RawSignature) -> Result<Signature, String> {
    let mut params = columns("params", raw.params.as_deref())?;
    for param in &mut params {
        param.required = false;
    }
    Ok(Signature { inputs: columns("inputs", raw.inputs.as_deref())?, outputs: columns("outputs", raw.outputs.as_deref())?, params })
}

fn columns(list: &str, text: Option<&str>) -> Result<Vec<Column>, String> {
    let Some(text) = text else {
        return Ok(Vec::new());
    };
    if text.len() > MAX_COLUMNS_BYTES {
        return Err(format!("signature {list}: larger than {MAX_COLUMNS_BYTES} bytes"));
    }
    let values: Option<Vec<Value>> = serde_json::from_str(text).map_err(|error| format!("signature {list}: {error}"))?;
    let values = values.unwrap_or_default();
    if values.len() > MAX_COLUMNS {
        return Err(format!("signature {list}: more than {MAX_COLUMNS} columns"));
    }
    let columns: Vec<Column> = values
        .iter()
        .enumerate()
        .map(|(index, value)| column(value).map_err(|error| format!("signature {list}, column {index}: {error}")))
        .collect::<Result<_, _>>()?;
    let mut names = BTreeSet::new();
    match columns.iter().filter_map(|column| column.name.as_ref()).find(|name| !names.insert(*name)) {
        Some(name) => Err(format!("signature {list}: two columns are called `{name}`")),
        None => Ok(columns),
    }
}

fn column(value: &Value) -> Result<Column, String> {
    let name = match value.get("name") {
        None | Some(Value::Null) => None,
        Some(Value::String(name)) => Some(name.clone()),
        Some(_) => return Err("the name is not text".to_owned()),
    };
    let required = required(value)?;
    if value.get("type").and_then(Value::as_str) == Some("tensor") {
        let tensor = value.get("tensor-spec").ok_or("a tensor without `tensor-spec`")?;
        let data_type = tensor.get("dtype").and_then(Value::as_str).ok_or("a tensor without `dtype`")?.to_owned();
        let shape = shape(tensor.get("shape"))?.ok_or("a tensor without `shape`")?;
        return Ok(Column { name, data_type, shape: Some(shape), required });
    }
    Ok(Column { name, data_type: type_name(value)?, shape: shape(value.get("shape"))?, required })
}

fn required(value: &Value) -> Result<bool, String> {
    // `optional` is how MLflow wrote it before 2.6.
    match (value.get("required"), value.get("optional")) {
        (Some(Value::Bool(required)), _) => Ok(*required),
        (None, Some(Value::Bool(optional))) => Ok(!*optional),
        (None, None) => Ok(true),
        (Some(_), _) | (None, Some(_)) => Err("`required` is not true or false".to_owned()),
    }
}

fn shape(value: Option<&Value>) -> Result<Option<Vec<i64>>, String> {
    match value {
        None | Some(Value::Null) => Ok(None),
        Some(Value::Array(sizes)) => sizes
            .iter()
            .map(|size| size.as_i64().filter(|size| *size >= -1).ok_or("a shape with a size that is not a count".to_owned()))
            .collect::<Result<_, _>>()
            .map(Some),
        Some(_) => Err("the shape is not a list".to_owned()),
    }
}

/// One text for a type, so that two types can be compared. serde_json bounds the nesting to 128.
fn type_name(value: &Value) -> Result<String, String> {
    let name = value.get("type").and_then(Value::as_str).ok_or("no `type`")?;
    let nested = |key: &str| value.get(key).ok_or(format!("`{name}` without `{key}`")).and_then(type_name);
    match name {
        "array" => Ok(format!("array<{}>", nested("items")?)),
        "map" => Ok(format!("map<{}>", nested("values")?)),
        "object" => {
            let properties = value.get("properties").and_then(Value::as_object).ok_or("`object` without `properties`")?;
            let mut parts = Vec::new();
            for (key, property) in properties {
                let mark = if required(property)? { "" } else { "?" };
                parts.push(format!("{}{mark}:{}", quoted(key), type_name(property)?));
            }
            parts.sort();
            Ok(format!("object{{{}}}", parts.join(",")))
        }
        _ => Ok(name.to_owned()),
    }
}

/// A property name that could be taken for the syntax around it is quoted, so that two types never look the same.
fn quoted(name: &str) -> String {
    let plain = !name.is_empty() && name.chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | '-' | ' '));
    if plain { name.to_owned() } else { Value::from(name).to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn decode(text: &str) -> Result<Vec<Column>, String> {
        columns("inputs", Some(text))
    }

    fn plain(name: &str, data_type: &str, required: bool) -> Column {
        Column { name: Some(name.to_owned()), data_type: data_type.to_owned(), shape: None, required }
    }

    #[test]
    fn column_lists_are_decoded() {
        let tensor = Column { name: None, data_type: "float32".to_owned(), shape: Some(vec![-1, 28]), required: true };
        let nested = r#"[{"name":"m","required":false,"type":"array","items":{"type":"object","properties":{
            "b":{"type":"string","required":true},"a":{"type":"map","values":{"type":"long"},"required":false}}}}]"#;
        let cases = [
            ("null", vec![]),
            (r#"[{"type":"double","name":"x","required":true}]"#, vec![plain("x", "double", true)]),
            (r#"[{"type":"double","name":"x","optional":true}]"#, vec![plain("x", "double", false)]),
            (r#"[{"type":"double","name":"x"}]"#, vec![plain("x", "double", true)]),
            (r#"[{"type":"tensor","tensor-spec":{"dtype":"float32","shape":[-1,28]}}]"#, vec![tensor]),
            (nested, vec![plain("m", "array<object{a?:map<long>,b:string}>", false)]),
        ];
        for (text, expected) in cases {
            assert_eq!(decode(text).unwrap(), expected, "{text}");
        }
    }

    #[test]
    fn malformed_column_lists_are_refused() {
        let deep = format!("[{}]", r#"{"type":"array","items":"#.repeat(5000));
        let many = format!("[{}1]", "1,".repeat(MAX_COLUMNS));
        for text in [
            "",
            "{",
            "{}",
            "[1]",
            r#"[{"name":"x"}]"#,
            r#"[{"type":"tensor"}]"#,
            r#"[{"type":"tensor","tensor-spec":{"dtype":"float32"}}]"#,
            r#"[{"type":"tensor","tensor-spec":{"dtype":"float32","shape":[-2]}}]"#,
            r#"[{"type":"tensor","tensor-spec":{"dtype":"float32","shape":[1.5]}}]"#,
            r#"[{"type":"double","name":1}]"#,
            r#"[{"type":"double","required":"yes"}]"#,
            r#"[{"type":"array"}]"#,
            r#"[{"type":"double","name":"x"},{"type":"long","name":"x"}]"#,
            &deep,
            &many,
            &" ".repeat(MAX_COLUMNS_BYTES + 1),
        ] {
            let error = decode(text).unwrap_err();
            assert!(error.starts_with("signature inputs"), "{error}");
        }
    }

    #[test]
    fn property_names_cannot_imitate_other_types() {
        let tricky = r#"[{"type":"object","properties":{"a:long,b":{"type":"long"}}}]"#;
        let honest = r#"[{"type":"object","properties":{"a":{"type":"long"},"b":{"type":"long"}}}]"#;
        assert_ne!(decode(tricky).unwrap(), decode(honest).unwrap());
    }

    proptest! {
        #[test]
        fn no_text_panics(text in "[\\[{]?[\"a-z0-9:,\\[\\]{} -]{0,80}") {
            let _ = decode(&text);
        }
    }
}
