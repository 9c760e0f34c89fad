use std::{
    fs::File,
    io::{self, Read},
    path::Path,
};

/// 64 bits of FNV-1a, which is short, the same everywhere and for ever, and enough against accidents; and the length.
pub(super) fn of(path: &Path) -> io::Result<String> {
    let mut file = File::open(path)?;
    let (mut hash, mut length) = (0xcbf2_9ce4_8422_2325_u64, 0_u64);
    let mut buffer = vec![0; 64 * 1024];
    loop {
        let read = match file.read(&mut buffer) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            read => read?,
        };
        for byte in buffer.iter().take(read) {
            hash = (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
        }
        length = length.saturating_add(u64::try_from(read).unwrap_or(u64::MAX));
        if read == 0 {
            return Ok(format!("fnv1a64:{hash:016x}:{length}"));
        }
    }
}
