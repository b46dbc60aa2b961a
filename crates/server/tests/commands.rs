//! Commands of the built program against a hub of canned answers: what they
//! ask, what they print, and how they exit.

#![allow(missing_docs, clippy::unwrap_used)]

use serde_json::json;
use twinhub::operator_token::OperatorToken;
use twinhub_sas::{SasToken, SigningKey};

mod support;

use support::{CannedHub, OWNER_KEY, twinhub};

fn device() -> serde_json::Value {
    json!({
        "deviceId": "sensor-1", "etag": "MQ==", "status": "enabled",
        "capabilities": {"iotEdge": false},
        "authentication": {"type": "sas", "symmetricKey": {
            "primaryKey": "cHJpbWFyeS1rZXktcHJpbWFyeS1rZXkt",
            "secondaryKey": "c2Vjb25kYXJ5LWtleS1zZWNvbmRhcnkt",
        }},
    })
}

#[test]
fn a_device_is_created_with_a_token_of_the_owner() {
    let hub = CannedHub::start([("PUT /devices/sensor-1?", 200, device())]);

    let ran = hub.run(&["device-identity", "create", "--device-id", "sensor-1"]);

    assert_eq!(ran.json()["deviceId"], "sensor-1");
    assert_eq!(ran.stderr, "");
    let seen = hub.seen();
    assert_eq!(
        seen[0].line,
        "PUT /devices/sensor-1?api-version=2021-04-12 HTTP/1.1"
    );
    assert_eq!(seen[0].header("if-match"), None);
    assert_eq!(
        seen[0].header("host"),
        Some(format!("localhost:{}", hub.port).as_str())
    );
    let expected = json!({
        "deviceId": "sensor-1", "status": "enabled",
        "capabilities": {"iotEdge": false}, "authentication": {"type": "sas"},
    });
    assert_eq!(seen[0].body, expected);
    let token = SasToken::parse(seen[0].header("authorization").unwrap()).unwrap();
    assert_eq!(token.policy_name(), Some("iothubowner"));
    assert_eq!(token.resource(), "localhost");
    assert!(token.verify(&SigningKey::from_base64(OWNER_KEY).unwrap()));
}

#[test]
fn an_update_changes_what_was_named_under_the_etag_that_was_read() {
    let hub = CannedHub::start([
        ("GET /devices/sensor-1?", 200, device()),
        ("PUT /devices/sensor-1?", 200, device()),
    ]);

    let ran = hub.run(&[
        "device-identity",
        "update",
        "-d",
        "sensor-1",
        "--status",
        "disabled",
        "--set",
        "capabilities.iotEdge=true",
    ]);

    ran.json();
    let written = hub.seen().pop().unwrap();
    assert_eq!(written.header("if-match"), Some("\"MQ==\""));
    let mut expected = device();
    expected["status"] = json!("disabled");
    expected["capabilities"]["iotEdge"] = json!(true);
    assert_eq!(written.body, expected);
}

#[test]
fn a_deletion_without_etag_takes_any_and_prints_nothing() {
    let hub = CannedHub::start([("DELETE /devices/sensor-1/modules/m?", 204, json!(null))]);

    let ran = hub.run(&["module-identity", "delete", "-d", "sensor-1", "-m", "m"]);

    assert_eq!((ran.code, ran.stdout.as_str()), (0, ""));
    assert_eq!(hub.seen()[0].header("if-match"), Some("\"*\""));
}

#[test]
fn a_list_can_be_a_table() {
    let hub = CannedHub::start([(
        "GET /devices?api-version=2021-04-12&top=5 ",
        200,
        json!([device()]),
    )]);

    let ran = hub.run(&["device-identity", "list", "--top", "5", "-o", "table"]);

    let lines: Vec<&str> = ran.stdout.lines().collect();
    assert!(lines[0].starts_with(" DeviceId "), "{ran:?}");
    assert!(lines[1].starts_with(" sensor-1  enabled "), "{ran:?}");
}

