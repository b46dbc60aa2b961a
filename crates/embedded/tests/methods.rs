//! Direct methods over this engine, with sessions that answer as told.
#![allow(
    clippy::unwrap_used,
    reason = "a failure is a panic, in helpers as well"
)]

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::FutureExt as _;
use tokio::time::Instant;
use twinhub_core::access::{Access, Caller, DevicePermit, Proof, ServicePermit};
use twinhub_core::connections::{Connected, Connections};
use twinhub_core::etag::Precondition;
use twinhub_core::hubs::{Hub, HubSettings, Hubs, Sku, Tier};
use twinhub_core::identities::{DeviceSpec, ModuleSpec, Registry, Status};
use twinhub_core::ids::{DeviceId, HubName, IdentityId, ModuleId};
use twinhub_core::methods::{
    InvokeError, MAX_IN_FLIGHT, MAX_PAYLOAD, MethodCall, MethodName, MethodReply, MethodRequest,
    Methods, Timeouts,
};
use twinhub_core::ports::{
    EndReason, Interests, MAILBOX_CAPACITY, Mailbox, MethodInterest, Notice, Sessions as _,
};
use twinhub_core::presence::PresenceBook;
use twinhub_core::time::{Clock, Timestamp};
use twinhub_embedded::{Engine, LocalSessions};
use twinhub_sas::{SasToken, SigningKey};

const HOST: &str = "plant.example";
const NOW: u64 = 1_800_000_000;

struct Stopped;

impl Clock for Stopped {
    fn now(&self) -> Timestamp {
        Timestamp::from_unix_seconds(NOW)
    }
}

struct Plant {
    methods: Arc<Methods>,
    registry: Registry,
    sessions: Arc<LocalSessions>,
    connections: Connections,
    access: Access,
    hub: Arc<Hub>,
    _folder: tempfile::TempDir,
}

impl Plant {
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let clock: Arc<dyn Clock> = Arc::new(Stopped);
        let sessions = Arc::new(LocalSessions::new());
        let engine = Arc::new(Engine::open(folder.path(), sessions.clone()).unwrap());
        let settings = HubSettings {
            host_names: vec![HOST.to_owned()],
            tier: Tier {
                sku: Sku::S1,
                units: 1,
            },
            modules_per_device: 20,
            event_retention: std::time::Duration::from_secs(24 * 3600),
        };
        let name = HubName::parse("plant").unwrap();
        let hubs = Hubs::open(engine.clone(), vec![(name, settings)]).await;
        let hubs = Arc::new(hubs.unwrap().0);
        let presence = Arc::new(PresenceBook::new(clock.clone()));
        Plant {
            methods: Arc::new(Methods::new(engine.clone(), sessions.clone())),
            registry: Registry::new(
                engine.clone(),
                sessions.clone(),
                presence.clone(),
                clock.clone(),
            ),
            connections: Connections::new(sessions.clone(), presence),
            sessions,
            hub: hubs.by_host(HOST).unwrap(),
            access: Access::new(hubs, engine, clock, Duration::ZERO, String::new()),
            _folder: folder,
        }
    }

    fn token(&self, policy: &str) -> String {
        let key = &self.hub.policy(policy).unwrap().keys.primary;
        let key = SigningKey::from_base64(key.expose()).unwrap();
        SasToken::sign(HOST, &key, Some(policy), NOW + 3600)
    }

    async fn owner(&self) -> Caller {
        let token = self.token("iothubowner");
        self.access.admit(&self.hub, &token, &[]).await.unwrap()
    }

    async fn service(&self) -> ServicePermit {
        self.owner().await.service().unwrap()
    }

    async fn put_device(&self, id: &str, status: Status) -> IdentityId {
        let permit = self.owner().await.registry_write().unwrap();
        let mut spec = DeviceSpec::new(DeviceId::parse(id).unwrap());
        spec.status = status;
        let id = spec.id.clone();
        let put = |condition| self.registry.put_device(&permit, spec.clone(), condition);
        if put(&Precondition::None).await.is_err() {
            put(&Precondition::Any).await.unwrap();
        }
        id.into()
    }

    async fn with_device(&self, id: &str) -> IdentityId {
        self.put_device(id, Status::Enabled).await
    }

    async fn with_module(&self, device: &str, module: &str) -> IdentityId {
        self.with_device(device).await;
        let device = DeviceId::parse(device).unwrap();
        let module = ModuleId::parse(module).unwrap();
        let permit = self.owner().await.modules_write(&device).unwrap();
        let spec = ModuleSpec::new(device.clone(), module.clone());
        let put = self.registry.put_module(&permit, spec, &Precondition::None);
        put.await.unwrap();
        IdentityId::module(device, module)
    }

    /// Connects, and listens to nothing.
    async fn connect(&self, id: &IdentityId) -> Answering {
        let token = self.token("device");
        let permit = self.access.connect(&self.hub, Proof::Token(&token), id);
        let permit = permit.await.unwrap();
        Answering {
            methods: self.methods.clone(),
            connected: self.connections.enter(&permit, self.connections.before()),
            permit,
        }
    }

    /// Connects, and listens to all methods.
    async fn listen(&self, id: &IdentityId) -> Answering {
        let answering = self.connect(id).await;
        answering.mailbox().listens_to(all());
        answering
    }

    /// Calls in a task of its own.
    async fn invoke(&self, call: MethodCall) -> Pending {
        let (methods, permit) = (self.methods.clone(), self.service().await);
        Pending(tokio::spawn(
            async move { methods.invoke(&permit, call).await },
        ))
    }

    /// Why a call is refused.
    async fn refused(&self, call: MethodCall) -> InvokeError {
        let refused = self.invoke(call).await.0.await.unwrap();
        refused.unwrap_err()
    }
}

