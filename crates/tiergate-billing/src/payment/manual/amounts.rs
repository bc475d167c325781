//! Amounts of money: whole minor units, each worked out exactly and rounded once.

use std::time::Duration;

use crate::payment::{PaymentError, PaymentErrorKind, Plan};

/// All of what a discount is a share of: a discount is in hundredths of a percent.
const BASIS_POINTS: i128 = 10_000;

/// What a plan costs for one whole period, before its discount.
pub(super) fn gross(plan: &Plan) -> Result<i64, PaymentError> {
    let seats = i64::from(plan.seats.unwrap_or(1));
    plan.unit_amount.checked_mul(seats).ok_or_else(too_much)
}

/// What a plan costs for one whole period.
pub(super) fn net(plan: &Plan) -> Result<i64, PaymentError> {
    let gross = gross(plan)?;
    Ok(gross - discount(gross, plan.discount_basis_points))
}

/// What is taken off an amount. Never more than all of it.
pub(super) fn discount(amount: i64, basis_points: u32) -> i64 {
    let share = i128::from(basis_points).min(BASIS_POINTS);
    // At most the amount, so it fits.
    i64::try_from(rounded(i128::from(amount) * share, BASIS_POINTS)).unwrap_or(amount)
}

/// The share `part` / `whole` of an amount, to the microsecond. A part beyond the whole counts as the
/// whole, and nothing is a share of no time.
pub(super) fn share(amount: i64, part: Duration, whole: Duration) -> i64 {
    // From the first year of the calendar to its last there are fewer; so the product is below 2^124.
    const MOST: u128 = 1 << 60;
    let micros = |time: Duration| i128::try_from(time.as_micros().min(MOST)).unwrap_or(0);
    let (part, whole) = (micros(part.min(whole)), micros(whole));
    if whole == 0 {
        return 0;
    }
    i64::try_from(rounded(i128::from(amount) * part, whole)).unwrap_or(amount)
}

/// `numerator` / `denominator` to the nearest whole number, halves away from zero: so a credit is
/// rounded as the charge it takes back.
fn rounded(numerator: i128, denominator: i128) -> i128 {
    let magnitude = (numerator.abs() * 2 + denominator) / (denominator * 2);
    magnitude * numerator.signum()
}

/// A sum of amounts.
pub(super) fn sum(amounts: impl IntoIterator<Item = i64>) -> Result<i64, PaymentError> {
    amounts
        .into_iter()
        .try_fold(0_i64, i64::checked_add)
        .ok_or_else(too_much)
}

fn too_much() -> PaymentError {
    PaymentError::new(
        PaymentErrorKind::Refused,
        "that is more money than can be counted; take fewer seats",
    )
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Whether `rounded` is the nearest whole number to `numerator` / `denominator`, told without a
    /// division: twice the distance is at most the denominator, and a half goes away from zero.
    fn is_nearest(rounded: i64, numerator: i128, denominator: i128) -> bool {
        let distance = i128::from(rounded) * denominator - numerator;
        match (distance.abs() * 2).cmp(&denominator) {
            std::cmp::Ordering::Less => true,
            std::cmp::Ordering::Equal => distance.signum() == numerator.signum(),
            std::cmp::Ordering::Greater => false,
        }
    }

    proptest! {
        #[test]
        fn a_share_is_the_exact_fraction_rounded_once(
            amount in -(1_i64 << 52)..(1_i64 << 52),
            (part, whole) in (1_u64..40_000_000_000_000).prop_flat_map(|whole| (0..=whole, Just(whole))),
        ) {
            let got = share(amount, Duration::from_micros(part), Duration::from_micros(whole));
            let numerator = i128::from(amount) * i128::from(part);
            prop_assert!(is_nearest(got, numerator, i128::from(whole)));
            prop_assert_eq!(share(-amount, Duration::from_micros(part), Duration::from_micros(whole)), -got);
        }

        #[test]
        fn less_time_is_never_a_greater_share(
            amount in 0_i64..(1 << 52),
            whole in 1_u64..40_000_000_000_000,
            a in 0_u64..40_000_000_000_000,
            b in 0_u64..40_000_000_000_000,
        ) {
            let of = |part| share(amount, Duration::from_micros(part), Duration::from_micros(whole));
            prop_assert!(of(a.min(b)) <= of(a.max(b)));
            prop_assert!((0..=amount).contains(&of(a)));
        }

        #[test]
        fn a_discount_is_the_exact_fraction_rounded_once(amount in any::<i64>(), points in 0_u32..=10_000) {
            let off = discount(amount, points);
            prop_assert!(is_nearest(off, i128::from(amount) * i128::from(points), 10_000));
            prop_assert!(off.unsigned_abs() <= amount.unsigned_abs());
        }
    }

    #[test]
    fn halves_go_away_from_zero() {
        let half = |amount| share(amount, Duration::from_secs(1), Duration::from_secs(2));
        assert_eq!([half(5), half(-5), half(4), half(1)], [3, -3, 2, 1]);
        assert_eq!([discount(1, 5_000), discount(-1, 5_000)], [1, -1]);
    }

    #[test]
    fn no_time_and_too_much_time_have_an_answer() {
        let second = Duration::from_secs(1);
        assert_eq!(share(7, second, Duration::ZERO), 0);
        assert_eq!(share(7, second * 2, second), 7);
        assert_eq!(share(i64::MIN, Duration::MAX, Duration::MAX), i64::MIN);
        assert_eq!(discount(7, u32::MAX), 7);
    }
}
