//! Writes the output: tables and lines for people, JSON for programs.

mod body;
mod json;
mod pretty;
mod shape;
mod table;

use std::{
    error::Error,
    fmt,
    io::{self, BufWriter, Stdout, Write},
    time::Duration,
};

use jiff::Timestamp;
use serde::Serialize;

pub(crate) use body::write_body;
pub(crate) use json::{json, printable_json};
pub(crate) use martello::outcome::Printable;
pub(crate) use shape::{DetailShape, EntryShape, ListShape, header, text, url};
pub(crate) use table::Table;

/// The texts of an error and its sources, with secrets in URLs masked.
pub(crate) fn causes(first: Option<&(dyn Error + 'static)>) -> Vec<String> {
    let chain = std::iter::successors(first, |cause| (*cause).source());
    chain.map(|cause| text(&cause.to_string(), false).into_owned()).collect()
}

/// Standard output, and notes on standard error.
pub(crate) struct Output {
    json: bool,
    stdout: BufWriter<Stdout>,
}

impl Output {
    pub(crate) fn new(json: bool) -> Self {
        Self { json, stdout: BufWriter::new(io::stdout()) }
    }

    /// Whether `--json` is given.
    pub(crate) fn is_json(&self) -> bool {
        self.json
    }

    /// Writes one JSON document on one line.
    pub(crate) fn document(&mut self, document: &impl Serialize) -> io::Result<()> {
        writeln!(self.stdout, "{}", json(document)?)
    }

    /// Writes lines for people, with characters that can control a terminal escaped.
    pub(crate) fn line(&mut self, line: impl fmt::Display) -> io::Result<()> {
        writeln!(self.stdout, "{}", Printable::new(&line.to_string()).lines())
    }

    pub(crate) fn bytes(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stdout.write_all(bytes)
    }

    /// Writes a hint for people to stderr; nothing with `--json`.
    pub(crate) fn note(&mut self, note: impl fmt::Display) -> io::Result<()> {
        if self.json {
            return Ok(());
        }
        self.stdout.flush()?;
        writeln!(io::stderr(), "{}", Printable::new(&note.to_string()).lines())
    }

    /// Reports an event during a run on stderr: lines for people, or `{"note":{"message":…,"causes":[…]}}`.
    pub(crate) fn event(&mut self, message: &str, cause: Option<&(dyn Error + 'static)>) -> io::Result<()> {
        let causes = causes(cause);
        let mut text = if self.json {
            json(&serde_json::json!({ "note": { "message": message, "causes": causes } }))?
        } else {
            let causes = causes.iter().map(|cause| format!("\n  because: {}", Printable::new(cause)));
            format!("martello: {}{}", Printable::new(message), causes.collect::<String>())
        };
        text.push('\n');
        io::stderr().write_all(text.as_bytes())
    }

    pub(crate) fn flush(&mut self) -> io::Result<()> {
        self.stdout.flush()
    }
}

/// Displays a time in UTC with milliseconds.
pub(crate) struct Time(pub(crate) Timestamp);

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.3}", self.0)
    }
}

/// The time since `moment`, as [`span`]; `0s` if it is in the future.
pub(crate) fn age(moment: Timestamp) -> String {
    let ago = Timestamp::now().duration_since(moment);
    span(Duration::try_from(ago).unwrap_or_default())
}

/// A duration in its largest unit, rounded down, such as `7m`.
pub(crate) fn span(length: Duration) -> String {
    let seconds = length.as_secs();
    match seconds {
        0..60 => format!("{seconds}s"),
        60..3_600 => format!("{}m", seconds / 60),
        3_600..172_800 => format!("{}h", seconds / 3_600),
        _ => format!("{}d", seconds / 86_400),
    }
}
