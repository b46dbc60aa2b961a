//! The thread that builds indexes and takes them away.
//!
//! It reads twins with a connection of its own, sorts the values of a run of
//! them, and hands them to the writer in steps, with a pause after each. In
//! order a step touches few pages; as they come, it would touch as many as it
//! has values. How far an index is, is stored with each run: a process that
//! comes after a crash goes on from there.

use std::cell::RefCell;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rusqlite::{Connection, Transaction, TransactionBehavior};

use super::IndexSettings;
use super::book::IndexBook;
use super::demand::{Demand, Wanted};
use super::metrics::{self, IndexGauges};
use super::run::{Run, Values};
use crate::documents::Paths;
use crate::open::{OpenError, StateFile};
use crate::own_thread::OwnThread;
use crate::tables;
use crate::tables::indexes::{self, IndexNumber, StoredIndex};
use crate::writer::WriterHandle;

/// After an error.
const LONG_PAUSE: Duration = Duration::from_secs(60);
/// Hours of running without use until an index goes.
const MAX_IDLE: u64 = 7 * 24;
/// Hours of running without use until it goes for another.
const IDLE: u64 = 24;

/// The thread. Dropping it waits for it.
pub(crate) struct IndexBuilder {
    demand: Arc<Demand>,
    thread: OwnThread,
}

impl IndexBuilder {
    /// Starts the thread.
    pub(crate) fn start(
        file: &StateFile,
        writer: WriterHandle,
        demand: Arc<Demand>,
    ) -> Result<Self, OpenError> {
        let connection = file.reader().map_err(|error| file.refused(error))?;
        let building = Building {
            connection,
            writer,
            demand: demand.clone(),
            gauges: RefCell::default(),
        };
        let panicked = "the thread that builds indexes has panicked";
        let thread = OwnThread::start("state-indexer", panicked, move || building.run())
            .map_err(OpenError::Thread)?;
        Ok(IndexBuilder { demand, thread })
    }

    /// Stops the thread; returns when the step under way is done.
    pub(crate) async fn close(&self) {
        self.demand.stop();
        self.thread.ended().await;
    }
}

impl Drop for IndexBuilder {
    fn drop(&mut self) {
        self.demand.stop();
        self.thread.join();
    }
}

/// Why the thread leaves what it does.
enum Left {
    /// It is time to stop.
    Stopping,
    Failed(rusqlite::Error),
}

impl From<rusqlite::Error> for Left {
    fn from(error: rusqlite::Error) -> Self {
        Left::Failed(error)
    }
}

struct Building {
    connection: Connection,
    writer: WriterHandle,
    demand: Arc<Demand>,
    gauges: RefCell<IndexGauges>,
}

impl Building {
    fn run(self) {
        let length = self.demand.settings().hour;
        let mut hour = Instant::now();
        loop {
            let done = self.round(&mut hour);
            let goes_on = match done {
                Ok(()) => self.demand.wait(length.saturating_sub(hour.elapsed())),
                Err(Left::Stopping) => false,
                Err(Left::Failed(error)) => {
                    tracing::warn!(%error, "an index for queries could not be kept");
                    self.demand.pause(LONG_PAUSE)
                }
            };
            if !goes_on {
                return;
            }
        }
    }

    /// Does all that there is to do.
    fn round(&self, hour: &mut Instant) -> Result<(), Left> {
        for wanted in self.demand.take_due() {
            self.declare(wanted)?;
        }
        if hour.elapsed() >= self.demand.settings().hour {
            *hour = Instant::now();
            self.age()?;
        }
        let all = self.all()?;
        for index in all.into_iter().filter(|index| index.built.is_some()) {
            self.build(index)?;
        }
        while let Some(gone) = indexes::gone(&self.connection)? {
            self.step(move |connection, settings| indexes::sweep(connection, gone, settings.step))?;
        }
        Ok(())
    }

    /// What is stored, told to those who want to know.
    fn all(&self) -> Result<Vec<StoredIndex>, Left> {
        let all = indexes::all(&self.connection)?;
        let wanted = all
            .iter()
            .map(|index| (index.hub_name.clone(), index.path.clone()));
        self.demand.set_indexed(wanted);
        self.gauges.borrow_mut().show(&all);
        Ok(all)
    }

