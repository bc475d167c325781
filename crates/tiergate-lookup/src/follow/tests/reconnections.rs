use std::time::Duration;

use super::bench::{
    Act, Bench, ada, change, change_text, eventually, hello, quick, record, say, within,
};
use crate::follow::pace::Pace;
use crate::{CatalogChange, Freshness, LookupErrorKind};

const GOES_ON_AT_43: &str = "\r\nlast-event-id: 43\r\n";

#[tokio::test]
async fn a_stream_that_breaks_in_the_middle_of_an_event_goes_on_behind_the_one_before() {
    let event = change_text(44, &record("ada", "premium", 3));
    for cut in [1, 8, event.len() - 1] {
        for reset in [false, true] {
            let mut broken = vec![
                Act::Begin,
                hello(42, false),
                Act::Wait,
                change(43, "max", 2),
                say(&event[..cut]),
            ];
            if reset {
                // What was sent must have arrived, or it goes down with the connection.
                broken.extend([Act::Wait, Act::Reset]);
            }
            let resumed = vec![Act::Begin, hello(43, true), say(&event), Act::Stay];
            let bench = Bench::start(vec![broken, resumed]).await;
            bench.connected(1).await;
            assert_eq!(bench.resolves().await, "pro");
            bench.server.go_on();
            eventually("the first change", || {
                bench.following.statistics().applied >= 1
            })
            .await;
            bench.server.go_on();
            eventually("the second change", || bench.sees() == "premium").await;
            let requests = bench.server.requests();
            assert_eq!(requests.len(), 2);
            assert!(!requests[0].contains("last-event-id"), "{}", requests[0]);
            assert!(requests[1].contains(GOES_ON_AT_43), "{}", requests[1]);
            let statistics = bench.following.statistics();
            assert_eq!((statistics.connections, statistics.losses), (2, 1));
            assert_eq!((statistics.applied, statistics.gaps), (2, 1));
            assert_eq!(bench.source.calls(), 1, "nothing was in doubt");
        }
    }
}

#[tokio::test]
async fn a_stream_that_cannot_go_on_puts_everything_in_doubt() {
    let bench = Bench::start(vec![
        vec![Act::Begin, hello(42, false), Act::Wait],
        vec![Act::Begin, hello(90, false), Act::Wait],
        vec![Act::Begin, hello(90, true), Act::Stay],
    ])
    .await;
    bench.connected(1).await;
    let mut catalog = bench.following.catalog_changes();
    let news = within("the beginning", catalog.next()).await;
    assert_eq!(news, Some(CatalogChange::Unsure));
    assert_eq!(bench.resolves().await, "pro");

    bench.source.fail(LookupErrorKind::Unreachable);
    bench.server.go_on();
    bench.connected(2).await;
    let news = within("the gap", catalog.next()).await;
    assert_eq!(news, Some(CatalogChange::Unsure));
    let snapshot = bench.cache.get(&ada()).unwrap();
    assert_eq!(
        snapshot.freshness,
        Freshness::Stale,
        "used while it is down"
    );
    eventually("another lookup", || bench.source.calls() == 2).await;

    bench.server.go_on();
    bench.connected(3).await;
    let requests = bench.server.requests();
    assert!(requests[1].contains("\r\nlast-event-id: 42\r\n"));
    assert!(requests[2].contains("\r\nlast-event-id: 90\r\n"));
    assert_eq!(bench.following.statistics().gaps, 2);
}

#[tokio::test]
async fn a_service_that_does_not_say_hello_may_have_changed_anything() {
    let bench = Bench::start(vec![
        vec![Act::Begin, hello(42, false)],
        vec![Act::Begin, change(43, "max", 2), Act::Stay],
    ])
    .await;
    bench.connected(2).await;
    eventually("the event", || {
        bench.following.statistics().last_event_id.as_deref() == Some("43")
    })
    .await;
    assert_eq!(bench.following.statistics().gaps, 2);
}

#[tokio::test]
async fn silence_is_a_broken_stream() {
    let pace = Pace {
        silence: Duration::from_millis(50),
        ..quick()
    };
    let bench = Bench::with(
        pace,
        vec![
            vec![Act::Begin, hello(42, false), Act::Stay],
            vec![Act::Begin, hello(42, true), say("id: 9"), Act::Stay],
            vec![Act::Begin, Act::Stay],
            vec![Act::Begin, hello(42, true), Act::Stay],
        ],
    )
    .await;
    bench.connected(3).await;
    let requests = bench.server.requests();
    assert!(requests.len() >= 4);
    assert!(requests[3].contains("\r\nlast-event-id: 42\r\n"));
    // The connections that were given up are closed.
    eventually("their ends", || bench.server.left() >= 3).await;
}

#[tokio::test]
async fn comments_are_no_silence() {
    let pace = Pace {
        silence: Duration::from_secs(2),
        ..quick()
    };
    let mut script = vec![Act::Begin, hello(42, false)];
    for _ in 0..10 {
        script.extend([
            Act::Pause(Duration::from_millis(250)),
            say(": keep-alive\n\n"),
        ]);
    }
    script.extend([say("id: 43\nevent: notification\ndata: {}\n\n"), Act::Stay]);
    let bench = Bench::with(pace, vec![script]).await;
    eventually("what comes after", || {
        bench.following.statistics().ignored == 1
    })
    .await;
    assert_eq!(bench.following.statistics().losses, 0);
}

#[tokio::test]
async fn a_service_that_is_away_is_tried_until_it_is_back() {
    let bench = Bench::start(vec![
        vec![],
        vec![Act::Reset],
        vec![say(
            "HTTP/1.1 503 -\r\nretry-after: 1000\r\ncontent-length: 0\r\n\r\n",
        )],
        vec![say("not HTTP\r\n\r\n")],
        vec![say(
            "HTTP/1.1 200 OK\r\ncontent-type: text/html\r\ncontent-length: 0\r\n\r\n",
        )],
        vec![Act::Begin],
        vec![Act::Begin, hello(1, false), Act::Stay],
    ])
    .await;
    bench.connected(1).await;
    let statistics = bench.following.statistics();
    assert_eq!((statistics.losses, statistics.gaps), (6, 1));
}

#[tokio::test]
async fn a_service_that_does_not_answer_is_given_up() {
    let pace = Pace {
        opening: Duration::from_millis(50),
        ..quick()
    };
    let script = vec![say("HTTP/1.1 200 OK\r\n"), Act::Stay];
    let bench = Bench::with(
        pace,
        vec![script, vec![Act::Begin, hello(1, false), Act::Stay]],
    )
    .await;
    eventually("the first one's end", || bench.server.left() >= 1).await;
    assert!(bench.following.statistics().losses >= 1);
}
