use http::{HeaderName, Request, Response, StatusCode};

use super::support::{Body, CALLS, anonymous, app, by, ok_app, send, used, with};
use crate::request::{FromExtensions, FromTrustedHeader, RequestHead};
use crate::testing::{TestGate, platform_catalog};
use crate::{Access, Principal, Subject};

const ORGANIZATION: HeaderName = HeaderName::from_static("x-organization-id");
const USER: HeaderName = HeaderName::from_static("x-user-id");

fn header(mut request: Request<Body>, name: &HeaderName, value: &[u8]) -> Request<Body> {
    let value = http::HeaderValue::from_bytes(value).unwrap();
    request.headers_mut().append(name, value);
    request
}

/// Who the layers take a request to be from, or the detail of the 401.
async fn subject_of(test: &TestGate, request: Request<Body>) -> Result<String, String> {
    let layer = test.gate().require_feature("timeline_enabled").unwrap();
    let app = app(&layer, |request: Request<Body>| async move {
        let access = Access::of(request.extensions()).unwrap();
        let mut response = Response::<Body>::default();
        *response.body_mut() = Body::from(access.subject().to_string());
        response
    });
    let reply = send(&app, request).await;
    match reply.status {
        StatusCode::OK => Ok(reply.body.as_str().unwrap().to_owned()),
        StatusCode::UNAUTHORIZED => {
            assert_eq!(reply.code(), "UNAUTHORIZED");
            Err(reply.body["detail"].as_str().unwrap().to_owned())
        }
        status => panic!("{status}"),
    }
}

fn choosing() -> TestGate {
    TestGate::configured(platform_catalog(), |gate| {
        gate.subject(FromExtensions::new().organization_header(ORGANIZATION))
    })
}

fn member() -> Request<Body> {
    with(Principal::user("ada").member_of("acme").member_of("globex"))
}

#[tokio::test]
async fn it_is_read_from_what_authentication_left() {
    let test = TestGate::platform();
    assert_eq!(subject_of(&test, by("ada")).await.unwrap(), "user:ada");
    let request = with(Subject::organization("acme"));
    assert_eq!(
        subject_of(&test, request).await.unwrap(),
        "organization:acme"
    );
    let mut both = by("ada");
    both.extensions_mut().insert(Subject::user("eve"));
    assert_eq!(subject_of(&test, both).await.unwrap(), "user:ada");
}

#[tokio::test]
async fn without_a_subject_nobody_gets_in() {
    let test = TestGate::platform();
    assert_eq!(
        subject_of(&test, anonymous()).await.unwrap_err(),
        "Sign in to use this."
    );
    assert_eq!(test.lookup().calls(), 0);
}

#[tokio::test]
async fn headers_grant_nothing_by_themselves() {
    let test = TestGate::platform().organization("acme", "enterprise");
    for name in [
        "x-organization-id",
        "x-user-id",
        "x-organization_id",
        "authorization",
    ] {
        let name = HeaderName::from_static(name);
        let request = header(anonymous(), &name, b"acme");
        assert!(subject_of(&test, request).await.is_err(), "{name}");
        let request = header(by("ada"), &name, b"acme");
        assert_eq!(subject_of(&test, request).await.unwrap(), "user:ada");
    }
}

#[tokio::test]
async fn a_header_chooses_among_the_organizations_of_a_member() {
    let test = choosing();
    assert_eq!(subject_of(&test, member()).await.unwrap(), "user:ada");
    for id in ["acme", "globex"] {
        let request = header(member(), &ORGANIZATION, id.as_bytes());
        let expected = format!("organization:{id}");
        assert_eq!(subject_of(&test, request).await.unwrap(), expected);
    }
    let itself = header(
        with(Principal::new(Subject::organization("acme"))),
        &ORGANIZATION,
        b"acme",
    );
    assert_eq!(
        subject_of(&test, itself).await.unwrap(),
        "organization:acme"
    );
}

#[tokio::test]
async fn a_header_that_names_any_other_is_refused() {
    let test = choosing();
    let stranger = "The caller is not a member of the organization that the request names.";
    for id in ["initech", "ada", "ACME", "acme,globex", "user:ada"] {
        let request = header(member(), &ORGANIZATION, id.as_bytes());
        assert_eq!(
            subject_of(&test, request).await.unwrap_err(),
            stranger,
            "{id}"
        );
    }
    let bare = header(with(Subject::user("ada")), &ORGANIZATION, b"acme");
    assert_eq!(subject_of(&test, bare).await.unwrap_err(), stranger);
    let nobody = header(anonymous(), &ORGANIZATION, b"acme");
    assert_eq!(
        subject_of(&test, nobody).await.unwrap_err(),
        "Sign in to use this."
    );
}