    fn declare(&self, (hub, path): Wanted) -> Result<(), Left> {
        let all = indexes::all(&self.connection)?;
        let of_hub: Vec<_> = all.iter().filter(|index| index.hub_name == hub).collect();
        let mut replaced = None;
        if of_hub.len() >= self.demand.settings().most {
            replaced = self.least_useful(&of_hub)?;
            if replaced.is_none() {
                tracing::debug!(%hub, ?path, "no room for another index");
                return Ok(());
            }
        }
        tracing::info!(%hub, section = path.section.name(), keys = ?path.keys, "building an index");
        self.step(move |connection, _| {
            let Some(hub) = tables::hubs::number(connection, &hub)? else {
                return Ok(());
            };
            if let Some(replaced) = replaced {
                indexes::drop(connection, replaced)?;
            }
            indexes::declare(connection, hub, &path)
        })
    }

    /// One that may go for another: of a path that no twin has, such as a name
    /// that was mistyped, or the idlest.
    fn least_useful(&self, of_hub: &[&StoredIndex]) -> Result<Option<IndexNumber>, Left> {
        for index in of_hub.iter().filter(|index| index.built.is_none()) {
            if indexes::is_empty(&self.connection, index.number)? {
                return Ok(Some(index.number));
            }
        }
        let idlest = of_hub.iter().max_by_key(|index| index.idle_hours);
        let idle = idlest.filter(|index| index.idle_hours >= IDLE);
        Ok(idle.map(|index| index.number))
    }

    /// An hour has passed.
    fn age(&self) -> Result<(), Left> {
        let used = self.demand.take_used();
        let all = indexes::all(&self.connection)?;
        if all.is_empty() {
            return Ok(());
        }
        self.step(move |connection, _| {
            for index in &all {
                let used = used.contains(&index.number);
                if !used && index.idle_hours + 1 >= MAX_IDLE {
                    indexes::drop(connection, index.number)?;
                } else {
                    indexes::set_idle(connection, index.number, used)?;
                }
            }
            Ok(())
        })
    }

    fn build(&self, index: StoredIndex) -> Result<(), Left> {
        let number = index.number;
        let mut paths = Paths::default();
        paths.add(&index.path.keys, 0);
        // What is read below must be what the writer keeps from now on.
        self.step(|_, _| Ok(()))?;
        let mut built = index.built;
        while let Some(after) = built {
            let goes_on = || self.demand.pause(Duration::ZERO);
            let run = Run::read(&self.connection, &index, &paths, after, goes_on)?;
            let Run { values, last } = run.ok_or(Left::Stopping)?;
            self.add(number, values)?;
            self.step(move |connection, _| indexes::set_built(connection, number, last))?;
            built = last;
        }
        tracing::info!(hub = %index.hub_name, section = index.path.section.name(),
            keys = ?index.path.keys, "an index is built");
        metrics::built(&index.hub_name);
        self.all().map(|_| ())
    }

    fn add(&self, index: IndexNumber, mut values: Values) -> Result<(), Left> {
        // From the end, where taking is cheap.
        while !values.is_empty() {
            let rest = values
                .len()
                .saturating_sub(self.demand.settings().step.max(1));
            let some = values.split_off(rest);
            self.step(move |connection, _| {
                for (value, identity) in &some {
                    indexes::put(connection, index, value, *identity)?;
                }
                Ok(())
            })?;
        }
        Ok(())
    }

    /// Has the writer do something in a transaction of its own, then pauses.
    fn step<T: Send + 'static>(
        &self,
        act: impl FnOnce(&Connection, &IndexSettings) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, Left> {
        let demand = self.demand.clone();
        let done = self.writer.between_batches(move |connection, book| {
            let started = Instant::now();
            let done = write(connection, |connection| act(connection, demand.settings()));
            // Also after an error: a commit that failed may have happened.
            *book = IndexBook::load(connection)?;
            Ok::<_, rusqlite::Error>((done?, started.elapsed()))
        });
        let (done, took) = done.ok_or(Left::Stopping)??;
        let settings = self.demand.settings();
        let pause = settings.least_pause.max(took * settings.pause);
        if self.demand.pause(pause) {
            Ok(done)
        } else {
            Err(Left::Stopping)
        }
    }
}

fn write<T>(
    connection: &Connection,
    act: impl FnOnce(&Connection) -> rusqlite::Result<T>,
) -> rusqlite::Result<T> {
    let transaction = Transaction::new_unchecked(connection, TransactionBehavior::Immediate)?;
    let done = act(&transaction)?;
    transaction.commit()?;
    Ok(done)
}
