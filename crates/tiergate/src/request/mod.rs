//! What a request brings to a layer, and what a layer leaves on it.

mod access;
mod head;
mod principal;
mod subject;
mod ticket;

pub use access::{Access, Metered};
pub use head::RequestHead;
pub use principal::Principal;
pub use subject::{ExtractSubject, FromExtensions, FromTrustedHeader, SubjectError};
pub use ticket::{SettledError, Ticket};

pub(crate) use access::Tally;
pub(crate) use subject::SubjectSource;
pub(crate) use ticket::Cell;
