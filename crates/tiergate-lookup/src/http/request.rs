use std::time::Duration;

use reqwest::header::{ACCEPT, AUTHORIZATION, HeaderMap, HeaderValue, RETRY_AFTER};
use reqwest::{Response, StatusCode, Url};
use secrecy::zeroize::Zeroizing;
use secrecy::{ExposeSecret, SecretString};
use tiergate_core::{Subject, Subscription};
use tokio::time::Instant;

use super::token::AfterRefusal;
use super::{Inner, body};
use crate::jitter::Dice;
use crate::wire;
use crate::{LookupError, LookupErrorKind};

/// The longest pause before the second try.
const LONGEST_PAUSE: Duration = Duration::from_millis(100);

/// What a service says about when to come back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ComeBack {
    /// Nothing.
    Unsaid,
    /// After this time.
    After(Duration),
    /// At a date, or in words that are no time: later than a lookup can wait.
    Later,
}

/// What happened to an attempt that brought no answer.
pub(super) struct Setback {
    pub(super) error: LookupError,
    pub(super) come_back: ComeBack,
}

impl Inner {
    /// Asks, and asks once more where that may help.
    pub(super) async fn ask(
        &self,
        subject: &Subject,
        url: &Url,
    ) -> Result<Option<Subscription>, LookupError> {
        let deadline = Instant::now() + self.deadline;
        self.budget.earn();
        let mut token = self.token().await?;
        let mut may_renew = true;
        let mut may_retry = true;
        loop {
            let setback = match self.attempt(subject, url, token.as_ref()).await {
                Ok(found) => return Ok(found),
                Err(setback) => setback,
            };
            if setback.error.status() == Some(StatusCode::UNAUTHORIZED.as_u16())
                && may_renew
                && self.renews(token.as_ref())
            {
                may_renew = false;
                token = self.token().await?;
                continue;
            }
            let left = deadline.saturating_duration_since(Instant::now());
            let pause = pause(&setback, left, Dice::roll());
            match pause.filter(|_| may_retry && self.budget.spend()) {
                Some(pause) => tokio::time::sleep(pause).await,
                None => return Err(setback.error),
            }
            may_retry = false;
        }
    }

    pub(super) async fn token(&self) -> Result<Option<SecretString>, LookupError> {
        let Some(tokens) = &self.tokens else {
            return Ok(None);
        };
        match tokens.token().await {
            Ok(token) => Ok(Some(token)),
            Err(error) => Err(LookupError::new(LookupErrorKind::Unavailable).with_source(error)),
        }
    }

    pub(super) fn renews(&self, token: Option<&SecretString>) -> bool {
        match (&self.tokens, token) {
            (Some(tokens), Some(token)) => tokens.refused(token) == AfterRefusal::TryAgain,
            _ => false,
        }
    }

    async fn attempt(
        &self,
        subject: &Subject,
        url: &Url,
        token: Option<&SecretString>,
    ) -> Result<Option<Subscription>, Setback> {
        let headers = headers("application/json", token)?;
        let request = self.client.get(url.clone()).headers(headers);
        let response = request.send().await.map_err(transport_error)?;
        refuse_redirected(&response, url)?;
        let status = response.status();
        match status {
            StatusCode::OK => Ok(read(subject, response).await?),
            StatusCode::NOT_FOUND => {
                body::refuse_page(&response)?;
                Ok(None)
            }
            _ => Err(refusal(status, response.headers())),
        }
    }
}

/// The headers of every request.
pub(super) fn headers(
    accept: &'static str,
    token: Option<&SecretString>,
) -> Result<HeaderMap, LookupError> {
    let mut headers = HeaderMap::new();
    headers.insert(ACCEPT, HeaderValue::from_static(accept));
    if let Some(token) = token {
        headers.insert(AUTHORIZATION, bearer(token)?);
    }
    Ok(headers)
}

/// Fails if the response comes from elsewhere: a client that was given may follow redirects.
pub(super) fn refuse_redirected(response: &Response, url: &Url) -> Result<(), LookupError> {
    if response.url() == url {
        return Ok(());
    }
    Err(LookupError::new(LookupErrorKind::Unavailable)
        .with_source("the client followed a redirect"))
}

async fn read(subject: &Subject, response: Response) -> Result<Option<Subscription>, LookupError> {
    let status = response.status().as_u16();
    let body = body::read_json(response, body::MAX_BYTES).await?;
    let invalid = || LookupError::new(LookupErrorKind::InvalidAnswer).with_status(status);
    match wire::from_envelope(&body) {
        Ok(Some(subscription)) if subscription.subject != *subject => {
            Err(invalid().with_source("the answer is about another subject"))
        }
        Ok(found) => Ok(found),
        Err(error) => Err(invalid().with_source(error)),
    }
}

/// What a status that brings no answer means.
pub(super) fn refusal(status: StatusCode, headers: &HeaderMap) -> Setback {
    let kind = match status {
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => LookupErrorKind::Unauthorized,
        StatusCode::TOO_MANY_REQUESTS => LookupErrorKind::Throttled,
        _ => LookupErrorKind::Unavailable,
    };
    let error = LookupError::new(kind).with_status(status.as_u16());
    let come_back = come_back(headers);
    let error = match come_back {
        ComeBack::After(wait) => error.with_retry_after(wait),
        ComeBack::Unsaid | ComeBack::Later => error,
    };
    Setback { error, come_back }
}

