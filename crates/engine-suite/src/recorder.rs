//! A sessions port that only listens.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use twinhub_core::ids::{HubName, IdentityId};
use twinhub_core::methods::{MethodName, MethodRequest};
use twinhub_core::ports::{
    Announcement, EndReason, Interests, Mailbox, NotDelivered, Place, Postbox, SessionNumber,
    Sessions, Sponsor,
};

/// Notes what is announced, in order, and who came last.
#[derive(Default)]
pub(crate) struct Recorder(Mutex<Noted>);

#[derive(Default)]
struct Noted {
    heard: Vec<(HubName, Announcement)>,
    last: u64,
    current: HashMap<(HubName, IdentityId), SessionNumber>,
}

/// A place that nobody leaves.
struct Kept;

impl Place for Kept {
    fn listens_to(&self, _: Interests) {}
}

impl Recorder {
    /// What was announced so far.
    pub(crate) fn heard(&self) -> Vec<(HubName, Announcement)> {
        self.noted().heard.clone()
    }

    fn noted(&self) -> MutexGuard<'_, Noted> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Sessions for Recorder {
    fn open(&self, hub: &HubName, id: &IdentityId, _: Option<Sponsor>) -> Mailbox {
        let mut noted = self.noted();
        noted.last += 1;
        let number = SessionNumber(noted.last);
        noted.current.insert((hub.clone(), id.clone()), number);
        Postbox::new().mailbox(number, Box::new(Kept))
    }

    fn announce(&self, hub: &HubName, announcement: &Announcement) {
        let heard = &mut self.noted().heard;
        heard.push((hub.clone(), announcement.clone()));
    }

    fn revocations(&self) -> u64 {
        let heard = &self.noted().heard;
        heard.iter().filter(|(_, told)| told.may_revoke()).count() as u64
    }

    async fn call(
        &self,
        _: &HubName,
        _: &IdentityId,
        _: Arc<MethodRequest>,
    ) -> Result<SessionNumber, NotDelivered> {
        Err(NotDelivered::NotConnected)
    }

    async fn listening(&self, _: &HubName, _: &IdentityId, _: &MethodName) {
        std::future::pending().await
    }

    fn is_connected(&self, _: &HubName, _: &IdentityId) -> bool {
        false
    }

    fn is_current(&self, hub: &HubName, id: &IdentityId, session: SessionNumber) -> bool {
        self.noted().current.get(&(hub.clone(), id.clone())) == Some(&session)
    }

    fn connected_devices(&self, _: &HubName) -> u64 {
        0
    }

    fn end_all(&self, _: EndReason) {}
}
