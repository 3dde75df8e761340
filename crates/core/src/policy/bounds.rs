//! What an organisation may change in the data of the baseline: `bounds.json`, and the merge that keeps to it.
//!
//! An organisation's `data.json` is an overlay: objects are merged member by member, a list that may only be added to keeps its
//! items and gets the new ones, any other value replaces the old one when its bound allows that. What no bound names stays.

use serde::Deserialize;
use serde_json::{Map, Value};

use super::error::{PolicyError, one_line};

/// Most bounds in a file.
const MAX_BOUNDS: usize = 512;

/// One bound.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Bound {
    /// Members from the root of `data.json`, with `.` between them; `*` is any one member.
    path: String,
    rule: Rule,
    minimum: Option<f64>,
    maximum: Option<f64>,
    why: String,
}

/// How a value may change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Rule {
    /// Lists get items, objects get members; nothing that is there changes.
    AddOnly,
    /// A number grows, or stays above `minimum`; true stays true.
    AtLeast,
    /// A number shrinks, or stays below `maximum`; false stays false.
    AtMost,
    /// A number lies from `minimum` to `maximum`.
    Range,
    /// Any value of the same type.
    Free,
}

/// The bounds of a baseline.
#[derive(Clone, Debug, Default)]
pub(super) struct Bounds(Vec<Bound>);

impl Bounds {
    /// Reads `bounds.json`.
    ///
    /// # Errors
    /// [`PolicyError::Bundle`] when it is no list of bounds.
    pub(super) fn parse(text: &str) -> Result<Self, PolicyError> {
        let bounds: Vec<Bound> = serde_json::from_str(text).map_err(|error| PolicyError::Bundle(format!("bounds.json: {error}")))?;
        if bounds.len() > MAX_BOUNDS {
            return Err(PolicyError::Bundle(format!("bounds.json has {} bounds; at most {MAX_BOUNDS} are accepted", bounds.len())));
        }
        Ok(Self(bounds))
    }

    /// The data of the baseline with an organisation's changes. `own` are the members of `chancery` that its rules read.
    ///
    /// # Errors
    /// [`PolicyError::Bundle`] names the path, the bound that it breaks, and why the bound is there.
    pub(super) fn merge(&self, baseline: &Value, overlay: &Value, own: &[String]) -> Result<Value, PolicyError> {
        let (Value::Object(baseline), Value::Object(overlay)) = (baseline, overlay) else {
            return Err(PolicyError::Bundle("data.json is not an object".to_owned()));
        };
        let mut merged = baseline.clone();
        for (name, value) in overlay {
            if name == "chancery" {
                let Value::Object(members) = value else { return Err(PolicyError::Bundle("data.json: chancery is not an object".to_owned())) };
                let before = merged.get("chancery").and_then(Value::as_object).cloned().unwrap_or_default();
                merged.insert(name.clone(), Value::Object(self.chancery(before, members, own)?));
            } else {
                // Rules of the baseline read nothing outside `chancery`.
                merged.insert(name.clone(), value.clone());
            }
        }
        Ok(Value::Object(merged))
    }

    fn chancery(&self, mut merged: Map<String, Value>, members: &Map<String, Value>, own: &[String]) -> Result<Map<String, Value>, PolicyError> {
        for (name, value) in members {
            let path = vec!["chancery".to_owned(), name.clone()];
            let next = match merged.get(name) {
                Some(before) => self.change(&path, before, value)?,
                None if own.contains(name) => value.clone(),
                None => {
                    let message = format!("is not in the baseline, and no rule of the bundle has this name; rules named `{}` read it", one_line(name));
                    return Err(refused(&path, &message));
                }
            };
            merged.insert(name.clone(), next);
        }
        Ok(merged)
    }

