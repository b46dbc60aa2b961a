//! The documented behaviour, example by example.

use serde_json::{Value, json};
use twinhub_core::identities::Status;
use twinhub_core::query::QueryError;

use crate::plant::{Plant, device, module};

const SCOPE: &str = "ms-azure-iot-edge://e1-77";

/// Devices that differ in where they stand, what they report, and their kind.
async fn fleet() -> Plant {
    let done = || json!({"state": "Done"});
    let plant = Plant::new().await;
    plant
        .with([
            device("d1")
                .tags(json!({"site": {"country": "NO", "hall": 3}}))
                .reported(json!({"rate": 30, "link": "wired", "cfg": done()})),
            device("d2")
                .tags(json!({"site": {"country": "NO", "hall": 4}}))
                .reported(json!({"rate": 90, "link": "wifi", "cfg": done()})),
            device("d3")
                .device(|device| device.status = Status::Disabled)
                .tags(json!({"site": {"country": "SE"}}))
                .reported(json!({"rate": "90", "link": "cell", "cfg": {"state": "Waiting"}})),
            device("d4").reported(json!({"cfg": {"state": "Waiting"}})),
            device("e1")
                .device(|device| {
                    device.edge = true;
                    device.scope = Some(SCOPE.to_owned());
                })
                .tags(json!({"site": {"country": "NO"}}))
                .reported(json!({"cfg": done()})),
            device("c1")
                .device(|device| device.parent_scopes = vec![SCOPE.to_owned()])
                .tags(json!({"group": "x"}))
                .reported(json!({"cfg": {"state": "Broken"}})),
            module("e1", "$edgeAgent")
                .desired(json!({"a": 1}))
                .reported(json!({"lastDesiredVersion": 2, "lastDesiredStatus": {"code": 200}})),
            module("e1", "cam").reported(json!({"status": "scanning"})),
            module("d1", "cam").reported(json!({"status": "idle"})),
        ])
        .await;
    plant
}

/// What a condition keeps of the devices.
const DEVICES: &[(&str, &[&str])] = &[
    ("tags.site.country = 'NO'", &["d1", "d2", "e1"]),
    (
        "tags.site.country = 'NO' AND properties.reported.rate >= 60",
        &["d2"],
    ),
    // A text is no number.
    ("properties.reported.rate >= 60", &["d2"]),
    ("properties.reported.rate = '90'", &["d3"]),
    ("properties.reported.rate != 90", &["d1", "d3"]),
    (
        "properties.reported.link IN ['wired', 'wifi']",
        &["d1", "d2"],
    ),
    ("properties.reported.link NIN ['wired', 'wifi']", &["d3"]),
    ("IS_DEFINED(properties.reported.link)", &["d1", "d2", "d3"]),
    (
        "NOT IS_DEFINED(properties.reported.link)",
        &["c1", "d4", "e1"],
    ),
    ("capabilities.iotEdge = true", &["e1"]),
    (
        "ARRAY_CONTAINS(parentScopes, 'ms-azure-iot-edge://e1-77')",
        &["c1"],
    ),
    ("array_contains(parentScopes, 'other')", &[]),
    ("STARTSWITH(deviceId, 'd')", &["d1", "d2", "d3", "d4"]),
    (
        "STARTSWITH(devices.deviceId, 'd') AND ENDSWITH(deviceId, '4')",
        &["d4"],
    ),
    ("tags.[[group]] = 'x'", &["c1"]),
    // Objects can't be compared.
    ("tags.site = properties.reported.cfg", &[]),
    ("tags.site != properties.reported.cfg", &[]),
    ("STATUS = 'enabled'", &["c1", "d1", "d2", "d4", "e1"]),
    ("status <> 'enabled'", &["d3"]),
    // Neither a missing value nor its negation is true.
    ("tags.site.hall < 4", &["d1"]),
    ("NOT tags.site.hall < 4", &["d2"]),
    (
        "tags.site.hall != 3 OR tags.site.country = 'SE'",
        &["d2", "d3"],
    ),
    ("tags.site.hall = null", &[]),
    ("tags.site.hall = undefined", &[]),
    ("tags.Site.country = 'NO'", &[]),
    ("tags.site.country = 'no'", &[]),
    // Only what is true keeps a row.
    ("true", &["c1", "d1", "d2", "d3", "d4", "e1"]),
    ("'true'", &[]),
    ("null", &[]),
    ("1", &[]),
    ("tags.site", &[]),
    ("capabilities.iotEdge", &["e1"]),
    ("properties.reported.rate / 3 + 1 = 11", &["d1"]),
    ("properties.reported.rate % 60 = 30", &["d1", "d2"]),
    ("properties.reported.rate > -(5 - 0x23)", &["d2"]),
    ("tags.site.hall / 0 > 1", &["d1", "d2"]),
    ("tags.site.hall % 0 = tags.site.hall % 0", &[]),
    (
        "properties.desired.$version = 2",
        &["c1", "d1", "d2", "d3", "d4", "e1"],
    ),
    (
        "properties.reported.$metadata.link.$lastUpdated > '2027'",
        &["d1", "d2", "d3"],
    ),
    ("connectionState = 'Connected'", &[]),
    (
        "lastActivityTime < '2020'",
        &["c1", "d1", "d2", "d3", "d4", "e1"],
    ),
    ("moduleId = 'cam'", &[]),
    ("configurations.[[base-1]].status = 'Applied'", &[]),
    ("nonsense = 1", &[]),
];

