//! In which order lines are done.

use serde_json::{Value, json};

use super::plant::{Plant, codes, device, with};

fn edge(id: &str) -> Value {
    with(
        device(id, "create", 0),
        "capabilities",
        json!({"iotEdge": true}),
    )
}

/// A scope as another hub has made it.
fn scope(edge: &str) -> Value {
    json!(format!("ms-azure-iot-edge://{edge}-637000000000000000"))
}

#[tokio::test]
async fn lines_about_one_device_are_done_in_the_order_of_the_file() {
    let plant = Plant::new().await;
    let mut lines = Vec::new();
    for n in 0..400 {
        lines.push(device(&format!("d-{n}"), "create", 0));
        lines.push(device("one", "createOrUpdate", n));
    }

    let failures = plant.import(&lines).await;

    assert_eq!(codes(&failures), []);
    assert_eq!(plant.tags("one").await, Some(json!({"n": 399})));
    assert_eq!(plant.tags("d-399").await, Some(json!({"n": 0})));
}

#[tokio::test]
async fn children_before_their_parents_and_modules_before_their_devices_wait_for_them() {
    let plant = Plant::new().await;
    let leaf = |id: &str, parent: &str| with(device(id, "create", 1), "deviceScope", scope(parent));
    let below = |id: &str, parent: &str| with(edge(id), "parentScopes", json!([scope(parent)]));
    let lines = [
        with(device("a", "create", 1), "moduleId", json!("m")),
        leaf("a", "b"),
        with(device("a", "create", 2), "moduleId", json!("n")),
        below("b", "c"),
        below("c", "d"),
        device("a", "updateTwin", 3),
        edge("d"),
    ];

    let failures = plant.import(&lines).await;

    assert_eq!(codes(&failures), []);
    assert_eq!(plant.tags("a").await, Some(json!({"n": 3})));
    assert_eq!(plant.tags("a/m").await, Some(json!({"n": 1})));
    assert_eq!(plant.tags("a/n").await, Some(json!({"n": 2})));
    let exported = plant.export(false).await;
    let of = |id: &str| exported.iter().find(|line| line["id"] == id).unwrap();
    assert_eq!(of("a")["deviceScope"], of("b")["deviceScope"]);
    assert_eq!(of("b")["parentScopes"], json!([of("c")["deviceScope"]]));
}

#[tokio::test]
async fn what_never_comes_is_logged_once_and_keeps_nobody_else() {
    let plant = Plant::new().await;
    let orphan = with(device("orphan", "create", 1), "deviceScope", scope("gone"));
    let module = with(device("orphan", "create", 1), "moduleId", json!("m"));
    let child = with(device("child", "create", 1), "deviceScope", scope("edge"));

    let failures = plant.import(&[orphan, module, child, edge("edge")]).await;

    let logged = [("orphan", 400_028), ("orphan", 404_001)];
    assert_eq!(codes(&failures), logged);
    assert_eq!(plant.tags("child").await, Some(json!({"n": 1})));
}
