//! Who is connected: found without looking at everybody.

use serde_json::json;
use twinhub_core::ids::{DeviceId, IdentityId, ModuleId};
use twinhub_core::ports::{Parts, QueryStore as _, Scan, Wanted};
use twinhub_core::presence::ConnectionEntry;
use twinhub_core::query::{Paging, Query, Source};
use twinhub_core::time::Timestamp;

use crate::plant::{Plant, device, eager, hub, module, now, shown};

const CONNECTED: &str = "SELECT * FROM devices WHERE connectionState = 'Connected'";
const COUNT: usize = 12_000;

fn id(number: usize) -> IdentityId {
    DeviceId::parse(&format!("d{number:05}")).unwrap().into()
}

/// Devices among which every seventh has a tag.
async fn filled(plant: &Plant) {
    for first in (0..COUNT).step_by(1_000) {
        let devices = (first..first + 1_000).map(|number| {
            let tags = json!({"seventh": number % 7 == 0, "rare": number == 4_000});
            device(&format!("d{number:05}")).tags(tags)
        });
        plant.with(devices).await;
    }
}

fn connect(plant: &Plant, numbers: impl IntoIterator<Item = usize>) -> Vec<ConnectionEntry> {
    plant.connect(numbers.into_iter().map(id))
}

/// As many as one read looks at, or more, would bring nothing but a place to
/// go on from.
#[tokio::test]
async fn few_connected_among_many_are_read_at_once() {
    let plant = Plant::new().await;
    filled(&plant).await;
    let _connections = connect(&plant, [11_000, 3, 11_999]);
    let condition = Query::parse_condition("connectionState = 'Connected'").unwrap();
    let mut scan = Scan::new(Source::Devices, [condition], Wanted::whole(Parts::IDENTITY));
    scan.connected = Some(plant.presence.connected_ids(&hub(), Source::Devices));

    let slice = plant.engine.scan(&hub(), &scan, None, 100).await.unwrap();
    let after = plant.engine.scan(&hub(), &scan, Some(&id(3)), 1).await;

    let ids: Vec<_> = slice.rows.into_iter().map(|row| row.id).collect();
    assert_eq!(ids, [id(3), id(11_000), id(11_999)]);
    assert_eq!(slice.next, None);
    let after = after.unwrap();
    assert_eq!(after.rows[0].id, id(11_000));
    assert_eq!(after.next, Some(id(11_000)));
}

/// Few, a half in one place, every second one, nearly all.
#[tokio::test]
async fn however_many_are_connected_the_answer_is_that_of_a_search() {
    let plant = Plant::new().await;
    filled(&plant).await;
    let kinds: [Vec<usize>; 5] = [
        vec![],
        vec![0, 6_000, 11_999],
        (6_000..COUNT).collect(),
        (0..COUNT).step_by(2).collect(),
        (1..COUNT - 1).collect(),
    ];

    for connected in kinds {
        let _connections = connect(&plant, connected.iter().copied());
        for query in [
            "SELECT TOP 250 deviceId FROM devices WHERE connectionState = 'Connected'",
            "SELECT TOP 250 deviceId FROM devices WHERE connectionState <> 'Connected'",
            "SELECT deviceId FROM devices
             WHERE connectionState = 'Connected' AND STARTSWITH(deviceId, 'd0600')",
            "SELECT deviceId FROM devices WHERE connectionState = 'Connected' AND tags.rare",
            "SELECT TOP 250 deviceId FROM devices
             WHERE connectionState = 'Connected' AND deviceId > 'd05990' AND tags.seventh",
            "SELECT COUNT() AS n FROM devices WHERE connectionState = 'Connected'",
            "SELECT tags.seventh, COUNT() AS n FROM devices
             WHERE connectionState = 'Connected' GROUP BY tags.seventh",
            "SELECT COUNT() AS n FROM devices WHERE connectionState = 'nothing'",
        ] {
            let found = plant.rows(query, 100).await.unwrap();
            let naive = plant.naive_rows(query, 100).await.unwrap();
            assert_eq!(found, naive, "{query} of {}", connected.len());
        }
    }
}

