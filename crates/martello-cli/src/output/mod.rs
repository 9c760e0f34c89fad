//! What is written, and how: tables for people, JSON for programs.

mod age;
mod body;
mod json;
mod pretty;
mod shape;
mod table;

use std::{
    error::Error,
    fmt,
    io::{self, BufWriter, Stdout, Write},
};

use serde::Serialize;

pub(crate) use age::{Time, age, span};
pub(crate) use body::write_body;
pub(crate) use json::{json, printable_json};
pub(crate) use martello::outcome::Printable;
pub(crate) use shape::{DetailShape, EntryShape, ListShape, header, text, url};
pub(crate) use table::Table;

/// What brought something about, with what is secret in the URLs that it quotes masked.
pub(crate) fn causes(first: Option<&(dyn Error + 'static)>) -> Vec<String> {
    let chain = std::iter::successors(first, |cause| (*cause).source());
    chain.map(|cause| text(&cause.to_string(), false).into_owned()).collect()
}

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
        writeln!(self.stdout, "{}", json(document)?)
    }

    /// Lines for people. Whatever is in them does not steer their terminal.
    pub(crate) fn line(&mut self, line: impl fmt::Display) -> io::Result<()> {
        writeln!(self.stdout, "{}", Printable::new(&line.to_string()).lines())
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
        writeln!(io::stderr(), "{}", Printable::new(&note.to_string()).lines())
    }

    /// What happens on the way, on stderr: for people in a line, with what brought it about; for programs as
    /// `{"note":{"message":…,"causes":[…]}}`.
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
