//! Markdown as people write it: front matter, a title, and sections by heading.
//!
//! Only what a reader of a card needs is read: headings (`#` and underlined), fenced code, comments, lists. Everything else is text.

use serde_json::{Map, Value};

use super::member::too_many;
use super::yaml;
use crate::refusal::Refusal;

/// Most headings of a document.
const MAX_HEADINGS: usize = 2_000;

/// A heading with what stands under it, also under its own lower headings.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Section {
    /// Heading.
    pub(crate) heading: String,
    /// The text, line by line.
    pub(crate) lines: Vec<String>,
    /// Whether lower headings stand under it.
    pub(crate) parted: bool,
    /// Which heading of the document it is, from 0.
    at: usize,
}

/// A document.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Markdown {
    /// Members of the front matter.
    pub(crate) front: Map<String, Value>,
    /// The first heading of the first level.
    pub(crate) title: Option<String>,
    /// The sections.
    pub(crate) sections: Vec<Section>,
}

/// Reads Markdown.
///
/// # Errors
/// `invalid_field` for front matter that is no mapping or not closed, `too_large` for too many headings.
pub(crate) fn parse(text: &str) -> Result<Markdown, Refusal> {
    let (front, body) = split(text)?;
    let mut document = Markdown { front, ..Markdown::default() };
    let body = without_comments(body);
    let mut open: Vec<(usize, Section)> = Vec::new();
    let mut fence = None;
    let mut lines = body.lines().peekable();
    while let Some(line) = lines.next() {
        let mark = fence_of(line);
        match fence {
            Some(kind) if mark == Some(kind) => fence = None,
            Some(_) => {}
            None => fence = mark,
        }
        let heading = if fence.is_some() || mark.is_some() { None } else { heading_of(line, lines.peek().copied()) };
        let Some((level, heading, underlined)) = heading else {
            open.iter_mut().for_each(|(_, section)| section.lines.push(line.to_owned()));
            continue;
        };
        if underlined {
            lines.next();
        }
        close(&mut document, &mut open, level)?;
        if level == 1 && document.title.is_none() {
            document.title = Some(heading.clone());
        }
        let at = document.sections.len() + open.len();
        open.push((level, Section { heading, lines: Vec::new(), parted: false, at }));
    }
    close(&mut document, &mut open, 0)?;
    document.sections.sort_by_key(|section| section.at);
    Ok(document)
}

/// Ends the sections that a heading of `level` ends.
fn close(document: &mut Markdown, open: &mut Vec<(usize, Section)>, level: usize) -> Result<(), Refusal> {
    while open.last().is_some_and(|(deeper, _)| *deeper >= level) {
        document.sections.extend(open.pop().map(|(_, section)| section));
        if let Some((_, above)) = open.last_mut() {
            above.parted = true;
        }
    }
    if document.sections.len() + open.len() > MAX_HEADINGS {
        return Err(too_many("headings", document.sections.len() + open.len()));
    }
    Ok(())
}

/// Front matter between two lines `---` at the beginning, and the rest.
fn split(text: &str) -> Result<(Map<String, Value>, &str), Refusal> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let Some((first, rest)) = text.split_once('\n') else { return Ok((Map::new(), text)) };
    if first.trim_end() != "---" {
        return Ok((Map::new(), text));
    }
    let mut length = 0;
    for line in rest.split_inclusive('\n') {
        if matches!(line.trim_end(), "---" | "...") {
            let (front, body) = (rest.get(..length).unwrap_or_default(), rest.get(length + line.len()..).unwrap_or_default());
            return match yaml::parse(front)? {
                Value::Object(members) => Ok((members, body)),
                Value::Null => Ok((Map::new(), body)),
                Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => {
                    Err(Refusal::invalid("document", "the front matter must be a mapping of names to values"))
                }
            };
        }
        length += line.len();
    }
    Err(Refusal::invalid("document", "the front matter is not closed").remedy("end it with a line `---`"))
}

/// The text without `<!-- … -->`; an unclosed comment hides the rest.
fn without_comments(mut text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    while let Some((before, rest)) = text.split_once("<!--") {
        shown.push_str(before);
        text = rest.split_once("-->").map_or("", |(_, after)| after);
    }
    shown.push_str(text);
    shown
}

