//! Documents that people write: JSON, or Markdown whose front matter holds the members and whose headings are sections.
//!
//! Section ids are the headings in `snake_case`. Headings of Mitchell et al. (Model Cards), Gebru et al. (Datasheets) and of Hugging
//! Face's templates also count as the ids that the policy asks for.

mod sections;

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};

use super::super::json;
use super::super::markdown::{self, list_items};
use super::super::member::{MAX_NAME, MAX_TEXT, Member, put, too_many};
use super::super::reading::{Claim, Reading};
use super::plain;
use crate::names::Label;
use crate::refusal::Refusal;
use sections::{id, says_something, stands_for};

/// Most sections of a document.
const MAX_SECTIONS: usize = 500;

/// The headings of a template.
#[derive(Clone, Debug, PartialEq)]
pub struct Outline {
    /// Ids of all headings but the title, in order.
    pub all: Vec<String>,
    /// Those that are not marked `[optional]`.
    pub required: Vec<String>,
    /// Name and version that the front matter gives.
    pub template: Option<(Label, u64)>,
}

/// Reads the headings of a template, which is Markdown.
///
/// # Errors
/// `invalid_field` for what is no text, for malformed front matter, for a template that is not named `name@version`; `too_large`.
pub fn outline(bytes: &[u8]) -> Result<Outline, Refusal> {
    let written = of_markdown(bytes)?;
    let template = written.template()?.and_then(|named| {
        let name = Label::parse(named.get("name")?.as_str()?).ok()?;
        Some((name, named.get("version")?.as_u64()?))
    });
    let mut outline = Outline { all: Vec::new(), required: Vec::new(), template };
    for (heading, optional) in headings(bytes)? {
        if !outline.all.contains(&heading) {
            outline.required.extend((!optional).then(|| heading.clone()));
            outline.all.push(heading);
        }
    }
    Ok(outline)
}

/// Ids of the headings but the title, and whether each is marked optional.
fn headings(bytes: &[u8]) -> Result<Vec<(String, bool)>, Refusal> {
    let document = markdown::parse(std::str::from_utf8(bytes).unwrap_or_default())?;
    let is_title = |section: &markdown::Section| section.parted && document.title.as_ref() == Some(&section.heading);
    let sections = document.sections.iter().filter(|section| !is_title(section));
    let marked = |heading: &str| heading.to_lowercase().contains("[optional]") || heading.to_lowercase().contains("(optional)");
    Ok(sections.map(|section| (id(&section.heading), marked(&section.heading))).filter(|(id, _)| !id.is_empty()).collect())
}

/// A document that was parsed.
pub(super) struct Written {
    /// Members of the JSON, or of the front matter.
    pub(super) members: Value,
    format: &'static str,
    title: Option<String>,
    sections: BTreeMap<String, Vec<String>>,
}

