//! What it was measured on, and with which versions.

use std::{fs, path::Path, process::Command, thread};

/// The packages whose versions decide what the numbers are.
const PACKAGES: [&str; 13] = [
    "hyper",
    "hyper-util",
    "http",
    "bytes",
    "tokio",
    "tower",
    "tower-http",
    "tower-resilience",
    "tracing-subscriber",
    "reqwest",
    "reqwest-middleware",
    "reqwest-retry",
    "reqwest-tracing",
];

/// Processor, cores, system and compiler.
pub(super) fn machine() -> String {
    let cores = thread::available_parallelism().map_or(1, usize::from);
    let processor = field("/proc/cpuinfo", "model name", ':');
    let system = field("/etc/os-release", "PRETTY_NAME", '=');
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let (rustc, valgrind) = (version("rustc"), version("valgrind"));
    format!("{processor}, {cores} cores; {system}, Linux {}; {rustc}; {valgrind}", kernel.trim())
}

/// The versions, from the lock file.
pub(super) fn versions(manifest: &Path) -> String {
    let lock = fs::read_to_string(manifest.join("Cargo.lock")).unwrap_or_default();
    let version = |package: &&str| {
        // reqwest brings an older tower-http of its own: the last of a name is the newest, which is ours.
        let entry =
            lock.rsplit("[[package]]").find(|entry| entry.contains(&format!("name = \"{package}\"\n")))?;
        let version = entry.lines().find_map(|line| line.strip_prefix("version = "))?;
        Some(format!("{package} {}", version.trim_matches('"')))
    };
    PACKAGES.iter().filter_map(version).collect::<Vec<_>>().join(", ")
}

fn field(path: &str, name: &str, separator: char) -> String {
    let text = fs::read_to_string(path).unwrap_or_default();
    let value = text.lines().find_map(|line| line.strip_prefix(name)?.trim_start().strip_prefix(separator));
    value.map_or_else(|| String::from("unknown"), |value| value.trim().trim_matches('"').to_owned())
}

fn version(program: &str) -> String {
    let said = Command::new(program).arg("--version").output().map(|output| output.stdout);
    let said = String::from_utf8(said.unwrap_or_default()).unwrap_or_default();
    if said.is_empty() { format!("no {program}") } else { said.trim().to_owned() }
}
