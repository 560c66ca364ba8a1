//! Object ids of both hash functions, and the name of the function itself.

use std::fmt;
use std::str::FromStr;

/// The hash function by which a repository names its objects; chosen once, when it is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum ObjectFormat {
    /// SHA-1: ids of 20 bytes.
    #[default]
    Sha1,
    /// SHA-256: ids of 32 bytes.
    Sha256,
}

impl ObjectFormat {
    /// The word git uses for it in `object-format=` and in configuration.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Sha1 => "sha1",
            Self::Sha256 => "sha256",
        }
    }

    /// How many bytes an id has.
    pub const fn raw_len(self) -> usize {
        match self {
            Self::Sha1 => 20,
            Self::Sha256 => 32,
        }
    }

    /// How many hexadecimal digits an id has.
    pub const fn hex_len(self) -> usize {
        2 * self.raw_len()
    }
}

impl fmt::Display for ObjectFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for ObjectFormat {
    type Err = OidError;

    fn from_str(text: &str) -> Result<Self, OidError> {
        match text {
            "sha1" => Ok(Self::Sha1),
            "sha256" => Ok(Self::Sha256),
            _ => Err(OidError::Format),
        }
    }
}

/// Why a text or a row of bytes is no object id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OidError {
    /// It has neither the length of a SHA-1 id nor that of a SHA-256 id, or not the one expected.
    #[error("an object id has {expected} hexadecimal digits, this one has {found}")]
    Length {
        /// How many digits were expected.
        expected: usize,
        /// How many there are.
        found: usize,
    },
    /// A character that is no hexadecimal digit.
    #[error("an object id has hexadecimal digits only")]
    Digit,
    /// Neither `sha1` nor `sha256`.
    #[error("the object format is sha1 or sha256")]
    Format,
}

/// The id of an object, of either format.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Oid {
    format: ObjectFormat,
    bytes: [u8; 32],
}

impl Oid {
    /// The id that stands for "no object" on the wire.
    pub const fn zero(format: ObjectFormat) -> Self {
        Self {
            format,
            bytes: [0; 32],
        }
    }

    /// Reads an id in hexadecimal, in either letter case, that must be of this format.
    pub fn parse(hex: &str, format: ObjectFormat) -> Result<Self, OidError> {
        let hex = hex.as_bytes();
        if hex.len() != format.hex_len() {
            return Err(OidError::Length {
                expected: format.hex_len(),
                found: hex.len(),
            });
        }
        let mut oid = Self::zero(format);
        for (byte, pair) in oid.bytes.iter_mut().zip(hex.chunks_exact(2)) {
            *byte = digit(pair[0])? << 4 | digit(pair[1])?;
        }
        Ok(oid)
    }

    /// Takes 20 or 32 bytes; the length says the format.
    pub fn from_bytes(raw: &[u8]) -> Result<Self, OidError> {
        let format = match raw.len() {
            20 => ObjectFormat::Sha1,
            32 => ObjectFormat::Sha256,
            found => {
                return Err(OidError::Length {
                    expected: ObjectFormat::Sha1.hex_len(),
                    found: 2 * found,
                });
            }
        };
        let mut oid = Self::zero(format);
        oid.bytes[..raw.len()].copy_from_slice(raw);
        Ok(oid)
    }

    /// The id's 20 or 32 bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes[..self.format.raw_len()]
    }

    /// The hash function it comes from.
    pub const fn format(&self) -> ObjectFormat {
        self.format
    }

    /// Whether it stands for "no object".
    pub fn is_zero(&self) -> bool {
        self.bytes == [0; 32]
    }

    /// Appends the id in lower-case hexadecimal.
    pub fn write_hex(&self, out: &mut Vec<u8>) {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        out.extend(
            self.as_bytes()
                .iter()
                .flat_map(|byte| [DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 15)]]),
        );
    }
}

fn digit(byte: u8) -> Result<u8, OidError> {
    match byte {
        b'0'..=b'9' => Ok(byte - b'0'),
        b'a'..=b'f' => Ok(byte - b'a' + 10),
        b'A'..=b'F' => Ok(byte - b'A' + 10),
        _ => Err(OidError::Digit),
    }
}

impl FromStr for Oid {
    type Err = OidError;

    /// Reads 40 or 64 hexadecimal digits; the length says the format.
    fn from_str(hex: &str) -> Result<Self, OidError> {
        let format = if hex.len() == ObjectFormat::Sha256.hex_len() {
            ObjectFormat::Sha256
        } else {
            ObjectFormat::Sha1
        };
        Self::parse(hex, format)
    }
}

impl fmt::Display for Oid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut hex = Vec::with_capacity(self.format.hex_len());
        self.write_hex(&mut hex);
        f.write_str(std::str::from_utf8(&hex).expect("because hexadecimal digits are ASCII"))
    }
}

impl fmt::Debug for Oid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hexadecimal_goes_both_ways() {
        for hex in ["a9993e364706816aba3e25717850c26c9cd0d89d", &"0f".repeat(32)] {
            let oid: Oid = hex.parse().unwrap();
            assert_eq!(oid.to_string(), hex);
            assert_eq!(Oid::from_bytes(oid.as_bytes()), Ok(oid));
            assert_eq!(hex.to_uppercase().parse(), Ok(oid));
            assert!(!oid.is_zero());
        }
        assert!(Oid::zero(ObjectFormat::Sha256).is_zero());
        assert_ne!(Oid::zero(ObjectFormat::Sha256), Oid::zero(ObjectFormat::Sha1));
    }

    #[test]
    fn odd_ids_are_refused() {
        for odd in [
            "",
            "0",
            "HEAD",
            &"0".repeat(39),
            &"0".repeat(41),
            &"g".repeat(40),
            &"é".repeat(20),
            &"-".repeat(64),
            &"0".repeat(65),
        ] {
            assert!(odd.parse::<Oid>().is_err(), "{odd:?}");
        }
        assert!(Oid::parse(&"0".repeat(40), ObjectFormat::Sha256).is_err());
        assert!(Oid::from_bytes(&[0; 40]).is_err());
    }
}
