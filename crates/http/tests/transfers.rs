//! Import and export jobs over REST.
#![allow(
    clippy::unwrap_used,
    reason = "a failure is a panic, in helpers as well"
)]

mod support;

use serde_json::{Value, json};
use support::{OPERATOR, Reply, TestHub};

const VERSION: &str = "api-version=2021-04-12";
/// The hub, to the resource provider.
const PROVIDER: &str =
    "/subscriptions/s/resourceGroups/g/providers/Microsoft.Devices/IotHubs/plant";
/// Nobody listens there.
const NOWHERE: &str = "http://127.0.0.1:1/account/container?sp=rwd&sig=c2VjcmV0";

async fn ask(hub: &TestHub, policy: &str, method: &str, path: &str, body: Value) -> Reply {
    let token = hub.policy_token(policy);
    let target = format!("{path}?{VERSION}");
    let body = match body {
        Value::Null => String::new(),
        body => body.to_string(),
    };
    let headers = [("authorization", token.as_str())];
    hub.ask(method, &target, &headers, body.as_bytes()).await
}

async fn create(hub: &TestHub, body: Value) -> Reply {
    ask(hub, "iothubowner", "POST", "/jobs/create", body).await
}

#[tokio::test]
async fn starting_and_cancelling_need_the_right_to_write_and_looking_to_read() {
    let hub = TestHub::new().await;
    let export = json!({"type": "export", "outputBlobContainerUri": "nonsense"});

    for (policy, method, path, status) in [
        ("registryRead", "GET", "/jobs", 200),
        ("registryRead", "GET", "/jobs/none", 404),
        ("registryRead", "POST", "/jobs/create", 401),
        ("registryRead", "DELETE", "/jobs/none", 401),
        ("registryReadWrite", "POST", "/jobs/create", 400),
        ("registryReadWrite", "DELETE", "/jobs/none", 404),
        ("service", "GET", "/jobs", 401),
        ("device", "GET", "/jobs/none", 401),
    ] {
        let body = if method == "POST" {
            export.clone()
        } else {
            Value::Null
        };
        let reply = ask(&hub, policy, method, path, body).await;

        assert_eq!(reply.status, status, "{policy} {method} {path}");
    }
}

#[tokio::test]
async fn an_unknown_job_is_told_by_its_code() {
    let hub = TestHub::new().await;

    let reply = ask(&hub, "iothubowner", "GET", "/jobs/none", Value::Null).await;

    assert_eq!((reply.status, reply.error()), (404, "JobNotFound"));
}

#[tokio::test]
async fn a_container_that_cannot_be_used_is_refused_at_once_and_never_shown() {
    let hub = TestHub::new().await;

    for uri in [
        "nonsense?sig=c2VjcmV0",
        "ftp://plant.example/container?sig=c2VjcmV0",
        "http://plant.example/container?sig=c2VjcmV0",
        "https://plant.example/container",
        "file:///tmp",
    ] {
        let reply = create(
            &hub,
            json!({"type": "export", "outputBlobContainerUri": uri}),
        )
        .await;

        let told = (reply.status, reply.error());
        assert_eq!(told, (400, "BlobContainerValidationError"), "{uri}");
        assert!(!reply.body.contains("c2VjcmV0"), "{}", reply.body);
    }
    let jobs = ask(&hub, "iothubowner", "GET", "/jobs", Value::Null).await;
    assert_eq!(jobs.json(), json!([]));
}

#[tokio::test]
async fn an_export_of_the_resource_provider_says_whether_it_has_keys() {
    let hub = TestHub::new().await;
    let operator = format!("Bearer {OPERATOR}");
    let export = async |body: Value| {
        let target = format!("{PROVIDER}/exportDevices?api-version=2023-06-30");
        let headers = [("authorization", operator.as_str())];
        let body = body.to_string();
        hub.ask("POST", &target, &headers, body.as_bytes()).await
    };

    let without = export(json!({"exportBlobContainerUri": NOWHERE})).await;
    let with = export(json!({"exportBlobContainerUri": NOWHERE, "excludeKeys": true})).await;

    assert_eq!(
        (without.status, without.body.contains("excludeKeys")),
        (400, true)
    );
    assert!(!with.body.contains("excludeKeys"), "{}", with.body);
}

#[tokio::test]
async fn what_is_missing_or_not_built_is_named() {
    let hub = TestHub::new().await;
    let with = |member: &str, value: Value| {
        let mut body = json!({"type": "export", "outputBlobContainerUri": NOWHERE});
        body[member] = value;
        body
    };

    for (body, status) in [
        (json!({"type": "export"}), 400),
        (
            json!({"type": "import", "outputBlobContainerUri": NOWHERE}),
            400,
        ),
        (json!({"outputBlobContainerUri": NOWHERE}), 400),
        (with("type", json!("backup")), 400),
        (with("storageAuthenticationType", json!("none")), 400),
        (
            with("storageAuthenticationType", json!("IdentityBased")),
            501,
        ),
        (with("includeConfigurations", json!(true)), 501),
    ] {
        let reply = create(&hub, body.clone()).await;

        assert_eq!(reply.status, status, "{body}: {}", reply.body);
    }
}

#[tokio::test]
async fn scheduled_jobs_are_still_another_thing() {
    let hub = TestHub::new().await;

    for path in ["/jobs/v2", "/jobs/v2/query"] {
        let reply = ask(&hub, "iothubowner", "GET", path, Value::Null).await;

        assert_eq!(reply.status, 501, "{path}");
    }
}

#[tokio::test]
async fn an_export_of_the_resource_provider_names_its_own_member_when_it_lacks_it() {
    let hub = TestHub::new().await;
    let operator = format!("Bearer {OPERATOR}");
    let target = format!("{PROVIDER}/exportDevices?api-version=2023-06-30");
    let headers = [("authorization", operator.as_str())];

    let reply = hub
        .ask("POST", &target, &headers, br#"{"excludeKeys": true}"#)
        .await;

    let is_named = reply.body.contains("exportBlobContainerUri is missing");
    assert_eq!((reply.status, is_named), (400, true), "{}", reply.body);
}

#[tokio::test]
async fn failures_never_take_the_place_of_what_is_imported() {
    let hub = TestHub::new().await;

    for (read, written) in [
        (json!("in.txt"), json!("in.txt")),
        (json!("importErrors.log"), Value::Null),
        (Value::Null, json!("devices.txt")),
    ] {
        let import = json!({
            "type": "import",
            "inputBlobContainerUri": NOWHERE, "inputBlobName": read,
            "outputBlobContainerUri": NOWHERE, "outputBlobName": written,
        });
        let reply = create(&hub, import).await;

        let is_told = reply.body.contains("which is the blob to import");
        assert_eq!((reply.status, is_told), (400, true), "{}", reply.body);
    }
}
