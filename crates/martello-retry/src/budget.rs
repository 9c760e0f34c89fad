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

/// Limits retries with a token bucket: each successful call deposits a part of a token, and each retry
/// withdraws one token. A retry that was paid for and does not begin returns its token.
///
/// In an outage no call succeeds, so that the budget is soon empty and each call is sent once. A budget that
/// *requests* fund stays full in an overload, because requests keep coming, and prolongs the overload. A
/// budget that successes fund empties with the first failures and fills as the server recovers. See
/// [“Addressing Cascading Failures”](https://sre.google/sre-book/addressing-cascading-failures/).
///
/// Clones share the tokens. Give one budget to several layers if they call the same server.
///
/// ```
/// use martello_retry::Budget;
///
/// // One retry for every five successes, two at the start, at most fifty in a row.
/// let budget = Budget::new(0.2, 2, 50)?;
/// assert_eq!(budget.tokens(), 2.0);
/// # Ok::<(), martello_outcome::ConfigError>(())
/// ```
#[derive(Clone)]
pub struct Budget(Arc<Account>);

struct Account {
    balance: AtomicU64,
    deposit: u64,
    max: u64,
}

impl Budget {
    /// Creates a budget with `reserve` tokens. Each successful call adds `per_success` tokens, up to `max`.
    ///
    /// # Errors
    ///
    /// When `per_success` is not from 0.001 to 10, `max` is not from 1 to 1,000,000, or `reserve` is above
    /// `max`.
    pub fn new(per_success: f64, reserve: u32, max: u32) -> Result<Self, ConfigError> {
        if !(0.001..=10.0).contains(&per_success) {
            return Err(ConfigError::new("budget per success", per_success, "0.001 to 10 tokens"));
        }
        if !(1..=1_000_000).contains(&max) {
            return Err(ConfigError::new("budget max", max, "1 to 1,000,000 tokens"));
        }
        if reserve > max {
            return Err(ConfigError::new("budget reserve", reserve, "at most the budget's max"));
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
            max: u64::from(max) * TOKEN,
        })))
    }

    /// The tokens in the budget now. One retry costs one token.
    ///
    /// ```
    /// assert_eq!(martello_retry::Budget::default().tokens(), 10.0);
    /// ```
    #[must_use]
    pub fn tokens(&self) -> f64 {
        #[expect(clippy::cast_precision_loss, reason = "at most a million tokens, far below 2^53 millionths")]
        let millionths = self.0.balance.load(Ordering::Relaxed) as f64;
        millionths / 1e6
    }

    /// Deposits the tokens of a successful call.
    pub(crate) fn deposit(&self) {
        self.add(self.0.deposit);
    }

    fn add(&self, millionths: u64) {
        // A full budget, the common case, costs this one load.
        let mut balance = self.0.balance.load(Ordering::Relaxed);
        while balance < self.0.max {
            let more = (balance + millionths).min(self.0.max);
            match self.0.balance.compare_exchange_weak(balance, more, Ordering::Relaxed, Ordering::Relaxed) {
                Ok(_) => return,
                Err(now) => balance = now,
            }
        }
    }

    /// Withdraws one token. Returns `None` if there is less than one.
    pub(crate) fn pay(&self) -> Option<Payment> {
        let pay = |balance: u64| balance.checked_sub(TOKEN);
        let paid = self.0.balance.fetch_update(Ordering::Relaxed, Ordering::Relaxed, pay).is_ok();
        paid.then(|| Payment(Some(self.clone())))
    }
}

/// The token of an attempt that has not begun yet, if there is one. Dropping it returns the token.
#[derive(Debug, Default)]
pub(crate) struct Payment(Option<Budget>);

impl Payment {
    /// Spends the token, because the attempt has begun.
    pub(crate) fn spend(&mut self) {
        self.0 = None;
    }

    /// Returns the token, because the attempt will not begin.
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

/// 0.1 tokens per success, so that at most one request in eleven is a retry; 10 tokens at the start, so that
/// a process that has just started can retry; at most 100, so that a good day does not pay for a long outage.
impl Default for Budget {
    fn default() -> Self {
        Self(Arc::new(Account { balance: AtomicU64::new(10 * TOKEN), deposit: TOKEN / 10, max: 100 * TOKEN }))
    }
}

impl fmt::Debug for Budget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Budget").field("tokens", &self.tokens()).finish_non_exhaustive()
    }
}
