//! Hubs, their shared access policies, authorities, consumer groups and routing.
//!
//! A process may hold several hubs; the host name of a connection picks one.
//! They are few and read at every request, so they are kept in memory, and
//! replaced as a whole once a change is on disk.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, RwLock};
use std::time::Duration;

use tokio::sync::watch;

use crate::certificates::Authority;
use crate::consumer_groups::ConsumerGroup;
use crate::etag::Precondition;
use crate::ids::HubName;
use crate::policies::{Policy, PolicyName};
use crate::ports::{
    Announcement, Change, CommitError, Record, RecordKey, Revision, StateStore, StoreError, Stored,
    UnitOfWork,
};
use crate::readers::Readers;
use crate::routing::{InvalidRouting, RoutingSettings, WantedRouting};
use crate::traffic::Traffic;

pub use self::authorities::ChangeAuthorityError;
pub use self::consumer_groups::ChangeConsumerGroupError;
pub use self::tier::{Sku, Tier, UnknownSku};

mod authorities;
mod consumer_groups;
mod routing;
#[cfg(test)]
mod testing;
mod tier;

/// What a hub is set to; comes from configuration at each start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HubSettings {
    /// The host names it answers to; the first is its own name for others.
    pub host_names: Vec<String>,
    /// Its tier and size.
    pub tier: Tier,
    /// Modules per device; the edge system modules don't count.
    pub modules_per_device: usize,
    /// How long events are kept, as long as there are not too many.
    pub event_retention: Duration,
}

/// A hub's own stored record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HubRecord {
    /// Its name.
    pub name: HubName,
    /// Moves with every change of the hub or its policies.
    pub etag: u64,
}

/// A hub as it stands: settings, policies, authorities and consumer groups.
#[derive(Debug, Clone)]
pub struct Hub {
    /// Its stored record.
    pub record: HubRecord,
    /// Its settings.
    pub settings: HubSettings,
    policies: BTreeMap<String, Stored<Policy>>,
    authorities: BTreeMap<String, Stored<Authority>>,
    default_group: ConsumerGroup,
    /// All but `$Default`.
    consumer_groups: BTreeMap<String, Stored<ConsumerGroup>>,
    routing: Arc<RoutingSettings>,
    /// The stored routing's, if any was ever set.
    routing_revision: Option<Revision>,
    revision: Revision,
    /// The same ones for as long as the process runs.
    live: Live,
}

/// What goes on at a hub, which no change of its settings interrupts.
#[derive(Debug, Clone, Default)]
struct Live {
    traffic: Arc<Traffic>,
    readers: Arc<Readers>,
}

impl Hub {
    /// Its name.
    pub fn name(&self) -> &HubName {
        &self.record.name
    }

    /// Its own name for others, as it stands in connection strings.
    pub fn host_name(&self) -> &str {
        self.settings
            .host_names
            .first()
            .map_or(self.record.name.as_str(), String::as_str)
    }

    /// What it has passed on since the process began.
    pub fn traffic(&self) -> &Arc<Traffic> {
        &self.live.traffic
    }

    /// Who reads its events now.
    pub fn readers(&self) -> &Arc<Readers> {
        &self.live.readers
    }

    /// Whether a client that dialled `host` means this hub.
    pub fn answers_to(&self, host: &str) -> bool {
        self.settings
            .host_names
            .iter()
            .any(|name| name.eq_ignore_ascii_case(host))
    }

    /// A policy by its name, whatever the case.
    pub fn policy(&self, name: &str) -> Option<&Policy> {
        self.policies
            .get(&name.to_ascii_lowercase())
            .map(|stored| &stored.value)
    }

    /// All policies, by name.
    pub fn policies(&self) -> impl Iterator<Item = &Policy> {
        self.policies.values().map(|stored| &stored.value)
    }