/// A call that was made.
struct Pending(tokio::task::JoinHandle<Result<MethodReply, InvokeError>>);

impl Pending {
    async fn outcome(self) -> Result<MethodReply, InvokeError> {
        self.0.await.unwrap()
    }

    async fn answer(self) -> (i64, String) {
        let reply = self.outcome().await.unwrap();
        (
            reply.status,
            String::from_utf8(reply.payload.to_vec()).unwrap(),
        )
    }
}

/// A session of somebody who answers.
struct Answering {
    methods: Arc<Methods>,
    permit: DevicePermit,
    connected: Connected,
}

impl Answering {
    fn mailbox(&self) -> &Mailbox {
        &self.connected.mailbox
    }

    async fn request(&mut self) -> Arc<MethodRequest> {
        match self.connected.mailbox.next().await {
            Ok(Notice::MethodCalled(request)) => request,
            other => panic!("expected a call, got {other:?}"),
        }
    }

    fn hang_up(&self) {
        self.methods.hung_up(&self.permit, self.mailbox().session());
    }

    fn answer(&self, request: &MethodRequest, status: i64, payload: &str) -> bool {
        let reply = MethodReply {
            status,
            payload: Bytes::copy_from_slice(payload.as_bytes()),
        };
        self.methods.accept_reply(&self.permit, request.call, reply)
    }
}

fn all() -> Interests {
    Interests {
        methods: MethodInterest::All,
        ..Interests::default()
    }
}

fn call(target: &IdentityId) -> MethodCall {
    MethodCall {
        target: target.clone(),
        name: MethodName::parse("stop").unwrap(),
        payload: Some(Bytes::from_static(b"{\"a\": 1}")),
        timeouts: Timeouts::from_seconds(None, None).unwrap(),
    }
}

fn patient_call(target: &IdentityId, connect: u64, response: u64) -> MethodCall {
    MethodCall {
        timeouts: Timeouts::from_seconds(Some(connect), Some(response)).unwrap(),
        ..call(target)
    }
}

#[tokio::test]
async fn a_call_reaches_its_target_and_the_answer_its_caller() {
    let plant = Plant::new().await;
    let module = plant.with_module("pump-7", "sensor").await;
    let device = IdentityId::from(module.device_id().clone());
    for target in [device, module] {
        let mut answering = plant.listen(&target).await;

        let pending = plant.invoke(call(&target)).await;
        let request = answering.request().await;
        assert!(answering.answer(&request, 201, "[1, 2]"));

        assert_eq!(request.name.as_str(), "stop");
        assert_eq!(&request.payload[..], b"{\"a\": 1}");
        assert_eq!(pending.answer().await, (201, "[1, 2]".to_owned()));
    }
}

