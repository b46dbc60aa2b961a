use super::*;
use crate::ids::DeviceId;
use crate::time::SystemClock;

const FIRST: Timestamp = Timestamp::from_ticks(1);
const SECOND: Timestamp = Timestamp::from_ticks(2);

/// A book, and somebody of whom it knows nothing.
fn unheard_of() -> (PresenceBook, HubName, IdentityId) {
    let hub = HubName::parse("plant").unwrap();
    let id = IdentityId::from(DeviceId::parse("pump-7").unwrap());
    (PresenceBook::new(Arc::new(SystemClock)), hub, id)
}

#[test]
fn an_old_connection_that_ends_late_does_not_disconnect_the_new_one() {
    let (book, hub, id) = unheard_of();
    let old = book.connected(&hub, &id, FIRST);
    let new = book.connected(&hub, &id, FIRST);

    drop(old);
    assert!(book.of(&hub, &id, FIRST, Activity::default()).connected);

    drop(new);
    assert!(!book.of(&hub, &id, FIRST, Activity::default()).connected);
}

#[test]
fn who_is_heard_of_without_a_connection_stays_disconnected() {
    let (book, hub, id) = unheard_of();
    let stored = Activity {
        state_updated: Timestamp::from_ticks(5),
        last_activity: Timestamp::from_ticks(6),
    };

    book.heard_of(&hub, &id, FIRST, stored);

    let presence = book.of(&hub, &id, FIRST, Activity::default());
    assert!(!presence.connected);
    assert_eq!(presence.activity.state_updated, stored.state_updated);
    assert!(presence.activity.last_activity > stored.last_activity);
}

#[test]
fn the_unknown_show_what_was_stored() {
    let (book, hub, id) = unheard_of();
    let stored = Activity {
        state_updated: Timestamp::from_ticks(5),
        last_activity: Timestamp::from_ticks(6),
    };

    let presence = book.of(&hub, &id, FIRST, stored);

    assert_eq!(presence.activity, stored);
    assert!(!presence.connected);
}

#[test]
fn a_namesake_starts_anew_and_is_not_forgotten_with_the_old_one() {
    let (book, hub, id) = unheard_of();
    let _old = book.connected(&hub, &id, FIRST);

    let unseen = book.of(&hub, &id, SECOND, Activity::default());
    let _new = book.connected(&hub, &id, SECOND);
    book.forget(&hub, &id, FIRST);

    assert_eq!(unseen, Presence::default());
    assert!(book.of(&hub, &id, SECOND, Activity::default()).connected);
}

#[test]
fn whoever_comes_and_goes_who_is_seen_connected_is_among_the_connected() {
    let (book, hub, id) = unheard_of();
    let connected = book.connected_ids(&hub, Source::Devices);
    let come_and_go = &|generation| {
        for _ in 0..500 {
            drop(book.connected(&hub, &id, generation));
        }
        book.connected(&hub, &id, generation)
    };

    let stayed = std::thread::scope(|scope| {
        let threads = [FIRST, FIRST, SECOND].map(|of| scope.spawn(move || come_and_go(of)));
        threads.map(|thread| thread.join().unwrap())
    });

    let seen = |of| book.of(&hub, &id, of, Activity::default()).connected;
    assert!(seen(FIRST) || seen(SECOND));
    assert_eq!(connected.after("", "", 9), std::slice::from_ref(&id));
    drop(stayed);
    assert_eq!(connected.count(), 0);
}