#[tokio::test]
async fn conditions_keep_what_is_documented() {
    let fleet = fleet().await;

    for (condition, kept) in DEVICES {
        let query = format!("SELECT * FROM devices WHERE {condition}");

        assert_eq!(fleet.rows(&query, 100).await.unwrap(), *kept, "{condition}");
        let naive = fleet.naive_rows(&query, 100).await.unwrap();
        assert_eq!(naive, *kept, "{condition}, without SQL");
    }
}

#[tokio::test]
async fn modules_are_queried_apart_from_devices() {
    let fleet = fleet().await;
    let rows = |condition: &str| {
        let query = format!("SELECT * FROM devices.modules WHERE {condition}");
        let fleet = &fleet;
        async move { fleet.rows(&query, 100).await.unwrap() }
    };

    assert_eq!(rows("true").await, ["d1/cam", "e1/$edgeAgent", "e1/cam"]);
    let scanning = "properties.reported.status = 'scanning'";
    assert_eq!(rows(scanning).await, ["e1/cam"]);
    let elsewhere = format!("{scanning} AND deviceId IN ['d1', 'd2']");
    assert_eq!(rows(&elsewhere).await, [""; 0]);
    assert_eq!(
        rows("devices.modules.moduleId = 'cam'").await,
        ["d1/cam", "e1/cam"]
    );
    // A module has no status, and does not see its device's tags.
    assert_eq!(
        rows("status = 'enabled' OR IS_DEFINED(tags.site)").await,
        [""; 0]
    );
    assert_eq!(
        rows("authenticationType = 'certificateAuthority'")
            .await
            .len(),
        3
    );
}

/// What a query over the fleet answers.
async fn rows(query: &str) -> Vec<Value> {
    fleet().await.rows(query, 100).await.unwrap()
}

#[tokio::test]
async fn the_metric_of_a_deployment_is_answered() {
    let query = "SELECT deviceId FROM devices.modules WHERE moduleId = '$edgeAgent' \
         AND properties.desired.$version = properties.reported.lastDesiredVersion \
         AND properties.reported.lastDesiredStatus.code = 200";

    assert_eq!(rows(query).await, [json!({"deviceId": "e1"})]);
}

