//! What the quickstart tells you to try. The README shows the same, with the answers.

use std::net::SocketAddr;

use crate::demo;

/// With a billing service in the same process, and subscribers that are known.
pub(crate) fn print(application: SocketAddr, billing: SocketAddr, token_of_fay: &str) {
    println!("\nIn another terminal, from top to bottom:");
    println!("\nFay's token, which billing asks for.\n  export FAY={token_of_fay}");

    let contacts = format!("http://{application}/api/crm/contacts");
    let execute = format!("-X POST http://{application}/api/workflows/execute");
    let brand = format!("-X POST http://{application}/api/branding/white-label");
    let notify = format!("-X POST http://{application}/api/notifications");
    let switch = format!("-X POST http://{application}/demo/billing");
    let subscribe = subscribe(&format!("http://{billing}"), "FAY");

    demo::print_guide(&[
        (
            "Pia is on Pro, which has the CRM.",
            "200",
            format!("{contacts} {}", is("pia")),
        ),
        (
            "Fay is on Free, which has not.",
            "403 FEATURE_NOT_AVAILABLE",
            format!("{contacts} {}", is("fay")),
        ),
        (
            "Sue is on Pro, and suspended.",
            "403 SUBSCRIPTION_INACTIVE",
            format!("{contacts} {}", is("sue")),
        ),
        ("Nobody is signed in.", "401 UNAUTHORIZED", contacts.clone()),
        (
            "Lou may execute three workflows in a billing period. Try three times.",
            "200, 200, 200",
            format!("{execute} {}", is("lou")),
        ),
        (
            "A fourth does not fit.",
            "429 LIMIT_EXCEEDED",
            format!("-i {execute} {}", is("lou")),
        ),
        (
            "White label needs Premium, or a tier that includes it.",
            "403 TIER_REQUIRED",
            format!("{brand} {}", is("pia")),
        ),
        (
            "Pia is a member of an organization that is on Enterprise.",
            "200",
            format!("{brand} {} -H 'X-Organization-Id: eagle'", is("pia")),
        ),
        (
            "Plain code: Pro has SMS.",
            "200",
            format!("{notify} {}", is("pia")),
        ),
        ("Free has not.", "200", format!("{notify} {}", is("fay"))),
        (
            "Fay subscribes to Pro, at the billing service.",
            "201",
            subscribe,
        ),
        (
            "What she has now holds at once.",
            "200",
            format!("{contacts} {}", is("fay")),
        ),
        ("Billing goes away.", "200", format!("{switch}/stop")),
        (
            "Pia is remembered.",
            "200",
            format!("{contacts} {}", is("pia")),
        ),
        (
            "Of Mia nothing is known yet, and nobody guesses.",
            "503 BILLING_UNAVAILABLE",
            format!("-i {contacts} {}", is("mia")),
        ),
        (
            "She is notified all the same, in the way that everybody has.",
            "200",
            format!("{notify} {}", is("mia")),
        ),
        ("Billing comes back.", "200", format!("{switch}/start")),
        (
            "Pam is on Premium.",
            "200",
            format!("{contacts} {}", is("pam")),
        ),
    ]);
}

/// With a billing service that runs elsewhere: who has what there is not known here.
pub(crate) fn print_for_running(application: SocketAddr, billing: &str) {
    println!("\nIn another terminal, with Pia's token in TOKEN (`tiergate token --user pia`):");

    let contacts = format!("http://{application}/api/crm/contacts {}", is("pia"));
    demo::print_guide(&[
        (
            "Pia has not subscribed.",
            "403 FEATURE_NOT_AVAILABLE",
            contacts.clone(),
        ),
        ("She subscribes to Pro.", "201", subscribe(billing, "TOKEN")),
        ("It holds at once.", "200", contacts),
    ]);
}

/// For the application, where whoever says so is signed in.
fn is(user: &str) -> String {
    format!("-H 'Authorization: Bearer demo-{user}'")
}

/// For billing, which checks a token, here of a variable of the shell.
fn subscribe(billing: &str, variable: &str) -> String {
    format!(
        "-X POST {billing}/api/subscriptions -H \"Authorization: Bearer ${variable}\" \
         -H 'Content-Type: application/json' -d '{{\"tier\":\"pro\",\"billingCycle\":\"monthly\"}}'"
    )
}
