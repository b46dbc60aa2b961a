//! The task of one connection.
//!
//! It owns the stream, the engine and the futures of all links, and goes round
//! until there is nothing left to do: read, hand out what came, poll the
//! futures that were woken, write once. Nothing of a connection runs
//! elsewhere, so its state needs no locks that anybody contends for.

mod alarm;
mod deadlines;
mod end;
mod goodbye;
mod stream;

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use futures_util::StreamExt as _;
use futures_util::future::BoxFuture;
use futures_util::stream::FuturesUnordered;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::Instant;
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};
use twinhub_amqp_engine::Event;
use twinhub_amqp_engine::performatives::{AttachTarget, Open};

use self::alarm::Alarm;
use self::deadlines::Deadlines;
use self::end::End;
use self::stream::Stream;
use crate::cbs::Cbs;
use crate::container::{Attached, Nodes};
use crate::context::ConnectionContext;
use crate::errors::HubError;
use crate::links::{Links, PendingLink};
use crate::sasl::{self, Verdict};
use crate::server::Server;

/// After so many rounds others get their turn.
const ROUNDS: usize = 16;

/// A connection and everything that belongs to it.
struct Connection<'s, S, F> {
    server: &'s Server,
    context: Arc<ConnectionContext>,
    stream: Stream<S>,
    links: Links,
    nodes: Vec<Box<dyn Nodes>>,
    cbs: Cbs,
    cbs_alarm: Alarm,
    futures: FuturesUnordered<BoxFuture<'static, ()>>,
    /// A SASL response that is being looked at.
    introduction: Option<BoxFuture<'static, bool>>,
    /// To be called once the peer has shown a credential that counts.
    admitted: Option<F>,
    deadlines: Deadlines,
    stopping: Pin<Box<WaitForCancellationFutureOwned>>,
}

/// Serves a connection until it ends.
pub(crate) async fn run<S, F>(
    server: &Server,
    stream: S,
    context: Arc<ConnectionContext>,
    admitted: F,
    shutdown: CancellationToken,
) where
    S: AsyncRead + AsyncWrite + Unpin + Send,
    F: FnOnce() + Send,
{
    let mut connection = Connection::new(server, stream, context, admitted, shutdown);
    let end = std::future::poll_fn(|cx| connection.poll_end(cx)).await;
    end.log(connection.context.credentials.count());
    connection.say_goodbye(end).await;
}

