use super::*;

const KEY: &str = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";

fn key() -> Credential {
    Credential::SharedAccessKey(KEY.to_owned())
}

#[test]
fn strings_as_azure_writes_them_are_read_and_written_back_unchanged() {
    for text in [
        format!("HostName=hub.example.com;SharedAccessKeyName=iothubowner;SharedAccessKey={KEY}"),
        format!("HostName=hub.example.com;DeviceId=pump-7;SharedAccessKey={KEY}"),
        format!("HostName=hub.example.com;DeviceId=pump-7;ModuleId=sensor1;SharedAccessKey={KEY}"),
        "HostName=hub.example.com;DeviceId=pump-7;x509=true".to_owned(),
        "HostName=h;DeviceId=d;SharedAccessSignature=SharedAccessSignature sr=h&sig=x%3D&se=1"
            .to_owned(),
        format!("HostName=h;DeviceId=d;SharedAccessKey={KEY};GatewayHostName=edge.local"),
    ] {
        let parsed = ConnectionString::parse(&text).unwrap();

        assert_eq!(parsed.to_string(), text);
    }
}

#[test]
fn fields_are_found_in_any_order_and_case() {
    let parsed: ConnectionString =
        format!("sharedaccesskey={KEY};MODULEID=m;deviceid=d;hostname=h; GatewayHostname = g ;")
            .parse()
            .unwrap();

    assert_eq!(parsed.host_name(), "h");
    assert_eq!(parsed.gateway_host_name(), Some("g"));
    assert_eq!(parsed.device_id(), Some("d"));
    assert_eq!(parsed.module_id(), Some("m"));
    assert_eq!(parsed.policy_name(), None);
    assert_eq!(parsed.credential(), &key());
}

#[test]
fn an_id_may_contain_an_equals_sign() {
    let parsed =
        ConnectionString::parse(&format!("HostName=h;DeviceId=a=b;SharedAccessKey={KEY}")).unwrap();

    assert_eq!(parsed.device_id(), Some("a=b"));
}

#[test]
fn strings_that_mean_nothing_are_refused_with_the_reason() {
    use ConnectionStringError::*;
    let with_key = |text: &str| format!("{text};SharedAccessKey={KEY}");
    let refusals = [
        (String::new(), NotNameAndValue(1)),
        ("HostName=h;;DeviceId=d".into(), NotNameAndValue(2)),
        (with_key("HostName=h;DeviceID2=d"), UnknownName(2)),
        (
            with_key("HostName=h;DeviceId=d;hostname=i"),
            Duplicate("HostName"),
        ),
        (with_key("DeviceId=d"), Missing("HostName")),
        (with_key("HostName=;DeviceId=d"), Unwritable("HostName")),
        (with_key("HostName=h;ModuleId=m"), Missing("DeviceId")),
        (
            with_key("HostName=h"),
            Missing("SharedAccessKeyName or DeviceId"),
        ),
        ("HostName=h;DeviceId=d".into(), NoCredential),
        (
            with_key("HostName=h;DeviceId=d;x509=true"),
            SeveralCredentials,
        ),
        (
            "HostName=h;DeviceId=d;SharedAccessKey=c2hvcnQ=".into(),
            InvalidKey,
        ),
        ("HostName=h;DeviceId=d;x509=false".into(), InvalidX509),
    ];

    for (text, expected) in refusals {
        assert_eq!(
            ConnectionString::parse(&text).unwrap_err(),
            expected,
            "{text}"
        );
    }
}

#[test]
fn made_strings_refuse_what_could_not_be_read_back() {
    assert_eq!(
        ConnectionString::for_device("h", "a;SharedAccessKey=x", &key()),
        Err(ConnectionStringError::Unwritable("DeviceId"))
    );
    assert_eq!(
        ConnectionString::for_policy("h", "p", "not a key"),
        Err(ConnectionStringError::InvalidKey)
    );
}

#[test]
fn made_strings_read_as_azure_writes_them() {
    let policy = ConnectionString::for_policy("h", "service", KEY).unwrap();
    let module = ConnectionString::for_module("h", "d", "m", &Credential::X509).unwrap();

    assert_eq!(
        policy.to_string(),
        format!("HostName=h;SharedAccessKeyName=service;SharedAccessKey={KEY}")
    );
    assert_eq!(
        module.to_string(),
        "HostName=h;DeviceId=d;ModuleId=m;x509=true"
    );
}

#[test]
fn debug_texts_and_errors_hide_the_secrets() {
    let device = ConnectionString::for_device("h", "d", &key()).unwrap();
    assert!(!format!("{device:?}").contains(KEY));

    let misplaced = ConnectionString::parse(&format!("HostName=h;{KEY}")).unwrap_err();
    let text = format!("{misplaced} {misplaced:?}");
    assert!(!text.contains(&KEY[..8]), "{text}");
}
