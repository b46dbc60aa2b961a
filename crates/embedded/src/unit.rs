//! A unit of work: encoded by the caller, applied by the writer.
//!
//! Callers turn records into rows before they queue, so that the one thread
//! that writes does nothing else.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use rusqlite::Connection;
use twinhub_core::ids::{HubName, IdentityId};
use twinhub_core::ports::{
    Announcement, Change, Conflict, Record, RecordKey, Revision, SessionNumber, SessionRecord,
    Sessions, UnitOfWork,
};
use twinhub_core::presence::Activity;

use crate::counts::CountChange;
use crate::indexes::book::IndexBook;
use crate::outbox::room::Load;
use crate::records::{
    DocumentRow, FeedbackBookRow, FeedbackRow, HubRow, IdentityRow, MessageRow, OutboxRow,
    QueueRow, TwinRow,
};
use crate::tables::documents::{
    AUTHORITIES, CONSUMER_GROUPS, POLICIES, ROUTING, ROUTING_NAME, TRANSFERS, TRANSFERS_NAME,
};
use crate::tables::identities::FoundIdentity;
use crate::tables::{self, HubNumber};

use self::queues::QueueStep;

mod queues;

/// A unit of work, ready to be written.
pub(crate) struct Unit {
    pub hub: HubName,
    pub announcements: Vec<Announcement>,
    steps: Vec<Step>,
    events: Vec<OutboxRow>,
    /// Held until the unit is written or refused.
    _in_flight: Option<InFlight>,
}

/// How many units that write sessions are on their way.
#[derive(Clone, Default)]
pub(crate) struct SessionWrites(Arc<AtomicUsize>);

struct InFlight(SessionWrites);

impl SessionWrites {
    /// Whether one may be on its way.
    pub(crate) fn any(&self) -> bool {
        self.0.load(Ordering::SeqCst) > 0
    }

    fn begin(&self) -> InFlight {
        self.0.fetch_add(1, Ordering::SeqCst);
        InFlight(self.clone())
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.0.fetch_sub(1, Ordering::SeqCst);
    }
}

enum Step {
    Insert(RecordKey, Row),
    Replace(RecordKey, Row, Revision),
    Remove(RecordKey, Revision),
    Fence(RecordKey, Revision),
    PutSession(SessionRecord, SessionNumber),
    RemoveSession(IdentityId, SessionNumber),
    PutActivity(IdentityId, Activity),
    Queues(QueueStep),
    RemoveFromOutbox(u64),
}

enum Row {
    Hub(HubRow),
    Document(DocumentRow),
    Identity(IdentityRow),
    Twin(TwinRow),
    Queue(QueueRow),
    FeedbackBook(FeedbackBookRow),
}

impl Unit {
    pub(crate) fn of(work: UnitOfWork, session_writes: &SessionWrites) -> Self {
        let writes_session =
            |change: &Change| matches!(change, Change::PutSession(..) | Change::RemoveSession(..));
        let in_flight = work.changes.iter().any(writes_session);
        Unit {
            _in_flight: in_flight.then(|| session_writes.begin()),
            hub: work.hub,
            announcements: work.announcements,
            steps: work.changes.into_iter().map(Step::of).collect(),
            events: work.events.iter().map(OutboxRow::encode).collect(),
        }
    }

    /// Nothing: done when everything that was queued before it is.
    pub(crate) fn empty(hub: HubName) -> Self {
        Unit {
            hub,
            announcements: Vec::new(),
            steps: Vec::new(),
            events: Vec::new(),
            _in_flight: None,
        }
    }

    /// Removes from the outbox what was told, up to this event.
    pub(crate) fn of_told(hub: HubName, through: u64) -> Self {
        Unit {
            steps: vec![Step::RemoveFromOutbox(through)],
            ..Unit::empty(hub)
        }
    }

