//! Samples of what each released format left on disk. Never edit one: a later
//! build must read what an earlier one wrote.

use serde_json::json;
use twinhub_core::identities::{Authentication, Status};
use twinhub_core::policies::Rights;
use twinhub_core::time::Timestamp;

use super::*;

const KEY: &str = "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=";

#[test]
fn a_policy_of_format_1_is_read_and_written_alike() {
    let doc = format!(
        r#"{{"name":"Owner","keys":{{"primary":"{KEY}","secondary":"{KEY}"}},"registry_read":false,"registry_write":true,"service_connect":true,"device_connect":false}}"#
    );
    let row = DocumentRow {
        format: 1,
        doc: doc.clone(),
    };

    let policy = row.into_policy("owner").unwrap();

    assert_eq!(policy.name.as_str(), "Owner");
    assert_eq!(policy.keys.primary.expose(), KEY);
    assert_eq!(
        policy.rights,
        Rights::REGISTRY_WRITE | Rights::SERVICE_CONNECT
    );
    assert_eq!(DocumentRow::of_policy(&policy).doc, doc);
}

#[test]
fn an_authority_of_format_1_is_read_and_written_alike() {
    let certificate = "MIIBoDCCAUegAwIBAgIUbmj87UY+6l3jzPi/ENMlpetapvgwCgYIKoZIzj0EAwIwJTEOMAwGA1UECgwFUGxhbnQxEzARBgNVBAMMClBsYW50IHJvb3QwIBcNMjYxMTIxMDczMzU5WhgPMjEyNjEwMjgwNzMzNTlaMCUxDjAMBgNVBAoMBVBsYW50MRMwEQYDVQQDDApQbGFudCByb290MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEMOfDWndqmADzwoiVnBTtE3K8kWIy0/E4UMVISA2+zt+2sRgPvfWEkKbkfWon5TFyHeqxiHlGF6V4yO4W8f9Yr6NTMFEwHQYDVR0OBBYEFNbnWmOi7Hl00U7yn/IrfR1QMewEMB8GA1UdIwQYMBaAFNbnWmOi7Hl00U7yn/IrfR1QMewEMA8GA1UdEwEB/wQFMAMBAf8wCgYIKoZIzj0EAwIDRwAwRAIgK2De8UeetX7dOvw1m+tQlnLBduKzP9vs9fvol+PNEIUCIF77z/FVqvqotU2RUgucvznjWp/vz4JmqOfKRapZVQp2";
    let doc = format!(
        r#"{{"name":"Plant","certificate":"{certificate}","verified":false,"code":"00FF","created":638000000000000001,"updated":638000000000000002,"version":638000000000000003}}"#
    );
    let row = DocumentRow {
        format: 1,
        doc: doc.clone(),
    };

    let authority = row.into_authority("plant").unwrap();

    assert_eq!(authority.certificate.subject(), "O=Plant, CN=Plant root");
    assert_eq!(authority.code.as_deref(), Some("00FF"));
    assert_eq!(authority.version, 638_000_000_000_000_003);
    assert_eq!(DocumentRow::of_authority(&authority).doc, doc);
}

#[test]
fn a_consumer_group_of_format_1_is_read_and_written_alike() {
    let doc = r#"{"name":"Dashboards","created":638000000000000001}"#;
    let row = DocumentRow {
        format: 1,
        doc: doc.to_owned(),
    };

    let group = row.into_consumer_group("dashboards").unwrap();

    assert_eq!(group.name.as_str(), "Dashboards");
    let created = Timestamp::from_ticks(638_000_000_000_000_001);
    assert_eq!(group.created, Some(created));
    assert_eq!(DocumentRow::of_consumer_group(&group).doc, doc);
}

#[test]
fn a_device_of_format_1_is_read_and_written_alike() {
    let doc = r#"{"authentication":{"self_signed":{"primary":"0123456789abcdef0123456789abcdef01234567"}},"status_reason":"worn","status_updated":638000000000000001,"scope":"ms-azure-iot-edge://edge-1","parent_scopes":["ms-azure-iot-edge://edge-1"]}"#;
    let row = IdentityRow {
        format: 1,
        generation: 638_000_000_000_000_000,
        version: -1,
        enabled: false,
        edge: true,
        doc: doc.to_owned(),
    };

    let id = DeviceId::parse("pump-7").unwrap();
    let device = row.decode_device(id).unwrap();

    assert_eq!(device.version, u64::MAX);
    assert_eq!(device.status, Status::Disabled);
    assert_eq!(device.status_updated.ticks(), 638_000_000_000_000_001);
    assert!(matches!(
        device.authentication,
        Authentication::SelfSigned(_)
    ));
    assert_eq!(IdentityRow::encode(&Identity::Device(device)).doc, doc);
}

