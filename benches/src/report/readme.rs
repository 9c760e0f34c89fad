use std::{fs, path::Path};

use super::{Row, budgets, json, machine, tables};
use crate::Error;

const BEGIN: &str = "<!-- What follows is written by `overhead`. -->\n";
const END: &str = "<!-- Up to here. -->\n";

/// Writes `results/overhead.json`, and the numbers of the README between their two marks.
///
/// # Errors
///
/// When a file cannot be written, or the README has no marks.
pub fn rewrite(manifest: &Path, rows: &[Row]) -> Result<(), Error> {
    fs::create_dir_all(manifest.join("results"))?;
    fs::write(manifest.join("results/overhead.json"), json(rows))?;
    let path = manifest.join("README.md");
    let text = fs::read_to_string(&path)?;
    let marked = text.split_once(BEGIN).and_then(|(before, rest)| Some((before, rest.split_once(END)?.1)));
    let (before, after) = marked.ok_or("the README has no marks between which to write")?;
    let (machine, versions) = (machine::machine(), machine::versions(manifest));
    let (budgets, tables) = (budgets(rows), tables(rows));
    let written = format!(
        "{before}{BEGIN}\n{machine}.\n\nVersions: {versions}.\n\n### Budgets\n\nOf a layer alone, or of the four by hand, over bare.\n\n{budgets}\n{tables}{END}{after}"
    );
    Ok(fs::write(path, written)?)
}
