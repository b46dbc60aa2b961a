//! Pages, and what happens between them.

use serde_json::json;
use twinhub_core::ids::DeviceId;
use twinhub_core::ports::{Change, RecordKey, StateStore as _, UnitOfWork};
use twinhub_core::query::{Paging, QueryError};

use crate::plant::{Plant, device, hub, module, now, shown};

/// Devices `d00` and on, of which every third has a tag.
async fn many(count: usize) -> Plant {
    let plant = Plant::new().await;
    let devices = (0..count).map(|number| {
        let tags = json!({"number": number, "third": number % 3 == 0});
        device(&format!("d{number:02}")).tags(tags)
    });
    plant.with(devices).await;
    plant
}

fn of_size(size: usize) -> Paging<'static> {
    Paging {
        size: Some(size),
        continuation: None,
    }
}

#[tokio::test]
async fn the_last_page_says_so_also_when_it_is_full() {
    let plant = many(6).await;

    let first = plant
        .page("SELECT * FROM devices", of_size(4))
        .await
        .unwrap();
    let token = first.continuation.unwrap();
    let second = Paging {
        continuation: Some(&token),
        ..of_size(4)
    };
    let second = plant.page("SELECT * FROM devices", second).await.unwrap();
    let whole = plant
        .page("SELECT * FROM devices", of_size(6))
        .await
        .unwrap();

    assert_eq!(shown(first.rows), ["d00", "d01", "d02", "d03"]);
    assert_eq!(shown(second.rows), ["d04", "d05"]);
    assert_eq!(second.continuation, None);
    assert_eq!(shown(whole.rows).len(), 6);
    assert_eq!(whole.continuation, None);
}

#[tokio::test]
async fn pages_of_every_size_show_everything_once() {
    let plant = many(20).await;
    let all = [0, 3, 6, 9, 12, 15, 18].map(|number| format!("d{number:02}"));

    for size in 1..10 {
        for condition in ["tags.third", "tags.number % 3 = 0"] {
            let query = format!("SELECT * FROM devices WHERE {condition}");
            assert_eq!(plant.rows(&query, size).await.unwrap(), all);
        }
        let query = "SELECT tags.number, COUNT() AS n FROM devices GROUP BY tags.number";
        let groups = plant.rows(query, size).await.unwrap();
        let mut numbers: Vec<_> = groups.iter().map(|g| g["number"].as_u64()).collect();
        numbers.sort_unstable();
        assert_eq!(numbers, (0..20).map(Some).collect::<Vec<_>>());
    }
}

#[tokio::test]
async fn a_token_outlives_writes_and_a_restart() {
    let plant = many(6).await;
    let query = "SELECT deviceId FROM devices WHERE tags.number < 100";
    let first = plant.page(query, of_size(3)).await.unwrap();
    let token = first.continuation.unwrap();

    // The last row shown is removed; before and after it, rows are added.
    let shown_last = DeviceId::parse("d02").unwrap();
    let found = plant
        .engine
        .device(&hub(), &shown_last)
        .await
        .unwrap()
        .unwrap();
    let key = RecordKey::Identity(shown_last.into());
    let removal = Change::Remove(key, found.identity.revision);
    plant
        .engine
        .commit(UnitOfWork::new(hub(), vec![removal]))
        .await
        .unwrap();
    let tags = || json!({"number": 50});
    plant
        .with([device("d01a").tags(tags()), device("d03a").tags(tags())])
        .await;
    let plant = plant.reopen().await;
    let rest = Paging {
        continuation: Some(&token),
        ..of_size(100)
    };
    let rest = plant.page(query, rest).await.unwrap();

    let ids: Vec<_> = shown(rest.rows)
        .iter()
        .map(|row| row["deviceId"].clone())
        .collect();
    assert_eq!(ids, ["d03", "d03a", "d04", "d05"]);
    assert_eq!(rest.continuation, None);
}

#[tokio::test]
async fn a_token_is_of_no_use_to_another_query() {
    let plant = many(6).await;
    let page = plant
        .page("SELECT * FROM devices", of_size(3))
        .await
        .unwrap();
    let token = page.continuation.unwrap();

    for (query, token) in [
        ("SELECT deviceId FROM devices", token.as_str()),
        ("SELECT  * FROM devices", &token),
        ("SELECT * FROM devices", "nonsense"),
        ("SELECT * FROM devices", ""),
    ] {
        let paging = Paging {
            continuation: Some(token),
            ..of_size(3)
        };
        let refused = plant.page(query, paging).await;
        assert!(matches!(refused, Err(QueryError::Continuation)), "{query}");
    }
}