#[tokio::test]
async fn a_call_without_payload_hands_over_null_and_an_empty_answer_is_null() {
    let plant = Plant::new().await;
    let pump = plant.with_device("pump-7").await;
    let mut answering = plant.listen(&pump).await;

    let pending = plant
        .invoke(MethodCall {
            payload: None,
            ..call(&pump)
        })
        .await;
    let request = answering.request().await;
    answering.answer(&request, -1, "");

    assert_eq!(&request.payload[..], b"null");
    assert_eq!(pending.answer().await, (-1, "null".to_owned()));
}

#[tokio::test]
async fn calls_at_once_get_their_own_answers_in_any_order() {
    let plant = Plant::new().await;
    let pump = plant.with_device("pump-7").await;
    let mut answering = plant.listen(&pump).await;

    let mut pending = Vec::new();
    let mut requests = Vec::new();
    for _ in 0..MAX_IN_FLIGHT {
        pending.push(plant.invoke(call(&pump)).await);
        requests.push(answering.request().await);
    }
    for (number, request) in requests.iter().enumerate().rev() {
        assert!(answering.answer(request, number as i64, "null"));
    }

    for (number, pending) in pending.into_iter().enumerate() {
        assert_eq!(pending.answer().await.0, number as i64);
    }
}

#[tokio::test]
async fn one_call_too_many_is_refused_until_one_is_answered() {
    let plant = Plant::new().await;
    let pump = plant.with_device("pump-7").await;
    let mut answering = plant.listen(&pump).await;
    let mut requests = Vec::new();
    let mut pending = Vec::new();
    for _ in 0..MAX_IN_FLIGHT {
        pending.push(plant.invoke(call(&pump)).await);
        requests.push(answering.request().await);
    }

    let refused = plant.refused(call(&pump)).await;
    assert!(matches!(refused, InvokeError::TooManyInFlight(_)));

    answering.answer(&requests[0], 200, "1");
    pending.remove(0).answer().await;
    let again = plant.invoke(call(&pump)).await;
    let request = answering.request().await;
    answering.answer(&request, 200, "2");
    assert_eq!(again.answer().await.1, "2");
}

#[tokio::test]
async fn callers_that_go_away_leave_no_trace() {
    let plant = Plant::new().await;
    let pump = plant.with_device("pump-7").await;
    let mut answering = plant.listen(&pump).await;
    let mut requests = Vec::new();
    for _ in 0..MAX_IN_FLIGHT {
        let pending = plant.invoke(call(&pump)).await;
        requests.push(answering.request().await);
        pending.0.abort();
        assert!(pending.0.await.unwrap_err().is_cancelled());
    }

    for request in &requests {
        assert!(!answering.answer(request, 200, "null"));
    }

    let pending = plant.invoke(call(&pump)).await;
    let request = answering.request().await;
    assert!(answering.answer(&request, 200, "null"));
    assert_eq!(pending.answer().await.0, 200);
}

#[tokio::test]
async fn an_answer_that_comes_twice_or_from_somebody_else_is_dropped() {
    let plant = Plant::new().await;
    let pump = plant.with_device("pump-7").await;
    let valve = plant.with_device("valve-1").await;
    let mut answering = plant.listen(&pump).await;
    let other = plant.listen(&valve).await;

    let pending = plant.invoke(call(&pump)).await;
    let request = answering.request().await;
    assert!(!other.answer(&request, 666, "null"));
    assert!(answering.answer(&request, 200, "\"own\""));
    assert!(!answering.answer(&request, 500, "\"twice\""));

    assert_eq!(pending.answer().await, (200, "\"own\"".to_owned()));
}

