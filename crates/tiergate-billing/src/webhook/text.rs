//! Text as others write it.

/// The text without the character NUL, which JSON can say and PostgreSQL cannot store. What somebody
/// wrote into a description must not hold up a subscription.
pub(super) fn storable(text: &str) -> String {
    text.replace('\0', "")
}
