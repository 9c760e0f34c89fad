use super::stamp::Stamp;

/// Where a page begins. Clients treat it as opaque text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Cursor {
    pub(crate) issued: Stamp,
    pub(crate) since: Stamp,
    /// Creation time and id of the planning before the page; `None` on the first page.
    pub(crate) after: Option<(Stamp, String)>,
}

impl Cursor {
    pub(crate) fn text(&self) -> String {
        let (issued, since) = (self.issued.millis(), self.since.millis());
        match &self.after {
            Some((created, id)) => format!("{issued}_{since}_{}_{id}", created.millis()),
            None => format!("{issued}_{since}"),
        }
    }

    pub(crate) fn parse(text: &str) -> Option<Self> {
        let mut parts = text.splitn(4, '_');
        let mut stamp = || parts.next()?.parse().ok().map(Stamp::from_millis);
        let (issued, since) = (stamp()?, stamp()?);
        let after = match (parts.next(), parts.next()) {
            (Some(created), Some(id)) => Some((Stamp::from_millis(created.parse().ok()?), id.to_owned())),
            (None, _) => None,
            (Some(_), None) => return None,
        };
        Some(Self { issued, since, after })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_is_read_as_it_was_written() {
        let at = Stamp::from_millis;
        for after in [None, Some((at(-3), "a_b-c".to_owned()))] {
            let cursor = Cursor { issued: at(5), since: at(-7), after };
            assert_eq!(Cursor::parse(&cursor.text()), Some(cursor));
        }
        for wrong in ["", "5", "5_x", "5_6_7", "a_b_c_d"] {
            assert_eq!(Cursor::parse(wrong), None, "{wrong}");
        }
    }
}
