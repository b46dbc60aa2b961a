//! What a follower asks for.

use http::HeaderMap;
use twinhub_core::consumer_groups::ConsumerGroup;
use twinhub_core::event_reader::{EventFilter, ReadFrom};
use twinhub_core::events::{EventSource, PartitionId};
use twinhub_core::hubs::Hub;
use twinhub_core::ids::{DeviceId, ModuleId};
use twinhub_core::ports::StartPosition;
use twinhub_core::time::Timestamp;

use crate::error_codes;
use crate::refusal::Refusal;
use crate::request::Query;
use crate::router::invalid_id;

/// The longest text that is looked for in bodies, in bytes.
const MAX_CONTENT: usize = 1024;

/// The group that a follower names, if it names one. Followers of a group
/// don't divide its events between them, and each sees all: it only has to be
/// there.
pub fn consumer_group(query: &Query, hub: &Hub) -> Result<Option<ConsumerGroup>, Refusal> {
    let Some(name) = query.get("consumerGroup") else {
        return Ok(None);
    };
    let group = hub.consumer_group(name).cloned().ok_or_else(|| {
        let message = "the hub has no consumer group of that name; leave it out or create it";
        Refusal::new(error_codes::GENERIC_NOT_FOUND, message)
    })?;
    Ok(Some(group))
}

/// Which events, from where on, and how many.
#[derive(Debug, PartialEq, Eq)]
pub struct Wanted {
    pub from: ReadFrom,
    pub filter: EventFilter,
    pub max: Option<u64>,
    /// Whether the stream ends behind what is stored already.
    pub ends_at_tail: bool,
}

impl Wanted {
    /// Reads a query, and the header of a follower that comes back.
    pub fn read(query: &Query, headers: &HeaderMap) -> Result<Self, Refusal> {
        Ok(Wanted {
            from: from(query, headers)?,
            filter: filter(query)?,
            max: number(query, "max")?,
            ends_at_tail: ends_at_tail(query)?,
        })
    }
}

fn from(query: &Query, headers: &HeaderMap) -> Result<ReadFrom, Refusal> {
    if let Some(last) = headers.get("last-event-id") {
        return last
            .to_str()
            .ok()
            .and_then(positions)
            .map(ReadFrom::Positions)
            .ok_or_else(|| {
                Refusal::invalid("header Last-Event-ID must be an id that this stream gave")
            });
    }
    if let Some(count) = number(query, "last")? {
        return Ok(ReadFrom::Last(count));
    }
    if let Some(first) = number(query, "sequenceNumber")? {
        let partition = number(query, "partition")?
            .ok_or_else(|| Refusal::invalid("sequenceNumber needs partition beside it"))?;
        return Ok(ReadFrom::Positions(vec![(PartitionId(partition), first)]));
    }
    let position = match query.get("since") {
        None | Some("latest") => StartPosition::Latest,
        Some("earliest") => StartPosition::Earliest,
        Some(text) => Timestamp::parse(text)
            .map(StartPosition::EnqueuedFrom)
            .ok_or_else(|| {
                Refusal::invalid(
                    "since must be earliest, latest or a date such as 2026-11-21T08:00:00Z",
                )
            })?,
    };
    Ok(ReadFrom::Everywhere(position))
}

fn ends_at_tail(query: &Query) -> Result<bool, Refusal> {
    match query.get("until") {
        None => Ok(false),
        Some("latest") => Ok(true),
        Some(_) => Err(Refusal::invalid(
            "until must be latest, or left out to follow what comes",
        )),
    }
}

fn filter(query: &Query) -> Result<EventFilter, Refusal> {
    let device = query
        .get("deviceId")
        .map(|id| DeviceId::parse(id).map_err(|error| invalid_id("device", &error)))
        .transpose()?;
    let module = query
        .get("moduleId")
        .map(|id| ModuleId::parse(id).map_err(|error| invalid_id("module", &error)))
        .transpose()?;
    let content = query.get("content").filter(|content| !content.is_empty());
    if content.is_some_and(|content| content.len() > MAX_CONTENT) {
        return Err(Refusal::invalid(format!(
            "content has at most {MAX_CONTENT} bytes"
        )));
    }
    let sources = query
        .all("source")
        .flat_map(|names| names.split(','))
        .filter(|name| !name.is_empty())
        .map(source)
        .collect::<Result<_, _>>()?;
    Ok(EventFilter {
        device,
        module,
        sources,
        content: content.map(str::to_owned),
        partition: number(query, "partition")?.map(PartitionId),
    })
}

