//! The store on a cluster of three servers.

use std::sync::Arc;

use tiergate::Subject;
use tiergate::usage::testing::conformance;
use tiergate::usage::{
    CounterKey, CounterWindow, RedisUsage, Reserve, Settlement, SharedStore, StoreErrorKind,
    UsageStore,
};
use tiergate_tests::{Redis, RedisCluster};

use crate::support::{TTL, ask, claim, gauge, used};

fn on(cluster: &RedisCluster, prefix: &str) -> tiergate::usage::RedisUsageBuilder {
    assert_eq!(cluster.urls().len(), 3);
    RedisUsage::builder().prefix(prefix)
}

#[tokio::test]
async fn a_cluster_counts_as_one_server_does() {
    let Some(cluster) = RedisCluster::start().await else {
        return;
    };
    let urls = cluster.urls();
    let urls = || urls.iter().map(String::as_str);
    conformance::run_shared(async |clock| {
        let builder = on(&cluster, &Redis::prefix()).clock(Arc::new(clock));
        Arc::new(builder.open_cluster(urls()).unwrap()) as Arc<dyn SharedStore>
    })
    .await;

    // One node is enough to find the others.
    let store = on(&cluster, "p:").open_cluster(urls().take(1)).unwrap();
    for user in 0..60 {
        let key = gauge(&user.to_string());
        let admitted = ask(&store, claim(&key, 2, 3)).await.unwrap();
        assert!(ask(&store, claim(&key, 2, 3)).await.is_none());
        assert_eq!(
            store.commit(admitted.id(), &[1]).await.unwrap(),
            Settlement::Settled
        );
        assert_eq!(used(&store, &key).await, 1);
    }
    for node in cluster.nodes() {
        let size = node.command(&["DBSIZE"]).await;
        assert!(
            matches!(size, redis::Value::Int(2..)),
            "each has its share: {size:?}"
        );
    }
    let several = ["p", "q", "r"].map(|id| {
        let key = CounterKey::new(Subject::organization(id), "seats", CounterWindow::Level);
        claim(&key, 1, 9)
    });
    let fault = store
        .reserve(Reserve::new(&several, TTL))
        .await
        .unwrap_err();
    assert_eq!(fault.kind(), StoreErrorKind::InvalidClaims, "{fault}");
    assert_eq!(
        store.sweep().await.unwrap_err().kind(),
        StoreErrorKind::InvalidClaims
    );

    // A node that is asked as if it was alone says what to do.
    let alone = on(&cluster, "p:").open(urls().next().unwrap()).unwrap();
    let mut moved = 0;
    for user in 0..60 {
        let claims = [claim(&gauge(&user.to_string()), 0, 3)];
        if let Err(fault) = alone.reserve(Reserve::new(&claims, TTL)).await {
            assert!(fault.to_string().contains("open_cluster"), "{fault}");
            moved += 1;
        }
    }
    assert!(moved > 0);
}
