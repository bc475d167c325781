//! Reads a JSON Web Key Set (RFC 7517).

use std::sync::Arc;

use jsonwebtoken::jwk::{
    AlgorithmParameters, EllipticCurve, Jwk, KeyAlgorithm, KeyOperations, PublicKeyUse,
};
use jsonwebtoken::{Algorithm, DecodingKey, DecodingKeyKind};
use serde::Deserialize;
use serde_json::Value;

/// The smallest RSA modulus, in bytes: 2,048 bits (RFC 7518, section 3.3).
const MIN_MODULUS_BYTES: usize = 256;

/// A document that holds no key set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum SetFault {
    #[error("the answer is no JSON Web Key Set")]
    NotASet,
    #[error("the key set holds no key for RS256, ES256 or EdDSA")]
    NoKey,
}

/// Keys that tokens are checked by.
pub(super) struct KeySet {
    keys: Vec<Key>,
}

struct Key {
    id: Option<String>,
    algorithm: Algorithm,
    key: Arc<DecodingKey>,
}

#[derive(Deserialize)]
struct Document {
    keys: Vec<Value>,
}

impl KeySet {
    /// Reads the keys that can be used here. Others are passed over: an issuer may publish keys for
    /// more than this service (RFC 7517, section 5).
    ///
    /// A set without any is a fault: it is far more often a mistake than the wish that every token
    /// fails.
    pub(super) fn parse(json: &[u8]) -> Result<Self, SetFault> {
        let document: Document = serde_json::from_slice(json).map_err(|_| SetFault::NotASet)?;
        let keys: Vec<_> = document.keys.into_iter().filter_map(usable).collect();
        if keys.is_empty() {
            return Err(SetFault::NoKey);
        }
        Ok(Self { keys })
    }

    /// The key of that name. A token without a name is signed by the only key of its algorithm.
    pub(super) fn find(&self, id: Option<&str>, algorithm: Algorithm) -> Option<Arc<DecodingKey>> {
        let mut fitting = self
            .keys
            .iter()
            .filter(|key| key.algorithm == algorithm)
            .filter(|key| id.is_none() || key.id.as_deref() == id);
        let first = fitting.next()?;
        if id.is_none() && fitting.next().is_some() {
            return None;
        }
        Some(Arc::clone(&first.key))
    }
}

/// The algorithm follows from the type of the key, so that a token cannot choose another for it.
fn usable(value: Value) -> Option<Key> {
    let jwk: Jwk = serde_json::from_value(value).ok()?;
    let (algorithm, name) = match &jwk.algorithm {
        AlgorithmParameters::RSA(_) => (Algorithm::RS256, KeyAlgorithm::RS256),
        AlgorithmParameters::EllipticCurve(ec) if ec.curve == EllipticCurve::P256 => {
            (Algorithm::ES256, KeyAlgorithm::ES256)
        }
        AlgorithmParameters::OctetKeyPair(pair) if pair.curve == EllipticCurve::Ed25519 => {
            (Algorithm::EdDSA, KeyAlgorithm::EdDSA)
        }
        _ => return None,
    };
    let common = &jwk.common;
    if common.key_algorithm.is_some_and(|stated| stated != name) {
        return None;
    }
    if !matches!(common.public_key_use, None | Some(PublicKeyUse::Signature)) {
        return None;
    }
    if let Some(operations) = &common.key_operations
        && !operations.contains(&KeyOperations::Verify)
    {
        return None;
    }
    let key = DecodingKey::from_jwk(&jwk).ok()?;
    if let DecodingKeyKind::RsaModulusExponent { n, .. } = key.kind()
        && n.iter().skip_while(|byte| **byte == 0).count() < MIN_MODULUS_BYTES
    {
        return None;
    }
    Some(Key {
        id: common.key_id.clone(),
        algorithm,
        key: Arc::new(key),
    })
}
