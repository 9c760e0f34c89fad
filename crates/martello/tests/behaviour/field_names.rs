//! Checks the field names of all events and spans of all crates. It reads the sources, so that it also covers
//! events that no test emits.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

/// The macros that emit events and spans, and the log layer's own macro.
const MACROS: &[&str] = &[
    "tracing::error!",
    "tracing::warn!",
    "tracing::info!",
    "tracing::debug!",
    "tracing::trace!",
    "tracing::event!",
    "tracing::span!",
    "tracing::info_span!",
    "tracing::debug_span!",
    EVENTS,
];

/// The log layer's own macro. It contains a list of fields.
const EVENTS: &str = "events!";

/// All Rust files below this directory.
fn sources(place: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(place).unwrap().map(|entry| entry.unwrap().path());
    let (places, files): (Vec<_>, Vec<_>) = entries.partition(|path| path.is_dir());
    let files = files.into_iter().filter(|file| file.extension().is_some_and(|kind| kind == "rs"));
    files.chain(places.iter().flat_map(|place| sources(place))).collect()
}

/// The text inside the brackets at the start of `text`.
fn in_brackets(text: &str) -> &str {
    let mut depth = 0;
    let mut quoted = false;
    for (place, char) in text.char_indices() {
        match char {
            '"' if !text[..place].ends_with('\\') => quoted = !quoted,
            '(' | '{' | '[' if !quoted => depth += 1,
            ')' | '}' | ']' if !quoted => depth -= 1,
            _ => {}
        }
        if depth == 0 && !char.is_whitespace() {
            return &text[1..place];
        }
    }
    unreachable!("unclosed bracket: {text}")
}

/// The arguments of a macro, split at the commas outside all brackets.
fn arguments(text: &str) -> Vec<&str> {
    let (mut depth, mut quoted, mut start, mut found) = (0, false, 0, Vec::new());
    for (place, char) in text.char_indices() {
        match char {
            '"' if !text[..place].ends_with('\\') => quoted = !quoted,
            '(' | '{' | '[' if !quoted => depth += 1,
            ')' | '}' | ']' if !quoted => depth -= 1,
            ',' if !quoted && depth == 0 => {
                found.push(text[start..place].trim());
                start = place + 1;
            }
            _ => {}
        }
    }
    found.push(text[start..].trim());
    found
}

/// The field name of a macro argument: `name = value`, `"name" = value`, or a variable of that name.
fn name(argument: &str) -> Option<String> {
    let (name, has_value) = match argument.split_once(" = ") {
        Some((name, _)) => (name.trim_matches('"'), true),
        None => (argument.trim_start_matches(['%', '?']), false),
    };
    let is_name = name.chars().all(|char| char.is_ascii_lowercase() || matches!(char, '_' | '.'));
    (is_name && !name.is_empty() && (has_value || !argument.starts_with('"'))).then(|| name.to_owned())
}

/// Each field name, with the files that use it.
fn names() -> BTreeMap<String, Vec<String>> {
    let crates = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let files = fs::read_dir(&crates).unwrap().map(|entry| entry.unwrap().path().join("src"));
    let mut names = BTreeMap::<_, Vec<_>>::new();
    for file in files.filter(|source| source.is_dir()).flat_map(|source| sources(&source)) {
        let text = fs::read_to_string(&file).unwrap();
        for (place, called) in MACROS.iter().flat_map(|called| text.match_indices(called)) {
            let mut fields = in_brackets(text[place + called.len()..].trim_start());
            if called == EVENTS {
                let Some(list) = fields.find("| {") else { continue };
                fields = in_brackets(&fields[list + 2..]);
            }
            for name in arguments(fields).into_iter().filter_map(name) {
                names.entry(name).or_default().push(file.display().to_string());
            }
        }
    }
    names
}

/// Elasticsearch expands dots into objects. There, such a field would have to be a text and an object in the
/// same index, and the second event is rejected.
#[test]
fn the_name_of_no_field_is_the_beginning_of_another() {
    let names = names();
    for known in ["error.type", "otel.kind", "failures", "header", "lag", "dropped"] {
        assert!(names.contains_key(known), "{known} in {names:#?}");
    }
    for (name, places) in &names {
        let starts = name.match_indices('.').map(|(dot, _)| &name[..dot]);
        for start in starts {
            let others = names.get(start);
            assert!(others.is_none(), "{start} in {others:?}, but {name} in {places:?}");
        }
    }
}
