use std::error::Error;

use http::StatusCode;

use crate::{ConfigError, Outcome, fault::Fault};

/// The lowest status that a [`Classifier`] can classify as unavailable.
const FIRST: u16 = 400;

/// Decides the [`Outcome`] of an attempt from its status or its error. All crates of Martello use it.
///
/// By default, 503 and 504 are unavailable: a load balancer answers them in place of a server that it cannot
/// reach (RFC 9110 §15.6.4 and §15.6.5).
///
/// ```
/// use http::StatusCode;
/// use martello_outcome::{Classifier, Outcome};
///
/// let classifier = Classifier::unavailable([502, 503, 504])?;
/// assert_eq!(classifier.status(StatusCode::BAD_GATEWAY), Outcome::Unavailable);
/// assert_eq!(classifier.status(StatusCode::CONFLICT), Outcome::Rejected);
/// # Ok::<(), martello_outcome::ConfigError>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Classifier {
    /// One bit per status from 400 to 599.
    unavailable: [u64; 4],
}

impl Classifier {
    /// A classifier for which exactly these statuses are [`Outcome::Unavailable`].
    ///
    /// # Errors
    ///
    /// When the list is empty, or holds a number outside 400 to 599.
    pub fn unavailable(statuses: impl IntoIterator<Item = u16>) -> Result<Self, ConfigError> {
        let mut set = [0; 4];
        for status in statuses {
            let Some((word, bit)) = place(status).and_then(|(word, bit)| Some((set.get_mut(word)?, bit)))
            else {
                return Err(ConfigError::new("unavailable", status, "statuses from 400 to 599"));
            };
            *word |= bit;
        }
        if set == [0; 4] {
            return Err(ConfigError::new("unavailable", "empty", "at least one status"));
        }
        Ok(Self { unavailable: set })
    }

    /// The outcome of an attempt whose response has this status.
    #[must_use]
    pub fn status(&self, status: StatusCode) -> Outcome {
        let code = status.as_u16();
        if code < FIRST {
            return Outcome::Success;
        }
        match code {
            code if self.is_unavailable(code) => Outcome::Unavailable,
            401 | 407 | 408 | 425 | 429 => Outcome::Faulty,
            400..=499 | 501 | 505 => Outcome::Rejected,
            _ => Outcome::Faulty,
        }
    }

    /// The outcome of an attempt that ended with this error: [`Outcome::Unsent`] if the error, or one in its
    /// [`source`](Error::source) chain, proves that the request did not reach the server, and
    /// [`Outcome::Ambiguous`] in every other case.
    ///
    /// Without features, only an `io::Error` of a refused connection is recognised, and only if it is not
    /// inside another error. The [features](crate#features) recognise more.
    #[must_use]
    pub fn error(&self, error: &(dyn Error + 'static)) -> Outcome {
        Fault::of(error).outcome()
    }

    fn is_unavailable(&self, status: u16) -> bool {
        place(status).is_some_and(|(word, bit)| self.unavailable.get(word).is_some_and(|set| set & bit != 0))
    }
}

fn place(status: u16) -> Option<(usize, u64)> {
    let index = status.checked_sub(FIRST).filter(|index| *index < 200)?;
    Some((usize::from(index / 64), 1 << (index % 64)))
}

impl Default for Classifier {
    fn default() -> Self {
        let mut unavailable = [0; 4];
        // 503 and 504 are the bits 103 and 104.
        unavailable[1] = 0b11 << (103 - 64);
        Self { unavailable }
    }
}

impl std::fmt::Debug for Classifier {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let unavailable = (FIRST..FIRST + 200).filter(|status| self.is_unavailable(*status));
        f.write_str("Classifier ")?;
        f.debug_set().entries(unavailable).finish()
    }
}