fn source(name: &str) -> Result<EventSource, Refusal> {
    let is_called = |source: &EventSource| source.name().eq_ignore_ascii_case(name);
    EventSource::ALL.into_iter().find(is_called).ok_or_else(|| {
        let names = EventSource::ALL.map(EventSource::name).join(", ");
        Refusal::invalid(format!("source must be one or more of {names}"))
    })
}

fn number<T: std::str::FromStr>(query: &Query, name: &str) -> Result<Option<T>, Refusal> {
    query
        .get(name)
        .map(|text| {
            text.parse()
                .map_err(|_| Refusal::invalid(format!("{name} must be a number from 0")))
        })
        .transpose()
}

/// The places in all partitions: what `Last-Event-ID` resumes at.
pub fn last_event_id(positions: &[(PartitionId, u64)]) -> String {
    let places: Vec<String> = positions
        .iter()
        .map(|(partition, next)| format!("{partition}:{next}"))
        .collect();
    places.join(",")
}

fn positions(id: &str) -> Option<Vec<(PartitionId, u64)>> {
    id.split(',')
        .map(|place| {
            let (partition, next) = place.split_once(':')?;
            Some((PartitionId(partition.parse().ok()?), next.parse().ok()?))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn read(query: &str) -> Result<Wanted, Refusal> {
        Wanted::read(&Query::parse(Some(query)), &HeaderMap::new())
    }

    #[test]
    fn without_a_query_everything_from_now_on_is_wanted() {
        let expected = Wanted {
            from: ReadFrom::Everywhere(StartPosition::Latest),
            filter: EventFilter::default(),
            max: None,
            ends_at_tail: false,
        };

        assert_eq!(read("api-version=2021-04-12").unwrap(), expected);
        assert_eq!(read("since=latest&consumerGroup=any").unwrap(), expected);
    }

    #[test]
    fn every_filter_can_be_asked_for_at_once() {
        let wanted = read(
            "deviceId=pump-7&moduleId=sensor&source=telemetry&source=twinChangeEvents,deviceLifecycleEvents\
             &content=hot%20&partition=3&since=2026-11-21T08:00:00Z&max=5",
        )
        .unwrap();

        let since = Timestamp::parse("2026-11-21T08:00:00Z").unwrap();
        assert_eq!(
            wanted,
            Wanted {
                from: ReadFrom::Everywhere(StartPosition::EnqueuedFrom(since)),
                filter: EventFilter {
                    device: Some(DeviceId::parse("pump-7").unwrap()),
                    module: Some(ModuleId::parse("sensor").unwrap()),
                    sources: vec![
                        EventSource::Telemetry,
                        EventSource::TwinChange,
                        EventSource::Lifecycle
                    ],
                    content: Some("hot ".to_owned()),
                    partition: Some(PartitionId(3)),
                },
                max: Some(5),
                ends_at_tail: false,
            }
        );
    }

    #[test]
    fn a_stream_may_begin_before_the_tail_or_at_an_event_and_end() {
        let last = read("last=100&until=latest").unwrap();
        let one = read("partition=3&sequenceNumber=12").unwrap();

        assert_eq!(last.from, ReadFrom::Last(100));
        assert!(last.ends_at_tail);
        assert_eq!(one.from, ReadFrom::Positions(vec![(PartitionId(3), 12)]));
        assert!(!one.ends_at_tail);
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        for (query, code) in [
            ("since=yesterday", error_codes::ARGUMENT_INVALID),
            ("deviceId=a%23b", error_codes::ARGUMENT_INVALID),
            ("moduleId=", error_codes::ARGUMENT_INVALID),
            ("source=weather", error_codes::ARGUMENT_INVALID),
            ("partition=-1", error_codes::ARGUMENT_INVALID),
            ("partition=70000", error_codes::ARGUMENT_INVALID),
            ("max=many", error_codes::ARGUMENT_INVALID),
            ("last=-1", error_codes::ARGUMENT_INVALID),
            ("sequenceNumber=12", error_codes::ARGUMENT_INVALID),
            ("until=tomorrow", error_codes::ARGUMENT_INVALID),
        ] {
            assert_eq!(read(query).unwrap_err().code, code, "{query}");
        }
    }

    #[test]
    fn a_stream_resumes_at_the_id_that_it_gave() {
        let places = vec![(PartitionId(0), 12), (PartitionId(3), 0)];
        let resume = |id: &str| {
            let mut headers = HeaderMap::new();
            headers.insert("last-event-id", HeaderValue::from_str(id).unwrap());
            Wanted::read(&Query::default(), &headers).map(|wanted| wanted.from)
        };

        assert_eq!(
            resume(&last_event_id(&places)),
            Ok(ReadFrom::Positions(places))
        );
        for id in ["", "12", "0:a", "0:1,", "0:1;1:2"] {
            assert!(resume(id).is_err(), "{id}");
        }
    }
}
