//! Consumer groups of a hub, over this engine.

#![allow(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::timeout;
use twinhub_core::consumer_groups::{ConsumerGroup, ConsumerGroupName};
use twinhub_core::hubs::{ChangeConsumerGroupError, ChangeHubError, HubSettings, Hubs, Sku, Tier};
use twinhub_core::ids::HubName;
use twinhub_core::time::Timestamp;
use twinhub_embedded::{Engine, LocalSessions};

async fn open(folder: &Path) -> Arc<Hubs> {
    let engine = Engine::open(folder, Arc::new(LocalSessions::new())).unwrap();
    let settings = HubSettings {
        host_names: vec!["plant.example".to_owned()],
        tier: Tier {
            sku: Sku::S1,
            units: 1,
        },
        modules_per_device: 20,
        event_retention: Duration::from_secs(24 * 3600),
    };
    let plant = HubName::parse("plant").unwrap();
    let (hubs, _) = Hubs::open(Arc::new(engine), vec![(plant, settings)])
        .await
        .unwrap();
    Arc::new(hubs)
}

fn name(text: &str) -> ConsumerGroupName {
    ConsumerGroupName::parse(text).unwrap()
}

fn moment(seconds: u64) -> Timestamp {
    Timestamp::from_unix_seconds(1_800_000_000 + seconds)
}

fn names(hubs: &Hubs) -> Vec<String> {
    let hub = hubs.by_name("plant").unwrap();
    let groups = hub.consumer_groups();
    groups.map(|group| group.name.to_string()).collect()
}

#[tokio::test]
async fn groups_are_made_once_found_in_any_case_and_outlive_the_process() {
    let folder = tempfile::tempdir().unwrap();
    let hubs = open(folder.path()).await;
    assert_eq!(names(&hubs), ["$Default"]);

    let made = hubs.put_consumer_group("plant", name("Reports"), moment(1));
    let (made, is_new) = made.await.unwrap();
    let again = hubs.put_consumer_group("PLANT", name("REPORTS"), moment(2));
    let alarms = hubs.put_consumer_group("plant", name("alarms"), moment(3));

    assert!(is_new);
    assert_eq!(made.created, Some(moment(1)));
    assert_eq!(again.await.unwrap(), (made.clone(), false));
    alarms.await.unwrap();
    drop(hubs);
    let hubs = open(folder.path()).await;
    assert_eq!(names(&hubs), ["$Default", "alarms", "Reports"]);
    let hub = hubs.by_name("plant").unwrap();
    assert_eq!(hub.consumer_group("rEPORTS"), Some(&made));
    let default = ConsumerGroup::default_group();
    assert_eq!(hub.consumer_group("$default"), Some(&default));
    assert_eq!(hub.consumer_group("report"), None);
}

#[tokio::test]
async fn the_default_group_is_there_and_stays() {
    let folder = tempfile::tempdir().unwrap();
    let hubs = open(folder.path()).await;

    let put = hubs.put_consumer_group("plant", name("$default"), moment(1));
    assert_eq!(put.await.unwrap(), (ConsumerGroup::default_group(), false));
    let removed = hubs.remove_consumer_group("plant", name("$DEFAULT")).await;

    assert!(matches!(removed, Err(ChangeConsumerGroupError::Default)));
    assert_eq!(names(&hubs), ["$Default"]);
}

#[tokio::test]
async fn there_are_twenty_with_the_default_one() {
    let folder = tempfile::tempdir().unwrap();
    let hubs = open(folder.path()).await;
    for number in 1..20 {
        let put = hubs.put_consumer_group("plant", name(&format!("g{number}")), moment(1));
        assert!(put.await.unwrap().1);
    }

    let one_more = hubs.put_consumer_group("plant", name("more"), moment(1));
    let limit = ChangeConsumerGroupError::TooMany { limit: 20 };
    assert_eq!(one_more.await.unwrap_err().to_string(), limit.to_string());

    // One that is there already is no more.
    let known = hubs.put_consumer_group("plant", name("G7"), moment(1));
    assert!(!known.await.unwrap().1);
    hubs.remove_consumer_group("plant", name("g7"))
        .await
        .unwrap();
    let in_its_place = hubs.put_consumer_group("plant", name("more"), moment(1));
    assert!(in_its_place.await.unwrap().1);
}