impl Written {
    /// Parses JSON or Markdown; JSON is `schema`, and says so or nothing.
    ///
    /// # Errors
    /// `invalid_field`: no text, malformed JSON or front matter, another schema; `too_large`.
    pub(super) fn parse(bytes: &[u8], schema: &'static str) -> Result<Self, Refusal> {
        let is_json = bytes.iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b'{');
        let written = if is_json { of_json(json::parse(bytes)?, schema)? } else { of_markdown(bytes)? };
        if let Some(given) = Member::whole(&written.members).get("schema")
            && given.text(MAX_NAME)? != schema
        {
            return Err(Refusal::unknown_word("schema", given.text(MAX_NAME)?, &[schema]));
        }
        if written.sections.len() > MAX_SECTIONS {
            return Err(too_many("sections", written.sections.len()));
        }
        Ok(written)
    }

    /// The members.
    pub(super) fn whole(&self) -> Member<'_> {
        Member::whole(&self.members)
    }

    /// Ids of the sections that say something, with the ids that they stand for.
    pub(super) fn ids(&self) -> BTreeSet<&str> {
        let filled = self.sections.iter().filter(|(_, lines)| says_something(lines)).map(|(id, _)| id.as_str());
        filled.flat_map(|id| std::iter::once(id).chain(stands_for(id).iter().copied())).collect()
    }

    /// The items of a list: a member, or else the list under the heading of this id.
    pub(super) fn list(&self, id: &str) -> Result<Vec<String>, Refusal> {
        if let Some(member) = self.whole().get(id) {
            return member.texts(MAX_TEXT);
        }
        let items = self.sections.get(id).map(|lines| list_items(lines)).unwrap_or_default();
        if items.is_empty() {
            return Err(Refusal::invalid(id, &format!("{id} is missing")).remedy(&format!("add a list `{id}`, or a section with a list under this heading")));
        }
        let listed = Value::from(items);
        Member::whole(&listed).texts(MAX_TEXT)
    }

    /// A text: a member, or else what stands under the heading of this id.
    pub(super) fn text(&self, id: &str) -> Result<String, Refusal> {
        if let Some(member) = self.whole().get(id) {
            return member.text(MAX_TEXT).map(str::to_owned);
        }
        let text = self.sections.get(id).filter(|lines| says_something(lines)).map(|lines| lines.join("\n")).unwrap_or_default();
        let text: String = text.trim().chars().take(MAX_TEXT).collect();
        if text.is_empty() {
            return Err(Refusal::invalid(id, &format!("{id} is missing")).remedy(&format!("add a text `{id}`, or a section of this heading")));
        }
        Ok(text)
    }

    /// The title: a member, or the first heading.
    pub(super) fn title(&self) -> Result<Option<String>, Refusal> {
        match self.whole().get("title") {
            Some(title) => title.name().map(Some),
            None => Ok(self.title.clone()),
        }
    }

    /// The template that the document was written by: `name@version`, or an object.
    pub(super) fn template(&self) -> Result<Option<Value>, Refusal> {
        let Some(given) = self.whole().get("template") else { return Ok(None) };
        let (name, version) = if given.value().is_object() {
            (given.need("name")?.name()?, given.need("version")?.word()?)
        } else {
            let text = given.name()?;
            let (name, version) = text.rsplit_once('@').ok_or_else(|| given.refused("`name@version`, such as model-card@1"))?;
            (name.to_owned(), version.to_owned())
        };
        let number = version.parse::<u32>().ok().filter(|number| *number > 0);
        match (Label::parse(&name), number) {
            (Ok(name), Some(number)) => Ok(Some(json!({"name": name.as_str(), "version": number}))),
            (Ok(_) | Err(_), Some(_) | None) => Err(given.refused("`name@version`, such as model-card@1")),
        }
    }

    /// What it says it is about.
    pub(super) fn claims(&self) -> Result<Vec<Claim>, Refusal> {
        plain::claims(&self.members)
    }

    /// Ends the reading: sections and template go into the summary.
    pub(super) fn reading(&self, mut summary: Map<String, Value>, claims: Vec<Claim>) -> Result<Reading, Refusal> {
        summary.insert("sections".to_owned(), json!(self.ids()));
        put(&mut summary, "template", self.template()?);
        Ok(Reading { format: self.format, summary: Value::Object(summary), claims })
    }
}

fn of_markdown(bytes: &[u8]) -> Result<Written, Refusal> {
    let text = std::str::from_utf8(bytes)
        .ok()
        .filter(|text| !text.contains('\0'))
        .ok_or_else(|| Refusal::invalid("document", "the document is not UTF-8 text").remedy("write it in Markdown or JSON, or attach it as type `other`"))?;
    let document = markdown::parse(text)?;
    let mut sections: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for section in document.sections {
        // A title under which the whole document stands is no section.
        if !(section.parted && document.title.as_ref() == Some(&section.heading)) {
            sections.entry(id(&section.heading)).or_default().extend(section.lines);
        }
    }
    sections.remove("");
    Ok(Written { members: Value::Object(document.front), format: "markdown", title: document.title, sections })
}

fn of_json(members: Value, schema: &'static str) -> Result<Written, Refusal> {
    let mut sections: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let lines = |text: &Member<'_>| -> Result<Vec<String>, Refusal> { Ok(text.text(usize::MAX)?.lines().map(str::to_owned).collect()) };
    if let Some(given) = Member::whole(&members).get("sections") {
        if given.value().is_array() {
            for item in given.items()? {
                let name = item.either(&["id", "heading", "title"]).ok_or_else(|| item.refused("an object with `id` and `text`"))?;
                sections.entry(id(&name.name()?)).or_default().extend(lines(&item.need("text")?)?);
            }
        } else {
            for name in given.object()?.keys() {
                if let Some(text) = given.get(name) {
                    sections.entry(id(name)).or_default().extend(lines(&text)?);
                }
            }
        }
    }
    Ok(Written { members, format: schema, title: None, sections })
}

#[cfg(test)]
mod tests;
