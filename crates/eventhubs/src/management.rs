//! `$management`: questions about an entity and its partitions.
//!
//! A client asks on one link and is answered on another; it may have any
//! number of such pairs on a connection. Every request that can be read is
//! answered, also one that makes no sense: azure-eventhub for Python waits for
//! ever otherwise. One that can't be read is rejected, since there is nothing
//! that an answer could refer to. A request is settled before its answer goes
//! out.
//!
//! Up to [`MAX_WAITING`] answers wait for a receiver that takes them, and
//! repeat little of what was asked; a client that asks on loses the link it
//! asks on.

mod answer;
mod pairs;
mod request;

use std::collections::VecDeque;
use std::future::poll_fn;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use tokio::sync::mpsc;
use twinhub_amqp_engine::performatives::{AmqpError, DeliveryState, condition};
use twinhub_amqp_server::{
    ConnectionContext, Direction, IncomingDelivery, IncomingTerms, NewDelivery, OutgoingTerms,
    PendingLink, echo,
};
use twinhub_core::access::ServicePermit;
use twinhub_core::hubs::Hub;

use self::answer::Answer;
use self::pairs::{Asker, Pairs, Route};
use self::request::Request;
use crate::container::Shared;
use crate::refusal::Refusal;

/// How many links may wait to be served.
pub(crate) const MAX_ARRIVALS: usize = 64;
/// How many answers may wait to be taken.
const MAX_WAITING: usize = 64;
/// How many questions a client may have under way on a link.
const CREDIT: u32 = 64;
/// The largest question, which may have a token with it.
const MAX_REQUEST: u64 = 16 * 1024;

/// A link for questions or answers that waits to be served.
pub(crate) struct Arrival {
    pub link: PendingLink,
    /// The entity, if the address names one.
    pub entity: Option<String>,
}

/// Serves the questions of a connection, until there are no links for them.
pub(crate) async fn serve(
    shared: Arc<Shared>,
    connection: Arc<ConnectionContext>,
    first: Arrival,
    arrivals: mpsc::Receiver<Arrival>,
) {
    let mut desk = Desk {
        shared,
        connection,
        arrivals,
        pairs: Pairs::default(),
        waiting: VecDeque::new(),
    };
    desk.admit(first).await;
    while let Some(next) = poll_fn(|cx| desk.poll_next(cx)).await {
        match next {
            Next::Arrival(arrival) => desk.admit(arrival).await,
            Next::Request(asker, delivery) => desk.take(asker, delivery).await,
        }
    }
}

/// Where the questions of a connection are answered.
struct Desk {
    shared: Arc<Shared>,
    connection: Arc<ConnectionContext>,
    arrivals: mpsc::Receiver<Arrival>,
    pairs: Pairs,
    waiting: VecDeque<(Route, Bytes)>,
}

enum Next {
    Arrival(Arrival),
    Request(Asker, IncomingDelivery),
}

impl Desk {
    /// What is to be done next; nothing once there are no links and none wait.
    fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<Next>> {
        if let Poll::Ready(Some(arrival)) = self.arrivals.poll_recv(cx) {
            return Poll::Ready(Some(Next::Arrival(arrival)));
        }
        self.send_answers(cx);
        if let Poll::Ready((asker, delivery)) = self.pairs.poll_request(cx) {
            return Poll::Ready(Some(Next::Request(asker, delivery)));
        }
        if self.pairs.is_empty() {
            // No link can arrive meanwhile: attaches are decided in this task.
            self.arrivals.close();
            return Poll::Ready(None);
        }
        Poll::Pending
    }

    /// Sends the answers that can go, in their order on each link.
    fn send_answers(&mut self, cx: &mut Context<'_>) {
        self.pairs.forget_gone(cx);
        let pairs = &mut self.pairs;
        self.waiting.retain(|(route, answer)| {
            let Some(link) = pairs.poll_answerer(route, cx) else {
                return true;
            };
            let delivery = NewDelivery {
                tag: b"answer",
                settled: true,
                message_format: 0,
            };
            let sent = link.send(delivery, |out| out.extend_from_slice(answer));
            sent.is_err()
        });
        self.pairs.give_back_credit(&self.waiting, cx);
    }