    fn resolve_policies(
        &self,
        wanted: Vec<WantedPolicy>,
    ) -> Result<BTreeMap<String, Policy>, ChangeHubError> {
        let mut next = BTreeMap::new();
        for policy in wanted {
            let kept = self.policy(policy.name.as_str());
            let policy = policy.resolve(kept);
            if let Some(twice) = next.insert(policy.name.folded(), policy) {
                return Err(ChangeHubError::NamedTwice(twice.name));
            }
        }
        Ok(next)
    }
}

impl Hub {
    /// An authority by its name, whatever the case.
    pub fn authority(&self, name: &str) -> Option<&Authority> {
        self.authorities
            .get(&name.to_ascii_lowercase())
            .map(|stored| &stored.value)
    }

    /// All authorities, by name.
    pub fn authorities(&self) -> impl Iterator<Item = &Authority> {
        self.authorities.values().map(|stored| &stored.value)
    }
}

/// The most shared access policies a hub may have.
pub const MAX_POLICIES: usize = 16;

/// Why a hub or its policies could not be changed.
#[derive(Debug, thiserror::Error)]
pub enum ChangeHubError {
    /// No such hub.
    #[error("hub {0} does not exist")]
    NoSuchHub(String),
    /// No such policy.
    #[error("policy {0} does not exist")]
    NoSuchPolicy(String),
    /// A stale ETag.
    #[error("the hub is at etag {current}, the request expected {expected}")]
    EtagMismatch {
        /// What the hub is at.
        current: String,
        /// What the caller saw.
        expected: String,
    },
    /// More than [`MAX_POLICIES`].
    #[error("a hub has at most {MAX_POLICIES} shared access policies")]
    TooManyPolicies,
    /// Two policies in one request share a name.
    #[error("policy {0} is named twice")]
    NamedTwice(PolicyName),
    /// Routing that the hub can't have.
    #[error(transparent)]
    Routing(#[from] InvalidRouting),
    /// It could not be saved.
    #[error("could not save the hub")]
    Store(#[from] StoreError),
}

/// The hubs of this process.
pub struct Hubs {
    store: Arc<dyn StateStore>,
    by_name: RwLock<HashMap<HubName, Arc<Hub>>>,
    /// One change at a time; changes are rare and read-modify-write.
    changing: tokio::sync::Mutex<()>,
    /// How often a hub was loaded.
    loaded: watch::Sender<u64>,
}

impl Hubs {
    /// Loads what is stored, and makes a hub with the default policies for
    /// each of `configured` that is not there yet. Tells which ones it made.
    pub async fn open(
        store: Arc<dyn StateStore>,
        configured: Vec<(HubName, HubSettings)>,
    ) -> Result<(Self, Vec<HubName>), StoreError> {
        let hubs = Hubs {
            store,
            by_name: RwLock::default(),
            changing: tokio::sync::Mutex::default(),
            loaded: watch::Sender::default(),
        };
        let mut made = Vec::new();
        for (name, settings) in configured {
            if hubs.store.hub(&name).await?.is_none() {
                hubs.create(&name).await?;
                made.push(name.clone());
            }
            hubs.load(&name, settings).await?;
        }
        Ok((hubs, made))
    }

    /// The hub that answers to a host name (without port).
    pub fn by_host(&self, host: &str) -> Option<Arc<Hub>> {
        self.snapshot().find(|hub| hub.answers_to(host))
    }

    /// The hub of that name, whatever the case.
    pub fn by_name(&self, name: &str) -> Option<Arc<Hub>> {
        self.snapshot()
            .find(|hub| hub.name().as_str().eq_ignore_ascii_case(name))
    }

    /// All hubs, by name.
    pub fn all(&self) -> Vec<Arc<Hub>> {
        let mut all: Vec<_> = self.snapshot().collect();
        all.sort_by(|a, b| a.name().cmp(b.name()));
        all
    }

    /// Moves whenever what stands of a hub may have changed.
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.loaded.subscribe()
    }

    /// Removes one policy.
    pub async fn remove_policy(&self, hub: &str, name: &str) -> Result<Arc<Hub>, ChangeHubError> {
        self.change(hub, &Precondition::None, |hub| {
            let mut next = owned_policies(hub);
            next.remove(&name.to_ascii_lowercase())
                .ok_or_else(|| ChangeHubError::NoSuchPolicy(name.to_owned()))?;
            Ok(NextHub {
                policies: Some(next),
                routing: None,
            })
        })
        .await
    }

    async fn change(
        &self,
        hub: &str,
        if_match: &Precondition,
        decide: impl FnOnce(&Hub) -> Result<NextHub, ChangeHubError>,
    ) -> Result<Arc<Hub>, ChangeHubError> {
        let _one_at_a_time = self.changing.lock().await;
        let hub = self
            .by_name(hub)
            .ok_or_else(|| ChangeHubError::NoSuchHub(hub.to_owned()))?;
        let current = hub_etag(&hub.record);
        if let Precondition::Etag(expected) = if_match
            && *expected != current
        {
            return Err(ChangeHubError::EtagMismatch {
                current,
                expected: expected.clone(),
            });
        }

        let next = decide(&hub)?;
        let policies = next.policies.as_ref();
        if policies.is_some_and(|policies| policies.len() > MAX_POLICIES) {
            return Err(ChangeHubError::TooManyPolicies);
        }
        let done = self.commit(&hub, next.into_work(&hub)).await?;
        match done.is_committed {
            true => Ok(done.hub),
            // Another node was quicker.
            false => Err(ChangeHubError::EtagMismatch {
                current: hub_etag(&done.hub.record),
                expected: current,
            }),
        }
    }

    /// Writes a change of a hub. Whether it was done or another node was
    /// quicker, the hub is as it stands then.
    async fn commit(&self, hub: &Hub, work: UnitOfWork) -> Result<Done, StoreError> {
        let done = self.store.commit(work).await;
        let stands = self.load(hub.name(), hub.settings.clone()).await;
        match done {
            Err(CommitError::Store(error)) => Err(error),
            Err(CommitError::Conflict(_)) => Ok(Done {
                hub: stands?,
                is_committed: false,
            }),
            Ok(()) => Ok(Done {
                hub: stands.map_err(|error| {
                    StoreError::in_doubt("the hub is changed, but can't be read", error)
                })?,
                is_committed: true,
            }),
        }
    }

    async fn create(&self, name: &HubName) -> Result<(), StoreError> {
        let mut changes = vec![Change::Insert(Record::Hub(HubRecord {
            name: name.clone(),
            etag: 1,
        }))];
        let defaults = Policy::defaults().into_iter();
        changes.extend(defaults.map(|policy| Change::Insert(Record::Policy(policy))));
        let work = UnitOfWork::new(name.clone(), changes);
        match self.store.commit(work).await {
            // Somebody else made it: just as good.
            Ok(()) | Err(CommitError::Conflict(_)) => Ok(()),
            Err(CommitError::Store(error)) => Err(error),
        }
    }

    async fn load(&self, name: &HubName, settings: HubSettings) -> Result<Arc<Hub>, StoreError> {
        let record = self
            .store
            .hub(name)
            .await?
            .ok_or_else(|| StoreError::corrupt(format!("hub {name} has vanished")))?;
        let policies = self.store.policies(name).await?;
        let authorities = self.store.authorities(name).await?;
        let groups = self.store.consumer_groups(name).await?;
        let routing = self.store.routing(name).await?;
        let hub = Arc::new(Hub {
            revision: record.revision,
            record: record.value,
            settings,
            policies: policies
                .into_iter()
                .map(|policy| (policy.value.name.folded(), policy))
                .collect(),
            authorities: authorities
                .into_iter()
                .map(|authority| (authority.value.name.folded(), authority))
                .collect(),
            default_group: ConsumerGroup::default_group(),
            consumer_groups: groups
                .into_iter()
                .map(|group| (group.value.name.folded(), group))
                .collect(),
            routing_revision: routing.as_ref().map(|routing| routing.revision),
            routing: routing.map_or_else(Arc::default, |routing| Arc::new(routing.value)),
            live: self
                .by_name(name.as_str())
                .map_or_else(Live::default, |known| known.live.clone()),
        });
        self.by_name
            .write()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
            .insert(name.clone(), hub.clone());
        self.loaded.send_modify(|times| *times += 1);
        Ok(hub)
    }

    fn snapshot(&self) -> impl Iterator<Item = Arc<Hub>> {
        let hubs = self
            .by_name
            .read()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        hubs.values().cloned().collect::<Vec<_>>().into_iter()
    }
}

/// The ETag of a hub as the resource provider shows it.
pub fn hub_etag(record: &HubRecord) -> String {
    crate::etag::Etag::from_counter(record.etag).to_string()
}

/// What a caller wants of a hub; what is not named stays as it is.
#[derive(Debug, Default)]
pub struct WantedHub {
    /// Exactly these policies.
    pub policies: Option<Vec<WantedPolicy>>,
    /// Exactly this routing.
    pub routing: Option<WantedRouting>,
}

/// A policy as a caller wants it.
#[derive(Debug, Clone)]
pub struct WantedPolicy {
    /// Its name.
    pub name: PolicyName,
    /// Its rights.
    pub rights: crate::policies::Rights,
    /// Its primary key; kept or generated if missing.
    pub primary: Option<crate::keys::Key>,
    /// Its secondary key; kept or generated if missing.
    pub secondary: Option<crate::keys::Key>,
}

impl WantedPolicy {
    fn resolve(self, kept: Option<&Policy>) -> Policy {
        use crate::keys::{Key, KeyPair};
        let primary = self
            .primary
            .or_else(|| kept.map(|policy| policy.keys.primary.clone()));
        let secondary = self
            .secondary
            .or_else(|| kept.map(|policy| policy.keys.secondary.clone()));
        Policy {
            name: kept.map_or(self.name, |policy| policy.name.clone()),
            rights: self.rights,
            keys: KeyPair {
                primary: primary.unwrap_or_else(Key::generate),
                secondary: secondary.unwrap_or_else(Key::generate),
            },
        }
    }
}

fn owned_policies(hub: &Hub) -> BTreeMap<String, Policy> {
    hub.policies()
        .map(|policy| (policy.name.folded(), policy.clone()))
        .collect()
}

/// What became of a hub.
struct Done {
    hub: Arc<Hub>,
    /// Or another node was quicker.
    is_committed: bool,
}

/// What is to become of a hub.
struct NextHub {
    policies: Option<BTreeMap<String, Policy>>,
    routing: Option<RoutingSettings>,
}

impl NextHub {
    /// What must be written. The hub's ETag moves if anything does.
    fn into_work(self, hub: &Hub) -> UnitOfWork {
        let (mut changes, announcements) = match self.policies {
            Some(next) => policy_changes(hub, next),
            None => (Vec::new(), Vec::new()),
        };
        let routing = self.routing.and_then(|next| hub.routing_to_change(next));
        changes.extend(routing);
        if !changes.is_empty() {
            let record = HubRecord {
                etag: hub.record.etag + 1,
                ..hub.record.clone()
            };
            changes.push(Change::Replace(Record::Hub(record), hub.revision));
        }
        UnitOfWork::new(hub.name().clone(), changes).announcing(announcements)
    }
}

/// What must be written so that the hub's policies become `next`, and whom it
/// concerns.
fn policy_changes(
    hub: &Hub,
    mut next: BTreeMap<String, Policy>,
) -> (Vec<Change>, Vec<Announcement>) {
    let mut changes = Vec::new();
    let mut announcements = Vec::new();
    for (folded, stored) in &hub.policies {
        match next.remove(folded) {
            Some(policy) if policy == stored.value => continue,
            Some(policy) => changes.push(Change::Replace(Record::Policy(policy), stored.revision)),
            None => changes.push(Change::Remove(
                RecordKey::Policy(stored.value.name.clone()),
                stored.revision,
            )),
        }
        announcements.push(Announcement::PolicyChanged(stored.value.name.clone()));
    }
    let inserts = next.into_values();
    changes.extend(inserts.map(|policy| Change::Insert(Record::Policy(policy))));
    (changes, announcements)
}