#[tokio::test]
async fn what_was_written_is_in_the_next_answer() {
    let plant = Plant::new().await;

    for number in 0..20 {
        let id = format!("d{number:02}");
        plant.with([device(&id).tags(json!({"new": id}))]).await;
        let query = format!("SELECT * FROM devices WHERE tags.new = '{id}'");
        assert_eq!(plant.rows(&query, 100).await.unwrap(), [id]);
    }
}

#[tokio::test]
async fn a_page_of_large_twins_ends_early() {
    let plant = Plant::new().await;
    let text = "x".repeat(4_000);
    let large: serde_json::Map<_, _> = (0..7).map(|n| (format!("p{n}"), json!(text))).collect();
    let devices =
        (0..300).map(|number| device(&format!("d{number:03}")).reported(large.clone().into()));
    plant.with(devices).await;

    let page = plant
        .page("SELECT * FROM devices", of_size(1_000))
        .await
        .unwrap();
    let all = plant.rows("SELECT * FROM devices", 1_000).await.unwrap();

    assert!(page.continuation.is_some());
    assert!((100..200).contains(&shown(page.rows).len()));
    assert_eq!(all.len(), 300);
}

#[tokio::test]
async fn who_is_connected_is_seen_at_once() {
    let plant = Plant::new().await;
    plant
        .with([device("a"), module("a", "m"), device("b")])
        .await;
    let id = DeviceId::parse("a").unwrap().into();
    let query =
        "SELECT deviceId, lastActivityTime FROM devices WHERE connectionState = 'Connected'";

    let before = plant.rows(query, 100).await.unwrap();
    let connection = plant.presence.connected(&hub(), &id, now());
    let during = plant.rows(query, 100).await.unwrap();
    drop(connection);
    let after = plant.rows(query, 100).await.unwrap();

    assert_eq!(before.len() + after.len(), 0);
    let expected = json!({"deviceId": "a", "lastActivityTime": now().to_string()});
    assert_eq!(during, [expected]);
}

#[tokio::test]
async fn long_and_deep_conditions_are_answered() {
    let plant = many(6).await;
    let texts: Vec<_> = (0..800).map(|number| format!("'x{number}'")).collect();
    let texts = texts.join(",");
    let numbers: Vec<_> = (0..1_500).map(|number| number.to_string()).collect();
    let deep = |levels: usize, open: &str, close: &str| {
        let (open, close) = (open.repeat(levels), close.repeat(levels));
        format!("{open}tags.third = true{close}")
    };

    for (condition, expected) in [
        (format!("tags.third IN [{texts}]"), 0),
        (format!("tags.none NIN [{texts}]"), 0),
        (format!("tags.third NIN [{texts}]"), 6),
        (format!("deviceId IN [{texts},'d03']"), 1),
        (format!("tags.number IN [{}]", numbers.join(",")), 6),
        (vec!["tags.third"; 500].join(" AND "), 2),
        (vec!["tags.third"; 500].join(" OR "), 2),
        (format!("NOT ({})", vec!["tags.third"; 500].join(" OR ")), 4),
        (deep(16, "NOT (", ")"), 2),
        (deep(31, "(true AND ", ")"), 2),
        (deep(31, "(false OR false OR ", " OR false)"), 2),
        (deep(31, &format!("({}", "false OR ".repeat(20)), ")"), 2),
    ] {
        let query = format!("SELECT * FROM devices WHERE {condition}");

        let rows = plant.rows(&query, 100).await.unwrap();

        assert_eq!(rows.len(), expected, "{}", &condition[..60]);
    }
}

/// More identities than one read looks at.
#[tokio::test]
async fn few_hits_among_many_are_found() {
    let plant = Plant::new().await;
    for hundred in 0..130 {
        let devices = (0..100).map(|number| {
            let number = hundred * 100 + number;
            let rare = number == 17 || number == 12_345;
            device(&format!("d{number:05}")).tags(json!({"rare": rare}))
        });
        plant.with(devices).await;
    }

    let hits = plant.rows("SELECT * FROM devices WHERE tags.rare = true", 100);
    let count = plant.rows("SELECT COUNT() AS n FROM devices WHERE NOT tags.rare", 100);
    let nothing = plant.rows(
        "SELECT * FROM devices WHERE deviceId = 'd09999' AND tags.rare",
        9,
    );

    assert_eq!(hits.await.unwrap(), ["d00017", "d12345"]);
    assert_eq!(count.await.unwrap(), [json!({"n": 12_998})]);
    assert_eq!(nothing.await.unwrap(), [""; 0]);
}
