//! Samples of what each released format left on disk. Never edit one: a later
//! build must read what an earlier one wrote.

use twinhub_core::c2d::{Acknowledgement, FeedbackStatus, LockToken};
use twinhub_core::ids::DeviceId;
use twinhub_core::messages::SystemProperty;

use super::*;

fn pump() -> IdentityId {
    DeviceId::parse("pump-7").unwrap().into()
}

/// A message nobody holds, and one that a session holds and feedback names.
#[rustfmt::skip]
const QUEUE: &[u8] = &[
    7, 0, 0, 0, 0, 0, 0, 0,
    // Number, enqueued, expires, delivery count, flags.
    6, 0, 0, 0, 0, 0, 0, 0,  1, 0, 0, 0, 0, 0, 0, 0,  5, 1, 0, 0, 0, 0, 0, 0,  0, 0, 0, 0,  0,
    7, 0, 0, 0, 0, 0, 0, 0,  2, 0, 0, 0, 0, 0, 0, 0,  9, 0, 0, 0, 0, 0, 0, 0,  3, 0, 0, 0,  0b11_1110,
    // Token, end of the lock, handle, message ID.
    0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15,  8, 0, 0, 0, 0, 0, 0, 0,
    255, 255, 0, 0,  3, 0, 0, 0, b'm', b'-', b'1',
];

#[test]
fn a_queue_of_format_1_is_read_and_written_alike() {
    let row = QueueRow {
        format: 1,
        messages: 2,
        due: Some(8),
        state: QUEUE.to_vec(),
    };

    let queue = row.decode(&pump()).unwrap();

    assert_eq!(queue.last_sequence_number, 7);
    let [free, held] = &queue.entries[..] else {
        panic!("{queue:?} has not two entries");
    };
    assert_eq!((free.sequence_number, free.lock), (6, None));
    assert_eq!(free.expires.ticks(), 261);
    assert_eq!(held.ack, Acknowledgement::Negative);
    assert!(held.delivered);
    assert_eq!((held.delivery_count, held.handle), (3, Some(65_535)));
    assert_eq!(held.message_id.as_deref(), Some("m-1"));
    let token = LockToken::from_bytes(std::array::from_fn(|at| u8::try_from(at).unwrap()));
    assert_eq!(held.lock.unwrap().token, token);
    let written = QueueRow::encode(&queue);
    assert_eq!(written.state, QUEUE);
    assert_eq!((written.messages, written.due), (row.messages, row.due));
}

#[test]
fn a_queue_that_is_cut_or_has_unknown_flags_is_an_error_and_no_panic() {
    let whole = QueueRow {
        format: 1,
        messages: 2,
        due: None,
        state: QUEUE.to_vec(),
    };
    let first_entry_ends = 8 + 29;
    for length in 0..QUEUE.len() {
        let cut = QueueRow {
            state: QUEUE[..length].to_vec(),
            ..whole.clone()
        };
        let is_whole = length == 8 || length == first_entry_ends;
        assert_eq!(cut.decode(&pump()).is_ok(), is_whole, "{length}");
    }
    let mut unknown = whole;
    unknown.state[first_entry_ends - 1] = 0x80;

    let error = unknown.decode(&pump()).unwrap_err();

    assert_eq!(
        error.to_string(),
        "the queue of pump-7 can't be read as record format 1"
    );
}

#[test]
fn a_message_of_format_1_is_read_and_written_alike() {
    let properties = r#"{"system":[["message_id","m-1"],["content_type","application/json"]],"application":[["hall","7"],["flag",null]]}"#;
    let row = MessageRow {
        format: 1,
        properties: properties.to_owned(),
        body: Bytes::from_static(b"stop"),
    };

    let message = row.decode(&pump(), 1).unwrap();

    assert_eq!(message.system(SystemProperty::MessageId), Some("m-1"));
    assert_eq!(message.application[1], ("flag".into(), None));
    assert_eq!(message.body, "stop");
    assert_eq!(MessageRow::encode(&message).properties, properties);
}

#[test]
fn feedback_of_format_1_is_read_and_written_alike() {
    let cases = [
        (
            r#"{"message":"m-1","status":"delivery_count_exceeded","device":"pump-7","module":"sensor","generation":5}"#,
            FeedbackStatus::DeliveryCountExceeded,
        ),
        (
            r#"{"status":"success","device":"pump-7","generation":5}"#,
            FeedbackStatus::Success,
        ),
    ];
    for (doc, status) in cases {
        let row = FeedbackRow {
            format: 1,
            enqueued: 4,
            doc: doc.to_owned(),
        };

        let record = row.decode(1).unwrap();

        assert_eq!(record.status, status);
        assert_eq!(record.generation.ticks(), 5);
        assert_eq!(FeedbackRow::encode(&record).doc, doc);
    }
}

#[test]
fn a_feedback_book_of_format_1_is_read_and_written_alike() {
    let doc = r#"{"batched_through":9,"batches":[{"first":1,"last":4,"made":6,"delivery_count":2,"lock":["00010203-0405-0607-0809-0a0b0c0d0e0f",8]},{"first":5,"last":9,"made":7,"delivery_count":0}]}"#;
    let row = FeedbackBookRow {
        format: 1,
        doc: doc.to_owned(),
    };

    let hub = HubName::parse("plant").unwrap();
    let book = row.decode(&hub).unwrap();

    assert_eq!(book.batched_through, 9);
    assert_eq!(book.batches[0].lock.unwrap().until.ticks(), 8);
    assert_eq!(FeedbackBookRow::encode(&book).doc, doc);
}
