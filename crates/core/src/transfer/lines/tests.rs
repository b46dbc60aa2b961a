//! The lines of blobs.

use bytes::Bytes;
use proptest::collection::vec;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::identities::{Authentication, BulkMode, DeviceIdentity, Identity, Status};
use crate::ids::DeviceId;
use crate::keys::{Key, KeyPair};
use crate::time::Timestamp;
use crate::twins::{Twin, TwinPatch};

const NOW: Timestamp = Timestamp::from_ticks(638_000_000_000_000_000);
const KEY: &str = "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=";

fn device(id: &str) -> DeviceIdentity {
    DeviceIdentity {
        id: DeviceId::parse(id).unwrap(),
        generation: NOW,
        version: 7,
        authentication: Authentication::Sas(KeyPair {
            primary: Key::parse(KEY).unwrap(),
            secondary: Key::parse(KEY).unwrap(),
        }),
        status: Status::Disabled,
        status_reason: Some("stolen".to_owned()),
        status_updated: NOW,
        edge: false,
        scope: None,
        parent_scopes: Vec::new(),
    }
}

fn line_of(device: DeviceIdentity, twin: &Twin, exclude_keys: bool) -> Value {
    let mut line = Vec::new();
    write(&Identity::Device(device), twin, exclude_keys, &mut line);
    assert_eq!(line.pop(), Some(b'\n'));
    serde_json::from_slice(&line).unwrap()
}

fn failure(line: &str) -> Value {
    let error = parse(line.as_bytes()).unwrap_err();
    serde_json::to_value(Failure::of_line(&error, 7)).unwrap()
}

fn split(pieces: &[&[u8]]) -> Vec<Split> {
    let mut splitter = LineSplitter::default();
    let mut lines = Vec::new();
    for piece in pieces {
        splitter.push(Bytes::copy_from_slice(piece));
        lines.extend(std::iter::from_fn(|| splitter.next_line()));
    }
    lines.extend(splitter.finish());
    lines
}

#[test]
fn what_is_exported_is_imported_as_it_was() {
    let pump = device("pump-7");
    let mut twin = Twin::new(pump.id.clone().into(), NOW);
    let patch = TwinPatch {
        tags: json!({"site": "NO"}).as_object().cloned(),
        desired: json!({"speed": {"max": 3}}).as_object().cloned(),
    };
    let then = Timestamp::parse("2020-09-13T12:26:40Z").unwrap();
    twin.patch(&patch, then).unwrap();
    twin.report(json!({"on": true}).as_object().unwrap(), then)
        .unwrap();

    let line = line_of(pump.clone(), &twin, false).to_string();
    let item = parse(line.as_bytes()).unwrap();

    let mut copy = Twin::new(pump.id.into(), NOW);
    copy.import(&item.twin, NOW).unwrap();
    assert_eq!(item.mode, BulkMode::CreateOrUpdate);
    assert_eq!(item.status, Some(Status::Disabled));
    assert_eq!(item.status_reason.as_deref(), Some("stolen"));
    assert_eq!(item.authentication.for_device(), Ok(pump.authentication));
    assert_eq!(copy.tags, twin.tags);
    assert_eq!(copy.desired, twin.desired);
    assert_eq!(copy.reported, twin.reported);
}

#[test]
fn excluded_keys_are_null_and_all_else_is_there() {
    let pump = device("pump-7");
    let twin = Twin::new(pump.id.clone().into(), NOW);

    let line = line_of(pump, &twin, true);

    let keys = json!({"primaryKey": null, "secondaryKey": null});
    assert_eq!(line["authentication"]["symmetricKey"], keys);
    assert_eq!(line["authentication"]["type"], "sas");
    assert_eq!(line["id"], "pump-7");
    assert!(!line.to_string().contains(KEY));
}

