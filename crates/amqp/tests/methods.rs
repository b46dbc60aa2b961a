//! Methods: calls and answers on a pair of links.

#![allow(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

mod support;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use support::client::{Client, Received};
use support::{TestHub, path};
use tokio::task::JoinHandle;
use twinhub_amqp_engine::message::{Body, Message, MessageId, Properties};
use twinhub_amqp_engine::value::{Map, Value};
use twinhub_core::ids::IdentityId;
use twinhub_core::methods::{InvokeError, MethodCall, MethodName, MethodReply, Timeouts};

/// A pair of links about methods.
#[derive(Clone, Copy)]
struct Methods {
    calls: u32,
    replies: u32,
}

async fn methods_of(client: &mut Client, id: &IdentityId) -> Methods {
    let address = format!("{}/methods/devicebound", path(id));
    let replies = client.sender(&address).await.unwrap();
    let calls = client.receiver(&address, |_| {}).await.unwrap();
    Methods { calls, replies }
}

async fn invoke(
    hub: &TestHub,
    id: &IdentityId,
    connect_timeout: u64,
) -> JoinHandle<Result<MethodReply, InvokeError>> {
    let permit = hub.service().await;
    let call = MethodCall {
        target: id.clone(),
        name: MethodName::parse("reboot").unwrap(),
        payload: Some(Bytes::from_static(b"{\"in\":5}")),
        timeouts: Timeouts::from_seconds(Some(connect_timeout), Some(10)).unwrap(),
    };
    let methods: Arc<_> = hub.methods.clone();
    tokio::spawn(async move { methods.invoke(&permit, call).await })
}

fn answer(call: &Received, status: i32, body: &'static [u8]) -> Message {
    let properties = call.message.properties.as_ref().unwrap();
    let correlation_id = properties.correlation_id.clone();
    assert!(matches!(correlation_id, Some(MessageId::Uuid(_))));
    Message {
        properties: Some(Properties {
            correlation_id,
            ..Properties::default()
        }),
        application_properties: Some(Map::new().with("IoThub-status", status)),
        body: Body::Data(vec![Bytes::from_static(body)]),
        ..Message::default()
    }
}

#[tokio::test]
async fn a_call_reaches_the_client_and_its_answer_the_caller() {
    let hub = TestHub::new().await;
    for id in [
        hub.with_device("pump-7").await,
        hub.with_module("pump-8", "main").await,
    ] {
        let mut client = hub.connected_as(&id).await;
        let methods = methods_of(&mut client, &id).await;
        client.credit(methods.calls, 10).await;
        let invoked = invoke(&hub, &id, 5).await;

        let call = client.receive(methods.calls).await;
        let properties = call.message.application_properties.as_ref().unwrap();
        let name = properties.get("IoThub-methodname");
        assert_eq!(name, Some(&Value::from("reboot")));
        assert_eq!(call.body(), b"{\"in\":5}");
        assert!(call.settled);
        client
            .post(methods.replies, &answer(&call, 201, b"{\"out\":6}"), true)
            .await;

        let reply = invoked.await.unwrap().unwrap();
        assert_eq!(reply.status, 201);
        assert_eq!(&reply.payload[..], b"{\"out\":6}");
    }
}

#[tokio::test]
async fn a_client_without_credit_is_not_online_until_it_gives_some() {
    let hub = TestHub::new().await;
    let id = hub.with_device("pump-7").await;
    let mut client = hub.connected_as(&id).await;
    let methods = methods_of(&mut client, &id).await;

    let at_once = invoke(&hub, &id, 0).await.await.unwrap();
    assert!(matches!(at_once, Err(InvokeError::NotOnline(_))));
    let patient = invoke(&hub, &id, 5).await;
    tokio::time::sleep(Duration::from_millis(50)).await;
    client.credit(methods.calls, 1).await;

    let call = client.receive(methods.calls).await;
    let reply = answer(&call, 200, b"");
    client.post(methods.replies, &reply, true).await;
    assert_eq!(&patient.await.unwrap().unwrap().payload[..], b"null");
    // The credit is used up.
    let again = invoke(&hub, &id, 0).await.await.unwrap();
    assert!(matches!(again, Err(InvokeError::NotOnline(_))));
}

#[tokio::test]
async fn half_a_pair_and_a_detached_one_are_not_online() {
    let hub = TestHub::new().await;
    let id = hub.with_device("pump-7").await;
    let mut client = hub.connected_as(&id).await;
    let address = format!("{}/methods/deviceBound", path(&id));
    let calls = client.receiver(&address, |_| {}).await.unwrap();
    client.credit(calls, 10).await;

    let half = invoke(&hub, &id, 0).await.await.unwrap();
    let replies = client.sender(&address).await.unwrap();
    let whole = invoke(&hub, &id, 5).await;
    let call = client.receive(calls).await;
    client.post(replies, &answer(&call, 200, b"1"), true).await;
    let whole = whole.await.unwrap();
    client.detach(calls).await;
    let gone = invoke(&hub, &id, 0).await.await.unwrap();

    assert!(matches!(half, Err(InvokeError::NotOnline(_))));
    assert!(whole.is_ok());
    assert!(matches!(gone, Err(InvokeError::NotOnline(_))));
}

#[tokio::test]
async fn nobody_answers_the_call_of_another() {
    let hub = TestHub::new().await;
    let id = hub.with_device("pump-7").await;
    let other = hub.with_device("pump-8").await;
    let mut client = hub.connected_as(&id).await;
    let methods = methods_of(&mut client, &id).await;
    client.credit(methods.calls, 10).await;
    let mut stranger = hub.connected_as(&other).await;
    let theirs = methods_of(&mut stranger, &other).await;
    let invoked = invoke(&hub, &id, 5).await;
    let call = client.receive(methods.calls).await;

    let forged = answer(&call, 666, b"\"forged\"");
    stranger.send(theirs.replies, &forged).await;
    client
        .send(methods.replies, &answer(&call, 200, b"\"mine\""))
        .await;

    assert_eq!(invoked.await.unwrap().unwrap().status, 200);
}

#[tokio::test]
async fn who_takes_its_leave_answers_no_more() {
    let hub = TestHub::new().await;
    let id = hub.with_device("pump-7").await;
    let mut client = hub.connected_as(&id).await;
    let methods = methods_of(&mut client, &id).await;
    client.credit(methods.calls, 10).await;
    let invoked = invoke(&hub, &id, 5).await;
    client.receive(methods.calls).await;

    client.detach(methods.calls).await;
    client.detach(methods.replies).await;

    let patience = tokio::time::timeout(Duration::from_secs(2), invoked).await;
    let ended = patience.expect("the caller is told at once").unwrap();
    assert!(matches!(ended, Err(InvokeError::Disconnected(_))));
}
