//! Whether senders' twins can be read, and what the operator is told of it.

use std::sync::atomic::{AtomicBool, Ordering};

use super::counts::NowAndThen;
use crate::ids::{HubName, IdentityId};
use crate::metrics::TwinReadMetrics;
use crate::ports::StoreError;
use crate::time::Timestamp;

/// One hub's reads of twins for its routes.
pub(super) struct TwinReads {
    hub: HubName,
    metrics: TwinReadMetrics,
    /// A read has failed, and none has succeeded since.
    is_failing: AtomicBool,
    tell_of_failures: NowAndThen,
    tell_of_damage: NowAndThen,
}

impl TwinReads {
    pub(super) fn of(hub: HubName) -> Self {
        TwinReads {
            metrics: TwinReadMetrics::of(&hub),
            hub,
            is_failing: AtomicBool::new(false),
            tell_of_failures: NowAndThen::default(),
            tell_of_damage: NowAndThen::default(),
        }
    }

    /// A twin was read.
    pub(super) fn were_read(&self) {
        // Nobody writes to what all senders share as long as all is well.
        if self.is_failing.load(Ordering::Relaxed) && self.is_failing.swap(false, Ordering::Relaxed)
        {
            tracing::info!(hub = %self.hub, "twins that routes ask about can be read again");
        }
    }

    /// A twin could not be read, and will be tried again; `now` is about now.
    pub(super) fn could_not_be_read(&self, id: &IdentityId, error: &StoreError, now: Timestamp) {
        self.metrics.failed();
        self.is_failing.store(true, Ordering::Relaxed);
        if self.tell_of_failures.is_due(now) {
            tracing::warn!(
                hub = %self.hub, identity = %id, %error, source = source(error),
                "a twin that routes ask about can't be read: its owner's events wait, and it is tried again"
            );
        }
    }

    /// A twin is damaged, and no try will mend it.
    pub(super) fn is_damaged(&self, id: &IdentityId, error: &StoreError, now: Timestamp) {
        self.metrics.failed();
        if self.tell_of_damage.is_due(now) {
            tracing::error!(
                hub = %self.hub, identity = %id, %error,
                "a twin that routes ask about is damaged: its owner's events go as those of one without"
            );
        }
    }
}

fn source(error: &StoreError) -> Option<String> {
    std::error::Error::source(error).map(ToString::to_string)
}
