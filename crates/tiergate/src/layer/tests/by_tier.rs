//! Whose tier alone decides is counted from what a thread knows of the tier, and that is never told
//! apart from deciding for each request anew.

use std::time::Duration;

use http::{HeaderMap, Request, Response, StatusCode};
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::Value;
use tiergate_clock::Clock as _;
use tiergate_core::{Meter, QuotaPeriod, RatePeriod};

use super::support::{App, Body, app, by, send, with};
use crate::catalog::{Availability, FeatureSpec, TierSpec};
use crate::subscription::{Override, OverrideValue};
use crate::testing::TestGate;
use crate::{Access, Catalog, Limit, Subject, Subscription, SubscriptionStatus};

/// One of each kind that is counted.
const LIMITS: [(&str, Meter); 5] = [
    ("stored", Meter::Gauge),
    ("called", Meter::Rate(RatePeriod::Minute)),
    ("mailed", Meter::Quota(QuotaPeriod::Day)),
    ("texted", Meter::Quota(QuotaPeriod::Month)),
    ("billed", Meter::Quota(QuotaPeriod::BillingPeriod)),
];

/// A catalog that gives `pro` so many units of each, and `free` none.
fn catalog(pro: Limit, zone: &str, availability: Availability) -> Catalog {
    let limit = |(key, meter): (&str, Meter)| {
        let spec = FeatureSpec::limit(key).counted(meter);
        let spec = spec.availability(availability);
        spec.value("free", Limit::ZERO).value("pro", pro)
    };
    Catalog::builder()
        .time_zone(zone)
        .default_tier("free")
        .tier(TierSpec::new("free"))
        .tier(TierSpec::new("pro").includes("free"))
        .features(LIMITS.map(limit))
        .build()
        .unwrap()
}

#[derive(Clone, Debug)]
enum Event {
    Requests(usize),
    Advance(u64),
    /// The wall clock is set back.
    SetBack(u64),
    Catalog {
        pro: Limit,
        zone: &'static str,
        availability: Availability,
    },
    Subscription(Terms),
}

#[derive(Clone, Debug)]
struct Terms {
    tier: usize,
    status: usize,
    /// When the period began and how many days it lasts, in seconds ago.
    period: Option<(u64, u64)>,
    overridden: Option<u64>,
    ends: bool,
}

const PRO: [Limit; 4] = [
    Limit::AtMost(2),
    Limit::AtMost(3),
    Limit::ZERO,
    Limit::Unlimited,
];
const ZONES: [&str; 2] = ["UTC", "Europe/Berlin"];
const TIERS: [&str; 3] = ["free", "pro", "unheard_of"];

fn events() -> impl Strategy<Value = Vec<Event>> {
    let day = 86_400_u64;
    let terms = (
        0..TIERS.len(),
        0..3_usize,
        prop::option::weighted(0.7, (0..90 * day, select(vec![14, 28, 30, 31, 365]))),
        prop::option::weighted(0.2, 0..4_u64),
        prop::bool::weighted(0.1),
    );
    let terms = terms.prop_map(|(tier, status, period, overridden, ends)| Terms {
        tier,
        status,
        period,
        overridden,
        ends,
    });
    let availability =
        prop_oneof![9 => Just(Availability::Enabled), 1 => Just(Availability::Disabled)];
    let event = prop_oneof![
        6 => (0..LIMITS.len()).prop_map(Event::Requests),
        1 => (0..40 * day).prop_map(Event::Advance),
        1 => (0..90_u64).prop_map(Event::Advance),
        1 => (0..40 * day).prop_map(Event::SetBack),
        1 => (select(&PRO[..]), select(&ZONES[..]), availability).prop_map(
            |(pro, zone, availability)| Event::Catalog { pro, zone, availability }
        ),
        2 => terms.prop_map(Event::Subscription),
    ];
    prop::collection::vec(event, 1..60)
}

/// A gate, and a service behind each of its limits that tells what it was told.
struct Guarded {
    test: TestGate,
    apps: Vec<App>,
    both: App,
}

impl Guarded {
    fn new() -> Self {
        let test =
            TestGate::new(catalog(PRO[0], ZONES[0], Availability::Enabled)).user("ada", "pro");
        let gate = test.gate();
        let telling = |request: Request<Body>| async move { tell(&request) };
        let apps = LIMITS.map(|(key, _)| app(&gate.check_usage_limit(key).unwrap(), telling));
        let layers = (
            gate.require_min_tier("free").unwrap(),
            gate.check_usage_limits(["billed", "called"]).unwrap(),
            gate.check_usage_limit("billed").unwrap(),
            gate.check_usage_limit("mailed").unwrap(),
        );
        let both = app(&layers, telling);
        Self {
            test,
            apps: apps.into(),
            both,
        }
    }

