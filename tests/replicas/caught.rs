//! A store that is wrong is found: what the other scenarios hold of it can fail.

use tiergate_tests::{Admission, Sabotage};

use crate::engine::{Engine, Kind};
use crate::spending::Check;
use crate::{REPLICAS, alone, exact, kills};

/// The engine that is fastest here, so that the mistake is the reason.
const KIND: Kind = Kind::Redis;

fn assert_let_through_too_many(checked: Check) {
    let broken = checked.expect_err("the mistake should have been found");
    assert!(broken.0.contains("more was let through"), "{broken:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_store_that_looks_before_it_counts() {
    let _alone = alone().await;
    let Some(engine) = Engine::start(KIND).await else {
        return;
    };
    let sabotage = Sabotage::LooksBeforeItCounts;
    let checked = exact::admits_exactly(&engine, Admission::Direct, REPLICAS, sabotage).await;
    assert_let_through_too_many(checked);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_store_that_says_it_is_done_before_it_is() {
    let _alone = alone().await;
    let Some(engine) = Engine::start(KIND).await else {
        return;
    };
    let checked = kills::survives(&engine, Admission::Direct, Sabotage::CommitsLater).await;
    assert_let_through_too_many(checked);
}