    fn change(&self, path: &[String], before: &Value, after: &Value) -> Result<Value, PolicyError> {
        if before == after {
            return Ok(before.clone());
        }
        let bound = self.of(path);
        if let (Value::Object(old), Value::Object(new)) = (before, after)
            && bound.is_none_or(|bound| bound.rule != Rule::Free)
        {
            let mut merged = old.clone();
            for (name, value) in new {
                let path = [path, std::slice::from_ref(name)].concat();
                let next = match (old.get(name), self.of(&path)) {
                    (Some(before), _) => self.change(&path, before, value)?,
                    (None, Some(bound)) if matches!(bound.rule, Rule::AddOnly | Rule::Free) => value.clone(),
                    (None, _) => return Err(refused(&path, "is not in the baseline, and bounds.json lets nobody add it")),
                };
                merged.insert(name.clone(), next);
            }
            return Ok(Value::Object(merged));
        }
        let Some(bound) = bound else { return Err(refused(path, "belongs to the baseline, and bounds.json lets nobody change it")) };
        bound.change(before, after).map_err(|broken| refused(path, &format!("{broken} ({})", one_line(&bound.why))))
    }

    /// The bound of a path: the longest that covers it, and of these the one with the fewest wildcards.
    fn of(&self, path: &[String]) -> Option<&Bound> {
        let covers =
            |bound: &&Bound| bound.segments().len() <= path.len() && bound.segments().iter().zip(path).all(|(part, name)| *part == "*" || part == name);
        let rank = |bound: &&Bound| (bound.segments().len(), std::cmp::Reverse(bound.segments().iter().filter(|part| **part == "*").count()));
        self.0.iter().filter(covers).max_by_key(rank)
    }
}

impl Bound {
    fn segments(&self) -> Vec<&str> {
        self.path.split('.').collect()
    }

    /// The new value when the bound allows it; the error says what it asks.
    fn change(&self, before: &Value, after: &Value) -> Result<Value, String> {
        match (self.rule, before, after) {
            (Rule::AddOnly, Value::Array(old), Value::Array(new)) => {
                Ok(Value::Array(old.iter().chain(new.iter().filter(|item| !old.contains(item))).cloned().collect()))
            }
            (Rule::AddOnly, ..) => Err("may only be added to".to_owned()),
            (Rule::AtLeast, Value::Bool(old), Value::Bool(new)) => (!*old || *new).then(|| after.clone()).ok_or_else(|| "must stay true".to_owned()),
            (Rule::AtMost, Value::Bool(old), Value::Bool(new)) => (*old || !*new).then(|| after.clone()).ok_or_else(|| "must stay false".to_owned()),
            (Rule::AtLeast | Rule::AtMost | Rule::Range, Value::Number(old), Value::Number(new)) => {
                let (old, new) = (old.as_f64().unwrap_or(f64::NAN), new.as_f64().unwrap_or(f64::NAN));
                let (least, most) = match self.rule {
                    Rule::AtLeast => (self.minimum.unwrap_or(old), f64::INFINITY),
                    Rule::AtMost => (f64::NEG_INFINITY, self.maximum.unwrap_or(old)),
                    Rule::Range | Rule::AddOnly | Rule::Free => (self.minimum.unwrap_or(f64::NEG_INFINITY), self.maximum.unwrap_or(f64::INFINITY)),
                };
                if least <= new && new <= most {
                    return Ok(after.clone());
                }
                Err(match (least.is_finite(), most.is_finite()) {
                    (true, true) => format!("is {new}; it must be from {least} to {most}"),
                    (true, false) => format!("is {new}; it must be at least {least}"),
                    (false, true | false) => format!("is {new}; it must be at most {most}"),
                })
            }
            (Rule::Free, _, _) if std::mem::discriminant(before) == std::mem::discriminant(after) => Ok(after.clone()),
            (Rule::AtLeast | Rule::AtMost | Rule::Range | Rule::Free, ..) => Err("has another type than in the baseline".to_owned()),
        }
    }
}

