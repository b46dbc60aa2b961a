//! How the hub stands: `GET /twinhub/v1/caller`, `status`, `history` and
//! `partitions`.
//!
//! Additions of our own, for people and programs that watch a hub. The answers
//! hold figures, and of clients no more than what readers of events call
//! themselves.

use std::sync::Arc;
use std::time::Duration;

use http::{Request, Response, StatusCode};
use serde_json::{Value, json};
use twinhub_core::access::{Caller, ServicePermit, StatusPermit};
use twinhub_core::events::PartitionId;
use twinhub_core::ports::{EventLog, PartitionState};
use twinhub_core::readers::{ReadThrough, ReaderPlace};
use twinhub_core::time::Timestamp;
use twinhub_core::traffic::{History, MAX_SPAN, Sample, Series};

use crate::api::Api;
use crate::connection::Connection;
use crate::error_codes;
use crate::management::installation::{SharedInstallation, Storage};
use crate::refusal::Refusal;
use crate::request::{Query, RequestBody};
use crate::response::{Body, json as json_response};
use crate::router::StatusEndpoint;

/// How far back history goes unless asked, in minutes.
const USUAL_MINUTES: u64 = 60;

/// What knows how the hub stands.
pub struct StatusServices {
    /// What passed through.
    pub history: Arc<History>,
    /// Where events are.
    pub log: Arc<dyn EventLog>,
    /// The process and the machine.
    pub installation: SharedInstallation,
    /// The program's version.
    pub version: &'static str,
    /// When the process began.
    pub started: Timestamp,
}

type Answer = Result<Response<Body>, Refusal>;

impl Api {
    /// Answers a question of how the hub stands.
    pub(crate) async fn status(
        &self,
        endpoint: StatusEndpoint,
        request: Request<RequestBody>,
        segments: &[&str],
        connection: &Connection,
    ) -> Answer {
        let caller = self.admit(request.headers(), segments).await?;
        connection.admitted();
        match endpoint {
            StatusEndpoint::Caller => caller_of(&caller),
            StatusEndpoint::Status => self.standing(&caller.status()?).await,
            StatusEndpoint::History => {
                let query = Query::parse(request.uri().query());
                let span = span(&query)?;
                let history = &self.services().status.history;
                Ok(ok(&series(&history.of(&caller.status()?, span))))
            }
            StatusEndpoint::Partitions => self.partitions(&caller.service()?).await,
        }
    }

    async fn standing(&self, permit: &StatusPermit) -> Answer {
        let services = self.services();
        let status = &services.status;
        let devices = services.registry.device_counts(permit).await?;
        let installation = status.installation.clone();
        let refusing = installation.refusing();
        let storage = tokio::task::spawn_blocking(move || installation.storage());
        let storage = storage
            .await
            .map_err(|error| Refusal::new(error_codes::SERVER_ERROR, error.to_string()))?;
        let hub = permit.hub();
        let tier = hub.settings.tier;
        Ok(ok(&json!({
            "hub": hub.name().as_str(),
            "hostNames": hub.settings.host_names,
            "version": status.version,
            "startedAt": status.started.to_string(),
            "now": services.clock.now().to_string(),
            "refusing": refusing,
            "tier": { "name": tier.sku.to_string(), "units": tier.units },
            "devices": {
                "total": devices.registered.total,
                "enabled": devices.registered.enabled,
                "disabled": devices.registered.disabled,
                "connected": devices.connected,
            },
            "storage": stored(&storage),
        })))
    }

    async fn partitions(&self, permit: &ServicePermit) -> Answer {
        let (hub, log) = (permit.hub(), &self.services().status.log);
        let count = log.partitions(hub.name()).unwrap_or_default();
        // Before the log is asked: what a reader has come to is there by then.
        let places = hub.readers().list();
        let mut states = Vec::new();
        for partition in (0..count).map(PartitionId) {
            if let Some(state) = log.partition(hub.name(), partition).await? {
                states.push((partition, state));
            }
        }
        let partitions: Vec<Value> = states.iter().map(partition).collect();
        let readers = places.iter().map(|place| reader(place, &states));
        Ok(ok(&json!({
            "partitions": partitions,
            "readers": readers.collect::<Vec<_>>(),
        })))
    }
}

fn ok(body: &Value) -> Response<Body> {
    json_response(StatusCode::OK, body)
}

/// `GET /twinhub/v1/caller`: devices show tokens for paths of their own, so
/// that only policies come here.
fn caller_of(caller: &Caller) -> Answer {
    Ok(ok(&json!({
        "hub": caller.hub().name().as_str(),
        "policyName": caller.policy().map(|policy| policy.as_str()),
        "rights": caller.rights().names().collect::<Vec<_>>(),
    })))
}

