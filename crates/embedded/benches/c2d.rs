//! How many messages pass through queues: sent, received and completed, each
//! step durable. `cargo bench -p twinhub-embedded --bench c2d`
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    dead_code,
    reason = "a program that measures and tells"
)]

#[path = "../tests/c2d/plant.rs"]
mod plant;

use std::sync::Arc;
use std::time::{Duration, Instant};

use twinhub_core::c2d::{Acknowledgement, CloudToDeviceSettings};
use twinhub_core::time::SystemClock;

use crate::plant::{Plant, message};

const SPAN: Duration = Duration::from_secs(3);

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() {
    for devices in [1, 16, 256] {
        for ack in [Acknowledgement::None, Acknowledgement::Full] {
            measure(devices, ack).await;
        }
    }
}

async fn measure(devices: usize, ack: Acknowledgement) {
    let settings = CloudToDeviceSettings::default();
    let plant = Arc::new(Plant::new(Arc::new(SystemClock), settings).await);
    let permit = plant.service().await;
    let mut tasks = Vec::new();
    let until = Instant::now() + SPAN;
    for number in 0..devices {
        let receiver = plant.with_device(&format!("pump-{number}")).await;
        let (plant, permit) = (plant.clone(), permit.clone());
        tasks.push(tokio::spawn(async move {
            let mut trips = Vec::new();
            while Instant::now() < until {
                let began = Instant::now();
                let sent = plant.c2d.send(&permit, receiver.id(), message("m", ack));
                sent.await.unwrap();
                let delivery = receiver.receive().await.unwrap();
                receiver.complete(&delivery).await;
                trips.push(began.elapsed());
            }
            trips
        }));
    }
    let mut trips = Vec::new();
    for task in tasks {
        trips.extend(task.await.unwrap());
    }
    trips.sort_unstable();
    println!(
        "{devices:>4} devices, feedback {ack}: {:>6.0} messages/s, median {:.1?}, p99 {:.1?}",
        trips.len() as f64 / SPAN.as_secs_f64(),
        trips[trips.len() / 2],
        trips[trips.len() * 99 / 100],
    );
}
