//! The `RateLimit` and `RateLimit-Policy` fields, after draft-ietf-httpapi-ratelimit-headers-11.
//!
//! Both are lists of structured fields (RFC 9651), so that several layers can each add an item of
//! their own.

use std::sync::Arc;
use std::time::Duration;

use http::{HeaderMap, HeaderName};
use smallvec::SmallVec;

use super::desk::{self, LARGEST, State, Terms};

const RATE_LIMIT: HeaderName = HeaderName::from_static("ratelimit");
const RATE_LIMIT_POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");

/// What the fields say about the limits of one request.
#[derive(Clone, Debug, Default)]
pub(crate) struct RateLimitFields {
    items: SmallVec<[RateLimitField; 1]>,
}

/// What the fields say about one limit.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RateLimitField<N = Arc<str>> {
    /// A key of the catalog: letters, digits and underscores, which need no escaping.
    pub(crate) name: N,
    pub(crate) quota: u64,
    /// How long the window is; none for a gauge, which has none.
    pub(crate) window: Option<Duration>,
    pub(crate) remaining: u64,
    pub(crate) resets_in: Option<Duration>,
}

impl RateLimitFields {
    pub(crate) fn extend(&mut self, items: impl IntoIterator<Item = RateLimitField>) {
        self.items.extend(items);
    }

    pub(crate) fn append_to(&self, headers: &mut HeaderMap) {
        for item in &self.items {
            item.append_to(headers);
        }
    }
}

impl RateLimitField<&str> {
    pub(crate) fn to_owned(self) -> RateLimitField {
        let Self {
            name,
            quota,
            window,
            remaining,
            resets_in,
        } = self;
        RateLimitField {
            name: name.into(),
            quota,
            window,
            remaining,
            resets_in,
        }
    }
}

impl<N: AsRef<str>> RateLimitField<N> {
    pub(crate) fn append_to(&self, headers: &mut HeaderMap) {
        desk::write(self.terms(), self.state(), |policy, state| {
            headers.append(RATE_LIMIT_POLICY, policy);
            headers.append(RATE_LIMIT, state);
        });
    }

    /// What stays the same from one request to the next.
    fn terms(&self) -> Terms<'_> {
        Terms {
            name: self.name.as_ref(),
            quota: self.quota,
            window: self.window.map(whole_seconds),
        }
    }

    fn state(&self) -> State {
        State {
            remaining: self.remaining,
            resets_in: self.resets_in.map(whole_seconds),
        }
    }
}

/// Rounded up, so that a client that waits exactly this long has waited long enough; at least one,
/// so that none retries at once.
pub(crate) fn whole_seconds(wait: Duration) -> u64 {
    let seconds = wait
        .as_secs()
        .saturating_add(u64::from(wait.subsec_nanos() > 0));
    seconds.clamp(1, LARGEST)
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;
    use proptest::prelude::{prop_assert, prop_assert_eq, proptest};

    use super::*;

    fn item() -> RateLimitField {
        RateLimitField {
            name: "sms_messages".into(),
            quota: 100,
            window: Some(Duration::from_secs(2_678_400)),
            remaining: 42,
            resets_in: Some(Duration::from_millis(1_200)),
        }
    }

    #[test]
    fn seconds_are_rounded_up() {
        assert_eq!(whole_seconds(Duration::ZERO), 1);
        assert_eq!(whole_seconds(Duration::from_nanos(1)), 1);
        assert_eq!(whole_seconds(Duration::from_secs(2)), 2);
        assert_eq!(whole_seconds(Duration::new(2, 1)), 3);
        assert_eq!(whole_seconds(Duration::MAX), LARGEST);
    }

    #[test]
    fn several_limits_are_several_items() {
        let mut fields = RateLimitFields::default();
        fields.extend(Some(item()));
        fields.extend(Some(RateLimitField {
            name: "storage_limit_gb".into(),
            quota: u64::MAX,
            window: None,
            remaining: 0,
            resets_in: None,
        }));
        let mut headers = HeaderMap::new();
        fields.append_to(&mut headers);
        let values = |name: HeaderName| {
            headers
                .get_all(name)
                .iter()
                .map(|value| value.to_str().unwrap())
                .collect::<Vec<_>>()
        };
        assert_eq!(
            values(RATE_LIMIT_POLICY),
            [
                "\"sms_messages\";q=100;w=2678400",
                "\"storage_limit_gb\";q=999999999999999",
            ]
        );
        assert_eq!(
            values(RATE_LIMIT),
            ["\"sms_messages\";r=42;t=2", "\"storage_limit_gb\";r=0"]
        );
    }

    /// The name and the parameters of the only item of a field, read by an independent parser.
    fn parse(value: &HeaderValue) -> (String, Vec<(String, u64)>) {
        let list: sfv::List = sfv::Parser::new(value.as_bytes()).parse().unwrap();
        let [sfv::ListEntry::Item(item)] = &list[..] else {
            panic!("not one item: {list:?}")
        };
        let name = item.bare_item.as_string().unwrap().as_str().to_owned();
        let parameters = item.params.iter().map(|(key, value)| {
            let number = i64::from(value.as_integer().unwrap());
            (key.as_str().to_owned(), u64::try_from(number).unwrap())
        });
        (name, parameters.collect())
    }

    proptest! {
        #[test]
        fn every_field_is_a_structured_field_that_says_what_it_should(
            name in "[a-z][a-z0-9_]{0,200}",
            quota: u64,
            remaining: u64,
            window: Option<Duration>,
            resets_in: Option<Duration>,
        ) {
            let item: RateLimitField = RateLimitField {
                name: name.as_str().into(),
                quota,
                window,
                remaining,
                resets_in,
            };
            let parameters = |first: (&str, u64), second: (&str, Option<Duration>)| {
                let seconds = second.1.map(whole_seconds);
                [(first.0.to_owned(), first.1.min(LARGEST))]
                    .into_iter()
                    .chain(seconds.map(|seconds| (second.0.to_owned(), seconds)))
                    .collect::<Vec<_>>()
            };
            let (policy, state) =
                desk::write(item.terms(), item.state(), |policy, state| (policy, state)).unwrap();
            prop_assert_eq!(
                parse(&policy),
                (name.clone(), parameters(("q", quota), ("w", window)))
            );
            prop_assert_eq!(
                parse(&state),
                (name, parameters(("r", remaining), ("t", resets_in)))
            );
        }

        #[test]
        fn whole_seconds_are_enough_and_no_second_too_many(wait: Duration) {
            let seconds = whole_seconds(wait);
            prop_assert!(seconds >= 1);
            if seconds < LARGEST {
                prop_assert!(Duration::from_secs(seconds) >= wait);
                prop_assert!(seconds == 1 || Duration::from_secs(seconds - 1) < wait);
            }
        }
    }
}
