//! A session: all links of one identity on one connection.
//!
//! One future owns them and looks at whatever has happened whenever it is
//! woken. Telemetry, messages from the cloud and twin requests each have at
//! most one thing under way in the store, and don't wait for each other.

mod links;

use std::future::poll_fn;
use std::sync::Arc;
use std::task::{Context, Poll};

use futures_util::future::BoxFuture;
use tokio::sync::mpsc;
use twinhub_amqp_engine::performatives::{AmqpError, condition};
use twinhub_amqp_engine::value::Value;
use twinhub_amqp_server::{ConnectionContext, Gone, HubError, PendingLink};
use twinhub_core::faults::{Fault, FaultOrder};
use twinhub_core::ids::IdentityId;
use twinhub_core::ports::Notice;
use twinhub_core::twins::WriteTwinError;

use self::links::SessionLinks;
use super::DeviceServices;
use super::address::Purpose;
use super::admission::admit;
use super::end::{End, forced, of_model};
use super::guard::{Guard, News};
use super::nodes::Attaching;
use super::owner::Owner;

const MODEL_ID: &str = "com.microsoft:model-id";

/// How a link is after it was looked at.
pub(super) enum LinkState {
    /// It goes on.
    Open,
    /// The client has detached it, or its connection is over.
    Gone(Gone),
    /// It is to be detached.
    Ended(Option<AmqpError>),
}

/// Serves the links of an identity, until the last of them is gone or
/// something ends the session.
pub(super) async fn serve(
    services: Arc<DeviceServices>,
    connection: Arc<ConnectionContext>,
    identity: IdentityId,
    mut attaches: mpsc::Receiver<Box<Attaching>>,
) {
    // In boxes, so that an identity costs what its session needs.
    match Box::pin(admit(services, connection.clone(), &identity)).await {
        Ok(owner) => {
            let mut session = Box::new(Session::new(owner, attaches));
            session.run().await;
        }
        Err(error) => {
            tracing::info!(reason = %error.message, "a client was refused");
            attaches.close();
            while let Ok(attaching) = attaches.try_recv() {
                attaching.link.refuse(connection.error(error.clone()));
            }
        }
    }
}

struct Session {
    owner: Owner,
    guard: Guard,
    attaches: mpsc::Receiver<Box<Attaching>>,
    /// A link whose model is being noted.
    announcing: Option<Announcing>,
    links: SessionLinks,
    /// Faults that messages asked for, in the order in which they came.
    faults: Vec<FaultOrder>,
    /// What ended links leave to be done.
    farewells: Vec<BoxFuture<'static, ()>>,
    /// Why the link that went last is gone.
    last_gone: Gone,
}

struct Announcing {
    attaching: Box<Attaching>,
    model_id: Box<str>,
    noted: BoxFuture<'static, Result<(), WriteTwinError>>,
}

impl Session {
    fn new(owner: Owner, attaches: mpsc::Receiver<Box<Attaching>>) -> Self {
        Session {
            guard: Guard::new(&owner),
            owner,
            attaches,
            announcing: None,
            links: SessionLinks::default(),
            faults: Vec::new(),
            farewells: Vec::new(),
            last_gone: Gone::ByHub,
        }
    }

    async fn run(&mut self) {
        tracing::debug!("session begins");
        let end = poll_fn(|cx| self.poll(cx)).await;
        tracing::debug!(reason = %end, "session ends");
        self.finish(&end).await;
    }

