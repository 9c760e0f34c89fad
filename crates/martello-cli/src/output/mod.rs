//! What is written, and how: tables for people, JSON for programs.

mod age;
mod body;
mod pretty;
mod shape;
mod table;
mod text;

use std::{
    error::Error,
    fmt,
    io::{self, BufWriter, Stdout, Write},
};

use serde::Serialize;
use serde_json::json;

pub(crate) use age::{Time, age, span};
pub(crate) use body::write_body;
pub(crate) use shape::{DetailShape, EntryShape, ListShape, header, url};
pub(crate) use table::Table;
pub(crate) use text::Plain;

/// The standard output, and notes beside it.
pub(crate) struct Output {
    json: bool,
    stdout: BufWriter<Stdout>,
}

impl Output {
    pub(crate) fn new(json: bool) -> Self {
        Self { json, stdout: BufWriter::new(io::stdout()) }
    }

    /// Whether a program reads.
    pub(crate) fn is_json(&self) -> bool {
        self.json
    }

    /// One document on a line.
    pub(crate) fn document(&mut self, document: &impl Serialize) -> io::Result<()> {
        serde_json::to_writer(&mut self.stdout, document)?;
        self.stdout.write_all(b"\n")
    }

    pub(crate) fn line(&mut self, line: impl fmt::Display) -> io::Result<()> {
        writeln!(self.stdout, "{line}")
    }

    pub(crate) fn bytes(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stdout.write_all(bytes)
    }

    /// A hint for people, on stderr so that it is in nobody's way.
    pub(crate) fn note(&mut self, note: impl fmt::Display) -> io::Result<()> {
        if self.json {
            return Ok(());
        }
        self.stdout.flush()?;
        writeln!(io::stderr(), "{note}")
    }

    /// What happens on the way, on stderr: for people in a line, with what brought it about; for programs as
    /// `{"note":{"message":…,"causes":[…]}}`.
    pub(crate) fn event(&mut self, message: &str, cause: Option<&(dyn Error + 'static)>) -> io::Result<()> {
        let causes: Vec<String> =
            std::iter::successors(cause, |cause| (*cause).source()).map(ToString::to_string).collect();
        let mut text = if self.json {
            json!({ "note": { "message": message, "causes": causes } }).to_string()
        } else {
            let causes = causes.iter().map(|cause| format!("\n  because: {}", Plain::whole(cause)));
            format!("martello: {}{}", Plain::whole(message), causes.collect::<String>())
        };
        text.push('\n');
        io::stderr().write_all(text.as_bytes())
    }

    pub(crate) fn flush(&mut self) -> io::Result<()> {
        self.stdout.flush()
    }
}
