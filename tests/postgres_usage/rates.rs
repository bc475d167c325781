//! A rate's log is bounded, and stays right when entries of it are merged.

use std::time::Duration;

use tiergate::usage::UsageStore;
use tiergate_clock::{Clock, ManualClock};

use crate::fixture::{MINUTE, Place, admitted, claim, rate, used};

#[tokio::test]
async fn a_merged_unit_never_leaves_early_and_at_most_a_cell_late() {
    let Some(place) = Place::new().await else {
        return;
    };
    let clock = ManualClock::default();
    let store = place.store(&clock).await;
    let key = rate("a");
    let mut all: Vec<(Duration, u64)> = Vec::new();
    for step in 0..1_400_u64 {
        // Enough in a minute to fill the log, and in the end time for some to leave.
        let pause = if step < 1_200 { 5 + step % 40 } else { 300 };
        clock.advance(Duration::from_millis(pause));
        let units = step % 4 + 1;
        let one = admitted(&store, &[claim(&key, units, u64::MAX)]).await;
        store.commit(one.id(), &[units]).await.unwrap();
        all.push((clock.elapsed(), units));
        if step % 20 != 0 {
            continue;
        }
        let now = clock.elapsed();
        let counting = |span: Duration| -> u64 {
            let live = all.iter().filter(|(at, _)| *at + span > now);
            live.map(|(_, units)| units).sum()
        };
        let shown = used(&store, &key).await;
        assert!(shown >= counting(MINUTE), "step {step}");
        assert!(shown <= counting(MINUTE + MINUTE / 512), "step {step}");
    }
    assert!(place.rows("entries").await <= 1_024);
    assert_eq!(
        place
            .number("SELECT sum(units)::bigint FROM @.entries")
            .await,
        place
            .number("SELECT committed::bigint FROM @.counters")
            .await,
    );
    assert_eq!(
        place.rows("entries").await,
        place.number("SELECT entries FROM @.counters").await,
    );
}
