use super::{MAX_HEADER_BYTES, MAX_SIGNATURES, SignatureError};

const SIGNATURE_BYTES: usize = 32;

/// A `Stripe-Signature` header, taken apart.
pub(super) struct SignatureHeader<'a> {
    /// Seconds since 1970.
    pub(super) timestamp: i64,
    /// The same as it was written, because that is what was signed.
    pub(super) timestamp_text: &'a [u8],
    /// Those of the scheme `v1` that could be decoded.
    pub(super) signatures: Vec<[u8; SIGNATURE_BYTES]>,
}

impl<'a> SignatureHeader<'a> {
    pub(super) fn parse(header: &'a [u8]) -> Result<Self, SignatureError> {
        if header.is_empty() {
            return Err(SignatureError::Missing);
        }
        if header.len() > MAX_HEADER_BYTES {
            return Err(SignatureError::HeaderTooLong);
        }
        let mut timestamp_text = None;
        let mut signatures = Vec::new();
        let mut count = 0_usize;
        for item in header.split(|&byte| byte == b',') {
            let equals = item.iter().position(|&byte| byte == b'=');
            let (name, value) = equals
                .and_then(|at| item.split_at_checked(at))
                .ok_or(SignatureError::Malformed)?;
            let value = value.get(1..).unwrap_or_default();
            match name {
                b"t" if timestamp_text.is_some() => return Err(SignatureError::RepeatedTimestamp),
                b"t" => timestamp_text = Some(value),
                b"v1" => {
                    count += 1;
                    if count > MAX_SIGNATURES {
                        return Err(SignatureError::TooManySignatures);
                    }
                    signatures.extend(unhex(value));
                }
                _ => {}
            }
        }
        let timestamp_text = timestamp_text.ok_or(SignatureError::NoTimestamp)?;
        let timestamp = seconds(timestamp_text).ok_or(SignatureError::InvalidTimestamp)?;
        if count == 0 {
            return Err(SignatureError::NoSignature);
        }
        Ok(Self {
            timestamp,
            timestamp_text,
            signatures,
        })
    }
}

/// Decimal digits without a sign and without zeros in front: the one way in which Stripe writes a
/// number. With any other there would be two headers for one signature.
fn seconds(text: &[u8]) -> Option<i64> {
    if !text.iter().all(u8::is_ascii_digit) || (text.len() > 1 && text.starts_with(b"0")) {
        return None;
    }
    std::str::from_utf8(text).ok()?.parse().ok()
}

/// Lower case only, as Stripe writes it and its libraries demand it.
fn unhex(text: &[u8]) -> Option<[u8; SIGNATURE_BYTES]> {
    if text.len() != 2 * SIGNATURE_BYTES {
        return None;
    }
    let mut bytes = [0; SIGNATURE_BYTES];
    for (byte, pair) in bytes.iter_mut().zip(text.chunks_exact(2)) {
        let [high, low] = pair else { return None };
        *byte = nibble(*high)? << 4 | nibble(*low)?;
    }
    Some(bytes)
}

fn nibble(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        _ => None,
    }
}

pub(super) fn hex(bytes: &[u8]) -> String {
    bytes
        .iter()
        .flat_map(|byte| [byte >> 4, byte & 15])
        .filter_map(|nibble| char::from_digit(nibble.into(), 16))
        .collect()
}
