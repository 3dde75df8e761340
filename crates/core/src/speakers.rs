//! Who speaks in a command: the actor, and whoever made the credential that he uses.
//!
//! Somebody who issues a token for another person, ends his password and hands out the secret, or binds him to somebody of the provider,
//! could act as that person. What is done by such a credential is also the word of its maker, and where two persons must agree it does
//! not count as the second one.
//!
//! INVARIANT: an entry names the makers of the credential by which it was made ([`crate::entry::Entry::through`]), and what is made by
//! that credential (a token, the password of somebody else) has the same makers.
//! INVARIANT: who spoke for something that another person must agree to is a row that follows from the entry ([`SpeakerRow`]).

use crate::command::{Context, Event, Stop};
use crate::entry::Entry;
use crate::names::ActorId;
use crate::refusal::{Code, Refusal};
use crate::rows::{Missing, Rows};
use crate::tables::SpeakerRow;
use crate::{access_policy, bundle, exception, grant, group, model, promotion, template, version};

/// Most makers that a credential has: nobody needs a longer chain of tokens made by tokens.
pub const MAX_MAKERS: usize = 16;

/// The makers of a credential of `whose` that `actor` makes now, using one that has the makers `through`.
pub fn makers(actor: &ActorId, through: &[ActorId], whose: &ActorId) -> Vec<ActorId> {
    let mut all: Vec<ActorId> = std::iter::once(actor).chain(through).filter(|maker| *maker != whose && maker.as_str() != "system").cloned().collect();
    all.sort_unstable();
    all.dedup();
    all
}

/// Whether what `actor` said by a credential with the makers `through` is the word of none of `others`.
pub fn is_apart(actor: &ActorId, through: &[ActorId], others: &[ActorId]) -> bool {
    std::iter::once(actor).chain(through).all(|speaker| !others.contains(speaker))
}

/// Who made a version or asks for its promotion.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Authors {
    /// Who did it.
    pub made: Vec<ActorId>,
    /// Who made the credentials by which it was done.
    pub behind: Vec<ActorId>,
}

impl From<Vec<ActorId>> for Authors {
    /// Authors whose credentials nobody else made.
    fn from(made: Vec<ActorId>) -> Self {
        Self { made, behind: Vec::new() }
    }
}

impl Context {
    /// The makers of a credential of `whose` that is made now.
    ///
    /// # Errors
    /// `too_large` when it would be more than [`MAX_MAKERS`].
    pub(crate) fn makers(&self, whose: &ActorId) -> Result<Vec<ActorId>, Refusal> {
        let all = makers(&self.actor, &self.through, whose);
        if all.len() > MAX_MAKERS {
            return Err(Refusal::new(Code::TooLarge, &format!("the credential that you use was made by {MAX_MAKERS} others, one through another"))
                .remedy("log in with a password of your own"));
        }
        Ok(all)
    }

    /// Refuses what nobody does for himself: neither the actor, nor who made his credential.
    ///
    /// # Errors
    /// `refusal`, or what says that it is about the credential.
    pub(crate) fn check_not_for_himself(&self, person: &ActorId, refusal: Refusal) -> Result<(), Refusal> {
        self.check_apart(std::slice::from_ref(person), &[], refusal)
    }

    /// Refuses an author.
    ///
    /// # Errors
    /// `refusal`, or what says that it is about a credential.
    pub(crate) fn check_no_author(&self, authors: &Authors, refusal: Refusal) -> Result<(), Refusal> {
        self.check_apart(&authors.made, &authors.behind, refusal)
    }

    /// Who speaks here did nothing of what `others` did; and the actor made no credential by which it was done (`behind`).
    fn check_apart(&self, others: &[ActorId], behind: &[ActorId], refusal: Refusal) -> Result<(), Refusal> {
        if others.contains(&self.actor) {
            return Err(refusal);
        }
        let message = if let Some(maker) = self.through.iter().find(|maker| others.contains(maker)) {
            format!("the credential that you use was made by `{maker}`, who speaks in this matter already: a second person must")
        } else if behind.contains(&self.actor) {
            "this was done by a credential that you made, so that you speak in this matter already: a second person must".to_owned()
        } else {
            return Ok(());
        };
        let own = "log in with a password of your own, or ask somebody else";
        Err(Refusal { field: refusal.field, ..Refusal::new(Code::SeparationOfDuties, &message).remedy(own) })
    }
}

/// The one rule where two persons must agree: neither of them made the credential by which the other one speaks. The other one, `by`,
/// spoke in the entry `index`.
///
/// # Errors
/// `refusal` when it is the same person, and one that names the maker when it is about a credential.
pub(crate) fn check_second(rows: &mut Rows, context: &Context, by: &ActorId, index: u64, refusal: Refusal) -> Result<(), Stop> {
    let behind = of_entry(rows, index)?;
    Ok(context.check_apart(std::slice::from_ref(by), &behind, refusal)?)
}

/// The same where access itself is decided about: nor did a third one make both of their credentials.
///
/// # Errors
/// As [`check_second`].
pub(crate) fn check_strangers(rows: &mut Rows, context: &Context, by: &ActorId, index: u64, refusal: Refusal) -> Result<(), Stop> {
    check_second(rows, context, by, index, refusal.clone())?;
    let behind = of_entry(rows, index)?;
    Ok(context.check_apart(&behind, &[], refusal)?)
}

/// Who else spoke in an entry.
///
/// # Errors
/// [`Missing`].
pub(crate) fn of_entry(rows: &mut Rows, index: u64) -> Result<Vec<ActorId>, Missing> {
    Ok(rows.get::<SpeakerRow>(&[&index])?.map(|row| row.made_by).unwrap_or_default())
}

/// Remembers who else spoke in an entry that another person must agree to.
pub(crate) fn apply(rows: &mut Rows, entry: &Entry) {
    if !entry.through.is_empty() && needs_another(&entry.event) {
        rows.put(&SpeakerRow { entry_index: entry.index, made_by: entry.through.clone() });
    }
}

fn needs_another(event: &Event) -> bool {
    match event {
        Event::AccessPolicy(event) => matches!(event, access_policy::Event::Installed { .. } | access_policy::Event::Activated { .. }),
        Event::Bundle(event) => matches!(event, bundle::Event::Uploaded { .. } | bundle::Event::Activated { .. }),
        Event::Exception(event) => matches!(event, exception::Event::Requested { .. }),
        Event::Grant(event) => matches!(event, grant::Event::Proposed { .. }),
        Event::Group(event) => matches!(event, group::Event::Mapped { .. }),
        Event::Model(event) => matches!(event, model::Event::TransferProposed { .. } | model::Event::TierProposed { .. }),
        Event::Promotion(event) => matches!(event, promotion::Event::Opened { .. }),
        Event::Template(event) => matches!(event, template::Event::Added { .. }),
        Event::Version(event) => matches!(event, version::Event::Registered { .. } | version::Event::Attached { .. }),
        Event::Evidence(_) => true,
        // Verdicts and risks keep their own lists.
        Event::AccessLog(_)
        | Event::Actor(_)
        | Event::Alias(_)
        | Event::Registry(_)
        | Event::Tag(_)
        | Event::Team(_)
        | Event::Attestation(_)
        | Event::Calendar(_)
        | Event::Delegation(_)
        | Event::Erasure(_)
        | Event::Finding(_)
        | Event::Risk(_) => false,
    }
}

#[cfg(test)]
mod tests;