/// The letter of a code fence.
fn fence_of(line: &str) -> Option<char> {
    let line = line.trim_start();
    ['`', '~'].into_iter().find(|mark| line.chars().take_while(|letter| letter == mark).count() >= 3)
}

/// Level and text of a heading, and whether the next line underlines it.
fn heading_of(line: &str, next: Option<&str>) -> Option<(usize, String, bool)> {
    let indent = line.chars().take_while(|letter| *letter == ' ').count();
    let text = line.trim();
    if indent > 3 || text.is_empty() {
        return None;
    }
    let level = text.chars().take_while(|letter| *letter == '#').count();
    if level > 0 {
        let rest = text.trim_start_matches('#');
        let is_heading = level <= 6 && (rest.is_empty() || rest.starts_with([' ', '\t']));
        return is_heading.then(|| (level, plain(rest.trim().trim_end_matches('#')), false));
    }
    let under = next?.trim_end();
    let level = match under.chars().next()? {
        '=' => 1,
        '-' => 2,
        _ => return None,
    };
    let ruled = under.len() >= 2 && under.chars().all(|letter| under.starts_with(letter));
    let is_text = !text.starts_with(['-', '*', '>', '|', '+']);
    (ruled && is_text).then(|| (level, plain(text), true))
}

/// A heading without emphasis marks.
fn plain(text: &str) -> String {
    text.chars().filter(|letter| !matches!(letter, '*' | '`')).take(500).collect::<String>().trim().to_owned()
}

/// The items of the lists in some lines; a line that goes on belongs to its item.
pub(crate) fn list_items(lines: &[String]) -> Vec<String> {
    let mut items: Vec<String> = Vec::new();
    for line in lines {
        let text = line.trim();
        if let Some(item) = item_of(text) {
            items.push(item.to_owned());
        } else if let Some(last) = items.last_mut().filter(|_| !text.is_empty() && line.starts_with([' ', '\t'])) {
            last.push(' ');
            last.push_str(text);
        }
    }
    items.retain(|item| !item.is_empty());
    items
}

fn item_of(text: &str) -> Option<&str> {
    if let Some(rest) = ["- ", "* ", "+ "].iter().find_map(|mark| text.strip_prefix(mark)) {
        return Some(rest.trim());
    }
    let rest = text.trim_start_matches(|letter: char| letter.is_ascii_digit());
    if rest.len() == text.len() {
        return None;
    }
    rest.strip_prefix(". ").or_else(|| rest.strip_prefix(") ")).map(str::trim)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sections_hold_what_stands_under_their_heading() {
        let text = "---\nlicense: mit\n---\n# Card\nintro\n## A **bold** part ##\none\n### Deeper\ntwo\n```\n# no heading\n```\nUnderlined\n----------\nthree\n<!-- # hidden\n## hidden -->\n#no heading\n";
        let document = parse(text).unwrap();
        assert_eq!((document.title.as_deref(), document.front["license"].as_str()), (Some("Card"), Some("mit")));
        let headings: Vec<&str> = document.sections.iter().map(|section| section.heading.as_str()).collect();
        assert_eq!(headings, ["Card", "A bold part", "Deeper", "Underlined"]);
        assert_eq!(document.sections[1].lines, ["one", "two", "```", "# no heading", "```"]);
        assert_eq!(document.sections[3].lines, ["three", "", "#no heading"]);
        assert!(parse("---\na: 1\n# never closed\n").is_err());
        assert!(parse("---\n- a list\n---\n").is_err());
        assert!(parse(&"# x\n".repeat(MAX_HEADINGS + 1)).is_err());
        assert_eq!(parse("---\n---\n").unwrap(), Markdown::default());
    }

    #[test]
    fn lists_are_read_with_the_lines_that_go_on() {
        let lines: Vec<String> = ["1. stop", "2) switch back", "   to version 3", "text", "- tell", "*emphasis*", "3.5 is no item"].map(str::to_owned).to_vec();
        assert_eq!(list_items(&lines), ["stop", "switch back to version 3", "tell"]);
    }
}
