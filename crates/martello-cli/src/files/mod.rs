//! The files that a run uses, and the rules for all of them:
//!
//! - What a run writes is no other file that it reads or writes, by whatever name.
//! - A link is followed. What is not a regular file, such as a pipe or a device, is written through and not
//!   replaced.
//! - What is made is for its owner alone, whatever the umask; what is there keeps its mode.

mod identity;
mod output;
mod used;

use std::path::Path;

pub(crate) use self::{
    output::{Replacement, Writer, open},
    used::{RunFiles, beside_target},
};

/// Whether the path means the standard input.
pub(crate) fn is_stdin(path: &Path) -> bool {
    ["-", "/dev/stdin", "/dev/fd/0", "/proc/self/fd/0"].iter().any(|name| path == Path::new(name))
}

/// Whether the path means the standard output. It is not opened by that name: a file would be written to from
/// its start.
pub(crate) fn is_stdout(path: &Path) -> bool {
    ["-", "/dev/stdout", "/dev/fd/1", "/proc/self/fd/1"].iter().any(|name| path == Path::new(name))
}
