//! Whether the server may throw counters away.

use std::time::Duration;

use redis::aio::MultiplexedConnection;

/// Warns when the server is set to make room by removing keys, which hands out again what was used.
/// A server that does not tell is believed to be set up well: it may be forbidden to ask.
pub(super) async fn warn_of(connection: &mut MultiplexedConnection, limit: Duration) {
    let mut command = redis::cmd("CONFIG");
    command.arg("GET").arg("maxmemory-policy");
    let asked = command.query_async::<Vec<String>>(connection);
    let Ok(Ok(told)) = tokio::time::timeout(limit, asked).await else {
        return;
    };
    if let [_, policy] = &told[..]
        && evicts(policy)
    {
        tracing::warn!(
            target: "tiergate::usage", event = "store.evicts", policy,
            "this Redis may evict counters when its memory is full; set `maxmemory-policy` to \
             `noeviction`",
        );
    }
}

fn evicts(policy: &str) -> bool {
    policy != "noeviction"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_policy_but_one_evicts_counters() {
        assert!(!evicts("noeviction"));
        for policy in [
            "allkeys-lru",
            "allkeys-random",
            "volatile-ttl",
            "volatile-lfu",
        ] {
            assert!(evicts(policy), "{policy}: every key of a store has an end");
        }
    }
}
