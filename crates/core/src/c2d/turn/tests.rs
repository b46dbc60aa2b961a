use bytes::Bytes;

use super::*;
use crate::c2d::{Acknowledgement, DEFAULT_LOCK, MAX_QUEUE_DEPTH, Queue};
use crate::ids::{DeviceId, IdentityId};
use crate::messages::Message;

const START: Timestamp = Timestamp::from_ticks(638_000_000_000_000_000);
const SECOND: Duration = Duration::from_secs(1);
const HOUR: Duration = Duration::from_secs(3600);

/// A queue and its clock.
struct Bench {
    record: QueueRecord,
    rules: CloudToDeviceSettings,
    now: Timestamp,
}

impl Bench {
    fn new() -> Self {
        Bench {
            record: QueueRecord {
                identity: IdentityId::from(DeviceId::parse("pump-7").unwrap()),
                queue: Queue::default(),
            },
            rules: CloudToDeviceSettings::default(),
            now: START,
        }
    }

    /// A queue with messages that want every feedback.
    fn with_messages(count: usize) -> Self {
        let mut bench = Bench::new();
        for _ in 0..count {
            bench.enqueue(&message(Acknowledgement::Full)).unwrap();
        }
        bench
    }

    fn later(&mut self, span: Duration) {
        self.now = self.now.plus(span);
    }

