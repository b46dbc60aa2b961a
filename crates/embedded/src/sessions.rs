//! The sessions port for one process: a map of who is connected.

use std::collections::HashMap;
use std::hash::{BuildHasher as _, RandomState};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use async_trait::async_trait;
use twinhub_core::ids::{HubName, IdentityId};
use twinhub_core::methods::{MethodName, MethodRequest};
use twinhub_core::ports::{
    Announcement, EndReason, Interests, Mailbox, MailboxFull, NotDelivered, Notice, Place, Postbox,
    SessionNumber, Sessions, Sponsor,
};

use self::waiters::Waiters;

mod waiters;

const SHARDS: usize = 64;

/// The live sessions of this process.
///
/// A session that was told to end is no longer one: it is not found, not
/// counted, and its place is free.
#[derive(Default)]
pub struct LocalSessions {
    hubs: RwLock<HashMap<HubName, Arc<HubSessions>>>,
    last_number: AtomicU64,
    revocations: AtomicU64,
}

struct HubSessions {
    hasher: RandomState,
    shards: Box<[Mutex<Shard>]>,
    devices: AtomicU64,
    waiters: Waiters,
}

type Shard = HashMap<IdentityId, Handle>;

/// The bus's end of a session.
struct Handle {
    number: SessionNumber,
    postbox: Postbox,
    interests: Interests,
    sponsor: Option<Sponsor>,
}

/// The mailbox's hold on its place.
struct HeldPlace {
    hub: Arc<HubSessions>,
    id: IdentityId,
    number: SessionNumber,
}

impl Place for HeldPlace {
    fn listens_to(&self, interests: Interests) {
        self.hub.listens_to(&self.id, self.number, interests);
    }
}

impl Drop for HeldPlace {
    fn drop(&mut self) {
        let mut shard = self.hub.shard(&self.id);
        let still_here = |handle: &Handle| handle.number == self.number;
        if shard.get(&self.id).is_some_and(still_here) {
            self.hub.remove(&mut shard, &self.id);
        }
    }
}

impl LocalSessions {
    /// Nobody is connected.
    pub fn new() -> Self {
        LocalSessions::default()
    }

    fn hub(&self, hub: &HubName) -> Option<Arc<HubSessions>> {
        let hubs = self.hubs.read().unwrap_or_else(PoisonError::into_inner);
        hubs.get(hub).cloned()
    }

    fn hub_or_new(&self, hub: &HubName) -> Arc<HubSessions> {
        if let Some(found) = self.hub(hub) {
            return found;
        }
        let mut hubs = self.hubs.write().unwrap_or_else(PoisonError::into_inner);
        hubs.entry(hub.clone()).or_default().clone()
    }
}

#[async_trait]
impl Sessions for LocalSessions {
    fn open(&self, hub: &HubName, id: &IdentityId, sponsor: Option<Sponsor>) -> Mailbox {
        let hub = self.hub_or_new(hub);
        let number = SessionNumber(self.last_number.fetch_add(1, Ordering::Relaxed) + 1);
        let place = HeldPlace {
            hub: hub.clone(),
            id: id.clone(),
            number,
        };
        let postbox = Postbox::new();
        let mailbox = postbox.mailbox(number, Box::new(place));
        let handle = Handle {
            number,
            postbox,
            interests: Interests::default(),
            sponsor,
        };
        hub.insert(id, handle);
        mailbox
    }

    fn announce(&self, hub: &HubName, announcement: &Announcement) {
        if announcement.may_revoke() {
            self.revocations.fetch_add(1, Ordering::SeqCst);
        }
        let Some(hub) = self.hub(hub) else {
            return;
        };
        match announcement {
            Announcement::DesiredChanged { id, version, patch } => {
                let notice = Notice::DesiredChanged {
                    version: *version,
                    patch: patch.clone(),
                };
                hub.tell(id, notice);
            }
            Announcement::IdentityChanged(id) => hub.tell(id, Notice::CheckAgain),
            Announcement::IdentityRemoved(id) => {
                let mut shard = hub.shard(id);
                hub.end(&mut shard, id, EndReason::Removed);
            }
            Announcement::PolicyChanged(policy) => {
                hub.check_sponsored(&Sponsor::Policy(policy.clone()));
            }
            Announcement::AuthorityChanged(name) => {
                hub.check_sponsored(&Sponsor::Authority(name.clone()));
            }
            Announcement::MessagesWaiting(id) => hub.tell_of_messages(id),
        }
    }

    fn revocations(&self) -> u64 {
        self.revocations.load(Ordering::SeqCst)
    }

    async fn call(
        &self,
        hub: &HubName,
        id: &IdentityId,
        request: Arc<MethodRequest>,
    ) -> Result<SessionNumber, NotDelivered> {
        self.hub(hub)
            .ok_or(NotDelivered::NotConnected)?
            .call(id, request)
    }

    async fn listening(&self, hub: &HubName, id: &IdentityId, method: &MethodName) {
        let hub = self.hub_or_new(hub);
        let waiting = hub.waiters.wait_for(id);
        loop {
            // Before the look, so that nothing is missed between the two.
            let woken = waiting.woken();
            if hub.has_listener(id, method) {
                return;
            }
            woken.await;
        }
    }

    fn is_connected(&self, hub: &HubName, id: &IdentityId) -> bool {
        self.hub(hub)
            .is_some_and(|hub| hub.shard(id).contains_key(id))
    }

