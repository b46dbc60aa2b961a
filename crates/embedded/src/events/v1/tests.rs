use std::borrow::Cow;

use bytes::Bytes;
use twinhub_core::ids::{DeviceId, IdentityId, ModuleId};
use twinhub_core::time::Timestamp;
use twinhub_event_log::Record;

use super::*;

fn origin() -> Origin {
    Origin {
        identity: IdentityId::module(
            DeviceId::parse("pump-7").unwrap(),
            ModuleId::parse("$edgeHub").unwrap(),
        ),
        generation: Timestamp::from_unix_seconds(1_700_000_000),
        auth_method: Some(AuthMethod {
            scope: AuthScope::Device,
            kind: AuthKind::X509Ca,
        }),
        model_id: None,
        source: EventSource::Telemetry,
    }
}

fn payload(message: &MessageRef<'_>) -> Bytes {
    let mut out = encode_origin(&origin());
    encode_message(message, &mut out);
    out.into()
}

fn checked(payload: Bytes) -> Option<Checked> {
    Checked::new(Record {
        sequence_number: 12,
        offset: 3456,
        enqueued: 638_000_000_000_000_000,
        tag: TAG,
        payload,
    })
}

fn with_everything(test: impl FnOnce(Bytes)) {
    let mut system: Vec<_> = SystemProperty::ALL
        .into_iter()
        .map(|property| (property, Cow::from(property.name())))
        .collect();
    system.push((SystemProperty::MessageId, "a duplicate".into()));
    let application = [
        (Cow::from("hall"), Some(Cow::from("7"))),
        (Cow::from("empty"), Some(Cow::from(""))),
        (Cow::from("flag"), None),
    ];
    test(payload(&MessageRef {
        system: &system,
        application: &application,
        body: b"\0body",
    }));
}

#[test]
fn an_event_comes_back_as_it_was_written() {
    with_everything(|payload| {
        let checked = checked(payload).unwrap();
        let event = checked.event().to_event();

        assert_eq!((event.sequence_number, event.offset), (12, 3456));
        assert_eq!(event.enqueued.ticks(), 638_000_000_000_000_000);
        assert_eq!(event.origin, origin());
        let all = SystemProperty::ALL.map(|property| (property, property.name().into()));
        assert_eq!(event.message.system, all);
        let application = [
            ("hall".into(), Some("7".into())),
            ("empty".into(), Some("".into())),
            ("flag".into(), None),
        ];
        assert_eq!(event.message.application, application);
        assert_eq!(&event.message.body[..], b"\0body");
    });
}

#[test]
fn the_bytes_of_version_1_are_frozen() {
    let payload = payload(&MessageRef {
        system: &[(SystemProperty::ContentType, "a/b".into())],
        application: &[("k".into(), None)],
        body: b"{}",
    });

    let frozen = b"\x00\x01\x00\x00\xe4\xe8\x5e\xe5\xdb\x08\x06pump-7\x08$edgeHub\
        \x02\x02\x00\x01\x04\x03a/b\x01\x01k\x00{}";
    assert_eq!(
        payload.escape_ascii().to_string(),
        frozen.escape_ascii().to_string()
    );
}

#[test]
fn a_cut_head_is_no_event() {
    with_everything(|payload| {
        let head = payload.len() - b"\0body".len();
        for length in 0..head {
            assert!(checked(payload.slice(..length)).is_none(), "{length}");
        }
    });
}

#[test]
fn what_is_no_text_or_no_id_is_no_event() {
    let sound = payload(&MessageRef {
        system: &[(SystemProperty::ContentType, "a/b".into())],
        application: &[("key".into(), Some("value".into()))],
        body: b"{}",
    });
    let text = |text: &[u8]| {
        let mut places = sound.windows(text.len());
        places.position(|window| window == text).unwrap()
    };

    for place in [text(b"pump-7"), text(b"a/b"), text(b"key"), text(b"value")] {
        let mut damaged = sound.to_vec();
        damaged[place] = 0xff;
        assert!(checked(damaged.into()).is_none(), "{place}");
    }
    let mut no_id = sound.to_vec();
    no_id[text(b"pump-7")] = b'#';
    assert!(checked(no_id.into()).is_none());
    assert!(checked(sound).is_some());
}
