//! The twin of the one whose events a producer takes, for conditions and
//! enrichments: kept for some seconds, then read again.
//!
//! A read that fails is tried again, ever less often, and the operator is told:
//! the sender waits, and nothing is lost. Who looks after failures itself is
//! told at once. A twin that is damaged stays so: its owner is as one without.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::time::{Instant, sleep};
use uuid::Uuid;

use super::hub_routes::HubRoutes;
use crate::ids::IdentityId;
use crate::ports::StoreError;
use crate::routing::delivery::Backoff;
use crate::time::Timestamp;
use crate::twins::Twin;

/// How long a twin is good for. The hub promises five minutes.
/// <https://learn.microsoft.com/azure/iot-hub/iot-hub-message-enrichments-overview>
const FRESH: Duration = Duration::from_secs(5);
/// The longest pause between two tries: devices wait meanwhile.
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

type Read = Pin<Box<dyn Future<Output = Result<Option<Twin>, StoreError>> + Send>>;

/// A twin without what no route can name: when each property was written,
/// which takes ten times the room of the properties. It is kept for each sender
/// that is connected.
fn as_routes_see(mut twin: Twin) -> Twin {
    for section in [&mut twin.desired, &mut twin.reported] {
        section.metadata.children.clear();
    }
    twin
}

/// One identity's twin, as far as it is known.
#[derive(Default)]
pub(super) struct SenderTwin {
    known: Option<(Timestamp, Option<Box<Twin>>)>,
    /// Nobody has seen it since it was read: good once, however long that took.
    is_news: bool,
    /// Being read, since when.
    read: Option<(Timestamp, Read)>,
    /// Whether a failure is told instead of tried again.
    fails_at_once: bool,
}

impl SenderTwin {
    /// Whether it is known well enough at `now`. If not, it has to be
    /// [read](Self::begin).
    pub(super) fn is_fresh(&mut self, now: Timestamp) -> bool {
        if std::mem::take(&mut self.is_news) {
            return true;
        }
        let read = self.known.as_ref().map(|(read, _)| *read);
        read.is_some_and(|read| read <= now && now.since(read) < FRESH)
    }

    /// The twin; `None` if there is none.
    pub(super) fn get(&self) -> Option<&Twin> {
        self.known.as_ref()?.1.as_deref()
    }

    /// Tells failures from now on, for who tries again itself.
    pub(super) fn fail_at_once(&mut self) {
        self.fails_at_once = true;
    }

    /// Begins to read it, unless that is going on.
    pub(super) fn begin(&mut self, hub: &Arc<HubRoutes>, id: &IdentityId, now: Timestamp) {
        let tries_again = !self.fails_at_once;
        self.read.get_or_insert_with(|| {
            let read = read(hub.clone(), id.clone(), now, tries_again);
            (now, Box::pin(read))
        });
    }

    /// Ready once nothing is being read. An error is that of a store that is
    /// closed, unless all are told.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), StoreError>> {
        let Some((begun, read)) = &mut self.read else {
            return Poll::Ready(Ok(()));
        };
        let begun = *begun;
        let found = ready!(read.as_mut().poll(cx));
        self.read = None;
        self.known = Some((begun, found?.map(Box::new)));
        self.is_news = true;
        Poll::Ready(Ok(()))
    }
}

/// Reads a twin, as often as it takes.
async fn read(
    hub: Arc<HubRoutes>,
    id: IdentityId,
    now: Timestamp,
    tries_again: bool,
) -> Result<Option<Twin>, StoreError> {
    let begun = Instant::now();
    let mut backoff = Backoff::default();
    loop {
        let error = match hub.store.twin(&hub.name, &id).await {
            Ok(found) => {
                hub.twins.were_read();
                return Ok(found.map(|(_, twin)| as_routes_see(twin.value)));
            }
            Err(error) => error,
        };
        let now = now.plus(begun.elapsed());
        if error.is_corrupt() {
            hub.twins.is_damaged(&id, &error, now);
            return Ok(None);
        }
        if error.is_closed() || !tries_again {
            return Err(error);
        }
        hub.twins.could_not_be_read(&id, &error, now);
        let (chance, _) = Uuid::new_v4().as_u64_pair();
        sleep(backoff.after_failure(None, chance).min(LONGEST_PAUSE)).await;
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::ids::DeviceId;
    use crate::twins::Metadata;

    #[test]
    fn a_twin_is_kept_with_what_routes_can_name_and_without_metadata() {
        let now = Timestamp::from_unix_seconds(1_800_000_000);
        let id = DeviceId::parse("pump-7").unwrap();
        let mut twin = Twin::new(id.into(), now);
        twin.tags.insert("site".to_owned(), json!("oslo"));
        let leaf = Metadata {
            last_updated: now,
            last_updated_version: None,
            children: std::collections::BTreeMap::new(),
        };
        for section in [&mut twin.desired, &mut twin.reported] {
            section.properties.insert("rate".to_owned(), json!(4));
            section
                .metadata
                .children
                .insert("rate".to_owned(), leaf.clone());
        }

        let kept = as_routes_see(twin.clone());

        assert_eq!(kept.tags, twin.tags);
        for (kept, whole) in [(kept.desired, twin.desired), (kept.reported, twin.reported)] {
            assert_eq!(kept.properties, whole.properties);
            assert!(kept.metadata.children.is_empty());
        }
    }
}
