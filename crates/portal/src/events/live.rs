//! The stream that scripts read: the API's, for as long as the session lasts.
//!
//! It is passed through at the browser's speed: a browser that falls behind
//! holds up nothing but its own stream, and what it has not read stays in the
//! hub's log. It may ask for the events from now on instead. One that takes
//! nothing for long loses its stream, and may come back for the rest.

use std::pin::pin;
use std::time::Duration;

use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use bytes::Bytes;
use futures_util::stream;
use http::{HeaderMap, header};
use http_body_util::BodyExt as _;
use tokio::sync::mpsc;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep_until};

use crate::events::filter::Filter;
use crate::failure::as_sentence;
use crate::fields::Asked;
use crate::portal::Inner;
use crate::visit::Visit;

/// How long a stream may outlive its session.
const CHECK: Duration = Duration::from_secs(2);
/// How long a browser may leave a frame where it is.
const PATIENCE: Duration = Duration::from_secs(60);
/// The last thing that is written to a session that has ended.
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

/// Passes a stream on until the session ends. Who watches does something: the
/// session does not become idle meanwhile.
fn while_signed_in(body: Body, portal: Inner, visit: Visit) -> Body {
    let (to, from) = mpsc::channel(1);
    tokio::spawn(pass_on(body, to, signed_out(portal, visit)));
    Body::from_stream(stream::unfold(from, |mut from| async {
        Some((from.recv().await?, from))
    }))
}

/// Waits until the session or its credential counts no more.
async fn signed_out(portal: Inner, visit: Visit) {
    let mut check = interval(CHECK);
    check.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        check.tick().await;
        let session = visit.session();
        if portal.sessions.find(session.id().expose()).is_none() {
            return;
        }
        if !visit.still_counts().await {
            portal.sessions.end(session);
            return;
        }
    }
}

type Piece = Result<Bytes, axum::Error>;

/// Takes one frame at a time, and the next when that is taken. It is a task of
/// its own: the answer of a browser that does not read is not polled, and could
/// neither see that it is over nor give its place among the readers back.
async fn pass_on(mut body: Body, to: mpsc::Sender<Piece>, over: impl Future<Output = ()>) {
    let mut over = pin!(over);
    let mut piece = None;
    let mut waits_since = Instant::now();
    loop {
        tokio::select! {
            biased;
            () = &mut over => {
                // Who is behind learns it when asking again.
                to.try_send(Ok(Bytes::from_static(SIGNED_OUT))).ok();
                return;
            }
            () = to.closed() => return,
            frame = body.frame(), if piece.is_none() => {
                piece = match frame {
                    Some(Ok(frame)) => frame.into_data().ok().map(Ok),
                    Some(Err(error)) => Some(Err(error)),
                    None => return,
                };
                waits_since = Instant::now();
            }
            Ok(place) = to.reserve(), if piece.is_some() => {
                if let Some(piece) = piece.take() {
                    place.send(piece);
                }
            }
            () = sleep_until(waits_since + PATIENCE), if piece.is_some() => return,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;
    use std::future::{pending, ready};

    use tokio::time::{sleep, timeout};

    use super::*;

    const LONG: Duration = Duration::from_secs(3_600);

    /// A body that never ends.
    fn endless() -> Body {
        let piece = || Ok::<_, Infallible>(Bytes::from_static(b"data: x\n\n"));
        Body::from_stream(stream::repeat_with(piece))
    }

    #[tokio::test(start_paused = true)]
    async fn a_browser_that_never_reads_gives_its_place_back() {
        let (to, from) = mpsc::channel(1);

        let passing = timeout(LONG, pass_on(endless(), to, pending())).await;

        assert!(passing.is_ok());
        drop(from);
    }

    #[tokio::test(start_paused = true)]
    async fn a_slow_browser_keeps_its_stream() {
        let (to, mut from) = mpsc::channel(1);
        tokio::spawn(pass_on(endless(), to, pending()));

        for _ in 0..10 {
            sleep(PATIENCE - Duration::from_secs(1)).await;
            assert!(from.recv().await.is_some());
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_stream_ends_with_the_session_whether_it_is_read_or_not() {
        let (to, from) = mpsc::channel(1);
        let unread = timeout(CHECK, pass_on(endless(), to, sleep(CHECK / 2))).await;
        assert!(unread.is_ok());
        drop(from);

        let (to, mut from) = mpsc::channel(1);
        pass_on(endless(), to, ready(())).await;
        assert_eq!(from.recv().await.unwrap().unwrap(), SIGNED_OUT);
        assert!(from.recv().await.is_none());
    }

    #[tokio::test(start_paused = true)]
    async fn a_stream_ends_when_the_browser_is_gone() {
        let (to, from) = mpsc::channel(1);
        drop(from);
        let silent = Body::from_stream(stream::pending::<Result<Bytes, Infallible>>());

        let passing = timeout(CHECK, pass_on(silent, to, pending())).await;

        assert!(passing.is_ok());
    }
}
