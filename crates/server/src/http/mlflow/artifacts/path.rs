//! Paths of artifacts as clients send them, and the sources that name them.
//!
//! A path is decoded once and is relative. What would leave the tree, in whatever encoding, is refused with the words of MLflow;
//! no path ever reaches a file system: it is a key of a table.

use crate::app::artifacts::Place;
use crate::http::mlflow::MlflowError;

/// Deepest encoding of `..` that is looked for; what is still encoded after that is not decoded by any client.
const DECODINGS: usize = 16;
/// Where the artifacts are, below the address of the server.
const ROOTS: [&str; 2] = ["/api/2.0/mlflow-artifacts/artifacts", "/ajax-api/2.0/mlflow-artifacts/artifacts"];

/// Reads a path that was decoded once; nothing for the root. Blank and `.` segments count for nothing.
///
/// # Errors
/// 400 `Invalid path`.
pub(super) fn place(decoded: &str) -> Result<Place, MlflowError> {
    let path = normal(decoded).ok_or_else(|| MlflowError::invalid("Invalid path"))?;
    Place::parse(&path).map_err(|refusal| MlflowError::invalid(format!("Invalid path: {}", refusal.message)))
}

/// The path inside this server's artifact store that a source names; nothing for one that is elsewhere or is no path. `host` is
/// the `Host` of the request.
pub fn source_prefix(source: &str, host: Option<&str>) -> Option<String> {
    let source = source.split(['?', '#']).next().unwrap_or_default();
    let (scheme, rest) = source.split_once(':')?;
    let scheme = scheme.to_ascii_lowercase();
    let (authority, path) = match rest.strip_prefix("//") {
        Some(rest) => rest.find('/').and_then(|at| rest.split_at_checked(at)).unwrap_or((rest, "")),
        None => ("", rest),
    };
    let path = match scheme.as_str() {
        "mlflow-artifacts" if authority.is_empty() || is_host(authority, "", host) => path,
        "http" if is_host(authority, ":80", host) => below(path)?,
        "https" if is_host(authority, ":443", host) => below(path)?,
        _ => return None,
    };
    // `mlflow-artifacts:/x` and the address of the proxy have one `/` before the path; clients make one of many.
    let path = normal(decode(path)?.trim_start_matches('/'))?;
    Place::parse(&path).ok().map(|_| path)
}

/// Whether an authority is the host of the request; the port of the scheme may be left out in either.
fn is_host(authority: &str, port: &str, host: Option<&str>) -> bool {
    let plain = |text: &str| text.strip_suffix(port).unwrap_or(text).to_ascii_lowercase();
    host.is_some_and(|host| !host.is_empty() && plain(host) == plain(authority))
}

/// The path below the root of the artifacts.
fn below(path: &str) -> Option<&str> {
    let rest = ROOTS.iter().find_map(|root| path.strip_prefix(root))?;
    (rest.is_empty() || rest.starts_with('/')).then_some(rest)
}

/// The path with single `/` and without `.`; nothing for one that is absolute, leaves the tree, or holds a control character.
fn normal(decoded: &str) -> Option<String> {
    if decoded.chars().any(char::is_control) || leaves(decoded) {
        return None;
    }
    let segments: Vec<&str> = decoded.split('/').filter(|segment| !segment.is_empty() && *segment != ".").collect();
    Some(segments.join("/"))
}

/// Whether the path is absolute or climbs, however often it is decoded: clients decode the names that a listing gives them.
fn leaves(path: &str) -> bool {
    let mut path = path.to_owned();
    for _ in 0..DECODINGS {
        let drive = path.as_bytes().get(1) == Some(&b':') && path.as_bytes().get(2).is_some_and(|byte| matches!(byte, b'/' | b'\\'));
        if path.starts_with(['/', '\\']) || drive || path.split(['/', '\\']).any(|segment| segment == "..") || path.contains('\0') {
            return true;
        }
        match decode(&path) {
            Some(decoded) if decoded != path => path = decoded,
            Some(_) | None => return false,
        }
    }
    // Nobody names a file like that.
    true
}

