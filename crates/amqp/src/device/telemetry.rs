//! Telemetry links: from deliveries to the event log, and dispositions back.
//!
//! A delivery is accepted once its messages are durable, and in the order in
//! which deliveries came, many with one disposition. Between two of them
//! nothing waits: many are under way at once, up to a bound of bytes, and more
//! is left in the link's queue until some are durable.
//!
//! A batch is one delivery: all of its messages are stored, or none is and it
//! is rejected. Where the log fails, what is not durable is rejected and the
//! link ends.

mod in_hand;
mod waiting;

use std::task::{Context, Poll};

use twinhub_amqp_engine::performatives::{AmqpError, DeliveryState};
use twinhub_amqp_server::links::DeliveryId;
use twinhub_amqp_server::{Gone, HubError, Incoming, IncomingTerms, PendingLink};
use twinhub_core::faults::{Fault, FaultOrder};
use twinhub_core::ports::LogError;
use twinhub_core::telemetry::{SendError, TelemetrySender};

use self::in_hand::InHand;
use self::waiting::Waiting;
use super::MAX_DELIVERY;
use super::end::{of_fault, of_log, too_large};
use super::owner::Owner;
use super::session::LinkState;

/// How many deliveries a client may send ahead. Not those on their way to the
/// disk, which [`MAX_UNSTORED`] bounds.
const CREDIT: u32 = 1000;

/// How much of a link may be on its way to the disk, in bytes.
const MAX_UNSTORED: usize = 1024 * 1024;

/// A link on which a client sends messages to the cloud.
pub(super) struct TelemetryLink {
    incoming: Incoming,
    sender: TelemetrySender,
    /// How many messages were sent, and how many are known to be durable.
    sent: u64,
    durable: u64,
    waiting: Waiting,
    in_hand: InHand,
    /// The sender takes nothing until it says so.
    busy: bool,
}

/// Why no more deliveries are taken for now.
enum Pause {
    /// There are none.
    Empty,
    /// Some must be durable first.
    Full,
    /// There will be none: the link is gone.
    Gone,
}

impl TelemetryLink {
    /// Takes a link, or refuses it when the log takes nothing.
    pub(super) fn open(link: PendingLink, owner: &Owner) -> Option<Self> {
        let telemetry = &owner.services.telemetry;
        match telemetry.sender(&owner.permit, owner.model_id.as_deref()) {
            Ok(sender) => Some(TelemetryLink {
                incoming: link.accept_incoming(IncomingTerms {
                    credit: CREDIT,
                    max_message_size: MAX_DELIVERY,
                }),
                sender,
                sent: 0,
                durable: 0,
                waiting: Waiting::default(),
                in_hand: InHand::default(),
                busy: false,
            }),
            Err(error) => {
                link.refuse(owner.error(of_log(&error)));
                None
            }
        }
    }

    /// Detaches the link.
    pub(super) fn end(self, error: Option<AmqpError>) {
        self.incoming.end(error);
    }

    /// Ends the AMQP session that the link belongs to.
    pub(super) fn end_session(self, error: AmqpError) {
        self.incoming.end_session(error);
    }

    /// Takes what has come, and accepts what is durable. `faults` gets the
    /// faults that messages ask for.
    pub(super) fn poll(
        &mut self,
        cx: &mut Context<'_>,
        owner: &mut Owner,
        faults: &mut Vec<FaultOrder>,
    ) -> LinkState {
        loop {
            let pause = self.take_deliveries(cx, owner, faults);
            self.sender.hand_over();
            self.accept_durable();
            match (self.poll_durable(cx), pause) {
                (Poll::Ready(Ok(())), _) => {}
                (Poll::Ready(Err(error)), _) => {
                    self.reject_all(owner, &error);
                    return LinkState::Ended(Some(owner.error(of_log(&error))));
                }
                // What was handed over is stored without anybody to be told.
                (Poll::Pending, Pause::Gone) => {
                    return LinkState::Gone(self.incoming.gone().unwrap_or(Gone::ByPeer));
                }
                (Poll::Pending, Pause::Empty | Pause::Full) => return LinkState::Open,
            }
        }
    }

