//! Killed while it delivers: nothing is skipped.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Command, Stdio};

use twinhub_core::ports::Backlogs as _;
use twinhub_core::routing::EndpointId;

use crate::plant::{Folder, append, durable, first, hub, open_in, partition, producer, progress};

const ROUNDS: u64 = 12;

/// The process that is killed: it adds numbered events to a backlog, and
/// delivers them by printing them. Tells what it has acknowledged and saved.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "started by the test that kills it"]
async fn child_that_delivers_until_it_is_killed() {
    let mut told = String::new();
    std::io::stdin().read_line(&mut told).unwrap();
    let Some((folder, endpoint)) = told.trim_end().split_once('\t') else {
        return;
    };
    let endpoint = EndpointId(endpoint.parse().unwrap());
    let backlogs = open_in(Path::new(folder));
    let backlog = backlogs.open(&hub(), endpoint).await.unwrap();
    let log = backlog.log();
    let start = log.partition(&hub(), partition()).await.unwrap().unwrap();
    let writer = tokio::spawn({
        let log = log.clone();
        async move {
            let mut producer = producer(&*log);
            // With a tail, so that segments come and go.
            let mut body = vec![b' '; 30_000];
            for (count, number) in (1..).zip(start.next..) {
                let text = number.to_string();
                body[..text.len()].copy_from_slice(text.as_bytes());
                append(&mut *producer, &body);
                producer.hand_over();
                durable(&mut *producer, count).await;
                tell("acknowledged", number);
            }
        }
    });
    let mut done = progress(&*backlog).await;
    loop {
        log.wait_for(&hub(), partition(), done.next).await.unwrap();
        let batch = log.read(&hub(), partition(), done.next, 1 << 20).await;
        for event in batch.unwrap().iter() {
            let body = String::from_utf8(event.body().to_vec()).unwrap();
            assert_eq!(body.trim_end(), event.sequence_number.to_string());
            tell("delivered", event.sequence_number);
            done.next = event.sequence_number + 1;
        }
        backlog.save(&[done]).await.unwrap();
        tell("saved", done.next);
        assert!(!writer.is_finished());
    }
}

/// In one piece: the parent reads lines.
fn tell(what: &str, number: u64) {
    let line = format!("child {what} {number}\n");
    std::io::stdout().lock().write_all(line.as_bytes()).unwrap();
}

/// What a killed child had told.
#[derive(Default)]
struct Told {
    acknowledged: Option<u64>,
    delivered: Vec<u64>,
    saved: u64,
}

fn deliver_until_killed(folder: &Path, endpoint: EndpointId, lines: u64) -> Told {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "crash::child_that_delivers_until_it_is_killed"])
        .args(["--ignored", "--nocapture"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    writeln!(stdin, "{}\t{endpoint}", folder.display()).unwrap();
    let mut told = Told::default();
    let mut count = 0;
    let mut output = BufReader::new(child.stdout.take().unwrap()).lines();
    while let Some(Ok(line)) = output.next() {
        // The test runner prints, too, and its line may not have ended.
        let Some((_, line)) = line.split_once("child ") else {
            continue;
        };
        let Some((what, number)) = line.split_once(' ') else {
            continue;
        };
        let Ok(number) = number.parse() else { continue };
        match what {
            "acknowledged" => told.acknowledged = Some(number),
            "delivered" => told.delivered.push(number),
            "saved" => told.saved = number,
            _ => continue,
        }
        count += 1;
        if count == lines {
            child.kill().unwrap();
        }
    }
    child.wait().unwrap();
    assert!(count >= lines, "the child gave up");
    told
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_kill_skips_no_event_and_forgets_no_progress() {
    let folder = Folder::new();
    let endpoint = EndpointId::generate();
    let mut ever_delivered = 0;

    for round in 0..ROUNDS {
        let told = deliver_until_killed(folder.path(), endpoint, 300 + 7 * round);
        // Each began where the one before had saved, or a little later.
        let from = *told.delivered.first().unwrap();
        assert!(
            from <= ever_delivered,
            "{ever_delivered} to {from} are skipped"
        );
        let in_order = (from..).take(told.delivered.len());
        assert!(told.delivered.iter().copied().eq(in_order));
        ever_delivered = told.delivered.last().unwrap() + 1;

        let backlog = folder.backlogs().open(&hub(), endpoint).await.unwrap();
        let progress = progress(&*backlog).await;
        assert!(progress.next >= told.saved, "{progress:?}");
        assert_eq!(progress.lost, 0);
        let log = backlog.log();
        let known = log.partition(&hub(), partition()).await.unwrap().unwrap();
        assert!(Some(known.next) > told.acknowledged);
        assert!(progress.next <= known.next);
    }
    let backlog = folder.backlogs().open(&hub(), endpoint).await.unwrap();
    assert!(first(&*backlog).await > 0, "nothing was trimmed");
}
