//! The one file that asks the operating system what time it is.
//!
//! Everything else takes a [`Reading`] or an instant as an argument. Read next: [`byleave_core::time`].

use byleave_core::time::{BootId, Clock, Reading, Timestamp};
use nix::time::{ClockId, clock_gettime};

/// The machine's wall clock and boot clock.
#[derive(Debug, Clone)]
pub(crate) struct SystemClock {
    boot: BootId,
}

impl SystemClock {
    /// Reads which boot this is, once: it cannot change while we run.
    ///
    /// # Errors
    /// If the kernel does not name the boot, which would leave the clock without its second witness.
    pub(crate) fn new() -> std::io::Result<Self> {
        let boot = std::fs::read_to_string("/proc/sys/kernel/random/boot_id")?;
        Ok(Self { boot: BootId(boot.trim().to_owned()) })
    }
}

impl Clock for SystemClock {
    fn read(&self) -> Reading {
        Reading {
            wall: Timestamp::from_millis(millis(ClockId::CLOCK_REALTIME)),
            boot: self.boot.clone(),
            since_boot: millis(ClockId::CLOCK_BOOTTIME),
        }
    }
}

/// Milliseconds of a clock. These two clocks exist on every Linux; should one fail, it reads 0, which is far behind
/// any mark and so in doubt: the door closes.
fn millis(clock: ClockId) -> i64 {
    clock_gettime(clock)
        .map_or(0, |time| time.tv_sec().saturating_mul(1_000).saturating_add(time.tv_nsec() / 1_000_000))
}
