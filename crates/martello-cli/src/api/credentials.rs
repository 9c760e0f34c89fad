//! Where tokens come from, and when a new one is asked for.

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

/// After a failure that may pass, a token is asked for once more.
const PAUSE: Duration = Duration::from_secs(1);

#[derive(Debug)]
enum Source {
    Nothing,
    Fixed,
    File(PathBuf),
    Command(String),
}

/// The token and the secret headers that are sent with each attempt. A clone has the same.
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
    /// As the command line says. One that is at hand is read now, so that its want is told at once.
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
        // What it fails for is kept.
        let _ = credentials.header().await;
        credentials.failure().map_or(Ok(credentials), Err)
    }

    pub(crate) fn are_there(&self) -> bool {
        !matches!(self.0.source, Source::Nothing) || !self.0.headers.is_empty()
    }

    /// The secret headers that are no credential by their names, such as one of a tenant: they tell runs and
    /// sources apart, of which a digest is stored. A credential by its name may be another in the next run.
    pub(crate) fn telling_apart(&self) -> impl Iterator<Item = (HeaderName, HeaderValue)> + '_ {
        let telling = self.0.headers.iter().filter(|(name, _)| !Redaction::default().hides(name));
        telling.map(|(name, value)| {
            let mut value = value.clone();
            value.set_sensitive(false);
            (name.clone(), value)
        })
    }

    /// The secret headers, which stay the same.
    pub(super) fn headers(&self) -> &HeaderMap {
        &self.0.headers
    }

    /// What is to be sent now.
    pub(super) async fn header(&self) -> Result<Option<HeaderValue>, CallError> {
        let mut current = self.0.current.lock().await;
        let usable = current.as_ref().filter(|token| !token.is_due());
        match (usable, &self.0.source) {
            (Some(token), _) => Ok(Some(token.header.clone())),
            (None, Source::Nothing) => Ok(None),
            (None, _) => Ok(Some(self.renew(&mut current).await?)),
        }
    }

    /// What is to be sent after a 401 to this one: nothing, if there is nothing else.
    pub(super) async fn after_refusal(
        &self,
        refused: &HeaderValue,
    ) -> Result<Option<HeaderValue>, CallError> {
        let mut current = self.0.current.lock().await;
        match current.as_ref().filter(|token| token.header != *refused) {
            // Somebody else was refused, too, and has seen to it.
            Some(token) => Ok(Some(token.header.clone())),
            None if matches!(self.0.source, Source::Nothing | Source::Fixed) => Ok(None),
            None => Ok(Some(self.renew(&mut current).await?).filter(|renewed| renewed != refused)),
        }
    }

    /// The server has answered, whatever it said.
    pub(super) fn answered(&self) {
        self.0.answered.store(true, Ordering::Relaxed);
    }

    pub(super) fn is_answered(&self) -> bool {
        self.0.answered.load(Ordering::Relaxed)
    }

    /// There is no use in going on.
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

    /// From now on no token is waited for: what needs a new one is not sent.
    pub(crate) fn interrupt(&self) {
        self.0.interrupted.send_replace(true);
    }

    pub(super) fn are_interrupted(&self) -> bool {
        *self.0.interrupted.borrow()
    }

    /// Returns when there is no use in going on.
    pub(crate) async fn given_up(&self) {
        // The sender is here, so that this cannot fail.
        let _ = self.0.given_up.subscribe().wait_for(Option::is_some).await;
    }

    /// Why there is no use in going on.
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
                return Err(CallError::unsent(ErrorKind::Transport, "interrupted while it waited for a token"));
            }
            read = self.read_patiently() => read,
        };
        let token = read.map_err(|unread| self.give_up(unread.why))?;
        let header = token.header.clone();
        *current = Some(token);
        Ok(header)
    }

    async fn read_patiently(&self) -> Result<Token, TokenError> {
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
        let (text, whence) = match &self.0.source {
            Source::Nothing | Source::Fixed => return Err("there is no other token".to_owned().into()),
            Source::File(path) => (fetch::file(path).await?, "the token file"),
            Source::Command(command) => (fetch::command(command).await?, "the token command"),
        };
        Ok(Token::parse(&text, made).map_err(|why| format!("what {whence} says is unusable: {why}"))?)
    }
}

fn from_env(name: &str) -> Result<Token, CommandError> {
    let value = env::var(name).map_err(|_| {
        CommandError::usage(format!("--token-env: there is no usable {name} in the environment"))
    })?;
    Token::parse(&value, Instant::now())
        .map_err(|why| CommandError::usage(format!("--token-env {name}: {why}")))
}
