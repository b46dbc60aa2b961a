use super::*;
use crate::ids::DeviceId;

const START: Timestamp = Timestamp::from_ticks(638_000_000_000_000_000);

fn waiting(count: usize) -> Vec<NumberedFeedback> {
    (0..count as u64)
        .map(|number| NumberedFeedback {
            number,
            record: FeedbackRecord {
                original_message_id: None,
                enqueued: START,
                status: FeedbackStatus::Success,
                identity: DeviceId::parse("pump-7").unwrap().into(),
                generation: START,
            },
        })
        .collect()
}

fn lock(now: Timestamp) -> Lock {
    Lock {
        token: LockToken::random(),
        until: now.plus(FeedbackSettings::default().lock),
    }
}

fn with_batch() -> FeedbackBook {
    let mut book = FeedbackBook::default();
    book.add((3, 9), START);
    book
}

#[test]
fn a_batch_is_ready_when_it_is_full_or_its_oldest_record_waited() {
    let soon = START.plus(READY_AFTER - Duration::from_nanos(100));

    assert!(!is_ready(&waiting(0), START.plus(READY_AFTER)));
    assert!(!is_ready(&waiting(MAX_FEEDBACK_BATCH - 1), soon));
    assert!(is_ready(&waiting(MAX_FEEDBACK_BATCH), START));
    assert!(is_ready(&waiting(1), START.plus(READY_AFTER)));
}

#[test]
fn a_batch_is_held_by_one_reader_and_gone_when_completed() {
    let mut book = with_batch();
    let lock = lock(START);

    let batch = book.receive(lock).unwrap();

    assert_eq!(batch.records, (3, 9));
    assert_eq!(book.receive(self::lock(START)), None);
    assert_eq!(book.complete(&lock.token), Ok((3, 9)));
    assert_eq!(book.complete(&lock.token), Err(BatchLost));
    assert_eq!(book.batched_through, 9);
}

#[test]
fn an_abandoned_batch_is_given_to_the_next_who_asks() {
    let mut book = with_batch();
    let first = lock(START);
    book.receive(first);

    book.abandon(&first.token).unwrap();
    let again = book.receive(lock(START)).unwrap();

    assert_eq!(again.delivery_count, 1);
    assert_eq!(book.abandon(&first.token), Err(BatchLost));
}

#[test]
fn a_lock_that_runs_out_frees_the_batch() {
    let mut book = with_batch();
    let rules = FeedbackSettings::default();
    let lock = lock(START);
    book.receive(lock);

    assert_eq!(book.catch_up(&rules, lock.until.minus(rules.lock)), []);
    assert_eq!(book.receive(self::lock(START)), None);
    assert_eq!(book.catch_up(&rules, lock.until), []);

    assert_eq!(book.complete(&lock.token), Err(BatchLost));
    assert!(book.receive(self::lock(lock.until)).is_some());
}

#[test]
fn a_batch_that_comes_back_too_often_or_is_too_old_is_given_up() {
    let rules = FeedbackSettings {
        max_delivery_count: 1,
        ..FeedbackSettings::default()
    };
    let mut often = with_batch();
    let lock = lock(START);
    often.receive(lock);
    often.abandon(&lock.token).unwrap();
    let mut old = with_batch();

    assert_eq!(often.catch_up(&rules, START), [(3, 9)]);
    assert_eq!(old.catch_up(&rules, START.plus(rules.ttl)), [(3, 9)]);
    assert_eq!(often.batches, []);
}