fn refused(path: &[String], message: &str) -> PolicyError {
    PolicyError::Bundle(format!("data.json: `{}` {message}", one_line(&path.join("."))))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn merge(overlay: Value) -> Result<Value, String> {
        let bounds = Bounds::parse(
            r#"[{"path": "chancery.a.list", "rule": "add-only", "why": "w"}, {"path": "chancery.a.map", "rule": "add-only", "why": "w"},
                {"path": "chancery.a.map.*.limit", "rule": "at-most", "why": "tighter only"}, {"path": "chancery.a.days", "rule": "range", "minimum": 1, "maximum": 90, "why": "w"},
                {"path": "chancery.a.least", "rule": "at-least", "why": "w"}, {"path": "chancery.a.on", "rule": "at-least", "why": "w"}, {"path": "chancery.a.free", "rule": "free", "why": "w"}]"#,
        )
        .unwrap();
        let baseline =
            json!({"chancery": {"a": {"list": [1, 2], "map": {"x": {"limit": 5, "word": "w"}}, "days": 30, "least": 2, "on": true, "free": "f", "fixed": 1}}});
        bounds.merge(&baseline, &overlay, &["mine".to_owned()]).map_err(|error| error.to_string())
    }

    #[test]
    fn data_changes_only_within_its_bounds() {
        for (overlay, pointer, expected) in [
            (json!({"chancery": {"a": {"list": [3, 2]}}}), "/chancery/a/list", json!([1, 2, 3])),
            (json!({"chancery": {"a": {"map": {"y": {"limit": 99}}}}}), "/chancery/a/map/y/limit", json!(99)),
            (json!({"chancery": {"a": {"map": {"x": {"limit": 4}}}}}), "/chancery/a/map/x", json!({"limit": 4, "word": "w"})),
            (json!({"chancery": {"a": {"days": 90}}}), "/chancery/a/days", json!(90)),
            (json!({"chancery": {"a": {"least": 3}}}), "/chancery/a/least", json!(3)),
            (json!({"chancery": {"a": {"free": "g", "fixed": 1}}}), "/chancery/a/free", json!("g")),
            (json!({"chancery": {"mine": {"n": 1}}, "ours": 2}), "/chancery/mine/n", json!(1)),
        ] {
            assert_eq!(merge(overlay.clone()).unwrap().pointer(pointer), Some(&expected), "{overlay}");
        }
    }

    #[test]
    fn what_a_bound_forbids_is_refused_with_its_reason() {
        for (overlay, expected) in [
            (json!({"chancery": {"a": {"list": 1}}}), "`chancery.a.list` may only be added to (w)"),
            (json!({"chancery": {"a": {"map": {"x": {"limit": 6}}}}}), "`chancery.a.map.x.limit` is 6; it must be at most 5 (tighter only)"),
            (json!({"chancery": {"a": {"map": {"x": {"word": "v"}}}}}), "`chancery.a.map.x.word` may only be added to"),
            (json!({"chancery": {"a": {"map": {"x": null}}}}), "`chancery.a.map.x` may only be added to"),
            (json!({"chancery": {"a": {"days": 91}}}), "from 1 to 90"),
            (json!({"chancery": {"a": {"days": "30"}}}), "another type"),
            (json!({"chancery": {"a": {"least": 1}}}), "at least 2"),
            (json!({"chancery": {"a": {"on": false}}}), "must stay true"),
            (json!({"chancery": {"a": {"free": 1}}}), "another type"),
            (json!({"chancery": {"a": {"fixed": 2}}}), "lets nobody change it"),
            (json!({"chancery": {"a": {"new": 2}}}), "lets nobody add it"),
            (json!({"chancery": {"a": null}}), "lets nobody change it"),
            (json!({"chancery": {"other": 2}}), "no rule of the bundle has this name"),
            (json!({"chancery": []}), "is not an object"),
        ] {
            let message = merge(overlay.clone()).unwrap_err();
            assert!(message.contains(expected), "{overlay}: {message}");
        }
    }

    proptest::proptest! {
        /// Whatever an overlay says, nothing that the baseline asks for goes away.
        #[test]
        fn a_list_that_may_be_added_to_never_loses_an_item(items in proptest::collection::vec(0i64..6, 0..6)) {
            let merged = merge(json!({"chancery": {"a": {"list": items}}})).unwrap();
            let list = merged.pointer("/chancery/a/list").unwrap().as_array().unwrap().clone();
            proptest::prop_assert!(list.starts_with(&[json!(1), json!(2)]));
        }
    }
}
