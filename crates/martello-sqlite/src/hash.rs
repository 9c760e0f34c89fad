//! A hash of texts that is the same on every machine and in every version, since it is stored.

/// FNV-1a, of 64 bits. Whoever makes texts of one hash on purpose makes them be compared, and no more.
pub(crate) fn fnv(text: &[u8]) -> i64 {
    let hash = text.iter().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    });
    hash.cast_signed()
}

#[cfg(test)]
mod tests {
    use super::fnv;

    /// Of <http://www.isthe.com/chongo/tech/comp/fnv/>.
    #[test]
    fn it_is_the_hash_of_that_name() {
        assert_eq!(fnv(b"").cast_unsigned(), 0xcbf2_9ce4_8422_2325);
        assert_eq!(fnv(b"foobar").cast_unsigned(), 0x8594_4171_f739_67e8);
    }
}
