//! What nodes are called: a hub's devices, partitions and policies, or the
//! queues of another server.

use twinhub_amqp_engine::descriptor::Descriptor;
use twinhub_amqp_engine::{
    performatives::{Source, Target as NodeTarget},
    value::{Described, Map, Symbol, Value},
};

use crate::target::Target;

/// Another server has as many queues as a hub has partitions by default.
pub const QUEUES: usize = 4;
const FILTER: &str = "apache.org:selector-filter:string";
/// A terminus that keeps its configuration and what is unsettled.
const DURABLE: u32 = 2;

/// Where `device`, the `index`th of all, sends its telemetry.
pub fn telemetry(target: &Target, device: &str, index: usize) -> NodeTarget {
    match target.hub() {
        Some(_) => to(format!("/devices/{device}/messages/events")),
        None => NodeTarget {
            durable: DURABLE,
            ..to(queue(index % QUEUES))
        },
    }
}

/// A node to send to.
pub fn to(address: String) -> NodeTarget {
    NodeTarget {
        address: Some(address.into()),
        ..NodeTarget::default()
    }
}

/// A node to receive from.
pub fn from(address: String) -> Source {
    Source {
        address: Some(address.into()),
        ..Source::default()
    }
}

/// All that another server's queue holds.
pub fn all_of_queue(index: usize) -> Source {
    Source {
        durable: DURABLE,
        ..from(queue(index))
    }
}

/// All that a hub's partition holds, from its beginning.
pub fn all_of_partition(entity: &str, partition: usize) -> Source {
    let name = Symbol::from_static(FILTER);
    let filter = Described {
        descriptor: Descriptor::Name(name.clone()),
        value: Value::from("amqp.annotation.x-opt-offset > '-1'"),
    };
    Source {
        filter: Map::new().with(name, filter),
        ..from(format!(
            "{entity}/ConsumerGroups/$Default/Partitions/{partition}"
        ))
    }
}

fn queue(index: usize) -> String {
    format!("/queue/bench-{index}")
}
