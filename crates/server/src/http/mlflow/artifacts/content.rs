//! How a file is shown: its type, by its name, and the header that makes browsers keep it instead of showing it.

use crate::http::file::encode;

/// What MLflow serves as text, so that people can look at it; `MLmodel` and `MLproject` have no extension.
const TEXT: &[&str] = &[
    "txt",
    "log",
    "err",
    "cfg",
    "conf",
    "cnf",
    "cf",
    "ini",
    "properties",
    "prop",
    "hocon",
    "toml",
    "yaml",
    "yml",
    "xml",
    "json",
    "js",
    "py",
    "py3",
    "csv",
    "tsv",
    "md",
    "rst",
    "ipynb",
    "MLmodel",
    "MLproject",
    "mlproject",
];

/// Types of other names that are common among artifacts; the rest are bytes.
const OTHERS: &[(&str, &str)] = &[
    ("bmp", "image/bmp"),
    ("css", "text/css"),
    ("gif", "image/gif"),
    ("htm", "text/html"),
    ("html", "text/html"),
    ("jpeg", "image/jpeg"),
    ("jpg", "image/jpeg"),
    ("mp3", "audio/mpeg"),
    ("mp4", "video/mp4"),
    ("pdf", "application/pdf"),
    ("png", "image/png"),
    ("svg", "image/svg+xml"),
    ("tar", "application/x-tar"),
    ("tif", "image/tiff"),
    ("tiff", "image/tiff"),
    ("wav", "audio/x-wav"),
    ("webp", "image/webp"),
    ("zip", "application/zip"),
];

/// `Content-Type` of a file with this name, as MLflow has it.
pub(super) fn kind(name: &str) -> &'static str {
    // A name without a dot is its own extension; one that only begins with a dot has none.
    let extension = match name.rsplit_once('.') {
        Some(("", _)) => "",
        Some((_, extension)) => extension,
        None => name,
    };
    if TEXT.contains(&extension) {
        return "text/plain";
    }
    let lower = extension.to_ascii_lowercase();
    OTHERS.iter().find(|(known, _)| *known == lower && name.contains('.')).map_or("application/octet-stream", |(_, kind)| kind)
}

/// `Content-Disposition` (RFC 6266): plain where the name is a token, else quoted, with the exact name by RFC 5987.
pub(super) fn disposition(name: &str) -> String {
    // RFC 9110, section 5.6.2.
    let token = |letter: char| letter.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(letter);
    if !name.is_empty() && name.chars().all(token) {
        return format!("attachment; filename={name}");
    }
    let plain = |letter: char| if letter == ' ' || (letter.is_ascii_graphic() && !matches!(letter, '"' | '\\')) { letter } else { '_' };
    format!("attachment; filename=\"{}\"; filename*=UTF-8''{}", name.chars().map(plain).collect::<String>(), encode(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_have_types() {
        for (name, expected) in [
            ("a.txt", "text/plain"),
            ("MLmodel", "text/plain"),
            ("mlproject", "text/plain"),
            ("conda.yaml", "text/plain"),
            ("model.pkl", "application/octet-stream"),
            ("c.PNG", "image/png"),
            ("png", "application/octet-stream"),
            ("d.pdf", "application/pdf"),
            ("page.html", "text/html"),
            (".txt", "application/octet-stream"),
            ("", "application/octet-stream"),
        ] {
            assert_eq!(kind(name), expected, "{name}");
        }
    }

    #[test]
    fn names_cannot_leave_their_header() {
        for (name, expected) in [
            ("a.txt", "attachment; filename=a.txt"),
            ("a b.txt", "attachment; filename=\"a b.txt\"; filename*=UTF-8''a%20b.txt"),
            ("ü.txt", "attachment; filename=\"_.txt\"; filename*=UTF-8''%C3%BC.txt"),
            ("a\"; x=y\r\n", "attachment; filename=\"a_; x=y__\"; filename*=UTF-8''a%22%3B%20x%3Dy%0D%0A"),
        ] {
            assert_eq!(disposition(name), expected);
        }
    }
}