#[tokio::test]
async fn who_is_not_registered_or_disabled_is_told_apart() {
    let plant = Plant::new().await;
    let nobody = IdentityId::from(DeviceId::parse("nobody").unwrap());
    let pump = plant.with_device("pump-7").await;
    let no_module = IdentityId::module(
        pump.device_id().clone(),
        ModuleId::parse("missing").unwrap(),
    );
    let module = plant.with_module("valve-1", "sensor").await;
    plant.put_device("pump-7", Status::Disabled).await;
    plant.put_device("valve-1", Status::Disabled).await;

    for target in [nobody, no_module] {
        let refused = plant.refused(call(&target)).await;
        assert!(matches!(refused, InvokeError::NotRegistered(id) if id == target));
    }
    for target in [pump, module] {
        let refused = plant.refused(call(&target)).await;
        assert!(matches!(refused, InvokeError::Disabled(id) if id == target));
    }
}

#[tokio::test]
async fn who_is_away_or_does_not_listen_is_not_online() {
    let plant = Plant::new().await;
    let pump = plant.with_device("pump-7").await;

    let away = plant.refused(call(&pump)).await;
    assert!(matches!(away, InvokeError::NotOnline(_)));
    let answering = plant.connect(&pump).await;
    let silent = plant.refused(call(&pump)).await;
    assert!(matches!(silent, InvokeError::NotOnline(_)));
    answering.mailbox().listens_to(Interests {
        methods: MethodInterest::Named(BTreeSet::from([MethodName::parse("start").unwrap()])),
        messages: true,
    });
    let deaf = plant.refused(call(&pump)).await;
    assert!(matches!(deaf, InvokeError::NotOnline(_)));
}

#[tokio::test]
async fn a_patient_caller_waits_for_who_comes_and_listens() {
    let plant = Plant::new().await;
    let pump = plant.with_device("pump-7").await;

    let pending = plant.invoke(patient_call(&pump, 300, 300)).await;
    let answering = plant.connect(&pump).await;
    tokio::task::yield_now().await;
    drop(answering);
    let mut answering = plant.listen(&pump).await;
    let request = answering.request().await;
    answering.answer(&request, 200, "null");

    assert_eq!(pending.answer().await.0, 200);
}

#[tokio::test(start_paused = true)]
async fn a_patient_caller_gives_up_when_nobody_comes() {
    let plant = Plant::new().await;
    let pump = plant.with_device("pump-7").await;
    let permit = plant.service().await;
    let begun = Instant::now();

    let refused = plant.methods.invoke(&permit, patient_call(&pump, 7, 30));

    assert!(matches!(refused.await, Err(InvokeError::NotOnline(_))));
    assert_eq!(begun.elapsed().as_secs(), 7);
}

#[tokio::test(start_paused = true)]
async fn without_an_answer_the_caller_is_told_just_before_its_time_is_over() {
    let plant = Plant::new().await;
    let pump = plant.with_device("pump-7").await;
    let mut answering = plant.listen(&pump).await;
    let permit = plant.service().await;
    let begun = Instant::now();

    let outcome = plant
        .methods
        .invoke(&permit, patient_call(&pump, 0, 5))
        .await;

    assert!(matches!(outcome, Err(InvokeError::NoAnswer(_))));
    let waited = begun.elapsed();
    assert!(waited > Duration::from_millis(4_500) && waited < Duration::from_secs(5));
    let request = answering.request().await;
    assert!(!answering.answer(&request, 200, "\"late\""));
}

#[tokio::test(start_paused = true)]
async fn who_is_gone_when_the_time_is_over_is_said_to_have_gone() {
    let plant = Plant::new().await;
    let pump = plant.with_device("pump-7").await;
    let mut answering = plant.listen(&pump).await;

    let pending = plant.invoke(call(&pump)).await;
    answering.request().await;
    drop(answering);

    let outcome = pending.outcome().await;
    assert!(matches!(outcome, Err(InvokeError::Disconnected(_))));
}

#[tokio::test]
async fn who_hangs_up_is_not_waited_for() {
    let plant = Plant::new().await;
    let pump = plant.with_device("pump-7").await;
    let mut answering = plant.listen(&pump).await;

    let pending = plant.invoke(call(&pump)).await;
    answering.request().await;
    answering.hang_up();

    let outcome = pending.outcome().await;
    assert!(matches!(outcome, Err(InvokeError::Disconnected(_))));
}

