//! Who is connected, and how many.

use twinhub_core::ports::Sessions;

use crate::fixture::{device_id, hub_name, module_id};

/// From the opening until its mailbox is dropped.
pub async fn a_session_counts_while_it_lives(sessions: impl Sessions) {
    let (hub, pump) = (hub_name("plant"), device_id("pump-7").into());
    assert!(!sessions.is_connected(&hub, &pump));

    let mailbox = sessions.open(&hub, &pump, None);
    let _other = sessions.open(&hub, &device_id("valve-1").into(), None);
    assert!(sessions.is_connected(&hub, &pump));
    assert_eq!(sessions.connected_devices(&hub), 2);
    assert!(!sessions.is_connected(&hub_name("harbour"), &pump));
    assert_eq!(sessions.connected_devices(&hub_name("harbour")), 0);

    drop(mailbox);
    assert!(!sessions.is_connected(&hub, &pump));
    assert_eq!(sessions.connected_devices(&hub), 1);
}

/// Though they are connected.
pub async fn modules_do_not_count_as_devices(sessions: impl Sessions) {
    use twinhub_core::ids::IdentityId;
    let hub = hub_name("plant");
    let sensor = IdentityId::module(device_id("pump-7"), module_id("sensor"));

    let _mailbox = sessions.open(&hub, &sensor, None);

    assert!(sessions.is_connected(&hub, &sensor));
    assert!(!sessions.is_connected(&hub, &device_id("pump-7").into()));
    assert_eq!(sessions.connected_devices(&hub), 0);
}

/// Before and after the older mailbox is dropped.
pub async fn a_takeover_counts_once(sessions: impl Sessions) {
    let (hub, pump) = (hub_name("plant"), device_id("pump-7").into());
    let older = sessions.open(&hub, &pump, None);

    let newer = sessions.open(&hub, &pump, None);
    assert_eq!(sessions.connected_devices(&hub), 1);
    drop(older);
    assert_eq!(sessions.connected_devices(&hub), 1);
    drop(newer);
    assert_eq!(sessions.connected_devices(&hub), 0);
}

/// Until it ends or another takes its place.
pub async fn the_session_in_its_place_is_the_current_one(sessions: impl Sessions) {
    let (hub, pump) = (hub_name("plant"), device_id("pump-7").into());
    let older = sessions.open(&hub, &pump, None);
    let (first, harbour) = (older.session(), hub_name("harbour"));
    assert!(sessions.is_current(&hub, &pump, first));
    assert!(!sessions.is_current(&harbour, &pump, first));
    assert!(!sessions.is_current(&hub, &device_id("valve-1").into(), first));

    let newer = sessions.open(&hub, &pump, None);
    let second = newer.session();

    assert_ne!(first, second);
    assert!(!sessions.is_current(&hub, &pump, first));
    assert!(sessions.is_current(&hub, &pump, second));
    drop(newer);
    assert!(!sessions.is_current(&hub, &pump, second));
}
