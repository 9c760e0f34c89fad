//! The machine and the versions of a measurement.

use std::{fs, path::Path, process::Command, thread};

/// Describes the machine, with the versions of these programs and packages.
pub(super) fn about(manifest: &Path, packages: &[&str], programs: &[&str]) -> String {
    format!("{}.\n\nVersions: {}.", machine(programs), versions(manifest, packages))
}

/// Processor, cores, system, compiler and other programs.
fn machine(programs: &[&str]) -> String {
    let cores = thread::available_parallelism().map_or(1, usize::from);
    let processor = field("/proc/cpuinfo", "model name", ':');
    let system = field("/etc/os-release", "PRETTY_NAME", '=');
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let programs = ["rustc"].iter().chain(programs).map(|program| version(program));
    let programs = programs.collect::<Vec<_>>().join("; ");
    format!("{processor}, {cores} cores; {system}, Linux {}; {programs}", kernel.trim())
}

/// The versions, from the lock file.
fn versions(manifest: &Path, packages: &[&str]) -> String {
    let lock = fs::read_to_string(manifest.join("Cargo.lock")).unwrap_or_default();
    let version = |package: &&str| {
        // reqwest depends on an older tower-http. The last of a name is the newest, which is ours.
        let entry =
            lock.rsplit("[[package]]").find(|entry| entry.contains(&format!("name = \"{package}\"\n")))?;
        let version = entry.lines().find_map(|line| line.strip_prefix("version = "))?;
        Some(format!("{package} {}", version.trim_matches('"')))
    };
    packages.iter().filter_map(version).collect::<Vec<_>>().join(", ")
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
