//! Forgetting what is over, of all subjects.

use redis::{FromRedisValue, Value};

use crate::{StoreError, StoreErrorKind};

use super::call::Call;
use super::send::Sender;
use super::{RedisUsage, script};

/// About how many keys the server looks at in one step.
const STEP: usize = 500;

impl RedisUsage {
    /// Forgets what is over of all subjects, and releases what has expired.
    ///
    /// Nothing depends on it: every operation does some of it for its own subjects, and keys end by
    /// themselves. A service that wants memory back in quiet hours may call it from a timer. It goes
    /// through the names of all keys of the server's database, in small steps, each with the deadline
    /// of a call.
    ///
    /// Dropped half-way, it has swept some of the subjects.
    ///
    /// # Errors
    ///
    /// When a step fails, after which the rest is not swept. On a cluster always, with
    /// [`InvalidClaims`](StoreErrorKind::InvalidClaims): there, keys are left to end by themselves.
    pub async fn sweep(&self) -> Result<(), StoreError> {
        let sender = &*self.sender;
        if sender.is_cluster() {
            let fault = StoreError::new(StoreErrorKind::InvalidClaims);
            return Err(fault.with_detail("a cluster has no list of all keys to sweep"));
        }
        let mut cursor = "0".to_owned();
        loop {
            let mut scan = redis::cmd("SCAN");
            scan.arg(&cursor)
                .arg("MATCH")
                .arg(sender.prefix().pattern());
            scan.arg("COUNT").arg(STEP);
            let (next, keys) = read(sender.ask(&scan).await?)?;
            for key in keys {
                sweep_one(sender, &key).await?;
            }
            if next == "0" {
                return Ok(());
            }
            cursor = next;
        }
    }
}

async fn sweep_one(sender: &Sender, key: &str) -> Result<(), StoreError> {
    let Some(tag) = sender.prefix().tag(key) else {
        return Ok(());
    };
    let call = Call::new(&script::SWEEP, vec![tag]);
    // Each time at least one entry goes that was over when it began, so it ends.
    while let "unfinished" = sender.run(&call).await?.status() {}
    Ok(())
}

fn read(answer: Value) -> Result<(String, Vec<String>), StoreError> {
    FromRedisValue::from_redis_value(answer).map_err(|error| {
        let fault = StoreError::new(StoreErrorKind::Internal);
        fault.with_detail(format!(
            "Redis lists its keys in a way that is not known: {error}"
        ))
    })
}
