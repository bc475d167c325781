//! The texts of UUIDs as their sixteen bytes.

/// How many bytes the text of a UUID has.
pub(super) const LENGTH: usize = 36;

/// How many bytes are left of it.
pub(super) const BYTES: usize = 16;

/// Where hyphens are in the first part and in the second.
const HYPHENS: [[usize; 2]; 2] = [[8, 13], [2, 7]];

/// Each byte is two digits: one of the first part of the text and one of the second. Where those have
/// hyphens, there are the last four digits.
///
/// So all that there is to do with a part is the same for each of its bytes, and done for all at once.
pub(super) type Packed = [u8; BYTES];

/// A text, if it is written in lower case, with all its hyphens.
pub(super) fn pack(text: &str) -> Option<Packed> {
    let text = <&[u8; LENGTH]>::try_from(text.as_bytes()).ok()?;
    let digit = |at: usize| {
        let char = char::from(*text.get(at)?);
        u8::try_from(char.to_digit(16)?).ok()
    };
    let [in_first, in_second] = HYPHENS;
    let mut packed = Packed::default();
    let mut last = 2 * BYTES..LENGTH;
    for (at, byte) in packed.iter_mut().enumerate() {
        let mut digit_or_last = |at: usize, hyphens: [usize; 2], from: usize| match at {
            at if hyphens.contains(&at) => digit(last.next()?),
            at => digit(from + at),
        };
        let high = digit_or_last(at, in_second, BYTES)?;
        let low = digit_or_last(at, in_first, 0)?;
        *byte = high << 4 | low;
    }
    is(packed, text).then_some(packed)
}

/// Whether that is the text which was packed.
#[inline]
pub(super) fn is_text(packed: Packed, text: &str) -> bool {
    <&[u8; LENGTH]>::try_from(text.as_bytes()).is_ok_and(|text| is(packed, text))
}

#[inline]
fn is(packed: Packed, text: &[u8; LENGTH]) -> bool {
    let ([a, b, c, d], Some(last)) = (words(text), text.last_chunk::<4>()) else {
        return false;
    };
    let [one, other, ..] = words(&packed);
    let low = [digits(one), digits(other)];
    let high = [digits(one >> 4), digits(other >> 4)];
    let byte = |number: u64, at: u32| (number >> (at * u8::BITS)) & 0xff;
    // In the order in which they were packed.
    let hidden =
        byte(high[0], 2) | byte(high[0], 7) << 8 | byte(low[1], 0) << 16 | byte(low[1], 5) << 24;
    low[0] == a
        && with_hyphens(low[1], 1 | 1 << 40) == b
        && with_hyphens(high[0], 1 << 16 | 1 << 56) == c
        && high[1] == d
        && hidden == u64::from(u32::from_le_bytes(*last))
}

/// The first 32 bytes as four numbers; zero where there are fewer.
#[inline]
fn words(bytes: &[u8]) -> [u64; 4] {
    let word = |at: usize| {
        let word = bytes.get(at..).and_then(<[u8]>::first_chunk);
        word.map_or(0, |word| u64::from_le_bytes(*word))
    };
    [word(0), word(8), word(16), word(24)]
}

/// A one in each byte.
const ONES: u64 = u64::from_le_bytes([1; 8]);

/// The lower half of each byte as a digit. No byte carries into the next.
#[inline]
fn digits(number: u64) -> u64 {
    let digits = number & (0xf * ONES);
    let letters = digits.wrapping_add(6 * ONES) >> 4 & ONES;
    let to_letters = u64::from(b'a' - b'9' - 1);
    digits
        .wrapping_add(u64::from(b'0') * ONES)
        .wrapping_add(letters.wrapping_mul(to_letters))
}

/// The same with hyphens in the bytes where `places` has a one.
#[inline]
fn with_hyphens(digits: u64, places: u64) -> u64 {
    digits & !(places.wrapping_mul(0xff)) | places.wrapping_mul(u64::from(b'-'))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn written_out(bytes: [u8; BYTES]) -> String {
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
        fn a_text_is_told_by_what_it_was_packed_into(bytes: [u8; BYTES]) {
            let text = written_out(bytes);
            let packed = pack(&text);
            prop_assert!(packed.is_some_and(|packed| is_text(packed, &text)), "{}", text);
        }

        #[test]
        fn what_is_written_otherwise_is_another_text(
            bytes: [u8; BYTES], at in 0..LENGTH, instead in "[0-9a-gA-G-]",
        ) {
            let text = written_out(bytes);
            let mut other = text.clone();
            other.replace_range(at..=at, &instead);
            let packed = pack(&text).unwrap();
            prop_assert_eq!(is_text(packed, &other), text == other);
            prop_assert_eq!(pack(&other) == Some(packed), text == other);
            if let Some(packed) = pack(&other) {
                prop_assert!(is_text(packed, &other) && !other.contains(char::is_uppercase));
            }
        }

        #[test]
        fn no_two_texts_are_packed_alike(one: [u8; BYTES], other: [u8; BYTES]) {
            let (one, other) = (written_out(one), written_out(other));
            prop_assert_eq!(pack(&one) == pack(&other), one == other);
        }
    }

    #[test]
    fn a_text_of_another_length_is_not_packed() {
        for text in ["", "0", "018f6a2e7b1c700080000123456789ab", "é"] {
            assert_eq!(pack(text), None);
        }
        assert_eq!(pack(&"é".repeat(LENGTH / 2)), None);
    }
}
