//! `amqp-read`: how fast all that a hub's partitions hold is read.
//!
//! A reader per partition, each on a connection of its own, from the beginning
//! to the last event that there was when the reading began. Of another server
//! as many queues are read. Either is filled first, which is not measured.

use std::time::{Duration, Instant};

use anyhow::{Context as _, bail, ensure};
use mio::{Events, Poll, Token};
use twinhub_amqp_engine::{
    performatives::{SenderSettleMode, Source},
    value::{Map, Value},
};

use crate::{
    amqp::{
        addresses::{self, QUEUES},
        client::Client,
        reader::{Care, Reader},
    },
    amqp_telemetry,
    figures::Window,
    hub::Hub,
    load::Load,
    process::CpuWatch,
    report::{Report, grouped},
    target::Target,
};

/// How long nothing may come.
const PATIENCE: Duration = Duration::from_secs(10);
/// Connections, one device each, that fill the log; and how much they have in flight.
const FILLERS: usize = 64;
const FILL_WINDOW: u16 = 32;

/// How many, how closely.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Messages to send first
    #[arg(long, default_value_t = 1_000_000)]
    fill: u64,
    /// Bytes of a message
    #[arg(long, default_value_t = 256)]
    payload: usize,
    /// Messages that a server may send ahead to each reader
    #[arg(long, default_value_t = 5000, value_parser = clap::value_parser!(u32).range(1..))]
    credit: u32,
    /// What readers do with a message
    #[arg(long, value_enum, default_value_t = Care::Count)]
    care: Care,
    /// How often to read all of it, if it stays
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
    rounds: u32,
}

/// Fills and reads `target`.
pub async fn run(target: &Target, args: &Args) -> anyhow::Result<Report> {
    let sent = fill(target, args).await?;
    let mut report = Report::default();
    for _ in 0..args.rounds {
        let readers = match target.hub() {
            Some(hub) => of_partitions(target, hub, args).await?,
            None => of_queues(target, args, &sent).await?,
        };
        ensure!(!readers.is_empty(), "there is nothing to read");
        read(target, args, readers, &mut report)?;
    }
    Ok(report)
}

/// Sends, and returns how many messages went to each queue of another server.
async fn fill(target: &Target, args: &Args) -> anyhow::Result<Vec<u64>> {
    if args.fill == 0 {
        return Ok(vec![0; QUEUES]);
    }
    let senders = amqp_telemetry::connect(target, FILLERS, 1, args.payload, FILL_WINDOW).await?;
    let mut load = Load::new(senders)?;
    let whenever = Window::after(Duration::ZERO, Duration::from_secs(600));
    let each = args.fill.div_ceil(FILLERS as u64);
    load.send_each(each, &whenever)?;
    // Devices are dealt out to the queues one after the other.
    Ok(vec![each * (FILLERS / QUEUES) as u64; QUEUES])
}

async fn of_partitions(target: &Target, hub: &Hub, args: &Args) -> anyhow::Result<Vec<Reader>> {
    let mut readers = Vec::new();
    let entity = hub.name();
    let audience = format!("sb://{}/{entity}", hub.hostname());
    let mut asking = Client::connect(target, "bench", 0).await?;
    asking.authorize(&audience, hub.token(&audience)).await?;
    let question = Map::new()
        .with("operation", "READ")
        .with("name", entity.to_owned());
    let properties = question.clone().with("type", "com.microsoft:eventhub");
    let about = asking.manage(properties).await?;
    let Some(Value::Int(partitions)) = about.get("partition_count") else {
        bail!("the hub does not tell its partitions: {about:?}");
    };
    for partition in 0..usize::try_from(*partitions)? {
        let about = asking
            .manage(
                question
                    .clone()
                    .with("type", "com.microsoft:partition")
                    .with("partition", partition.to_string()),
            )
            .await?;
        let number = |name: &str| match about.get(name) {
            Some(Value::Long(number)) => Ok(*number),
            other => bail!("{name} of a partition is {other:?}"),
        };
        let first = number("begin_sequence_number")?;
        let count = number("last_enqueued_sequence_number")? - first + 1;
        if count > 0 {
            let mut client = Client::connect(target, "bench", 0).await?;
            client.authorize(&audience, hub.token(&audience)).await?;
            let source = addresses::all_of_partition(entity, partition);
            readers.push(reader(client, source, args, u64::try_from(count)?).await?);
        }
    }
    asking.close().await?;
    Ok(readers)
}

async fn of_queues(target: &Target, args: &Args, sent: &[u64]) -> anyhow::Result<Vec<Reader>> {
    let mut readers = Vec::new();
    for (queue, count) in sent.iter().enumerate() {
        let client = Client::connect(target, "bench", 0).await?;
        let source = addresses::all_of_queue(queue);
        readers.push(reader(client, source, args, *count).await?);
    }
    Ok(readers)
}

async fn reader(
    mut client: Client,
    source: Source,
    args: &Args,
    expected: u64,
) -> anyhow::Result<Reader> {
    let settled = Some(SenderSettleMode::Settled);
    client.attach_receiver(source, settled, 0).await?;
    Reader::new(client.into_link()?, args.credit, expected, args.care)
}

fn read(
    target: &Target,
    args: &Args,
    mut readers: Vec<Reader>,
    report: &mut Report,
) -> anyhow::Result<()> {
    let mut poll = Poll::new()?;
    let mut events = Events::with_capacity(readers.len());
    let mut scratch = vec![0; 256 * 1024];
    let cpu = target.process().map(|one| one.watch_cpu()).transpose()?;
    let started = Instant::now();
    for (index, reader) in readers.iter_mut().enumerate() {
        reader.register(poll.registry(), Token(index))?;
        reader.grant()?;
    }
    while readers.iter().any(|reader| !reader.is_done()) {
        poll.poll(&mut events, Some(PATIENCE))?;
        ensure!(!events.is_empty(), "the server sends no more");
        for event in &events {
            let Token(index) = event.token();
            let reader = &mut readers[index];
            if event.is_writable() {
                reader.flush()?;
            }
            if event.is_readable() {
                reader
                    .receive(&mut scratch)
                    .with_context(|| format!("reader {index}"))?;
            }
        }
    }
    let seconds = started.elapsed().as_secs_f64();
    let cpu = cpu.as_ref().map(CpuWatch::read).transpose()?;

    let count: u64 = readers.iter().map(Reader::received).sum();
    let bytes: u64 = readers.iter().map(Reader::bytes).sum();
    let rate = count as f64 / seconds;
    let mut figures = format!(
        "{}/s, {} messages in {seconds:.2} s, {:.0} bytes each on the wire",
        grouped(rate),
        grouped(count as f64),
        bytes as f64 / count as f64,
    );
    let mut values = vec![("rate", rate), ("seconds", seconds)];
    if let Some(cpu) = cpu {
        figures.push_str(&format!("; {cpu}"));
        values.extend(cpu.values());
        // What a message costs either side.
        let micros = 1e6 * seconds / count as f64;
        for (name, busy) in cpu.values() {
            let (cost, whose) = match name {
                "server_busy" => ("server_us", "server"),
                _ => ("reader_us", "reader"),
            };
            figures.push_str(&format!(", {whose} {:.2} µs each", busy * micros));
            values.push((cost, busy * micros));
        }
    }
    let what = format!(
        "read over AMQP, {} readers, credit {}, {} bytes",
        readers.len(),
        args.credit,
        args.payload
    );
    report.add_values(what, figures, values);
    Ok(())
}
