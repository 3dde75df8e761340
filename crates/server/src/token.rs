//! What a token looks like: `chy_`, 32 characters of base62 (190 random bits) and 6 characters of base62 that are the CRC-32 (ISO-HDLC, as
//! in zip) of all before them. So a secret scanner finds a leaked one by `chy_[0-9A-Za-z]{38}` and tells it from other text, and a mistyped
//! one is refused before anything is looked up.

use crate::fault::Fault;
use crate::ids;

/// What every token begins with.
pub const PREFIX: &str = "chy_";
/// Random characters.
const RANDOM: usize = 32;
/// Characters of the checksum: 62^6 is more than 2^32.
const CHECKSUM: usize = 6;
const DIGITS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// A new secret.
///
/// # Errors
/// As [`ids::random`].
pub fn secret() -> Result<String, Fault> {
    let mut text = PREFIX.to_owned();
    while text.len() < PREFIX.len() + RANDOM {
        // Bytes from 248 on would make some characters likelier than others.
        let bytes = ids::random::<64>()?;
        let drawn = bytes.into_iter().filter(|byte| *byte < 248).filter_map(|byte| DIGITS.get(usize::from(byte % 62)));
        text.extend(drawn.take(PREFIX.len() + RANDOM - text.len()).map(|digit| char::from(*digit)));
    }
    let checksum = checksum(&text);
    Ok(text + &checksum)
}

/// Whether a text can be a secret: right prefix, length, characters and checksum.
pub fn is_well_formed(text: &str) -> bool {
    let Some((body, given)) = text.split_at_checked(PREFIX.len() + RANDOM) else { return false };
    let random = body.strip_prefix(PREFIX).unwrap_or_default();
    random.len() == RANDOM && random.bytes().all(|byte| byte.is_ascii_alphanumeric()) && given == checksum(body)
}

/// CRC-32 in base62, most significant digit first.
fn checksum(text: &str) -> String {
    let mut rest = crc32(text.as_bytes());
    let mut digits = vec!['0'; CHECKSUM];
    for place in digits.iter_mut().rev() {
        *place = DIGITS.get(rest as usize % 62).map_or('0', |digit| char::from(*digit));
        rest /= 62;
    }
    digits.into_iter().collect()
}

fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(u32::MAX, |crc, byte| (0..8).fold(crc ^ u32::from(*byte), |crc, _| (crc >> 1) ^ (0xEDB8_8320 & (crc & 1).wrapping_neg())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_checksum_is_that_of_zip() {
        assert_eq!(crc32(b"123456789"), 0xCBF4_3926);
        assert_eq!(crc32(b""), 0);
    }

    #[test]
    fn what_was_made_is_recognised_and_a_changed_character_is_not() {
        for _ in 0..100 {
            let secret = secret().unwrap();
            assert_eq!(secret.len(), 42);
            assert!(is_well_formed(&secret), "{secret}");
            for place in 0..secret.len() {
                let mut changed: Vec<char> = secret.chars().collect();
                changed[place] = if changed[place] == 'x' { 'y' } else { 'x' };
                assert!(!is_well_formed(&changed.into_iter().collect::<String>()), "{secret} at {place}");
            }
        }
        assert_ne!(secret().unwrap(), secret().unwrap());
        for other in ["", "chy_", "no-such-token", "chy_00000000000000000000000000000000000000", &"é".repeat(21), &"chy_a".repeat(400)] {
            assert!(!is_well_formed(other), "{other}");
        }
    }
}
