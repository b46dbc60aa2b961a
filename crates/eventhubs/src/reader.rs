//! A reader: a link on which the events of a partition go out.
//!
//! Events go as fast as the peer gives credit and takes them; what it does not
//! take waits in the log. They are sent settled, whatever the peer asked for:
//! a reader that wants an event again comes back with its position.
//! The link ends when its permit does, when its consumer group is removed,
//! when another reader takes its place, and when the log can't be read.

mod delivery;

use std::sync::Arc;

use tokio::select;
use twinhub_amqp_engine::performatives::{Attach, SenderSettleMode};
use twinhub_amqp_engine::value::{Map, Value};
use twinhub_amqp_server::{ConnectionContext, HubError, OutgoingTerms, PendingLink, PermitWatch};
use twinhub_core::consumer_groups::ConsumerGroup;
use twinhub_core::events::PartitionId;
use twinhub_core::hubs::Hub;
use twinhub_core::ports::LogError;
use twinhub_core::readers::{self, NewReader, ReadThrough};

use self::delivery::{Delivery, End};
use crate::beginning::Beginning;
use crate::container::Shared;
use crate::cursor::Cursor;
use crate::metrics::OpenReader;
use crate::node::PartitionNode;
use crate::places::{Place, ReaderName, Stand};
use crate::refusal::Refusal;
use crate::runtime_info;

const EPOCH: &str = "com.microsoft:epoch";
const RECEIVER_NAME: &str = "com.microsoft:receiver-name";

/// Serves a reader's link until it ends.
pub(crate) async fn serve(
    shared: Arc<Shared>,
    connection: Arc<ConnectionContext>,
    link: PendingLink,
    node: PartitionNode,
) {
    let opened = Opened::new(shared, connection.clone(), link.attach(), &node).await;
    match opened {
        Ok(opened) => {
            tracing::debug!(entity = %node, reader = %opened.name, "a reader was opened");
            opened.follow(link, &node).await;
        }
        Err(refusal) => {
            tracing::debug!(entity = %node, %refusal, "a reader was refused");
            link.refuse(connection.plain_error(&refusal));
        }
    }
}

/// A reader that may begin.
struct Opened {
    shared: Arc<Shared>,
    connection: Arc<ConnectionContext>,
    watch: PermitWatch,
    group: ConsumerGroup,
    name: ReaderName,
    place: Place,
    cursor: Cursor,
    wants_runtime_info: bool,
}

impl Opened {
    async fn new(
        shared: Arc<Shared>,
        connection: Arc<ConnectionContext>,
        attach: &Attach,
        node: &PartitionNode,
    ) -> Result<Self, Refusal> {
        let services = &shared.services;
        let watch = PermitWatch::obtain(connection.clone(), &node.path()).await?;
        let hub = watch.permit().hub();
        let (group, partition) = shared.find(hub, node)?;
        let name = name_of(attach)?;
        let filters = attach.source.as_ref().map(|source| &source.filter);
        let beginning = Beginning::read(filters.unwrap_or(&Map::new()))?;
        let (log, hub) = (services.log.clone(), hub.name().clone());
        let cursor = Cursor::open(log, hub.clone(), partition, beginning).await?;
        let stand = Stand::new(hub, &node.group, partition);
        let place = shared.places.enter(stand, name.clone())?;
        Ok(Opened {
            watch,
            group,
            place,
            cursor,
            wants_runtime_info: attach
                .desired_capabilities
                .contains(&runtime_info::CAPABILITY),
            name,
            shared,
            connection,
        })
    }

