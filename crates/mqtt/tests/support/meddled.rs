//! The sessions bus, with somebody who meddles at the worst moment.

use std::pin::Pin;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use twinhub_core::ids::{HubName, IdentityId};
use twinhub_core::methods::{MethodName, MethodRequest};
use twinhub_core::ports::{
    Announcement, EndReason, Mailbox, NotDelivered, SessionNumber, Sessions, Sponsor,
};
use twinhub_embedded::LocalSessions;

type Meddling = Pin<Box<dyn Future<Output = ()> + Send>>;

#[derive(Default)]
pub struct MeddledSessions {
    sessions: LocalSessions,
    before_next_open: Mutex<Option<Meddling>>,
}

impl MeddledSessions {
    /// Does this to its end before the next session is opened.
    pub fn before_next_open(&self, meddling: impl Future<Output = ()> + Send + 'static) {
        *self.before_next_open.lock().unwrap() = Some(Box::pin(meddling));
    }
}

#[async_trait]
impl Sessions for MeddledSessions {
    fn open(&self, hub: &HubName, id: &IdentityId, sponsor: Option<Sponsor>) -> Mailbox {
        if let Some(meddling) = self.before_next_open.lock().unwrap().take() {
            // Opening does not wait, so somebody else has to.
            let elsewhere = std::thread::spawn(|| {
                let runtime = tokio::runtime::Runtime::new().unwrap();
                runtime.block_on(meddling);
            });
            elsewhere.join().unwrap();
        }
        self.sessions.open(hub, id, sponsor)
    }

    fn announce(&self, hub: &HubName, announcement: &Announcement) {
        self.sessions.announce(hub, announcement);
    }

    fn revocations(&self) -> u64 {
        self.sessions.revocations()
    }

    async fn call(
        &self,
        hub: &HubName,
        id: &IdentityId,
        request: Arc<MethodRequest>,
    ) -> Result<SessionNumber, NotDelivered> {
        self.sessions.call(hub, id, request).await
    }

    async fn listening(&self, hub: &HubName, id: &IdentityId, method: &MethodName) {
        self.sessions.listening(hub, id, method).await;
    }

    fn is_current(&self, hub: &HubName, id: &IdentityId, session: SessionNumber) -> bool {
        self.sessions.is_current(hub, id, session)
    }

    fn is_connected(&self, hub: &HubName, id: &IdentityId) -> bool {
        self.sessions.is_connected(hub, id)
    }

    fn connected_devices(&self, hub: &HubName) -> u64 {
        self.sessions.connected_devices(hub)
    }

    fn end_all(&self, reason: EndReason) {
        self.sessions.end_all(reason);
    }
}
