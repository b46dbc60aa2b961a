//! Faults on demand.

#![allow(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

mod support;

use std::time::Duration;

use bytes::Bytes;
use support::client::Client;
use support::{TestHub, path};
use twinhub_amqp_engine::message::{Body, Message};
use twinhub_amqp_engine::performatives::{DeliveryState, Performative, Rejected};
use twinhub_amqp_engine::value::Map;
use twinhub_core::ids::IdentityId;

fn message() -> Message {
    Message {
        body: Body::Data(vec![Bytes::from_static(b"x")]),
        ..Message::default()
    }
}

fn fault(kind: &'static str, delay: u64, duration: u64) -> Message {
    Message {
        application_properties: Some(
            Map::new()
                .with("AzIoTHub_FaultOperationType", kind)
                .with("AzIoTHub_FaultOperationCloseReason", "boom")
                .with("AzIoTHub_FaultOperationDelayInSecs", delay.to_string())
                .with(
                    "AzIoTHub_FaultOperationDurationInSecs",
                    duration.to_string(),
                ),
        ),
        ..message()
    }
}

/// Every link that a device has.
struct Links {
    telemetry: u32,
    messages: u32,
    twin: [u32; 2],
    methods: [u32; 2],
}

async fn links_of(client: &mut Client, id: &IdentityId) -> Links {
    let path = path(id);
    let twin = format!("{path}/twin");
    let methods = format!("{path}/methods/devicebound");
    let messages = format!("{path}/messages/devicebound");
    Links {
        telemetry: client
            .sender(&format!("{path}/messages/events"))
            .await
            .unwrap(),
        messages: client.receiver(&messages, |_| {}).await.unwrap(),
        twin: [
            client.sender(&twin).await.unwrap(),
            client.receiver(&twin, |_| {}).await.unwrap(),
        ],
        methods: [
            client.sender(&methods).await.unwrap(),
            client.receiver(&methods, |_| {}).await.unwrap(),
        ],
    }
}

async fn telemetry_of(client: &mut Client, id: &IdentityId) -> u32 {
    let address = format!("{}/messages/events", path(id));
    client.sender(&address).await.unwrap()
}