#[tokio::test]
async fn a_page_of_the_connected_goes_on_after_changes_and_a_restart() {
    let plant = Plant::new().await;
    filled(&plant).await;
    let connections = connect(&plant, [5, 10, 15, 20]);
    let of = |continuation| Paging {
        size: Some(2),
        continuation,
    };

    let first = plant.page(CONNECTED, of(None)).await.unwrap();
    let token = first.continuation.unwrap();
    drop(connections);
    let plant = plant.reopen().await;
    let none = plant.page(CONNECTED, of(Some(&token))).await.unwrap();
    let _connections = connect(&plant, [1, 10, 12, 20, 25]);
    plant.remove(&id(12)).await;
    let second = plant.page(CONNECTED, of(Some(&token))).await.unwrap();

    assert_eq!(shown(first.rows), ["d00005", "d00010"]);
    assert_eq!(shown(none.rows), [""; 0]);
    assert_eq!(none.continuation, None);
    assert_eq!(shown(second.rows), ["d00020", "d00025"]);
    assert_eq!(second.continuation, None);
}

#[tokio::test]
async fn connected_modules_are_found_among_their_own() {
    let plant = Plant::new().await;
    plant
        .with([device("a"), device("b"), module("a", "m"), module("b", "m")])
        .await;
    let m = |device: &str| {
        let device = DeviceId::parse(device).unwrap();
        IdentityId::module(device, ModuleId::parse("m").unwrap())
    };
    let a = DeviceId::parse("a").unwrap();
    let _connections = plant.connect([a.into(), m("b")]);
    let modules = "SELECT * FROM devices.modules WHERE connectionState = 'Connected'";

    assert_eq!(plant.rows(CONNECTED, 9).await.unwrap(), ["a"]);
    assert_eq!(plant.rows(modules, 9).await.unwrap(), ["b/m"]);
}

#[tokio::test]
async fn a_connection_of_who_is_gone_or_had_the_name_before_shows_nobody() {
    let plant = Plant::new().await;
    plant.with([device("a"), device("b"), device("c")]).await;
    let before = Timestamp::from_ticks(now().ticks() - 1);
    let device_id = |id: &str| IdentityId::from(DeviceId::parse(id).unwrap());
    let _namesake = plant.presence.connected(&hub(), &device_id("a"), before);
    let _connections = plant.connect([device_id("b"), device_id("c"), device_id("x")]);

    plant.remove(&device_id("c")).await;

    assert_eq!(plant.rows(CONNECTED, 1).await.unwrap(), ["b"]);
    let count = "SELECT COUNT() AS n FROM devices WHERE connectionState = 'Connected'";
    assert_eq!(plant.rows(count, 1).await.unwrap(), [json!({"n": 1})]);
}

/// An index that lacks a value does not lead to it: who finds that did not ask
/// the index.
#[tokio::test]
async fn the_fewer_of_the_connected_and_the_indexed_are_looked_at() {
    let plant = Plant::open(tempfile::tempdir().unwrap(), eager()).await;
    let devices = (0..20).map(|number| {
        let tags = json!({"x": number % 5});
        device(&format!("d{number:05}")).tags(tags)
    });
    plant.with(devices).await;
    let indexed = "SELECT * FROM devices WHERE tags.x = 0";
    plant.rows(indexed, 9).await.unwrap();
    plant.wishes_looked_at().await;
    plant.indexes_built().await;
    let lacking = "DELETE FROM query_values WHERE identity =
                   (SELECT id FROM identities WHERE device = 'd00000')";
    assert_eq!(plant.sql().execute(lacking, []).unwrap(), 1);
    let both = format!("{indexed} AND connectionState = 'Connected'");

    let few = connect(&plant, [0, 1]);
    let by_connection = plant.rows(&both, 9).await.unwrap();
    drop(few);
    let _many = connect(&plant, 0..20);
    let by_index = plant.rows(&both, 9).await.unwrap();

    assert_eq!(by_connection, ["d00000"]);
    assert_eq!(by_index, ["d00005", "d00010", "d00015"]);
}
