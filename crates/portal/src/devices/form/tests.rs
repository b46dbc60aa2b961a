use super::*;

fn typed(form: &str) -> NewDevice {
    NewDevice::of(&Fields::parse(form.as_bytes()))
}

fn items(form: &str) -> Vec<Value> {
    sent(&typed(form).plan().unwrap())
}

fn sent(plan: &Plan) -> Vec<Value> {
    let items = plan.items();
    let items = items.iter().map(|item| serde_json::to_value(item).unwrap());
    items.collect()
}

#[test]
fn an_id_is_enough() {
    let keys = json!({"primaryKey": null, "secondaryKey": null});
    assert_eq!(
        items("id=pump-7"),
        [json!({
            "id": "pump-7", "importMode": "create", "status": "enabled",
            "authentication": {"type": "sas", "symmetricKey": keys},
            "capabilities": {"iotEdge": false},
        })]
    );
}

#[test]
fn all_that_is_typed_is_in_the_item() {
    let form = "id=+gate+&authentication-type=selfSigned&primary-thumbprint=AB:CD+EF\
                &status=disabled&reason=spare&edge=on\
                &tags=%7B%22a%22:1%7D&desired=%7B%22b%22:%7B%22c%22:2%7D%7D";

    assert_eq!(
        items(form),
        [json!({
            "id": "gate", "importMode": "create", "status": "disabled", "statusReason": "spare",
            "authentication": {
                "type": "selfSigned",
                "x509Thumbprint": {"primaryThumbprint": "ABCDEF", "secondaryThumbprint": null},
            },
            "capabilities": {"iotEdge": true},
            "tags": {"a": 1}, "properties": {"desired": {"b": {"c": 2}}},
        })]
    );
}

#[test]
fn a_pattern_makes_several_devices_that_share_no_secret() {
    let several = items("id=pump-##&count=3");

    let ids: Vec<_> = several.iter().map(|item| item["id"].as_str()).collect();
    assert_eq!(ids, [Some("pump-01"), Some("pump-02"), Some("pump-03")]);
    for shared in [
        "primary-key=x",
        "authentication-type=selfSigned&primary-thumbprint=ab",
    ] {
        let problems = typed(&format!("id=pump-##&count=3&{shared}")).plan();
        assert!(problems.unwrap_err().at("authentication").is_some());
    }
}

#[test]
fn all_problems_are_told_at_once_each_at_its_field() {
    let problems = typed("id=a&count=x%23&tags=%7B&desired=7").plan();

    let problems = problems.unwrap_err();
    for field in ["id", "tags", "desired"] {
        assert!(problems.at(field).is_some(), "{field}: {problems:?}");
    }
}

#[test]
fn what_cannot_fit_into_a_twin_is_told_before_it_is_read() {
    let tags = format!("{{\"a\":[0{}]}}", ",0".repeat(400_000));
    let form = NewDevice {
        tags: tags.clone(),
        desired: tags,
        ..typed("id=pump-###&count=100")
    };

    let problems = form.plan().unwrap_err();

    for (field, bytes) in [("tags", "8192"), ("desired", "32768")] {
        let told = problems.at(field).unwrap();
        assert!(told.contains(bytes), "{told}");
    }
}

#[test]
fn every_device_is_put_below_the_parent() {
    let mut plan = typed("id=a-#&count=2").plan().unwrap();

    plan.below("scope");

    let scopes = sent(&plan);
    assert!(scopes.iter().all(|item| item["deviceScope"] == "scope"));
}

#[test]
fn a_refusal_stands_at_the_field_that_it_is_about() {
    for (code, message, field) in [
        ("DeviceAlreadyExists", "device a exists already", "id"),
        (
            "ArgumentInvalid",
            "the device id can't be taken: the id has the character U+0020",
            "id",
        ),
        (
            "ArgumentInvalid",
            "a thumbprint must be 40 (SHA-1) or 64 (SHA-256) hex digits without separators",
            "authentication",
        ),
        (
            "ArgumentInvalid",
            "a key must be base64 of 16 to 64 bytes",
            "authentication",
        ),
        (
            "ArgumentInvalid",
            "tags.a: a key can't have '$'; control characters, blank and . $ # are not allowed",
            "tags",
        ),
        (
            "ArgumentInvalid",
            "properties.desired.a: an array can't hold null",
            "desired",
        ),
        (
            "ArgumentInvalid",
            "a status reason has at most 128 characters",
            "reason",
        ),
        (
            "InvalidDeviceScope",
            "a device can't be its own parent",
            "parent",
        ),
        ("ThrottlingException", "too much at once", ""),
    ] {
        let told = json!({"deviceId": "a", "errorCode": code, "errorStatus": message});
        let failed: Failed = serde_json::from_value(told).unwrap();

        let problems = refused(&failed);
        match field {
            "" => assert_eq!(problems.above.unwrap().code.as_deref(), Some(code)),
            field => assert!(problems.at(field).is_some(), "{message}"),
        }
    }
}