#[test]
fn a_list_that_may_have_been_cut_is_told() {
    let list = |count| {
        let devices = vec![json!({"deviceId": "x"}); count];
        let hub = CannedHub::start([("GET /devices?", 200, json!(devices))]);
        hub.run(&["device-identity", "list"])
    };

    let (full, short) = (list(1000), list(999));

    assert_eq!(full.json().as_array().unwrap().len(), 1000);
    assert!(full.stderr.contains("there may be more"), "{}", full.stderr);
    assert_eq!(short.stderr, "");
}

#[test]
fn a_token_that_would_be_over_at_once_is_wrong_usage() {
    let hub = CannedHub::start([]);

    let ran = hub.run(&["generate-sas-token", "--duration", "0"]);

    assert_eq!((ran.code, ran.stdout.as_str()), (2, ""));
}

#[test]
fn a_renewed_key_is_asked_of_the_hub() {
    let hub = CannedHub::start([
        ("POST /devices/keys/regenerate?", 200, json!({})),
        ("GET /devices/sensor-1/modules/m?", 200, device()),
    ]);

    let ran = hub.run(&[
        "module-identity",
        "renew-key",
        "-d",
        "sensor-1",
        "-m",
        "m",
        "--kt",
        "secondary",
    ]);

    assert_eq!(ran.json(), device());
    assert_eq!(
        hub.seen()[1].body,
        json!({"policyKey": "secondaryKey", "devices": [{"id": "sensor-1", "moduleId": "m"}]})
    );
}

#[test]
fn keys_of_a_missing_or_certified_identity_are_not_renewed() {
    let certified = json!({"authentication": {"type": "certificateAuthority"}});
    let hub = CannedHub::start([("GET /devices/certified?", 200, certified)]);
    let renew = |device| hub.run(&["device-identity", "renew-key", "-d", device, "--kt", "both"]);

    assert_eq!(renew("missing").code, 3);
    assert_eq!(renew("certified").code, 2);

    assert!(hub.seen().iter().all(|seen| seen.line.starts_with("GET ")));
}

#[test]
fn a_twin_patch_carries_its_etag() {
    let hub = CannedHub::start([(
        "PATCH /twins/sensor-1/modules/m?",
        200,
        json!({"version": 2}),
    )]);

    let ran = hub.run(&[
        "module-twin",
        "update",
        "-d",
        "sensor-1",
        "-m",
        "m",
        "--desired",
        r#"{"a": 1}"#,
        "--etag",
        "AAAAAAAAAAE=",
    ]);

    assert_eq!(ran.json(), json!({"version": 2}));
    let seen = hub.seen();
    assert_eq!(seen[0].header("if-match"), Some("\"AAAAAAAAAAE=\""));
    assert_eq!(seen[0].body, json!({"properties": {"desired": {"a": 1}}}));
}

#[test]
fn statistics_are_joined() {
    let hub = CannedHub::start([
        (
            "GET /statistics/devices?",
            200,
            json!({"totalDeviceCount": 3}),
        ),
        (
            "GET /statistics/service?",
            200,
            json!({"connectedDeviceCount": 2}),
        ),
    ]);

    let ran = hub.run(&["device-identity", "statistics"]);

    assert_eq!(
        ran.json(),
        json!({"totalDeviceCount": 3, "connectedDeviceCount": 2})
    );
}

#[test]
fn connection_strings_are_bare_and_name_the_key_that_was_asked_for() {
    let hub = CannedHub::start([("GET /devices/sensor-1?", 200, device())]);

    let policy = hub.run(&["connection-string"]);
    let device = hub.run(&["connection-string", "-d", "sensor-1", "--secondary"]);
    let object = hub.run(&["connection-string", "-d", "sensor-1", "-o", "json"]);

    assert_eq!(policy.stdout, format!("{}\n", hub.connection_string()));
    assert_eq!(
        device.stdout,
        "HostName=localhost;DeviceId=sensor-1;SharedAccessKey=c2Vjb25kYXJ5LWtleS1zZWNvbmRhcnkt\n"
    );
    assert_eq!(
        object.json()["connectionString"],
        "HostName=localhost;DeviceId=sensor-1;SharedAccessKey=cHJpbWFyeS1rZXktcHJpbWFyeS1rZXkt"
    );
}

