//! Usage for billing, kept in a local journal until the billing service has it.
//!
//! ```no_run
//! # #[cfg(feature = "http-client")]
//! # async fn start() -> Result<(), Box<dyn std::error::Error>> {
//! use std::time::Duration;
//! use tiergate::lookup::StaticToken;
//! use tiergate::recorder::{BillingSink, UsageRecord, UsageRecorder};
//! use tiergate::{HttpLookup, Subject};
//!
//! let billing = HttpLookup::builder("http://127.0.0.1:3001")
//!     .token(StaticToken::new("a token of role service"))
//!     .build()?;
//! let recorder = UsageRecorder::builder("/var/lib/my-service/usage")
//!     .open(BillingSink::new(billing))
//!     .await?;
//!
//! // Whatever the gate charges is billed.
//! let gate = tiergate::TierGate::builder(tiergate::Catalog::from_path("feature-flags.yaml")?)
//!     .lookup(HttpLookup::new("http://127.0.0.1:3001")?)
//!     .record_usage(recorder.clone())
//!     .build()?;
//!
//! // What no limit counts is recorded by hand. It waits for nothing; awaiting what it returns tells when the record is kept.
//! let recording = recorder.record(UsageRecord::new(Subject::user("42"), "sms_messages", 1))?;
//! recording.await?;
//!
//! // Before the service ends.
//! recorder.shutdown(Duration::from_secs(10)).await?;
//! # drop(gate);
//! # Ok(())
//! # }
//! ```

#[cfg(feature = "http-client")]
mod billing;
mod charged;

#[cfg(feature = "http-client")]
pub use billing::BillingSink;
pub use tiergate_usage::recorder::*;
