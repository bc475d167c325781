//! Changes of plan, and what they would charge.

use tiergate_core::Window;

use super::invoice::Bill;
use super::{amounts, period, standing};
use crate::payment::{ChangePlan, Effective, PaymentError, PaymentErrorKind, Preview, Snapshot};
use crate::record::PendingChange;

/// What a change makes of a subscription, and what it bills.
struct Outcome {
    snapshot: Snapshot,
    bill: Bill,
    span: Option<Window>,
}

/// Does a change.
pub(super) fn change(request: &ChangePlan<'_>) -> Result<Snapshot, PaymentError> {
    let Outcome {
        mut snapshot,
        bill,
        span,
    } = outcome(request)?;
    let currency = request.to.or(request.existing.plan);
    if let (Some(plan), Some(span)) = (currency, span) {
        snapshot.invoices.extend(bill.into_invoice(
            request.tier,
            plan.currency,
            (span.start(), span.end()),
            request.existing.now,
        ));
    }
    Ok(snapshot)
}

/// What [`change`] would charge.
pub(super) fn preview(request: &ChangePlan<'_>) -> Result<Preview, PaymentError> {
    let bill = outcome(request)?.bill;
    let existing = &request.existing;
    let period_end = existing.subscription.current_period_end.map(|end| end.0);
    Ok(Preview {
        due_now: bill.total()?,
        lines: bill.lines,
        recurring: request.to.map_or(Ok(0), amounts::net)?,
        effective_at: match request.effective {
            Effective::Now => existing.now,
            Effective::PeriodEnd => period_end.unwrap_or(existing.now),
        },
    })
}

fn outcome(request: &ChangePlan<'_>) -> Result<Outcome, PaymentError> {
    match request.effective {
        Effective::PeriodEnd => later(request),
        Effective::Now if standing::is_on_trial(&request.existing) => Ok(during_trial(request)),
        Effective::Now => now(request),
    }
}

/// Leaves everything as it is until the period ends.
fn later(request: &ChangePlan<'_>) -> Result<Outcome, PaymentError> {
    let current = request.existing.subscription;
    if current.current_period_end.is_none() {
        return Err(PaymentError::new(
            PaymentErrorKind::Refused,
            "there is no period at whose end it could change; let it change now",
        ));
    }
    let mut snapshot = standing::of(current);
    snapshot.pending = PendingChange {
        tier: (request.tier != current.tier).then(|| request.tier.to_owned()),
        billing_cycle: request
            .to
            .map(|plan| plan.cycle)
            .filter(|cycle| Some(*cycle) != current.billing_cycle),
        seats: request
            .to
            .and_then(|plan| plan.seats)
            .filter(|seats| Some(*seats) != current.seats),
    }
    .some();
    Ok(Outcome {
        snapshot,
        bill: Bill::default(),
        span: None,
    })
}

/// Changes what is tried. Nothing was paid, and nothing is until the trial ends.
fn during_trial(request: &ChangePlan<'_>) -> Outcome {
    let mut snapshot = standing::of(request.existing.subscription);
    take_over(&mut snapshot, request);
    Outcome {
        snapshot,
        bill: Bill::default(),
        span: None,
    }
}

/// Credits what is left of what was charged, and charges the new plan: for the rest of the period, or,
/// if it is paid in another rhythm, for a first period of its own that starts now.
fn now(request: &ChangePlan<'_>) -> Result<Outcome, PaymentError> {
    let existing = &request.existing;
    let mut snapshot = standing::of(existing.subscription);
    // A period that another machine started can begin a moment after this one's now.
    let at = snapshot
        .period
        .map_or(existing.now, |(start, _)| existing.now.max(start));
    let mut bill = Bill::default();
    if let (Some(plan), Some(charged)) = (existing.plan, existing.charged) {
        bill.credit(plan, charged, at);
    }
    let running = snapshot
        .period
        .and_then(|(start, end)| Window::new(start, end))
        .filter(|period| period.contains(at));
    take_over(&mut snapshot, request);
    let span = match (request.to, running) {
        (None, running) => running.and_then(|period| Window::new(at, period.end())),
        (Some(plan), Some(period)) if existing.plan.is_some_and(|old| old.cycle == plan.cycle) => {
            bill.charge_from(plan, period, at)?;
            Window::new(at, period.end())
        }
        (Some(plan), _) => {
            let end = period::end_of(at, plan.cycle, period::anchor_at(at));
            let span = Window::new(at, end);
            if let Some(span) = span {
                bill.charge(plan, span)?;
            }
            snapshot.period = Some((at, end));
            snapshot.anchor = Some(at);
            "active".clone_into(&mut snapshot.status);
            span
        }
    };
    Ok(Outcome {
        snapshot,
        bill,
        span,
    })
}

/// Makes the plan that of the request. What was to change with the next renewal and is not touched now
/// still does.
fn take_over(snapshot: &mut Snapshot, request: &ChangePlan<'_>) {
    let Some(plan) = request.to else {
        standing::become_free(snapshot, request.tier);
        return;
    };
    let pending = snapshot.pending.take().unwrap_or_default();
    let untouched = PendingChange {
        tier: pending.tier.filter(|_| request.tier == snapshot.tier),
        billing_cycle: pending
            .billing_cycle
            .filter(|_| Some(plan.cycle) == snapshot.cycle),
        seats: pending.seats.filter(|_| plan.seats == snapshot.seats),
    };
    snapshot.pending = untouched.some();
    request.tier.clone_into(&mut snapshot.tier);
    snapshot.cycle = Some(plan.cycle);
    snapshot.seats = plan.seats;
    snapshot.discount_basis_points = plan.discount_basis_points;
}
