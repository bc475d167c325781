//! What a set of events means, whatever order they came in and however often.
//!
//! Stripe promises no order, and delivers an event more than once. So nothing here is a step from
//! one state to the next. Every function takes *all* the events that are known of something and
//! says how it stands; the same set gives the same answer. That duplicates and order cannot matter
//! needs no care: there is nothing that they could change.
//!
//! The other way, to ask Stripe for the object itself, is better where there is a key for it: see
//! what cannot be known, below.
//!
//! # Which snapshot is the newest
//!
//! Each event carries all of its object as it was then. [`newest`] finds the last one:
//!
//! 1. **The phase of its life.** An object of Stripe's never goes back in these, so a later phase is
//!    newer whatever the clocks say. A subscription: incomplete, living, ended (`canceled` or
//!    `incomplete_expired`: it never comes back, who returns gets another one). An invoice: draft,
//!    open, uncollectible, paid or void. A payment: under way, succeeded or canceled. What an
//!    unknown word belongs to is the phase in the middle.
//! 2. **The second in which the event was made.** Stripe's `created` is no finer.
//! 3. **What made the object** comes before all else in its second, and among invoices the one with
//!    more attempts is newer: Stripe's count never goes down.
//! 4. **The chain.** An update says what was otherwise before (`previous_attributes`). Within one
//!    second that makes each update a step from one state to another, and the state where the object
//!    stands is the one that was entered more often than it was left. The state before that second
//!    counts as entered once. (It is the end of an Eulerian trail, so it's found by counting, not by
//!    trying orders, and a change that is undone in the same second is understood.)
//! 5. **The kind**, where nothing else tells: created, trial will end, updated, then what Stripe
//!    sends last. Then the id of the event, which means nothing but is the same everywhere.
//!
//! Two deliveries with one event id are one event. Were they written for two versions of the API
//! (by two endpoints), that of the later version counts.
//!
//! # How a subscription stands
//!
//! [`standing`] takes the newest snapshot, and what invoices say since. Stripe derives the status
//! from the latest invoice, whatever becomes of older ones. So an invoice *bears on* a snapshot only
//! if the snapshot names it as the latest, or names none, or it was made since. Of those that bear on
//! it and aren't void, the newest with any news decides:
//!
//! * A payment that failed in the snapshot's second or later makes `active` and `trialing`
//!   `past_due`. In the same second too, because who sees only these two cannot know that they came
//!   in the other order; but not if the snapshot itself says that it comes from `past_due` or
//!   `incomplete`, which only a payment ends.
//! * An invoice that is settled (paid, given up, void) has no failure any more.
//! * Paid or given up later than the snapshot, it makes `past_due` `active`. In the same second only
//!   if it is the snapshot's latest: then it is what the snapshot was past due for.
//! * Nothing wakes what has ended, and nothing else changes a status. What a void invoice means for
//!   the subscription is left to Stripe's next snapshot.
//!
//! `past_due` counts from the *first* failure, not from the last attempt: whoever counts a grace
//! period would else begin it again with every attempt.
//!
//! # What cannot be known
//!
//! While events are missing, two updates of one second with a gap between them do not tell which was
//! first, and a change that was undone in one second looks as if it was never made or never undone.
//! The answer is then still the same everywhere, and right as soon as what is missing has come, or
//! anything happens in another second. Thin events carry no snapshot and say nothing here.
//!
//! ```
//! use tiergate_stripe::history;
//! use tiergate_stripe::event::Event;
//! use tiergate_core::SubscriptionStatus;
//!
//! fn event(id: &str, created: u64, status: &str, previous: &str) -> Event {
//!     let body = format!(r#"{{
//!         "id": "{id}", "object": "event", "type": "customer.subscription.updated",
//!         "created": {created}, "livemode": false,
//!         "data": {{
//!             "object": {{"id": "sub_1", "object": "subscription", "status": "{status}"}},
//!             "previous_attributes": {{"status": "{previous}"}}
//!         }}
//!     }}"#);
//!     Event::parse(body.as_bytes()).unwrap()
//! }
//!
//! // In one second: the trial ended, the payment failed.
//! let ended = event("evt_b", 100, "active", "trialing");
//! let failed = event("evt_a", 100, "past_due", "active");
//!
//! let id = "sub_1".parse()?;
//! for arrived in [[&ended, &failed, &failed], [&failed, &ended, &failed]] {
//!     let standing = history::standing(&id, arrived).unwrap();
//!     assert_eq!(standing.status, SubscriptionStatus::PastDue);
//! }
//! # Ok::<(), tiergate_stripe::id::InvalidId>(())
//! ```

mod chain;
mod invoice;
mod order;
mod phase;
mod subscription;

#[cfg(test)]
mod tests;

pub use invoice::{InvoiceStanding, invoice_standing};
pub use order::newest;
pub use subscription::{Standing, standing};