#[tokio::test(start_paused = true)]
async fn who_hangs_up_before_it_was_handed_the_call_is_waited_for() {
    let plant = Plant::new().await;
    let pump = plant.with_device("pump-7").await;

    let pending = plant.invoke(patient_call(&pump, 20, 30)).await;
    tokio::task::yield_now().await;
    let brief = plant.connect(&pump).await;
    brief.hang_up();
    drop(brief);
    let mut answering = plant.listen(&pump).await;
    let request = answering.request().await;
    answering.answer(&request, 200, "null");

    assert_eq!(pending.answer().await.0, 200);
}

#[tokio::test]
async fn an_answer_may_come_over_the_next_connection() {
    let plant = Plant::new().await;
    let pump = plant.with_device("pump-7").await;
    let mut lost = plant.listen(&pump).await;

    let pending = plant.invoke(call(&pump)).await;
    let request = lost.request().await;
    let mut next = plant.connect(&pump).await;
    assert_eq!(
        lost.connected.mailbox.next().await,
        Err(EndReason::TakenOver)
    );
    drop(lost);
    assert!(next.answer(&request, 200, "null"));

    assert_eq!(pending.answer().await.0, 200);
    assert_eq!(next.connected.mailbox.next().now_or_never(), None);
}

#[tokio::test]
async fn payloads_have_the_same_limit_both_ways() {
    let plant = Plant::new().await;
    let pump = plant.with_device("pump-7").await;
    let mut answering = plant.listen(&pump).await;
    let largest = format!("\"{}\"", "a".repeat(MAX_PAYLOAD - 2));
    let with_payload = |payload: String| MethodCall {
        payload: Some(payload.into()),
        ..call(&pump)
    };

    let refused = plant.refused(with_payload(format!("{largest} "))).await;
    assert!(matches!(refused, InvokeError::PayloadTooLarge(size) if size == MAX_PAYLOAD + 1));

    for (answer, allowed) in [(largest.clone(), true), (format!("{largest} "), false)] {
        let pending = plant.invoke(with_payload(largest.clone())).await;
        let request = answering.request().await;
        assert_eq!(request.payload.len(), MAX_PAYLOAD);
        answering.answer(&request, 200, &answer);
        match pending.outcome().await {
            Ok(reply) => assert!(allowed && reply.payload.len() == MAX_PAYLOAD),
            Err(InvokeError::AnswerTooLarge(_)) => assert!(!allowed),
            Err(other) => panic!("{other}"),
        }
    }
}

#[tokio::test]
async fn what_is_not_json_is_not_passed_on() {
    let plant = Plant::new().await;
    let pump = plant.with_device("pump-7").await;
    let mut answering = plant.listen(&pump).await;

    let pending = plant.invoke(call(&pump)).await;
    let request = answering.request().await;
    answering.answer(&request, 200, "done");

    let outcome = pending.outcome().await;
    assert!(matches!(outcome, Err(InvokeError::AnswerNotJson(_))));
}

#[tokio::test]
async fn a_session_that_takes_nothing_refuses_calls_and_lives() {
    let plant = Plant::new().await;
    let pump = plant.with_device("pump-7").await;
    let mut answering = plant.listen(&pump).await;
    let untaken = Arc::new(MethodRequest {
        call: "1".parse().unwrap(),
        name: MethodName::parse("stop").unwrap(),
        payload: Bytes::from_static(b"null"),
    });
    for _ in 0..MAILBOX_CAPACITY {
        let handed = plant
            .sessions
            .call(plant.hub.name(), &pump, untaken.clone());
        handed.await.unwrap();
    }

    let refused = plant.refused(call(&pump)).await;
    assert!(matches!(refused, InvokeError::TooManyInFlight(_)));

    for _ in 0..MAILBOX_CAPACITY {
        answering.request().await;
    }
    let pending = plant.invoke(call(&pump)).await;
    let request = answering.request().await;
    answering.answer(&request, 200, "null");
    assert_eq!(pending.answer().await.0, 200);
}
