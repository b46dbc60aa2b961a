//! The vectors were computed with Python's `hmac` and `base64`, not with this
//! crate: key bytes 0 to 31, expiry 1893456000 unless the token says otherwise.

use super::*;

const KEY: &str = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";

fn key() -> SigningKey {
    SigningKey::from_base64(KEY).unwrap()
}

fn parse(text: &str) -> SasToken<'_> {
    SasToken::parse(text).unwrap()
}

#[test]
fn tokens_as_each_sdk_writes_them_verify() {
    let variants = [
        (
            "Python device: all encoded, policy name raw and last",
            "SharedAccessSignature sr=hub.example.com%2Fdevices%2Fpump-7%2Fmodules%2Fsensor1\
             &sig=LvFmGwwRTFnIzC%2BAUWnxI5nqMBglMc4gocfFK%2BqcjIw%3D&se=1893456000",
        ),
        (
            "Python service: raw slash in the signature, bare host",
            "SharedAccessSignature sr=hub.example.com\
             &sig=ReLzUrhlYjcw%2BUnB7yKceO5haBfQD06/HtDBjL573p0%3D&se=1893456003&skn=service",
        ),
        (
            "Node: policy name before the expiry",
            "SharedAccessSignature sr=hub.example.com\
             &sig=0ybjWqb2iuIYsT9aRPtEu4TBAzr3z9wrj%2BxyQjojGYc%3D&skn=service&se=1893456000",
        ),
        (
            "C: raw slashes in the resource, empty policy name",
            "SharedAccessSignature sr=hub.example.com/devices/pump-7\
             &sig=KuooK%2fzuK3fF%2fYUEGzEBWMGObiRIZzQBzSQ1yqIP%2fgI%3d&se=1893456000&skn=",
        ),
        (
            "lower-case hex digits in the resource",
            "SharedAccessSignature sr=hub.example.com%2fdevices%2fpump-7\
             &sig=uY1UbIhnoJZ5YzsGxXpsrUqmtaG7X86BZ2jG4Gry3Lw%3d&se=1893456000",
        ),
        (
            "signature not encoded at all",
            "SharedAccessSignature sr=hub.example.com\
             &sig=ReLzUrhlYjcw+UnB7yKceO5haBfQD06/HtDBjL573p0=&se=1893456003",
        ),
        (
            "plus decoded to a blank on the way",
            "SharedAccessSignature sr=hub.example.com\
             &sig=ReLzUrhlYjcw UnB7yKceO5haBfQD06/HtDBjL573p0=&se=1893456003",
        ),
        (
            "names in upper case, expiry first, a field of another name",
            "SharedAccessSignature SE=1893456000&Sig=0ybjWqb2iuIYsT9aRPtEu4TBAzr3z9wrj%2BxyQjojGYc%3D\
             &x=1&&SR=hub.example.com",
        ),
    ];

    for (variant, text) in variants {
        assert!(parse(text).verify(&key()), "{variant}");
    }
}

#[test]
fn event_hubs_clients_sign_with_the_text_of_the_key() {
    let token = parse(
        "SharedAccessSignature sr=sb%3A%2F%2Fhub.example.com%2Fmessages%2Fevents\
         &sig=NYIzseXLiaOfcQOHaxclcBXwkKBGkbyKWIc9ncmNbys%3D&se=1893456000&skn=service",
    );

    assert!(token.verify(&SigningKey::from_text(KEY).unwrap()));
    assert!(!token.verify(&key()));
}

#[test]
fn any_changed_field_breaks_the_signature() {
    let good = "SharedAccessSignature sr=hub.example.com%2fdevices%2fpump-7\
                &sig=uY1UbIhnoJZ5YzsGxXpsrUqmtaG7X86BZ2jG4Gry3Lw%3d&se=1893456000";
    assert!(parse(good).verify(&key()));

    for changed in [
        good.replace("pump-7", "pump-8"),
        good.replace("%2f", "%2F"),
        good.replace("%2f", "/"),
        good.replace("1893456000", "1893456001"),
        good.replace("1893456000", "01893456000"),
        good.replace("uY1U", "uY1V"),
    ] {
        assert!(!parse(&changed).verify(&key()), "{changed}");
    }
    assert!(!parse(good).verify(&SigningKey::from_base64("AAAA").unwrap()));
}

#[test]
fn fields_are_told_decoded_and_raw() {
    let token = parse(
        "SharedAccessSignature sr=hub.example.com%2fdevices%2fa%2525b\
         &sig=uY1UbIhnoJZ5YzsGxXpsrUqmtaG7X86BZ2jG4Gry3Lw%3d&se=1893456000&skn=my%2Dpolicy",
    );

    assert_eq!(token.resource(), "hub.example.com%2fdevices%2fa%2525b");
    assert_eq!(
        token.decoded_resource().unwrap(),
        "hub.example.com/devices/a%25b"
    );
    assert!(
        token
            .resource_path()
            .unwrap()
            .covers("hub.example.com", &["devices", "a%25b"])
    );
    assert_eq!(token.expiry(), 1_893_456_000);
    assert_eq!(token.policy_name(), Some("my-policy"));
}

