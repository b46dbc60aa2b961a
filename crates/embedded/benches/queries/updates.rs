//! Clients that report a property of random twins.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use serde_json::json;
use twinhub_core::ports::{Change, Record, StateStore as _, UnitOfWork};
use twinhub_core::time::Clock as _;

use crate::fleet::{Fleet, Stopped, device_id, hub, object};
use crate::processor;

const CLIENTS: usize = 64;
const LASTS: Duration = Duration::from_secs(3);

/// Updates a property that no index has, then one that may be indexed.
pub async fn updates(fleet: &Fleet, name: &str) {
    for property in ["level", "rate"] {
        let seed = Arc::new(AtomicUsize::new(1));
        let (started, used) = (Instant::now(), processor());
        let clients = (0..CLIENTS).map(|_| {
            let (engine, seed, count) = (fleet.engine.clone(), seed.clone(), fleet.count);
            tokio::spawn(async move {
                let mut took = Vec::new();
                while started.elapsed() < LASTS {
                    let next = seed.fetch_add(1, Ordering::Relaxed);
                    // All over the fleet, few of them twice.
                    let number = next.wrapping_mul(7_919_777) % count;
                    let id = device_id(number).into();
                    let found = engine.twin(&hub(), &id).await.expect("it is read");
                    let mut twin = found.expect("it is there").1;
                    let reported = object(json!({property: next % 1_000}));
                    twin.value
                        .report(&reported, Stopped.now())
                        .expect("the twin keeps the rules");
                    let change = Change::Replace(Record::Twin(twin.value), twin.revision);
                    let begun = Instant::now();
                    let written = engine.commit(UnitOfWork::new(hub(), vec![change])).await;
                    // Two clients may have had the same.
                    if written.is_ok() {
                        took.push(begun.elapsed());
                    }
                }
                took
            })
        });
        let clients: Vec<_> = clients.collect();
        let mut took = Vec::new();
        for client in clients {
            took.extend(client.await.expect("no client panics"));
        }
        took.sort_unstable();
        let at = |share: f64| {
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                clippy::cast_precision_loss,
                reason = "a place in a list"
            )]
            let place = (took.len() as f64 * share) as usize;
            took.get(place).map_or(0.0, |took| took.as_secs_f64() * 1e3)
        };
        #[expect(clippy::cast_precision_loss, reason = "a rate is rough")]
        let count = took.len().max(1) as f64;
        let rate = count / started.elapsed().as_secs_f64();
        let each = (processor() - used).as_secs_f64() * 1e6 / count;
        println!(
            "{name} of {property:6} {rate:>8.0}/s, {each:.1} us of processor each, \
             p50 {:.1} ms, p99 {:.1} ms, longest {:.1} ms",
            at(0.5),
            at(0.99),
            at(0.9999)
        );
    }
}
