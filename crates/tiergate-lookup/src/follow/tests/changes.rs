use super::bench::{
    Act, Bench, ada, change, change_text, eventually, hello, quick, record, say, within,
};
use crate::CatalogChange;
use tiergate_core::Subject;

#[tokio::test]
async fn a_change_holds_at_once_and_without_a_lookup() {
    let script = vec![
        Act::Begin,
        hello(42, false),
        Act::Wait,
        change(43, "max", 2),
        Act::Wait,
        change(44, "late", 1),
        say(
            "id: 45\nevent: subscription\ndata: {\"subject\":{\"userId\":\"ada\"},\"version\":3,\"subscription\":null}\n\n",
        ),
        Act::Stay,
    ];
    let bench = Bench::start(vec![script]).await;
    bench.connected(1).await;
    assert_eq!(bench.resolves().await, "pro");
    bench.server.go_on();
    eventually("the change", || bench.sees() == "max").await;
    assert_eq!(bench.source.calls(), 1);
    bench.server.go_on();
    // The one before it was older than what was known.
    eventually("the end", || bench.sees() == "-").await;
    let statistics = bench.following.statistics();
    assert_eq!((statistics.applied, statistics.outdated), (2, 1));
    assert_eq!(statistics.last_event_id.as_deref(), Some("45"));
    assert!(statistics.connected);
}

#[tokio::test]
async fn a_change_of_a_stranger_is_dropped() {
    let text: String = (1..=500)
        .map(|n| change_text(n, &record(&format!("stranger {n}"), "pro", 1)))
        .collect();
    let script = vec![Act::Begin, hello(0, false), say(text), Act::Stay];
    let bench = Bench::start(vec![script]).await;
    eventually("the last one", || {
        bench.following.statistics().unasked == 500
    })
    .await;
    assert!(bench.cache.get(&Subject::user("stranger 7")).is_none());
    assert_eq!(bench.cache.statistics().entries, 0);
    assert_eq!(bench.following.statistics().applied, 0);
}

#[tokio::test]
async fn a_change_that_cannot_be_read_makes_its_subject_be_asked_about() {
    let script = vec![
        Act::Begin,
        hello(0, false),
        Act::Wait,
        say(
            "id: 1\nevent: subscription\ndata: {\"subject\":{\"userId\":\"ada\"},\"subscription\":7}\n\n",
        ),
        Act::Stay,
    ];
    let bench = Bench::start(vec![script]).await;
    bench.connected(1).await;
    assert_eq!(bench.resolves().await, "pro");
    bench.source.subscriptions().set(record("ada", "max", 2));
    bench.server.go_on();
    eventually("the change", || {
        bench.following.statistics().unreadable == 1
    })
    .await;
    assert_eq!(bench.following.statistics().gaps, 1, "of the beginning");
    assert_eq!(bench.resolves().await, "max");
}

#[tokio::test]
async fn a_change_of_nobody_knows_whom_puts_everybody_in_doubt() {
    let garbage: [&[u8]; 3] = [
        b"id: 1\nevent: subscription\ndata: {\"subscription\":\n\n",
        b"\xff\xfe\x00:\x01\xc3\n\n\r\r\rnothing\n\n",
        b"event: subscription\ndata: \xff\xff\n\n",
    ];
    let script = vec![
        Act::Begin,
        hello(0, false),
        Act::Wait,
        say(garbage.concat()),
        change(2, "max", 2),
        Act::Stay,
    ];
    let bench = Bench::start(vec![script]).await;
    bench.connected(1).await;
    assert_eq!(bench.resolves().await, "pro");
    bench.server.go_on();
    eventually("the change behind it", || {
        bench.following.statistics().applied == 1
    })
    .await;
    let statistics = bench.following.statistics();
    assert_eq!((statistics.unreadable, statistics.gaps), (2, 3));
    assert_eq!((statistics.connections, statistics.losses), (1, 0));
    // What was told after that is in no doubt.
    assert_eq!(bench.sees(), "max");
    assert_eq!(bench.source.calls(), 1);
}

#[tokio::test]
async fn a_line_without_measure_is_skipped_and_what_follows_is_read() {
    let script = vec![
        Act::Begin,
        hello(0, false),
        Act::Wait,
        say("id: 1\nevent: subscription\ndata: "),
        say(vec![b'x'; 1024 * 1024]),
        say("\n\n"),
        change(2, "max", 2),
        Act::Stay,
    ];
    let bench = Bench::start(vec![script]).await;
    bench.connected(1).await;
    assert_eq!(bench.resolves().await, "pro");
    bench.server.go_on();
    eventually("the change behind it", || bench.sees() == "max").await;
    let statistics = bench.following.statistics();
    assert_eq!((statistics.oversized, statistics.gaps), (1, 2));
    assert_eq!((statistics.applied, statistics.losses), (1, 0));
}

#[tokio::test]
async fn other_events_are_none_of_ours() {
    let script = vec![
        Act::Begin,
        hello(0, false),
        say(": keep-alive\n\nid: 5\nevent: notification\ndata: {}\n\ndata: x\n\n"),
        Act::Stay,
    ];
    let bench = Bench::start(vec![script]).await;
    eventually("the second", || bench.following.statistics().ignored == 2).await;
    let statistics = bench.following.statistics();
    assert_eq!(statistics.last_event_id.as_deref(), Some("5"));
    assert_eq!((statistics.gaps, statistics.unreadable), (1, 0));
}

#[tokio::test]
async fn the_owner_of_the_catalog_hears_of_a_new_one() {
    let script = vec![
        Act::Begin,
        hello(0, false),
        Act::Wait,
        say("id: 1\nevent: catalog\ndata: {\"revision\":\"r2\"}\n\n"),
        Act::Wait,
        say("id: 2\nevent: catalog\ndata: ?\n\n"),
        Act::Stay,
    ];
    let bench = Bench::start(vec![script]).await;
    let mut changes = bench.following.catalog_changes();
    let news = within("the beginning", changes.next()).await;
    assert_eq!(news, Some(CatalogChange::Unsure));
    bench.server.go_on();
    let published = Some(CatalogChange::Published {
        revision: "r2".into(),
    });
    assert_eq!(within("the revision", changes.next()).await, published);
    let mut late = bench.following.catalog_changes();
    assert_eq!(within("what was last", late.next()).await, published);
    bench.server.go_on();
    let news = within("the unreadable", changes.next()).await;
    assert_eq!(news, Some(CatalogChange::Unsure));
    assert_eq!(bench.following.statistics().catalogs, 2);
    drop(bench.following);
    assert_eq!(within("the end", changes.next()).await, None);
}

#[tokio::test]
async fn who_does_not_follow_any_more_leaves_the_service() {
    let bench = Bench::start(vec![vec![Act::Begin, hello(0, false), Act::Stay]]).await;
    bench.connected(1).await;
    assert_eq!(bench.server.left(), 0);
    drop(bench.following);
    eventually("the end of the connection", || bench.server.left() == 1).await;
    assert_eq!(bench.server.requests().len(), 1);
    assert!(bench.cache.get(&ada()).is_none(), "the cache goes on");
}

#[test]
fn without_a_runtime_nothing_is_followed() {
    let http = crate::HttpLookup::new("http://127.0.0.1:1").unwrap();
    let cache = super::bench::cache_over(&crate::testing::ScriptedLookup::default());
    let error = cache.follow_at(&http, quick()).unwrap_err();
    assert!(error.to_string().contains("tokio runtime"), "{error}");
}
