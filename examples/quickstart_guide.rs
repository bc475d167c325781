//! What the quickstart tells you to try. The README shows the same, with the answers.

use std::net::SocketAddr;

use crate::demo;

pub(crate) fn print(application: SocketAddr, billing: SocketAddr) {
    println!("\nIn another terminal, from top to bottom:");

    let contacts = format!("http://{application}/api/crm/contacts");
    let execute = format!("-X POST http://{application}/api/workflows/execute");
    let brand = format!("-X POST http://{application}/api/branding/white-label");
    let notify = format!("-X POST http://{application}/api/notifications");
    let is = |user: &str| format!("-H 'Authorization: Bearer demo-{user}'");

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
            "Billing goes away.",
            "200",
            format!("-X POST http://{billing}/stop"),
        ),
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
        (
            "Billing comes back.",
            "200",
            format!("-X POST http://{billing}/start"),
        ),
        (
            "Pam is on Premium.",
            "200",
            format!("{contacts} {}", is("pam")),
        ),
    ]);
}
