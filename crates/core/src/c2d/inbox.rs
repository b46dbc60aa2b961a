//! Receiving and settling, for devices and modules.

use std::convert::Infallible;
use std::time::Duration;

use super::service::{Owner, TurnError};
use super::turn::LockLost;
use super::{
    CloudToDevice, DEFAULT_LOCK, Delivery, Entry, Holder, LockToken, ReceiveError, SettleError,
    Settlement,
};
use crate::access::DevicePermit;
use crate::messages::Message;

impl CloudToDevice {
    /// The oldest message that is available, locked for `lock` (from
    /// [`MIN_LOCK`](super::MIN_LOCK) to [`MAX_LOCK`](super::MAX_LOCK)).
    pub async fn receive(
        &self,
        permit: &DevicePermit,
        holder: Holder,
        lock: Duration,
    ) -> Result<Option<Delivery>, ReceiveError> {
        loop {
            let token = LockToken::random();
            let received = self
                .turn(owner(permit), |turn| Ok(turn.receive(holder, token, lock)))
                .await
                .map_err(|error| refused(error, permit))?;
            let Some(entry) = received else {
                return Ok(None);
            };
            // Purged since: the next one, then.
            if let Some(delivery) = self.delivery(permit, entry).await? {
                permit.hub().traffic().went_out(1);
                return Ok(Some(delivery));
            }
        }
    }

    /// The oldest messages that are available, at most as many as there are
    /// holders, locked as by [`receive`](Self::receive) but in one commit.
    pub async fn receive_several(
        &self,
        permit: &DevicePermit,
        holders: &[Holder],
        lock: Duration,
    ) -> Result<Vec<Delivery>, ReceiveError> {
        let received = self
            .turn(owner(permit), |turn| {
                let each = holders.iter();
                let locked =
                    each.map_while(|holder| turn.receive(*holder, LockToken::random(), lock));
                Ok(locked.collect::<Vec<_>>())
            })
            .await
            .map_err(|error| refused(error, permit))?;
        let mut deliveries = Vec::with_capacity(received.len());
        for entry in received {
            deliveries.extend(self.delivery(permit, entry).await?);
        }
        permit.hub().traffic().went_out(deliveries.len() as u64);
        Ok(deliveries)
    }

    /// Settles messages in one commit; tells which locks were lost.
    pub async fn settle_several(
        &self,
        permit: &DevicePermit,
        settlements: &[(LockToken, Settlement)],
    ) -> Result<Vec<LockToken>, SettleError> {
        let settled = self
            .turn(owner(permit), |turn| {
                let lost = settlements
                    .iter()
                    .filter(|(lock, settlement)| turn.settle(lock, *settlement).is_err())
                    .map(|(lock, _)| *lock);
                Ok::<_, Infallible>(lost.collect())
            })
            .await;
        settled.map_err(|error| match error {
            TurnError::NotRegistered => SettleError::NotRegistered(permit.id().clone()),
            TurnError::Refused(never) => match never {},
            TurnError::Store(error) => error.into(),
        })
    }

    /// Completes a message: it leaves the queue.
    pub async fn complete(
        &self,
        permit: &DevicePermit,
        lock: &LockToken,
    ) -> Result<(), SettleError> {
        self.settle(permit, lock, Settlement::Complete).await
    }

    /// Rejects a message: it is dead-lettered.
    pub async fn reject(&self, permit: &DevicePermit, lock: &LockToken) -> Result<(), SettleError> {
        self.settle(permit, lock, Settlement::Reject).await
    }

    /// Abandons a message: it is available again, or dead-lettered if that
    /// happened too often.
    pub async fn abandon(
        &self,
        permit: &DevicePermit,
        lock: &LockToken,
    ) -> Result<(), SettleError> {
        self.settle(permit, lock, Settlement::Abandon).await
    }

    /// For a session that begins: what earlier sessions of the identity were
    /// given and nobody has settled is locked for this one, and returned
    /// oldest first with the handle it had. Old lock tokens are lost.
    pub async fn resume(&self, permit: &DevicePermit) -> Result<Vec<Delivery>, ReceiveError> {
        let resumed = self
            .turn(owner(permit), |turn| {
                Ok(turn.resume(DEFAULT_LOCK, LockToken::random))
            })
            .await
            .map_err(|error| refused(error, permit))?;
        let mut deliveries = Vec::with_capacity(resumed.len());
        for entry in resumed {
            deliveries.extend(self.delivery(permit, entry).await?);
        }
        Ok(deliveries)
    }

    /// For a session that starts clean: what earlier sessions of the identity
    /// were given is available again, and their lock tokens are lost.
    pub async fn release(&self, permit: &DevicePermit) -> Result<(), ReceiveError> {
        self.turn(owner(permit), |turn| {
            turn.release();
            Ok(())
        })
        .await
        .map_err(|error| refused(error, permit))
    }

    /// For a session that ends, or stops to receive: what it was given and has
    /// not settled is available again, as if it had not been given out. Of
    /// others, also of later sessions, nothing is touched.
    pub async fn give_back(
        &self,
        permit: &DevicePermit,
        locks: &[LockToken],
    ) -> Result<(), ReceiveError> {
        self.turn(owner(permit), |turn| {
            turn.give_back(locks);
            Ok(())
        })
        .await
        .map_err(|error| refused(error, permit))
    }

    async fn settle(
        &self,
        permit: &DevicePermit,
        lock: &LockToken,
        settlement: Settlement,
    ) -> Result<(), SettleError> {
        let settled = self
            .turn(owner(permit), |turn| turn.settle(lock, settlement))
            .await;
        settled.map_err(|error| match error {
            TurnError::NotRegistered => SettleError::NotRegistered(permit.id().clone()),
            TurnError::Refused(LockLost) => SettleError::LockLost,
            TurnError::Store(error) => error.into(),
        })
    }

    /// A locked message with its body; nothing if it is gone by now.
    async fn delivery(
        &self,
        permit: &DevicePermit,
        entry: Entry,
    ) -> Result<Option<Delivery>, ReceiveError> {
        let (hub, number) = (permit.hub().name(), entry.sequence_number);
        let message = self.store.message(hub, permit.id(), number).await?;
        Ok(message.and_then(|message| delivery_of(entry, message)))
    }
}

fn owner(permit: &DevicePermit) -> Owner<'_> {
    Owner {
        hub: permit.hub().name(),
        id: permit.id(),
        generation: Some(permit.generation()),
    }
}

fn refused(error: TurnError<Infallible>, permit: &DevicePermit) -> ReceiveError {
    match error {
        TurnError::NotRegistered => ReceiveError::NotRegistered(permit.id().clone()),
        TurnError::Refused(never) => match never {},
        TurnError::Store(error) => error.into(),
    }
}

fn delivery_of(entry: Entry, message: Message) -> Option<Delivery> {
    Some(Delivery {
        lock: entry.lock?.token,
        handle: entry.handle,
        redelivered: entry.delivered,
        sequence_number: entry.sequence_number,
        enqueued: entry.enqueued,
        expires: entry.expires,
        delivery_count: entry.delivery_count,
        message,
        ack: entry.ack,
    })
}
