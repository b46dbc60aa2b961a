//! Reads by ID, among more twins than one read looks at.

use serde_json::json;
use twinhub_core::ids::{DeviceId, IdentityId};
use twinhub_core::ports::{Parts, QueryStore as _, Scan, Slice, Wanted};
use twinhub_core::query::Query;

use crate::plant::{Plant, device, hub, module};

const COUNT: usize = 12_000;

async fn filled() -> Plant {
    let plant = Plant::new().await;
    for first in (0..COUNT).step_by(1_000) {
        let devices = (first..first + 1_000)
            .map(|number| device(&format!("d{number:05}")).tags(json!({"even": number % 2 == 0})));
        plant.with(devices).await;
    }
    plant.with([module("d06000", "m")]).await;
    plant
}

async fn read(plant: &Plant, condition: &str, after: Option<&IdentityId>) -> Slice {
    let query = format!("SELECT deviceId FROM devices WHERE {condition}");
    let query = Query::parse(&query).unwrap();
    let wanted = Wanted::whole(Parts::IDENTITY);
    let scan = Scan::new(query.source, query.conditions, wanted);
    plant
        .engine
        .scan(&hub(), &scan, after, 2_000)
        .await
        .unwrap()
}

#[tokio::test]
async fn a_condition_on_the_id_leads_to_where_it_holds_at_once() {
    let plant = filled().await;

    for (condition, count, first) in [
        ("STARTSWITH(deviceId, 'd06')", 1_000, "d06000"),
        ("STARTSWITH(deviceId, 'd1199') AND tags.even", 5, "d11990"),
        ("deviceId >= 'd07' AND deviceId <= 'd07000'", 1, "d07000"),
        ("deviceId > 'd07000' AND deviceId < 'd07003'", 2, "d07001"),
        ("deviceId > 'd11998'", 1, "d11999"),
    ] {
        let slice = read(&plant, condition, None).await;

        assert_eq!(slice.rows.len(), count, "{condition}");
        assert_eq!(slice.rows[0].id.device_id().as_str(), first, "{condition}");
        assert_eq!(slice.next, None, "{condition}");
    }
}

#[tokio::test]
async fn a_condition_on_the_id_is_read_on_from_where_a_page_ended() {
    let plant = filled().await;
    let after: IdentityId = DeviceId::parse("d06500").unwrap().into();

    for (condition, count) in [
        ("STARTSWITH(deviceId, 'd06')", 499),
        ("STARTSWITH(deviceId, 'd05')", 0),
        ("STARTSWITH(deviceId, 'd07')", 1_000),
    ] {
        let slice = read(&plant, condition, Some(&after)).await;

        assert_eq!(slice.rows.len(), count, "{condition}");
        assert_eq!(slice.next, None, "{condition}");
    }
}

/// What else than texts is in the list keeps SQL from looking them up.
#[tokio::test]
async fn a_list_of_ids_with_something_else_in_it_is_searched_by_stretches() {
    let plant = filled().await;

    for list in ["'d00003', undefined", "'d00003', 1"] {
        let slice = read(&plant, &format!("deviceId IN [{list}]"), None).await;

        assert_eq!(slice.rows.len(), 1, "{list}");
        assert!(slice.next.is_some(), "{list}");
    }
    let texts = read(&plant, "deviceId IN ['d00003', 'd11000']", None).await;
    assert_eq!((texts.rows.len(), texts.next), (2, None));
}
