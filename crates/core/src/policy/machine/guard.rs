//! The functions that rules may call in the machine, each with a guard: the machine takes an error of a function for "does not
//! hold", except one that says that a limit was reached. So every error is turned into that one, and the interpreter decides.
//!
//! Functions that [`sandbox`](super::super::sandbox) shadows are not among them.

use regorus::unstable::{BUILTINS, BuiltinFcn, Expr, Ref, Span};
use regorus::{LimitError, Value};

/// Gives a name to the type of the errors of a function of regorus.
trait Fails {
    /// That type.
    type Failure;
}

impl<E> Fails for (fn(&Span, &[Ref<Expr>], &[Value], bool) -> Result<Value, E>, u8) {
    type Failure = E;
}

type Failure = <BuiltinFcn as Fails>::Failure;

fn call(name: &str, span: &Span, parameters: &[Ref<Expr>], arguments: &[Value]) -> Result<Value, Failure> {
    let stop = || Failure::from(LimitError::MemoryLimitExceeded { usage: 0, limit: 0 });
    let Some((function, _)) = BUILTINS.get(name) else { return Err(stop()) };
    function(span, parameters, arguments, true).map_err(|_| stop())
}

macro_rules! guarded {
    ($($function:ident = $name:literal),+ $(,)?) => {
        $(fn $function(span: &Span, parameters: &[Ref<Expr>], arguments: &[Value], _strict: bool) -> Result<Value, Failure> {
            call($name, span, parameters, arguments)
        })+

        /// A function of regorus with its guard; none when rules may not call it in the machine.
        pub(super) fn guarded(name: &str) -> Option<BuiltinFcn> {
            let arguments = BUILTINS.get(name)?.1;
            match name {
                $($name => Some(($function, arguments)),)+
                _ => None,
            }
        }

        #[cfg(test)]
        const NAMES: &[&str] = &[$($name),+];
    };
}

guarded!(
    abs = "abs",
    array_concat = "array.concat",
    array_reverse = "array.reverse",
    array_slice = "array.slice",
    ceil = "ceil",
    concat = "concat",
    contains = "contains",
    count = "count",
    endswith = "endswith",
    floor = "floor",
    format_int = "format_int",
    glob_match = "glob.match",
    indexof = "indexof",
    intersection = "intersection",
    is_array = "is_array",
    is_boolean = "is_boolean",
    is_null = "is_null",
    is_number = "is_number",
    is_object = "is_object",
    is_set = "is_set",
    is_string = "is_string",
    lower = "lower",
    max = "max",
    min = "min",
    object_filter = "object.filter",
    object_get = "object.get",
    object_keys = "object.keys",
    object_remove = "object.remove",
    object_subset = "object.subset",
    object_union = "object.union",
    object_union_n = "object.union_n",
    regex_match = "regex.match",
    regex_replace = "regex.replace",
    regex_split = "regex.split",
    replace = "replace",
    round = "round",
    semver_compare = "semver.compare",
    semver_is_valid = "semver.is_valid",
    sort = "sort",
    split = "split",
    sprintf = "sprintf",
    startswith = "startswith",
    strings_any_prefix_match = "strings.any_prefix_match",
    strings_any_suffix_match = "strings.any_suffix_match",
    substring = "substring",
    sum = "sum",
    time_parse_duration_ns = "time.parse_duration_ns",
    time_parse_rfc3339_ns = "time.parse_rfc3339_ns",
    to_number = "to_number",
    trim = "trim",
    trim_left = "trim_left",
    trim_prefix = "trim_prefix",
    trim_right = "trim_right",
    trim_space = "trim_space",
    trim_suffix = "trim_suffix",
    type_name = "type_name",
    union = "union",
    upper = "upper",
);

#[cfg(test)]
mod tests {
    use super::super::super::sandbox;
    use super::*;

    #[test]
    fn every_name_is_a_function_that_nothing_shadows() {
        for name in NAMES {
            assert!(guarded(name).is_some(), "regorus has no `{name}`");
            assert!(!sandbox::is_shadowed(name), "{name}");
        }
    }
}