#[tokio::test]
async fn readers_notice_that_their_group_is_gone_also_if_a_namesake_is_made() {
    let folder = tempfile::tempdir().unwrap();
    let hubs = open(folder.path()).await;
    let plant = HubName::parse("plant").unwrap();
    let put = hubs.put_consumer_group("plant", name("reports"), moment(1));
    let (reports, _) = put.await.unwrap();
    let reader = {
        let (hubs, plant, reports) = (hubs.clone(), plant.clone(), reports.clone());
        tokio::spawn(async move { hubs.without_consumer_group(&plant, &reports).await })
    };
    let default = ConsumerGroup::default_group();
    let of_default = hubs.without_consumer_group(&plant, &default);

    let other = hubs.put_consumer_group("plant", name("other"), moment(2));
    other.await.unwrap();
    assert!(!reader.is_finished());
    hubs.remove_consumer_group("plant", name("Reports"))
        .await
        .unwrap();
    let namesake = hubs.put_consumer_group("plant", name("reports"), moment(3));
    namesake.await.unwrap();

    timeout(Duration::from_secs(5), reader)
        .await
        .unwrap()
        .unwrap();
    // Whoever comes too late is told at once.
    hubs.without_consumer_group(&plant, &reports).await;
    assert!(timeout(Duration::ZERO, of_default).await.is_err());
}

#[tokio::test]
async fn a_group_that_is_not_there_is_not_removed() {
    let folder = tempfile::tempdir().unwrap();
    let hubs = open(folder.path()).await;

    let removed = hubs.remove_consumer_group("plant", name("reports")).await;
    let elsewhere = hubs.put_consumer_group("harbour", name("reports"), moment(1));

    assert!(matches!(
        removed,
        Err(ChangeConsumerGroupError::NoSuchConsumerGroup(_))
    ));
    assert!(matches!(
        elsewhere.await,
        Err(ChangeConsumerGroupError::NoSuchHub(_))
    ));
}

#[tokio::test]
async fn state_of_the_format_before_gets_room_for_groups() {
    let folder = tempfile::tempdir().unwrap();
    let before = open(folder.path()).await;
    let etag = before.by_name("plant").unwrap().record.etag;
    drop(before);
    let file = rusqlite::Connection::open(folder.path().join("state.db")).unwrap();
    file.execute_batch(
        "DROP TABLE consumer_groups; UPDATE meta SET value = 2 WHERE name = 'format';",
    )
    .unwrap();
    drop(file);

    let hubs = open(folder.path()).await;

    let hub = hubs.by_name("plant").unwrap();
    assert_eq!(hub.record.etag, etag);
    assert_eq!(hub.policies().count(), 5);
    let put = hubs.put_consumer_group("plant", name("reports"), moment(1));
    assert!(put.await.unwrap().1);
}

#[tokio::test]
async fn what_is_saved_and_can_not_be_read_then_is_not_said_to_be_undone() {
    let folder = tempfile::tempdir().unwrap();
    let hubs = open(folder.path()).await;
    let file = rusqlite::Connection::open(folder.path().join("state.db")).unwrap();
    let rename = |from: &str, to: &str| {
        file.execute_batch(&format!("ALTER TABLE {from} RENAME TO {to};"))
            .unwrap();
    };

    rename("routing", "mislaid");
    let group = hubs.put_consumer_group("plant", name("reports"), moment(1));
    let group = group.await.unwrap_err();
    let policy = hubs.remove_policy("plant", "device").await.unwrap_err();
    rename("mislaid", "routing");

    let ChangeConsumerGroupError::Store(group) = group else {
        panic!("{group:?}");
    };
    let ChangeHubError::Store(policy) = policy else {
        panic!("{policy:?}");
    };
    assert!(!group.certainly_not_written(), "{group:?}");
    assert!(!policy.certainly_not_written(), "{policy:?}");
    // The next change finds what stands.
    let again = hubs.put_consumer_group("plant", name("reports"), moment(2));
    assert!(!again.await.unwrap().1);
    let hub = hubs.by_name("plant").unwrap();
    assert!(hub.policy("device").is_none());
}
