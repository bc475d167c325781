use super::*;

/// Moments are days after [`ORIGIN`], `-` a microsecond before and `+` a microsecond after. The
/// grace period is seven days.
const TABLE: &str = "
# status           trial end  period  renewal  moment  tier  why

# Active is its own tier, whatever the dates, unless it was to end and has.
active             none       none    renews   0       pro   active
active             none       none    ends     0       pro   active
active             none       0..30   renews   30-     pro   active
active             none       0..30   renews   30      pro   active
active             none       0..30   renews   99      pro   active
active             5          0..30   renews   6       pro   active
active             none       0..30   ends     30-     pro   active
active             none       0..30   ends     30      free  ended
active             none       0..30   ends     30+     free  ended
active             none       0..     ends     99      pro   active

# A trial that is over is past due from its end.
trialing           none       0..30   renews   99      pro   trial
trialing           14         0..14   renews   14-     pro   trial 14
trialing           14         0..14   renews   14      pro   grace 21
trialing           14         0..14   renews   14+     pro   grace 21
trialing           14         0..14   renews   21-     pro   grace 21
trialing           14         0..14   renews   21      free  inactive
trialing           14         0..14   renews   21+     free  inactive
trialing           14         none    renews   14      pro   grace 21
trialing           14         0..14   ends     14-     pro   trial 14
trialing           14         0..14   ends     14      free  ended
trialing           14         0..10   ends     10-     pro   trial 14
trialing           14         0..10   ends     10      free  ended
trialing           14         0..30   ends     20      pro   grace 21
trialing           14         0..30   ends     21      free  inactive
trialing           14         0..30   ends     30      free  ended
trialing           none       0..30   ends     30      free  ended

# Grace is counted from the start of the period, and is cut where the subscription was to end.
past_due           none       0..30   renews   0-      pro   grace 7
past_due           none       0..30   renews   0       pro   grace 7
past_due           none       0..30   renews   7-      pro   grace 7
past_due           none       0..30   renews   7       free  inactive
past_due           none       0..30   renews   7+      free  inactive
past_due           none       0..     renews   7-      pro   grace 7
past_due           none       none    renews   0       free  inactive
past_due           none       ..30    renews   0       free  inactive
past_due           5          10..40  renews   16      pro   grace 17
past_due           none       0..5    ends     5-      pro   grace 7
past_due           none       0..5    ends     5       free  ended
past_due           none       0..30   ends     7       free  inactive

# Canceled is paid until the end of the period, if it was canceled for then.
canceled           none       0..30   ends     30-     pro   paid 30
canceled           none       0..30   ends     30      free  ended
canceled           none       0..30   ends     30+     free  ended
canceled           none       ..30    ends     30-     pro   paid 30
canceled           none       0..30   renews   0       free  ended
canceled           none       none    ends     0       free  ended
canceled           99         0..     ends     0       free  ended

# Everything else is inactive, and never over.
suspended          99         0..30   renews   0       free  inactive
incomplete         99         0..30   renews   0       free  inactive
incomplete_expired 99         0..30   renews   0       free  inactive
unpaid             99         0..30   renews   0       free  inactive
paused             99         0..30   renews   0       free  inactive
on_hold            99         0..30   renews   0       free  inactive
Active             99         0..30   renews   0       free  inactive
suspended          none       0..30   ends     30-     free  inactive
unpaid             none       0..30   ends     30      free  inactive
";

const ORIGIN: &str = "2026-01-31T09:30:00Z";

fn day(text: &str) -> Timestamp {
    let days: u64 = text.trim_end_matches(['-', '+']).parse().unwrap();
    let day = moment(ORIGIN).saturating_add(Duration::from_secs(days * 86_400));
    match text.chars().last() {
        Some('-') => day.saturating_sub(Duration::from_micros(1)),
        Some('+') => day.saturating_add(Duration::from_micros(1)),
        _ => day,
    }
}

fn optional_day(text: &str) -> Option<Timestamp> {
    (!matches!(text, "none" | "")).then(|| day(text))
}

