//! What people write by hand: one Redis script that counts, without reservations, windows of its own,
//! idempotency, or a way to give back.

use redis::Script;
use redis::aio::MultiplexedConnection;

use super::measure::Check;

const SCRIPT: &str = r"
local used = tonumber(redis.call('GET', KEYS[1]) or '0')
if used + 1 > tonumber(ARGV[1]) then return -1 end
used = redis.call('INCRBY', KEYS[1], 1)
if used == 1 then redis.call('EXPIRE', KEYS[1], ARGV[2]) end
return used";

pub(crate) struct RedisScript {
    connection: MultiplexedConnection,
    script: Script,
    keys: Vec<String>,
}

impl RedisScript {
    pub(crate) async fn connect(url: &str, counters: usize) -> Self {
        let client = redis::Client::open(url).expect("an address");
        let connection = client.get_multiplexed_async_connection().await;
        Self {
            connection: connection.expect("a connection"),
            script: Script::new(SCRIPT),
            keys: (0..counters)
                .map(|number| format!("peer:{number}"))
                .collect(),
        }
    }
}

impl Check for RedisScript {
    async fn check(&self, number: usize) {
        let mut connection = self.connection.clone();
        let key = &self.keys[number % self.keys.len()];
        let mut call = self.script.key(key);
        let answer: redis::RedisResult<i64> = call
            .arg(1_i64 << 50)
            .arg(3_600)
            .invoke_async(&mut connection)
            .await;
        assert!(matches!(answer, Ok(1..)), "it fits: {answer:?}");
    }
}
