use std::time::{Duration, Instant};

use nix::time::{ClockId, clock_gettime};

/// What is taken for the time of some work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stopwatch {
    /// The time that the processor spent on the thread that does the work. What else the machine has to
    /// do does not count; nor does what other threads do for the work, or waiting.
    ThreadCpu,
    /// The time that passed.
    Wall,
}

impl Stopwatch {
    /// What one call of `work` takes.
    pub fn time(self, work: impl FnOnce()) -> Duration {
        match self {
            Self::ThreadCpu => {
                let start = thread_cpu();
                work();
                thread_cpu().saturating_sub(start)
            }
            Self::Wall => wall(work),
        }
    }
}

fn thread_cpu() -> Duration {
    let time = clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID);
    // Every thread has this clock, and it begins at zero with its thread.
    time.map(Duration::from).unwrap_or_default()
}

#[expect(
    clippy::disallowed_methods,
    reason = "a benchmark measures the real time"
)]
fn wall(work: impl FnOnce()) -> Duration {
    let start = Instant::now();
    work();
    start.elapsed()
}
