//! The cryptography behind tokens.

use jsonwebtoken::crypto::{CryptoProvider, aws_lc, sign, verify};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey};

/// The cryptography does not work, so that no token could be checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("signatures cannot be made and checked: the cryptography of this program does not work")]
pub struct CryptoFault;

/// Chooses the cryptography of this process for tokens, unless that was done, and tries it: what is
/// signed has to verify, and what was changed must not.
///
/// A program may call it at its start to learn of a fault early; [`Verifier`](super::Verifier) calls it
/// in any case.
///
/// # Errors
///
/// When it does not work.
///
/// ```
/// tiergate_billing::auth::install_crypto()?;
/// // Once more changes nothing.
/// tiergate_billing::auth::install_crypto()?;
/// # Ok::<(), tiergate_billing::auth::CryptoFault>(())
/// ```
pub fn install_crypto() -> Result<(), CryptoFault> {
    install();
    let message = b"a message to sign";
    let secret = b"a secret of the self-test, 32 bytes";
    let signature = sign(message, &EncodingKey::from_secret(secret), Algorithm::HS256)
        .map_err(|_| CryptoFault)?;
    let holds = |message: &[u8]| {
        let key = DecodingKey::from_secret(secret);
        verify(&signature, message, &key, Algorithm::HS256).map_err(|_| CryptoFault)
    };
    if holds(message)? && !holds(b"another message")? {
        Ok(())
    } else {
        Err(CryptoFault)
    }
}

/// Without this, `jsonwebtoken` would panic at the first token if another crate of the program turned
/// its other implementation on.
fn install() {
    // An error says that there is one already, of this crate or of the host program: either will do.
    let _: Result<(), &CryptoProvider> = aws_lc::DEFAULT_PROVIDER.install_default();
}