#[tokio::test]
async fn a_fault_of_a_link_ends_that_link_alone() {
    let hub = TestHub::allowing_faults().await;
    let id = hub.with_device("pump-7").await;
    type Hit = (&'static str, fn(&Links) -> u32);
    let hit: [Hit; 5] = [
        ("KillAmqpC2DLink", |links| links.messages),
        ("KillAmqpTwinLinkReq", |links| links.twin[0]),
        ("KillAmqpTwinLinkResp", |links| links.twin[1]),
        ("KillAmqpMethodReqLink", |links| links.methods[1]),
        ("KillAmqpMethodRespLink", |links| links.methods[0]),
    ];
    for (kind, link) in hit {
        let mut client = hub.connected_as(&id).await;
        let links = links_of(&mut client, &id).await;

        let state = client.send(links.telemetry, &fault(kind, 0, 5)).await;

        assert_eq!(state, DeliveryState::Accepted, "{kind}");
        let error = client.detached(link(&links)).await.unwrap();
        assert_eq!(error.condition, "amqp:link:detach-forced", "{kind}");
        let state = client.send(links.telemetry, &message()).await;
        assert_eq!(state, DeliveryState::Accepted, "{kind}");
    }
    assert_eq!(hub.log.events().len(), 5);
}

#[tokio::test]
async fn a_fault_of_the_telemetry_link_leaves_it_to_be_attached_anew() {
    let hub = TestHub::allowing_faults().await;
    let id = hub.with_device("pump-7").await;
    let mut client = hub.connected_as(&id).await;
    let link = telemetry_of(&mut client, &id).await;

    client.send(link, &fault("KillAmqpD2CLink", 0, 5)).await;

    let error = client.detached(link).await.unwrap();
    assert_eq!(error.condition, "amqp:link:detach-forced");
    let link = telemetry_of(&mut client, &id).await;
    assert_eq!(client.send(link, &message()).await, DeliveryState::Accepted);
}

#[tokio::test]
async fn a_fault_of_the_session_ends_its_links_and_one_of_the_connection_closes_it() {
    let hub = TestHub::allowing_faults().await;
    let id = hub.with_device("pump-7").await;
    let mut client = hub.connected_as(&id).await;
    let link = telemetry_of(&mut client, &id).await;
    client.send(link, &fault("KillAmqpSession", 0, 5)).await;
    client
        .hear(|told| matches!(told, Performative::End(_)))
        .await;

    for kind in ["KillAmqpConnection", "ShutDownAmqp", "KillAmqpCBSLinkReq"] {
        let mut client = hub.connected_as(&id).await;
        let link = telemetry_of(&mut client, &id).await;
        client.send(link, &fault(kind, 0, 5)).await;

        let told = client
            .hear(|told| matches!(told, Performative::Close(_)))
            .await;

        let Performative::Close(close) = told else {
            unreachable!();
        };
        assert_eq!(close.error.unwrap().condition, "amqp:connection:forced");
    }
}

#[tokio::test]
async fn a_lost_connection_breaks_off_without_a_word() {
    let hub = TestHub::allowing_faults().await;
    let id = hub.with_device("pump-7").await;
    let mut client = hub.connected_as(&id).await;
    let link = telemetry_of(&mut client, &id).await;

    client.post(link, &fault("KillTcp", 0, 5), true).await;

    client.hung_up_without_a_word().await;
}

#[tokio::test]
async fn an_authentication_fault_lasts_for_its_duration_and_only_for_who_asked() {
    let hub = TestHub::allowing_faults().await;
    let id = hub.with_device("pump-7").await;
    let other = hub.with_device("pump-8").await;
    for (kind, condition) in [
        ("InvokeAuthError", "amqp:unauthorized-access"),
        (
            "InvokeThrottling",
            "com.microsoft:device-container-throttled",
        ),
    ] {
        let mut client = hub.connected("iothubowner").await;
        let link = telemetry_of(&mut client, &id).await;
        client.send(link, &fault(kind, 0, 30)).await;
        assert_eq!(client.detached(link).await.unwrap().condition, condition);

        let address = format!("{}/messages/events", path(&id));
        let refused = client.sender(&address).await.unwrap_err();
        assert_eq!(refused.condition, condition);
        telemetry_of(&mut client, &other).await;
        hub.set_clock_forward(Duration::from_secs(31));
        telemetry_of(&mut client, &id).await;
    }
}

#[tokio::test]
async fn a_quota_fault_rejects_telemetry_as_long_as_it_lasts() {
    let hub = TestHub::allowing_faults().await;
    let id = hub.with_device("pump-7").await;
    let mut client = hub.connected_as(&id).await;
    let link = telemetry_of(&mut client, &id).await;
    client
        .send(link, &fault("InvokeMaxMessageQuota", 0, 30))
        .await;
    client.detached(link).await;
    let link = telemetry_of(&mut client, &id).await;

    let state = client.send(link, &message()).await;

    let DeliveryState::Rejected(Rejected { error: Some(error) }) = state else {
        panic!("{state:?} is no rejection");
    };
    assert_eq!(error.condition, "amqp:resource-limit-exceeded");
    hub.set_clock_forward(Duration::from_secs(31));
    assert_eq!(client.send(link, &message()).await, DeliveryState::Accepted);
}

#[tokio::test]
async fn unless_allowed_such_a_message_is_one_like_every_other() {
    let hub = TestHub::new().await;
    let id = hub.with_device("pump-7").await;
    let mut client = hub.connected_as(&id).await;
    let link = telemetry_of(&mut client, &id).await;

    let state = client.send(link, &fault("KillTcp", 0, 0)).await;

    assert_eq!(state, DeliveryState::Accepted);
    assert_eq!(hub.log.events()[0].message.application.len(), 4);
    assert_eq!(client.send(link, &message()).await, DeliveryState::Accepted);
}