#[test]
fn an_empty_policy_name_is_none() {
    let sig = "0ybjWqb2iuIYsT9aRPtEu4TBAzr3z9wrj%2BxyQjojGYc%3D";

    let text = format!("SharedAccessSignature sr=h&sig={sig}&se=1&skn=");
    assert_eq!(parse(&text).policy_name(), None);
    let text = format!("SharedAccessSignature sr=h&sig={sig}&se=1");
    assert_eq!(parse(&text).policy_name(), None);
}

#[test]
fn texts_that_are_no_tokens_are_refused() {
    use ParseTokenError::*;
    let sig = "sig=0ybjWqb2iuIYsT9aRPtEu4TBAzr3z9wrj%2BxyQjojGYc%3D";
    let of = |fields: &str| format!("SharedAccessSignature {fields}");
    let refusals = [
        (String::new(), WrongScheme),
        ("SharedAccessSignature".into(), WrongScheme),
        (
            format!("sharedaccesssignature sr=h&{sig}&se=1"),
            WrongScheme,
        ),
        (format!("SharedAccessSignaturesr=h&{sig}&se=1"), WrongScheme),
        (
            format!("SharedAccessSignature\tsr=h&{sig}&se=1"),
            WrongScheme,
        ),
        (of(&format!("{sig}&se=1")), MissingField("sr")),
        (of("sr=h&se=1"), MissingField("sig")),
        (of(&format!("sr=h&{sig}")), MissingField("se")),
        (of(&format!("sr=h&{sig}&se=1&SR=i")), DuplicateField("sr")),
        (
            of(&format!("sr=h&{sig}&se=1&skn=a&skn=")),
            DuplicateField("skn"),
        ),
        (of(&format!("sr=h&{sig}&se=1&skn")), FieldWithoutValue),
        (of("sr=h&sig=&se=1"), InvalidSignature),
        (of("sr=h&sig=AAAA&se=1"), InvalidSignature),
        (of("sr=h&sig=***&se=1"), InvalidSignature),
        (of(&format!("sr=h&{sig}&se=")), InvalidExpiry),
        (of(&format!("sr=h&{sig}&se=+1")), InvalidExpiry),
        (of(&format!("sr=h&{sig}&se=-1")), InvalidExpiry),
        (of(&format!("sr=h&{sig}&se=1.5")), InvalidExpiry),
        (
            of(&format!("sr=h&{sig}&se=18446744073709551616")),
            InvalidExpiry,
        ),
        (of(&format!("sr=h&{sig}&se=1&skn=%FF")), InvalidPolicyName),
        (
            of(&format!("sr={}&{sig}&se=1", "h".repeat(MAX_TOKEN_LENGTH))),
            TooLong,
        ),
    ];

    for (text, expected) in refusals {
        assert_eq!(SasToken::parse(&text).unwrap_err(), expected, "{text}");
    }
}

#[test]
fn a_signed_token_reads_as_the_sdks_write_it_and_verifies() {
    let text = SasToken::sign(
        "hub.example.com/devices/pump-7/modules/sensor1",
        &key(),
        None,
        1_893_456_000,
    );

    assert_eq!(
        text,
        "SharedAccessSignature sr=hub.example.com%2Fdevices%2Fpump-7%2Fmodules%2Fsensor1\
         &sig=LvFmGwwRTFnIzC%2BAUWnxI5nqMBglMc4gocfFK%2BqcjIw%3D&se=1893456000"
    );
    assert!(parse(&text).verify(&key()));
}

#[test]
fn debug_text_hides_the_signature() {
    let text = SasToken::sign("h", &key(), Some("p"), 1);

    let debug = format!("{:?}", parse(&text));

    assert_eq!(
        debug,
        "SasToken { resource: \"h\", expiry: 1, policy_name: Some(\"p\"), .. }"
    );
}

proptest::proptest! {
    #[test]
    fn whatever_is_signed_parses_back_and_verifies(
        device in "[A-Za-z0-9._:@!%#?*(),=$'-]{1,128}",
        policy in proptest::option::of("[A-Za-z0-9._-]{1,64}"),
        expiry: u64,
    ) {
        let resource = format!("hub.example.com/devices/{device}");

        let text = SasToken::sign(&resource, &key(), policy.as_deref(), expiry);
        let token = SasToken::parse(&text).unwrap();

        assert!(token.verify(&key()));
        assert_eq!(token.decoded_resource().unwrap(), resource);
        assert_eq!(token.expiry(), expiry);
        assert_eq!(token.policy_name(), policy.as_deref());
        let path = token.resource_path().unwrap();
        assert!(path.covers("hub.example.com", &["devices", &device]));
    }
}
