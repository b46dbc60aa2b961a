//! Method calls, and those who wait for somebody to call.

use std::collections::BTreeSet;
use std::sync::Arc;

use futures_util::FutureExt as _;
use twinhub_core::ids::{HubName, IdentityId};
use twinhub_core::methods::{CallId, MethodName, MethodRequest};
use twinhub_core::ports::{
    Interests, MAILBOX_CAPACITY, MethodInterest, NotDelivered, Notice, SessionNumber, Sessions,
};

use crate::fixture::{device_id, hub_name};

fn pump() -> IdentityId {
    device_id("pump-7").into()
}

fn valve() -> IdentityId {
    device_id("valve-1").into()
}

fn method(name: &str) -> MethodName {
    MethodName::parse(name).unwrap()
}

fn request(call: &str, name: &str) -> Arc<MethodRequest> {
    Arc::new(MethodRequest {
        call: call.parse::<CallId>().unwrap(),
        name: method(name),
        payload: b"{}".as_slice().into(),
    })
}

fn all() -> Interests {
    Interests {
        methods: MethodInterest::All,
        ..Interests::default()
    }
}

fn named(name: &str) -> Interests {
    Interests {
        methods: MethodInterest::Named(BTreeSet::from([method(name)])),
        ..Interests::default()
    }
}

/// Calls the pump.
async fn invoke(
    sessions: &impl Sessions,
    hub: &HubName,
    request: Arc<MethodRequest>,
) -> Result<SessionNumber, NotDelivered> {
    sessions.call(hub, &pump(), request).await
}

/// As long as it listens to the method, in the order of the calls; the caller is
/// told which session it was.
pub async fn a_call_reaches_the_session_that_listens(sessions: impl Sessions) {
    let hub = hub_name("plant");
    let mut mailbox = sessions.open(&hub, &pump(), None);
    let (first, second) = (request("1", "stop"), request("2", "start"));

    mailbox.listens_to(named("stop"));
    let unheard = invoke(&sessions, &hub, second.clone()).await;
    assert_eq!(unheard, Err(NotDelivered::NotListening));
    let heard = invoke(&sessions, &hub, first.clone()).await;
    assert_eq!(heard, Ok(mailbox.session()));
    mailbox.listens_to(all());
    let heard = invoke(&sessions, &hub, second.clone()).await;
    assert_eq!(heard, Ok(mailbox.session()));

    assert_eq!(mailbox.next().await, Ok(Notice::MethodCalled(first)));
    assert_eq!(mailbox.next().await, Ok(Notice::MethodCalled(second)));
}

/// Nobody is there, or nobody who listens, or somebody else.
pub async fn a_call_to_nobody_is_refused(sessions: impl Sessions) {
    let (plant, harbour) = (hub_name("plant"), hub_name("harbour"));
    let other = sessions.open(&plant, &valve(), None);
    let namesake = sessions.open(&harbour, &pump(), None);
    other.listens_to(all());
    namesake.listens_to(all());

    let call = invoke(&sessions, &plant, request("1", "stop"));
    assert_eq!(call.await, Err(NotDelivered::NotConnected));
    let mailbox = sessions.open(&plant, &pump(), None);
    let call = invoke(&sessions, &plant, request("1", "stop"));
    assert_eq!(call.await, Err(NotDelivered::NotListening));
    drop(mailbox);
    let call = invoke(&sessions, &plant, request("1", "stop"));
    assert_eq!(call.await, Err(NotDelivered::NotConnected));
}

/// The caller may try again; what waits is not lost.
pub async fn a_call_to_a_full_mailbox_is_refused_and_ends_nothing(sessions: impl Sessions) {
    let hub = hub_name("plant");
    let mut mailbox = sessions.open(&hub, &pump(), None);
    mailbox.listens_to(all());
    for _ in 0..MAILBOX_CAPACITY {
        let call = invoke(&sessions, &hub, request("1", "stop"));
        assert_eq!(call.await, Ok(mailbox.session()));
    }

    let call = invoke(&sessions, &hub, request("2", "stop"));
    assert_eq!(call.await, Err(NotDelivered::Full));

    for _ in 0..MAILBOX_CAPACITY {
        let expected = Notice::MethodCalled(request("1", "stop"));
        assert_eq!(mailbox.next().await, Ok(expected));
    }
    let call = invoke(&sessions, &hub, request("2", "stop"));
    assert_eq!(call.await, Ok(mailbox.session()));
}

/// Not by the connection, but by the interest.
pub async fn whoever_waits_is_woken_by_who_begins_to_listen(sessions: impl Sessions) {
    let hub = hub_name("plant");
    let stop = method("stop");
    let (pump, mut waiting) = (pump(), Vec::new());
    for _ in 0..3 {
        waiting.push(Box::pin(sessions.listening(&hub, &pump, &stop)));
    }
    let abandoned = sessions.listening(&hub, &pump, &stop);
    assert_eq!(waiting[0].as_mut().now_or_never(), None);
    drop(abandoned);

    let mailbox = sessions.open(&hub, &pump, None);
    assert_eq!(waiting[0].as_mut().now_or_never(), None);
    mailbox.listens_to(named("start"));
    assert_eq!(waiting[0].as_mut().now_or_never(), None);
    mailbox.listens_to(named("stop"));

    for waiting in waiting {
        waiting.await;
    }
}

/// At once.
pub async fn whoever_waits_does_not_wait_for_who_listens_already(sessions: impl Sessions) {
    let hub = hub_name("plant");
    let mailbox = sessions.open(&hub, &pump(), None);
    mailbox.listens_to(all());

    sessions.listening(&hub, &pump(), &method("stop")).await;
}

/// Other identities, and namesakes in other hubs.
pub async fn whoever_waits_is_not_woken_by_others(sessions: impl Sessions) {
    let (plant, harbour) = (hub_name("plant"), hub_name("harbour"));
    let (pump, stop) = (pump(), method("stop"));
    let mut waiting = Box::pin(sessions.listening(&plant, &pump, &stop));
    assert_eq!(waiting.as_mut().now_or_never(), None);

    let other = sessions.open(&plant, &valve(), None);
    let namesake = sessions.open(&harbour, &pump, None);
    other.listens_to(all());
    namesake.listens_to(all());

    assert_eq!(waiting.as_mut().now_or_never(), None);
}

/// Its interests are not those of the session in its place.
pub async fn a_session_that_was_taken_over_is_not_heard(sessions: impl Sessions) {
    let hub = hub_name("plant");
    let older = sessions.open(&hub, &pump(), None);
    let older_number = older.session();
    older.listens_to(all());
    let newer = sessions.open(&hub, &pump(), None);

    older.listens_to(all());

    let call = invoke(&sessions, &hub, request("1", "stop"));
    assert_eq!(call.await, Err(NotDelivered::NotListening));
    newer.listens_to(all());
    drop(older);
    let call = invoke(&sessions, &hub, request("1", "stop"));
    assert_eq!(call.await, Ok(newer.session()));
    assert!(newer.session() > older_number);
}
