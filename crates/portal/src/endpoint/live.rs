//! What changes by itself on the page of the built-in endpoint: partitions,
//! and who reads them.

use askama::Template;
use axum::response::Response;
use serde::Deserialize;
use serde_json::Value;

use crate::client::{ApiError, Call};
use crate::failure::Failure;
use crate::filters;
use crate::moment::Moment;
use crate::page::render;
use crate::visit::Visit;

/// How many readers a page shows.
const SHOWN_READERS: usize = 200;

/// What `GET /twinhub/v1/partitions` tells.
#[derive(Debug, Deserialize)]
struct PartitionsDocument {
    partitions: Vec<Partition>,
    readers: Vec<Reader>,
}

/// A partition.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Partition {
    /// Its number.
    pub partition: String,
    /// The oldest event that there is.
    pub first_sequence_number: Option<u64>,
    /// The newest that came.
    pub last_sequence_number: Option<u64>,
    /// When it came.
    pub last_enqueued_time: Option<Moment>,
}

impl Partition {
    /// How many events it holds.
    pub fn events(&self) -> u64 {
        match (self.first_sequence_number, self.last_sequence_number) {
            (Some(first), Some(last)) => (last + 1).saturating_sub(first),
            _ => 0,
        }
    }
}

/// Somebody reads a partition.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Reader {
    /// Their consumer group, if they have one.
    pub consumer_group: Option<String>,
    /// The partition.
    pub partition: String,
    /// What they are given next.
    pub next_sequence_number: u64,
    /// How much there is that they have not been given.
    pub lag: Option<u64>,
    /// When they began.
    pub since: Moment,
    /// What they call themselves.
    pub client_name: Option<String>,
    /// `amqp` or `https`.
    pub protocol: String,
}

impl Reader {
    /// How they read.
    pub fn through(&self) -> &str {
        match self.protocol.as_str() {
            "amqp" => "Event Hubs client",
            "https" => "Event stream",
            other => other,
        }
    }
}

/// The part of the page that is refreshed.
#[derive(Debug)]
pub struct Live {
    /// All partitions.
    pub partitions: Vec<Partition>,
    /// Those who read, by consumer group and partition; if they are many,
    /// those furthest behind.
    pub readers: Vec<Reader>,
    /// How many more read.
    pub more_readers: usize,
    /// What all events take, if that is known.
    pub bytes: Option<u64>,
}

#[derive(Template)]
#[template(path = "endpoint/live.html")]
struct LivePart {
    live: Live,
}

/// `GET /portal/endpoint/live`: the part that is refreshed.
pub async fn show(visit: Visit) -> Result<Response, Failure> {
    let live = Live::read(&visit).await;
    let live = live.map_err(|error| visit.failed(error))?;
    Ok(render(&LivePart { live }))
}

impl Live {
    /// As it is now.
    pub async fn read(visit: &Visit) -> Result<Self, ApiError> {
        let partitions = visit.read(Call::get(["twinhub", "v1", "partitions"]));
        let partitions = partitions.await?;
        let status: Value = visit.read(Call::get(["twinhub", "v1", "status"])).await?;
        let bytes = status["storage"]["eventsBytes"].as_u64();
        Ok(Live::of(partitions, bytes))
    }

    /// What a page shows of an answer.
    fn of(document: PartitionsDocument, bytes: Option<u64>) -> Self {
        let PartitionsDocument {
            partitions,
            mut readers,
        } = document;
        let more_readers = readers.len().saturating_sub(SHOWN_READERS);
        if more_readers > 0 {
            readers.sort_by_key(|reader| std::cmp::Reverse(reader.lag));
            readers.truncate(SHOWN_READERS);
        }
        readers.sort_by(|one, other| place(one).cmp(&place(other)));
        Live {
            partitions,
            readers,
            more_readers,
            bytes,
        }
    }

    /// How many events there are.
    pub fn events(&self) -> u64 {
        self.partitions.iter().map(Partition::events).sum()
    }
}

/// Where a reader stands in the table. Partitions are numbers.
fn place(reader: &Reader) -> (Option<String>, usize, &str, Moment) {
    let group = reader.consumer_group.as_deref().map(str::to_lowercase);
    let partition = reader.partition.as_str();
    (group, partition.len(), partition, reader.since)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn reader(group: Option<&str>, partition: usize, lag: u64) -> Value {
        json!({ "consumerGroup": group, "partition": partition.to_string(),
                "nextSequenceNumber": 40, "lag": lag, "since": "2026-11-21T17:21:13.6155000Z",
                "clientName": null, "protocol": "amqp" })
    }

    fn live(readers: Vec<Value>) -> Live {
        let document = json!({
            "partitions": [
                { "partition": "0", "firstSequenceNumber": 3, "lastSequenceNumber": 41,
                  "lastEnqueuedTime": "2026-11-21T17:21:13.6155000Z" },
                { "partition": "1", "firstSequenceNumber": null, "lastSequenceNumber": 4,
                  "lastEnqueuedTime": null },
            ],
            "readers": readers,
        });
        Live::of(serde_json::from_value(document).unwrap(), None)
    }

    #[test]
    fn a_partition_holds_what_is_between_its_first_and_its_last_event() {
        let live = live(Vec::new());

        assert_eq!(live.partitions[0].events(), 39);
        assert_eq!(live.partitions[1].events(), 0, "all of it is gone");
        assert_eq!(live.events(), 39);
    }

    #[test]
    fn readers_stand_by_group_and_by_the_partitions_number() {
        let live = live(vec![
            reader(Some("b"), 2, 0),
            reader(Some("b"), 10, 0),
            reader(Some("A"), 3, 0),
        ]);

        let order = live.readers.iter().map(|reader| reader.partition.as_str());
        assert_eq!(order.collect::<Vec<_>>(), ["3", "2", "10"]);
        assert_eq!(live.more_readers, 0);
    }

    #[test]
    fn of_many_readers_those_furthest_behind_are_shown() {
        let many = (0..SHOWN_READERS + 5).map(|at| reader(None, at, u64::try_from(at).unwrap()));

        let live = live(many.collect());

        assert_eq!(live.more_readers, 5);
        assert!(live.readers.iter().all(|reader| reader.lag >= Some(5)));
    }
}