    /// Writes the activity of those that exist.
    pub(crate) fn of_activity(hub: HubName, batch: Vec<(IdentityId, Activity)>) -> Self {
        let steps = batch.into_iter();
        Unit {
            hub,
            announcements: Vec::new(),
            steps: steps
                .map(|(id, activity)| Step::PutActivity(id, activity))
                .collect(),
            events: Vec::new(),
            _in_flight: None,
        }
    }

    /// How much work it is.
    pub(crate) fn size(&self) -> usize {
        self.steps.len() + self.events.len()
    }

    /// Whether it puts events into the outbox.
    pub(crate) fn has_events(&self) -> bool {
        !self.events.is_empty()
    }
}

impl Step {
    fn of(change: Change) -> Self {
        match change {
            Change::Insert(record) => Step::Insert(record.key(), Row::of(&record)),
            Change::Replace(record, from) => Step::Replace(record.key(), Row::of(&record), from),
            Change::Remove(key, from) => Step::Remove(key, from),
            Change::Fence(key, from) => Step::Fence(key, from),
            Change::PutSession(record, by) => Step::PutSession(record, by),
            Change::RemoveSession(id, by) => Step::RemoveSession(id, by),
            Change::PutMessage(id, number, message) => Step::Queues(QueueStep::PutMessage(
                id,
                number,
                MessageRow::encode(&message),
            )),
            Change::RemoveMessage(id, number) => Step::Queues(QueueStep::RemoveMessage(id, number)),
            Change::AppendFeedback(record) => {
                Step::Queues(QueueStep::AppendFeedback(FeedbackRow::encode(&record)))
            }
            Change::RemoveFeedback { first, last } => {
                Step::Queues(QueueStep::RemoveFeedback { first, last })
            }
            Change::TrimFeedback { before, keep } => {
                Step::Queues(QueueStep::TrimFeedback { before, keep })
            }
        }
    }
}

impl Row {
    fn of(record: &Record) -> Self {
        match record {
            Record::Hub(hub) => Row::Hub(HubRow::encode(hub)),
            Record::Policy(policy) => Row::Document(DocumentRow::of_policy(policy)),
            Record::Authority(authority) => Row::Document(DocumentRow::of_authority(authority)),
            Record::ConsumerGroup(group) => Row::Document(DocumentRow::of_consumer_group(group)),
            Record::Identity(identity) => Row::Identity(IdentityRow::encode(identity)),
            Record::Twin(twin) => Row::Twin(TwinRow::encode(twin)),
            Record::Queue(record) => Row::Queue(QueueRow::encode(&record.queue)),
            Record::TransferBook(book) => Row::Document(DocumentRow::of_transfers(book)),
            Record::Routing(settings) => Row::Document(DocumentRow::of_routing(settings)),
            Record::FeedbackBook(book) => Row::FeedbackBook(FeedbackBookRow::encode(book)),
        }
    }
}

/// Why a unit was not applied. What it had written must be undone.
#[derive(Debug)]
pub(crate) enum Refused {
    Conflict(Conflict),
    Sqlite(rusqlite::Error),
}

impl From<rusqlite::Error> for Refused {
    fn from(error: rusqlite::Error) -> Self {
        Refused::Sqlite(error)
    }
}

fn conflict(key: RecordKey) -> Refused {
    Refused::Conflict(Conflict(key))
}

/// What a unit of work moves besides the tables.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Applied {
    pub counts: CountChange,
    pub outbox: Load,
}

/// Applies a unit within the caller's transaction. `last_revision` moves even
/// if the unit is refused: no revision is given twice.
pub(crate) fn apply(
    connection: &Connection,
    sessions: &dyn Sessions,
    indexes: &IndexBook,
    unit: &Unit,
    last_revision: &mut u64,
) -> Result<Applied, Refused> {
    let mut application = Application {
        connection,
        sessions,
        indexes,
        hub: &unit.hub,
        number: None,
        last_revision,
        applied: Applied::default(),
    };
    for step in &unit.steps {
        application.step(step)?;
    }
    for event in &unit.events {
        application.put_into_outbox(event)?;
    }
    Ok(application.applied)
}

