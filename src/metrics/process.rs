//! The process's own use of the machine, under the names that Prometheus's client
//! libraries agree on.
//!
//! The `prometheus` crate has a collector of its own. It does not serve: it counts processor
//! time in whole seconds, which is too coarse for the rate of a process that needs little.
//!
//! Invariant: a metric that the system does not provide is absent, not zero.

use std::sync::{Mutex, PoisonError};

use prometheus::core::{Collector, Desc};
use prometheus::proto::MetricFamily;
use prometheus::{Counter, Gauge, Registry};

use crate::time::Timestamp;

/// Clock ticks of `/proc/[pid]/stat` in a second: part of Linux's interface to
/// programs on every architecture this is built for (`USER_HZ`, see proc(5)).
const TICKS_PER_SECOND: f64 = 100.0;

/// Reads `/proc/self` whenever metrics are asked for.
struct ProcessCollector {
    cpu: Counter,
    resident: Gauge,
    open_files: Gauge,
    descriptions: Vec<Desc>,
    /// One at a time: what is read raises the counter by what it has not yet counted.
    collecting: Mutex<()>,
}

/// Registers the process metrics; `started_at` is told as the time of its start.
///
/// # Errors
/// When they are registered already.
pub(super) fn register(
    registry: &Registry,
    started_at: Timestamp,
) -> Result<(), prometheus::Error> {
    let started = Gauge::new("process_start_time_seconds", "Start of the process")?;
    started.set(started_at.as_millis() as f64 / 1000.0);
    registry.register(Box::new(started))?;
    let cpu = Counter::new("process_cpu_seconds_total", "Processor time used, user and system")?;
    let resident = Gauge::new("process_resident_memory_bytes", "Memory that is in use")?;
    let open_files = Gauge::new("process_open_fds", "Open files and connections")?;
    let all: [&dyn Collector; 3] = [&cpu, &resident, &open_files];
    let descriptions = all.into_iter().flat_map(Collector::desc).cloned().collect();
    registry.register(Box::new(ProcessCollector {
        cpu,
        resident,
        open_files,
        descriptions,
        collecting: Mutex::new(()),
    }))
}

impl Collector for ProcessCollector {
    fn desc(&self) -> Vec<&Desc> {
        self.descriptions.iter().collect()
    }

    fn collect(&self) -> Vec<MetricFamily> {
        let _alone = self.collecting.lock().unwrap_or_else(PoisonError::into_inner);
        let read = |name: &str| std::fs::read_to_string(format!("/proc/self/{name}")).ok();
        let mut families = Vec::new();
        if let Some(seconds) = read("stat").as_deref().and_then(cpu_seconds) {
            self.cpu.inc_by((seconds - self.cpu.get()).max(0.0));
            families.extend(self.cpu.collect());
        }
        if let Some(bytes) = read("status").as_deref().and_then(resident_bytes) {
            self.resident.set(bytes as f64);
            families.extend(self.resident.collect());
        }
        if let Ok(files) = std::fs::read_dir("/proc/self/fd") {
            // The listing itself holds one open.
            self.open_files.set(files.count().saturating_sub(1) as f64);
            families.extend(self.open_files.collect());
        }
        families
    }
}

/// The 14th and 15th field, after a name that may hold spaces and brackets.
fn cpu_seconds(stat: &str) -> Option<f64> {
    let (_, after_name) = stat.rsplit_once(')')?;
    let mut fields = after_name.split_ascii_whitespace().skip(11);
    let ticks = fields.next()?.parse::<u64>().ok()? + fields.next()?.parse::<u64>().ok()?;
    Some(ticks as f64 / TICKS_PER_SECOND)
}

fn resident_bytes(status: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    Some(line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()? * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_the_system_writes() {
        let stat = "42 (a) b (c)) S 1 2 3 4 5 6 7 8 9 10 250 50 0 0 20 0 4 0 99 1 2 3";
        assert_eq!(cpu_seconds(stat), Some(3.0));
        assert_eq!(cpu_seconds("42 (x) S 1 2"), None);
        assert_eq!(
            resident_bytes("Name:\tx\nVmRSS:\t    1234 kB\nThreads:\t1\n"),
            Some(1234 * 1024)
        );
        assert_eq!(resident_bytes("Name:\tx\n"), None);
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn this_process_has_used_something() {
        let registry = Registry::new();
        register(&registry, Timestamp::from_millis(1_800_000_000_500)).unwrap();
        let value = |name: &str| {
            let families = registry.gather();
            let family = families.iter().find(|family| family.name() == name);
            let metric = &family.unwrap_or_else(|| panic!("{name}")).get_metric()[0];
            metric.get_gauge().get_value() + metric.get_counter().get_value()
        };
        assert_eq!(value("process_start_time_seconds"), 1_800_000_000.5);
        assert!(value("process_resident_memory_bytes") > 100_000.0);
        assert!(value("process_open_fds") >= 3.0);
        let before = value("process_cpu_seconds_total");
        assert!(value("process_cpu_seconds_total") >= before);
    }
}
