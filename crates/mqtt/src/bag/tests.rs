use super::*;

fn application(text: &str) -> Vec<(String, Option<String>)> {
    let bag = Bag::parse(text);
    assert_eq!(bag.system, [], "{text}");
    let pairs = bag.application.into_iter();
    pairs
        .map(|(name, value)| (name.into_owned(), value.map(Cow::into_owned)))
        .collect()
}

fn pair(name: &str, value: &str) -> (String, Option<String>) {
    (name.to_owned(), Some(value.to_owned()))
}

#[test]
fn pairs_are_decoded_and_keep_their_order() {
    for (text, pairs) in [
        ("", vec![]),
        ("/", vec![]),
        ("?", vec![]),
        ("a=b", vec![pair("a", "b")]),
        ("?b=2&a=1/", vec![pair("b", "2"), pair("a", "1")]),
        ("a=%20b+c%2F/", vec![pair("a", " b+c/")]),
        ("path=a/b/c", vec![pair("path", "a/b/c")]),
        ("a=b=c", vec![pair("a", "b=c")]),
        ("%C3%A4=%E2%82%AC", vec![pair("ä", "€")]),
        ("a=", vec![pair("a", "")]),
        ("a", vec![("a".to_owned(), None)]),
        ("a=1&&b=2&", vec![pair("a", "1"), pair("b", "2")]),
        ("a=1&a=2", vec![pair("a", "1"), pair("a", "2")]),
        ("ack=1&$mid=2", vec![pair("ack", "1"), pair("$mid", "2")]),
        ("=nameless", vec![]),
    ] {
        assert_eq!(application(text), pairs, "{text}");
    }
}

#[test]
fn what_is_no_encoding_stays_as_it_was_sent() {
    for value in ["100%", "%zz", "%", "%ff", "a%c3"] {
        assert_eq!(
            application(&format!("a={value}")),
            [pair("a", value)],
            "{value}"
        );
    }
}

#[test]
fn names_of_the_hub_are_read_raw_and_encoded_and_the_first_counts() {
    let bag = Bag::parse(
        "own=1&$.mid=m-1&%24.ct=application%2fjson&%24%2Ece=utf-8&$.mid=m-2&iothub-ack=full&$.on=out",
    );

    let system = [
        (SystemProperty::MessageId, "m-1"),
        (SystemProperty::ContentType, "application/json"),
        (SystemProperty::ContentEncoding, "utf-8"),
        (SystemProperty::Acknowledgement, "full"),
        (SystemProperty::OutputName, "out"),
    ];
    assert_eq!(bag.system, system.map(|(name, value)| (name, value.into())));
    assert_eq!(bag.application, [("own".into(), Some("1".into()))]);
}

#[test]
fn every_documented_name_has_its_meaning() {
    for (name, property) in [
        ("$.mid", SystemProperty::MessageId),
        ("$.cid", SystemProperty::CorrelationId),
        ("$.uid", SystemProperty::UserId),
        ("$.to", SystemProperty::To),
        ("$.ct", SystemProperty::ContentType),
        ("$.ce", SystemProperty::ContentEncoding),
        ("$.exp", SystemProperty::AbsoluteExpiry),
        ("$.ctime", SystemProperty::CreationTime),
        ("$.on", SystemProperty::OutputName),
        ("$.sub", SystemProperty::Component),
        ("$.ifid", SystemProperty::InterfaceId),
        ("$.schema", SystemProperty::Schema),
        ("$.diagid", SystemProperty::DiagnosticId),
        ("$.diagctx", SystemProperty::CorrelationContext),
        ("iothub-ack", SystemProperty::Acknowledgement),
        ("iothub-operation", SystemProperty::Operation),
    ] {
        let text = format!("{name}=x");

        let bag = Bag::parse(&text);

        assert_eq!(bag.system, [(property, "x".into())], "{name}");
        assert_eq!(bag.application, [], "{name}");
    }
}

#[test]
fn what_only_the_hub_may_say_is_passed_over() {
    let bag = Bag::parse("$.cdid=other&$.cmid=m&$.made-up=1&$.mid&%24.=1");

    assert_eq!(bag, Bag::default());
}

#[test]
fn nothing_is_copied_where_nothing_is_encoded() {
    let bag = Bag::parse("$.mid=m-1&hall=7");

    assert!(matches!(bag.system[..], [(_, Cow::Borrowed("m-1"))]));
    assert!(matches!(
        bag.application[..],
        [(Cow::Borrowed("hall"), Some(Cow::Borrowed("7")))]
    ));
}

#[test]
fn what_is_written_has_no_character_of_a_topic_and_reads_back() {
    let mut topic = String::new();
    let mut writer = BagWriter::new(&mut topic);
    writer.known("%24.to", "/devices/x/messages/devicebound");
    writer.known("iothub-ack", "full");
    writer.application("$own", Some("a b&c=d#e+f%g/ä"));
    writer.application("flag", None);
    writer.application("empty", Some(""));

    assert_eq!(
        topic,
        "%24.to=%2Fdevices%2Fx%2Fmessages%2Fdevicebound&iothub-ack=full\
         &%24own=a%20b%26c%3Dd%23e%2Bf%25g%2F%C3%A4&flag&empty="
    );
    let bag = Bag::parse(&topic);
    assert_eq!(bag.system.len(), 2);
    assert_eq!(
        bag.application,
        [
            ("$own".into(), Some("a b&c=d#e+f%g/ä".into())),
            ("flag".into(), None),
            ("empty".into(), Some("".into())),
        ]
    );
}

#[test]
fn a_sender_cannot_speak_for_the_hub_in_what_is_written() {
    let mut topic = String::new();
    let mut writer = BagWriter::new(&mut topic);
    writer.known("%24.to", "/here");

    for name in ["$.to", "$.made-up", "$.", "iothub-ack", "iothub-operation"] {
        writer.application(name, Some("evil"));
        writer.application(name, None);
    }

    assert_eq!(topic, "%24.to=%2Fhere");
}
