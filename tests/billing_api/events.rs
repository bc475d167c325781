//! Changes as they are told to those who follow.

use http::StatusCode;
use serde_json::{Value, json};
use tiergate_billing::{Context, Seeding};
use tiergate_clock::Clock;
use tiergate_tests::tokens::Role;
use tiergate_tests::{Token, within};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::net::TcpStream;

use crate::service::Service;
use crate::subscribing::{path, subscribe, wants};

crate::scenarios![
    a_change_is_told_to_who_may_read_it,
    who_comes_back_hears_what_was_missed,
    another_catalog_is_told_to_everybody,
    who_may_not_listen_is_told_so,
    a_threshold_is_told_to_who_may_see_the_owner,
];

/// An event as the stream has it.
#[derive(Debug, PartialEq)]
struct Event {
    id: String,
    kind: String,
    data: Value,
}

/// A stream that is read by hand, as the HTML standard describes it.
struct Stream {
    lines: Lines<BufReader<TcpStream>>,
}

impl Stream {
    async fn open(service: &Service, token: &Token, last: Option<&str>) -> Self {
        let mut stream = TcpStream::connect(service.address).await.unwrap();
        let last = last.map(|id| format!("last-event-id: {id}\r\n"));
        let head = format!(
            "GET /api/events HTTP/1.1\r\nhost: test\r\nauthorization: {}\r\n{}\r\n",
            service.mint.bearer(token),
            last.unwrap_or_default(),
        );
        stream.write_all(head.as_bytes()).await.unwrap();
        let mut stream = Self {
            lines: BufReader::new(stream).lines(),
        };
        assert_eq!(stream.line().await, "HTTP/1.1 200 OK");
        let mut kind = None;
        loop {
            let line = stream.line().await.to_ascii_lowercase();
            if line.is_empty() {
                break;
            }
            kind = line
                .strip_prefix("content-type: ")
                .map(str::to_owned)
                .or(kind);
        }
        assert_eq!(kind.as_deref(), Some("text/event-stream"));
        stream
    }

    async fn line(&mut self) -> String {
        within("a line of the stream", self.lines.next_line())
            .await
            .unwrap()
            .unwrap()
    }

    /// The next event. Comments, sizes of chunks and blank lines between are passed over.
    async fn next(&mut self) -> Event {
        let (mut id, mut kind) = (String::new(), String::new());
        loop {
            let line = self.line().await;
            match line.split_once(": ") {
                Some(("id", text)) => id = text.to_owned(),
                Some(("event", text)) => kind = text.to_owned(),
                Some(("data", text)) => {
                    let data = serde_json::from_str(text).unwrap();
                    return Event { id, kind, data };
                }
                _ => {}
            }
        }
    }
}

async fn a_change_is_told_to_who_may_read_it(service: Service) {
    let clock = &*service.clock;
    let ada = Token::user("ada", clock);
    let mut hers = Stream::open(&service, &ada, None).await;
    let bob = Token::user("bob", clock).in_organization("eagle", Role::Member);
    let mut his = Stream::open(&service, &bob, None).await;
    let mut theirs = Stream::open(&service, &Token::service("gate", clock), None).await;
    for stream in [&mut hers, &mut his, &mut theirs] {
        let hello = stream.next().await;
        assert_eq!(
            (&*hello.kind, &hello.data),
            ("hello", &json!({ "resumed": false }))
        );
    }
    let pro = subscribe(&service.user("ada"), &wants("pro", "monthly")).await;
    let ole = service.member("ole", "eagle", Role::Owner);
    let mut wanted = wants("team_small", "monthly");
    wanted["organizationId"] = json!("eagle");
    subscribe(&ole, &wanted).await;
    let ada = service.user("ada");
    ada.patch(path(&pro), &json!({ "tier": "max" }))
        .gets(200)
        .await;

    let subjects = |event: &Event| {
        let subject = &event.data["subject"];
        assert_eq!(event.kind, "subscription");
        (
            subject["userId"].clone(),
            subject["organizationId"].clone(),
            event.data["version"].clone(),
        )
    };
    let user = |version: i64| (json!("ada"), Value::Null, json!(version));
    let organization = (Value::Null, json!("eagle"), json!(1));
    let first = hers.next().await;
    assert_eq!(subjects(&first), user(1));
    assert_eq!(first.data["subscription"]["tier"], "pro");
    assert_eq!(
        subjects(&hers.next().await),
        user(2),
        "the organization's is not hers"
    );
    assert_eq!(subjects(&his.next().await), organization);
    let all = [
        theirs.next().await,
        theirs.next().await,
        theirs.next().await,
    ];
    assert_eq!(
        all.each_ref().map(subjects),
        [user(1), organization, user(2)]
    );
    // A change that fails is told to nobody: the next that is told is the one after.
    ada.patch(path(&pro), &json!({ "tier": "gold" }))
        .gets(400)
        .await;
    ada.patch(path(&pro), &json!({ "tier": "premium" }))
        .gets(200)
        .await;
    assert_eq!(subjects(&hers.next().await), user(3));
}

