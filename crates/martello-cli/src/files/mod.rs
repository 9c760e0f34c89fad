//! The files that a run uses, and the rules for all of them:
//!
//! - A run never writes to a file that it also reads, or writes under another name.
//! - Links are followed. A pipe or a device is written to directly and never replaced.
//! - A new file has mode 0600, whatever the umask; an existing file keeps its mode.

mod identity;
mod output;
mod used;

use std::path::Path;

pub(crate) use self::{
    output::{Replacement, Writer, open},
    used::{RunFiles, beside_target},
};

/// Whether the path is standard input.
pub(crate) fn is_stdin(path: &Path) -> bool {
    ["-", "/dev/stdin", "/dev/fd/0", "/proc/self/fd/0"].iter().any(|name| path == Path::new(name))
}

/// Whether the path is standard output. It is never opened by that name, which would write a redirected file
/// from its start.
pub(crate) fn is_stdout(path: &Path) -> bool {
    ["-", "/dev/stdout", "/dev/fd/1", "/proc/self/fd/1"].iter().any(|name| path == Path::new(name))
}
