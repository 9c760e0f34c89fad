use std::{fs, path::Path};

use super::{Row, json};
use crate::Error;

const END: &str = "<!-- Up to here. -->\n";

/// Writes the results of a program: every number to `results/<program>.json`, and this text into
/// `<program>.md`, between its two marks.
pub(super) fn rewrite(manifest: &Path, program: &str, rows: &[Row], text: &str) -> Result<(), Error> {
    fs::create_dir_all(manifest.join("results"))?;
    fs::write(manifest.join(format!("results/{program}.json")), json::json(rows))?;
    let path = manifest.join(format!("{program}.md"));
    let page = fs::read_to_string(&path)?;
    let begin = format!("<!-- What follows is written by `{program}`. -->\n");
    let marked = page.split_once(&begin).and_then(|(before, rest)| Some((before, rest.split_once(END)?.1)));
    let (before, after) =
        marked.ok_or_else(|| format!("{program}.md has no marks between which to write"))?;
    Ok(fs::write(path, format!("{before}{begin}\n{text}{END}{after}"))?)
}