struct Application<'a> {
    connection: &'a Connection,
    sessions: &'a dyn Sessions,
    indexes: &'a IndexBook,
    hub: &'a HubName,
    /// The hub's number, once looked up.
    number: Option<HubNumber>,
    last_revision: &'a mut u64,
    applied: Applied,
}

impl Application<'_> {
    fn step(&mut self, step: &Step) -> Result<(), Refused> {
        match step {
            Step::Insert(key, row) => self.insert(key, row),
            Step::Replace(key, row, from) => self.replace(key, row, *from),
            Step::Remove(key, from) => self.remove(key, *from),
            Step::Fence(key, from) => self.fence(key, *from),
            Step::PutSession(record, by) => {
                let identity = self.existing(&record.identity)?;
                self.require_current(&record.identity, *by)?;
                tables::sessions::put(self.connection, identity.number, &record.state)?;
                Ok(())
            }
            Step::RemoveSession(id, by) => {
                self.require_current(id, *by)?;
                if let Some(identity) = self.find(id)? {
                    tables::sessions::remove(self.connection, identity.number)?;
                }
                Ok(())
            }
            Step::Queues(step) => self.queue_step(step),
            Step::RemoveFromOutbox(through) => {
                let removed = tables::outbox::remove(self.connection, self.hub()?, *through)?;
                self.applied.outbox -= removed;
                Ok(())
            }
            Step::PutActivity(id, activity) => {
                if let Some(identity) = self.find(id)? {
                    tables::activity::put(self.connection, identity.number, *activity)?;
                }
                Ok(())
            }
        }
    }

    fn insert(&mut self, key: &RecordKey, row: &Row) -> Result<(), Refused> {
        let (connection, to) = (self.connection, self.next_revision());
        let absent = match (key, row) {
            (_, Row::Hub(row)) => tables::hubs::insert(connection, self.hub, row, to)?,
            (RecordKey::Policy(name), Row::Document(row)) => {
                POLICIES.insert(connection, self.hub()?, &name.folded(), row, to)?
            }
            (RecordKey::Authority(name), Row::Document(row)) => {
                AUTHORITIES.insert(connection, self.hub()?, &name.folded(), row, to)?
            }
            (RecordKey::ConsumerGroup(name), Row::Document(row)) => {
                CONSUMER_GROUPS.insert(connection, self.hub()?, &name.folded(), row, to)?
            }
            (RecordKey::TransferBook, Row::Document(row)) => {
                TRANSFERS.insert(connection, self.hub()?, TRANSFERS_NAME, row, to)?
            }
            (RecordKey::Routing, Row::Document(row)) => {
                ROUTING.insert(connection, self.hub()?, ROUTING_NAME, row, to)?
            }
            (RecordKey::Identity(id), Row::Identity(row)) => {
                self.applied.counts += CountChange::one(id, row.enabled);
                let hub = self.hub()?;
                let inserted = tables::identities::insert(connection, hub, id, row, to)?;
                if let Some(number) = inserted {
                    let what = (id, row);
                    self.indexes
                        .identity_inserted(connection, hub, number, what)?;
                }
                inserted.is_some()
            }
            (RecordKey::Twin(id), Row::Twin(row)) => {
                let (hub, identity) = (self.hub()?, self.existing(id)?.number);
                self.indexes.inserted(connection, hub, identity, row)?;
                tables::twins::insert(connection, hub, identity, row, to)?
            }
            (RecordKey::Queue(id), Row::Queue(row)) => {
                let identity = self.existing(id)?.number;
                tables::queues::insert(connection, identity, row, to)?
            }
            (_, Row::FeedbackBook(row)) => {
                tables::feedback::insert_book(connection, self.hub()?, row, to)?
            }
            _ => unreachable!("a row is made from the record that gives the key"),
        };
        require(absent, key)
    }

    fn replace(&mut self, key: &RecordKey, row: &Row, from: Revision) -> Result<(), Refused> {
        let (connection, to) = (self.connection, self.next_revision());
        let unchanged = match (key, row) {
            (_, Row::Hub(row)) => tables::hubs::replace(connection, self.hub()?, row, from, to)?,
            (RecordKey::Policy(name), Row::Document(row)) => {
                POLICIES.replace(connection, self.hub()?, &name.folded(), row, (from, to))?
            }
            (RecordKey::Authority(name), Row::Document(row)) => {
                AUTHORITIES.replace(connection, self.hub()?, &name.folded(), row, (from, to))?
            }
            (RecordKey::ConsumerGroup(name), Row::Document(row)) => {
                CONSUMER_GROUPS.replace(connection, self.hub()?, &name.folded(), row, (from, to))?
            }
            (RecordKey::TransferBook, Row::Document(row)) => {
                TRANSFERS.replace(connection, self.hub()?, TRANSFERS_NAME, row, (from, to))?
            }
            (RecordKey::Routing, Row::Document(row)) => {
                ROUTING.replace(connection, self.hub()?, ROUTING_NAME, row, (from, to))?
            }
            (RecordKey::Identity(id), Row::Identity(row)) => {
                let identity = self.at(id, from)?;
                self.applied.counts += -CountChange::one(id, identity.enabled);
                self.applied.counts += CountChange::one(id, row.enabled);
                let (hub, number) = (self.hub()?, identity.number);
                self.indexes
                    .identity_replaced(connection, hub, number, id, Some(row))?;
                tables::identities::replace(connection, identity.number, row, to)?;
                true
            }
            (RecordKey::Twin(id), Row::Twin(row)) => match self.find(id)? {
                Some(identity) => {
                    let (hub, number) = (self.hub()?, identity.number);
                    self.indexes.replaced(connection, hub, number, Some(row))?;
                    tables::twins::replace(connection, number, row, from, to)?
                }
                None => false,
            },
            (RecordKey::Queue(id), Row::Queue(row)) => match self.find(id)? {
                Some(identity) => {
                    tables::queues::replace(connection, identity.number, row, from, to)?
                }
                None => false,
            },
            (_, Row::FeedbackBook(row)) => {
                tables::feedback::replace_book(connection, self.hub()?, row, from, to)?
            }
            _ => unreachable!("a row is made from the record that gives the key"),
        };
        require(unchanged, key)
    }

    fn remove(&mut self, key: &RecordKey, from: Revision) -> Result<(), Refused> {
        let connection = self.connection;
        let unchanged = match key {
            RecordKey::Hub => {
                let hub = self.hub()?;
                self.applied.outbox -= tables::outbox::load_of(connection, hub)?;
                self.number = None;
                tables::hubs::remove(connection, hub, from)?
            }
            RecordKey::Policy(name) => {
                POLICIES.remove(connection, self.hub()?, &name.folded(), from)?
            }
            RecordKey::Authority(name) => {
                AUTHORITIES.remove(connection, self.hub()?, &name.folded(), from)?
            }
            RecordKey::ConsumerGroup(name) => {
                CONSUMER_GROUPS.remove(connection, self.hub()?, &name.folded(), from)?
            }
            RecordKey::TransferBook => {
                TRANSFERS.remove(connection, self.hub()?, TRANSFERS_NAME, from)?
            }
            RecordKey::Routing => ROUTING.remove(connection, self.hub()?, ROUTING_NAME, from)?,
            RecordKey::Identity(id) => {
                let identity = self.at(id, from)?;
                self.applied.counts += -CountChange::one(id, identity.enabled);
                let hub = self.hub()?;
                self.indexes
                    .replaced(connection, hub, identity.number, None)?;
                self.indexes
                    .identity_replaced(connection, hub, identity.number, id, None)?;
                tables::identities::remove(connection, identity.number)?;
                true
            }
            RecordKey::Twin(id) => match self.find(id)? {
                Some(identity) => {
                    let (hub, number) = (self.hub()?, identity.number);
                    self.indexes.replaced(connection, hub, number, None)?;
                    tables::twins::remove(connection, number, from)?
                }
                None => false,
            },
            RecordKey::Queue(id) => match self.find(id)? {
                Some(identity) => tables::queues::remove(connection, identity.number, from)?,
                None => false,
            },
            RecordKey::FeedbackBook => {
                tables::feedback::remove_book(connection, self.hub()?, from)?
            }
            RecordKey::Session(_) => false,
        };
        require(unchanged, key)
    }

    fn fence(&mut self, key: &RecordKey, from: Revision) -> Result<(), Refused> {
        let (connection, to) = (self.connection, self.next_revision());
        let unchanged = match key {
            RecordKey::Hub => tables::hubs::fence(connection, self.hub()?, from, to)?,
            RecordKey::Policy(name) => {
                POLICIES.fence(connection, self.hub()?, &name.folded(), (from, to))?
            }
            RecordKey::Authority(name) => {
                AUTHORITIES.fence(connection, self.hub()?, &name.folded(), (from, to))?
            }
            RecordKey::ConsumerGroup(name) => {
                CONSUMER_GROUPS.fence(connection, self.hub()?, &name.folded(), (from, to))?
            }
            RecordKey::TransferBook => {
                TRANSFERS.fence(connection, self.hub()?, TRANSFERS_NAME, (from, to))?
            }
            RecordKey::Routing => {
                ROUTING.fence(connection, self.hub()?, ROUTING_NAME, (from, to))?
            }
            RecordKey::Identity(id) => {
                let identity = self.at(id, from)?;
                tables::identities::fence(connection, identity.number, to)?;
                true
            }
            RecordKey::Twin(id) => match self.find(id)? {
                Some(identity) => tables::twins::fence(connection, identity.number, from, to)?,
                None => false,
            },
            RecordKey::Queue(id) => match self.find(id)? {
                Some(identity) => tables::queues::fence(connection, identity.number, from, to)?,
                None => false,
            },
            RecordKey::FeedbackBook => {
                tables::feedback::fence_book(connection, self.hub()?, from, to)?
            }
            RecordKey::Session(_) => false,
        };
        require(unchanged, key)
    }

    fn put_into_outbox(&mut self, event: &OutboxRow) -> Result<(), Refused> {
        let number = self.next_revision().0;
        tables::outbox::append(self.connection, self.hub()?, number, event)?;
        self.applied.outbox += Load::one(event.bytes());
        Ok(())
    }

    fn require_current(&self, id: &IdentityId, session: SessionNumber) -> Result<(), Refused> {
        let current = self.sessions.is_current(self.hub, id, session);
        require(current, &RecordKey::Session(id.clone()))
    }

    fn next_revision(&mut self) -> Revision {
        *self.last_revision += 1;
        Revision(*self.last_revision)
    }

    /// The hub, which everything but the hub itself needs.
    fn hub(&mut self) -> Result<HubNumber, Refused> {
        if self.number.is_none() {
            self.number = tables::hubs::number(self.connection, self.hub)?;
        }
        self.number.ok_or_else(|| conflict(RecordKey::Hub))
    }

    fn find(&mut self, id: &IdentityId) -> Result<Option<FoundIdentity>, Refused> {
        let hub = match self.hub() {
            Ok(hub) => hub,
            Err(Refused::Conflict(_)) => return Ok(None),
            Err(refused) => return Err(refused),
        };
        Ok(tables::identities::find(self.connection, hub, id)?)
    }

    fn existing(&mut self, id: &IdentityId) -> Result<FoundIdentity, Refused> {
        let found = self.find(id)?;
        found.ok_or_else(|| conflict(RecordKey::Identity(id.clone())))
    }

    fn at(&mut self, id: &IdentityId, revision: Revision) -> Result<FoundIdentity, Refused> {
        let found = self.find(id)?;
        let found = found.and_then(|found| found.at(revision));
        found.ok_or_else(|| conflict(RecordKey::Identity(id.clone())))
    }
}

fn require(precondition: bool, key: &RecordKey) -> Result<(), Refused> {
    if precondition {
        Ok(())
    } else {
        Err(conflict(key.clone()))
    }
}
