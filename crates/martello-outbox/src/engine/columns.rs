use std::str::FromStr;

use http::StatusCode;
use jiff::Timestamp;

use super::{corrupt, state_from_code, timestamp};
use crate::{State, StoreError};

/// The columns of a row, read from left to right. A call of any method moves on by one column.
///
/// An engine implements the five required methods on a row of its database. The functions of this module then
/// read entries, attempts, events and replays from it.
///
/// ```
/// use martello_outbox::{StoreError, engine::{Columns, corrupt, event}};
///
/// struct Texts<'a>(std::slice::Iter<'a, &'a str>);
///
/// impl Columns for Texts<'_> {
///     type Error = StoreError;
///     fn integer(&mut self) -> Result<Option<i64>, StoreError> {
///         self.0.next().map(|text| text.parse().map_err(|_| corrupt("number"))).transpose()
///     }
///     fn text(&mut self) -> Result<Option<&str>, StoreError> {
///         Ok(self.0.next().copied())
///     }
///     // …
/// #   fn real(&mut self) -> Result<Option<f64>, StoreError> { Ok(None) }
/// #   fn flag(&mut self) -> Result<bool, StoreError> { Ok(false) }
/// #   fn id(&mut self) -> Result<Option<[u8; 16]>, StoreError> { Ok(None) }
/// }
///
/// let died = event(&mut Texts(["0", "died", "crashed"].iter()))?;
/// assert_eq!(died.detail.as_deref(), Some("crashed"));
/// # Ok::<_, StoreError>(())
/// ```
pub trait Columns {
    /// The error of the engine. It can carry a [`StoreError`].
    type Error: From<StoreError>;

    /// The next column, an integer of any width; `None` for NULL.
    ///
    /// # Errors
    ///
    /// When the database cannot read the column.
    fn integer(&mut self) -> Result<Option<i64>, Self::Error>;

    /// The next column, a floating-point number; `None` for NULL.
    ///
    /// # Errors
    ///
    /// When the database cannot read the column.
    fn real(&mut self) -> Result<Option<f64>, Self::Error>;

    /// The next column, a boolean.
    ///
    /// # Errors
    ///
    /// When the database cannot read the column.
    fn flag(&mut self) -> Result<bool, Self::Error>;

    /// The next column, a text; `None` for NULL.
    ///
    /// # Errors
    ///
    /// When the database cannot read the column.
    fn text(&mut self) -> Result<Option<&str>, Self::Error>;

    /// The next column, the sixteen bytes of an id; `None` for NULL.
    ///
    /// # Errors
    ///
    /// When the database cannot read the column.
    fn id(&mut self) -> Result<Option<[u8; 16]>, Self::Error>;

    /// The next column, a number within the range of `T`. `what` names it in the error.
    ///
    /// # Errors
    ///
    /// [`corrupt`], when it is NULL or out of range.
    fn number<T: TryFrom<i64>>(&mut self, what: &'static str) -> Result<T, Self::Error> {
        let number = self.integer()?.and_then(|number| T::try_from(number).ok());
        number.ok_or_else(|| corrupt(what).into())
    }

    /// The next column, a number of entries. A negative number reads as 0.
    ///
    /// # Errors
    ///
    /// When the database cannot read the column.
    fn count(&mut self) -> Result<u64, Self::Error> {
        Ok(self.integer()?.and_then(|count| u64::try_from(count).ok()).unwrap_or_default())
    }

    /// The next column, a time.
    ///
    /// # Errors
    ///
    /// [`corrupt`], when it is NULL.
    fn time(&mut self) -> Result<Timestamp, Self::Error> {
        self.number("time").map(timestamp)
    }

    /// The next column, a text that is parsed. `what` names it in the error.
    ///
    /// # Errors
    ///
    /// [`corrupt`], when it is NULL or does not parse.
    fn parsed<T: FromStr>(&mut self, what: &'static str) -> Result<T, Self::Error> {
        self.parsed_or_null(what)?.ok_or_else(|| corrupt(what).into())
    }

    /// The next column, a text that is parsed; `None` for NULL.
    ///
    /// # Errors
    ///
    /// [`corrupt`], when it does not parse.
    fn parsed_or_null<T: FromStr>(&mut self, what: &'static str) -> Result<Option<T>, Self::Error> {
        Ok(self.text()?.map(|text| parse(text, what)).transpose()?)
    }

    /// The next column, the [code](super::state_code) of a state.
    ///
    /// # Errors
    ///
    /// [`corrupt`], when it is no state's.
    fn state(&mut self) -> Result<State, Self::Error> {
        let code = self.number("state")?;
        Ok(state_from_code(code)?)
    }
}

/// Parses a stored text. `what` names it in the error.
///
/// # Errors
///
/// [`corrupt`], when it does not parse.
pub fn parse<T: FromStr>(text: &str, what: &'static str) -> Result<T, StoreError> {
    text.parse().map_err(|_| corrupt(what))
}

/// The HTTP status with this stored number.
///
/// # Errors
///
/// [`corrupt`], when it is no status.
pub fn status(number: Option<i64>) -> Result<Option<StatusCode>, StoreError> {
    let status = |number| StatusCode::from_u16(u16::try_from(number).ok()?).ok();
    number.map(|number| status(number).ok_or_else(|| corrupt("status"))).transpose()
}