#[test]
fn a_token_is_signed_with_the_devices_key() {
    let hub = CannedHub::start([("GET /devices/sensor-1?", 200, device())]);

    let ran = hub.run(&["generate-sas-token", "-d", "sensor-1", "--duration", "60"]);

    let token = SasToken::parse(ran.stdout.trim_end()).unwrap();
    assert_eq!(
        token.decoded_resource().unwrap(),
        "localhost/devices/sensor-1"
    );
    assert_eq!(token.policy_name(), None);
    assert!(token.verify(&SigningKey::from_base64("cHJpbWFyeS1rZXktcHJpbWFyeS1rZXkt").unwrap()));
}

#[test]
fn a_policy_is_created_by_writing_the_hub_back_under_its_etag() {
    let document =
        json!({"name": "localhost", "etag": "AAAA", "properties": {"hostName": "localhost"}});
    const HUB: &str =
        "/subscriptions/local/resourceGroups/local/providers/Microsoft.Devices/IotHubs/localhost?";
    let hub = CannedHub::start([
        (concat_static("GET ", HUB), 200, document.clone()),
        (concat_static("PUT ", HUB), 201, document),
    ]);

    let ran = hub.run(&[
        "policy",
        "create",
        "--name",
        "new",
        "--rights",
        "RegistryRead,ServiceConnect",
    ]);

    // The canned hub lists what it always lists, so the new one is not found.
    assert_eq!(ran.code, 3, "{ran:?}");
    let written = hub.seen().pop().unwrap();
    assert_eq!(written.header("if-match"), Some("AAAA"));
    let token = OperatorToken::of(&hub.data_dir()).read().unwrap().unwrap();
    assert_eq!(
        written.header("authorization"),
        Some(format!("Bearer {token}").as_str())
    );
    let policies = written.body["properties"]["authorizationPolicies"]
        .as_array()
        .unwrap();
    assert_eq!(policies.len(), 3);
    assert_eq!(
        policies[2],
        json!({"keyName": "new", "rights": "RegistryRead, ServiceConnect"})
    );
    assert_eq!(policies[1]["primaryKey"], OWNER_KEY);
}

#[test]
fn a_new_operator_token_is_printed_once_the_hub_takes_it() {
    let hub = CannedHub::start([]);
    let old = OperatorToken::of(&hub.data_dir()).read().unwrap();

    let ran = hub.run(&["operator-token", "rotate"]);

    assert_eq!((ran.code, ran.stderr.as_str()), (0, ""));
    let new = ran.stdout.trim_end();
    assert_ne!(Some(new), old.as_deref());
    let asked = hub.seen_all().pop().unwrap();
    assert_eq!(
        asked.header("authorization"),
        Some(format!("Bearer {new}").as_str())
    );
}

#[test]
fn a_hub_that_keeps_refusing_the_new_operator_token_is_told() {
    const LIST_KEYS: &str = "POST /subscriptions/local/resourceGroups/local/providers/Microsoft.Devices/IotHubs/localhost/listkeys?";
    let hub = CannedHub::start([(LIST_KEYS, 401, json!({}))]);

    let ran = hub.run(&["operator-token", "rotate"]);

    assert_eq!(ran.code, 0);
    assert!(ran.stderr.contains("within 2 seconds"), "{ran:?}");
    assert!(hub.seen_all().len() > 1, "the hub was asked only once");
}

#[test]
fn exports_point_tools_at_the_running_hub() {
    let hub = CannedHub::start([]);

    let ran = hub.run(&["env"]);

    assert_eq!((ran.code, ran.stderr.as_str()), (0, ""));
    let root = hub.data_dir().root().display().to_string();
    let expected = format!(
        "export IOTHUB_CONNECTION_STRING='{}'\n\
         export EVENTHUB_CONNECTION_STRING='Endpoint=sb://localhost/;SharedAccessKeyName=iothubowner;SharedAccessKey={OWNER_KEY};EntityPath=localhost'\n\
         export SSL_CERT_FILE='{root}/ca-bundle.pem'\n\
         export REQUESTS_CA_BUNDLE='{root}/ca-bundle.pem'\n\
         export NODE_EXTRA_CA_CERTS='{root}/tls/ca.pem'\n\
         export TWINHUB_CA_FILE='{root}/tls/ca.pem'\n",
        hub.connection_string()
    );
    assert_eq!(ran.stdout, expected);
    let bundle = std::fs::read_to_string(hub.data_dir().ca_bundle_file()).unwrap();
    let ca = std::fs::read_to_string(hub.data_dir().tls().join("ca.pem")).unwrap();
    assert!(bundle.ends_with(&ca));
}

