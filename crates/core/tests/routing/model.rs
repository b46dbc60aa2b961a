//! A sender over two logs that stick, fill up and go on as they like, against
//! what is really on their disks.

use proptest::prelude::*;

use crate::plant::{Plant, bodies, numbered};

#[derive(Debug, Clone, Copy)]
enum Step {
    /// To `events`, `cold`, both or nowhere.
    Send(&'static str),
    /// So many of a log's become durable.
    Store(Which, usize),
    Room(Which, usize),
}

#[derive(Debug, Clone, Copy)]
enum Which {
    BuiltIn,
    Cold,
}

fn step() -> impl Strategy<Value = Step> {
    let which = prop_oneof![Just(Which::BuiltIn), Just(Which::Cold)];
    let to = prop::sample::select(vec!["events", "cold", "both", "nowhere"]);
    prop_oneof![
        4 => to.prop_map(Step::Send),
        2 => (which.clone(), 1_usize..4).prop_map(|(which, count)| Step::Store(which, count)),
        1 => (which, 1_usize..6).prop_map(|(which, count)| Step::Room(which, count)),
    ]
}

/// Whether a message for `to` has a copy in a log.
fn goes(to: &str, which: Which) -> bool {
    match which {
        Which::BuiltIn => ["events", "both"].contains(&to),
        Which::Cold => ["cold", "both"].contains(&to),
    }
}

async fn run(steps: Vec<Step>) {
    let plant = Plant::new()
        .await
        .endpoint("cold")
        .route("to = 'events' OR to = 'both'", "events")
        .route("to = 'cold' OR to = 'both'", "cold")
        .without_fallback()
        .in_force()
        .await;
    let cold = plant.backlog("cold").memory().clone();
    let log = |which| match which {
        Which::BuiltIn => &plant.log,
        Which::Cold => &cold,
    };
    plant.log.stick();
    cold.stick();
    let mut sender = plant.sender();
    let mut sent: Vec<(String, &str)> = Vec::new();

    for step in steps {
        match step {
            Step::Send(to) => {
                let body = numbered(sent.len() as u64);
                while sender.try_send(&body, to).is_err() {
                    plant.log.has_room_for(1_000);
                    cold.has_room_for(1_000);
                    assert!(sender.durable(u64::MAX).is_ready());
                }
                sent.push((body, to));
            }
            Step::Store(which, count) => log(which).store(count),
            Step::Room(which, count) => log(which).has_room_for(count),
        }
        let on_disk = [Which::BuiltIn, Which::Cold].map(|which| (which, bodies(log(which))));
        let is_durable = |(body, to): &(String, &str)| {
            on_disk
                .iter()
                .all(|(which, bodies)| !goes(to, *which) || bodies.contains(body))
        };
        let truth = sent
            .iter()
            .take_while(|message| is_durable(message))
            .count();
        assert!(sender.known_durable() <= truth as u64);
    }

    plant.log.go_on();
    cold.go_on();
    assert_eq!(sender.known_durable(), sent.len() as u64);
    for which in [Which::BuiltIn, Which::Cold] {
        let expected: Vec<_> = sent
            .iter()
            .filter(|(_, to)| goes(to, which))
            .map(|(body, _)| body.clone())
            .collect();
        assert_eq!(bodies(log(which)), expected);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    #[test]
    fn nothing_is_durable_too_early_and_each_log_has_its_copies_once_in_order(
        steps in prop::collection::vec(step(), 1..80),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(run(steps));
    }
}
