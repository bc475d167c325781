use crate::walk::split_mix;

/// A UUID that looks as if it had been drawn, always the same for a number: what most services know
/// their users by, and 36 bytes long.
#[must_use]
pub fn uuid_of(number: u32) -> String {
    let mut state = u64::from(number);
    let (high, low) = (split_mix(&mut state), split_mix(&mut state));
    format!(
        "{:08x}-{:04x}-4{:03x}-{:04x}-{:012x}",
        high >> 32,
        (high >> 16) & 0xffff,
        high & 0xfff,
        0x8000 | (low >> 48) & 0x3fff,
        low & 0xffff_ffff_ffff,
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_number_has_a_uuid_of_its_own() {
        let ids: std::collections::HashSet<String> = (0..10_000).map(uuid_of).collect();
        assert_eq!(ids.len(), 10_000);
        assert!(ids.iter().all(|id| id.len() == 36), "{ids:?}");
    }
}
