//! What sessions are told.

use std::sync::Arc;

use serde_json::json;
use twinhub_core::certificates::CertificateName;
use twinhub_core::ids::{HubName, IdentityId};
use twinhub_core::ports::{
    Announcement, Interests, MAILBOX_CAPACITY, Mailbox, Notice, Sessions, Sponsor,
};

use crate::fixture::{desired_changed, device_id, hub_name, policy_name};

fn pump() -> IdentityId {
    device_id("pump-7").into()
}

fn valve() -> IdentityId {
    device_id("valve-1").into()
}

/// The next notice is the one that this sends.
async fn hears_nothing_before(
    sessions: &impl Sessions,
    hub: &HubName,
    id: &IdentityId,
    mailbox: &mut Mailbox,
) {
    sessions.announce(hub, &desired_changed(id, 4_711));
    assert!(matches!(
        mailbox.next().await,
        Ok(Notice::DesiredChanged { version: 4_711, .. })
    ));
}

/// Those of others reach others; with nobody there, nothing happens.
pub async fn desired_properties_reach_their_identity_alone(sessions: impl Sessions) {
    let hub = hub_name("plant");
    let mut mailbox = sessions.open(&hub, &pump(), None);
    let mut other = sessions.open(&hub, &valve(), None);

    sessions.announce(&hub, &desired_changed(&device_id("nobody").into(), 1));
    sessions.announce(&hub, &desired_changed(&pump(), 2));

    let expected = Notice::DesiredChanged {
        version: 2,
        patch: Arc::new(json!({"speed": 2, "$version": 2})),
    };
    assert_eq!(mailbox.next().await, Ok(expected));
    hears_nothing_before(&sessions, &hub, &valve(), &mut other).await;
}

/// And nobody else.
pub async fn a_changed_identity_is_checked_again(sessions: impl Sessions) {
    let hub = hub_name("plant");
    let mut mailbox = sessions.open(&hub, &pump(), None);
    let mut other = sessions.open(&hub, &valve(), None);

    sessions.announce(&hub, &Announcement::IdentityChanged(pump()));

    assert_eq!(mailbox.next().await, Ok(Notice::CheckAgain));
    hears_nothing_before(&sessions, &hub, &valve(), &mut other).await;
}

/// Whatever the case of its name; not those of others or of none.
pub async fn a_changed_sponsor_reaches_those_it_let_in(sessions: impl Sessions) {
    let hub = hub_name("plant");
    let others = ["other", "none", "issued"].map(|id| IdentityId::from(device_id(id)));
    let policy = |name| Some(Sponsor::Policy(policy_name(name)));
    let authority = |name| CertificateName::parse(name).unwrap();
    let mut mailbox = sessions.open(&hub, &pump(), policy("Device"));
    let mut second = sessions.open(&hub, &valve(), policy("device"));
    let mut let_in_by_another = sessions.open(&hub, &others[0], policy("owner"));
    let by_authority = Some(Sponsor::Authority(authority("Device")));
    let mut issued = sessions.open(&hub, &others[2], by_authority);
    let mut by_own_key = sessions.open(&hub, &others[1], None);

    let changed = Announcement::PolicyChanged(policy_name("device"));
    sessions.announce(&hub, &changed);

    assert_eq!(mailbox.next().await, Ok(Notice::CheckAgain));
    assert_eq!(second.next().await, Ok(Notice::CheckAgain));
    hears_nothing_before(&sessions, &hub, &others[0], &mut let_in_by_another).await;
    hears_nothing_before(&sessions, &hub, &others[1], &mut by_own_key).await;
    hears_nothing_before(&sessions, &hub, &others[2], &mut issued).await;

    let changed = Announcement::AuthorityChanged(authority("device"));
    sessions.announce(&hub, &changed);

    assert_eq!(issued.next().await, Ok(Notice::CheckAgain));
    hears_nothing_before(&sessions, &hub, &pump(), &mut mailbox).await;
}

