//! What the words of an attach take in memory.
//!
//! An attach is kept as long as its link, and a peer may put much into it: a
//! connection has a budget for all of them together.

use twinhub_amqp_engine::descriptor::Descriptor;
use twinhub_amqp_engine::performatives::{Attach, AttachTarget, DeliveryState, Source, Target};
use twinhub_amqp_engine::value::{Map, Symbol, Value};

/// What an attach takes in memory, or nearly so; in bytes.
pub(super) fn of_attach(attach: &Attach) -> usize {
    size_of::<Attach>()
        + attach.name.len()
        + attach.source.as_ref().map_or(0, of_source)
        + attach.target.as_ref().map_or(0, of_attach_target)
        + attach.unsettled.as_ref().map_or(0, of_map)
        + of_symbols(&attach.offered_capabilities)
        + of_symbols(&attach.desired_capabilities)
        + of_map(&attach.properties)
}

fn of_source(source: &Source) -> usize {
    source.address.as_ref().map_or(0, |address| address.len())
        + of_map(&source.dynamic_node_properties)
        + of_map(&source.filter)
        + source.default_outcome.as_ref().map_or(0, of_state)
        + of_symbols(&source.outcomes)
        + of_symbols(&source.capabilities)
}

fn of_attach_target(target: &AttachTarget) -> usize {
    match target {
        AttachTarget::Node(target) => of_target(target),
        AttachTarget::Other(other) => of_descriptor(&other.descriptor) + of_value(&other.value),
    }
}

fn of_target(target: &Target) -> usize {
    target.address.as_ref().map_or(0, |address| address.len())
        + of_map(&target.dynamic_node_properties)
        + of_symbols(&target.capabilities)
}

fn of_state(state: &DeliveryState) -> usize {
    match state {
        DeliveryState::Received(_) | DeliveryState::Accepted | DeliveryState::Released => 0,
        DeliveryState::Rejected(rejected) => rejected.error.as_ref().map_or(0, |error| {
            let description = error.description.as_ref();
            description.map_or(0, |text| text.len()) + of_map(&error.info)
        }),
        DeliveryState::Modified(modified) => of_map(&modified.message_annotations),
        DeliveryState::Other(other) => of_descriptor(&other.descriptor) + of_value(&other.value),
    }
}

fn of_map(map: &Map) -> usize {
    map.iter()
        .map(|(key, value)| of_value(key) + of_value(value))
        .sum()
}

fn of_symbols(symbols: &[Symbol]) -> usize {
    let each = symbols.iter().map(|symbol| symbol.as_str().len());
    size_of_val(symbols) + each.sum::<usize>()
}

fn of_descriptor(descriptor: &Descriptor) -> usize {
    match descriptor {
        Descriptor::Code(_) => 0,
        Descriptor::Name(name) => name.as_str().len(),
    }
}

fn of_value(value: &Value) -> usize {
    let beyond = match value {
        Value::Binary(bytes) => bytes.len(),
        Value::String(text) => text.len(),
        Value::Symbol(symbol) => symbol.as_str().len(),
        Value::List(items) => items.iter().map(of_value).sum(),
        Value::Array(array) => array.items().iter().map(of_value).sum(),
        Value::Map(map) => of_map(map),
        Value::Described(described) => {
            of_descriptor(&described.descriptor) + of_value(&described.value)
        }
        _ => 0,
    };
    size_of::<Value>() + beyond
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_small_on_the_wire_weighs_what_it_takes() {
        // A null is a byte on the wire.
        let nulls = Value::List(vec![Value::Null; 1000]);

        assert_eq!(of_value(&nulls), 1001 * size_of::<Value>());
        assert_eq!(of_value(&Value::from("text")), size_of::<Value>() + 4);
        let map = Map::new().with("key", 1_i32);
        assert_eq!(of_map(&map), 2 * size_of::<Value>() + 3);
    }
}