    fn is_current(&self, hub: &HubName, id: &IdentityId, session: SessionNumber) -> bool {
        self.hub(hub).is_some_and(|hub| {
            let shard = hub.shard(id);
            shard.get(id).is_some_and(|handle| handle.number == session)
        })
    }

    fn connected_devices(&self, hub: &HubName) -> u64 {
        self.hub(hub)
            .map_or(0, |hub| hub.devices.load(Ordering::Relaxed))
    }

    fn end_all(&self, reason: EndReason) {
        let hubs = self.hubs.read().unwrap_or_else(PoisonError::into_inner);
        for hub in hubs.values() {
            hub.end_all(reason);
        }
    }
}

impl Default for HubSessions {
    fn default() -> Self {
        HubSessions {
            hasher: RandomState::new(),
            shards: (0..SHARDS).map(|_| Mutex::default()).collect(),
            devices: AtomicU64::new(0),
            waiters: Waiters::default(),
        }
    }
}

impl HubSessions {
    /// Puts a session in its place; an older one there is taken over.
    fn insert(&self, id: &IdentityId, handle: Handle) {
        let mut shard = self.shard(id);
        match shard.insert(id.clone(), handle) {
            Some(older) => older.end(EndReason::TakenOver),
            None => self.count(id, 1),
        }
    }

    /// Hands a notice over; a session that has no room for it is ended.
    fn tell(&self, id: &IdentityId, notice: Notice) {
        let mut shard = self.shard(id);
        if shard.get(id).is_some_and(|handle| !handle.take(notice)) {
            self.end(&mut shard, id, EndReason::TooSlow);
        }
    }

    /// Only the session that holds the place is heard.
    fn listens_to(&self, id: &IdentityId, number: SessionNumber, interests: Interests) {
        let mut shard = self.shard(id);
        let Some(handle) = shard.get_mut(id).filter(|handle| handle.number == number) else {
            return;
        };
        let begins = interests.messages && !handle.interests.messages;
        handle.interests = interests;
        if begins {
            handle.tell_of_messages();
        }
        drop(shard);
        self.waiters.wake(id);
    }

    fn tell_of_messages(&self, id: &IdentityId) {
        let shard = self.shard(id);
        if let Some(handle) = shard.get(id).filter(|handle| handle.interests.messages) {
            handle.tell_of_messages();
        }
    }

    fn call(
        &self,
        id: &IdentityId,
        request: Arc<MethodRequest>,
    ) -> Result<SessionNumber, NotDelivered> {
        let shard = self.shard(id);
        let handle = shard.get(id).ok_or(NotDelivered::NotConnected)?;
        if !handle.interests.methods.covers(&request.name) {
            return Err(NotDelivered::NotListening);
        }
        let called = handle.postbox.put(Notice::MethodCalled(request));
        match called {
            Ok(()) => Ok(handle.number),
            Err(MailboxFull) => Err(NotDelivered::Full),
        }
    }

    fn has_listener(&self, id: &IdentityId, method: &MethodName) -> bool {
        let shard = self.shard(id);
        let covers = |handle: &Handle| handle.interests.methods.covers(method);
        shard.get(id).is_some_and(covers)
    }

    /// Rare, so that a look at every session is good enough.
    fn check_sponsored(&self, changed: &Sponsor) {
        let let_in = |handle: &Handle| {
            let sponsor = handle.sponsor.as_ref();
            sponsor.is_some_and(|sponsor| sponsor.is(changed))
        };
        for shard in &self.shards {
            let mut shard = lock(shard);
            let too_slow: Vec<_> = shard
                .iter()
                .filter(|(_, handle)| let_in(handle) && !handle.take(Notice::CheckAgain))
                .map(|(id, _)| id.clone())
                .collect();
            for id in too_slow {
                self.end(&mut shard, &id, EndReason::TooSlow);
            }
        }
    }

    fn end_all(&self, reason: EndReason) {
        for shard in &self.shards {
            for (id, handle) in lock(shard).drain() {
                self.count(&id, -1);
                handle.end(reason);
            }
        }
    }

    fn end(&self, shard: &mut Shard, id: &IdentityId, reason: EndReason) {
        if let Some(handle) = self.remove(shard, id) {
            handle.end(reason);
        }
    }

    fn remove(&self, shard: &mut Shard, id: &IdentityId) -> Option<Handle> {
        let removed = shard.remove(id);
        if removed.is_some() {
            self.count(id, -1);
        }
        removed
    }

    fn count(&self, id: &IdentityId, by: i64) {
        if id.module_id().is_none() {
            // Two's complement: adding the pattern of -1 takes one away.
            self.devices
                .fetch_add(by.cast_unsigned(), Ordering::Relaxed);
        }
    }

    fn shard(&self, id: &IdentityId) -> MutexGuard<'_, Shard> {
        let index = usize::try_from(self.hasher.hash_one(id) % SHARDS as u64)
            .expect("a remainder of SHARDS fits");
        lock(&self.shards[index])
    }
}

impl Handle {
    /// Whether there was room.
    fn take(&self, notice: Notice) -> bool {
        self.postbox.put(notice).is_ok()
    }

    fn tell_of_messages(&self) {
        self.postbox
            .put(Notice::MessagesWaiting)
            .expect("it takes no room");
    }

    /// The mailbox keeps the reason when the handle is gone.
    fn end(self, reason: EndReason) {
        self.postbox.end(reason);
    }
}

fn lock(shard: &Mutex<Shard>) -> MutexGuard<'_, Shard> {
    shard.lock().unwrap_or_else(PoisonError::into_inner)
}
