//! A store of usage by its address.

use std::sync::Arc;
use std::time::Duration;

use tiergate::usage::{PostgresUsage, RedisUsage, SharedStore, SqliteUsage};

/// Opens the store of usage at an address, whose calls may take as long as the deadline.
///
/// * `sqlite:PATH` is in that file.
/// * `postgres://…` is in that database.
/// * `redis://…` is in that server.
///
/// # Panics
///
/// When there is no such store, or it cannot be opened.
pub async fn open_usage(address: &str, deadline: Duration) -> Arc<dyn SharedStore> {
    match address.split_once(':') {
        Some(("sqlite", path)) => {
            let store = SqliteUsage::builder(path).deadline(deadline).open().await;
            Arc::new(store.unwrap())
        }
        Some(("postgres", _)) => {
            let store = PostgresUsage::builder(address).deadline(deadline);
            Arc::new(store.connect().await.unwrap())
        }
        Some(("redis", _)) => {
            let store = RedisUsage::builder()
                .deadline(deadline)
                // Who has a long deadline has a machine in mind that is busy: connecting is slow there, too.
                .connect_within(deadline / 2)
                .open(address);
            Arc::new(store.unwrap())
        }
        _ => panic!("this is the address of no store: {address}"),
    }
}
