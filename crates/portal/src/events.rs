//! Events as they come: of the hub, or of one device.
//!
//! A page has the last events in it, read before it is written and for a short
//! time at most; a script goes on from the place where that ended, over
//! `/portal/events/stream`. Nothing waits in memory on the way: the stream is
//! written at its reader's speed, and what is not read yet is in the hub's log.
//!
//! | Module | What it holds |
//! |---|---|
//! | `filter` | which events are asked for, as form, address and call |
//! | `sse` | messages out of the bytes of a stream |
//! | `document`, `row` | an event as the API tells it, and as a line of the list |
//! | `recent` | the last events, read until caught up |
//! | `event`, `body` | one event with all that it carries |
//! | `live` | the stream that scripts read |

use askama::Template;
use axum::Router;
use axum::extract::State;
use axum::response::Response;
use axum::routing::get;
use http::StatusCode;

use crate::device::{Frame, Tab, Target};
use crate::failure::Failure;
use crate::fields::Asked;
use crate::filters;
use crate::page::{Page, Section, render_as};
use crate::portal::Inner;
use crate::refused::Refused;
use crate::visit::Visit;

use self::filter::{BEGINNINGS, Filter, SOURCES};
use self::recent::Recent;

mod body;
mod document;
mod event;
mod filter;
mod live;
mod recent;
mod row;
mod sse;

/// The pages.
pub fn routes() -> Router<Inner> {
    Router::new()
        .route("/portal/events", get(show))
        .route("/portal/events/stream", get(live::stream))
        .route("/portal/events/event", get(event::show))
        .route("/portal/device/events", get(show_of_device))
}

/// What `events/list.html` shows: the form, and the events.
struct Listed {
    filter: Filter,
    /// Whose page it is, if it is a device's.
    device: Option<String>,
    recent: Recent,
    refused: Option<Refused>,
}

#[derive(Template)]
#[template(path = "events/page.html")]
struct EventsPage {
    page: Page,
    listed: Listed,
}

#[derive(Template)]
#[template(path = "events/device.html")]
struct DeviceEventsPage {
    page: Page,
    frame: Frame,
    listed: Listed,
}

impl Listed {
    /// Reads what is there. What the API refuses stands above the list.
    async fn load(visit: &Visit, portal: &Inner, filter: Filter, device: Option<String>) -> Self {
        let now = portal.settings.clock.now();
        let (recent, refused) = match recent::read(visit, &filter, now).await {
            Ok(recent) => (recent, None),
            Err(error) => (Recent::default(), Some(Refused::from(error))),
        };
        Listed {
            filter,
            device,
            recent,
            refused,
        }
    }

    fn status(&self) -> StatusCode {
        Refused::status_of(self.refused.as_ref())
    }

    /// The address of the page itself.
    fn here(&self) -> &'static str {
        match self.device {
            Some(_) => "/portal/device/events",
            None => "/portal/events",
        }
    }

    /// The page without any filter.
    fn unfiltered(&self) -> String {
        match &self.device {
            Some(id) => Target::device(id).page("/events"),
            None => self.here().to_owned(),
        }
    }

    /// How far was looked back for the events that fit, if more might be
    /// further back.
    fn looked_at(&self) -> Option<u64> {
        self.filter.last().filter(|_| self.filter.leaves_out())
    }

    /// The same page anew.
    fn again(&self) -> String {
        let query = self.filter.query(self.device.is_some());
        format!("{}?{query}", self.here())
    }

    /// Where a script goes on, unless the API has refused these events.
    fn stream(&self) -> Option<String> {
        let query = self.filter.query(false);
        let is_refused = self.refused.is_some();
        (!is_refused).then(|| format!("/portal/events/stream?{query}"))
    }
}

/// `GET /portal/events`
async fn show(visit: Visit, State(portal): State<Inner>, Asked(asked): Asked) -> Response {
    let filter = Filter::asked(&asked);
    let listed = Listed::load(&visit, &portal, filter, None).await;
    let page = visit.page(Section::Events, "Events");
    render_as(listed.status(), &EventsPage { page, listed })
}

/// `GET /portal/device/events?id=`
async fn show_of_device(
    visit: Visit,
    State(portal): State<Inner>,
    target: Target,
    Asked(asked): Asked,
) -> Result<Response, Failure> {
    let frame = Frame::load(&visit, &target, Tab::Events).await?;
    let filter = Filter {
        device: Some(target.device.clone()),
        ..Filter::asked(&asked)
    };
    let device = Some(target.device);
    let listed = Listed::load(&visit, &portal, filter, device).await;
    let page = DeviceEventsPage {
        page: frame.page(&visit),
        frame,
        listed,
    };
    Ok(render_as(page.listed.status(), &page))
}
