use super::*;

async fn rate(billing: &Billing) -> (u64, u64, Option<u32>) {
    let report = churn(billing, Days::default()).await.unwrap();
    let tiers = report.tiers.iter();
    let sums = tiers.fold((0, 0), |sums, tier| {
        (sums.0 + tier.at_start, sums.1 + tier.lost)
    });
    assert_eq!(sums, (report.at_start, report.lost));
    (report.at_start, report.lost, report.rate_basis_points)
}

fn canceled(record: SubscriptionRecord, at: &str) -> SubscriptionRecord {
    SubscriptionRecord {
        status: "canceled".to_owned(),
        canceled_at: Some(time(at)),
        ..record
    }
}

/// An office on the 1st of March: the 30 days began on the 30th of January.
async fn in_march() -> Vec<Office> {
    let offices = Office::each().await;
    for office in &offices {
        office.clock.set_wall_clock(time("2026-03-01T00:00:00Z").0);
    }
    offices
}

#[tokio::test]
async fn who_ended_in_the_span_is_lost() {
    for office in in_march().await {
        let billing = &office.billing;
        assert_eq!(rate(billing).await, (0, 0, None));
        store(billing, record("stays", "pro")).await;
        store(billing, record("behind", "pro")).await;
        store(
            billing,
            canceled(record("leaves", "pro"), "2026-02-10T00:00:00Z"),
        )
        .await;
        store(
            billing,
            canceled(record("left before", "pro"), "2026-01-30T00:00:00Z"),
        )
        .await;
        let until = |user: &str, end: &str| SubscriptionRecord {
            cancel_at_period_end: true,
            current_period_end: Some(time(end)),
            ..canceled(record(user, "max"), "2026-01-02T00:00:00Z")
        };
        store(
            billing,
            until("leaves with the period", "2026-02-28T00:00:00Z"),
        )
        .await;
        store(
            billing,
            until("is paid until later", "2026-03-02T00:00:00Z"),
        )
        .await;
        assert_eq!(rate(billing).await, (5, 2, Some(4000)));
    }
}

#[tokio::test]
async fn who_did_not_pay_at_the_start_does_not_count() {
    for office in in_march().await {
        let billing = &office.billing;
        let late = SubscriptionRecord {
            created_at: time("2026-01-30T00:00:00.000001Z"),
            ..record("late", "pro")
        };
        store(billing, canceled(late, "2026-02-10T00:00:00Z")).await;
        let trial = SubscriptionRecord {
            trial_end: Some(time("2026-01-31T00:00:00Z")),
            ..record("tries", "pro")
        };
        store(billing, canceled(trial, "2026-02-10T00:00:00Z")).await;
        store(
            billing,
            canceled(record("free", "free"), "2026-02-10T00:00:00Z"),
        )
        .await;
        let status = "incomplete_expired".to_owned();
        store(
            billing,
            SubscriptionRecord {
                status,
                ..record("never began", "pro")
            },
        )
        .await;
        assert_eq!(rate(billing).await, (0, 0, None));
    }
}

#[tokio::test]
async fn who_comes_back_is_not_lost_unless_for_free() {
    for office in in_march().await {
        let billing = &office.billing;
        for (user, next) in [("back", "max"), ("free", "free")] {
            store(
                billing,
                canceled(record(user, "pro"), "2026-02-10T00:00:00Z"),
            )
            .await;
            let next = SubscriptionRecord {
                created_at: time("2026-02-11T00:00:00Z"),
                ..record(user, next)
            };
            store(billing, next).await;
        }
        // An organization with the name of a user is another owner.
        store(
            billing,
            canceled(record("name", "pro"), "2026-02-10T00:00:00Z"),
        )
        .await;
        let namesake = SubscriptionRecord {
            user_id: None,
            organization_id: Some("name".to_owned()),
            created_at: time("2026-02-11T00:00:00Z"),
            ..record("name", "team_small")
        };
        store(billing, namesake).await;
        assert_eq!(rate(billing).await, (3, 2, Some(6667)));
    }
}