#[tokio::test]
async fn columns_show_what_is_defined() {
    assert_eq!(
        rows("SELECT deviceId, Status FROM devices WHERE deviceId = 'd1'").await,
        [json!({"deviceId": "d1", "status": "enabled"})]
    );
    assert_eq!(
        rows(
            "select deviceId AS id, tags.site.hall, capabilities.iotEdge AS edge from devices \
              where tags.site.country = 'NO'"
        )
        .await,
        [
            json!({"id": "d1", "hall": 3, "edge": false}),
            json!({"id": "d2", "hall": 4, "edge": false}),
            json!({"id": "e1", "edge": true}),
        ]
    );
}

#[tokio::test]
async fn groups_count_their_rows() {
    let mut groups = rows(
        "SELECT properties.reported.cfg.state AS s, COUNT() AS n FROM devices \
         GROUP BY properties.reported.cfg.state",
    )
    .await;

    groups.sort_by_key(|group| group["s"].to_string());
    assert_eq!(
        groups,
        [
            json!({"s": "Broken", "n": 1}),
            json!({"s": "Done", "n": 3}),
            json!({"s": "Waiting", "n": 2})
        ]
    );
}

#[tokio::test]
async fn rows_without_the_key_make_a_group_without_it() {
    let mut groups =
        rows("SELECT tags.site.country, COUNT() AS n FROM devices GROUP BY tags.site.country")
            .await;

    groups.sort_by_key(|group| group["n"].to_string());
    assert_eq!(
        groups,
        [
            json!({"country": "SE", "n": 1}),
            json!({"n": 2}),
            json!({"country": "NO", "n": 3}),
        ]
    );
}

#[tokio::test]
async fn aggregates_fold_all_rows_into_one() {
    assert_eq!(
        rows("SELECT COUNT() AS total FROM devices").await,
        [json!({"total": 6})]
    );
    assert_eq!(
        rows("SELECT COUNT() AS total FROM devices WHERE status = 'disabled'").await,
        [json!({"total": 1})]
    );
    assert_eq!(
        rows(
            "SELECT AVG(tags.site.hall) AS a, MAX(tags.site.hall) AS m FROM devices \
             WHERE tags.site.country = 'NO' AND IS_DEFINED(tags.site.hall)"
        )
        .await,
        [json!({"a": 3.5, "m": 4})]
    );
    assert_eq!(
        rows(
            "SELECT SUM(properties.reported.rate) AS s, MIN(properties.reported.link) AS l, \
             MIN(tags.none) AS none, COUNT() AS n FROM devices"
        )
        .await,
        [json!({"s": 120, "l": "cell", "n": 6})]
    );
    assert_eq!(
        rows("SELECT COUNT() AS n, SUM(version) AS s FROM devices WHERE false").await,
        [json!({"n": 0})]
    );
}

#[tokio::test]
async fn top_bounds_all_pages_together() {
    let fleet = fleet().await;

    for size in [1, 2, 100] {
        let rows = fleet.rows("SELECT TOP 2 * FROM devices", size).await;
        assert_eq!(rows.unwrap(), ["c1", "d1"]);
    }
    let groups = fleet.rows("SELECT TOP 3 deviceId FROM devices GROUP BY deviceId", 2);
    assert_eq!(groups.await.unwrap().len(), 3);
}

#[tokio::test]
async fn what_is_no_query_is_refused() {
    let fleet = fleet().await;

    for query in [
        "SELECT * FROM devices WHERE STARTS_WITH(deviceId, 'd')",
        "SELECT * FROM devices WHERE tags.group = 'x'",
        "SELECT * FROM devices WHERE tags.site.country IN ('NO')",
        "SELECT deviceId FROM devices.jobs",
        &format!(
            "SELECT * FROM devices WHERE tags.a = '{}'",
            "a".repeat(8_192)
        ),
    ] {
        let refused = fleet.rows(query, 100).await;

        assert!(matches!(refused, Err(QueryError::Invalid(_))), "{query}");
    }
}