#[test]
fn a_module_of_format_1_is_read_and_written_alike() {
    for doc in [
        r#"{"authentication":"none","managed_by":"iotEdge"}"#,
        r#"{"authentication":"certificate_authority"}"#,
    ] {
        let row = IdentityRow {
            format: 1,
            generation: 1,
            version: 2,
            enabled: true,
            edge: false,
            doc: doc.to_owned(),
        };

        let device = DeviceId::parse("pump-7").unwrap();
        let module = row.decode_module(device, ModuleId::edge_hub()).unwrap();

        assert_eq!(IdentityRow::encode(&Identity::Module(module)).doc, doc);
    }
}

#[test]
fn a_twin_of_format_1_is_read_and_written_alike() {
    let metadata = r#"{"at":5,"by":3,"of":{"speed":{"at":4,"by":2}}}"#;
    let section = |version, metadata: &str| SectionRow {
        version,
        properties: r#"{"speed":1.5}"#.to_owned(),
        metadata: metadata.to_owned(),
    };
    let row = TwinRow {
        format: 1,
        etag: 9,
        version: 8,
        model_id: "dtmi:example:pump;1".to_owned(),
        tags: r#"{"hall":"north"}"#.to_owned(),
        desired: section(3, metadata),
        reported: section(7, r#"{"at":6}"#),
    };

    let id = IdentityId::from(DeviceId::parse("pump-7").unwrap());
    let twin = row.decode(id).unwrap();

    assert_eq!(twin.tags["hall"], json!("north"));
    assert_eq!(twin.desired.version, 3);
    let speed = &twin.desired.metadata.children["speed"];
    assert_eq!(speed.last_updated, Timestamp::from_ticks(4));
    assert_eq!(speed.last_updated_version, Some(2));
    assert_eq!(twin.reported.metadata.last_updated_version, None);
    assert_eq!(TwinRow::encode(&twin).desired.metadata, metadata);
}

#[test]
fn an_unknown_format_is_named() {
    let row = DocumentRow {
        format: 2,
        doc: format!("{{\"key\":\"{KEY}\"}}"),
    };

    let error = row.into_policy("owner").unwrap_err();

    assert_eq!(
        error.to_string(),
        "policy owner can't be read as record format 2"
    );
}

#[test]
fn routing_of_format_1_is_read_and_written_alike() {
    let doc = concat!(
        r#"{"endpoints":[{"id":"67e55044-10b1-426f-9247-bb680e5fe0c8","name":"Lake","#,
        r#""group":{"subscription_id":"s","resource_group":"g"},"target":{"storage":{"#,
        r#""connection":"AccountName=a;AccountKey=b","container":"events","#,
        r#""file_name_format":"{iothub}/{partition}/{YYYY}/{MM}/{DD}/{HH}/{mm}","#,
        r#""batch_seconds":300,"max_chunk_bytes":314572800,"encoding":"avro_deflate"}}},"#,
        r#"{"id":"67e55044-10b1-426f-9247-bb680e5fe0c9","name":"q","target":{"amqp":{"#,
        r#""kind":"service_bus_queue","connection":"Endpoint=sb://b/","address":"q"}}},"#,
        r#"{"id":"67e55044-10b1-426f-9247-bb680e5fe0ca","name":"hook","target":{"webhook":{"#,
        r#""url":"https://h/","schema":"cloud_events","headers":[["X-Key","k"]]}}},"#,
        r#"{"id":"67e55044-10b1-426f-9247-bb680e5fe0cb","name":"nats","target":{"nats":{"#,
        r#""servers":"nats://n","subject":"a.{deviceid}","jetstream":true}}}],"#,
        r#""routes":[{"name":"Hot","source":"telemetry","condition":"$body.t > 30","#,
        r#""endpoint":"Lake","enabled":true},{"name":"All","source":"twin_change","#,
        r#""condition":"true","endpoint":"events","enabled":false}],"#,
        r#""fallback_is_enabled":false,"#,
        r#""enrichments":[{"key":"site","value":"$twin.tags.site","endpoints":["events","q"]}]}"#,
    );
    let row = DocumentRow {
        format: 1,
        doc: doc.to_owned(),
    };

    let settings = row.into_routing().unwrap();

    assert_eq!(settings.endpoints.len(), 4);
    assert_eq!(settings.route("hot").unwrap().condition, "$body.t > 30");
    assert_eq!(DocumentRow::of_routing(&settings).doc, doc);
}