#[tokio::test]
async fn who_becomes_free_is_lost_under_the_tier_of_the_start() {
    for office in in_march().await {
        let billing = &office.billing;
        let changed = |user: &str, tier: &str| SubscriptionRecord {
            updated_at: time("2026-02-15T00:00:00Z"),
            ..record(user, tier)
        };
        let id = store(billing, changed("down", "free")).await;
        log_tier(billing, id, time("2026-01-01T00:00:00Z"), "pro").await;
        log_tier(billing, id, time("2026-01-20T00:00:00Z"), "max").await;
        // What says nothing about the tier is passed over.
        log(
            billing,
            id,
            time("2026-01-21T00:00:00Z"),
            &json!({ "featureKey": "x" }),
        )
        .await;
        log_tier(billing, id, time("2026-02-15T00:00:00Z"), "free").await;
        // Who pays now and did not at the start is none of them.
        let id = store(billing, changed("up", "pro")).await;
        log_tier(billing, id, time("2026-01-01T00:00:00Z"), "free").await;
        log_tier(billing, id, time("2026-02-15T00:00:00Z"), "pro").await;
        let report = churn(billing, Days::default()).await.unwrap();
        assert_eq!((report.at_start, report.lost), (1, 1));
        assert_eq!(report.tiers[0].tier, "max");
    }
}

/// The life of one subscription, as it is made up for a test.
struct Life {
    record: SubscriptionRecord,
    /// What it had before, until when.
    before: Option<(&'static str, Timestamp)>,
}

fn any_life(random: &mut fastrand::Rng, user: usize) -> Life {
    let year = time("2026-01-01T00:00:00Z").0;
    let mut moment = || year.saturating_add(Duration::from_secs(random.u64(0..100 * 24 * 60 * 60)));
    let (one, other, third, fourth) = (moment(), moment(), moment(), moment());
    let created = one.min(other);
    let status = [
        "active",
        "past_due",
        "canceled",
        "canceled",
        "incomplete",
        "trialing",
    ][random.usize(..6)];
    let owner = format!("user-{user}");
    let record = SubscriptionRecord {
        status: status.to_owned(),
        canceled_at: (status == "canceled").then_some(Time(one.max(other))),
        cancel_at_period_end: random.bool(),
        current_period_end: random.bool().then_some(Time(third)),
        trial_end: random.bool().then_some(Time(fourth)),
        created_at: Time(created),
        updated_at: Time(one.max(other)),
        ..record(&owner, TIERS[random.usize(..TIERS.len())])
    };
    let before = random
        .bool()
        .then(|| (TIERS[random.usize(..TIERS.len())], one.max(other)));
    Life { record, before }
}

/// Whether it was a paying one at the start, and whether it was lost, said anew from the definition.
fn fate(life: &Life, start: Timestamp, end: Timestamp) -> (bool, bool) {
    let record = &life.record;
    let ended = match (&*record.status, record.cancel_at_period_end) {
        ("canceled", true) => record.current_period_end.or(record.canceled_at),
        ("canceled", false) => record.canceled_at,
        _ => None,
    };
    let tier = match life.before {
        Some((tier, until)) if start < until && record.created_at.0 <= start => tier,
        _ => &record.tier,
    };
    let paid = tier != "free"
        && record.status != "incomplete"
        && record.created_at.0 <= start
        && record.trial_end.is_none_or(|end| end.0 <= start)
        && ended.is_none_or(|ended| ended.0 > start);
    let gone = ended.is_some_and(|ended| ended.0 <= end) || record.tier == "free";
    (paid, paid && gone)
}

#[tokio::test]
async fn any_lives_are_counted_as_they_are_one_by_one() {
    for office in Office::each().await {
        let billing = &office.billing;
        let mut random = fastrand::Rng::with_seed(11);
        let mut lives = Vec::new();
        for user in 0..120 {
            let life = any_life(&mut random, user);
            let id = store(billing, life.record.clone()).await;
            if let Some((tier, until)) = life.before {
                log_tier(billing, id, life.record.created_at, tier).await;
                log_tier(billing, id, Time(until), &life.record.tier).await;
            }
            lives.push(life);
        }
        let mut counted = 0;
        for day in (20..130).step_by(9) {
            let end = time("2026-01-01T00:00:00Z")
                .0
                .saturating_add(Duration::from_secs(day * 86_400));
            office.clock.set_wall_clock(end);
            let report = churn(billing, Days::new(18).unwrap()).await.unwrap();
            let fates = lives.iter().map(|life| fate(life, report.start.0, end));
            let naive = fates.fold((0, 0), |sums, (paid, lost)| {
                (sums.0 + u64::from(paid), sums.1 + u64::from(lost))
            });
            assert_eq!((report.at_start, report.lost), naive, "on day {day}");
            counted += report.lost;
        }
        assert!(counted > 0, "nobody was ever lost: the test shows nothing");
    }
}