#[test]
fn a_login_needs_no_folder_but_its_ca() {
    let hub = CannedHub::start([("GET /devices/sensor-1?", 200, device())]);
    let ca = hub.data_dir().tls().join("ca.pem").display().to_string();
    let command = ["device-identity", "show", "-d", "sensor-1"];
    let login = hub.connection_string();
    let with_login = [&command[..], &["--login", &login]].concat();

    let trusted = twinhub(&with_login, &[("TWINHUB_CA_FILE", &ca)]);
    let by_variable = twinhub(
        &command,
        &[
            ("TWINHUB_CA_FILE", &ca),
            ("IOTHUB_CONNECTION_STRING", &login),
        ],
    );
    let untrusted = twinhub(&with_login, &[]);

    assert_eq!(trusted.json()["deviceId"], "sensor-1");
    assert_eq!(by_variable.json()["deviceId"], "sensor-1");
    assert_eq!(untrusted.code, 6);
    assert!(
        untrusted.stderr.contains("TWINHUB_CA_FILE"),
        "{untrusted:?}"
    );
    assert!(
        !hub.seen_all()
            .iter()
            .any(|seen| seen.line.contains("listkeys"))
    );
}

#[test]
fn a_folder_that_is_named_wins_over_the_variable() {
    let hub = CannedHub::start([("GET /devices/sensor-1?", 200, device())]);
    let folder = hub.data_dir().root().display().to_string();
    let elsewhere = format!("HostName=192.0.2.1;SharedAccessKeyName=x;SharedAccessKey={OWNER_KEY}");

    let ran = twinhub(
        &["device-identity", "show", "-d", "sensor-1"],
        &[
            ("TWINHUB_DATA_DIR", &folder),
            ("IOTHUB_CONNECTION_STRING", &elsewhere),
        ],
    );

    assert_eq!(ran.json()["deviceId"], "sensor-1");
}

#[test]
fn refusals_have_exit_codes_and_say_what_to_do() {
    let error = |code: &str| json!({"Message": format!("ErrorCode:{code};sensor-1"), "ExceptionMessage": ""});
    let cases = [
        (404, "DeviceNotFound", 3),
        (401, "IotHubUnauthorizedAccess", 4),
        (409, "DeviceAlreadyExists", 5),
        (412, "PreconditionFailed", 5),
        (400, "ArgumentInvalid", 1),
        (500, "ServerError", 1),
    ];
    for (status, code, exit) in cases {
        let hub = CannedHub::start([("GET /devices/sensor-1?", status, error(code))]);

        let ran = hub.run(&["device-identity", "show", "-d", "sensor-1"]);

        assert_eq!((ran.code, ran.stdout.as_str()), (exit, ""), "{status}");
        let start = format!("error: the hub refused with {status} {code}: sensor-1\n");
        assert!(ran.stderr.starts_with(&start), "{ran:?}");
    }
}

#[test]
fn without_a_running_hub_commands_say_how_to_start_one() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().display().to_string();
    for command in [
        &["env"][..],
        &["connection-string"],
        &["policy", "list"],
        &["device-identity", "list"],
        &["operator-token", "show"],
    ] {
        let ran = twinhub(&[command, &["--data-dir", &folder]].concat(), &[]);

        assert_eq!((ran.code, ran.stdout.as_str()), (6, ""), "{command:?}");
        assert!(ran.stderr.contains("twinhub serve"), "{ran:?}");
    }
}

