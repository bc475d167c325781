//! The texts of UUIDs as their sixteen bytes.

/// How many bytes the text of a UUID has.
pub(super) const LENGTH: usize = 36;

/// How many bytes are left of it.
pub(super) const BYTES: usize = 16;

/// The bytes of a text, if it is what [`is`] takes for them: in lower case, with all its hyphens.
pub(super) fn parse(text: &str) -> Option<[u8; BYTES]> {
    if text.len() != LENGTH {
        return None;
    }
    let mut digits = text.chars().filter_map(|char| char.to_digit(16));
    let mut bytes = [0; BYTES];
    for byte in &mut bytes {
        *byte = u8::try_from(digits.next()? << 4 | digits.next()?).ok()?;
    }
    is(bytes, text).then_some(bytes)
}

/// Whether that is the text of these bytes.
///
/// Nothing is written to memory for that, which would have to be waited for when it is read again.
#[inline]
pub(super) fn is(bytes: [u8; BYTES], text: &str) -> bool {
    let Ok(text) = <&[u8; LENGTH]>::try_from(text.as_bytes()) else {
        return false;
    };
    let number = u128::from_be_bytes(bytes);
    let four = |at: usize| {
        let found = text.get(at..).and_then(|rest| rest.first_chunk());
        found.map_or(0, |digits| u64::from(u32::from_be_bytes(*digits)))
    };
    let eight = |one: usize, other: usize| four(one) << 32 | four(other);
    let hyphens = [text[8], text[13], text[18], text[23]];
    eight_digits(number >> 96) == eight(0, 4)
        && eight_digits(number >> 64) == eight(9, 14)
        && eight_digits(number >> 32) == eight(19, 24)
        && eight_digits(number) == eight(28, 32)
        && hyphens == [b'-'; 4]
}

/// The lowest four bytes as the bytes of their digits, all at once.
#[inline]
fn eight_digits(number: u128) -> u64 {
    const ONES: u64 = u64::from_le_bytes([1; 8]);
    let low = number & u128::from(u32::MAX);
    let mut spread = u64::try_from(low).unwrap_or(0);
    spread = (spread | spread << 16) & 0x0000_ffff_0000_ffff;
    spread = (spread | spread << 8) & 0x00ff_00ff_00ff_00ff;
    spread = (spread | spread << 4) & 0x0f0f_0f0f_0f0f_0f0f;
    // One in each byte whose digit is a letter. No byte carries into the next.
    let letters = spread.wrapping_add(6 * ONES) >> 4 & ONES;
    let to_letters = u64::from(b'a' - b'0' - 10);
    spread
        .wrapping_add(u64::from(b'0').wrapping_mul(ONES))
        .wrapping_add(letters.wrapping_mul(to_letters))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn written(bytes: [u8; BYTES]) -> String {
        let hex: Vec<String> = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        let part = |from: usize, to: usize| hex[from..to].concat();
        [
            part(0, 4),
            part(4, 6),
            part(6, 8),
            part(8, 10),
            part(10, 16),
        ]
        .join("-")
    }

    proptest! {
        #[test]
        fn a_text_is_the_one_of_its_bytes(bytes: [u8; BYTES]) {
            let text = written(bytes);
            prop_assert_eq!(parse(&text), Some(bytes));
            prop_assert!(is(bytes, &text));
        }

        #[test]
        fn what_is_written_otherwise_has_no_bytes(
            bytes: [u8; BYTES], at in 0..LENGTH, instead in "[0-9a-gA-G-]",
        ) {
            let text = written(bytes);
            let mut other = text.clone();
            other.replace_range(at..=at, &instead);
            prop_assert_eq!(is(bytes, &other), text == other);
            match parse(&other) {
                Some(bytes) => prop_assert_eq!(written(bytes), other),
                None => prop_assert!(text != other),
            }
        }
    }

    #[test]
    fn a_text_of_another_length_has_no_bytes() {
        for text in ["", "0", "018f6a2e7b1c700080000123456789ab", "é"] {
            assert_eq!(parse(text), None);
        }
        assert_eq!(parse(&"é".repeat(LENGTH / 2)), None);
    }
}
