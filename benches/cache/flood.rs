use side_by_side::{Effort, uuid_of, zipf};
use tiergate::{CachedLookup, Subject};

use super::records::Records;

pub(crate) const TITLE: &str = "A flood of random ids";

/// How many are remembered.
const ROOM: u32 = 10_000;
/// Who comes again and again.
const REGULARS: u32 = 5_000;
/// How many strangers come between one regular and the next.
const STRANGERS: u32 = 10;

/// How often regulars are found in a cache that strangers flood, each of whom comes once.
pub(crate) fn measure(effort: Effort) {
    let visits = if effort.is_quick() { 20_000 } else { 200_000 };
    println!(
        "\n### {TITLE}: room for {ROOM}, {REGULARS} regulars (Zipf), {STRANGERS} strangers for each visit of theirs\n"
    );
    println!("| hit rate of regulars | before | during | after |");
    println!("|---|--:|--:|--:|");
    let runtime = super::runtime();
    let cache = super::cache_of(u64::from(ROOM), &Records::default());
    told("tiergate: CachedLookup", visits, |visitor| {
        runtime.block_on(is_remembered(&cache, &visitor))
    });
    let moka: moka::sync::Cache<String, u8> = moka::sync::Cache::new(u64::from(ROOM));
    told("moka (TinyLFU)", visits, |visitor| {
        let id = visitor.id().to_owned();
        let is_known = moka.get(&id).is_some();
        if !is_known {
            moka.insert(id, 1);
        }
        is_known
    });
}

async fn is_remembered(cache: &CachedLookup, visitor: &Subject) -> bool {
    let is_known = cache.get(visitor).is_some();
    if !is_known {
        cache.resolve(visitor).await;
    }
    is_known
}

fn told(name: &str, visits: usize, mut is_known: impl FnMut(Subject) -> bool) {
    let walk: Vec<Subject> = zipf(REGULARS, visits)
        .into_iter()
        .map(|number| Subject::user(uuid_of(number)))
        .collect();
    // Everybody has been there, and the frequent more than once.
    for number in 0..REGULARS {
        is_known(Subject::user(uuid_of(number)));
    }
    for regular in &walk {
        is_known(regular.clone());
    }
    let mut strangers = (0..).map(|number| Subject::organization(uuid_of(number)));
    let mut rate = |crowd: u32| {
        let mut hits = 0_u32;
        for regular in &walk {
            hits += u32::from(is_known(regular.clone()));
            for stranger in strangers.by_ref().take(crowd as usize) {
                is_known(stranger);
            }
        }
        percent(hits, walk.len())
    };
    let [before, during, after] = [0, STRANGERS, 0].map(&mut rate);
    println!("| {name} | {before} | {during} | {after} |");
}

#[expect(
    clippy::cast_precision_loss,
    reason = "a count of visits is far below the precision of a double"
)]
fn percent(hits: u32, visits: usize) -> String {
    format!("{:.2} %", f64::from(hits) / visits as f64 * 100.0)
}
