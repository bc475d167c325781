//! The order in which tiers can be looked at so that each comes after all that it includes.

/// Tiers in order, and what stands in the way of one.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Order {
    /// Every tier, each after all that it includes unless there is a cycle.
    pub(super) order: Vec<usize>,
    /// Cycles of two tiers or more, each starting with the tier that closes it.
    pub(super) cycles: Vec<Vec<usize>>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Mark {
    Unseen,
    OnPath,
    Done,
}

/// Orders tiers, given the indices that each includes directly. One that includes itself is treated
/// as if it did not.
pub(super) fn included_first(included: &[Vec<usize>]) -> Order {
    let mut marks = vec![Mark::Unseen; included.len()];
    let mut order = Vec::with_capacity(included.len());
    let mut cycles = Vec::new();
    for root in 0..included.len() {
        if marks.get(root) != Some(&Mark::Unseen) {
            continue;
        }
        // Depth first by hand: a chain may be longer than the stack is deep.
        let mut path: Vec<(usize, std::slice::Iter<'_, usize>)> = Vec::new();
        enter(root, included, &mut marks, &mut path);
        while let Some((tier, below)) = path.last_mut() {
            let tier = *tier;
            let Some(next) = below.next().copied() else {
                set(&mut marks, tier, Mark::Done);
                order.push(tier);
                path.pop();
                continue;
            };
            match marks.get(next) {
                Some(Mark::Unseen) => enter(next, included, &mut marks, &mut path),
                Some(Mark::OnPath) if next != tier => {
                    let on_path = path.iter().map(|(tier, _)| *tier);
                    cycles.push(on_path.skip_while(|tier| *tier != next).collect());
                }
                _ => {}
            }
        }
    }
    Order { order, cycles }
}

fn enter<'a>(
    tier: usize,
    included: &'a [Vec<usize>],
    marks: &mut [Mark],
    path: &mut Vec<(usize, std::slice::Iter<'a, usize>)>,
) {
    set(marks, tier, Mark::OnPath);
    let below = included.get(tier).map_or(&[][..], Vec::as_slice);
    path.push((tier, below.iter()));
}

fn set(marks: &mut [Mark], tier: usize, mark: Mark) {
    if let Some(place) = marks.get_mut(tier) {
        *place = mark;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_cycle_is_told_as_a_path() {
        let found = included_first(&[vec![1], vec![2], vec![1], vec![3]]);
        assert_eq!(found.cycles, [vec![1, 2]]);
        assert_eq!(found.order.len(), 4);
    }

    #[test]
    fn a_long_chain_does_not_exhaust_the_stack() {
        let chain: Vec<_> = (1..=100_000).map(|next| vec![next]).collect();
        assert_eq!(included_first(&chain).order.last(), Some(&0));
    }

    proptest! {
        #[test]
        fn in_a_graph_without_cycles_each_tier_comes_after_what_it_includes(
            edges in prop::collection::vec((0_usize..20, 0_usize..20), 0..60)
        ) {
            let mut included = vec![Vec::new(); 20];
            for (one, other) in edges.into_iter().filter(|(one, other)| one != other) {
                included[one.max(other)].push(one.min(other));
            }
            let found = included_first(&included);
            prop_assert!(found.cycles.is_empty());
            let place = |tier| found.order.iter().position(|found| *found == tier).unwrap();
            for (tier, below) in included.iter().enumerate() {
                prop_assert!(below.iter().all(|below| place(*below) < place(tier)));
            }
        }
    }
}
