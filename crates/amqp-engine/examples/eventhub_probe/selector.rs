//! A reader's filter: from where on it wants events.

use twinhub_amqp_engine::performatives::Source;
use twinhub_amqp_engine::value::Value;

const SELECTOR: &str = "apache.org:selector-filter:string";

/// The first event that a reader wants, as its sequence number.
///
/// The key of the filter names it; its descriptor differs from client to client.
pub fn first_sequence_number(source: &Source, events: i64) -> Result<i64, String> {
    let Some(filter) = source.filter.get(SELECTOR) else {
        return Ok(0);
    };
    let expression = match filter.undescribed() {
        Value::String(text) => text.to_string(),
        Value::Binary(bytes) => String::from_utf8_lossy(bytes).into_owned(),
        other => return Err(format!("a selector of another type: {other:?}")),
    };
    let words: Vec<&str> = expression.split_whitespace().collect();
    let [name, operator, position] = words[..] else {
        return Err(format!("not a selector: {expression}"));
    };
    let position = position.trim_matches('\'');
    if position == "@latest" {
        return Ok(events);
    }
    let position: i64 = position
        .parse()
        .map_err(|_| format!("not a position: {position}"))?;
    match (name, operator) {
        // The probe's offsets are its sequence numbers.
        ("amqp.annotation.x-opt-sequence-number" | "amqp.annotation.x-opt-offset", ">") => {
            Ok(position + 1)
        }
        ("amqp.annotation.x-opt-sequence-number" | "amqp.annotation.x-opt-offset", ">=") => {
            Ok(position.max(0))
        }
        _ => Err(format!("a selector the probe does not know: {expression}")),
    }
}
