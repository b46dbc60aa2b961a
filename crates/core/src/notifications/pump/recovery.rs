//! Which events of the outbox are in the logs already.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use super::Present;
use super::batch::number_of;
use crate::events::{EventRef, EventSource, PartitionId};
use crate::ids::HubName;
use crate::messages::SystemProperty;
use crate::ports::{EventLog, LogError, OutboxEvent, StartPosition};
use crate::routing::Router;
use crate::time::Timestamp;

/// Events are read in pieces of about so many bytes.
const READ_BYTES: usize = 1 << 20;

/// Looks for events in the hub's own log and in the backlogs of its endpoints,
/// from the time of the oldest on: none is stored before its time.
pub(super) async fn look_for(
    waiting: &[OutboxEvent],
    hub: &HubName,
    router: &Router,
) -> Result<Present, LogError> {
    let mut present = Present::new();
    for (endpoint, log) in router.logs(hub) {
        for number in present_in(&log, hub, waiting, None).await? {
            present.entry(number).or_default().push(endpoint);
        }
    }
    if !present.is_empty() {
        tracing::info!(
            %hub, events = present.len(),
            "events of changes were stored just before the hub was stopped; they are not repeated"
        );
    }
    Ok(present)
}

/// Looks for events that were sent at this time, of which some logs may have
/// taken what others refused. A log that can't be read, which is perhaps the
/// one that refuses, may get them again.
pub(super) async fn look_since(
    since: Timestamp,
    waiting: &[OutboxEvent],
    hub: &HubName,
    router: &Router,
) -> Present {
    let mut present = Present::new();
    for (endpoint, log) in router.logs(hub) {
        let found = present_in(&log, hub, waiting, Some(since)).await;
        for number in found.unwrap_or_default() {
            present.entry(number).or_default().push(endpoint);
        }
    }
    present
}

/// What is looked for in a partition.
struct Wanted {
    from: Timestamp,
    numbers: HashSet<u64>,
}

async fn present_in(
    log: &Arc<dyn EventLog>,
    hub: &HubName,
    waiting: &[OutboxEvent],
    since: Option<Timestamp>,
) -> Result<Vec<u64>, LogError> {
    let mut by_partition: HashMap<PartitionId, Wanted> = HashMap::new();
    let partitions = log.partitions(hub).unwrap_or(0);
    for OutboxEvent { number, event } in waiting.iter().filter(|_| partitions > 0) {
        let partition = PartitionId::of(event.identity.device_id(), partitions);
        let from = since.unwrap_or(event.at);
        let wanted = by_partition.entry(partition).or_insert(Wanted {
            from,
            numbers: HashSet::new(),
        });
        wanted.from = wanted.from.min(from);
        wanted.numbers.insert(*number);
    }
    let mut found = Vec::new();
    for (partition, wanted) in by_partition {
        look_through(&**log, hub, partition, wanted, &mut found).await?;
    }
    Ok(found)
}

async fn look_through(
    log: &dyn EventLog,
    hub: &HubName,
    partition: PartitionId,
    mut wanted: Wanted,
    found: &mut Vec<u64>,
) -> Result<(), LogError> {
    let Some(state) = log.partition(hub, partition).await? else {
        return Ok(());
    };
    let from = StartPosition::EnqueuedFrom(wanted.from);
    let mut next = log.find(hub, partition, from).await?;
    while next < state.next && !wanted.numbers.is_empty() {
        let events = match log.read(hub, partition, next, READ_BYTES).await {
            Ok(events) => events,
            Err(LogError::Damaged {
                sequence_number, ..
            }) => {
                next = next.max(sequence_number) + 1;
                continue;
            }
            Err(error) => return Err(error),
        };
        let Some(last) = events.last() else {
            return Ok(());
        };
        next = last.sequence_number + 1;
        let numbers = events.iter().filter_map(outbox_number);
        found.extend(numbers.filter(|number| wanted.numbers.remove(number)));
    }
    Ok(())
}

/// The number of an event that came out of the outbox.
fn outbox_number(event: EventRef<'_>) -> Option<u64> {
    match event.source {
        EventSource::Telemetry | EventSource::ConnectionState => None,
        EventSource::Lifecycle
        | EventSource::TwinChange
        | EventSource::JobLifecycle
        | EventSource::DigitalTwinChange => {
            number_of(event.system_property(SystemProperty::CorrelationId)?)
        }
    }
}
