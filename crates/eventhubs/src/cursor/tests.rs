use super::*;

fn known(first: u64, next: u64, last_offset: Option<u64>) -> PartitionState {
    PartitionState {
        first,
        next,
        last_offset,
        last_enqueued: None,
    }
}

fn start(beginning: Beginning) -> Result<Start, Refusal> {
    Start::of(beginning, &known(10, 20, Some(7_000)))
}

fn position(beginning: Beginning) -> StartPosition {
    start(beginning).unwrap().position
}

#[test]
fn positions_are_behind_what_is_named_or_from_it_on() {
    use Bound::{Exclusive, Inclusive};
    for (beginning, expected) in [
        (Beginning::Oldest, StartPosition::Earliest),
        (Beginning::Newest, StartPosition::Latest),
        (
            Beginning::Offset(7_000, Exclusive),
            StartPosition::AfterOffset(7_000),
        ),
        (
            Beginning::Offset(7_000, Inclusive),
            StartPosition::AfterOffset(6_999),
        ),
        (Beginning::Offset(0, Inclusive), StartPosition::Earliest),
        (
            Beginning::SequenceNumber(19, Exclusive),
            StartPosition::SequenceNumber(20),
        ),
        (
            Beginning::SequenceNumber(20, Inclusive),
            StartPosition::SequenceNumber(20),
        ),
        (
            Beginning::SequenceNumber(3, Exclusive),
            StartPosition::SequenceNumber(4),
        ),
    ] {
        assert_eq!(position(beginning), expected, "{beginning:?}");
    }
}

#[test]
fn events_that_never_were_are_no_place_to_begin_at() {
    use Bound::{Exclusive, Inclusive};
    for beginning in [
        Beginning::Offset(7_001, Inclusive),
        Beginning::Offset(u64::MAX, Exclusive),
        Beginning::SequenceNumber(20, Exclusive),
        Beginning::SequenceNumber(21, Inclusive),
        Beginning::SequenceNumber(u64::MAX, Exclusive),
    ] {
        let refused = start(beginning).unwrap_err();

        assert!(
            matches!(refused, Refusal::BeyondEnd { .. }),
            "{beginning:?}: {refused}"
        );
    }
}

#[test]
fn an_empty_partition_can_be_read_from_its_first_event_on() {
    let empty = known(0, 0, None);
    for beginning in [
        Beginning::Offset(0, Bound::Exclusive),
        Beginning::SequenceNumber(0, Bound::Inclusive),
    ] {
        assert!(Start::of(beginning, &empty).is_ok(), "{beginning:?}");
    }
}

#[test]
fn a_millisecond_is_over_when_the_next_one_begins() {
    let at = twinhub_amqp_engine::value::Timestamp(1_700_000_000_000);
    let moment = |millis| Timestamp::from_unix_millis(millis);

    let behind = start(Beginning::Enqueued(at, Bound::Exclusive)).unwrap();
    let from = start(Beginning::Enqueued(at, Bound::Inclusive)).unwrap();

    let expected = moment(1_700_000_000_001);
    assert_eq!(behind.position, StartPosition::EnqueuedFrom(expected));
    assert_eq!(behind.not_before, Some(expected));
    assert_eq!(from.not_before, Some(moment(1_700_000_000_000)));
}
