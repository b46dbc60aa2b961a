//! Producers and commits.

use super::{Given, append, durable, payloads, wait_all};
use crate::{AppendError, MAX_PAYLOAD, OpenError};

#[test]
fn what_was_appended_is_read_after_reopening() {
    let given = Given::new();
    let log = given.open();
    append(&log, 2, [&b"one"[..], b"", b"three"]);
    log.close();

    let log = given.open();

    assert_eq!(payloads(&log, 2, 0), [&b"one"[..], b"", b"three"]);
    assert_eq!(payloads(&log, 0, 0), [b""; 0]);
    let partition = log.partition(2).unwrap();
    assert_eq!((partition.first, partition.next), (0, 3));
    assert_eq!(partition.newest.map(|(_, enqueued)| enqueued), Some(3));
}

#[test]
fn numbers_and_offsets_go_on_after_reopening() {
    let given = Given::new();
    for _ in 0..3 {
        append(&given.open(), 1, [&b"x"[..]]);
    }

    let records = given.open().read(1, 0, usize::MAX).unwrap();

    // A read may end with its segment.
    assert_eq!(records[0].sequence_number, 0);
    let log = given.open();
    let mut offsets = Vec::new();
    for number in 0..3 {
        let record = &log.read(1, number, 1).unwrap()[0];
        assert_eq!(record.sequence_number, number);
        offsets.push(record.offset);
    }
    assert!(offsets.is_sorted_by(|a, b| a < b), "{offsets:?}");
}

#[test]
fn records_of_many_producers_keep_the_order_of_each() {
    let given = Given::new();
    let log = given.open();

    std::thread::scope(|scope| {
        for name in 0..8_u8 {
            let log = &log;
            scope.spawn(move || {
                let mut producer = log.producer();
                for number in 0..500_u16 {
                    let partition = u16::from(name % 4);
                    let payload = [&[name][..], &number.to_be_bytes()].concat();
                    let encode = |out: &mut Vec<u8>| out.extend_from_slice(&payload);
                    producer.append(partition, 0, 0, encode).unwrap();
                    if number % 7 == 0 {
                        producer.hand_over();
                    }
                }
                producer.hand_over();
                assert_eq!(wait_all(&mut producer, 500).unwrap(), 500);
            });
        }
    });

    for partition in 0..4 {
        let all = payloads(&log, partition, 0);
        assert_eq!(all.len(), 1000);
        for name in [partition, partition + 4] {
            let of_one = all.iter().filter(|payload| u16::from(payload[0]) == name);
            let numbers: Vec<u16> = of_one
                .map(|payload| u16::from_be_bytes([payload[1], payload[2]]))
                .collect();
            assert!(numbers.iter().copied().eq(0..500), "{numbers:?}");
        }
    }
}

#[test]
fn nothing_is_written_before_it_is_handed_over() {
    let given = Given::new();
    let log = given.open();
    let mut producer = log.producer();
    producer.append(0, 0, 0, |out| out.push(1)).unwrap();
    drop(producer);

    append(&log, 0, [&[2][..]]);

    assert_eq!(payloads(&log, 0, 0), [[2]]);
}

#[test]
fn a_producer_that_is_gone_loses_nothing_that_it_handed_over() {
    let given = Given::new();
    let log = given.open();
    let mut producer = log.producer();
    producer.append(0, 0, 0, |out| out.push(1)).unwrap();
    producer.hand_over();
    drop(producer);
    log.close();

    assert_eq!(payloads(&given.open(), 0, 0), [[1]]);
}

#[test]
fn too_much_at_once_makes_producers_wait_until_there_is_room() {
    let mut given = Given::new();
    given.options.queue_bytes = 1;
    given.options.commit_interval = std::time::Duration::from_millis(50);
    let log = given.open();
    let (mut first, mut second) = (log.producer(), log.producer());
    let mut refused = 0;

    for number in 0..20_u8 {
        for producer in [&mut first, &mut second] {
            loop {
                match producer.append(0, 0, 0, |out| out.push(number)) {
                    Ok(()) => break,
                    Err(error) => assert_eq!(error, AppendError::Busy),
                }
                refused += 1;
                // Known to be durable or not: it is woken once there is room.
                durable(producer, u64::from(number)).unwrap();
            }
            producer.hand_over();
        }
    }

    assert!(refused > 0, "the queue was never full");
    wait_all(&mut first, 20).unwrap();
    wait_all(&mut second, 20).unwrap();
    assert_eq!(payloads(&log, 0, 0).len(), 40);
}

#[test]
fn a_payload_that_is_too_large_is_refused_and_the_next_is_taken() {
    let given = Given::new();
    let log = given.open();
    let mut producer = log.producer();

    let refused = producer.append(0, 0, 0, |out| out.resize(out.len() + MAX_PAYLOAD + 1, 0));
    producer.append(0, 0, 0, |out| out.push(1)).unwrap();
    producer.hand_over();

    assert_eq!(refused, Err(AppendError::TooLarge));
    wait_all(&mut producer, 1).unwrap();
    assert_eq!(payloads(&log, 0, 0), [[1]]);
}

#[test]
fn a_record_larger_than_a_segment_gets_a_larger_segment() {
    let given = Given::new();
    let log = given.open();
    let large = vec![5; 1 << 20];

    append(&log, 0, [&b"small"[..], &large, b"small"]);

    assert_eq!(payloads(&log, 0, 0), [&b"small"[..], &large, b"small"]);
}

#[test]
fn the_number_of_partitions_stays() {
    let mut given = Given::new();
    drop(given.open());
    given.options.partitions = 5;

    let refused = given.refused();

    assert!(
        matches!(
            refused,
            OpenError::Partitions {
                found: 4,
                wanted: 5
            }
        ),
        "{refused}"
    );
}

#[test]
fn a_closed_log_refuses_and_wakes_those_who_wait() {
    let given = Given::new();
    let log = given.open();
    let mut producer = log.producer();
    log.close();

    producer.append(0, 0, 0, |out| out.push(1)).unwrap();
    producer.hand_over();

    assert!(durable(&mut producer, 0).is_err());
    assert!(super::block_on(log.wait_for(0, 0)).is_err());
}

#[test]
fn an_idle_producer_is_small() {
    assert!(size_of::<crate::Producer>() <= 96);
}
