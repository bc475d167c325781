//! Sums of fractions that are rounded once.

/// Rounds the sum of `parts`, each in units of one `denominator`-th, half up; and each part so that the
/// rounded ones add up to the rounded sum, by the method of the largest remainder. Of two parts with the
/// same remainder, the earlier one gets the unit.
///
/// Parts are not below zero, and `denominator` is above.
pub(super) fn together(parts: &[i128], denominator: i128) -> (i64, Vec<i64>) {
    let sum = parts
        .iter()
        .fold(0_i128, |sum, part| sum.saturating_add(*part));
    let total = sum.saturating_add(denominator / 2).div_euclid(denominator);
    let mut rounded: Vec<_> = parts
        .iter()
        .map(|part| part.div_euclid(denominator))
        .collect();
    let floors = rounded
        .iter()
        .fold(0_i128, |sum, part| sum.saturating_add(*part));
    let mut order: Vec<_> = parts
        .iter()
        .map(|part| part.rem_euclid(denominator))
        .enumerate()
        .collect();
    order.sort_by_key(|(index, remainder)| (std::cmp::Reverse(*remainder), *index));
    // Fewer units are left than there are parts: each remainder is below one unit.
    let left = usize::try_from(total.saturating_sub(floors)).unwrap_or_default();
    for (index, _) in order.into_iter().take(left) {
        if let Some(part) = rounded.get_mut(index) {
            *part = part.saturating_add(1);
        }
    }
    (narrow(total), rounded.into_iter().map(narrow).collect())
}

/// `part` of `whole` in hundredths of a percent, rounded half up; none of nothing.
pub(super) fn basis_points(part: u64, whole: u64) -> Option<u32> {
    if whole == 0 {
        return None;
    }
    let (part, whole) = (u128::from(part), u128::from(whole));
    let points = (part * 10_000 + whole / 2) / whole;
    Some(u32::try_from(points).unwrap_or(u32::MAX))
}

/// More than fits is as good as the most that fits: such sums do not occur in any currency.
fn narrow(number: i128) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn halves_go_up_once() {
        // Three halves are one and a half: rounded each by itself they would make three.
        assert_eq!(together(&[1, 1, 1], 2), (2, vec![1, 1, 0]));
        assert_eq!(together(&[], 12), (0, vec![]));
        assert_eq!(together(&[5], 12), (0, vec![0]));
        assert_eq!(together(&[6], 12), (1, vec![1]));
        assert_eq!(basis_points(1, 3), Some(3333));
        assert_eq!(basis_points(2, 3), Some(6667));
        assert_eq!(basis_points(0, 0), None);
    }

    proptest! {
        #[test]
        fn parts_add_up_and_none_is_off_by_one_or_more(
            parts in prop::collection::vec(0_i128..1_000_000_000_000, 0..12),
            denominator in 1_i128..200_000,
        ) {
            let (total, rounded) = together(&parts, denominator);
            prop_assert_eq!(rounded.iter().sum::<i64>(), total);
            for (part, rounded) in parts.iter().zip(&rounded) {
                let off = i128::from(*rounded) * denominator - part;
                prop_assert!(off.abs() < denominator);
            }
            // Half up, said without a division.
            let off = 2 * (i128::from(total) * denominator - parts.iter().sum::<i128>());
            prop_assert!(-denominator < off && off <= denominator);
        }

        #[test]
        fn whoever_is_rounded_up_has_no_smaller_remainder_than_who_is_not(
            parts in prop::collection::vec(0_i128..10_000, 1..8),
            denominator in 2_i128..500,
        ) {
            let (_, rounded) = together(&parts, denominator);
            let up = |index: usize| i128::from(rounded[index]) > parts[index] / denominator;
            for one in 0..parts.len() {
                for other in 0..parts.len() {
                    if up(one) && !up(other) {
                        prop_assert!(parts[one] % denominator >= parts[other] % denominator);
                    }
                }
            }
        }
    }
}
