//! How sessions end.

use twinhub_core::ids::IdentityId;
use twinhub_core::ports::{Announcement, EndReason, MAILBOX_CAPACITY, Notice, Sessions};

use crate::fixture::{desired_changed, device_id, hub_name, module_id};

fn pump() -> IdentityId {
    device_id("pump-7").into()
}

/// The older is told, the newer hears what comes.
pub async fn a_newer_session_takes_over(sessions: impl Sessions) {
    let hub = hub_name("plant");
    let mut older = sessions.open(&hub, &pump(), None);

    let mut newer = sessions.open(&hub, &pump(), None);
    sessions.announce(&hub, &Announcement::IdentityChanged(pump()));

    assert_eq!(older.next().await, Err(EndReason::TakenOver));
    assert_eq!(newer.next().await, Ok(Notice::CheckAgain));
}

/// Its place is not its own any more.
pub async fn an_older_mailbox_that_goes_late_leaves_the_newer_session(sessions: impl Sessions) {
    let hub = hub_name("plant");
    let older = sessions.open(&hub, &pump(), None);
    let mut newer = sessions.open(&hub, &pump(), None);

    drop(older);

    assert!(sessions.is_connected(&hub, &pump()));
    sessions.announce(&hub, &Announcement::IdentityChanged(pump()));
    assert_eq!(newer.next().await, Ok(Notice::CheckAgain));
}

/// The device's session, not its module's: that one is announced by itself.
pub async fn a_removed_identity_ends_its_session(sessions: impl Sessions) {
    let hub = hub_name("plant");
    let sensor = IdentityId::module(device_id("pump-7"), module_id("sensor"));
    let mut mailbox = sessions.open(&hub, &pump(), None);
    let _module = sessions.open(&hub, &sensor, None);

    sessions.announce(&hub, &Announcement::IdentityRemoved(pump()));

    assert_eq!(mailbox.next().await, Err(EndReason::Removed));
    assert_eq!(mailbox.next().await, Err(EndReason::Removed));
    assert!(!sessions.is_connected(&hub, &pump()));
    assert_eq!(sessions.connected_devices(&hub), 0);
    assert!(sessions.is_connected(&hub, &sensor));
    drop(mailbox);
    assert_eq!(sessions.connected_devices(&hub), 0);
}

/// One notice more than its mailbox holds.
pub async fn a_session_that_takes_no_notices_is_ended(sessions: impl Sessions) {
    let hub = hub_name("plant");
    let mut slow = sessions.open(&hub, &pump(), None);

    for version in 0..=MAILBOX_CAPACITY {
        sessions.announce(&hub, &desired_changed(&pump(), version as u64));
    }

    assert_eq!(slow.next().await, Err(EndReason::TooSlow));
    assert!(!sessions.is_connected(&hub, &pump()));
    let _again = sessions.open(&hub, &pump(), None);
    drop(slow);
    assert!(sessions.is_connected(&hub, &pump()));
}

/// In every hub, and with the reason given.
pub async fn all_sessions_end_together(sessions: impl Sessions) {
    let (plant, harbour) = (hub_name("plant"), hub_name("harbour"));
    let mut mailboxes = vec![sessions.open(&harbour, &pump(), None)];
    for number in 0..100 {
        let id = device_id(&format!("d{number}")).into();
        mailboxes.push(sessions.open(&plant, &id, None));
    }

    sessions.end_all(EndReason::ShuttingDown);

    for mailbox in &mut mailboxes {
        assert_eq!(mailbox.next().await, Err(EndReason::ShuttingDown));
    }
    assert_eq!(sessions.connected_devices(&plant), 0);
    assert!(!sessions.is_connected(&harbour, &pump()));
}

/// They are of no use any more.
pub async fn the_end_comes_before_waiting_notices(sessions: impl Sessions) {
    let hub = hub_name("plant");
    let mut mailbox = sessions.open(&hub, &pump(), None);

    sessions.announce(&hub, &desired_changed(&pump(), 1));
    sessions.announce(&hub, &Announcement::IdentityRemoved(pump()));

    assert_eq!(mailbox.next().await, Err(EndReason::Removed));
}
