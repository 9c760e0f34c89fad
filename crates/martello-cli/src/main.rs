//! The `martello` command.

fn main() {}