#[test]
fn a_killed_hub_is_told_from_a_running_one() {
    let hub = CannedHub::start([]);
    let file = hub.data_dir().running_file();
    let free = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let text = std::fs::read_to_string(&file).unwrap();
    std::fs::write(
        &file,
        text.replace(&hub.port.to_string(), &free.port().to_string()),
    )
    .unwrap();

    let ran = hub.run(&["env"]);

    assert_eq!((ran.code, ran.stdout.as_str()), (6, ""));
    assert!(
        ran.stderr.contains("no hub answers on 127.0.0.1:"),
        "{ran:?}"
    );
}

#[test]
fn what_needs_the_operator_token_refuses_a_login() {
    let hub = CannedHub::start([]);
    for command in [
        &["policy", "list"][..],
        &["operator-token", "rotate"],
        &["env"],
    ] {
        let ran = hub.run(&[command, &["--login", &hub.connection_string()]].concat());

        assert_eq!(ran.code, 2, "{command:?}");
        assert!(ran.stderr.contains("--data-dir"), "{ran:?}");
    }
}

#[test]
fn policies_of_another_hub_than_the_variable_names_are_left_alone() {
    let hub = CannedHub::start([]);
    // The platform's folder, found through HOME, is the hub's.
    let share = tempfile::tempdir().unwrap();
    std::os::unix::fs::symlink(hub.data_dir().root(), share.path().join("twinhub")).unwrap();
    let share = share.path().display().to_string();
    let policies = |hostname: &str| {
        let string =
            format!("HostName={hostname};SharedAccessKeyName=x;SharedAccessKey={OWNER_KEY}");
        twinhub(
            &["policy", "list"],
            &[
                ("XDG_DATA_HOME", &share),
                ("IOTHUB_CONNECTION_STRING", &string),
            ],
        )
    };

    assert_eq!(policies("localhost").code, 0);
    let refused = policies("other.example");
    assert_eq!(refused.code, 2);
    assert!(refused.stderr.contains("other.example"), "{refused:?}");
}

#[test]
fn a_bad_setting_stops_the_hub_before_it_starts() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("twinhub.toml"), "hostnme = 'a'").unwrap();

    let ran = twinhub(
        &["serve", "--data-dir", &dir.path().display().to_string()],
        &[],
    );

    assert_eq!(ran.code, 2);
    assert!(ran.stderr.contains("did you mean `hostname`?"), "{ran:?}");
}

/// Canned answers live as long as the test.
fn concat_static(a: &str, b: &str) -> &'static str {
    format!("{a}{b}").leak()
}

fn job(id: &str, kind: &str, status: &str) -> serde_json::Value {
    json!({
        "jobId": id, "type": kind, "status": status, "progress": 0,
        "startTimeUtc": "2026-11-21T20:00:00Z", "outputBlobContainerUri": "",
    })
}

#[test]
fn jobs_are_listed_as_a_table_and_chosen() {
    let jobs = json!([
        job("j-1", "import", "failed"),
        job("j-2", "export", "running")
    ]);
    let hub = CannedHub::start([("GET /jobs?", 200, jobs)]);

    let ran = hub.run(&["job", "list", "--job-status", "running", "-o", "table"]);

    assert!(ran.stdout.contains("j-2"), "{ran:?}");
    assert!(!ran.stdout.contains("j-1"), "{ran:?}");
    assert!(
        ran.stdout.starts_with(" JobId  Type    Status   Progress"),
        "{ran:?}"
    );
}

#[test]
fn a_job_is_shown_and_cancelled_by_its_id() {
    let hub = CannedHub::start([
        ("GET /jobs/j-1?", 200, job("j-1", "import", "running")),
        ("DELETE /jobs/j-1?", 200, job("j-1", "import", "cancelled")),
    ]);

    let shown = hub.run(&["job", "show", "--job-id", "j-1"]);
    let cancelled = hub.run(&["job", "cancel", "--job-id", "j-1"]);

    assert_eq!(shown.json()["status"], "running");
    assert_eq!(cancelled.json()["status"], "cancelled");
    assert_eq!(hub.run(&["job", "cancel"]).code, 2);
}
