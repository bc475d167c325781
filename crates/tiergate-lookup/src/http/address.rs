use std::fmt;
use std::net::IpAddr;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use reqwest::Url;
use tiergate_core::Subject;

/// Everything but the unreserved characters of RFC 3986, so that an id is one segment whatever is
/// in it.
const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// Where the billing service is.
#[derive(Clone)]
pub(super) struct Base {
    url: Url,
}

/// What is wrong with an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum AddressFault {
    NotAnAddress,
    Scheme,
    Credential,
    QueryOrFragment,
    PlainHttp,
}

/// Whether plain `http` may leave the machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum PlainHttp {
    LoopbackOnly,
    Anywhere,
}

impl Base {
    pub(super) fn parse(text: &str, plain: PlainHttp) -> Result<Self, AddressFault> {
        let mut url = Url::parse(text).map_err(|_| AddressFault::NotAnAddress)?;
        if !matches!(url.scheme(), "http" | "https") || !url.has_host() {
            return Err(AddressFault::Scheme);
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(AddressFault::Credential);
        }
        if url.query().is_some() || url.fragment().is_some() {
            return Err(AddressFault::QueryOrFragment);
        }
        if url.scheme() == "http" && plain == PlainHttp::LoopbackOnly && !is_loopback(&url) {
            return Err(AddressFault::PlainHttp);
        }
        let prefix = url.path().trim_end_matches('/').to_owned();
        url.set_path(&prefix);
        Ok(Self { url })
    }

    pub(super) fn is_https(&self) -> bool {
        self.url.scheme() == "https"
    }

    /// The address of the subject's subscription, if the subject can have one.
    pub(super) fn url(&self, subject: &Subject) -> Option<Url> {
        // The URL standard takes these for steps in the path, percent-encoded or not.
        if !subject.is_valid() || matches!(subject.id(), "." | "..") {
            return None;
        }
        let id = utf8_percent_encode(subject.id(), SEGMENT);
        Some(self.below(&format!("api/subscriptions/{}/{id}", subject.kind())))
    }

    /// The address of the stream of changes.
    pub(super) fn events_url(&self) -> Url {
        self.below("api/events")
    }

    /// The address that usage is sent to.
    pub(super) fn usage_url(&self) -> Url {
        self.below("api/usage")
    }

    fn below(&self, path: &str) -> Url {
        let mut url = self.url.clone();
        let prefix = self.url.path().trim_end_matches('/');
        url.set_path(&format!("{prefix}/{path}"));
        url
    }
}

impl fmt::Debug for Base {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.url.as_str())
    }
}

fn is_loopback(url: &Url) -> bool {
    let Some(host) = url.host_str() else {
        return false;
    };
    let address = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost" || address.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

#[cfg(test)]
mod tests {
    use percent_encoding::percent_decode_str;
    use proptest::prelude::*;

    use super::*;

    fn fault(text: &str) -> AddressFault {
        Base::parse(text, PlainHttp::LoopbackOnly).err().unwrap()
    }

    #[test]
    fn addresses_that_could_leak_or_mislead_are_refused() {
        use AddressFault::{Credential, NotAnAddress, PlainHttp, QueryOrFragment, Scheme};
        let table = [
            ("", NotAnAddress),
            ("billing:", Scheme),
            ("127.0.0.1:3001", NotAnAddress),
            ("ftp://127.0.0.1", Scheme),
            ("file:///etc/passwd", Scheme),
            ("http://user@127.0.0.1", Credential),
            ("https://:secret@example.com", Credential),
            ("http://127.0.0.1?a", QueryOrFragment),
            ("http://127.0.0.1/#a", QueryOrFragment),
            ("http://example.com", PlainHttp),
            ("http://128.0.0.1", PlainHttp),
            ("http://localhost.example.com", PlainHttp),
            ("http://127.0.0.1.example.com", PlainHttp),
            ("http://0.0.0.0", PlainHttp),
            ("http://[::2]", PlainHttp),
            ("http://169.254.169.254", PlainHttp),
        ];
        for (text, expected) in table {
            assert_eq!(fault(text), expected, "{text}");
        }
    }

    #[test]
    fn loopback_and_https_are_taken() {
        for text in [
            "http://127.0.0.1:3001",
            "http://127.9.9.9",
            "http://localhost:80/",
            "http://LOCALHOST",
            "http://[::1]:3001",
            "https://example.com",
        ] {
            assert!(Base::parse(text, PlainHttp::LoopbackOnly).is_ok(), "{text}");
        }
        assert!(Base::parse("http://example.com", PlainHttp::Anywhere).is_ok());
    }

    #[test]
    fn a_prefix_is_kept_and_an_id_is_one_segment() {
        let table = [
            ("http://127.0.0.1", "u", "/api/subscriptions/user/u"),
            ("http://127.0.0.1/", "u", "/api/subscriptions/user/u"),
            (
                "http://127.0.0.1/a/b//",
                "u",
                "/a/b/api/subscriptions/user/u",
            ),
            ("http://127.0.0.1", "../x", "/api/subscriptions/user/..%2Fx"),
            (
                "http://127.0.0.1",
                "%2e%2e",
                "/api/subscriptions/user/%252e%252e",
            ),
            (
                "http://127.0.0.1",
                "a?b#c",
                "/api/subscriptions/user/a%3Fb%23c",
            ),
            (
                "http://127.0.0.1",
                "\\..\\",
                "/api/subscriptions/user/%5C..%5C",
            ),
            (
                "http://127.0.0.1",
                "\u{e9}\n",
                "/api/subscriptions/user/%C3%A9%0A",
            ),
        ];
        for (base, id, path) in table {
            let base = Base::parse(base, PlainHttp::LoopbackOnly).unwrap();
            assert_eq!(base.url(&Subject::user(id)).unwrap().path(), path);
        }
    }

    #[test]
    fn an_id_that_cannot_be_sent_has_no_address() {
        let base = Base::parse("http://127.0.0.1", PlainHttp::LoopbackOnly).unwrap();
        for id in ["", ".", "..", &"x".repeat(257)] {
            assert!(base.url(&Subject::user(id)).is_none(), "{id}");
        }
    }

    proptest! {
        #[test]
        fn every_other_id_arrives_as_it_is(id in "\\PC{1,60}|[./%\\\\]{3,9}") {
            let subject = Subject::organization(&*id);
            prop_assume!(subject.is_valid());
            let base = Base::parse("http://127.0.0.1/p", PlainHttp::LoopbackOnly).unwrap();
            let Some(url) = base.url(&subject) else {
                prop_assert!(matches!(&*id, "." | ".."));
                return Ok(());
            };
            let segments: Vec<_> = url.path().split('/').collect();
            prop_assert_eq!(&segments[..5], &["", "p", "api", "subscriptions", "organization"]);
            prop_assert_eq!(segments.len(), 6);
            let decoded = percent_decode_str(segments[5]).decode_utf8().unwrap();
            prop_assert_eq!(&*decoded, &*id);
            prop_assert!(url.query().is_none() && url.fragment().is_none());
        }
    }
}
