//! Names of what is asked of a provider.

use sha2::{Digest, Sha256};
use uuid::{Builder, Variant, Version};

use crate::OperationId;
use crate::context::Context;

/// The name of an operation on what is at that version.
///
/// It is made from the caller's idempotency key, if there is one: so a request that is sent again after
/// its answer was lost is the same operation to the provider, which does it once.
pub(super) fn named(context: &Context, what: &str, version: i64) -> OperationId {
    let Some(key) = &context.idempotency else {
        return OperationId::new(context.now);
    };
    let mut hash = Sha256::new();
    for part in [&*key.scope, &*key.key, what] {
        // The length keeps two parts from being read as two others.
        hash.update(part.len().to_be_bytes());
        hash.update(part);
    }
    hash.update(&key.fingerprint);
    hash.update(version.to_be_bytes());
    let digest: [u8; 32] = hash.finalize().into();
    let (bytes, _) = digest.split_at(16);
    let mut id = [0; 16];
    id.copy_from_slice(bytes);
    // RFC 9562, section 5.8: a UUID of one's own making.
    Builder::from_bytes(id)
        .with_variant(Variant::RFC4122)
        .with_version(Version::Custom)
        .into_uuid()
        .into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::change::IdempotencyKey;

    fn context(key: Option<&str>) -> Context {
        Context {
            idempotency: key.map(|key| IdempotencyKey {
                scope: "user:pia POST /x".to_owned(),
                key: key.to_owned(),
                fingerprint: vec![1],
            }),
            ..Context::system("test", "2026-01-01T00:00:00Z".parse().unwrap())
        }
    }

    #[test]
    fn one_request_is_one_operation_and_two_are_two() {
        let id = |key, what, version| named(&context(key), what, version);
        assert_eq!(id(Some("a"), "change", 1), id(Some("a"), "change", 1));
        assert_ne!(id(Some("a"), "change", 1), id(Some("b"), "change", 1));
        assert_ne!(id(Some("a"), "change", 1), id(Some("a"), "cancel", 1));
        assert_ne!(id(Some("a"), "change", 1), id(Some("a"), "change", 2));
        assert_ne!(id(None, "change", 1), id(None, "change", 1));
    }
}
