//! Conditions on events.

use serde_json::{Value, json};
use twinhub_core::routing::{Condition, MAX_CONDITION, Position, Sample, TwinSection};

/// A text is compiled, or refused with a place inside it; what is compiled
/// has an outcome for every message, which blanks around it don't change.
pub fn routing_condition(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    let condition = match Condition::compile(text) {
        Ok(condition) => condition,
        Err(refusal) => {
            let (start, end) = (refusal.span.start, refusal.span.end);
            assert!(in_order(start, end), "{refusal}");
            assert!(start.line <= text.matches('\n').count() + 1, "{refusal}");
            assert!(!refusal.problem.is_empty());
            return;
        }
    };
    assert!(text.len() <= MAX_CONDITION);
    let outcomes = samples().map(|sample| condition.evaluate(&sample));
    if let Ok(padded) = Condition::compile(&format!("\n /*'*/{text} ")) {
        assert_eq!(samples().map(|sample| padded.evaluate(&sample)), outcomes);
    } else {
        assert!(text.len() + "\n /*'*/ ".len() > MAX_CONDITION);
    }
    let reads_body = condition.reads_body();
    assert!(outcomes.iter().all(|outcome| outcome.is_ok() || reads_body));
}

fn in_order(start: Position, end: Position) -> bool {
    (start.line, start.column) <= (end.line, end.column) && start.line > 0 && start.column > 0
}

/// One with a body and a twin, one without either.
fn samples() -> [Sample; 2] {
    let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    let system = [
        pair("contentType", "application/json"),
        pair("contentEncoding", "utf-8"),
        pair("messageId", "7"),
    ];
    let application = [
        ("key1".to_owned(), Some("value1".to_owned())),
        ("none".to_owned(), None),
    ];
    let body = json!({"a": [{"b": 1.5}, "text", null, true], "at": "2017-03-09T00:00:00Z"});
    let tags = json!({"site": {"hall": 3}});
    let Value::Object(tags) = tags else {
        return [bare(), bare()];
    };
    let whole = Sample::new(system, application, &body.to_string());
    [whole.with_twin(TwinSection::Tags, tags), bare()]
}

fn bare() -> Sample {
    Sample::new([], [], "")
}
