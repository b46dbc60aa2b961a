//! An endpoint that can't be written, and says why.

use async_trait::async_trait;
use twinhub_core::events::EventRef;
use twinhub_core::ports::{DeliveryFailure, Target};

/// A target that takes nothing.
pub(crate) struct Unavailable(DeliveryFailure);

impl Unavailable {
    /// Every delivery fails for this reason.
    pub(crate) fn new(failure: DeliveryFailure) -> Self {
        Unavailable(failure)
    }
}

#[async_trait]
impl Target for Unavailable {
    async fn take(&mut self, _events: &[EventRef<'_>]) -> Result<usize, DeliveryFailure> {
        Err(self.0.clone())
    }

    async fn flush(&mut self) -> Result<(), DeliveryFailure> {
        Err(self.0.clone())
    }
}