    /// Ends what is left of links, and leaves the place once nothing of what
    /// the client was given is locked for it.
    async fn finish(&mut self, end: &End) {
        // Whoever attaches from now on begins another session.
        self.attaches.close();
        let error = end.to_error();
        if let Some(announcing) = self.announcing.take() {
            announcing
                .attaching
                .link
                .refuse(self.owner.error(error.clone()));
        }
        while let Ok(attaching) = self.attaches.try_recv() {
            attaching.link.refuse(self.owner.error(error.clone()));
        }
        if let End::LastLink(Gone::ByPeer) = end {
            self.owner.hung_up();
        }
        let amqp_error = self.owner.error(error);
        self.farewells
            .extend(self.links.end_all(&self.owner, &amqp_error));
        for farewell in self.farewells.drain(..) {
            farewell.await;
        }
        self.owner.leave();
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<End> {
        if let Err(end) = self.advance(cx) {
            return Poll::Ready(end);
        }
        let is_over = self.links.are_gone()
            && self.farewells.is_empty()
            && self.announcing.is_none()
            && self.attaches.is_empty();
        match is_over {
            true => Poll::Ready(End::LastLink(self.last_gone)),
            false => Poll::Pending,
        }
    }

    /// Does what there is to do.
    fn advance(&mut self, cx: &mut Context<'_>) -> Result<(), End> {
        // What happened before the client asked is told before the answer.
        while let Poll::Ready(news) = self.guard.poll(cx, &mut self.owner) {
            match news? {
                News::Notice(notice) => self.take_notice(notice),
                News::Fault(order) => self.fail(order)?,
            }
        }
        self.take_links(cx);
        self.poll_farewells(cx);
        let (owner, faults) = (&mut self.owner, &mut self.faults);
        if let Some(gone) = self.links.poll(cx, owner, faults, &mut self.farewells)? {
            self.last_gone = gone;
        }
        let left = self.farewells.len();
        self.poll_farewells(cx);
        if self.farewells.len() < left || !self.faults.is_empty() {
            // Others wait for these, and were looked at before.
            cx.waker().wake_by_ref();
        }
        for order in self.faults.drain(..) {
            self.guard.let_fail(order);
        }
        self.owner.listens(self.links.listens());
        Ok(())
    }

    fn poll_farewells(&mut self, cx: &mut Context<'_>) {
        self.farewells
            .retain_mut(|farewell| farewell.as_mut().poll(cx).is_pending());
    }

    fn take_notice(&mut self, notice: Notice) {
        match notice {
            Notice::DesiredChanged { version, patch } => {
                if let Some(twin) = &mut self.links.twin {
                    twin.changed(version, &patch);
                }
            }
            Notice::MethodCalled(request) => {
                if let Some(methods) = &mut self.links.methods {
                    methods.called(request);
                }
            }
            Notice::MessagesWaiting => {
                if let Some(messages) = &mut self.links.messages {
                    messages.look();
                }
            }
            // The guard keeps these for itself.
            Notice::CheckAgain => {}
        }
    }

    /// Takes links in the order in which they came.
    fn take_links(&mut self, cx: &mut Context<'_>) {
        loop {
            if let Some(announcing) = &mut self.announcing {
                let Poll::Ready(noted) = announcing.noted.as_mut().poll(cx) else {
                    return;
                };
                if let Some(announcing) = self.announcing.take() {
                    self.announced(announcing, noted);
                }
                continue;
            }
            let Poll::Ready(Some(attaching)) = self.attaches.poll_recv(cx) else {
                return;
            };
            match new_model(&attaching.link, &self.owner) {
                None => self
                    .links
                    .attach(*attaching, &mut self.owner, &mut self.farewells),
                Some(model_id) => {
                    let twins = self.owner.services.twins.clone();
                    let permit = self.owner.permit.clone();
                    let noted = model_id.clone();
                    self.announcing = Some(Announcing {
                        attaching,
                        model_id,
                        noted: Box::pin(async move { twins.announce_model(&permit, &noted).await }),
                    });
                }
            }
        }
    }

    fn announced(&mut self, announcing: Announcing, noted: Result<(), WriteTwinError>) {
        let Announcing {
            attaching,
            model_id,
            ..
        } = announcing;
        match noted {
            Ok(()) => {
                self.owner.model_id = Some(model_id);
                self.links
                    .attach(*attaching, &mut self.owner, &mut self.farewells);
            }
            Err(error) => attaching.link.refuse(self.owner.error(of_model(&error))),
        }
    }

    /// A fault is due: it breaks a link, the session or the connection.
    fn fail(&mut self, order: FaultOrder) -> Result<(), End> {
        let owner = &self.owner;
        owner.services.faults.begin(&owner.permit, &order);
        match order.fault {
            Fault::ConnectionLost => owner.connection.abort(),
            Fault::ConnectionClosed => close(owner),
            Fault::StreamLost(stream) => match stream_of(stream) {
                Some(Stream::Link(purpose)) => {
                    let error = owner.error(broken());
                    self.farewells.extend(self.links.end(purpose, owner, error));
                }
                Some(Stream::Session) => {
                    let error = owner.error(broken());
                    self.farewells
                        .extend(self.links.end_sessions(owner, &error));
                }
                // The links that carry tokens belong to the whole connection.
                None => close(owner),
            },
            Fault::Unauthorized | Fault::Throttled | Fault::QuotaExceeded => {
                return Err(End::Fault(order.fault));
            }
        }
        Ok(())
    }
}

/// A part of a connection that a fault can break.
enum Stream {
    Session,
    Link(Purpose),
}

fn stream_of(name: &str) -> Option<Stream> {
    Some(match name {
        "Session" => Stream::Session,
        "D2CLink" => Stream::Link(Purpose::Telemetry),
        "C2DLink" => Stream::Link(Purpose::Messages),
        "TwinLinkReq" => Stream::Link(Purpose::TwinRequests),
        "TwinLinkResp" => Stream::Link(Purpose::TwinAnswers),
        "MethodReqLink" => Stream::Link(Purpose::MethodCalls),
        "MethodRespLink" => Stream::Link(Purpose::MethodReplies),
        _ => return None,
    })
}

fn broken() -> HubError {
    forced("a message asked for this fault")
}

fn close(owner: &Owner) {
    let error = HubError {
        condition: condition::CONNECTION_FORCED,
        ..broken()
    };
    owner.connection.close(owner.error(error));
}

/// The model that a link announces, if it is news.
fn new_model(link: &PendingLink, owner: &Owner) -> Option<Box<str>> {
    let announced = link.attach().properties.get(MODEL_ID)?;
    let model_id = match announced {
        Value::String(text) => &**text,
        Value::Symbol(symbol) => symbol.as_str(),
        _ => return None,
    };
    let known = owner.model_id.as_deref() == Some(model_id);
    (!known && !model_id.is_empty()).then(|| model_id.into())
}
