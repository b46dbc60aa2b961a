//! The last events, read until caught up or until a short time is over, so
//! that a page is there at once whatever the log holds.

use std::collections::VecDeque;
use std::time::Duration;

use axum::body::Body;
use http_body_util::BodyExt as _;
use tokio::time::{Instant, timeout_at};
use twinhub_core::time::Timestamp;

use crate::client::ApiError;
use crate::events::filter::Filter;
use crate::events::row::Row;
use crate::events::sse::{Message, Messages};
use crate::visit::Visit;

/// How many events a page shows.
const SHOWN: usize = 100;
/// How many bytes of events are kept on the way.
const KEPT_BYTES: usize = 8 * 1024 * 1024;
/// How long is read at most.
const PATIENCE: Duration = Duration::from_millis(250);

/// What was read.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Recent {
    /// The last of them, the newest first.
    pub rows: Vec<Row>,
    /// How many there were.
    pub read: u64,
    /// The place behind them, from which a stream goes on.
    pub place: Option<String>,
    /// Whether there are more, for which there was no time.
    pub has_more: bool,
}

/// Reads the events that a filter lets through.
pub async fn read(visit: &Visit, filter: &Filter, now: Timestamp) -> Result<Recent, ApiError> {
    let Some(call) = filter.stored(now) else {
        return Ok(Recent::default());
    };
    let answer = visit.client().stream(call).await?;
    Ok(collected(answer.into_body(), Instant::now() + PATIENCE).await)
}

/// Events that are kept until it is known that they are the last.
#[derive(Debug, Default)]
struct Last {
    data: VecDeque<String>,
    bytes: usize,
    recent: Recent,
}

impl Last {
    fn take(&mut self, message: Message) {
        if message.id.is_some() {
            self.recent.place = message.id;
        }
        let Some(data) = message
            .data
            .filter(|_| message.event.as_deref() != Some("error"))
        else {
            return;
        };
        self.recent.read += 1;
        self.bytes += data.len();
        self.data.push_back(data);
        while self.data.len() > SHOWN || (self.bytes > KEPT_BYTES && self.data.len() > 1) {
            self.bytes -= self.data.pop_front().map_or(0, |data| data.len());
        }
    }

    fn finish(self, has_more: bool) -> Recent {
        let events = self.data.iter().rev();
        let events = events.filter_map(|data| serde_json::from_str(data).ok());
        Recent {
            rows: events.map(Row::of).collect(),
            has_more,
            ..self.recent
        }
    }
}

async fn collected(mut body: Body, deadline: Instant) -> Recent {
    let (mut messages, mut last) = (Messages::default(), Last::default());
    loop {
        let frame = match timeout_at(deadline, body.frame()).await {
            Ok(Some(Ok(frame))) => frame,
            Ok(None | Some(Err(_))) => return last.finish(false),
            Err(_) => return last.finish(true),
        };
        let bytes = frame.into_data().unwrap_or_default();
        if messages.push(&bytes).is_err() {
            return last.finish(true);
        }
        for message in messages.complete() {
            last.take(message);
        }
        // A stream that is always ready would never be found to be late.
        if Instant::now() >= deadline {
            return last.finish(true);
        }
    }
}

#[cfg(test)]
mod tests {
    use base64::Engine as _;
    use base64::prelude::BASE64_STANDARD;
    use futures_util::{StreamExt as _, stream};
    use serde_json::json;

    use super::*;

    fn event(number: u64) -> String {
        let document = json!({
            "partition": 0, "sequenceNumber": number, "offset": "1",
            "enqueuedTime": "2026-11-21T08:00:00Z", "deviceId": "pump-7",
            "source": "Telemetry", "bodyBase64": BASE64_STANDARD.encode(number.to_string()),
        });
        format!(
            "id: 0:{}\nevent: telemetry\ndata: {document}\n\n",
            number + 1
        )
    }

    fn deadline() -> Instant {
        Instant::now() + PATIENCE
    }

    #[tokio::test(start_paused = true)]
    async fn the_newest_come_first_and_the_rest_is_counted() {
        let stream: String = (0..250).map(event).collect();
        let end = format!("{stream}: that is all\nid: 0:250\n\n");

        let recent = collected(Body::from(end), deadline()).await;

        let previews: Vec<_> = recent.rows.iter().map(|row| row.preview.as_str()).collect();
        assert_eq!(previews.len(), SHOWN);
        assert_eq!((previews[0], previews[99]), ("249", "150"));
        assert_eq!((recent.read, recent.has_more), (250, false));
        assert_eq!(recent.place.as_deref(), Some("0:250"));
    }

    #[tokio::test(start_paused = true)]
    async fn a_stream_that_goes_on_is_left_after_a_short_time() {
        let begin = stream::iter([Ok::<_, std::io::Error>(event(0))]);
        let body = Body::from_stream(begin.chain(stream::pending()));

        let recent = collected(body, deadline()).await;

        assert_eq!((recent.read, recent.has_more), (1, true));
        assert_eq!(recent.place.as_deref(), Some("0:1"));
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_kept_is_bounded_by_bytes_too() {
        let mut last = Last::default();

        for _ in 0..20 {
            last.take(Message {
                data: Some("x".repeat(KEPT_BYTES / 4)),
                ..Message::default()
            });
        }

        assert!(last.bytes <= KEPT_BYTES);
        assert_eq!(last.recent.read, 20);
    }
}
