//! Reads tokens and secret headers, and renews tokens.

use std::{
    env,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use http::{HeaderMap, HeaderName, HeaderValue};
use martello::{CallError, ErrorKind};
use martello_log::Redaction;
use tokio::{
    sync::{Mutex, watch},
    time::{Instant, sleep},
};

use super::{
    fetch::{self, TokenError},
    headers,
    token::Token,
};
use crate::{args::ApiArgs, error::CommandError};

/// The wait before a token is read again after a temporary failure.
const PAUSE: Duration = Duration::from_secs(1);

#[derive(Debug)]
enum Source {
    Nothing,
    Fixed,
    File(PathBuf),
    Command(String),
}

/// The token and the secret headers that are sent with each attempt. Clones share them.
#[derive(Clone, Debug)]
pub(crate) struct Credentials(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    source: Source,
    headers: HeaderMap,
    current: Mutex<Option<Token>>,
    given_up: watch::Sender<Option<String>>,
    interrupted: watch::Sender<bool>,
    answered: AtomicBool,
}

impl Credentials {
    /// Reads the credentials that the command line names, so that a missing one is reported at the start.
    pub(crate) async fn of(args: &ApiArgs) -> Result<Self, CommandError> {
        let (source, fixed) = match (&args.token_env, &args.token_file, &args.token_command) {
            (Some(name), ..) => (Source::Fixed, Some(from_env(name)?)),
            (None, Some(path), _) => (Source::File(path.clone()), None),
            (None, None, Some(command)) => (Source::Command(command.clone()), None),
            (None, None, None) => (Source::Nothing, None),
        };
        let (current, given_up) = (Mutex::new(fixed), watch::Sender::new(None));
        let headers = headers::secret(args)?;
        let (interrupted, answered) = (watch::Sender::new(false), AtomicBool::new(false));
        let credentials =
            Self(Arc::new(Shared { source, headers, current, given_up, interrupted, answered }));
        // An error stays in `failure()`.
        let _ = credentials.header().await;
        credentials.failure().map_or(Ok(credentials), Err)
    }

    pub(crate) fn are_there(&self) -> bool {
        !matches!(self.0.source, Source::Nothing) || !self.0.headers.is_empty()
    }

    /// The secret headers whose names are not credentials, such as `x-tenant`.
    ///
    /// They identify the run or source: a journal or checkpoint stores a digest of them. A credential may
    /// have another value in the next run, and does not.
    pub(crate) fn identifying_headers(&self) -> impl Iterator<Item = (HeaderName, HeaderValue)> + '_ {
        let identifying = self.0.headers.iter().filter(|(name, _)| !Redaction::default().hides(name));
        identifying.map(|(name, value)| {
            let mut value = value.clone();
            value.set_sensitive(false);
            (name.clone(), value)
        })
    }

    /// The secret headers, which never change during a run.
    pub(super) fn headers(&self) -> &HeaderMap {
        &self.0.headers
    }

    /// The current `Authorization` value; reads a new token if the current one is about to expire.
    pub(super) async fn header(&self) -> Result<Option<HeaderValue>, CallError> {
        let mut current = self.0.current.lock().await;
        let usable = current.as_ref().filter(|token| !token.is_due());
        match (usable, &self.0.source) {
            (Some(token), _) => Ok(Some(token.header.clone())),
            (None, Source::Nothing) => Ok(None),
            (None, _) => Ok(Some(self.renew(&mut current).await?)),
        }
    }

    /// A different `Authorization` value after a 401 for this one; `None` if there is no other.
    pub(super) async fn after_refusal(
        &self,
        refused: &HeaderValue,
    ) -> Result<Option<HeaderValue>, CallError> {
        let mut current = self.0.current.lock().await;
        match current.as_ref().filter(|token| token.header != *refused) {
            // Another request was rejected too and has renewed the token already.
            Some(token) => Ok(Some(token.header.clone())),
            None if matches!(self.0.source, Source::Nothing | Source::Fixed) => Ok(None),
            None => Ok(Some(self.renew(&mut current).await?).filter(|renewed| renewed != refused)),
        }
    }

    /// Records that the server has answered, with any status.
    pub(super) fn answered(&self) {
        self.0.answered.store(true, Ordering::Relaxed);
    }

    pub(super) fn is_answered(&self) -> bool {
        self.0.answered.load(Ordering::Relaxed)
    }

    /// Ends the run with this message; the first one is kept.
    pub(super) fn give_up(&self, why: impl Into<String>) -> CallError {
        let why = why.into();
        let error = CallError::unsent(ErrorKind::Transport, why.clone());
        self.0.given_up.send_if_modified(|given_up| {
            let first = given_up.is_none();
            given_up.get_or_insert(why);
            first
        });
        error
    }

    /// Stops reading new tokens; a request that needs one is not sent.
    pub(crate) fn interrupt(&self) {
        self.0.interrupted.send_replace(true);
    }

    pub(super) fn are_interrupted(&self) -> bool {
        *self.0.interrupted.borrow()
    }

    /// Returns once the run cannot continue.
    pub(crate) async fn given_up(&self) {
        // The sender is here, so that this cannot fail.
        let _ = self.0.given_up.subscribe().wait_for(Option::is_some).await;
    }

    /// Why the run cannot continue.
    pub(crate) fn failure(&self) -> Option<CommandError> {
        self.0.given_up.borrow().clone().map(CommandError::other)
    }

    async fn renew(&self, current: &mut Option<Token>) -> Result<HeaderValue, CallError> {
        if let Some(why) = self.0.given_up.borrow().clone() {
            return Err(CallError::unsent(ErrorKind::Transport, why));
        }
        let mut interrupted = self.0.interrupted.subscribe();
        let read = tokio::select! {
            biased;
            // The sender is here, so that this cannot fail.
            _ = interrupted.wait_for(|interrupted| *interrupted) => {
                return Err(CallError::unsent(ErrorKind::Transport, "interrupted while waiting for a token"));
            }
            read = self.read_with_retry() => read,
        };
        let token = read.map_err(|unread| self.give_up(unread.why))?;
        let header = token.header.clone();
        *current = Some(token);
        Ok(header)
    }

    async fn read_with_retry(&self) -> Result<Token, TokenError> {
        match self.read().await {
            Err(TokenError { is_retryable: true, .. }) => {
                sleep(PAUSE).await;
                self.read().await
            }
            read => read,
        }
    }

    async fn read(&self) -> Result<Token, TokenError> {
        let made = Instant::now();
        let (text, source) = match &self.0.source {
            Source::Nothing | Source::Fixed => return Err("no other token is available".to_owned().into()),
            Source::File(path) => (fetch::file(path).await?, "the token file"),
            Source::Command(command) => (fetch::command(command).await?, "the token command"),
        };
        Ok(Token::parse(&text, made).map_err(|why| format!("{source} has no valid token: {why}"))?)
    }
}

fn from_env(name: &str) -> Result<Token, CommandError> {
    let value = env::var(name).map_err(|_| {
        CommandError::usage(format!("--token-env: environment variable {name} is not set or is not text"))
    })?;
    Token::parse(&value, Instant::now())
        .map_err(|why| CommandError::usage(format!("--token-env {name}: {why}")))
}
