//! A layer that lets requests through while the store is away lets through what it says.

use std::num::NonZeroU64;

use tiergate_tests::{Admission, Outage};

use super::server::Fault;
use super::{SCARCE, Scene, assert_holds};
use crate::REPLICAS;
use crate::engine::Kind;
use crate::spending::{Check, check};

/// What each replica may spend of each account by itself.
const ALLOWANCE: NonZeroU64 = NonZeroU64::new(40).unwrap();

async fn spends_its_allowance(kind: Kind) -> Check {
    let outage = Outage::Allowance(ALLOWANCE);
    let Some(mut scene) = Scene::start(kind, Admission::Direct, outage).await else {
        return Ok(());
    };
    let trial = scene.trial().await?;
    let during = scene.suffer(Fault::Restarted, &trial).await;
    check(during.unavailable > 0, || {
        format!("the allowance has no end: {during}")
    })?;
    scene.recover(&trial).await?;
    let most = SCARCE + ALLOWANCE.get() * u64::try_from(REPLICAS).unwrap();
    scene.spend_rest(&trial, most).await?;
    let scarce = trial.scarce.all();
    check(scarce.admitted > SCARCE, || {
        format!("nobody spent the allowance: {scarce}")
    })?;
    trial.nobody_was_misled()?;
    scene.fleet.stop().await;
    Ok(())
}

async fn lets_everybody_through(kind: Kind) -> Check {
    let Some(mut scene) = Scene::start(kind, Admission::Direct, Outage::Allow).await else {
        return Ok(());
    };
    let trial = scene.trial().await?;
    let during = scene.suffer(Fault::Restarted, &trial).await;
    check(during.are_all_admitted(), || {
        format!("somebody was refused: {during}")
    })?;
    scene.recover(&trial).await?;
    trial.nobody_was_misled()?;
    scene.fleet.stop().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_replica_spends_its_allowance_and_no_more_without_redis() {
    assert_holds(spends_its_allowance(Kind::Redis).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_replica_spends_its_allowance_and_no_more_without_postgresql() {
    assert_holds(spends_its_allowance(Kind::Postgres).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_chose_to_allow_refuses_nobody_without_redis() {
    assert_holds(lets_everybody_through(Kind::Redis).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_chose_to_allow_refuses_nobody_without_postgresql() {
    assert_holds(lets_everybody_through(Kind::Postgres).await);
}