#[test]
fn a_line_as_azure_writes_it_is_read() {
    let line = br#"{"id":"edge","eTag":"Nzk1NzY=","status":"enabled",
        "authentication":{"symmetricKey":{"primaryKey":null,"secondaryKey":null},
            "x509Thumbprint":{"primaryThumbprint":"0123456789abcdefABCDEF0123456789abcdef01",
                "secondaryThumbprint":null},"type":"selfSigned"},
        "twinETag":"AAAAAAAAAAE=","tags":{},
        "properties":{"desired":{"$metadata":{"$lastUpdated":"2017-07-14T21:39:16.8Z"},"$version":1},
            "reported":{"$metadata":{"$lastUpdated":"2017-07-14T21:39:16.8Z"},"$version":1}},
        "capabilities":{"iotEdge":true},"deviceScope":"ms-azure-iot-edge://edge-637"}"#;

    let item = parse(line).unwrap();

    assert!(item.edge);
    assert_eq!(item.etag.as_deref(), Some("Nzk1NzY="));
    assert_eq!(item.twin_etag.as_deref(), Some("AAAAAAAAAAE="));
    assert!(item.twin.desired.unwrap().properties.is_empty());
}

#[test]
fn modes_are_read_in_any_case() {
    for (text, mode) in [
        ("create", BulkMode::Create),
        ("Update", BulkMode::Update),
        ("updateIfMatchETag", BulkMode::UpdateIfMatchEtag),
        ("DELETE", BulkMode::Delete),
        ("deleteIfMatchEtag", BulkMode::DeleteIfMatchEtag),
        ("createOrUpdate", BulkMode::CreateOrUpdate),
        (
            "createOrUpdateIfMatchETag",
            BulkMode::CreateOrUpdateIfMatchEtag,
        ),
        ("updateTwin", BulkMode::UpdateTwin),
        ("updateTwinIfMatchETag", BulkMode::UpdateTwinIfMatchEtag),
    ] {
        let line = json!({"id": "a", "status": "enabled", "importMode": text}).to_string();

        assert_eq!(parse(line.as_bytes()).unwrap().mode, mode);
    }
}

#[test]
fn what_cannot_be_read_is_told_without_a_device() {
    for line in ["{", "[]", "17", "{}", r#"{"id":7}"#] {
        let told = failure(line);

        assert_eq!(told["errorCode"], 400_012, "{line}");
        assert_eq!(told.get("deviceId"), None, "{line}");
    }
}

