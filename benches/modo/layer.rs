//! One request through an in-process axum router: the bench `layer`, with the layers of modo.
#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a benchmark that is set up wrong has to stop"
)]

#[expect(
    dead_code,
    reason = "it is shared with another bench, which needs all of it"
)]
#[path = "../layer/by_hand.rs"]
mod by_hand;
#[path = "../layer/columns.rs"]
mod columns;
#[path = "../layer/instructions.rs"]
mod instructions;
#[expect(
    dead_code,
    reason = "it is shared with another bench, which needs all of it"
)]
#[path = "../layer/ours.rs"]
mod ours;
#[path = "../layer/report.rs"]
mod report;
#[path = "../layer/requests.rs"]
mod requests;
mod tiers;
#[path = "../layer/world.rs"]
mod world;

use columns::{Columns, WHO_PAYS, app};
use instructions::{Instructions, Repeat, subscribers};
use modo::tier::{TierLayer, require_feature};
use requests::{Callers, Signed, USER_HEADER};
use side_by_side::Effort;
use world::{FEATURE, ONE_OF_EACH, World, catalog};

fn main() {
    let effort = Effort::from_args();
    let repeat = Repeat::from_args();
    let world = World::of(subscribers(repeat.as_ref(), effort));
    let callers = Callers::of(&world);
    let mut allowed = Columns::new(&world, &callers);
    ours::allowed(&mut allowed);
    ours::by_header(&mut allowed);
    modo(&mut allowed);
    if let Some(repeat) = repeat {
        repeat.run(&mut allowed.all);
        return;
    }
    let title = "One request that is let through, beside modo";
    report::print(title, allowed.all, effort, &Instructions::from_args());
}

/// Its tier layer, and the guard behind it.
fn modo(columns: &mut Columns<'_>) {
    let infos = tiers::infos(&catalog());
    let number_of = |name: &str| infos.iter().position(|info| info.name == name);
    let many = columns.world.ids.iter().enumerate();
    let many = many.map(|(number, id)| (id.as_str(), World::tier_of(number)));
    let everybody = many.chain(ONE_OF_EACH.map(|tier| (tier, tier)));
    let numbers = everybody.map(|(id, tier)| {
        let number = number_of(tier).expect("the catalog has it");
        (id.to_owned(), number)
    });
    let resolver = tiers::resolver(infos.clone(), numbers.collect::<Vec<_>>());
    let tiers = TierLayer::new(resolver, |parts| {
        Some(parts.headers.get(USER_HEADER)?.to_str().ok()?.to_owned())
    });
    let guarded = app().layer(require_feature(FEATURE)).layer(tiers);
    let beside = Some("header, `layer`: does nothing");
    let name = "header, `layer`: modo's TierLayer and require_feature, tier from moka (peer)";
    columns.allowed(name, beside, Signed::Header, guarded, WHO_PAYS);
}
