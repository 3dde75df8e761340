//! Checkpoints.

use crate::fault::Fault;
use crate::store::Tx;

/// A signed checkpoint to publish.
#[derive(Clone, Debug)]
pub struct Publish {
    /// Tree size.
    pub size: u64,
    /// Signed note.
    pub note: String,
}

/// Publishes.
///
/// # Errors
/// [`Fault`].
pub async fn publish(_tx: &mut Tx<'_>, _publish: &Publish) -> Result<bool, Fault> {
    Ok(false)
}
