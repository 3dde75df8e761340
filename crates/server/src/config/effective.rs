//! Every setting with its value in force and where it comes from.

use std::collections::BTreeMap;

use serde::Serialize;
use toml::Value;

use super::Config;
use crate::app::settings::{Setting, Source};

impl Config {
    /// The settings in force, by key. `file` is the configuration file as it was read, `self` has the flags over it.
    ///
    /// A value that a flag repeats from the file is said to come from the file: it is the same.
    pub fn effective(&self, file: Option<&Self>) -> Vec<Setting> {
        let (default, file) = (values(&Self::default()), file.map(values).unwrap_or_default());
        let source = |key: &str, value: &str| {
            let same = |values: &BTreeMap<String, String>| values.get(key).is_some_and(|known| known == value);
            // What the file does not say has the default there too.
            match (same(&default), same(&file)) {
                (true, _) => Source::Default,
                (false, true) => Source::File,
                (false, false) => Source::Flag,
            }
        };
        values(self).into_iter().map(|(key, value)| Setting { source: source(&key, &value), key, value }).collect()
    }
}

/// Every value by its key.
fn values(config: &impl Serialize) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    if let Ok(value) = Value::try_from(config) {
        flatten("", &value, &mut found);
    }
    found
}

fn flatten(key: &str, value: &Value, found: &mut BTreeMap<String, String>) {
    let under = |member: &str| if key.is_empty() { member.to_owned() } else { format!("{key}.{member}") };
    match value {
        Value::Table(members) => members.iter().for_each(|(member, value)| flatten(&under(member), value, found)),
        Value::Array(items) if items.iter().any(Value::is_table) => {
            items.iter().enumerate().for_each(|(number, value)| flatten(&under(&(number + 1).to_string()), value, found));
        }
        Value::String(text) => drop(found.insert(key.to_owned(), text.clone())),
        Value::Array(_) | Value::Integer(_) | Value::Float(_) | Value::Boolean(_) | Value::Datetime(_) => drop(found.insert(key.to_owned(), value.to_string())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_value_says_where_it_comes_from() {
        let file = Config::parse("public_url = 'https://a.example'\n[limits]\nheaders = 70\n[[workload_issuer]]\nissuer = 'i'\naudience = 'a'\n").unwrap();
        let mut config = file.clone();
        config.public_url = Some("https://b.example".to_owned());
        let settings = config.effective(Some(&file));
        let of = |key: &str| settings.iter().find(|setting| setting.key == key).map(|setting| (setting.value.as_str(), setting.source));
        assert_eq!(of("public_url"), Some(("https://b.example", Source::Flag)));
        assert_eq!(of("limits.headers"), Some(("70", Source::File)));
        assert_eq!(of("limits.streams"), Some(("128", Source::Default)));
        assert_eq!(of("workload_issuer.1.audience"), Some(("a", Source::File)));
        assert_eq!(of("data"), None, "what has no value is not there");
    }
}
