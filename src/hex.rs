//! Bytes as hexadecimal digits, and SHA-256 in that form: hashes as people and other programs see them.

use sha2::{Digest, Sha256};

/// Two digits for each byte, small letters.
pub(crate) fn of(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// SHA-256 of some bytes.
pub(crate) fn sha256(bytes: &[u8]) -> String {
    of(&Sha256::digest(bytes))
}
