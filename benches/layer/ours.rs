//! The layers of tiergate.

use http::StatusCode;
use tiergate::TierGate;
use tiergate::layer::{CheckUsageLimitLayer, RequireFeatureLayer, RequireMinTierLayer};
use tiergate::request::FromTrustedHeader;
use tiergate::usage::IdempotencyKey;
use tower::Layer;

use crate::by_hand::NoOp;
use crate::columns::{Columns, EVERYBODY, WHO_PAYS, app};
use crate::requests::{Signed, USER_HEADER};
use crate::world::{FEATURE, LIMIT, MIN_TIER, SUSPENDED, UNKNOWABLE};

fn feature(gate: &TierGate) -> RequireFeatureLayer {
    gate.require_feature(FEATURE).expect("it exists")
}

fn min_tier(gate: &TierGate) -> RequireMinTierLayer {
    gate.require_min_tier(MIN_TIER).expect("it exists")
}

fn limit(gate: &TierGate) -> CheckUsageLimitLayer {
    gate.check_usage_limit(LIMIT).expect("it exists")
}

/// Requests that are let through, for each place where a layer can stand.
pub(crate) fn allowed(columns: &mut Columns<'_>) {
    let gate = columns.world.gate();
    let (feature, min_tier, limit) = (feature(&gate), min_tier(&gate), limit(&gate));
    let plain = limit.clone().without_rate_limit_fields();
    let signed = Signed::Principal;

    columns.allowed("bare router", None, signed, app(), EVERYBODY);

    let no_op = "`layer`: does nothing";
    let beside = Some(no_op);
    columns.allowed(no_op, None, signed, app().layer(NoOp), EVERYBODY);
    let guarded = app().layer(feature.clone());
    columns.allowed("`layer`: RequireFeature", beside, signed, guarded, WHO_PAYS);
    let guarded = app().layer(min_tier.clone());
    columns.allowed("`layer`: RequireMinTier", beside, signed, guarded, WHO_PAYS);
    let guarded = app().layer(limit.clone());
    columns.allowed(
        "`layer`: CheckUsageLimit",
        beside,
        signed,
        guarded,
        WHO_PAYS,
    );
    let guarded = app().layer(plain.clone());
    let name = "`layer`: CheckUsageLimit, without fields";
    columns.allowed(name, beside, signed, guarded, WHO_PAYS);

    let no_op = "`layer`: three that do nothing";
    let three = app().layer(NoOp).layer(NoOp).layer(NoOp);
    columns.allowed(no_op, None, signed, three, EVERYBODY);
    let three = app()
        .layer(plain.clone())
        .layer(min_tier.clone())
        .layer(feature.clone());
    let name = "`layer`: all three, without fields";
    columns.allowed(name, Some(no_op), signed, three, WHO_PAYS);

    let no_op = "`route_layer`: does nothing";
    columns.allowed(no_op, None, signed, app().route_layer(NoOp), EVERYBODY);
    let guarded = app().route_layer(feature.clone());
    let name = "`route_layer`: RequireFeature";
    columns.allowed(name, Some(no_op), signed, guarded, WHO_PAYS);

    let no_op = "around: does nothing";
    let beside = Some(no_op);
    columns.allowed(no_op, None, signed, NoOp.layer(app()), EVERYBODY);
    let guarded = feature.layer(app());
    columns.allowed("around: RequireFeature", beside, signed, guarded, WHO_PAYS);
    let guarded = min_tier.layer(app());
    columns.allowed("around: RequireMinTier", beside, signed, guarded, WHO_PAYS);
    let guarded = limit.layer(app());
    columns.allowed("around: CheckUsageLimit", beside, signed, guarded, WHO_PAYS);
    let guarded = plain.layer(app());
    let name = "around: CheckUsageLimit, without fields";
    columns.allowed(name, beside, signed, guarded, WHO_PAYS);
    let three = (&feature, &min_tier, &plain).layer(app());
    let name = "around: all three, without fields";
    columns.allowed(name, beside, signed, three, WHO_PAYS);
}

/// The same, where a gateway names the subject in a header.
pub(crate) fn by_header(columns: &mut Columns<'_>) {
    let trusted = FromTrustedHeader::danger_trust_user_header(USER_HEADER);
    let gate = columns.world.gate_that_reads(trusted);
    let signed = Signed::Header;
    columns.allowed("header: bare router", None, signed, app(), EVERYBODY);
    let no_op = "header, `layer`: does nothing";
    columns.allowed(no_op, None, signed, app().layer(NoOp), EVERYBODY);
    let guarded = app().layer(feature(&gate));
    let name = "header, `layer`: RequireFeature";
    columns.allowed(name, Some(no_op), signed, guarded, WHO_PAYS);
}

/// Requests that are refused, for each reason.
pub(crate) fn denied(columns: &mut Columns<'_>) {
    let gate = columns.world.gate();
    let signed = Signed::Principal;
    let forbidden = StatusCode::FORBIDDEN;

    let guarded = app().layer(feature(&gate));
    let expected = StatusCode::UNAUTHORIZED;
    columns.of_one(
        "denied: UNAUTHORIZED",
        guarded,
        "nobody",
        Signed::Not,
        expected,
    );

    let guarded = app().layer(feature(&gate));
    columns.of_one(
        "denied: FEATURE_NOT_AVAILABLE",
        guarded,
        "free",
        signed,
        forbidden,
    );

    let guarded = app().layer(min_tier(&gate));
    columns.of_one("denied: TIER_REQUIRED", guarded, "free", signed, forbidden);

    let guarded = app().layer(feature(&gate));
    let name = "denied: SUBSCRIPTION_INACTIVE";
    columns.of_one(name, guarded, SUSPENDED, signed, forbidden);

    let all = app().layer(limit(&gate).cost(1_000));
    columns.first(all, "pro");
    let guarded = app().layer(limit(&gate));
    let expected = StatusCode::TOO_MANY_REQUESTS;
    columns.of_one("denied: LIMIT_EXCEEDED", guarded, "pro", signed, expected);

    let guarded = app().layer(limit(&gate).cost(1_001));
    columns.of_one(
        "denied: COST_ABOVE_LIMIT",
        guarded,
        "pro",
        signed,
        forbidden,
    );

    let key = IdempotencyKey::new("018f6a2e-7b1c").expect("it is one");
    let keyed = |cost| {
        let key = key.clone();
        app().layer(
            limit(&gate)
                .cost(cost)
                .idempotency_key(move |_| Some(key.clone())),
        )
    };
    columns.first(keyed(1), "max");
    let name = "denied: IDEMPOTENCY_KEY_REUSED";
    let expected = StatusCode::UNPROCESSABLE_ENTITY;
    columns.of_one(name, keyed(2), "max", signed, expected);

    let guarded = app().layer(feature(&gate));
    let name = "denied: BILLING_UNAVAILABLE";
    let expected = StatusCode::SERVICE_UNAVAILABLE;
    columns.of_one(name, guarded, UNKNOWABLE, signed, expected);
}
