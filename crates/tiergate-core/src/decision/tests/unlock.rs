use super::*;

fn required(scene: &Scene, requirement: &Requirement) -> Option<String> {
    scene.denial(requirement).required_tier().map(str::to_owned)
}

fn required_feature(scene: &Scene, feature: &str) -> Option<String> {
    required(scene, &scene.feature(feature))
}

#[test]
fn the_cheapest_tier_is_proposed_and_all_that_would_do_are_listed() {
    let scene = Scene::active("free");
    let denial = scene.denial(&scene.feature("payments"));
    assert_eq!(denial.required_tier(), Some("max"));
    assert_eq!(
        available_in(&denial),
        ["max", "premium", "enterprise", "crew"]
    );
}

#[test]
fn a_tier_on_the_own_track_is_proposed_before_a_cheaper_one_on_the_other() {
    // Team is 40 dollars for its five seats, crew 75, premium 59 and max 29.
    let team = Scene::active("team").organization();
    assert_eq!(required_feature(&team, "payments").as_deref(), Some("crew"));
    let max = Scene::active("max");
    assert_eq!(
        required(&max, &max.units("sms", 501)).as_deref(),
        Some("premium")
    );
}

#[test]
fn a_price_by_contract_comes_last_on_its_track() {
    let team = Scene::active("team");
    assert_eq!(required_feature(&team, "payments").as_deref(), Some("crew"));
    // Only by contract on the own track, and still the own track.
    assert_eq!(
        required_feature(&team, "branding").as_deref(),
        Some("enterprise")
    );
}

#[test]
fn the_track_of_who_pays_for_no_tier_is_that_of_its_kind() {
    let user = Scene::nobody();
    assert_eq!(required_feature(&user, "crm").as_deref(), Some("pro"));
    let organization = Scene::nobody().organization();
    assert_eq!(
        required_feature(&organization, "crm").as_deref(),
        Some("team")
    );
    let unknown = Scene::active("platinum").organization();
    assert_eq!(required_feature(&unknown, "crm").as_deref(), Some("team"));
}

#[test]
fn the_track_of_who_pays_is_that_of_the_tier_even_while_it_is_inactive() {
    let active = Scene::active("team");
    assert_eq!(
        required_feature(&active, "payments").as_deref(),
        Some("crew")
    );
    let suspended = Scene::suspended("team");
    assert_eq!(
        required_feature(&suspended, "payments").as_deref(),
        Some("crew")
    );
    let premium = Scene::suspended("pro").organization();
    assert_eq!(
        required_feature(&premium, "payments").as_deref(),
        Some("max")
    );
    let free = Scene::suspended("free").organization();
    assert_eq!(required_feature(&free, "payments").as_deref(), Some("crew"));
}

#[test]
fn of_two_tiers_at_one_price_the_first_in_the_catalog_is_proposed() {
    let catalog = HOUSE.replace("monthly: 59.00", "monthly: 29.00");
    let mut scene = Scene::nobody();
    scene.catalog = Catalog::from_yaml(&catalog).unwrap();
    assert_eq!(required_feature(&scene, "payments").as_deref(), Some("max"));
}

#[test]
fn nothing_is_proposed_where_nobody_has_it() {
    for tier in ["free", "premium", "enterprise"] {
        let scene = Scene::active(tier);
        let denial = scene.denial(&scene.feature("beta"));
        assert_eq!(denial.kind(), DenialKind::FeatureNotAvailable);
        assert_eq!(denial.required_tier(), None);
        assert!(denial.available_in().is_empty());
    }
}

#[test]
fn a_minimum_is_met_by_the_tier_itself_or_one_that_includes_it() {
    let scene = Scene::nobody().organization();
    let denial = scene.denial(&scene.min_tier("max"));
    assert_eq!(denial.required_tier(), Some("enterprise"));
    assert_eq!(available_in(&denial), ["max", "premium", "enterprise"]);
}
