//! Who calls, and what they may do.
//!
//! A token is a JSON Web Token (RFC 7519) in its signed form (RFC 7515). Which algorithm is believed
//! follows from the key, never from the token alone.

mod caller;
mod claims;
mod crypto;
mod jwks;
mod verifier;

#[cfg(test)]
pub(crate) mod testing;

pub use caller::{Caller, Membership, OrganizationRole, Permission, Role};
pub use crypto::{CryptoFault, install_crypto};
pub use jwks::JwksUrlError;
pub use verifier::{TokenError, Verified, Verifier, WeakSecret};