/// As many as the mailbox holds.
pub async fn notices_come_in_order(sessions: impl Sessions) {
    let hub = hub_name("plant");
    let mut mailbox = sessions.open(&hub, &pump(), None);
    let last = MAILBOX_CAPACITY as u64;

    for version in 1..=last {
        sessions.announce(&hub, &desired_changed(&pump(), version));
    }

    for expected in 1..=last {
        match mailbox.next().await {
            Ok(Notice::DesiredChanged { version, .. }) => assert_eq!(version, expected),
            other => panic!("expected version {expected}, got {other:?}"),
        }
    }
}

/// Namesakes are strangers.
pub async fn hubs_do_not_hear_each_other(sessions: impl Sessions) {
    let (plant, harbour) = (hub_name("plant"), hub_name("harbour"));
    let policy = policy_name("device");
    let sponsor = Some(Sponsor::Policy(policy.clone()));
    let mut mailbox = sessions.open(&plant, &pump(), sponsor.clone());
    let _namesake = sessions.open(&harbour, &pump(), sponsor);

    sessions.announce(&harbour, &desired_changed(&pump(), 1));
    sessions.announce(&harbour, &Announcement::PolicyChanged(policy));
    sessions.announce(&harbour, &Announcement::IdentityRemoved(pump()));

    hears_nothing_before(&sessions, &plant, &pump(), &mut mailbox).await;
    assert!(sessions.is_connected(&plant, &pump()));
}

fn messages() -> Interests {
    Interests {
        messages: true,
        ..Interests::default()
    }
}

/// And once at the beginning, for those that came before.
pub async fn waiting_messages_reach_those_who_listen(sessions: impl Sessions) {
    let hub = hub_name("plant");
    let mut mailbox = sessions.open(&hub, &pump(), None);
    let waiting = Announcement::MessagesWaiting(pump());
    sessions.announce(&hub, &waiting);
    hears_nothing_before(&sessions, &hub, &pump(), &mut mailbox).await;

    mailbox.listens_to(messages());
    assert_eq!(mailbox.next().await, Ok(Notice::MessagesWaiting));
    sessions.announce(&hub, &waiting);
    assert_eq!(mailbox.next().await, Ok(Notice::MessagesWaiting));

    mailbox.listens_to(messages());
    hears_nothing_before(&sessions, &hub, &pump(), &mut mailbox).await;
    mailbox.listens_to(Interests::default());
    sessions.announce(&hub, &waiting);
    hears_nothing_before(&sessions, &hub, &pump(), &mut mailbox).await;
}

/// However many there are, and however much else waits.
pub async fn waiting_messages_are_told_once_and_end_no_session(sessions: impl Sessions) {
    let hub = hub_name("plant");
    let mut mailbox = sessions.open(&hub, &pump(), None);
    mailbox.listens_to(messages());

    for version in 1..=MAILBOX_CAPACITY {
        sessions.announce(&hub, &desired_changed(&pump(), version as u64));
        sessions.announce(&hub, &Announcement::MessagesWaiting(pump()));
    }

    let mut told = 0;
    for _ in 0..=MAILBOX_CAPACITY {
        match mailbox.next().await {
            Ok(Notice::MessagesWaiting) => told += 1,
            Ok(Notice::DesiredChanged { .. }) => {}
            other => panic!("expected a notice, got {other:?}"),
        }
    }
    assert_eq!(told, 1);
    hears_nothing_before(&sessions, &hub, &pump(), &mut mailbox).await;
}

/// Also with nobody there: whoever is being let in looks at the count.
pub async fn what_may_revoke_is_counted_before_it_is_told(sessions: impl Sessions) {
    let hub = hub_name("plant");
    let start = sessions.revocations();

    sessions.announce(&hub, &desired_changed(&pump(), 1));
    sessions.announce(&hub, &Announcement::MessagesWaiting(pump()));
    assert_eq!(sessions.revocations(), start);

    sessions.announce(&hub, &Announcement::IdentityChanged(pump()));
    sessions.announce(&hub, &Announcement::IdentityRemoved(pump()));
    sessions.announce(&hub, &Announcement::PolicyChanged(policy_name("device")));
    assert_eq!(sessions.revocations(), start + 3);
}