    /// Ready when there may be more to do; not while nothing waits for the log.
    fn poll_durable(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), LogError>> {
        if self.waiting.is_empty() && !self.busy {
            return Poll::Pending;
        }
        let Poll::Ready(durable) = self.sender.poll_durable(cx, self.durable) else {
            return Poll::Pending;
        };
        self.durable = durable?;
        self.busy = false;
        self.accept_durable();
        Poll::Ready(Ok(()))
    }

    fn accept_durable(&mut self) {
        let incoming = &mut self.incoming;
        self.waiting
            .take_until(self.durable, |first, last| incoming.accept(first, last));
    }

    fn take_deliveries(
        &mut self,
        cx: &mut Context<'_>,
        owner: &mut Owner,
        faults: &mut Vec<FaultOrder>,
    ) -> Pause {
        let mut quota = None;
        loop {
            if self.busy || self.waiting.bytes() >= MAX_UNSTORED {
                return Pause::Full;
            }
            if !self.send_in_hand(owner, faults) {
                return Pause::Full;
            }
            let delivery = match self.incoming.poll_next(cx) {
                Poll::Ready(Some(delivery)) => delivery,
                Poll::Ready(None) => return Pause::Gone,
                Poll::Pending => return Pause::Empty,
            };
            let beyond_quota = *quota.get_or_insert_with(|| {
                owner.touch();
                owner.counts_as_active();
                let lasting = owner.services.faults.lasting_for(&owner.permit);
                lasting == Some(Fault::QuotaExceeded)
            });
            let (id, settled) = (delivery.id, delivery.settled);
            let taken = match beyond_quota {
                true => Err(of_fault(Fault::QuotaExceeded)),
                false => self.in_hand.take(delivery),
            };
            if let Err(refused) = taken {
                self.refuse(id, settled, refused, owner);
            }
        }
    }

    /// Sends the messages of the delivery in hand; false if the log is busy.
    fn send_in_hand(&mut self, owner: &Owner, faults: &mut Vec<FaultOrder>) -> bool {
        let Some(delivery) = self.in_hand.delivery() else {
            return true;
        };
        while let Some(message) = self.in_hand.next() {
            let (sender, services) = (&mut self.sender, &owner.services);
            let sent = message.lend(|message| match services.faults.ordered(message) {
                // Accepted, and not stored.
                Some(order) => {
                    faults.push(order);
                    Ok(false)
                }
                None => sender.send(message).map(|()| true),
            });
            match sent {
                Ok(stored) => self.sent += u64::from(stored),
                Err(SendError::Busy(_)) => {
                    self.busy = true;
                    return false;
                }
                // All were measured before the first was sent.
                Err(error @ SendError::TooLarge { .. }) => {
                    let refused = too_large(error.to_string());
                    self.refuse(delivery.id, delivery.settled, refused, owner);
                    self.in_hand.done();
                    return true;
                }
            }
            self.in_hand.sent();
        }
        self.waiting
            .push(self.sent, delivery.unsettled(), delivery.bytes);
        self.in_hand.done();
        true
    }

    fn refuse(&mut self, id: DeliveryId, settled: bool, error: HubError, owner: &Owner) {
        tracing::debug!(reason = %error.message, settled, "telemetry is refused");
        if !settled {
            let state = DeliveryState::rejected(owner.error(error));
            self.incoming.settle(id, id, &state);
        }
    }

    fn reject_all(&mut self, owner: &Owner, error: &LogError) {
        let state = DeliveryState::rejected(owner.error(of_log(error)));
        let incoming = &mut self.incoming;
        let in_hand = self.in_hand.delivery();
        if let Some(id) = in_hand.and_then(|delivery| delivery.unsettled()) {
            incoming.settle(id, id, &state);
        }
        self.waiting.take_until(u64::MAX, |first, last| {
            incoming.settle(first, last, &state);
        });
    }
}
