//! What a process uses, as the kernel tells it.

use std::{fmt, fs, time::Instant};

use anyhow::Context as _;

/// The kernel counts processor time in hundredths of a second for its readers.
const TICKS_PER_SECOND: f64 = 100.0;

/// A process of this machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Process(u32);

/// The processor time of a hub and of this program since a moment.
#[derive(Debug)]
pub struct CpuWatch {
    hub: Process,
    since: Instant,
    hub_ticks: f64,
    own_ticks: f64,
}

/// How many processors were busy.
#[derive(Debug, Clone, Copy)]
pub struct CpuUse {
    hub: f64,
    own: f64,
}

impl Process {
    /// The process with this number.
    pub fn of_id(id: u32) -> Self {
        Self(id)
    }

    /// The memory that it has in use, in bytes; what the kernel keeps for its
    /// sockets is not in it.
    pub fn resident_memory(self) -> anyhow::Result<u64> {
        let path = format!("/proc/{}/status", self.0);
        let status = fs::read_to_string(&path).with_context(|| format!("could not read {path}"))?;
        resident_of(&status).with_context(|| format!("{path} has no VmRSS"))
    }

    /// Begins to watch this hub's processor time beside our own.
    pub fn watch_cpu(self) -> anyhow::Result<CpuWatch> {
        Ok(CpuWatch {
            hub: self,
            since: Instant::now(),
            hub_ticks: self.ticks()?,
            own_ticks: Self(std::process::id()).ticks()?,
        })
    }

    fn ticks(self) -> anyhow::Result<f64> {
        let path = format!("/proc/{}/stat", self.0);
        let stat = fs::read_to_string(&path).with_context(|| format!("could not read {path}"))?;
        ticks_of(&stat).with_context(|| format!("{path} tells no processor time"))
    }
}

impl CpuWatch {
    /// How busy both were since the watch began.
    pub fn read(&self) -> anyhow::Result<CpuUse> {
        let seconds = self.since.elapsed().as_secs_f64();
        let busy = |ticks: f64| ticks / TICKS_PER_SECOND / seconds;
        Ok(CpuUse {
            hub: busy(self.hub.ticks()? - self.hub_ticks),
            own: busy(Process(std::process::id()).ticks()? - self.own_ticks),
        })
    }
}

impl CpuUse {
    /// The same as numbers, for programs to read.
    pub fn values(&self) -> [(&'static str, f64); 2] {
        [("server_busy", self.hub), ("generator_busy", self.own)]
    }
}

impl fmt::Display for CpuUse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "processor: server {:.0}%, generator {:.0}%",
            self.hub * 100.0,
            self.own * 100.0
        )
    }
}

fn resident_of(status: &str) -> Option<u64> {
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kibibytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kibibytes * 1024)
}

/// User and system time: the 14th and 15th field. The second is the program's
/// name in brackets, and may hold blanks.
fn ticks_of(stat: &str) -> Option<f64> {
    let (_, behind_name) = stat.rsplit_once(')')?;
    let mut fields = behind_name.split_ascii_whitespace().skip(11);
    let user: f64 = fields.next()?.parse().ok()?;
    let system: f64 = fields.next()?.parse().ok()?;
    Some(user + system)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_read_from_the_status_file() {
        let status = "Name:\ttwinhub\nVmHWM:\t  99 kB\nVmRSS:\t   12 kB\nThreads:\t3\n";

        assert_eq!(resident_of(status), Some(12 * 1024));
        assert_eq!(resident_of("Name:\tkthreadd\n"), None);
    }

    #[test]
    fn processor_time_is_found_behind_a_name_with_blanks() {
        let stat = "7 (a ) b) S 1 7 7 0 -1 4194560 100 0 0 0 250 50 0 0 20 0 3 0 12 0 0";

        assert_eq!(ticks_of(stat), Some(300.0));
    }
}
