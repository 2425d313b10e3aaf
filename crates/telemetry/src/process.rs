//! What the process itself takes, by OpenTelemetry's semantic conventions for processes.

use contract::metric;
use opentelemetry::metrics::Meter;

/// Has the resident memory of this process observed. Only Linux tells it; elsewhere there is no such metric.
pub(crate) fn observe(meter: &Meter) {
    meter
        .i64_observable_up_down_counter(metric::PROCESS_MEMORY)
        .with_unit("By")
        .with_description("Resident memory of the process.")
        .with_callback(|observer| {
            if let Some(bytes) = resident_bytes() {
                observer.observe(bytes, &[]);
            }
        })
        .build();
}

fn resident_bytes() -> Option<i64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let kib = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?.trim().strip_suffix(" kB")?;
    Some(kib.parse::<i64>().ok()? * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg(target_os = "linux")]
    fn a_process_takes_some_memory() {
        assert!(resident_bytes().is_some_and(|bytes| bytes > 1_000_000));
    }
}