#[test]
fn the_effective_tier_follows_the_status_and_the_dates() {
    let lines = TABLE.lines().filter(|line| !line.is_empty());
    let mut seen = std::collections::BTreeSet::new();
    for line in lines.filter(|line| !line.starts_with('#')) {
        let cells: Vec<_> = line.split_whitespace().collect();
        let [status, trial, period, renewal, moment, tier, why @ ..] = &cells[..] else {
            panic!("{line}");
        };
        seen.insert(*status);
        let mut scene = Scene::with(SubscriptionStatus::from(*status), "pro");
        scene.now = day(moment);
        let subscription = scene.subscription.as_mut().unwrap();
        let (start, end) = period.split_once("..").unwrap_or_default();
        subscription.period_start = optional_day(start);
        subscription.period_end = optional_day(end);
        subscription.trial_end = optional_day(trial);
        if *renewal == "ends" {
            *subscription = subscription.clone().ending_with_period();
        }
        let expected = match why {
            ["active"] => Basis::Active,
            ["trial"] => Basis::Trial { until: None },
            ["trial", until] => Basis::Trial {
                until: Some(day(until)),
            },
            ["grace", until] => Basis::Grace { until: day(until) },
            ["paid", until] => Basis::PaidUntil { until: day(until) },
            ["ended"] => Basis::Ended,
            ["inactive"] => Basis::Inactive {
                own: scene.catalog.tier_id("pro"),
            },
            _ => panic!("{line}"),
        };
        assert_eq!(scene.standing().basis(), expected, "{line}");
        assert_eq!(scene.tier(), *tier, "{line}");
    }
    for status in every_status() {
        assert!(seen.contains(status.as_str()), "{status} has no line");
    }
}

#[test]
fn the_grace_period_is_what_policy_says() {
    let mut scene = Scene::with(SubscriptionStatus::PastDue, "pro");
    let start = scene.subscription.as_ref().unwrap().period_start.unwrap();
    scene.policy.grace = Duration::ZERO;
    scene.now = start;
    assert_eq!(scene.tier(), "free");
    scene.policy.grace = Duration::from_micros(1);
    assert_eq!(scene.tier(), "pro");
    scene.policy.grace = Duration::MAX;
    scene.now = moment("9999-01-01T00:00:00Z");
    assert_eq!(scene.tier(), "pro");
}

#[test]
fn nobody_has_the_default_tier() {
    let scene = Scene::nobody();
    assert_eq!(scene.tier(), "free");
    assert_eq!(scene.standing().basis(), Basis::NoSubscription);
}

#[test]
fn a_tier_that_the_catalog_does_not_name_is_the_default_tier() {
    let scene = Scene::active("platinum");
    assert_eq!(scene.tier(), "free");
    assert_eq!(scene.standing().basis(), Basis::UnknownTier);
    assert!(scene.allows(&scene.feature("timeline")));
    assert_eq!(
        scene.kind(&scene.feature("crm")),
        DenialKind::FeatureNotAvailable
    );
}

#[test]
fn what_is_over_or_inactive_is_so_whether_or_not_its_tier_is_known() {
    let suspended = Scene::suspended("platinum");
    assert_eq!(suspended.standing().basis(), Basis::Inactive { own: None });
    let canceled = Scene::with(SubscriptionStatus::Canceled, "platinum");
    assert_eq!(canceled.standing().basis(), Basis::Ended);
}

#[test]
fn quotas_of_a_billing_period_are_anchored_at_the_start_of_the_period() {
    let scene = Scene::active("pro");
    let window = scene.allowance("sms", 1).window.unwrap();
    assert_eq!(window.start(), moment("2026-03-10T00:00:00Z"));
    assert_eq!(window.end(), moment("2026-04-10T00:00:00Z"));
    // A change of status changes no window, so nothing that was counted is forgotten.
    let past_due = Scene::with(SubscriptionStatus::PastDue, "pro");
    assert_eq!(past_due.allowance("sms", 1).window, Some(window));
}
