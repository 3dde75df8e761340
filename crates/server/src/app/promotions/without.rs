//! A promotion without what it says of versions behind its own that the reader may not see: as the API leaves it out, typed for the pages.

use super::PromotionView;
use crate::app::lineage::Unreadable;

impl PromotionView {
    /// Leaves out of every text what names a version that may not be read.
    pub fn leave_out(&mut self, unreadable: &Unreadable) {
        if unreadable.is_empty() {
            return;
        }
        let missing = self.missing.iter_mut().map(|missing| &mut missing.finding);
        for finding in self.findings.iter_mut().chain(missing) {
            unreadable.text(&mut finding.message);
            finding.remedy.iter_mut().for_each(|remedy| unreadable.text(remedy));
        }
        if let Some(changes) = &mut self.changes {
            for fact in &mut changes.facts {
                unreadable.text(&mut fact.path);
                unreadable.document(&mut fact.old);
                unreadable.document(&mut fact.new);
            }
        }
        self.documents.iter_mut().for_each(|document| unreadable.text(&mut document.title));
        self.conditions.iter_mut().for_each(|condition| unreadable.text(&mut condition.text));
        let comments = self.comments.iter_mut().filter_map(|comment| comment.text.as_mut());
        comments.chain(self.approvals.iter_mut().filter_map(|given| given.comment.as_mut())).for_each(|text| unreadable.text(text));
    }
}