#[test]
fn what_is_wrong_with_a_device_is_told_with_it() {
    for line in [
        r#"{"id":"a b","status":"enabled"}"#,
        r#"{"id":"a b"}"#,
        r#"{"id":"a b","status":"enabled","importMode":"upsert"}"#,
    ] {
        let told = failure(line);

        assert_eq!(told["errorCode"], 400_004, "{line}");
        assert_eq!(told["deviceId"], "a b", "{line}");
    }
    assert_eq!(failure(r#"{"id":"a"}"#)["errorCode"], 400_004);
}

#[test]
fn a_member_of_the_wrong_kind_is_named_with_its_device() {
    for (member, line) in [
        ("status", r#"{"id":"a","status":"on"}"#),
        ("status", r#"{"id":"a","status":1}"#),
        ("tags", r#"{"id":"a","status":"enabled","tags":5}"#),
        (
            "importMode",
            r#"{"importMode":5,"id":"a","status":"enabled"}"#,
        ),
        (
            "authentication",
            r#"{"id":"a","status":"enabled","authentication":{"type":"magic"}}"#,
        ),
        (
            "capabilities",
            r#"{"id":"a","status":"enabled","capabilities":{"iotEdge":"yes"}}"#,
        ),
    ] {
        let told = failure(line);

        assert_eq!(told["errorCode"], 400_004, "{line}");
        assert_eq!(told["deviceId"], "a", "{line}");
        let status = format!("line 7: {member} has a value of the wrong kind");
        assert_eq!(told["errorStatus"], status, "{line}");
    }
    let twice = failure(r#"{"id":"a","id":"b","status":"enabled"}"#);
    assert_eq!(twice["errorStatus"], "line 7: a member is there twice");
}

#[test]
fn what_is_wrong_with_a_module_is_told_with_its_device() {
    for (line, module) in [
        (
            r#"{"id":"a","moduleId":"bad id","status":"enabled"}"#,
            "bad id",
        ),
        (r#"{"id":"a","moduleId":"m"}"#, "m"),
        (r#"{"id":"a","moduleId":"","status":"enabled"}"#, ""),
    ] {
        let told = failure(line);

        assert_eq!(told["errorCode"], 400_004, "{line}");
        assert_eq!(told["deviceId"], "a", "{line}");
        assert_eq!(told["moduleId"], module, "{line}");
    }
}

#[test]
fn some_members_are_read_in_the_cases_that_clients_write_them() {
    for mode in ["importMode", "ImportMode", "importmode"] {
        let line = json!({"id": "a", "status": "enabled", mode: "delete"}).to_string();

        assert_eq!(
            parse(line.as_bytes()).unwrap().mode,
            BulkMode::Delete,
            "{mode}"
        );
    }
}

#[test]
fn lines_have_the_numbers_that_an_editor_shows() {
    let bytes = b"\xef\xbb\xbfa\r\n\r\nb\rc\n\n  \nd";
    for at in 0..bytes.len() {
        let mut splitter = LineSplitter::default();
        let mut numbers = Vec::new();
        for piece in [&bytes[..at], &bytes[at..]] {
            splitter.push(Bytes::copy_from_slice(piece));
            while splitter.next_line().is_some() {
                numbers.push(splitter.number());
            }
        }
        splitter.finish().unwrap();
        numbers.push(splitter.number());

        assert_eq!(numbers, [1, 3, 4, 7], "cut at {at}");
    }
}

#[test]
fn what_is_told_of_a_line_never_holds_its_keys() {
    let lines = [
        format!(r#"{{"id":"a","authentication":{{"symmetricKey":"{KEY}"}}}}"#),
        format!(r#"{{"id":"a","status":"{KEY}"}}"#),
        format!(r#"{{"id":"a","status":"enabled","authentication":{{"type":"{KEY}"}}}}"#),
    ];
    for line in lines {
        assert!(!failure(&line).to_string().contains(KEY), "{line}");
    }
}

#[test]
fn lines_end_in_any_way_and_empty_ones_are_left_out() {
    let lines = split(&[b"\xef\xbb\xbfa\r\nb\rc\n\n  \nd"]);

    let expected = ["a", "b", "c", "d"].map(|line| Split::Line(line.into()));
    assert_eq!(lines, expected);
}

#[test]
fn a_line_without_end_is_cut_off_and_the_next_is_read() {
    let endless = vec![b'x'; 300 * 1024];
    let pieces = [&endless[..], &endless, &endless, &endless, b"\nnext\n"];

    assert_eq!(split(&pieces), [Split::TooLong, Split::Line("next".into())]);
}

proptest! {
    #[test]
    fn where_pieces_end_makes_no_difference(
        bytes in vec(prop_oneof![Just(b'\n'), Just(b'\r'), Just(b' '), any::<u8>()], 0..200),
        cuts in vec(0usize..200, 0..8),
    ) {
        let mut cuts: Vec<_> = cuts.into_iter().map(|cut| cut.min(bytes.len())).collect();
        cuts.extend([0, bytes.len()]);
        cuts.sort_unstable();
        let pieces: Vec<_> = cuts.windows(2).map(|cut| &bytes[cut[0]..cut[1]]).collect();

        prop_assert_eq!(split(&pieces), split(&[&bytes]));
    }

    #[test]
    fn no_bytes_make_the_parser_panic(bytes in vec(any::<u8>(), 0..200)) {
        let _ = parse(&bytes);
    }
}
