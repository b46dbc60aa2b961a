//! How peers introduce themselves.

#![allow(clippy::unwrap_used)]

mod support;

use support::{HOST, HOUR, Plant};
use twinhub_amqp_engine::performatives::Role;
use twinhub_amqp_engine::sasl::OutcomeCode;
use twinhub_core::access::ClientCertificate;

fn plain(name: &str, token: &str) -> Vec<u8> {
    format!("\0{name}\0{token}").into_bytes()
}

#[tokio::test]
async fn mechanisms_that_prove_nothing_are_good_and_open_nothing() {
    let plant = Plant::new().await;
    for (mechanism, response) in [("ANONYMOUS", &b"\0owner"[..]), ("MSSBCBS", b"")] {
        let mut talker = plant.connect();

        let (offer, outcome) = talker.sasl(mechanism, response).await;

        assert_eq!(offer, ["MSSBCBS", "PLAIN", "ANONYMOUS"]);
        assert_eq!(outcome, OutcomeCode::Ok);
        talker.open(HOST).await;
        let refused = talker.attach(0, Role::Sender, "entity").await.unwrap_err();
        assert_eq!(refused.condition, "amqp:unauthorized-access");
    }
}

#[tokio::test]
async fn plain_with_the_token_of_a_policy_lets_in_without_cbs() {
    let plant = Plant::new().await;
    let token = plant.policy_token("service", HOST, HOUR);
    let mut talker = plant.connect();

    let (_, outcome) = talker
        .sasl("PLAIN", &plain("service@sas.root.plant", &token))
        .await;

    assert_eq!(outcome, OutcomeCode::Ok);
    talker.open(HOST).await;
    talker.attach(0, Role::Sender, "entity").await.unwrap();
}

#[tokio::test]
async fn plain_with_a_devices_token_lets_the_device_in_alone() {
    let plant = Plant::new().await;
    let token = plant.device_token("pump", HOUR).await;
    plant.device_token("valve", HOUR).await;
    let mut talker = plant.connect();

    let (_, outcome) = talker.sasl("PLAIN", &plain("pump@sas.plant", &token)).await;

    assert_eq!(outcome, OutcomeCode::Ok);
    talker.open(HOST).await;
    talker
        .attach(0, Role::Sender, "devices/pump/in")
        .await
        .unwrap();
    for closed in ["devices/valve/in", "entity"] {
        let refused = talker.attach(1, Role::Sender, closed).await.unwrap_err();
        assert_eq!(refused.condition, "amqp:unauthorized-access", "{closed}");
    }
}

#[tokio::test]
async fn plain_with_anything_else_is_refused_and_hung_up_on() {
    let plant = Plant::new().await;
    let service = plant.policy_token("service", HOST, HOUR);
    let expired = plant.policy_token("service", HOST, 0);
    let pump = plant.device_token("pump", HOUR).await;
    for response in [
        plain("device@sas.root.plant", &service),
        plain("service@sas.root.other", &service),
        plain("service@sas.root.plant", &expired),
        plain("service@sas.root.plant", "secret"),
        plain("valve@sas.plant", &pump),
        plain("pump", &pump),
        b"service@sas.root.plant".to_vec(),
        vec![0, 0xff, 0],
    ] {
        let mut talker = plant.connect();

        let (_, outcome) = talker.sasl("PLAIN", &response).await;

        assert_eq!(outcome, OutcomeCode::Auth, "{response:?}");
        assert!(talker.frame().await.is_none());
    }
}

#[tokio::test]
async fn external_is_offered_to_those_who_have_shown_a_certificate() {
    let plant = Plant::new().await;
    let key = rcgen::KeyPair::generate().unwrap();
    let params = rcgen::CertificateParams::new(vec!["pump".to_owned()]).unwrap();
    let shown = params.self_signed(&key).unwrap();
    let certificate = ClientCertificate::new(shown.der(), []).unwrap();
    let (mut talker, _) = plant.connect_by(Some(certificate), 64 * 1024);

    let (offer, outcome) = talker.sasl("EXTERNAL", b"").await;

    assert_eq!(offer, ["MSSBCBS", "PLAIN", "ANONYMOUS", "EXTERNAL"]);
    assert_eq!(outcome, OutcomeCode::Ok);
    // It lets nobody in whom it does not belong to.
    plant.device_token("pump", HOUR).await;
    talker.open(HOST).await;
    let refused = talker.attach(0, Role::Sender, "devices/pump/in").await;
    assert_eq!(refused.unwrap_err().condition, "amqp:unauthorized-access");
}
