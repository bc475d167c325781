#[cfg(feature = "metrics")]
use super::bench::eventually;
use super::bench::{Act, Bench, change, change_text, hello, record, say};
use crate::events::tests::Log;

const CANARY: &str = "canary-51e9";

/// Runs into every event of the stream once.
async fn everything() -> Bench {
    let bench = Bench::start(vec![
        vec![say("HTTP/1.1 404 -\r\ncontent-length: 0\r\n\r\n")],
        vec![
            Act::Begin,
            hello(42, false),
            Act::Wait,
            change(43, "max", 2),
            change(44, "late", 1),
            say(change_text(45, &record("stranger", "pro", 1))),
            say(format!(
                "event: subscription\ndata: {{\"subject\":{{\"userId\":\"ada\"}},\
                 \"subscription\":{{\"userId\":\"ada\",\"tier\":\"{CANARY}\",\"status\":7}}}}\n\n\
                 event: subscription\ndata: {CANARY}\n\n"
            )),
            say(format!("data: {}\n\n", "x".repeat(300_000))),
            say("event: catalog\ndata: {\"revision\":\"r\\n2\"}\n\n"),
            say("event: other\ndata: x\n\n"),
        ],
        vec![Act::Begin, hello(50, true), Act::Stay],
    ])
    .await;
    bench.connected(1).await;
    assert_eq!(bench.resolves().await, "pro");
    bench.server.go_on();
    bench.connected(2).await;
    bench
}

#[tokio::test]
async fn every_event_has_the_name_the_level_and_the_fields_that_are_documented() {
    let log = Log::default();
    let guard = log.collect();
    let bench = everything().await;
    drop(guard);
    let text = log.text();
    let table: [(&str, &str, &[&str]); 10] = [
        ("changes.not_offered", "WARN", &["status=404", "retry_ms="]),
        ("changes.connected", "INFO", &["resumed=false"]),
        ("changes.connected", "INFO", &["resumed=true"]),
        ("cache.doubted", "INFO", &[]),
        ("push.unasked", "DEBUG", &["subject=user:stranger"]),
        (
            "changes.unreadable",
            "WARN",
            &["subject=user:ada", "cause=field `status` must be text"],
        ),
        (
            "changes.unreadable",
            "WARN",
            &["cause=not valid JSON at line 1"],
        ),
        ("changes.oversized", "WARN", &[]),
        ("changes.catalog", "INFO", &["revision=\"r\\n2\""]),
        (
            "changes.lost",
            "WARN",
            &[
                "kind=\"unreachable\"",
                "retry_ms=",
                "cause=the service ended the stream",
            ],
        ),
    ];
    for (name, level, fields) in table {
        let found = text.lines().any(|line| {
            line.contains(&format!("{level} tiergate::lookup:"))
                && line.contains(&format!("event=\"{name}\""))
                && fields.iter().all(|field| line.contains(field))
        });
        assert!(found, "{name} {fields:?} is not in\n{text}");
        let documented = format!("| `{name}` | {}", level.to_lowercase());
        assert!(
            include_str!("../../events.rs").contains(&documented),
            "{name}"
        );
    }
    let printed = format!("{text} {:?} {:?}", bench.following, bench.cache);
    assert!(!printed.contains(CANARY), "{printed}");
}

#[cfg(feature = "metrics")]
#[test]
fn the_metrics_are_those_that_are_documented() {
    use crate::events::tests::recorded::Series;

    let series = Series::default();
    let counted = || -> Vec<(String, f64)> {
        let seen = series.seen().into_iter();
        seen.filter(|(name, _)| name.contains("changes") || name.contains("revalidations"))
            .collect()
    };
    metrics::with_local_recorder(&series, || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(async {
            let bench = everything().await;
            let expected = [
                ("tiergate_cache_revalidations_total{}", 3.0),
                ("tiergate_changes_connected{}", 1.0),
                ("tiergate_changes_lost_total{}", 2.0),
                ("tiergate_changes_total{outcome=applied}", 1.0),
                ("tiergate_changes_total{outcome=catalog}", 1.0),
                ("tiergate_changes_total{outcome=ignored}", 1.0),
                ("tiergate_changes_total{outcome=outdated}", 1.0),
                ("tiergate_changes_total{outcome=oversized}", 1.0),
                ("tiergate_changes_total{outcome=unasked}", 1.0),
                ("tiergate_changes_total{outcome=unreadable}", 2.0),
            ]
            .map(|(name, value)| (name.to_owned(), value));
            assert_eq!(counted(), expected);
            drop(bench.following);
            eventually("the end", || {
                series.seen().get("tiergate_changes_connected{}") == Some(&0.0)
            })
            .await;
        });
    });
    for (name, _) in counted() {
        let name = &name[..name.find('{').unwrap()];
        let documented = format!("| `{name}` |");
        assert!(
            include_str!("../../events.rs").contains(&documented),
            "{name}"
        );
    }
}