fn span(query: &Query) -> Result<Duration, Refusal> {
    let most = MAX_SPAN.as_secs() / 60;
    let minutes = match query.get("minutes") {
        None => USUAL_MINUTES,
        Some(text) => text
            .parse()
            .ok()
            .filter(|minutes| (1..=most).contains(minutes))
            .ok_or_else(|| {
                Refusal::invalid(format!("minutes must be a number from 1 to {most}"))
            })?,
    };
    Ok(Duration::from_secs(minutes * 60))
}

fn series(series: &Series) -> Value {
    let each = |of: fn(&Sample) -> u64| -> Vec<Option<u64>> {
        let samples = series.samples.iter();
        samples.map(|sample| sample.as_ref().map(of)).collect()
    };
    json!({
        "stepSeconds": series.step.as_secs(),
        "end": series.end.to_string(),
        "series": {
            "messagesIn": each(|sample| sample.counts.messages_in),
            "messagesOut": each(|sample| sample.counts.messages_out),
            "methods": each(|sample| sample.counts.methods),
            "twinWrites": each(|sample| sample.counts.twin_writes),
            "connected": each(|sample| sample.connected),
        },
    })
}

fn stored(storage: &Storage) -> Value {
    json!({
        "stateBytes": storage.state,
        "eventsBytes": storage.events,
        "backlogsBytes": storage.backlogs,
        "freeBytes": storage.free,
    })
}

fn partition((id, state): &(PartitionId, PartitionState)) -> Value {
    let oldest = (state.first < state.next).then_some(state.first);
    json!({
        "partition": id.to_string(),
        "firstSequenceNumber": oldest,
        "lastSequenceNumber": state.next.checked_sub(1),
        "lastEnqueuedTime": state.last_enqueued.map(|moment| moment.to_string()),
    })
}

fn reader(place: &ReaderPlace, states: &[(PartitionId, PartitionState)]) -> Value {
    let state = states.iter().find(|(id, _)| *id == place.partition);
    let lag = state.map(|(_, state)| {
        // What retention took is not waited for any more.
        state.next.saturating_sub(place.next.max(state.first))
    });
    json!({
        "consumerGroup": place.consumer_group.as_deref(),
        "partition": place.partition.to_string(),
        "nextSequenceNumber": place.next,
        "lag": lag,
        "since": place.since.to_string(),
        "clientName": place.name.as_deref(),
        "protocol": match place.through {
            ReadThrough::EventHubs => "amqp",
            ReadThrough::EventStream => "https",
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn minutes(query: &str) -> Option<u64> {
        let span = span(&Query::parse(Some(query))).ok()?;
        Some(span.as_secs() / 60)
    }

    #[test]
    fn history_is_of_an_hour_unless_asked_and_of_a_day_at_most() {
        assert_eq!(minutes(""), Some(60));
        assert_eq!(minutes("minutes=1440"), Some(1440));
        for text in ["0", "1441", "-1", "soon", ""] {
            assert_eq!(minutes(&format!("minutes={text}")), None, "{text}");
        }
    }

    fn state(first: u64, next: u64) -> PartitionState {
        PartitionState {
            first,
            next,
            last_offset: None,
            last_enqueued: None,
        }
    }

    #[test]
    fn an_empty_partition_has_no_first_event_and_one_that_had_none_no_last() {
        let numbers = |first, next| {
            let told = partition(&(PartitionId(0), state(first, next)));
            let of = |name: &str| told[name].as_u64();
            (of("firstSequenceNumber"), of("lastSequenceNumber"))
        };

        assert_eq!(numbers(0, 0), (None, None));
        assert_eq!(numbers(5, 5), (None, Some(4)));
        assert_eq!(numbers(3, 5), (Some(3), Some(4)));
    }

    #[test]
    fn lag_counts_what_is_there_to_be_read() {
        let lag = |next, state| {
            let place = ReaderPlace {
                through: ReadThrough::EventHubs,
                consumer_group: None,
                name: None,
                since: Timestamp::NEVER,
                partition: PartitionId(1),
                next,
            };
            reader(&place, &[(PartitionId(1), state)])["lag"].as_u64()
        };

        assert_eq!(lag(4, state(0, 10)), Some(6));
        assert_eq!(lag(4, state(8, 10)), Some(2), "the rest is gone");
        assert_eq!(lag(12, state(0, 10)), Some(0), "it waits for what comes");
    }
}