    fn change(&self, event: &Event) {
        let clock = self.test.clock();
        match event {
            Event::Requests(_) => {}
            Event::Advance(seconds) => clock.advance(Duration::from_secs(*seconds)),
            Event::SetBack(seconds) => {
                clock.set_wall_clock(clock.now().saturating_sub(Duration::from_secs(*seconds)));
            }
            Event::Catalog {
                pro,
                zone,
                availability,
            } => {
                let next = catalog(*pro, zone, *availability);
                self.test.gate().replace_catalog(next).unwrap();
            }
            Event::Subscription(terms) => self.test.set(self.subscription(terms)),
        }
    }

    fn subscription(&self, terms: &Terms) -> Subscription {
        let status = [
            SubscriptionStatus::Active,
            SubscriptionStatus::Active,
            SubscriptionStatus::PastDue,
        ];
        let (ada, status) = (Subject::user("ada"), status[terms.status].clone());
        let mut one = Subscription::new(ada, TIERS[terms.tier], status);
        if let Some((ago, days)) = terms.period {
            let start = self.test.clock().now();
            let start = start.saturating_sub(Duration::from_secs(ago));
            one = one.with_period(
                start,
                start.saturating_add(Duration::from_secs(days * 86_400)),
            );
        }
        if let Some(units) = terms.overridden {
            one = one.with_override(Override {
                feature: "billed".into(),
                value: OverrideValue::Limit(Limit::AtMost(units)),
                expires_at: None,
            });
        }
        if terms.ends {
            one.ending_with_period()
        } else {
            one
        }
    }
}

/// What a handler is told.
fn tell(request: &Request<Body>) -> Response<Body> {
    let access = Access::of(request.extensions()).unwrap();
    let metered: Vec<_> = access
        .metered()
        .iter()
        .map(|one| {
            (
                &one.feature,
                one.limit,
                one.used,
                one.resets_at,
                one.ticket.quantity(),
            )
        })
        .collect();
    let told = format!(
        "{} {:?} {} {:?} {:?}",
        access.tier(),
        access.grant().assurance,
        access.is_degraded(),
        metered,
        access
            .subscription()
            .map(|one| (one.period_start, one.period_end)),
    );
    let mut response = Response::new(told.into_bytes().into());
    // Now and then the work is not done, and nothing is charged.
    if access.metered().iter().any(|one| one.used == 2) {
        *response.status_mut() = StatusCode::BAD_REQUEST;
    }
    response
}

type Told = (StatusCode, HeaderMap, Value);

async fn ask(app: &App, request: Request<Body>) -> Told {
    let reply = send(app, request).await;
    (reply.status, reply.headers, reply.body)
}

async fn compare(events: &[Event]) {
    let (glancing, anew) = (Guarded::new(), Guarded::new());
    for event in events {
        glancing.change(event);
        anew.change(event);
        let Event::Requests(which) = event else {
            continue;
        };
        for (app, other) in [
            (&glancing.apps[*which], &anew.apps[*which]),
            (&glancing.apps[*which], &anew.apps[*which]),
            (&glancing.both, &anew.both),
        ] {
            let told = ask(app, by("ada")).await;
            // What has no principal is decided the longer way.
            let expected = ask(other, with(Subject::user("ada"))).await;
            assert_eq!(told, expected);
        }
    }
    for (key, _) in LIMITS {
        let ada = Subject::user("ada");
        let told = glancing.test.gate().usage(&ada, key).await.unwrap();
        let expected = anew.test.gate().usage(&ada, key).await.unwrap();
        assert_eq!(told, expected, "{key}");
    }
}

/// Requests of a user, and how many units that user is told to have.
async fn quota(test: &TestGate, user: &str) -> String {
    let app = app(
        &test.gate().check_usage_limit("billed").unwrap(),
        |_| async { Response::default() },
    );
    // The first is looked up.
    send(&app, by(user)).await;
    let reply = send(&app, by(user)).await;
    let policy = reply.header("ratelimit-policy").unwrap_or_default();
    policy.split(';').nth(1).unwrap_or_default().to_owned()
}

#[tokio::test]
async fn gates_of_one_thread_do_not_take_each_others_word() {
    let catalog = |pro| catalog(Limit::AtMost(pro), "UTC", Availability::Enabled);
    // Clones have the same ids, and each gate numbers tiers as it meets them.
    let first = catalog(10);
    let (one, other) = (TestGate::new(first.clone()), TestGate::new(first));
    let one = one.user("ada", "pro").user("bob", "free");
    let other = other.user("ada", "pro").user("bob", "free");
    assert_eq!(quota(&one, "ada").await, "q=10");
    assert_eq!(quota(&other, "bob").await, "");
    assert_eq!(quota(&one, "bob").await, "");
    assert_eq!(quota(&other, "ada").await, "q=10");
    // Both are at the same revision from here on.
    one.gate().replace_catalog(catalog(20)).unwrap();
    other.gate().replace_catalog(catalog(30)).unwrap();
    for _ in 0..2 {
        assert_eq!(quota(&one, "ada").await, "q=20");
        assert_eq!(quota(&other, "ada").await, "q=30");
        assert_eq!(quota(&other, "bob").await, "");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn it_makes_no_difference_whether_the_tier_is_known(events in events()) {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .unwrap();
        runtime.block_on(compare(&events));
    }
}