/// Reads `Retry-After` (RFC 9110, section 10.2.3).
fn come_back(headers: &HeaderMap) -> ComeBack {
    let Some(value) = headers.get(RETRY_AFTER) else {
        return ComeBack::Unsaid;
    };
    let seconds = value.to_str().ok().and_then(|text| {
        let digits = text.trim();
        let all_digits = digits.bytes().all(|byte| byte.is_ascii_digit());
        all_digits.then(|| digits.parse().ok()).flatten()
    });
    match seconds {
        Some(seconds) => ComeBack::After(Duration::from_secs(seconds)),
        None => ComeBack::Later,
    }
}

/// How long to wait before the second try; `None` if there is to be none.
fn pause(setback: &Setback, left: Duration, dice: Dice) -> Option<Duration> {
    let may_pass = match setback.error.kind() {
        LookupErrorKind::Unreachable | LookupErrorKind::Throttled => true,
        LookupErrorKind::Unavailable => setback.error.status().is_some_and(|status| status >= 500),
        _ => false,
    };
    let at_least = match setback.come_back {
        ComeBack::Unsaid => Duration::ZERO,
        ComeBack::After(wait) => wait,
        ComeBack::Later => return None,
    };
    let pause = at_least.saturating_add(dice.below(LONGEST_PAUSE));
    (may_pass && pause < left).then_some(pause)
}

fn bearer(token: &SecretString) -> Result<HeaderValue, LookupError> {
    let text = Zeroizing::new(format!("Bearer {}", token.expose_secret()));
    let mut value = HeaderValue::from_str(&text).map_err(|_| {
        LookupError::new(LookupErrorKind::Unauthorized)
            .with_source("the token has characters that a header cannot carry")
    })?;
    value.set_sensitive(true);
    Ok(value)
}

/// What a failure below HTTP means. The address is taken out of it.
pub(super) fn transport_error(error: reqwest::Error) -> LookupError {
    let kind = if error.is_timeout() && !error.is_connect() {
        LookupErrorKind::TimedOut
    } else {
        LookupErrorKind::Unreachable
    };
    LookupError::new(kind).with_source(error.without_url())
}

impl From<LookupError> for Setback {
    fn from(error: LookupError) -> Self {
        Self {
            error,
            come_back: ComeBack::Unsaid,
        }
    }
}

impl From<Setback> for LookupError {
    fn from(setback: Setback) -> Self {
        setback.error
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn setback(kind: LookupErrorKind, status: u16, come_back: ComeBack) -> Setback {
        Setback {
            error: LookupError::new(kind).with_status(status),
            come_back,
        }
    }

    #[test]
    fn only_what_may_pass_is_tried_again() {
        use LookupErrorKind::{InvalidAnswer, Throttled, TimedOut, Unauthorized, Unavailable};
        let left = Duration::from_millis(400);
        let dice = Dice::showing(0.5);
        let table = [
            (setback(Unavailable, 500, ComeBack::Unsaid), true),
            (setback(Unavailable, 503, ComeBack::Unsaid), true),
            (setback(Unavailable, 503, ComeBack::Later), false),
            (setback(Unavailable, 302, ComeBack::Unsaid), false),
            (setback(Unavailable, 204, ComeBack::Unsaid), false),
            (setback(Throttled, 429, ComeBack::Unsaid), true),
            (
                setback(Throttled, 429, ComeBack::After(Duration::ZERO)),
                true,
            ),
            (
                setback(Throttled, 429, ComeBack::After(Duration::from_secs(1))),
                false,
            ),
            (setback(Throttled, 429, ComeBack::Later), false),
            (setback(Unauthorized, 401, ComeBack::Unsaid), false),
            (setback(Unauthorized, 403, ComeBack::Unsaid), false),
            (setback(InvalidAnswer, 200, ComeBack::Unsaid), false),
            (setback(TimedOut, 200, ComeBack::Unsaid), false),
        ];
        for (setback, again) in table {
            let pause = pause(&setback, left, dice);
            assert_eq!(
                pause.is_some(),
                again,
                "{:?} {:?}",
                setback.error,
                setback.come_back
            );
        }
        let refused: Setback = LookupError::new(LookupErrorKind::Unreachable).into();
        assert_eq!(pause(&refused, left, dice), Some(Duration::from_millis(50)));
        assert_eq!(pause(&refused, Duration::from_millis(50), dice), None);
    }

    proptest! {
        #[test]
        fn a_pause_fits_into_what_is_left_and_is_as_long_as_asked(
            left in 0..5_000_u64, asked in 0..10_u64, dice in 0.0..1.0_f64,
        ) {
            let left = Duration::from_millis(left);
            let asked = Duration::from_secs(asked);
            let setback = setback(LookupErrorKind::Throttled, 429, ComeBack::After(asked));
            if let Some(pause) = pause(&setback, left, Dice::showing(dice)) {
                prop_assert!(pause >= asked && pause < left);
                prop_assert!(pause <= asked + LONGEST_PAUSE);
            }
        }
    }

    #[test]
    fn retry_after_is_read_in_seconds() {
        let read = |value: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(RETRY_AFTER, HeaderValue::from_static(value));
            come_back(&headers)
        };
        assert_eq!(come_back(&HeaderMap::new()), ComeBack::Unsaid);
        assert_eq!(read("0"), ComeBack::After(Duration::ZERO));
        assert_eq!(read(" 120 "), ComeBack::After(Duration::from_secs(120)));
        assert_eq!(
            read("18446744073709551615"),
            ComeBack::After(Duration::from_secs(u64::MAX))
        );
        for later in ["", "-1", "+1", "1.5", "soon", "99999999999999999999"] {
            assert_eq!(read(later), ComeBack::Later, "{later}");
        }
        assert_eq!(read("Fri, 31 Dec 1999 23:59:59 GMT"), ComeBack::Later);
    }
}
