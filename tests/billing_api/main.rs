//! The billing service's HTTP API as its clients see it, over real sockets and on both databases.
//!
//! Every answer is held against the OpenAPI document, and every request that is answered with success:
//! the client of `service.rs` does so by itself.

#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a scenario that does not go as it should has to fail"
)]

mod call;
mod service;

mod access;
mod administration;
mod audit;
mod changing;
mod ending;
mod events;
mod form;
mod limits;
mod older_client;
mod overrides;
mod reading;
mod repeating;
mod strangers;
mod subscribing;
mod tokens;
mod usage;

/// Makes tests of scenarios: each is run over SQLite and over PostgreSQL, with a service of its own.
macro_rules! scenarios {
    ($($name:ident),+ $(,)?) => {
        mod over_sqlite {
            $(#[tokio::test]
            async fn $name() {
                super::$name($crate::service::Service::over_sqlite().await).await;
            })+
        }

        mod over_postgres {
            $(#[tokio::test]
            async fn $name() {
                if let Some(service) = $crate::service::Service::over_postgres().await {
                    super::$name(service).await;
                }
            })+
        }
    };
}
pub(crate) use scenarios;
