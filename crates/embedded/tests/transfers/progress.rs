//! What is told of an import while it runs.

use std::sync::Arc;
use std::time::Duration;

use super::drip::Drip;
use super::plant::{Plant, device, with};
use serde_json::json;
use twinhub_core::transfer::TransferView;

async fn until_progress(plant: &Plant, started: &TransferView, percent: u8) {
    let look = async {
        while plant.seen(started).await.progress != percent {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    let reached = tokio::time::timeout(Duration::from_secs(20), look).await;
    let now = plant.seen(started).await.progress;
    assert!(reached.is_ok(), "{now} % are not {percent} %");
}

#[tokio::test(flavor = "multi_thread")]
async fn lines_of_a_slow_container_are_done_as_they_come_and_counted_when_they_are_done() {
    let line = format!("{}\n", device("d-0", "create", 0));
    let drip = Drip::new(4 * line.len() as u64);
    let plant = Plant::with(Arc::new(drip.clone())).await;
    let started = plant.start_import().await.unwrap();

    for (number, percent) in [(1, 25), (2, 50), (3, 75)] {
        drip.give(&line.replace("d-0", &format!("d-{number}")));

        until_progress(&plant, &started, percent).await;
        assert!(plant.tags(&format!("d-{number}")).await.is_some());
    }
    plant.cancel(&started).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_line_whose_end_has_not_come_is_not_counted() {
    let line = format!("{}\n", device("d-0", "create", 0));
    let (first, second) = line.split_at(line.len() / 2);
    let drip = Drip::new(2 * line.len() as u64);
    let plant = Plant::with(Arc::new(drip.clone())).await;
    let started = plant.start_import().await.unwrap();

    drip.give(first);
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!(plant.seen(&started).await.progress, 0);
    drip.give(second);

    until_progress(&plant, &started, 50).await;
    plant.cancel(&started).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn lines_that_wait_for_each_other_and_lines_that_fail_move_the_progress_too() {
    let pair = |number: usize| {
        let id = format!("d-{number:02}");
        let module = with(device(&id, "create", 0), "moduleId", json!("m"));
        let broken = "{}";
        format!("{}\n{module}\n{broken}\n", device(&id, "create", 0))
    };
    let drip = Drip::new(2 * (0..10).map(|n| pair(n).len() as u64).sum::<u64>());
    let plant = Plant::with(Arc::new(drip.clone())).await;
    let started = plant.start_import().await.unwrap();

    (0..10).for_each(|number| drip.give(&pair(number)));

    until_progress(&plant, &started, 50).await;
    plant.cancel(&started).await;
}
