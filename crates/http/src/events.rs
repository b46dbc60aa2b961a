//! Following events: `GET /twinhub/v1/events`, as server-sent events.
//!
//! <https://html.spec.whatwg.org/multipage/server-sent-events.html>
//!
//! The stream is written as fast as its reader takes it: what waits is in the
//! log, not in memory. It ends when the hub stops, when the token expires, and
//! when the policy's key is no longer good or the consumer group is deleted.
//! `Last-Event-ID` goes on where another stream stopped.

mod query;

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::stream;
use http::{HeaderMap, HeaderValue, Response, StatusCode, header};
use http_body_util::StreamBody;
use hyper::body::Frame;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, Interval, MissedTickBehavior, interval_at};
use tokio_util::sync::CancellationToken;
use twinhub_core::access::{Access, ServicePermit};
use twinhub_core::consumer_groups::ConsumerGroup;
use twinhub_core::event_reader::EventReader;
use twinhub_core::events::EventSource;
use twinhub_core::hubs::Hubs;
use twinhub_core::ids::HubName;
use twinhub_core::ports::{EventLog, LogError};
use twinhub_core::readers::{NewReader, OpenReader, ReadThrough};
use twinhub_core::time::Clock;

use self::query::Wanted;
use crate::documents::event::EventDocument;
use crate::error_codes;
use crate::metrics::OpenStream;
use crate::refusal::Refusal;
use crate::request::Query;
use crate::response::{Body, streaming};

/// How often something is written when nothing happens, so that both sides
/// notice that the other is gone.
const HEARTBEAT: Duration = Duration::from_secs(15);
/// How long a stream may live on a key that is no longer good, in silence.
const CHECK: Duration = Duration::from_secs(1);
/// How many bytes are written at once when there is a lot.
const FRAME_BYTES: usize = 64 * 1024;
/// How many streams there may be; each may hold some batches of events.
const MAX_STREAMS: usize = 64;

/// Streams of events.
pub struct EventStreams {
    log: Arc<dyn EventLog>,
    hubs: Arc<Hubs>,
    access: Arc<Access>,
    clock: Arc<dyn Clock>,
    places: Arc<Semaphore>,
}

impl EventStreams {
    /// Streams from a log, for callers that `access` goes on to let in.
    pub fn new(
        log: Arc<dyn EventLog>,
        hubs: Arc<Hubs>,
        access: Arc<Access>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        EventStreams {
            log,
            hubs,
            access,
            clock,
            places: Arc::new(Semaphore::new(MAX_STREAMS)),
        }
    }

    /// How many partitions a hub's events have.
    pub(crate) fn partitions(&self, hub: &HubName) -> u16 {
        self.log.partitions(hub).unwrap_or_default()
    }

    /// `GET /twinhub/v1/events`
    pub async fn follow(
        &self,
        permit: ServicePermit,
        query: &Query,
        headers: &HeaderMap,
        shutdown: CancellationToken,
    ) -> Result<Response<Body>, Refusal> {
        let wanted = Wanted::read(query, headers)?;
        let group = query::consumer_group(query, permit.hub())?;
        let place = self.places.clone().try_acquire_owned().map_err(|_| {
            Refusal::new(
                error_codes::SERVER_BUSY,
                format!("{MAX_STREAMS} streams of events are open: close one, or read the built-in endpoint"),
            )
        })?;
        let mut reader =
            EventReader::open(self.log.clone(), &permit, &wanted.from, wanted.filter).await?;
        if wanted.ends_at_tail {
            reader.end_at_tail().await?;
        }
        let now = self.clock.now();
        let listed = permit.hub().readers().enter(
            &NewReader {
                through: ReadThrough::EventStream,
                consumer_group: group.as_ref().map(|group| group.name.as_str()),
                name: None,
                since: now,
            },
            reader.positions(),
        );
        let left = permit.expires().since(now);
        let follower = Follower {
            reader,
            listed,
            remaining: wanted.max,
            expires: Instant::now() + left.min(Duration::from_secs(365 * 24 * 3600)),
            heartbeat: ticking(HEARTBEAT),
            check: ticking(CHECK),
            hubs: self.hubs.clone(),
            group,
            access: self.access.clone(),
            permit,
            shutdown,
            state: State::Opened,
            _place: place,
            _counted: OpenStream::count(),
        };
        let frames = stream::unfold(follower, |mut follower| async {
            let frame = follower.next_frame().await?;
            Some((Ok::<_, Infallible>(Frame::data(frame)), follower))
        });
        Ok(event_stream(streaming(StreamBody::new(frames))))
    }
}

fn ticking(period: Duration) -> Interval {
    let mut interval = interval_at(Instant::now() + period, period);
    interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
    interval
}

