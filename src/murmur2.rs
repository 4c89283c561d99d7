//! The hash by which Kafka's own producers choose a partition.
//!
//! Java clients place a keyed record in partition `(murmur2(key) & 0x7fff_ffff) % partitions`. What
//! Tidemark writes must land where another producer of the same topic would put it, so this is that
//! function to the bit, its seed included.

const SEED: u32 = 0x9747_b28c;
const MULTIPLIER: u32 = 0x5bd1_e995;

/// The 32-bit murmur2 hash of `key`, as `org.apache.kafka.common.utils.Utils.murmur2` computes it.
///
/// Java shows the same bits as a signed number.
pub fn murmur2(key: &[u8]) -> u32 {
    // The length enters as Java's 32-bit `int`.
    let mut hash = SEED ^ key.len() as u32;
    let mut words = key.chunks_exact(4);
    for word in &mut words {
        let mut mixed = 0;
        for (place, byte) in word.iter().enumerate() {
            mixed |= u32::from(*byte) << (8 * place);
        }
        mixed = mixed.wrapping_mul(MULTIPLIER);
        mixed ^= mixed >> 24;
        hash = hash.wrapping_mul(MULTIPLIER) ^ mixed.wrapping_mul(MULTIPLIER);
    }
    let rest = words.remainder();
    if !rest.is_empty() {
        for (place, byte) in rest.iter().enumerate() {
            hash ^= u32::from(*byte) << (8 * place);
        }
        hash = hash.wrapping_mul(MULTIPLIER);
    }
    hash ^= hash >> 13;
    hash = hash.wrapping_mul(MULTIPLIER);
    hash ^ (hash >> 15)
}

#[cfg(test)]
mod tests {
    use super::murmur2;

    /// The vectors of Kafka's own `UtilsTest`.
    #[test]
    fn it_is_the_hash_of_kafkas_own_producers() {
        for (key, hash) in [
            ("21", -973_932_308),
            ("foobar", -790_332_482),
            ("a-little-bit-long-string", -985_981_536),
            ("a-little-bit-longer-string", -1_486_304_829),
            ("lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58_897_971),
            ("abc", 479_470_107),
        ] {
            assert_eq!(murmur2(key.as_bytes()) as i32, hash, "{key}");
        }
    }
}