async fn who_comes_back_hears_what_was_missed(service: Service) {
    let token = Token::user("ada", &*service.clock);
    let mut stream = Stream::open(&service, &token, None).await;
    stream.next().await;
    let ada = service.user("ada");
    let pro = subscribe(&ada, &wants("pro", "monthly")).await;
    let seen = stream.next().await;
    drop(stream);
    for tier in ["max", "premium"] {
        ada.patch(path(&pro), &json!({ "tier": tier }))
            .gets(200)
            .await;
    }
    let mut back = Stream::open(&service, &token, Some(&seen.id)).await;
    let hello = back.next().await;
    assert_eq!(hello.data, json!({ "resumed": true }));
    let missed = [back.next().await, back.next().await];
    assert_eq!(
        missed.each_ref().map(|event| event.data["version"].clone()),
        [2, 3]
    );
    // An id that was never given out is no place: everything is new.
    let mut lost = Stream::open(&service, &token, Some("yesterday")).await;
    assert_eq!(lost.next().await.data, json!({ "resumed": false }));
}

async fn another_catalog_is_told_to_everybody(service: Service) {
    let token = Token::user("new", &*service.clock);
    let mut stream = Stream::open(&service, &token, None).await;
    stream.next().await;
    let context = Context::system("test", service.clock.now());
    let written = service.billing.seed_catalog(&context).await.unwrap();
    assert_eq!(written, Seeding::Written);
    let told = stream.next().await;
    assert_eq!(told.kind, "catalog");
    assert!(told.data["revision"].is_string(), "{told:?}");
    let again = service.billing.seed_catalog(&context).await.unwrap();
    assert_eq!(again, Seeding::Unchanged);
}

async fn who_may_not_listen_is_told_so(service: Service) {
    service
        .nobody()
        .get("/api/events")
        .refused(401, "UNAUTHORIZED")
        .await;
    let blind =
        service.caller(|clock| Token::user("ada", clock).with("permissions", json!(["write"])));
    blind.get("/api/events").refused(403, "FORBIDDEN").await;
    let odd = service.user("ada").get("/api/events?since=1");
    let odd = odd.invalid(&["since"]).await;
    assert_eq!(odd.status, StatusCode::BAD_REQUEST);
}

async fn a_threshold_is_told_to_who_may_see_the_owner(service: Service) {
    let clock = &*service.clock;
    let mut hers = Stream::open(&service, &Token::user("ada", clock), None).await;
    let mut bobs = Stream::open(&service, &Token::user("bob", clock), None).await;
    let mut theirs = Stream::open(&service, &Token::service("gate", clock), None).await;
    for stream in [&mut hers, &mut bobs, &mut theirs] {
        assert_eq!(stream.next().await.kind, "hello");
    }
    // A stream that opens right after a change may still hear of it, so the change comes after.
    let pro = subscribe(&service.user("ada"), &wants("pro", "monthly")).await;
    for stream in [&mut hers, &mut theirs] {
        assert_eq!(stream.next().await.kind, "subscription");
    }
    let sms = |who: &str, quantity: u64| {
        json!({ "records": [{
            "idempotencyKey": format!("{quantity}"), "userId": who, "metric": "sms_messages",
            "quantity": quantity,
        }] })
    };
    let meter = service.meter();
    for _ in 0..2 {
        meter.post("/api/usage", &sms("ada", 80)).gets(200).await;
    }
    for stream in [&mut hers, &mut theirs] {
        for threshold in [50, 80] {
            let told = stream.next().await;
            assert_eq!(told.kind, "usage.threshold_reached");
            assert_eq!(told.data["subject"]["userId"], "ada");
            assert_eq!(told.data["subscriptionId"], pro["id"]);
            let numbers = ["threshold", "limit", "used"].map(|name| told.data[name].as_u64());
            assert_eq!(numbers, [Some(threshold), Some(100), Some(80)]);
        }
    }
    // What bob hears first is his own.
    subscribe(&service.user("bob"), &wants("pro", "monthly")).await;
    assert_eq!(bobs.next().await.data["subject"]["userId"], "bob");
}
