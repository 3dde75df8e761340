//! When a token was last used, and from where: to the minute, in a scratch table, written at most once a minute for each token.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};

use chancery_core::names::{Timestamp, TokenId};
use chancery_core::tables::TokenUseRow;

use super::{App, Caller};

/// Microseconds of a minute.
const MINUTE: i64 = 60_000_000;
/// Most tokens whose last use is remembered.
const REMEMBERED: usize = 10_000;

/// Uses that were written, by token: their minute.
#[derive(Debug, Default)]
pub(super) struct Uses {
    written: Mutex<HashMap<TokenId, i64>>,
}

impl Uses {
    /// Whether a use at this moment is the first of its minute that this server sees.
    fn is_first(&self, token: &TokenId, minute: i64) -> bool {
        let mut written = self.written.lock().unwrap_or_else(PoisonError::into_inner);
        if written.len() >= REMEMBERED {
            written.clear();
        }
        written.insert(token.clone(), minute) != Some(minute)
    }
}

impl App {
    /// Notes that a token was used. Nobody waits for it and nobody fails by it: it is no part of the record.
    pub async fn note_use(&self, caller: &Caller, address: Option<IpAddr>) {
        let Some(token) = caller.credential.token() else { return };
        let minute = self.now().micros().div_euclid(MINUTE);
        if !self.inner.uses.is_first(token, minute) {
            return;
        }
        let address = address.map(|address| address.to_string()).unwrap_or_default();
        let row = TokenUseRow { token_id: token.clone(), used_at: Timestamp::from_micros(minute * MINUTE), address };
        if let Err(fault) = self.store().scratch().put(&[row]).await {
            tracing::warn!(%fault, "the last use of a token could not be noted");
        }
    }
}
