//! One request through an in-process axum router: what a guard adds to its time, and to the memory
//! that is allocated for it.
//!
//! A layer is compared with one that does nothing and stands in the same place, because a router that
//! boxes its routes' services costs more than most layers. `layer` and `route_layer` are the methods of
//! axum's router; "around" is a layer around the whole router, which nobody boxes.
#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a benchmark that is set up wrong has to stop"
)]

mod by_hand;
mod columns;
mod instructions;
mod ours;
#[cfg(feature = "peers")]
mod peers;
mod report;
mod requests;
mod world;

use columns::Columns;
use instructions::{Instructions, Repeat, subscribers};
use requests::Callers;
use side_by_side::Effort;
use world::World;

fn main() {
    let effort = Effort::from_args();
    let repeat = Repeat::from_args();
    let world = World::of(subscribers(repeat.as_ref(), effort));
    let callers = Callers::of(&world);
    let mut allowed = Columns::new(&world, &callers);
    ours::allowed(&mut allowed);
    by_hand::allowed(&mut allowed);
    ours::by_header(&mut allowed);
    #[cfg(feature = "peers")]
    peers::allowed(&mut allowed);
    let mut denied = Columns::new(&world, &callers);
    ours::denied(&mut denied);

    if let Some(repeat) = repeat {
        repeat.run(&mut allowed.all);
        repeat.run(&mut denied.all);
        return;
    }
    let instructions = Instructions::from_args();
    let title = "One request that is let through, by a router in this process";
    report::print(title, allowed.all, effort, &instructions);
    let title = "One request that is denied";
    report::print(title, denied.all, effort, &instructions);
}