impl<'s, S, F> Connection<'s, S, F>
where
    S: AsyncRead + AsyncWrite + Unpin + Send,
    F: FnOnce() + Send,
{
    fn new(
        server: &'s Server,
        stream: S,
        context: Arc<ConnectionContext>,
        admitted: F,
        shutdown: CancellationToken,
    ) -> Self {
        let settings = &server.settings;
        let mut engine_settings = settings.engine.clone();
        engine_settings.mechanisms = sasl::mechanisms(&context.credentials);
        let now = Instant::now();
        let engine = twinhub_amqp_engine::Connection::new(engine_settings, now.into_std());
        let limits = settings.strangers_limits();
        let nodes = server.containers().iter();
        Connection {
            server,
            stream: Stream::new(stream),
            links: Links::new(engine, limits, server.metrics()),
            nodes: nodes.map(|container| container.nodes(&context)).collect(),
            cbs: Cbs::new(context.clone()),
            cbs_alarm: Alarm::rung(),
            futures: FuturesUnordered::new(),
            introduction: None,
            admitted: Some(admitted),
            deadlines: Deadlines::new(settings, now),
            stopping: Box::pin(shutdown.cancelled_owned()),
            context,
        }
    }

    /// Goes round until there is nothing to do, or the connection ends.
    fn poll_end(&mut self, cx: &mut Context<'_>) -> Poll<End> {
        self.links.lock().begin_turn();
        for _ in 0..ROUNDS {
            match self.go_round(cx) {
                Ok(true) => {}
                Ok(false) => return self.wait(cx),
                Err(end) => return Poll::Ready(end),
            }
        }
        self.links.lock().end_turn(cx.waker());
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    /// One round; whether another one may find something to do.
    fn go_round(&mut self, cx: &mut Context<'_>) -> Result<bool, End> {
        if self.stopping.as_mut().poll(cx).is_ready() {
            return Err(End::ShuttingDown);
        }
        if let Some(wanted) = self.context.poll_ending(cx.waker()) {
            return Err(End::Wanted(wanted));
        }
        let now = Instant::now();
        let read = self.stream.read(cx, &self.links)?;
        let happened = self.hand_out(cx, now)?;
        self.poll_futures(cx);
        let touched = self.links.lock().was_touched();
        let written = self.stream.write(cx, &self.links, now)?;
        if self.links.lock().engine.is_finished() {
            return Err(End::Finished);
        }
        Ok(read || happened || touched || written)
    }

    /// Gives each event of the engine to whom it concerns; whether there was
    /// any. While much waits, events stay where they are.
    fn hand_out(&mut self, cx: &mut Context<'_>, now: Instant) -> Result<bool, End> {
        let mut happened = false;
        loop {
            let event = self.links.lock().hand_out(now.into_std(), &mut happened);
            match event {
                Some(event) => self.take(cx, event)?,
                None => return Ok(happened),
            }
        }
    }

    /// What needs more than the state of links.
    fn take(&mut self, cx: &mut Context<'_>, event: Event) -> Result<(), End> {
        match event {
            Event::SaslInit {
                mechanism,
                response,
                ..
            } => match sasl::judge(&self.context.credentials, &mechanism, &response) {
                Verdict::Known(ok) => self.links.lock().engine.sasl_outcome(ok),
                Verdict::After(verdict) => self.introduction = Some(verdict),
            },
            Event::Opened(open) => self.opened(&open),
            Event::Attach {
                link,
                session,
                attach,
            } => {
                // A token that came before this counts for it, and what links
                // that are gone have held is free.
                self.poll_futures(cx);
                self.route(PendingLink::new(&self.links, link, session, attach));
            }
            Event::Closed(reason) => return Err(End::Closed(reason)),
            Event::Delivery { .. }
            | Event::Flow { .. }
            | Event::Settled { .. }
            | Event::Detached { .. } => {}
        }
        Ok(())
    }

    fn opened(&mut self, open: &Open) {
        if let Some(host) = &open.hostname {
            self.context.credentials.named_host(host);
        }
        tracing::debug!(
            container = %open.container_id,
            host = open.hostname.as_deref(),
            "connection opened"
        );
    }

    /// Finds who serves a link.
    fn route(&mut self, mut link: PendingLink) {
        if link.address().is(&["$cbs"]) {
            self.cbs_alarm.ring();
            return self.cbs.attach(link);
        }
        if self.context.credentials.is_empty() {
            let error = HubError::unauthorized("put a token on $cbs before attaching other links");
            return link.refuse(self.context.error(error));
        }
        if let Some(AttachTarget::Other(_)) = &link.attach().target {
            return link.refuse(self.context.error(HubError::no_transactions()));
        }
        if let Some(host) = link.address().host()
            && !self.context.credentials.serves(host)
        {
            let error = HubError::no_such_address(link.address());
            return link.refuse(self.context.error(error));
        }
        for nodes in &mut self.nodes {
            match nodes.attach(link) {
                Attached::NotMine(back) => link = back,
                Attached::Served => return,
                Attached::By(future) => return self.futures.push(future),
            }
        }
        let error = HubError::no_such_address(link.address());
        link.refuse(self.context.error(error));
    }

    /// Polls what was woken.
    fn poll_futures(&mut self, cx: &mut Context<'_>) {
        if let Some(verdict) = &mut self.introduction
            && let Poll::Ready(ok) = verdict.as_mut().poll(cx)
        {
            self.introduction = None;
            let mut inner = self.links.lock();
            inner.engine.sasl_outcome(ok);
            inner.touch();
        }
        if let Some(waker) = self.cbs_alarm.waker(cx) {
            self.cbs.poll(&mut Context::from_waker(waker));
        }
        while let Poll::Ready(Some(())) = self.futures.poll_next_unpin(cx) {}
        if self.context.credentials.count()
            && let Some(admitted) = self.admitted.take()
        {
            let limits = self.server.settings.limits();
            self.links.lock().admitted(limits);
            admitted();
            tracing::debug!("peer admitted");
        }
    }

    /// Nothing to do until somebody wakes the task.
    fn wait(&mut self, cx: &mut Context<'_>) -> Poll<End> {
        let mut inner = self.links.lock();
        let result =
            self.deadlines
                .poll(cx, &self.context, &mut inner, self.stream.blocked_since());
        match result {
            Err(end) => return Poll::Ready(end),
            // A heartbeat waits to be written, or an event to be pulled.
            Ok(true) => cx.waker().wake_by_ref(),
            Ok(false) => {}
        }
        inner.end_turn(cx.waker());
        Poll::Pending
    }
}
