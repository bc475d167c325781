use std::collections::HashMap;
use std::fs;
use std::sync::Arc;

use side_by_side::{Effort, uuid_of};
use tiergate::{Subject, Subscription};

use super::records::{Records, record};

pub(crate) const TITLE: &str = "What a cached subscription takes";

/// Everything that is kept is counted: keys, records, and what the cache keeps of its own.
pub(crate) fn measure(effort: Effort) {
    let count: u32 = if effort.is_quick() {
        100_000
    } else {
        1_000_000
    };
    println!("\n### {TITLE}: {count} of them\n");
    println!("| | asked of the allocator, bytes | allocations | resident memory, bytes |");
    println!("|---|--:|--:|--:|");
    told("tiergate: CachedLookup", Resident::Told, count, || {
        let records = Records::default();
        let cache = super::cache_of(u64::from(count) * 5 / 4, &records);
        super::runtime().block_on(async {
            for number in 0..count {
                let subject = Subject::user(uuid_of(number));
                cache.resolve(&subject).await;
            }
            // What was put off until something is read.
            for number in 0..count {
                let subject = Subject::user(uuid_of(number));
                assert!(cache.get(&subject).is_some(), "there is room for all");
            }
        });
        assert_eq!(records.calls(), u64::from(count));
        cache
    });
    told("moka, the same records", Resident::Unknown, count, || {
        let moka: moka::sync::Cache<String, Arc<Subscription>> = moka::sync::Cache::builder()
            .max_capacity(u64::from(count) * 5 / 4)
            .time_to_live(std::time::Duration::from_secs(300))
            .build();
        for number in 0..count {
            let subject = Subject::user(uuid_of(number));
            moka.insert(uuid_of(number), Arc::new(record(subject)));
        }
        moka.run_pending_tasks();
        moka
    });
    told(
        "HashMap<String, u8>, tiers only (floor)",
        Resident::Unknown,
        count,
        || {
            let tiers = (0..count).map(|number| (uuid_of(number), 1));
            tiers.collect::<HashMap<String, u8, foldhash::fast::RandomState>>()
        },
    );
}

/// Whether what the process has resident tells anything.
enum Resident {
    Told,
    /// What came before gave memory back that is used again.
    Unknown,
}

#[expect(
    clippy::cast_precision_loss,
    reason = "sizes are far below the precision of a double"
)]
fn told<T>(name: &str, told: Resident, count: u32, fill: impl FnOnce() -> T) {
    let resident = resident_bytes();
    let mut filled = None;
    let info = allocation_counter::measure(|| filled = Some(fill()));
    let each = |bytes: i64| bytes as f64 / f64::from(count);
    println!(
        "| {name} | {:.0} | {:.1} | {} |",
        each(info.bytes_current),
        each(info.count_current),
        match (told, resident, resident_bytes()) {
            (Resident::Told, Some(before), Some(after)) => format!("{:.0}", each(after - before)),
            _ => "–".to_owned(),
        },
    );
    drop(filled);
}

/// How much memory the process has; not known on systems without `/proc`.
fn resident_bytes() -> Option<i64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmRSS:"))?;
    let kibibytes: i64 = line.split_whitespace().nth(1)?.parse().ok()?;
    Some(kibibytes * 1_024)
}
