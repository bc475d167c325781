/// Numbers below `bound`, all of which come alike. The same in every run.
///
/// # Panics
///
/// When `bound` is zero or does not fit.
#[must_use]
#[expect(
    clippy::cast_possible_truncation,
    reason = "the upper half of a product is below its factor"
)]
pub fn uniform(bound: u32, count: usize) -> Vec<u32> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    (0..count)
        .map(|_| ((u128::from(split_mix(&mut state)) * u128::from(bound)) >> 64) as u32)
        .collect()
}

/// Numbers below `bound`, few of which come often: the one at rank `r` comes with a weight of `1 / r`.
/// The same in every run.
#[must_use]
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a rank is positive, and not above the bound"
)]
pub fn zipf(bound: u32, count: usize) -> Vec<u32> {
    // The inverse of the harmonic sum, which the logarithm stands for.
    let sum = f64::from(bound).ln();
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    (0..count)
        .map(|_| {
            let rank = (share(&mut state) * sum).exp() as u64;
            // Ranks are spread over the numbers, so that the frequent do not lie side by side.
            (rank.saturating_sub(1).wrapping_mul(7_919) % u64::from(bound)) as u32
        })
        .collect()
}

/// An endless walk over numbers below some bound, few of which come often, as of [`zipf`].
#[derive(Clone, Debug)]
pub struct Zipf {
    draws: std::sync::Arc<[u32]>,
    at: usize,
}

/// How many numbers are drawn before the walk begins again.
const DRAWS: usize = 1 << 17;

impl Zipf {
    /// A walk over the numbers below `bound`, begun at a place that `start` decides.
    #[must_use]
    pub fn below(bound: usize, start: usize) -> Self {
        Self {
            draws: zipf(u32::try_from(bound).unwrap_or(u32::MAX), DRAWS).into(),
            at: start % DRAWS,
        }
    }

    /// The next number.
    pub fn step(&mut self) -> usize {
        self.at = (self.at + 1) % DRAWS;
        self.draws.get(self.at).map_or(0, |draw| *draw as usize)
    }
}

/// Has two threads do the work at once, each as many times as it is told, and each from a place of its
/// own in the walk.
pub fn on_two_threads(times: u64, walk: &Zipf, work: impl Fn(u64, Zipf) + Sync) {
    let (here, mut there) = (walk.clone(), walk.clone());
    for _ in 0..1_000 {
        there.step();
    }
    std::thread::scope(|scope| {
        scope.spawn(|| work(times, there));
        work(times, here);
    });
}

/// A number from zero to one.
#[expect(
    clippy::cast_precision_loss,
    reason = "as many bits as a double has digits"
)]
fn share(state: &mut u64) -> f64 {
    (split_mix(state) >> 11) as f64 / (1_u64 << 53) as f64
}

/// Sebastiano Vigna's generator of that name, which is all the chance that a benchmark needs.
pub(crate) fn split_mix(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut mixed = *state;
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}
