use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use martello_outcome::ConfigError;

/// Millionths of a token, so that a deposit of 0.1 is exact.
const TOKEN: u64 = 1_000_000;

/// How many retries a server may be asked to bear: an account that successful calls pay into and that each
/// retry draws one token from. A retry that was paid for and does not begin gets its token back.
///
/// In an outage nothing is paid in, so that soon nothing is sent twice, and the server gets the calls once
/// each. A budget that is funded by *requests* stays open in an overload, because requests keep coming, and
/// keeps the server there; one that is funded by successes closes with the first failures and opens as the
/// server recovers. See [“Addressing Cascading Failures”](https://sre.google/sre-book/addressing-cascading-failures/).
///
/// A clone shares the account. Give one budget to several layers if they call the same server.
///
/// ```
/// use martello_retry::Budget;
///
/// // One retry for every five successes, two to begin with, never more than fifty in a row.
/// let budget = Budget::new(0.2, 2, 50)?;
/// assert_eq!(budget.tokens(), 2.0);
/// # Ok::<(), martello_outcome::ConfigError>(())
/// ```
#[derive(Clone)]
pub struct Budget(Arc<Account>);

struct Account {
    balance: AtomicU64,
    deposit: u64,
    most: u64,
}

impl Budget {
    /// An account with `reserve` tokens that grows by `per_success` with each successful call, up to `most`.
    ///
    /// # Errors
    ///
    /// When `per_success` is not from 0.001 to 10, `most` not from 1 to 1,000,000, or `reserve` above `most`.
    pub fn new(per_success: f64, reserve: u32, most: u32) -> Result<Self, ConfigError> {
        if !(0.001..=10.0).contains(&per_success) {
            return Err(ConfigError::new("budget per success", per_success, "0.001 to 10 tokens"));
        }
        if !(1..=1_000_000).contains(&most) {
            return Err(ConfigError::new("most in the budget", most, "1 to 1,000,000 tokens"));
        }
        if reserve > most {
            return Err(ConfigError::new("budget reserve", reserve, "at most what the budget can hold"));
        }
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "checked to be from 0.001 to 10, so at most ten million millionths"
        )]
        let deposit = (per_success * 1e6).round() as u64;
        Ok(Self(Arc::new(Account {
            balance: AtomicU64::new(u64::from(reserve) * TOKEN),
            deposit,
            most: u64::from(most) * TOKEN,
        })))
    }

    /// The tokens in the account now.
    #[must_use]
    pub fn tokens(&self) -> f64 {
        #[expect(clippy::cast_precision_loss, reason = "at most a million tokens, far below 2^53 millionths")]
        let millionths = self.0.balance.load(Ordering::Relaxed) as f64;
        millionths / 1e6
    }

    /// A call succeeded.
    pub(crate) fn deposit(&self) {
        self.add(self.0.deposit);
    }

    fn add(&self, millionths: u64) {
        // A full account, the common case, costs this one load.
        let mut balance = self.0.balance.load(Ordering::Relaxed);
        while balance < self.0.most {
            let more = (balance + millionths).min(self.0.most);
            match self.0.balance.compare_exchange_weak(balance, more, Ordering::Relaxed, Ordering::Relaxed) {
                Ok(_) => return,
                Err(now) => balance = now,
            }
        }
    }

    /// Pays for one retry; `None` if there is nothing to pay with.
    pub(crate) fn pay(&self) -> Option<Payment> {
        let pay = |balance: u64| balance.checked_sub(TOKEN);
        let paid = self.0.balance.fetch_update(Ordering::Relaxed, Ordering::Relaxed, pay).is_ok();
        paid.then(|| Payment(Some(self.clone())))
    }
}

/// The token for an attempt that has not begun yet, if one was paid. Dropped, it goes back into the account.
#[derive(Debug, Default)]
pub(crate) struct Payment(Option<Budget>);

impl Payment {
    /// The attempt has begun, so that it is paid for, whatever becomes of it.
    pub(crate) fn spend(&mut self) {
        self.0 = None;
    }

    /// The attempt will not begin.
    pub(crate) fn refund(&mut self) {
        if let Some(budget) = self.0.take() {
            budget.add(TOKEN);
        }
    }
}

impl Drop for Payment {
    fn drop(&mut self) {
        self.refund();
    }
}

/// 0.1 tokens per success: at most one request in eleven is a retry. 10 to begin with, so that a service that
/// has just started is not without; 100 at most, so that a good day does not pay for a long outage.
impl Default for Budget {
    fn default() -> Self {
        Self(Arc::new(Account {
            balance: AtomicU64::new(10 * TOKEN),
            deposit: TOKEN / 10,
            most: 100 * TOKEN,
        }))
    }
}

impl fmt::Debug for Budget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Budget").field("tokens", &self.tokens()).finish_non_exhaustive()
    }
}