#[tokio::test]
async fn a_header_that_stands_twice_is_refused() {
    let test = choosing();
    for second in ["acme", "globex"] {
        let request = header(member(), &ORGANIZATION, b"acme");
        let request = header(request, &ORGANIZATION, second.as_bytes());
        assert_eq!(
            subject_of(&test, request).await.unwrap_err(),
            "The header that names the caller stands more than once."
        );
    }
}

#[tokio::test]
async fn what_can_be_nobodys_id_is_refused_and_not_looked_up() {
    let test = choosing();
    let longest = "i".repeat(Subject::MAX_ID_BYTES);
    assert!(subject_of(&test, by(&longest)).await.is_ok());
    let calls = test.lookup().calls();
    for id in ["", &"i".repeat(300)] {
        assert_eq!(
            subject_of(&test, by(id)).await.unwrap_err(),
            "The caller's id is not one."
        );
    }
    for value in [&b""[..], b"  ", b"\xff\xfe"] {
        let request = header(member(), &ORGANIZATION, value);
        assert_eq!(
            subject_of(&test, request).await.unwrap_err(),
            "The caller's id is not one."
        );
    }
    assert_eq!(test.lookup().calls(), calls);
}

#[tokio::test]
async fn a_closure_finds_it_and_is_not_believed_blindly() {
    let test = TestGate::configured(platform_catalog(), |gate| {
        gate.subject(|head: &RequestHead<'_>| {
            let path = head.uri().path();
            path.strip_prefix('/').map(Subject::organization)
        })
    });
    let request = |path: &str| {
        let mut request = anonymous();
        *request.uri_mut() = path.parse().unwrap();
        request
    };
    assert_eq!(
        subject_of(&test, request("/acme")).await.unwrap(),
        "organization:acme"
    );
    assert!(subject_of(&test, request("/")).await.is_err());
    let long = format!("/{}", "i".repeat(300));
    assert!(subject_of(&test, request(&long)).await.is_err());
}

#[tokio::test]
async fn a_trusted_header_is_believed_where_the_service_says_so() {
    let test = TestGate::configured(platform_catalog(), |gate| {
        gate.subject(FromTrustedHeader::danger_trust_user_header(USER))
    });
    let request = header(anonymous(), &USER, b"ada");
    assert_eq!(
        subject_of(&test, request.clone()).await.unwrap(),
        "user:ada"
    );
    let twice = header(request, &USER, b"eve");
    assert!(subject_of(&test, twice).await.is_err());
    for value in [&b""[..], &[b'i'; 300]] {
        let request = header(anonymous(), &USER, value);
        assert!(subject_of(&test, request).await.is_err());
    }
    assert!(subject_of(&test, anonymous()).await.is_err());

    let test = TestGate::configured(platform_catalog(), |gate| {
        gate.subject(FromTrustedHeader::danger_trust_organization_header(
            ORGANIZATION,
        ))
    });
    let request = header(anonymous(), &ORGANIZATION, b"acme");
    assert_eq!(
        subject_of(&test, request).await.unwrap(),
        "organization:acme"
    );
}

#[tokio::test]
async fn a_user_and_an_organization_of_one_name_share_nothing() {
    let test = TestGate::platform().organization("x", "pro");
    let gate = test.gate();
    let contacts = ok_app(&gate.require_feature("crm_enabled").unwrap());
    let calls = ok_app(&gate.check_usage_limit(CALLS).unwrap());
    let organization = || with(Subject::organization("x"));
    // Whoever is cached first.
    for _ in 0..2 {
        assert_eq!(send(&contacts, organization()).await.status, StatusCode::OK);
        assert_eq!(send(&contacts, by("x")).await.status, StatusCode::FORBIDDEN);
    }
    for _ in 0..3 {
        send(&calls, organization()).await;
    }
    send(&calls, by("x")).await;
    assert_eq!(used(&test, "x", CALLS).await, 1);
    let used = gate.usage(&Subject::organization("x"), CALLS).await;
    assert_eq!(used.unwrap().used, 3);
}

#[tokio::test]
async fn no_spelling_of_an_id_reaches_another_subject() {
    let test = TestGate::platform().user("x", "pro");
    let contacts = ok_app(&test.gate().require_feature("crm_enabled").unwrap());
    assert_eq!(send(&contacts, by("x")).await.status, StatusCode::OK);
    for id in ["user:x", "X", "x ", " x", "x\0", "x/../x", "organization:x"] {
        assert_eq!(send(&contacts, by(id)).await.status, 403, "{id:?}");
    }
}
