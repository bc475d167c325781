//! What happens when time has passed: ends of trials, renewals, and ends.

use tiergate_core::Window;
use tiergate_core::time::Timestamp;
use tiergate_core::window::BillingAnchor;

use super::invoice::Bill;
use super::{period, standing};
use crate::payment::{Existing, PaymentError, Plan, Snapshot};
use crate::record::is_live;

/// How many periods are made up for in one go. Who is further behind is asked again.
const MOST_PERIODS: usize = 120;

/// Does what is due, period by period as if it had been done in time; none if nothing is. Doing it twice
/// does it once: what was done is no longer due.
pub(super) fn advance(existing: &Existing<'_>) -> Result<Option<Snapshot>, PaymentError> {
    let mut snapshot = standing::of(existing.subscription);
    let mut plan = existing.plan;
    let mut anchor = period::anchor_of(existing.subscription);
    let mut advanced = false;
    for _ in 0..MOST_PERIODS {
        let Some(boundary) = due(&snapshot, existing.now) else {
            break;
        };
        if snapshot.cancel_at_period_end {
            end(&mut snapshot, boundary);
            return Ok(Some(snapshot));
        }
        let changes = snapshot.pending.is_some();
        let next = if changes { existing.next_plan } else { plan };
        let Some(next) = next else {
            let pending = snapshot.pending.clone().and_then(|pending| pending.tier);
            // Without a change there is nothing that could be charged: its tier has no price.
            let Some(tier) = pending else { break };
            standing::become_free(&mut snapshot, &tier);
            return Ok(Some(snapshot));
        };
        // A trial that ends starts a grid of its own; a renewal stays on the grid, if there is one.
        let grid = if snapshot.status == "trialing" {
            None
        } else {
            anchor
        };
        if !renew(&mut snapshot, next, grid, boundary, existing.now)? {
            break;
        }
        if grid.is_none() {
            anchor = Some(period::anchor_at(boundary));
            snapshot.anchor = Some(boundary);
        }
        plan = Some(next);
        advanced = true;
    }
    Ok(advanced.then_some(snapshot))
}

/// The moment at which something is due, if it has come.
fn due(snapshot: &Snapshot, now: Timestamp) -> Option<Timestamp> {
    let boundary = match snapshot.status.as_str() {
        "trialing" => snapshot.trial.map(|(_, end)| end),
        "active" => snapshot.period.map(|(_, end)| end),
        // What is to end ends, whatever became of it.
        status if snapshot.cancel_at_period_end && is_live(status) => {
            snapshot.period.map(|(_, end)| end)
        }
        // Else what is overdue, suspended and the like waits for somebody to settle it.
        _ => None,
    };
    boundary.filter(|boundary| *boundary <= now)
}

fn end(snapshot: &mut Snapshot, boundary: Timestamp) {
    "canceled".clone_into(&mut snapshot.status);
    snapshot.canceled_at = snapshot.canceled_at.or(Some(boundary));
    snapshot.pending = None;
}

/// Starts the period at `boundary` and charges it. False if there is no time left in the calendar.
fn renew(
    snapshot: &mut Snapshot,
    plan: &Plan,
    anchor: Option<BillingAnchor>,
    boundary: Timestamp,
    now: Timestamp,
) -> Result<bool, PaymentError> {
    let anchor = anchor.unwrap_or_else(|| period::anchor_at(boundary));
    let Some(window) = Window::new(boundary, period::end_of(boundary, plan.cycle, anchor)) else {
        return Ok(false);
    };
    let mut bill = Bill::default();
    bill.charge(plan, window)?;
    snapshot.tier.clone_from(&plan.tier);
    "active".clone_into(&mut snapshot.status);
    snapshot.cycle = Some(plan.cycle);
    snapshot.seats = plan.seats;
    snapshot.period = Some((window.start(), window.end()));
    snapshot.pending = None;
    let span = (window.start(), window.end());
    snapshot
        .invoices
        .extend(bill.into_invoice(&plan.tier, plan.currency, span, now));
    Ok(true)
}