fn event_stream(body: Body) -> Response<Body> {
    let mut response = Response::new(body);
    *response.status_mut() = StatusCode::OK;
    let headers = response.headers_mut();
    headers.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("text/event-stream; charset=utf-8"),
    );
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Opened,
    Following,
    Ended,
}

/// One stream.
struct Follower {
    reader: EventReader,
    /// It among the hub's readers.
    listed: OpenReader,
    /// How many events are given before the stream ends.
    remaining: Option<u64>,
    expires: Instant,
    heartbeat: Interval,
    check: Interval,
    hubs: Arc<Hubs>,
    group: Option<ConsumerGroup>,
    access: Arc<Access>,
    permit: ServicePermit,
    shutdown: CancellationToken,
    state: State,
    _place: OwnedSemaphorePermit,
    _counted: OpenStream,
}

impl Follower {
    /// What is written next; `None` at the end.
    async fn next_frame(&mut self) -> Option<Bytes> {
        match self.state {
            State::Opened => {
                self.state = State::Following;
                return Some(self.sign_of_life("ready").into());
            }
            State::Ended => return None,
            State::Following => {}
        }
        if self.remaining == Some(0) {
            return None;
        }
        loop {
            tokio::select! {
                biased;
                () = self.shutdown.cancelled() => {
                    return Some(self.end(": the hub is stopping\n\n"));
                }
                () = tokio::time::sleep_until(self.expires) => {
                    return Some(self.end(": the token has expired\n\n"));
                }
                () = deleted(&self.hubs, self.permit.hub().name(), self.group.as_ref()) => {
                    return Some(self.end(": the consumer group is deleted\n\n"));
                }
                _ = self.check.tick() => {
                    if !self.access.service_still_holds(&self.permit) {
                        return Some(self.end(": the key is no longer good\n\n"));
                    }
                    // It moves on also while no event passes the filter.
                    self.tell_place();
                }
                _ = self.heartbeat.tick() => {
                    return Some(self.sign_of_life("still here").into());
                }
                read = self.reader.ready() => return Some(self.frame(read)),
            }
        }
    }

    /// A comment, with the place to resume at: it is told also while no event
    /// passes the filter.
    fn sign_of_life(&self, word: &str) -> String {
        let id = query::last_event_id(&self.reader.positions());
        format!(": {word}\nid: {id}\n\n")
    }

    /// The events that are at hand, as many as fit.
    fn frame(&mut self, read: Result<(), LogError>) -> Bytes {
        if !self.access.service_still_holds(&self.permit) {
            return self.end(": the key is no longer good\n\n");
        }
        if let Err(error) = read {
            return self.end(&failure(&error));
        }
        let mut frame = String::new();
        let mut given = 0;
        while frame.len() < FRAME_BYTES && self.remaining != Some(0) {
            if self.reader.has_ended() {
                frame.push_str(&self.sign_of_life("that is all"));
                self.state = State::Ended;
                break;
            }
            let Some((partition, event)) = self.reader.next_ready() else {
                break;
            };
            let data = serde_json::to_string(&EventDocument::of(partition, &event));
            let name = event_name(event.source);
            self.remaining = self.remaining.map(|remaining| remaining - 1);
            match data {
                Ok(data) => {
                    let id = query::last_event_id(&self.reader.positions());
                    frame.push_str(&format!("id: {id}\nevent: {name}\ndata: {data}\n\n"));
                    given += 1;
                }
                Err(error) => tracing::error!(%error, "could not write an event as JSON"),
            }
        }
        self.permit.hub().traffic().went_out(given);
        self.tell_place();
        self.heartbeat.reset();
        frame.into()
    }

    fn tell_place(&self) {
        for (partition, next) in self.reader.positions() {
            self.listed.is_at(partition, next);
        }
    }

    fn end(&mut self, last: &str) -> Bytes {
        self.state = State::Ended;
        Bytes::copy_from_slice(last.as_bytes())
    }
}

/// Returns once the group is gone, if there is one.
async fn deleted(hubs: &Hubs, hub: &HubName, group: Option<&ConsumerGroup>) {
    match group {
        Some(group) => hubs.without_consumer_group(hub, group).await,
        None => std::future::pending().await,
    }
}

fn event_name(source: EventSource) -> &'static str {
    match source {
        EventSource::Telemetry => "telemetry",
        EventSource::ConnectionState => "connectionState",
        EventSource::Lifecycle => "lifecycle",
        EventSource::TwinChange => "twinChange",
        EventSource::JobLifecycle => "jobLifecycle",
        EventSource::DigitalTwinChange => "digitalTwinChange",
    }
}

/// The last event of a stream whose log failed.
fn failure(error: &LogError) -> String {
    let refusal = Refusal::from(error.clone());
    let data = serde_json::json!({
        "errorCode": refusal.code.name,
        "message": refusal.message,
    });
    format!("event: error\ndata: {data}\n\n")
}
