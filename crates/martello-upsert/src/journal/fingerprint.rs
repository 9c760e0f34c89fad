use std::{
    fmt::Write,
    fs::{self, File},
    io::{self, Read, Seek},
    path::Path,
};

use sha2::{Digest, Sha256};

/// Opens the file only if it is regular, because opening a pipe waits for its writer.
pub(super) fn of_path(path: &Path) -> io::Result<String> {
    is_regular(&fs::metadata(path)?)?;
    of(File::open(path)?)
}

/// Refuses a file that can be read only once.
fn is_regular(metadata: &fs::Metadata) -> io::Result<()> {
    let refused = "it is not a regular file and can be read only once";
    if metadata.is_file() { Ok(()) } else { Err(io::Error::new(io::ErrorKind::InvalidInput, refused)) }
}

/// The SHA-256 of the whole file. Rewinds it before and after.
pub(super) fn of(mut file: File) -> io::Result<String> {
    is_regular(&file.metadata()?)?;
    file.rewind()?;
    let mut hash = Sha256::new();
    let mut buffer = vec![0; 64 * 1024];
    loop {
        let read = match file.read(&mut buffer) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            read => read?,
        };
        if read == 0 {
            break;
        }
        hash.update(buffer.get(..read).unwrap_or_default());
    }
    file.rewind()?;
    Ok(hash.finalize().iter().fold("sha256:".to_owned(), |mut text, byte| {
        // Writing to a `String` cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    }))
}
