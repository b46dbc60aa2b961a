use super::*;

fn device(id: &str) -> IdentityId {
    DeviceId::parse(id).unwrap().into()
}

fn module(id: &str, module: &str) -> IdentityId {
    IdentityId::module(
        DeviceId::parse(id).unwrap(),
        ModuleId::parse(module).unwrap(),
    )
}

#[test]
fn the_user_name_of_every_sdk_is_read() {
    for (text, identity, model_id) in [
        (
            "hub.example/pump-7/?api-version=2019-10-01&DeviceClientType=azure-iot-device-iothub-py%2F2.14.0%28x%29",
            device("pump-7"),
            None,
        ),
        (
            "hub.example/pump-7/main/?api-version=2020-09-30&DeviceClientType=py%2F2&model-id=dtmi%3Aa%3Ab%3B1",
            module("pump-7", "main"),
            Some("dtmi:a:b;1"),
        ),
        (
            "hub.example/pump-7/?api-version=2021-04-12&model-id=dtmi:a:b;1&DeviceClientType=n%2F1",
            device("pump-7"),
            Some("dtmi:a:b;1"),
        ),
        (
            "hub.example/pump-7/?api-version=2020-09-30&DeviceClientType=iothubclient%2f1.14.0%20(native%3b%20Linux)",
            device("pump-7"),
            None,
        ),
        (
            "hub.example/pump-7/$edgeAgent/?api-version=2020-09-30&DeviceClientType=.NET%2F1.42.3&auth-chain=a%3Bb",
            module("pump-7", "$edgeAgent"),
            None,
        ),
        (
            "hub.example/pump-7/?api-version=2020-09-30&model-id=dtmi%3Aa%3Ab%3B1&DeviceClientType=java%2F2.5.0",
            device("pump-7"),
            Some("dtmi:a:b;1"),
        ),
        (
            "hub.example/pump-7/api-version=2016-11-14&DeviceClientType=old%2F1",
            device("pump-7"),
            None,
        ),
        (
            "hub.example/pump-7/api-version=2016-11-14/DeviceClientType=Microsoft.Azure.Devices.Client%2F1.5",
            device("pump-7"),
            None,
        ),
        (
            "hub.example/pump-7/main/api-version=2016-11-14/DeviceClientType=Microsoft.Azure.Devices.Client%2F1.5",
            module("pump-7", "main"),
            None,
        ),
    ] {
        let parsed = Username::parse(text).expect(text);

        assert_eq!(parsed.host, "hub.example", "{text}");
        assert_eq!(parsed.identity, identity, "{text}");
        assert_eq!(parsed.model_id.as_deref(), model_id, "{text}");
    }
}

#[test]
fn ids_are_not_decoded_and_may_look_like_properties() {
    for (text, identity) in [
        ("h/a%41:b/?api-version=1", device("a%41:b")),
        ("h/?x/?api-version=1", device("?x")),
        (
            "h/d/api-version=1/?api-version=1",
            module("d", "api-version=1"),
        ),
        ("h/d/?m/api-version=1", module("d", "?m")),
    ] {
        assert_eq!(Username::parse(text).unwrap().identity, identity, "{text}");
    }
}

#[test]
fn of_duplicates_the_first_wins_and_a_question_mark_counts_only_in_front() {
    let parsed =
        Username::parse("h/d/?x=??&model-id=a?b&api-version=soon&model-id=c&flag").unwrap();

    assert_eq!(parsed.model_id.as_deref(), Some("a?b"));
}

#[test]
fn an_empty_model_id_is_none() {
    let parsed = Username::parse("h/d/?model-id=&api-version=1").unwrap();

    assert_eq!(parsed.model_id, None);
}

#[test]
fn malformed_user_names_are_refused() {
    let long = format!(
        "h/d/?api-version=1&model-id={}",
        "x".repeat(MAX_MODEL_ID + 1)
    );
    for (text, error) in [
        ("", InvalidUsername::Segments),
        ("hub.example", InvalidUsername::Segments),
        ("h/?api-version=1", InvalidUsername::Segments),
        ("h/d", InvalidUsername::Segments),
        ("h/d/", InvalidUsername::NoApiVersion),
        ("h/d/?DeviceClientType=x", InvalidUsername::NoApiVersion),
        ("h/d/?API-VERSION=1", InvalidUsername::NoApiVersion),
        ("h/d/??api-version=1", InvalidUsername::NoApiVersion),
        ("/d/?api-version=1", InvalidUsername::NoHost),
        ("h//?api-version=1", InvalidUsername::Id(InvalidId::Empty)),
        ("h/d//?api-version=1", InvalidUsername::Id(InvalidId::Empty)),
        (
            "h/a+b/?api-version=1",
            InvalidUsername::Id(InvalidId::Character('+')),
        ),
        ("h/d/m/x/?api-version=1", InvalidUsername::Segments),
        ("h/d/a/b/c/?api-version=1", InvalidUsername::Segments),
        ("h/d/?api-version=1&model-id=%ff", InvalidUsername::ModelId),
        (&long, InvalidUsername::ModelId),
    ] {
        assert_eq!(Username::parse(text), Err(error), "{text}");
    }
}
