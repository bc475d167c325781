use http::StatusCode;
use sfv::{BareItem, List, ListEntry, Parser};

use super::support::{CALLS, FLOWS, Reply, SMS, STORAGE, app, by, ok_app, seconds, send, status};
use crate::testing::TestGate;

/// One item of a `RateLimit` or `RateLimit-Policy` field, as an independent parser of structured
/// fields (RFC 9651) reads it.
#[derive(Debug, PartialEq, Eq)]
struct Item {
    name: String,
    parameters: Vec<(String, i64)>,
}

fn item(name: &str, parameters: &[(&str, i64)]) -> Item {
    Item {
        name: name.to_owned(),
        parameters: parameters
            .iter()
            .map(|(key, value)| ((*key).to_owned(), *value))
            .collect(),
    }
}

fn items(reply: &Reply, field: &str) -> Vec<Item> {
    // Several lines of a field are one list (RFC 9110, section 5.3).
    let lines: Vec<_> = reply
        .headers
        .get_all(field)
        .iter()
        .map(|value| value.to_str().unwrap())
        .collect();
    if lines.is_empty() {
        return Vec::new();
    }
    let list: List = Parser::new(&lines.join(", ")).parse().unwrap();
    list.into_iter()
        .map(|entry| {
            let ListEntry::Item(entry) = entry else {
                panic!("an inner list in `{field}`")
            };
            let BareItem::String(name) = entry.bare_item else {
                panic!("the name of a policy is a string")
            };
            Item {
                name: name.as_str().to_owned(),
                parameters: entry
                    .params
                    .into_iter()
                    .map(|(key, value)| {
                        let BareItem::Integer(number) = value else {
                            panic!("`{key}` is a number")
                        };
                        (key.as_str().to_owned(), i64::from(number))
                    })
                    .collect(),
            }
        })
        .collect()
}

#[tokio::test]
async fn an_allowed_request_is_told_its_quota() {
    let test = TestGate::platform().user("ada", "pro");
    let app = ok_app(&test.gate().check_usage_limit(SMS).unwrap().cost(58));
    let reply = send(&app, by("ada")).await;
    assert_eq!(reply.status, StatusCode::OK);
    let month = 31 * 86_400;
    assert_eq!(
        items(&reply, "ratelimit-policy"),
        [item(SMS, &[("q", 100), ("w", month)])]
    );
    assert_eq!(
        items(&reply, "ratelimit"),
        [item(SMS, &[("r", 42), ("t", month)])]
    );
}

#[tokio::test]
async fn a_refused_request_is_told_its_quota_and_to_wait_no_less() {
    let test = TestGate::platform().user("ada", "pro");
    let app = ok_app(&test.gate().check_usage_limit(CALLS).unwrap().cost(120));
    assert_eq!(send(&app, by("ada")).await.status, StatusCode::OK);
    test.clock()
        .advance(std::time::Duration::from_millis(1_500));
    let reply = send(&app, by("ada")).await;
    assert_eq!(reply.status, StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(
        items(&reply, "ratelimit-policy"),
        [item(CALLS, &[("q", 120), ("w", 60)])]
    );
    assert_eq!(
        items(&reply, "ratelimit"),
        [item(CALLS, &[("r", 0), ("t", 59)])]
    );
    assert_eq!(reply.header("retry-after"), Some("59"));
    test.clock().advance(seconds(59));
    assert_eq!(send(&app, by("ada")).await.status, StatusCode::OK);
}

#[tokio::test]
async fn what_the_service_fails_at_is_still_told() {
    let test = TestGate::platform().user("ada", "pro");
    let layer = test.gate().check_usage_limit(SMS).unwrap();
    let reply = send(&app(&layer, |_| async { status(500) }), by("ada")).await;
    assert_eq!(items(&reply, "ratelimit").len(), 1);
}

#[tokio::test]
async fn several_limits_are_several_items_in_one_order() {
    let test = TestGate::platform().user("ada", "pro");
    let layer = test
        .gate()
        .check_usage_limits([STORAGE, CALLS, FLOWS])
        .unwrap();
    let reply = send(&ok_app(&layer), by("ada")).await;
    let month = 31 * 86_400;
    assert_eq!(
        items(&reply, "ratelimit-policy"),
        [
            // A gauge has no window, and time brings nothing of it back.
            item(STORAGE, &[("q", 50)]),
            item(CALLS, &[("q", 120), ("w", 60)]),
            item(FLOWS, &[("q", 1_000), ("w", month)]),
        ]
    );
    assert_eq!(
        items(&reply, "ratelimit"),
        [
            item(STORAGE, &[("r", 49)]),
            item(CALLS, &[("r", 119), ("t", 60)]),
            item(FLOWS, &[("r", 999), ("t", month)]),
        ]
    );
}

#[tokio::test]
async fn two_layers_tell_of_both_limits() {
    let test = TestGate::platform().user("ada", "pro");
    let layers = (
        test.gate().check_usage_limit(CALLS).unwrap(),
        test.gate().check_usage_limit(SMS).unwrap(),
    );
    let reply = send(&ok_app(&layers), by("ada")).await;
    let mut names: Vec<_> = items(&reply, "ratelimit")
        .into_iter()
        .map(|item| item.name)
        .collect();
    names.sort();
    assert_eq!(names, [CALLS, SMS]);
}

#[tokio::test]
async fn an_unlimited_tier_is_told_nothing() {
    let test = TestGate::platform().user("ada", "premium");
    let app = ok_app(&test.gate().check_usage_limit(FLOWS).unwrap());
    let reply = send(&app, by("ada")).await;
    assert_eq!(reply.status, StatusCode::OK);
    assert!(items(&reply, "ratelimit").is_empty());
    assert!(items(&reply, "ratelimit-policy").is_empty());
}

#[tokio::test]
async fn the_fields_can_be_left_out() {
    let test = TestGate::platform().user("ada", "pro");
    let layer = test.gate().check_usage_limit(SMS).unwrap().cost(100);
    let app = ok_app(&layer.without_rate_limit_fields());
    for expected in [StatusCode::OK, StatusCode::TOO_MANY_REQUESTS] {
        let reply = send(&app, by("ada")).await;
        assert_eq!(reply.status, expected);
        assert!(!reply.headers.contains_key("ratelimit"));
        assert!(!reply.headers.contains_key("ratelimit-policy"));
    }
}

#[tokio::test]
async fn fields_of_the_service_itself_stay() {
    let test = TestGate::platform().user("ada", "pro");
    let layer = test.gate().check_usage_limit(SMS).unwrap();
    let app = app(&layer, |_| async {
        let mut response = status(200);
        let value = "\"own\";r=1".parse().unwrap();
        response.headers_mut().insert("ratelimit", value);
        response
    });
    let names: Vec<_> = items(&send(&app, by("ada")).await, "ratelimit")
        .into_iter()
        .map(|item| item.name)
        .collect();
    assert_eq!(names, ["own", SMS]);
}
