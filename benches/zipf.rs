/// An endless walk over numbers below some bound, few of which come often: the one at rank `r` comes
/// with a weight of `1 / r`. The same walk in every run.
#[derive(Clone, Debug)]
pub struct Zipf {
    draws: std::sync::Arc<[usize]>,
    at: usize,
}

/// How many numbers are drawn before the walk begins again.
const DRAWS: usize = 1 << 17;

impl Zipf {
    /// A walk over the numbers below `bound`, begun at a place that `start` decides.
    #[must_use]
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "ranks are far below the precision of a double, and positive"
    )]
    pub fn below(bound: usize, start: usize) -> Self {
        // The inverse of the harmonic sum, which the logarithm stands for.
        let sum = (bound as f64).ln();
        let mut state = 0x9e37_79b9_7f4a_7c15_u64;
        let draws = (0..DRAWS)
            .map(|_| {
                let share = (split_mix(&mut state) >> 11) as f64 / (1_u64 << 53) as f64;
                let rank = (share * sum).exp() as usize;
                // Ranks are spread over the numbers, so that the frequent do not lie side by side.
                rank.saturating_sub(1).wrapping_mul(7_919) % bound
            })
            .collect();
        Self {
            draws,
            at: start % DRAWS,
        }
    }

    /// A walk on which all numbers below `bound` come equally often.
    #[must_use]
    pub fn evenly_below(bound: usize, start: usize) -> Self {
        let mut state = 0x9e37_79b9_7f4a_7c15_u64;
        let draw = |_| usize::try_from(split_mix(&mut state) >> 32).unwrap_or(0) % bound;
        Self {
            draws: (0..DRAWS).map(draw).collect(),
            at: start % DRAWS,
        }
    }

    /// The next number.
    pub fn step(&mut self) -> usize {
        self.at = (self.at + 1) % DRAWS;
        self.draws.get(self.at).copied().unwrap_or(0)
    }
}

/// Sebastiano Vigna's generator of that name, which is all the chance that a benchmark needs.
fn split_mix(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut mixed = *state;
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}
