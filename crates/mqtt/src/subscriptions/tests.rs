use super::*;

fn every_filter() -> Subscriptions {
    let mut subscriptions = Subscriptions::default();
    for (filter, grant) in [
        (Filter::ModuleEverything, Grant::AtLeastOnce),
        (Filter::ModuleInputs, Grant::AtLeastOnce),
        (Filter::DeviceBound, Grant::AtLeastOnce),
        (Filter::Method("reboot".into()), Grant::AtMostOnce),
        (Filter::Methods, Grant::AtMostOnce),
        (Filter::DesiredChanges, Grant::AtLeastOnce),
        (Filter::TwinResponses, Grant::AtMostOnce),
    ] {
        subscriptions.insert(filter, grant).unwrap();
    }
    subscriptions
}

/// What version 1 wrote for [`every_filter`]: on disks, so never to change.
const FROZEN: &[u8] = b"\x01\x01\x00\x02\x01\x03\x00\x04\x00\x06reboot\x05\x01\x06\x01\x07\x01";

#[test]
fn the_frozen_record_is_written_and_read() {
    assert_eq!(every_filter().to_record(), FROZEN);
    assert_eq!(Subscriptions::from_record(FROZEN), Ok(every_filter()));
}

#[test]
fn an_empty_set_is_a_record_too() {
    let empty = Subscriptions::default();

    assert_eq!(Subscriptions::from_record(&empty.to_record()), Ok(empty));
}

#[test]
fn a_record_that_is_cut_or_damaged_is_refused() {
    assert_eq!(
        Subscriptions::from_record(b""),
        Err(UnreadableRecord::Damaged)
    );
    assert_eq!(
        Subscriptions::from_record(b"\x02\x01\x00"),
        Err(UnreadableRecord::Version(2))
    );
    for damaged in [
        b"\x01\x01".as_slice(),
        b"\x01\x01\x02",
        b"\x01\x08\x00",
        b"\x01\x04\x00",
        b"\x01\x04\x00\x07reboot",
        b"\x01\x04\x00\x00",
        b"\x01\x04\x00\x02\xc3\x28",
        b"\x01\x04\x00\x03a/b",
    ] {
        assert_eq!(
            Subscriptions::from_record(damaged),
            Err(UnreadableRecord::Damaged),
            "{damaged:?}"
        );
    }
}

#[test]
fn a_filter_is_held_once_with_its_last_grant() {
    let mut subscriptions = Subscriptions::default();
    subscriptions
        .insert(Filter::TwinResponses, Grant::AtMostOnce)
        .unwrap();
    let before = subscriptions.clone();

    subscriptions
        .insert(Filter::TwinResponses, Grant::AtLeastOnce)
        .unwrap();

    assert_eq!(
        subscriptions.grant(&Filter::TwinResponses),
        Some(Grant::AtLeastOnce)
    );
    assert_ne!(subscriptions, before);
    subscriptions.remove(&Filter::TwinResponses);
    assert_eq!(subscriptions, Subscriptions::default());
}

#[test]
fn filters_are_limited() {
    let mut subscriptions = Subscriptions::default();
    for number in 0..MAX_FILTERS {
        let method = Filter::method(&format!("m{number}")).unwrap();
        subscriptions.insert(method, Grant::AtMostOnce).unwrap();
    }

    let one_more = subscriptions.insert(Filter::Methods, Grant::AtMostOnce);

    assert_eq!(one_more, Err(TooMany));
    let again = Filter::method("m0").unwrap();
    assert_eq!(subscriptions.insert(again, Grant::AtLeastOnce), Ok(()));
}

#[test]
fn a_session_listens_to_what_is_subscribed_at_the_best_level() {
    let mut subscriptions = Subscriptions::default();
    assert_eq!(subscriptions.interests(), Interests::default());

    let (reboot, stop) = (
        MethodName::parse("reboot").unwrap(),
        MethodName::parse("stop").unwrap(),
    );
    for filter in [Filter::Method("reboot".into()), Filter::Method("ä".into())] {
        subscriptions.insert(filter, Grant::AtLeastOnce).unwrap();
    }
    let named = MethodInterest::Named([reboot.clone()].into());
    assert_eq!(subscriptions.interests().methods, named);
    assert_eq!(subscriptions.of_method(&stop), None);

    subscriptions
        .insert(Filter::Methods, Grant::AtMostOnce)
        .unwrap();
    assert_eq!(subscriptions.interests().methods, MethodInterest::All);
    assert_eq!(subscriptions.of_method(&reboot), Some(Grant::AtLeastOnce));
    assert_eq!(subscriptions.of_method(&stop), Some(Grant::AtMostOnce));
}

#[test]
fn messages_come_by_their_own_filter_and_by_the_one_for_everything() {
    for filter in [Filter::DeviceBound, Filter::ModuleEverything] {
        let mut subscriptions = Subscriptions::default();
        assert_eq!(subscriptions.of_messages(), None);

        subscriptions.insert(filter, Grant::AtMostOnce).unwrap();

        assert_eq!(subscriptions.of_messages(), Some(Grant::AtMostOnce));
        assert!(subscriptions.interests().messages);
    }
}
