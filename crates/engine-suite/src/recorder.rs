//! A sessions port that only listens.

use std::sync::{Mutex, PoisonError};

use tokio::sync::{mpsc, watch};
use twinhub_core::ids::{HubName, IdentityId};
use twinhub_core::policies::PolicyName;
use twinhub_core::ports::{Announcement, EndReason, Mailbox, Sessions};

/// Notes what is announced, in order.
#[derive(Default)]
pub(crate) struct Recorder(Mutex<Vec<(HubName, Announcement)>>);

impl Recorder {
    /// What was announced so far.
    pub(crate) fn heard(&self) -> Vec<(HubName, Announcement)> {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}

impl Sessions for Recorder {
    fn open(&self, _: &HubName, _: &IdentityId, _: Option<PolicyName>) -> Mailbox {
        Mailbox::new(mpsc::channel(1).1, watch::channel(None).1, Box::new(()))
    }

    fn announce(&self, hub: &HubName, announcement: &Announcement) {
        let mut heard = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        heard.push((hub.clone(), announcement.clone()));
    }

    fn is_connected(&self, _: &HubName, _: &IdentityId) -> bool {
        false
    }

    fn connected_devices(&self, _: &HubName) -> u64 {
        0
    }

    fn end_all(&self, _: EndReason) {}
}
