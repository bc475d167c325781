//! Hears what other processes tell through the database.

use sqlx::postgres::{PgListener, PgPoolOptions};

use super::{Database, DatabaseError, PATIENCE, Pools};

/// Hears one channel of PostgreSQL.
pub(crate) struct Listener {
    listener: PgListener,
}

impl Database {
    /// Begins to hear a channel; none on SQLite, which has no channels. It has a connection of its own,
    /// so that it takes none from those who read and write.
    pub(crate) async fn listen(&self, channel: &str) -> Result<Option<Listener>, DatabaseError> {
        let Pools::Postgres(pool) = &self.pools else {
            return Ok(None);
        };
        let own = PgPoolOptions::new()
            .max_connections(1)
            .max_lifetime(None)
            .idle_timeout(None)
            .acquire_timeout(PATIENCE)
            .connect_lazy_with((*pool.connect_options()).clone());
        let mut listener = PgListener::connect_with(&own).await?;
        listener.listen(channel).await?;
        Ok(Some(Listener { listener }))
    }
}

impl Listener {
    /// Waits until something was told, or may have been missed because the connection was lost.
    /// Dropping the future loses nothing.
    pub(crate) async fn heard(&mut self) -> Result<(), DatabaseError> {
        // None says that the connection was lost and is there again.
        let _told = self.listener.try_recv().await?;
        // One look at the table answers all that has been told by now.
        while self.listener.next_buffered().is_some() {}
        Ok(())
    }
}
