//! What a client wants to become of the messages that it was given.

use twinhub_amqp_engine::performatives::{AmqpError, DeliveryState, Modified, Rejected, condition};
use twinhub_amqp_engine::value::Map;
use twinhub_amqp_server::links::DeliveryId;
use twinhub_core::access::DevicePermit;
use twinhub_core::c2d::{CloudToDevice, LockToken, SettleError, Settlement};

/// How much of a client's own words is repeated to it, in characters.
const MAX_ECHO: usize = 200;

/// What a client wants to become of a message.
pub(super) struct Order {
    pub(super) lock: LockToken,
    pub(super) settlement: Settlement,
    /// The delivery, if the client waits to hear that it is done, and as what.
    pub(super) answer: Option<(DeliveryId, DeliveryState)>,
}

/// What a client wants to become of some deliveries.
pub(super) struct Wish {
    settlement: Settlement,
    answer: Option<DeliveryState>,
}

impl Wish {
    /// Reads a disposition; `None` if it decides nothing yet. A client that
    /// has settled without naming an outcome that we know is done with the
    /// deliveries: they are available again.
    pub(super) fn of(state: Option<&DeliveryState>, settled: bool) -> Option<Self> {
        let settlement = match state {
            Some(DeliveryState::Accepted) => Settlement::Complete,
            Some(DeliveryState::Rejected(_)) => Settlement::Reject,
            Some(DeliveryState::Released | DeliveryState::Modified(_)) => Settlement::Abandon,
            Some(DeliveryState::Received(_) | DeliveryState::Other(_)) | None if settled => {
                Settlement::Abandon
            }
            Some(DeliveryState::Received(_) | DeliveryState::Other(_)) | None => return None,
        };
        let answer = state.filter(|_| !settled).map(kept);
        Some(Wish { settlement, answer })
    }

    /// The same about one message.
    pub(super) fn about(&self, id: DeliveryId, lock: LockToken) -> Order {
        Order {
            lock,
            settlement: self.settlement,
            answer: self.answer.clone().map(|state| (id, state)),
        }
    }
}

/// Settles messages as ordered; tells which locks were lost.
pub(super) async fn carry_out(
    orders: &[Order],
    c2d: &CloudToDevice,
    permit: &DevicePermit,
) -> Result<Vec<LockToken>, SettleError> {
    let settlements: Vec<_> = orders
        .iter()
        .map(|order| (order.lock, order.settlement))
        .collect();
    c2d.settle_several(permit, &settlements).await
}

/// What a client said of a delivery, to be repeated to it: in memory of its
/// own, and short.
fn kept(state: &DeliveryState) -> DeliveryState {
    match state {
        DeliveryState::Accepted => DeliveryState::Accepted,
        DeliveryState::Rejected(Rejected { error }) => {
            let error = error.as_ref().map(|error| AmqpError {
                condition: cut(error.condition.as_str())
                    .try_into()
                    .unwrap_or(condition::INTERNAL_ERROR),
                description: error.description.as_deref().map(|text| cut(text).into()),
                info: Map::new(),
            });
            DeliveryState::Rejected(Rejected { error })
        }
        DeliveryState::Modified(modified) => DeliveryState::Modified(Modified {
            message_annotations: Map::new(),
            ..*modified
        }),
        DeliveryState::Released | DeliveryState::Received(_) | DeliveryState::Other(_) => {
            DeliveryState::Released
        }
    }
}

fn cut(text: &str) -> String {
    text.chars().take(MAX_ECHO).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settlement(state: Option<&DeliveryState>, settled: bool) -> Option<Settlement> {
        Wish::of(state, settled).map(|wish| wish.settlement)
    }

    #[test]
    fn every_outcome_has_its_settlement() {
        for (state, expected) in [
            (DeliveryState::Accepted, Settlement::Complete),
            (
                DeliveryState::Rejected(Rejected::default()),
                Settlement::Reject,
            ),
            (DeliveryState::Released, Settlement::Abandon),
            (
                DeliveryState::Modified(Modified::default()),
                Settlement::Abandon,
            ),
        ] {
            for settled in [true, false] {
                assert_eq!(settlement(Some(&state), settled), Some(expected));
            }
        }
    }

    #[test]
    fn without_an_outcome_it_counts_whether_the_client_is_done() {
        assert_eq!(settlement(None, true), Some(Settlement::Abandon));
        assert_eq!(settlement(None, false), None);
    }

    #[test]
    fn what_is_repeated_to_a_client_is_short() {
        let mut error = AmqpError::new(condition::INTERNAL_ERROR, "ä".repeat(60_000));
        error.info = Map::new().with("more", "x".repeat(60_000));

        let wish = Wish::of(Some(&DeliveryState::rejected(error)), false).unwrap();

        let order = wish.about(DeliveryId(7), LockToken::random());
        let Some((DeliveryId(7), DeliveryState::Rejected(Rejected { error: Some(error) }))) =
            order.answer
        else {
            panic!("the client is not answered");
        };
        assert_eq!(error.condition, condition::INTERNAL_ERROR);
        assert_eq!(error.description.unwrap().chars().count(), MAX_ECHO);
        assert!(error.info.is_empty());
    }
}