    fn turn<T>(&mut self, act: impl FnOnce(&mut Turn<'_>) -> T) -> (T, Outcome) {
        let mut turn = Turn::begin(self.record.clone(), &self.rules, self.now);
        let done = act(&mut turn);
        let outcome = turn.finish();
        self.record = outcome.record.clone();
        (done, outcome)
    }

    fn enqueue(&mut self, new: &NewMessage) -> Result<u64, SendError> {
        self.turn(|turn| turn.enqueue(new)).0
    }

    fn receive(&mut self, holder: Holder) -> Option<Entry> {
        let token = LockToken::random();
        self.turn(|turn| turn.receive(holder, token, DEFAULT_LOCK))
            .0
    }

    fn receive_token(&mut self) -> LockToken {
        self.receive(Holder::Request).unwrap().lock.unwrap().token
    }

    fn settle(&mut self, token: LockToken, settlement: Settlement) -> Outcome {
        let (settled, outcome) = self.turn(|turn| turn.settle(&token, settlement));
        settled.unwrap();
        outcome
    }

    fn wait(&mut self, span: Duration) -> Outcome {
        self.later(span);
        self.turn(|_| ()).1
    }
}

fn message(ack: Acknowledgement) -> NewMessage {
    NewMessage {
        message: Message {
            system: vec![(SystemProperty::MessageId, "m-1".into())],
            application: Vec::new(),
            body: Bytes::from_static(b"stop"),
        },
        ack,
        expires: None,
    }
}

fn session(handle: u32) -> Holder {
    Holder::Session { handle }
}

fn end(status: FeedbackStatus) -> Vec<End> {
    vec![End {
        message_id: Some("m-1".into()),
        status,
    }]
}

#[test]
fn messages_are_received_in_the_order_they_were_sent_in() {
    let mut bench = Bench::with_messages(3);

    let numbers: Vec<_> = (0..3)
        .filter_map(|_| bench.receive(Holder::Request))
        .map(|entry| entry.sequence_number)
        .collect();

    assert_eq!(numbers, [1, 2, 3]);
    assert_eq!(bench.receive(Holder::Request), None);
}

#[test]
fn a_full_queue_refuses_whoever_holds_its_messages() {
    let mut bench = Bench::with_messages(MAX_QUEUE_DEPTH);
    let token = bench.receive_token();

    let refused = bench.enqueue(&message(Acknowledgement::None));
    assert!(matches!(refused, Err(SendError::QueueFull(_))));

    bench.settle(token, Settlement::Complete);
    assert_eq!(bench.enqueue(&message(Acknowledgement::None)).unwrap(), 51);
}

#[test]
fn a_message_may_have_64_kilobytes_and_no_more() {
    let mut bench = Bench::new();
    let mut new = message(Acknowledgement::None);

    new.message.body = vec![0; MAX_CLOUD_TO_DEVICE - "m-1".len()].into();
    assert!(bench.enqueue(&new).is_ok());

    new.message.body = vec![0; MAX_CLOUD_TO_DEVICE - "m-1".len() + 1].into();
    let refused = bench.enqueue(&new);
    assert!(matches!(refused, Err(SendError::TooLarge { size }) if size == 64 * 1024 + 1));
}

#[test]
fn an_expiry_lies_in_the_next_two_days() {
    let mut bench = Bench::new();
    let mut at = |expires| {
        let mut new = message(Acknowledgement::None);
        new.expires = Some(expires);
        bench.enqueue(&new)
    };

    assert!(at(START.plus(SECOND)).is_ok());
    assert!(at(START.plus(MAX_TTL)).is_ok());
    for refused in [START, START.minus(SECOND), START.plus(MAX_TTL + SECOND)] {
        let refused = at(refused);
        assert!(matches!(refused, Err(SendError::InvalidExpiry { .. })));
    }
}

#[test]
fn a_message_without_expiry_lasts_as_long_as_the_setting_says() {
    let mut bench = Bench::with_messages(1);

    assert_eq!(bench.record.queue.due(), Some(START.plus(HOUR)));
    assert!(bench.wait(HOUR - SECOND).removed.is_empty());
    assert_eq!(bench.wait(SECOND).ends, end(FeedbackStatus::Expired));
    assert_eq!(bench.record.queue.due(), None);
}

#[test]
fn a_locked_message_does_not_expire_before_its_lock() {
    let mut bench = Bench::with_messages(1);
    bench.later(HOUR - SECOND);
    let token = bench.receive_token();

    assert!(bench.wait(2 * SECOND).removed.is_empty());
    let outcome = bench.settle(token, Settlement::Complete);

    assert_eq!(outcome.ends, end(FeedbackStatus::Success));
}

#[test]
fn a_message_whose_lock_runs_out_after_its_expiry_is_gone() {
    let mut bench = Bench::with_messages(1);
    bench.later(HOUR - SECOND);
    bench.receive_token();

    let outcome = bench.wait(DEFAULT_LOCK);

    assert_eq!(outcome.ends, end(FeedbackStatus::Expired));
    assert!(!outcome.waiting);
}

#[test]
fn the_sender_hears_of_the_ends_it_asked_for() {
    let cases = [
        (Acknowledgement::None, false, false),
        (Acknowledgement::Positive, true, false),
        (Acknowledgement::Negative, false, true),
        (Acknowledgement::Full, true, true),
    ];
    for (ack, hears_of_success, hears_of_failure) in cases {
        let mut bench = Bench::new();
        bench.enqueue(&message(ack)).unwrap();
        bench.enqueue(&message(ack)).unwrap();

        let token = bench.receive_token();
        let completed = bench.settle(token, Settlement::Complete).ends;
        let token = bench.receive_token();
        let rejected = bench.settle(token, Settlement::Reject).ends;

        let success = end(FeedbackStatus::Success);
        assert_eq!(completed == success, hears_of_success, "{ack}");
        assert_eq!(completed.is_empty(), !hears_of_success, "{ack}");
        let failure = end(FeedbackStatus::Rejected);
        assert_eq!(rejected == failure, hears_of_failure, "{ack}");
        assert_eq!(rejected.is_empty(), !hears_of_failure, "{ack}");
    }
}

#[test]
fn an_abandoned_message_comes_again_before_newer_ones_and_counts() {
    let mut bench = Bench::with_messages(2);
    let token = bench.receive_token();

    let outcome = bench.settle(token, Settlement::Abandon);
    let again = bench.receive(Holder::Request).unwrap();

    assert!(outcome.waiting);
    assert_eq!(again.sequence_number, 1);
    assert_eq!(again.delivery_count, 1);
    assert!(again.delivered);
}

#[test]
fn a_message_that_is_abandoned_too_often_is_dead_lettered() {
    let mut bench = Bench::with_messages(1);
    bench.rules.max_delivery_count = 3;

    for _ in 0..2 {
        let token = bench.receive_token();
        assert!(bench.settle(token, Settlement::Abandon).removed.is_empty());
    }
    let token = bench.receive_token();
    let last = bench.settle(token, Settlement::Abandon);

    assert_eq!(last.removed, [1]);
    assert_eq!(last.ends, end(FeedbackStatus::DeliveryCountExceeded));
    assert!(!last.waiting);
}

#[test]
fn a_lock_that_runs_out_frees_the_message_and_does_not_count() {
    let mut bench = Bench::with_messages(1);
    bench.rules.max_delivery_count = 1;
    let token = bench.receive_token();

    assert!(!bench.wait(DEFAULT_LOCK - SECOND).changed);
    assert!(bench.wait(SECOND).waiting);
    let (settled, outcome) = bench.turn(|turn| turn.settle(&token, Settlement::Complete));

    assert_eq!(settled, Err(LockLost));
    assert!(!outcome.changed);
    let again = bench.receive(Holder::Request).unwrap();
    assert_eq!(again.delivery_count, 0);
}

#[test]
fn a_setting_lets_locks_that_run_out_count() {
    let mut bench = Bench::with_messages(1);
    bench.rules.lock_expiry_counts = true;
    bench.rules.max_delivery_count = 2;

    bench.receive_token();
    assert!(bench.wait(DEFAULT_LOCK).waiting);
    assert_eq!(bench.receive(Holder::Request).unwrap().delivery_count, 1);
    let outcome = bench.wait(DEFAULT_LOCK);

    assert_eq!(outcome.ends, end(FeedbackStatus::DeliveryCountExceeded));
}

#[test]
fn a_token_settles_once() {
    let mut bench = Bench::with_messages(1);
    let token = bench.receive_token();
    bench.settle(token, Settlement::Abandon);

    for settlement in [
        Settlement::Complete,
        Settlement::Reject,
        Settlement::Abandon,
    ] {
        let (settled, outcome) = bench.turn(|turn| turn.settle(&token, settlement));
        assert_eq!(settled, Err(LockLost));
        assert!(!outcome.changed);
    }
}

#[test]
fn a_lock_is_at_least_five_seconds_and_at_most_five_minutes_long() {
    for (asked, given) in [(0, 5), (42, 42), (4000, 300)] {
        let mut bench = Bench::with_messages(1);
        let (token, asked) = (LockToken::random(), Duration::from_secs(asked));

        let (entry, _) = bench.turn(|turn| turn.receive(Holder::Request, token, asked));

        let until = entry.unwrap().lock.unwrap().until;
        assert_eq!(until, START.plus(Duration::from_secs(given)));
    }
}

#[test]
fn a_session_resumes_what_earlier_ones_left_with_their_handles() {
    let mut bench = Bench::with_messages(4);
    let first = bench.receive(session(10)).unwrap();
    bench.receive(Holder::Request);
    bench.receive(session(11));

    let (resumed, _) = bench.turn(|turn| turn.resume(DEFAULT_LOCK, LockToken::random));

    let seen: Vec<_> = resumed
        .iter()
        .map(|entry| (entry.sequence_number, entry.handle, entry.delivered))
        .collect();
    assert_eq!(seen, [(1, Some(10), true), (3, Some(11), true)]);
    let old = first.lock.unwrap().token;
    let (settled, _) = bench.turn(|turn| turn.settle(&old, Settlement::Complete));
    assert_eq!(settled, Err(LockLost));
    assert_eq!(bench.receive(session(12)).unwrap().sequence_number, 4);
}

#[test]
fn a_session_that_returns_late_still_resumes() {
    let mut bench = Bench::with_messages(1);
    bench.receive(session(10));
    bench.wait(2 * DEFAULT_LOCK);

    let (resumed, _) = bench.turn(|turn| turn.resume(DEFAULT_LOCK, LockToken::random));

    assert_eq!(resumed.len(), 1);
    assert_eq!(resumed[0].handle, Some(10));
}

#[test]
fn a_message_that_went_to_somebody_else_is_not_resumed() {
    let mut bench = Bench::with_messages(1);
    bench.receive(session(10));
    bench.wait(2 * DEFAULT_LOCK);
    bench.receive(Holder::Request);

    let (resumed, outcome) = bench.turn(|turn| turn.resume(DEFAULT_LOCK, LockToken::random));

    assert_eq!(resumed, []);
    assert!(!outcome.changed);
}

#[test]
fn a_clean_session_gives_up_what_sessions_hold_and_nothing_else() {
    let mut bench = Bench::with_messages(2);
    bench.receive(session(10));
    let request = bench.receive_token();

    let ((), outcome) = bench.turn(|turn| turn.release());

    assert!(outcome.waiting);
    assert_eq!(bench.record.queue.entries[0].delivery_count, 0);
    assert_eq!(bench.receive(session(1)).unwrap().sequence_number, 1);
    bench.settle(request, Settlement::Complete);
}

#[test]
fn purging_removes_also_what_is_locked() {
    let mut bench = Bench::with_messages(3);
    let token = bench.receive_token();

    let (count, outcome) = bench.turn(|turn| turn.purge());

    assert_eq!(count, 3);
    assert_eq!(outcome.removed, [1, 2, 3]);
    assert!(
        outcome
            .ends
            .iter()
            .all(|end| end.status == FeedbackStatus::Purged)
    );
    let (settled, _) = bench.turn(|turn| turn.settle(&token, Settlement::Complete));
    assert_eq!(settled, Err(LockLost));
    let (count, outcome) = bench.turn(|turn| turn.purge());
    assert_eq!((count, outcome.changed), (0, false));
}

#[test]
fn numbers_go_on_after_a_purge() {
    let mut bench = Bench::with_messages(3);
    bench.turn(|turn| turn.purge());

    assert_eq!(bench.enqueue(&message(Acknowledgement::None)).unwrap(), 4);
}

#[test]
fn what_is_due_next_is_the_nearest_lock_or_expiry() {
    let mut bench = Bench::with_messages(2);
    bench.later(SECOND);
    bench.receive(Holder::Request);

    let lock_ends = START.plus(SECOND + DEFAULT_LOCK);
    assert_eq!(bench.record.queue.due(), Some(lock_ends));

    bench.wait(DEFAULT_LOCK);
    assert_eq!(bench.record.queue.due(), Some(START.plus(HOUR)));
}

#[test]
fn what_is_given_back_is_available_at_once_and_does_not_count() {
    let mut bench = Bench::with_messages(3);
    let session = Holder::Session { handle: 0 };
    let first = bench.receive(session).unwrap().lock.unwrap().token;
    let kept = bench.receive(session).unwrap().lock.unwrap().token;
    let gone = bench.receive_token();
    bench.settle(gone, Settlement::Complete);

    let ((), outcome) = bench.turn(|turn| turn.give_back(&[first, gone]));

    assert!(outcome.changed && outcome.waiting);
    let again = bench.receive(session).unwrap();
    assert_eq!((again.sequence_number, again.delivery_count), (1, 0));
    assert!(again.delivered);
    assert_eq!(bench.receive(session), None);
    bench.settle(kept, Settlement::Complete);
}
