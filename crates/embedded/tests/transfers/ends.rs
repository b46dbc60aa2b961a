//! How jobs end, whatever the store and the process do meanwhile.

use std::sync::Arc;
use std::time::Duration;

use twinhub_core::ports::{Change, Record, StateStore as _, UnitOfWork};
use twinhub_core::time::{Clock as _, SystemClock};
use twinhub_core::transfer::{
    Ended, StartTransferError, TransferBook, TransferJob, TransferKind, TransferStatus,
    TransferView,
};

use super::drip::Drip;
use super::plant::{Plant, device, hub_name};

/// A hub, and an import that waits for its container.
async fn importing() -> (Plant, Drip, TransferView) {
    let drip = Drip::new(1_000_000);
    let plant = Plant::with(Arc::new(drip.clone())).await;
    let started = plant.start_import().await.unwrap();
    drip.give(&format!("{}\n", device("one", "create", 1)));
    while plant.tags("one").await.is_none() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    (plant, drip, started)
}

async fn stored_end(plant: &Plant, started: &TransferView) -> Ended {
    let look = async {
        loop {
            if let TransferStatus::Ended { how, .. } = plant.stored(started).await {
                return how;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    let saved = tokio::time::timeout(Duration::from_secs(30), look).await;
    saved.expect("it is saved")
}

#[tokio::test(flavor = "multi_thread")]
async fn cancelling_ends_a_job_at_once_though_the_store_refuses_writes() {
    let (plant, _drip, started) = importing().await;
    plant.refuse_jobs();

    let cancelled = plant.cancel(&started).await;

    assert!(matches!(
        cancelled.job.status,
        TransferStatus::Ended {
            how: Ended::Cancelled,
            ..
        }
    ));
    assert_eq!(plant.seen(&started).await, cancelled);
    // Again, it is no failure either.
    assert_eq!(plant.cancel(&started).await, cancelled);
    assert_eq!(plant.stored(&started).await, TransferStatus::Running);
    plant.take_jobs();
    assert_eq!(stored_end(&plant, &started).await, Ended::Cancelled);
    assert_eq!(plant.stored(&started).await, cancelled.job.status);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_end_that_is_not_saved_yet_is_in_nobodys_way() {
    let (plant, _drip, started) = importing().await;
    plant.refuse_jobs();
    plant.cancel(&started).await;

    let refused = plant.start_export(true).await;
    plant.take_jobs();
    let next = plant.start_export(true).await.unwrap();

    assert!(matches!(refused, Err(StartTransferError::Store(_))));
    assert!(matches!(
        stored_end(&plant, &started).await,
        Ended::Cancelled
    ));
    assert_eq!(plant.ended(&next).await, Ended::Completed);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hub_that_stops_saves_the_end_if_the_store_takes_it_by_then() {
    let (mut plant, _drip, started) = importing().await;
    plant.refuse_jobs();
    plant.cancel(&started).await;
    plant.take_jobs();

    plant.transfers.close().await;
    plant.forget_jobs();
    plant.transfers.recover().await.unwrap();

    assert_eq!(plant.ended(&started).await, Ended::Cancelled);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_end_that_was_never_saved_is_a_failure_after_a_restart_even_on_a_full_disk() {
    let (mut plant, _drip, started) = importing().await;
    plant.refuse_jobs();
    plant.cancel(&started).await;
    let stopped = tokio::time::timeout(Duration::from_secs(10), plant.transfers.close()).await;
    stopped.expect("a full disk holds up no stop");
    plant.forget_jobs();

    plant.transfers.recover().await.unwrap();

    let Ended::Failed { reason } = plant.ended(&started).await else {
        panic!("it is not told as failed");
    };
    assert!(
        reason.contains("before it could save how the job ended"),
        "{reason}"
    );
    plant.take_jobs();
    assert_eq!(stored_end(&plant, &started).await, Ended::Failed { reason });
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_refuses_lines_fails_the_job_at_once() {
    let (plant, drip, started) = importing().await;
    plant.refuse_jobs();
    plant.refuse_identities();
    drip.give(&format!("{}\n", device("two", "create", 1)));

    let ended = plant.ended(&started).await;

    let reason = "the hub's storage failed".to_owned();
    assert_eq!(ended, Ended::Failed { reason });
}

#[tokio::test(flavor = "multi_thread")]
async fn what_failed_before_the_store_refused_is_told() {
    let plant = Plant::new().await;
    plant.put(
        "devices.txt",
        &format!("{{}}\n{}", device("one", "create", 1)),
    );
    plant.refuse_identities();

    let started = plant.start_import().await.unwrap();

    assert!(matches!(plant.ended(&started).await, Ended::Failed { .. }));
    assert_eq!(plant.lines("importErrors.log").len(), 1);
}

#[tokio::test]
async fn a_job_that_a_restart_finds_active_is_failed_and_lets_others_in() {
    let plant = Plant::new().await;
    let mut book = TransferBook::default();
    let left = TransferJob::start(TransferKind::Import, false, SystemClock.now());
    book.start(left.clone()).unwrap();
    let change = Change::Insert(Record::TransferBook(book));
    let work = UnitOfWork::new(hub_name(), vec![change]);
    plant.engine.commit(work).await.unwrap();
    let busy = plant.start_export(false).await;
    assert!(matches!(busy, Err(StartTransferError::Busy(_))));

    plant.transfers.recover().await.unwrap();

    let left = TransferView {
        job: left,
        progress: 0,
    };
    assert!(matches!(plant.ended(&left).await, Ended::Failed { .. }));
    plant.export(false).await;
}

#[tokio::test]
async fn a_job_that_is_cancelled_ends_and_lets_others_in() {
    let plant = Plant::new().await;
    let lines: Vec<_> = (0..5_000)
        .map(|n| device(&format!("d-{n:04}"), "create", 0).to_string())
        .collect();
    plant.put("devices.txt", &lines.join("\n"));
    let started = plant.start_import().await.unwrap();
    let busy = plant.start_export(false).await;
    assert!(matches!(busy, Err(StartTransferError::Busy(_))));

    plant.cancel(&started).await;

    assert_eq!(plant.ended(&started).await, Ended::Cancelled);
    let counted = plant.engine.counts(&hub_name()).await.unwrap();
    plant.export(false).await;
    let exported = plant.lines("devices.txt").len() as u64;
    assert!(exported < 5_000);
    assert_eq!(exported, counted.devices());
}
