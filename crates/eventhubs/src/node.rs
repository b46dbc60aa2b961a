//! What there is to attach to on the Event Hubs side.

use twinhub_amqp_server::{Address, Direction};

/// What an address leads to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Node {
    /// The hub's own name for its events: they are read elsewhere.
    Redirect {
        /// What follows `messages/events`.
        tail: Vec<String>,
    },
    /// Questions about an entity.
    Management {
        /// The entity, if the address names it.
        entity: Option<String>,
    },
    /// The events of a partition.
    Partition(PartitionNode),
    /// Where other event hubs take events.
    Producer {
        /// The entity that is to take them.
        entity: String,
    },
}

/// A partition as an address names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PartitionNode {
    pub entity: String,
    pub group: String,
    pub partition: String,
}

impl Node {
    /// What an address leads to; `None` if it is somebody else's.
    pub(crate) fn at(address: &Address, direction: Direction) -> Option<Self> {
        let is = |segment: &str, word: &str| segment.eq_ignore_ascii_case(word);
        let segments = address.segments();
        match (segments.as_slice(), direction) {
            ([messages, events, tail @ ..], _)
                if is(messages, "messages") && is(events, "events") =>
            {
                let tail = tail.iter().map(|segment| (*segment).to_owned());
                Some(Node::Redirect {
                    tail: tail.collect(),
                })
            }
            ([management], _) if is(management, MANAGEMENT) => {
                Some(Node::Management { entity: None })
            }
            ([entity, management], _) if is(management, MANAGEMENT) => Some(Node::Management {
                entity: Some((*entity).to_owned()),
            }),
            ([entity, groups, group, partitions, partition], Direction::FromHub)
                if is(groups, "ConsumerGroups") && is(partitions, "Partitions") =>
            {
                Some(Node::Partition(PartitionNode {
                    entity: (*entity).to_owned(),
                    group: (*group).to_owned(),
                    partition: (*partition).to_owned(),
                }))
            }
            ([entity], Direction::ToHub) if !entity.starts_with('$') => Some(Node::Producer {
                entity: (*entity).to_owned(),
            }),
            ([entity, partitions, _], Direction::ToHub) if is(partitions, "Partitions") => {
                Some(Node::Producer {
                    entity: (*entity).to_owned(),
                })
            }
            _ => None,
        }
    }
}

const MANAGEMENT: &str = "$management";

impl PartitionNode {
    /// The path that a token must cover.
    pub(crate) fn path(&self) -> [&str; 5] {
        [
            &self.entity,
            "consumergroups",
            &self.group,
            "partitions",
            &self.partition,
        ]
    }
}

/// As Azure's services write it.
impl std::fmt::Display for PartitionNode {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "{}/ConsumerGroups/{}/Partitions/{}",
            self.entity, self.group, self.partition
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(address: &str, direction: Direction) -> Option<Node> {
        Node::at(&Address::parse(address), direction)
    }

    #[test]
    fn partitions_are_found_in_any_case_absolute_or_not() {
        for address in [
            "amqps://plant.example:5671/plant/ConsumerGroups/$Default/Partitions/3",
            "/plant/consumergroups/$Default/partitions/3",
            "plant/CONSUMERGROUPS/$Default/PARTITIONS/3",
        ] {
            let expected = PartitionNode {
                entity: "plant".to_owned(),
                group: "$Default".to_owned(),
                partition: "3".to_owned(),
            };
            let found = at(address, Direction::FromHub);
            assert_eq!(found, Some(Node::Partition(expected)), "{address}");
        }
    }

    #[test]
    fn what_follows_the_hubs_own_name_is_kept() {
        let found = at(
            "amqps://plant.example/messages/events/ConsumerGroups/$Default/Partitions/0",
            Direction::FromHub,
        );

        let tail = ["ConsumerGroups", "$Default", "Partitions", "0"].map(str::to_owned);
        assert_eq!(found, Some(Node::Redirect { tail: tail.into() }));
        let bare = at("/messages/events", Direction::ToHub);
        assert_eq!(bare, Some(Node::Redirect { tail: Vec::new() }));
    }

    #[test]
    fn questions_may_name_their_entity() {
        let of = |entity: Option<&str>| {
            Some(Node::Management {
                entity: entity.map(str::to_owned),
            })
        };

        assert_eq!(at("$management", Direction::ToHub), of(None));
        let named = at("amqps://h/plant/$Management", Direction::FromHub);
        assert_eq!(named, of(Some("plant")));
    }

    #[test]
    fn whoever_sends_to_an_entity_or_its_partition_is_a_producer() {
        let producer = Some(Node::Producer {
            entity: "plant".to_owned(),
        });

        assert_eq!(at("amqps://h/plant", Direction::ToHub), producer);
        assert_eq!(at("plant/Partitions/0", Direction::ToHub), producer);
    }

    #[test]
    fn other_addresses_are_somebody_elses() {
        for (address, direction) in [
            ("$cbs", Direction::ToHub),
            ("", Direction::ToHub),
            ("plant", Direction::FromHub),
            ("/messages/devicebound", Direction::ToHub),
            ("/messages/serviceBound/feedback", Direction::FromHub),
            ("/devices/pump-7/messages/events", Direction::ToHub),
            ("/devices/pump-7/messages/devicebound", Direction::FromHub),
            ("plant/ConsumerGroups/$Default", Direction::FromHub),
            ("plant/ConsumerGroups/g/Partitions/0", Direction::ToHub),
        ] {
            assert_eq!(at(address, direction), None, "{address}");
        }
    }
}
