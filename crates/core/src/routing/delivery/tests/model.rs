//! Whatever fails, and whenever the hub stops: everything arrives, in order,
//! and only what is known to have arrived is not repeated.

use std::time::Duration;

use proptest::prelude::*;
use tokio::time::sleep;

use super::target::{Act, Receiver, refusal};
use super::*;
use crate::ports::{DeliveryFailure, FailureReason};

/// What happens next.
#[derive(Debug, Clone)]
enum Step {
    /// So many events come.
    Come(u64),
    /// The next deliveries end so.
    Script(Vec<Act>),
    /// So many milliseconds pass.
    Pass(u64),
    /// The worker saves its progress.
    Save,
    /// The hub stops in order, and starts again.
    Restart,
    /// The hub is killed, and starts again.
    Crash,
}

fn act() -> impl Strategy<Value = Act> {
    let retry_after = proptest::option::of(0..90_u64);
    prop_oneof![
        4 => Just(Act::Well),
        2 => (0..5_000_u64).prop_map(|millis| Act::Slowly(Duration::from_millis(millis))),
        4 => (0..6_usize).prop_map(refusal),
        1 => (0..6_usize, retry_after).prop_map(|(delivered, seconds)| {
            let failure = DeliveryFailure::new(FailureReason::Throttled, "too many");
            let failure = failure.retry_after(seconds.map(Duration::from_secs));
            Act::Badly(failure.having_delivered(delivered))
        }),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (1..12_u64).prop_map(Step::Come),
        4 => proptest::collection::vec(act(), 1..5).prop_map(Step::Script),
        4 => (0..3_000_u64).prop_map(Step::Pass),
        2 => Just(Step::Save),
        1 => Just(Step::Restart),
        2 => Just(Step::Crash),
    ]
}

#[derive(Debug, Clone)]
struct Story {
    steps: Vec<Step>,
    room: Option<usize>,
    linger: u64,
}

fn story() -> impl Strategy<Value = Story> {
    let steps = proptest::collection::vec(step(), 1..40);
    let room = proptest::option::of(1..6_usize);
    let linger = prop_oneof![Just(0), 1..4_000_u64];
    (steps, room, linger).prop_map(|(steps, room, linger)| Story {
        steps,
        room,
        linger,
    })
}

async fn live(story: Story) {
    let (backlog, receiver) = (TestBacklog::with_events(0), Receiver::default());
    receiver.lingers(Duration::from_millis(story.linger));
    if let Some(room) = story.room {
        receiver.has_room_for(room);
    }
    let mut come = 0;
    let mut worker = Running::over(&backlog, &receiver).await;
    for step in story.steps {
        match step {
            Step::Come(count) => {
                come += count;
                backlog.append(count);
            }
            Step::Script(acts) => receiver.will(acts),
            Step::Pass(millis) => sleep(Duration::from_millis(millis)).await,
            Step::Save => worker.ledger.save().await.unwrap(),
            Step::Restart => {
                worker.stop().await;
                worker = Running::over(&backlog, &receiver).await;
            }
            Step::Crash => {
                worker.task.abort();
                let _aborted = worker.task.await;
                worker = Running::over(&backlog, &receiver).await;
            }
        }
        let highest = receiver.got().into_iter().max().map_or(0, |max| max + 1);
        assert!(backlog.saved().next <= highest, "saved ahead of {highest}");
    }
    sleep(Duration::from_secs(24 * 60 * 60)).await;
    worker.stop().await;

    let mut expected = 0;
    for number in receiver.got() {
        assert!(number <= expected, "{expected} was skipped");
        expected = expected.max(number + 1);
    }
    assert_eq!(expected, come, "not everything arrived");
    assert_eq!(backlog.saved().next, come);
    assert_eq!(backlog.saved().lost, 0);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn everything_arrives_in_order_whatever_fails(story in story()) {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .unwrap();
        runtime.block_on(live(story));
    }
}
