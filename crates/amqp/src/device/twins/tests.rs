use twinhub_amqp_engine::value::Uuid;

use super::*;

fn request(annotations: Map, body: &'static [u8]) -> Message {
    Message {
        properties: Some(Properties {
            correlation_id: Some(MessageId::Ulong(7)),
            ..Properties::default()
        }),
        message_annotations: annotations,
        body: Body::Data(vec![Bytes::from_static(body)]),
        ..Message::default()
    }
}

fn notes(operation: &'static str, resource: &'static str) -> Map {
    Map::new()
        .with(Symbol::from_static(OPERATION), operation)
        .with(RESOURCE, resource)
}

fn bytes_of(message: &Message) -> Bytes {
    let mut bytes = BytesMut::new();
    message.encode(&mut bytes).unwrap();
    bytes.freeze()
}

fn parsed(message: &Message) -> Result<TwinOperation, InvalidRequest> {
    let request = TwinRequest::parse(bytes_of(message), Limits::default()).unwrap();
    assert_eq!(request.correlation, MessageId::Ulong(7));
    request.operation
}

fn read(out: BytesMut) -> Message {
    Message::decode(out.freeze(), Limits::default()).unwrap()
}

#[test]
fn each_operation_is_told_by_its_annotations() {
    let get = Map::new().with(Symbol::from_static(OPERATION), "GET");
    let desired = "/notifications/twin/properties/desired";
    for (annotations, body, expected) in [
        (get, &b" "[..], TwinOperation::Get),
        (notes("PUT", desired), b" ", TwinOperation::Subscribe),
        (notes("DELETE", desired), b"", TwinOperation::Unsubscribe),
    ] {
        assert_eq!(parsed(&request(annotations, body)), Ok(expected));
    }
}

#[test]
fn a_report_may_expect_a_version_of_any_integer_type_or_none() {
    for (version, expected) in [
        (Value::Null, None),
        (Value::Long(3), Some(3)),
        (Value::Int(3), Some(3)),
        (Value::Ulong(3), Some(3)),
        (Value::Uint(3), Some(3)),
        (Value::from("3"), Some(3)),
    ] {
        let annotations = notes("PATCH", "/properties/reported").with(VERSION, version);

        let operation = parsed(&request(annotations, b"{\"a\":null}")).unwrap();

        let TwinOperation::Report(patch) = operation else {
            panic!("no report");
        };
        assert_eq!(patch.expected_version, expected);
        assert_eq!(Json::Object(patch.properties), json!({"a": null}));
    }
}

#[test]
fn what_is_no_request_is_told_why() {
    let reported = || notes("PATCH", REPORTED);
    for (annotations, body, expected) in [
        (Map::new(), &b"{}"[..], InvalidRequest::Operation),
        (notes("POST", REPORTED), b"{}", InvalidRequest::Operation),
        (notes("PATCH", "/tags"), b"{}", InvalidRequest::Resource),
        (notes("PUT", REPORTED), b"", InvalidRequest::Resource),
        (reported(), b"[1]", InvalidRequest::NotAnObject),
        (reported(), b"null", InvalidRequest::NotAnObject),
        (
            reported().with(VERSION, -1_i64),
            b"{}",
            InvalidRequest::Version,
        ),
        (
            reported().with(VERSION, "x"),
            b"{}",
            InvalidRequest::Version,
        ),
    ] {
        assert_eq!(parsed(&request(annotations, body)), Err(expected));
    }
    let deep: &'static [u8] = "[".repeat(200_000).leak().as_bytes();
    for body in [&b""[..], b"{", b"{}{}", b"{\"a\":\"\xff\"}", deep] {
        let refused = parsed(&request(reported(), body));
        assert!(matches!(refused, Err(InvalidRequest::NotJson(_))));
    }
}

#[test]
fn a_request_without_correlation_is_not_answered() {
    let mut message = request(notes("GET", ""), b"");
    message.properties = None;

    let parsed = TwinRequest::parse(bytes_of(&message), Limits::default());

    assert!(matches!(parsed, Err(NoRequest::NoCorrelation)));
}

#[test]
fn a_correlation_is_kept_for_the_answer_and_so_has_a_limit() {
    for (length, is_request) in [(MAX_CORRELATION, true), (MAX_CORRELATION + 1, false)] {
        for correlation in [
            MessageId::String("x".repeat(length).into()),
            MessageId::Binary(vec![0; length].into()),
        ] {
            let mut message = request(notes("GET", ""), b"");
            message.properties = Some(Properties {
                correlation_id: Some(correlation),
                ..Properties::default()
            });

            let parsed = TwinRequest::parse(bytes_of(&message), Limits::default());

            assert_eq!(parsed.is_ok(), is_request);
        }
    }
}

#[test]
fn an_answer_repeats_the_correlation_with_its_type() {
    for correlation in [
        MessageId::Ulong(7),
        MessageId::Uuid(Uuid([7; 16])),
        MessageId::String("GetX".into()),
        MessageId::Binary(Bytes::from_static(b"\x00\x01")),
    ] {
        let mut out = BytesMut::new();
        TwinAnswer::reported(9).write(correlation.clone(), &mut out);

        let message = read(out);
        let properties = message.properties.unwrap();
        assert_eq!(properties.correlation_id, Some(correlation));
        let notes = message.message_annotations;
        assert_eq!(notes.get("status"), Some(&Value::Int(204)));
        assert_eq!(notes.get("version"), Some(&Value::Long(9)));
        assert_eq!(message.body, Body::Data(vec![Bytes::new()]));
    }
}

#[test]
fn a_refusal_has_the_status_of_its_code_and_a_body() {
    let mut out = BytesMut::new();
    TwinAnswer::refused(412_001, "{}".to_owned()).write(MessageId::Ulong(7), &mut out);

    let message = read(out);
    let notes = message.message_annotations;
    assert_eq!(notes.get("status"), Some(&Value::Int(412)));
    assert_eq!(message.body, Body::Data(vec![Bytes::from_static(b"{}")]));
}

#[test]
fn a_change_has_a_version_and_no_correlation() {
    let mut out = BytesMut::new();
    let patch = json!({"a": 1, "$version": 5}).to_string();
    write_change(5, patch.into(), &mut out);

    let message = read(out);
    assert_eq!(message.properties, None);
    let notes = message.message_annotations;
    assert_eq!(notes.get("version"), Some(&Value::Long(5)));
    assert_eq!(
        notes.get("resource"),
        Some(&Value::from("/properties/desired"))
    );
    assert_eq!(notes.get("status"), None);
    let Body::Data(data) = message.body else {
        panic!("no data");
    };
    assert_eq!(&data[0][..], b"{\"$version\":5,\"a\":1}");
}