    /// Lets a link in, unless it is about what is not there or its peer has
    /// shown nothing that counts. Whether that opens the entity is told by the
    /// answers: clients don't tell their users why such a link was refused.
    async fn admit(&mut self, arrival: Arrival) {
        let Arrival { link, entity } = arrival;
        let permit = self.permit(entity.as_deref()).await;
        // Looked at only now: the question above waits for tokens under way.
        let is_stranger = !self.connection.credentials.count();
        if let Err(refusal) = permit
            && (is_stranger || matches!(refusal, Refusal::NotFound(_)))
        {
            return link.refuse(self.connection.plain_error(&refusal));
        }
        match link.direction() {
            Direction::ToHub => {
                let terms = IncomingTerms {
                    credit: CREDIT,
                    max_message_size: MAX_REQUEST,
                };
                self.pairs.add_asker(link.accept_incoming(terms), entity);
            }
            Direction::FromHub => {
                let link = link.accept_outgoing(OutgoingTerms::default());
                self.pairs.add_answerer(link);
            }
        }
    }

    /// Asks for a permit to ask about an entity: that of the hub unless it is
    /// named.
    async fn permit(&self, entity: Option<&str>) -> Result<ServicePermit, Refusal> {
        let credentials = &self.connection.credentials;
        let hub = credentials.hub();
        let own = hub.as_ref().map(|hub| hub.name().as_str());
        // Without a hub there is no token either, and that is what is told.
        let name = entity.or(own).unwrap_or_default();
        let permit = credentials.service_for(&[name, "$management"]).await?;
        if name.eq_ignore_ascii_case(permit.hub().name().as_str()) {
            Ok(permit)
        } else {
            Err(Refusal::NotFound(echo::quote(name).to_owned()))
        }
    }

    /// Settles a request and answers it.
    async fn take(&mut self, asker: Asker, delivery: IncomingDelivery) {
        let request = match Request::read(delivery.payload) {
            Ok(request) => request,
            Err(error) => {
                let error = AmqpError::new(condition::DECODE_ERROR, error.to_string());
                let rejected = DeliveryState::rejected(error);
                return self
                    .pairs
                    .settle(asker, delivery.id, delivery.settled, &rejected);
            }
        };
        let accepted = DeliveryState::Accepted;
        self.pairs
            .settle(asker, delivery.id, delivery.settled, &accepted);
        // Anew each time: tokens expire, and are renewed.
        let entity = self.pairs.entity(asker);
        let entity = entity.as_deref().or(request.name());
        let answer = match self.permit(entity).await {
            Ok(permit) => self.answer(&permit, &request).await,
            Err(refusal) => Answer::refused(&refusal),
        };
        if self.waiting.len() >= MAX_WAITING {
            let error = self.connection.plain_error(&Refusal::TooManyAnswers);
            return self.pairs.end(asker, error);
        }
        if let Some(route) = self.pairs.route(asker, request.reply_to) {
            self.waiting.push_back((route, answer.encode(request.id)));
        }
    }

    async fn answer(&self, permit: &ServicePermit, request: &Request) -> Answer {
        let hub = permit.hub();
        let log = &self.shared.services.log;
        match request.question(hub.name().as_str()) {
            Err(answer) => answer,
            Ok(request::Question::Entity) => match log.partitions(hub.name()) {
                Some(count) => Answer::entity(hub, count, self.shared.since),
                None => Answer::not_found(hub.name().as_str()),
            },
            Ok(request::Question::Partition(text)) => {
                let count = log.partitions(hub.name()).unwrap_or(0);
                let Some(partition) = crate::reader::parse_partition(&text, count) else {
                    return Answer::not_found(&partition_named(hub, &text));
                };
                match log.partition(hub.name(), partition).await {
                    Ok(Some(state)) => Answer::partition(hub, partition, &state),
                    Ok(None) => Answer::not_found(&partition_named(hub, &text)),
                    Err(error) => {
                        tracing::error!(hub = %hub.name(), %partition, %error, "could not look at a partition");
                        Answer::failed()
                    }
                }
            }
        }
    }
}

fn partition_named(hub: &Hub, text: &str) -> String {
    format!("{}/Partitions/{}", hub.name(), echo::quote(text))
}
