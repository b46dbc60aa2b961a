//! The stream that scripts read: the API's, for as long as the session lasts.
//!
//! It is passed through at the browser's speed: a browser that falls behind
//! holds up nothing but its own stream, and what it has not read stays in the
//! hub's log. It may ask for the events from now on instead.

use std::time::Duration;

use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use bytes::Bytes;
use futures_util::stream;
use http::{HeaderMap, header};
use http_body_util::BodyExt as _;
use tokio::time::{Interval, MissedTickBehavior, interval};

use crate::events::filter::Filter;
use crate::failure::as_sentence;
use crate::fields::Asked;
use crate::portal::Inner;
use crate::visit::Visit;

/// How long a stream may outlive its session.
const CHECK: Duration = Duration::from_secs(2);
/// The last thing that is written then.
const SIGNED_OUT: &[u8] = b": the session has ended\n\n";

/// `GET /portal/events/stream`: the same query as the page's, and the header
/// `Last-Event-ID` to go on behind a place. A refusal
/// is a sentence in plain text.
pub async fn stream(
    visit: Visit,
    State(portal): State<Inner>,
    headers: HeaderMap,
    Asked(asked): Asked,
) -> Response {
    let place = headers.get("last-event-id");
    let place = place.and_then(|place| place.to_str().ok());
    let now = portal.settings.clock.now();
    let call = Filter::asked(&asked).following(place, now);
    let answer = match visit.client().stream(call).await {
        Ok(answer) => answer,
        Err(error) => return (error.status(), as_sentence(&error.to_string())).into_response(),
    };
    let content_type = [(header::CONTENT_TYPE, "text/event-stream; charset=utf-8")];
    let body = while_signed_in(answer.into_body(), portal, visit);
    (content_type, body).into_response()
}

struct Passing {
    body: Body,
    check: Interval,
    portal: Inner,
    visit: Visit,
    has_ended: bool,
}

/// Passes a stream on until the session ends. Who watches does something: the
/// session does not become idle meanwhile.
fn while_signed_in(body: Body, portal: Inner, visit: Visit) -> Body {
    let mut check = interval(CHECK);
    check.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let passing = Passing {
        body,
        check,
        portal,
        visit,
        has_ended: false,
    };
    Body::from_stream(stream::unfold(passing, |mut passing| async {
        let bytes = passing.next().await?;
        Some((bytes, passing))
    }))
}

impl Passing {
    async fn next(&mut self) -> Option<Result<Bytes, axum::Error>> {
        if self.has_ended {
            return None;
        }
        loop {
            tokio::select! {
                biased;
                _ = self.check.tick() => {
                    let id = self.visit.session().id().expose();
                    let is_there = self.portal.sessions.find(id).is_some();
                    if !is_there || !self.visit.still_counts().await {
                        self.has_ended = true;
                        return Some(Ok(Bytes::from_static(SIGNED_OUT)));
                    }
                }
                frame = self.body.frame() => match frame? {
                    Ok(frame) => {
                        if let Ok(bytes) = frame.into_data() {
                            return Some(Ok(bytes));
                        }
                    }
                    Err(error) => return Some(Err(error)),
                },
            }
        }
    }
}