    /// Sends until something ends it.
    async fn follow(mut self, link: PendingLink, node: &PartitionNode) {
        let offered = self.wants_runtime_info.then_some(runtime_info::CAPABILITY);
        let mut link = link.accept_outgoing(OutgoingTerms {
            settle_mode: Some(SenderSettleMode::Settled),
            offered_capabilities: offered.into_iter().collect(),
            ..OutgoingTerms::default()
        });
        let hub = self.watch.permit().hub().name().clone();
        let counted = OpenReader::count(&hub);
        let listed = self.listed();
        let mut delivery = Delivery {
            counted: &counted,
            listed: &listed,
            traffic: self.watch.permit().hub().traffic().clone(),
            encoder: &self.shared.encoder,
            clock: &*self.connection.clock,
            cursor: &mut self.cursor,
            wants_runtime_info: self.wants_runtime_info,
            runtime_info: None,
        };
        let hubs = &self.shared.services.hubs;
        let end = select! {
            biased;
            by = self.place.ousted() => End::Refused(Refusal::Ousted { ousted: self.name, by }),
            refused = self.watch.withdrawn() => End::Refused(refused.into()),
            () = hubs.without_consumer_group(&hub, &self.group) => {
                End::Refused(Refusal::NotFound(node.to_string()))
            }
            end = delivery.run(&mut link) => end,
        };
        match end {
            End::Gone(why) => {
                tracing::debug!(entity = %node, %why, "a reader has left");
            }
            End::Refused(refusal) => {
                tracing::debug!(entity = %node, %refusal, "a reader was ended");
                if let Refusal::Log(error @ (LogError::Damaged { .. } | LogError::Failed(_))) =
                    &refusal
                {
                    tracing::error!(entity = %node, %error, "could not read events");
                }
                link.end(Some(self.connection.plain_error(HubError::from(&refusal))));
            }
        }
    }
}

impl Opened {
    /// Enters it among the hub's readers.
    fn listed(&self) -> readers::OpenReader {
        let reader = NewReader {
            through: ReadThrough::EventHubs,
            consumer_group: Some(self.group.name.as_str()),
            name: Some(&self.name.name),
            since: self.connection.clock.now(),
        };
        let place = (self.cursor.partition(), self.cursor.position());
        self.watch.permit().hub().readers().enter(&reader, [place])
    }
}

impl Shared {
    /// What an address names, if it is there.
    fn find(
        &self,
        hub: &Hub,
        node: &PartitionNode,
    ) -> Result<(ConsumerGroup, PartitionId), Refusal> {
        let not_found = || Refusal::NotFound(node.to_string());
        if !node.entity.eq_ignore_ascii_case(hub.name().as_str()) {
            return Err(not_found());
        }
        let group = hub.consumer_group(&node.group).ok_or_else(not_found)?;
        let count = self.services.log.partitions(hub.name()).unwrap_or(0);
        let partition = parse_partition(&node.partition, count).ok_or_else(not_found)?;
        Ok((group.clone(), partition))
    }
}

/// A partition's ID as clients write it, of `count`.
pub(crate) fn parse_partition(text: &str, count: u16) -> Option<PartitionId> {
    let number: u16 = text.parse().ok()?;
    // Neither "+1" nor "01" is a name of it.
    (number < count && number.to_string() == text).then_some(PartitionId(number))
}

/// How a reader calls itself, and its epoch.
fn name_of(attach: &Attach) -> Result<ReaderName, Refusal> {
    let name = attach.properties.get(RECEIVER_NAME).and_then(Value::as_str);
    let epoch = match attach.properties.get(EPOCH) {
        None | Some(Value::Null) => None,
        Some(value) => {
            let epoch = whole_number(value).filter(|epoch| *epoch >= 0);
            Some(epoch.ok_or(Refusal::Epoch)?)
        }
    };
    Ok(ReaderName {
        name: name.unwrap_or(&attach.name).to_owned(),
        epoch,
    })
}

/// A whole number in any of the types that clients might send it in.
fn whole_number(value: &Value) -> Option<i64> {
    Some(match value {
        Value::Long(number) => *number,
        Value::Int(number) => (*number).into(),
        Value::Short(number) => (*number).into(),
        Value::Byte(number) => (*number).into(),
        Value::Ulong(number) => i64::try_from(*number).ok()?,
        Value::Uint(number) => (*number).into(),
        Value::Ushort(number) => (*number).into(),
        Value::Ubyte(number) => (*number).into(),
        _ => return None,
    })
}
