use std::time::Duration;

/// What the loss of power may take of what was acknowledged. That the process ends, by `kill -9` too,
/// takes nothing with any of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Durability {
    /// A record is acknowledged when the operating system has it. With the power goes what that had not
    /// written: on Linux up to about 30 seconds.
    #[default]
    Os,
    /// The same, and the journal is synced this often: with the power goes no more than that time. From
    /// 1 millisecond to 1 hour. While the disk refuses to sync, nothing more is acknowledged.
    Interval(Duration),
    /// A record is acknowledged when it is synced, with all others that wait: nothing is lost.
    Every,
}
