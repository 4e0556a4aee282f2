//! The processor's time-stamp counter, and whether it can be trusted.

use super::status::SourceReason;
use crate::sync::OnceLock;

/// Why the counter is, or is not, what events are stamped with. Found out once.
pub(super) fn verdict() -> SourceReason {
    static VERDICT: OnceLock<SourceReason> = OnceLock::new();
    *VERDICT.get_or_init(|| {
        if !is_invariant() {
            SourceReason::NotInvariant
        } else if is_distrusted() {
            SourceReason::Distrusted
        } else if !advances() {
            SourceReason::NotSteady
        } else {
            SourceReason::InvariantTsc
        }
    })
}

/// Whether the kernel fell back on a timer of the board. It compares the counters of all cores, which we cannot. Guests
/// have a clock of their own (`kvm-clock`, `hyperv_clocksource_tsc_page`, `xen`), which says nothing against them.
fn is_distrusted() -> bool {
    let path = "/sys/devices/system/clocksource/clocksource0/current_clocksource";
    let current = std::fs::read_to_string(path).unwrap_or_default();
    ["hpet", "acpi_pm", "jiffies", "refined-jiffies"].contains(&current.trim())
}

/// Whether it goes forward, as far as one core shows.
fn advances() -> bool {
    let readings: [u64; 64] = std::array::from_fn(|_| read());
    readings.is_sorted() && readings[0] < readings[63] && readings[0] > 0
}

#[cfg(target_arch = "x86_64")]
mod counter {
    use core::arch::x86_64::{__cpuid, _mm_lfence, _rdtsc};

    /// CPUID 0x8000_0007, EDX bit 8: constant rate, and it runs on in every power state (AMD APM
    /// volume 3, Intel SDM 18.17.1).
    #[allow(unused_unsafe, reason = "`__cpuid` is safe from Rust 1.94 on, unsafe before")]
    pub(super) fn is_invariant() -> bool {
        // SAFETY: every x86-64 processor has CPUID.
        let extended = unsafe { __cpuid(0x8000_0000) };
        // SAFETY: as above.
        extended.eax >= 0x8000_0007 && unsafe { __cpuid(0x8000_0007) }.edx & (1 << 8) != 0
    }

    #[inline(always)]
    pub(crate) fn read() -> u64 {
        // SAFETY: every x86-64 processor has RDTSC, and no system this crate supports forbids it.
        unsafe { _rdtsc() }
    }

    /// As [`read`], between the loads before it and those after it, both of which the processor may pass with a plain
    /// reading (Intel SDM volume 2, LFENCE and RDTSC): what was stamped before the caller heard of it is not later, and what
    /// the caller loads from now on is not older.
    #[inline]
    pub(crate) fn read_between_loads() -> u64 {
        await_loads();
        let ticks = read();
        await_loads();
        ticks
    }

    /// Loads before it, and readings of the counter, come before all that is after it.
    #[inline(always)]
    pub(crate) fn await_loads() {
        // SAFETY: every x86-64 processor has SSE2.
        #[allow(unused_unsafe, reason = "safe from Rust 1.94 on, unsafe before")]
        unsafe {
            _mm_lfence();
        }
    }
}

#[cfg(not(target_arch = "x86_64"))]
mod counter {
    pub(super) fn is_invariant() -> bool {
        false
    }

    pub(crate) fn read() -> u64 {
        0
    }

    pub(crate) fn read_between_loads() -> u64 {
        0
    }

    /// The system's clock waits for what comes before it, and what comes after it depends on nothing of it.
    pub(crate) fn await_loads() {
        #[cfg(target_arch = "aarch64")]
        // SAFETY: an instruction barrier touches nothing (Arm ARM, ISB).
        unsafe {
            core::arch::asm!("isb", options(nostack, preserves_flags));
        }
    }
}

use counter::is_invariant;
pub(super) use counter::{await_loads, read, read_between_loads};
