//! What a device sends over HTTPS.

use std::collections::BTreeSet;

use twinhub_http::documents::message_batch::{MAX_MESSAGES, parse_batch};

/// A batch that is taken has messages, not too many of them, each with a
/// system property at most once and names for all of its own; it is not larger
/// than what was sent.
pub fn message_batch(bytes: &[u8]) {
    let Ok(messages) = parse_batch(bytes) else {
        return;
    };
    assert!((1..=MAX_MESSAGES).contains(&messages.len()));
    let sizes = messages.iter().map(|message| message.size());
    assert!(sizes.sum::<usize>() <= bytes.len());
    for message in &messages {
        let known: BTreeSet<_> = message.system.iter().map(|(known, _)| *known).collect();
        assert_eq!(known.len(), message.system.len());
        assert!(message.application.iter().all(|(name, _)| !name.is_empty()));
    }
}
