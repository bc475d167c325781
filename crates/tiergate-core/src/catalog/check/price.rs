use super::require;
use crate::catalog::collect::Faults;
use crate::catalog::draft::{PaidDraft, PriceDraft, Slot};
use crate::catalog::fault::FaultKind;
use crate::catalog::fields::{FREE, MAX_SEATS, SEAT};
use crate::catalog::number::{self, Refusal};
use crate::catalog::source::Span;
use crate::catalog::tier::{Price, PriceUnit};
use crate::catalog::words::echo;
use crate::money::{Currency, Money};

pub(super) fn check(
    owner: &str,
    draft: PriceDraft,
    at: Option<Span>,
    currency: Currency,
    faults: &mut Faults,
) -> Price {
    match draft {
        PriceDraft::Free => Price::Free,
        PriceDraft::ByContract => Price::ByContract,
        PriceDraft::Paid(paid) => Price::Paid {
            unit: unit(owner, &paid, faults),
            monthly: amount(owner, "monthly", paid.monthly, at, currency, faults),
            annual: amount(owner, "annual", paid.annual, at, currency, faults),
        },
    }
}

fn unit(owner: &str, paid: &PaidDraft, faults: &mut Faults) -> PriceUnit {
    let seats = match &paid.minimum_seats {
        Slot::Given(seats) => seats,
        Slot::Missing | Slot::Refused => {
            return match paid.per {
                Slot::Given(_) => PriceUnit::PerSeat { minimum: 1 },
                Slot::Missing | Slot::Refused => PriceUnit::Flat,
            };
        }
    };
    if matches!(paid.per, Slot::Missing) {
        faults.add(
            FaultKind::BadPrice,
            seats.span,
            format!("the price of {owner} has `minimum_seats`, but is not per seat"),
            format!("write `per: {SEAT}` beside it, or remove it"),
        );
    }
    match u32::try_from(seats.value) {
        Ok(minimum) if (1..=MAX_SEATS).contains(&seats.value) => PriceUnit::PerSeat { minimum },
        _ => {
            faults.add(
                FaultKind::BadNumber,
                seats.span,
                format!("`minimum_seats` of the price of {owner} is {}", seats.value),
                format!("write a number from 1 to {MAX_SEATS}"),
            );
            PriceUnit::Flat
        }
    }
}

fn amount(
    owner: &str,
    field: &str,
    slot: Slot<Box<str>>,
    at: Option<Span>,
    currency: Currency,
    faults: &mut Faults,
) -> Money {
    let nothing = Money::new(0, currency);
    let example = Money::new(1200, currency).decimal();
    let help = format!("write what it costs, like `{field}: {example}`");
    let price = format!("the price of {owner}");
    let Some(given) = require(slot, &price, field, &help, at, faults) else {
        return nothing;
    };
    let digits = currency.minor_digits();
    let text = echo(&given.value);
    match number::minor_units(&given.value, digits) {
        Ok(0) => {
            faults.add(
                FaultKind::BadPrice,
                given.span,
                format!("the {field} price of {owner} is zero"),
                format!("write `price: {FREE}` if it costs nothing"),
            );
            nothing
        }
        Ok(units) => Money::new(units, currency),
        Err(refusal) => {
            let help = match refusal {
                Refusal::Negative => format!("write `price: {FREE}` if it costs nothing"),
                Refusal::TooPrecise { .. } => {
                    format!(
                        "write at most {digits} digits after the point; nothing is rounded here"
                    )
                }
                Refusal::TooLarge => "write a smaller amount".into(),
                Refusal::LeadingZero
                | Refusal::Plus
                | Refusal::Underscore
                | Refusal::Exponent
                | Refusal::Fraction
                | Refusal::NotANumber => {
                    format!(
                        "write digits and a point, like `{example}`, without currency or commas"
                    )
                }
            };
            let reason = refusal.reason();
            let message = format!("the {field} price of {owner} is `{text}`, {reason}");
            faults.add(FaultKind::BadPrice, given.span, message, help);
            nothing
        }
    }
}