/// Percent-decodes once (RFC 3986); a `%` without two digits stays. Nothing when the bytes are no text.
fn decode(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let digits = after.get(..2).and_then(|digits| hex::decode(digits).ok()).and_then(|byte| byte.first().copied());
        match digits {
            Some(byte) if *first == b'%' => {
                bytes.push(byte);
                rest = after.get(2..).unwrap_or_default();
            }
            Some(_) | None => {
                bytes.push(*first);
                rest = after;
            }
        }
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_stay_in_the_tree() {
        for (path, expected) in [
            ("", Some("")),
            ("a", Some("a")),
            ("a/b/", Some("a/b")),
            ("a//b/./c", Some("a/b/c")),
            ("50%", Some("50%")),
            ("a b/ü&+#?%20", Some("a b/ü&+#?%20")),
            ("..a/b..", Some("..a/b..")),
            ("/a", None),
            ("//a", None),
            ("%2Fa", None),
            ("%252Fa", None),
            ("..", None),
            ("a/../b", None),
            ("a/%2e%2e/b", None),
            ("a%2F..%2Fb", None),
            ("%25252E%25252E", None),
            ("a\\..\\b", None),
            ("\\\\host\\share", None),
            ("C:/a", None),
            ("a\0", None),
            ("a%00", None),
            ("a\nb", None),
        ] {
            assert_eq!(normal(path).as_deref(), expected, "{path:?}");
        }
        assert!(normal(&format!("a%{}41", "25".repeat(20))).is_none());
    }

    #[test]
    fn decoding_leaves_what_is_no_escape() {
        for (text, expected) in [("a%20b", Some("a b")), ("%C3%BC", Some("ü")), ("%", Some("%")), ("%4", Some("%4")), ("%zz%41", Some("%zzA")), ("%FF", None)]
        {
            assert_eq!(decode(text).as_deref(), expected, "{text}");
        }
    }

    #[test]
    fn a_source_is_ours_or_not() {
        let host = Some("Registry.example:8080");
        let proxy = "registry.example:8080/api/2.0/mlflow-artifacts/artifacts";
        for (source, expected) in [
            ("mlflow-artifacts:/1/abc/artifacts/model", Some("1/abc/artifacts/model")),
            ("mlflow-artifacts:///1/abc//model/", Some("1/abc/model")),
            ("mlflow-artifacts:", Some("")),
            ("mlflow-artifacts:/", Some("")),
            ("mlflow-artifacts:/a%20b", Some("a b")),
            ("MLFLOW-artifacts:/a", Some("a")),
            ("mlflow-artifacts://registry.example:8080/a", Some("a")),
            ("mlflow-artifacts://registry.example:8080", Some("")),
            ("mlflow-artifacts://registry.example/a", None),
            ("mlflow-artifacts://other/a", None),
            (&format!("http://{proxy}/a/b"), Some("a/b")),
            (&format!("https://{proxy}/a"), Some("a")),
            (&format!("http://{proxy}"), Some("")),
            (&format!("http://{proxy}/a?x=1#y"), Some("a")),
            (&format!("http://user@{proxy}/a"), None),
            ("http://registry.example:8080/ajax-api/2.0/mlflow-artifacts/artifacts/a", Some("a")),
            ("http://registry.example:8080/api/2.0/mlflow-artifacts/artifactsx/a", None),
            ("http://registry.example:8080/a", None),
            ("http://other/api/2.0/mlflow-artifacts/artifacts/a", None),
            ("mlflow-artifacts:/a/../b", None),
            ("mlflow-artifacts:/a/%2e%2e/b", None),
            ("s3://bucket/a", None),
            ("models:/m/1", None),
            ("runs:/1/a", None),
            ("/tmp/a", None),
            ("", None),
        ] {
            assert_eq!(source_prefix(source, host).as_deref(), expected, "{source}");
        }
        assert_eq!(source_prefix("mlflow-artifacts:/a", None).as_deref(), Some("a"));
        assert_eq!(source_prefix("mlflow-artifacts:///a", None).as_deref(), Some("a"));
        for (source, host, expected) in [
            ("http://h/api/2.0/mlflow-artifacts/artifacts/a", "h:80", Some("a")),
            ("https://h:443/api/2.0/mlflow-artifacts/artifacts/a", "h", Some("a")),
            ("https://h:80/api/2.0/mlflow-artifacts/artifacts/a", "h", None),
            ("http:///api/2.0/mlflow-artifacts/artifacts/a", "", None),
        ] {
            assert_eq!(source_prefix(source, Some(host)).as_deref(), expected, "{source}");
        }
    }
}
