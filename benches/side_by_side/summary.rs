use std::time::Duration;

/// The value at that percentage of the sorted values; not a number if there are none.
#[must_use]
pub fn percentile(values: &[f64], percent: usize) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let index = sorted.len().saturating_sub(1) * percent / 100;
    sorted.get(index).copied().unwrap_or(f64::NAN)
}

/// What one way took in each round, in nanoseconds for one.
#[derive(Clone, Debug, Default)]
pub(crate) struct Samples(Vec<f64>);

impl Samples {
    #[expect(
        clippy::cast_precision_loss,
        reason = "a count of repetitions is far below the precision of a double"
    )]
    pub(crate) fn add(&mut self, spent: Duration, times: u64) {
        self.0.push(spent.as_secs_f64() * 1e9 / times as f64);
    }

    /// What it took for one, round by round.
    pub(crate) fn into_nanoseconds(self) -> Vec<f64> {
        self.0
    }

    /// A cell of a table: the median, between which values most rounds were, and the same of the ratio to
    /// `base` inside of a round.
    pub(crate) fn cell(&self, base: Option<&Self>) -> String {
        let spread = |at| percentile(&self.0, at);
        let (unit, scale) = unit_of(spread(50));
        let number = |at| significant(spread(at) / scale);
        let time = format!("{} {unit} ({}–{})", number(50), number(10), number(90));
        let Some(base) = base else {
            return time;
        };
        let ratios: Vec<f64> = self
            .0
            .iter()
            .zip(&base.0)
            .map(|(own, base)| own / base)
            .collect();
        let ratio = |at| significant(percentile(&ratios, at));
        format!("{time} · **{}×** ({}–{})", ratio(50), ratio(10), ratio(90))
    }
}

fn unit_of(nanoseconds: f64) -> (&'static str, f64) {
    match nanoseconds {
        ..1e4 => ("ns", 1.0),
        ..1e7 => ("µs", 1e3),
        _ => ("ms", 1e6),
    }
}

/// Three digits that mean something are all that a benchmark has to say.
fn significant(value: f64) -> String {
    let decimals = match value {
        ..10.0 => 2,
        ..100.0 => 1,
        _ => 0,
    };
    format!("{value:.decimals$}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ratio_is_taken_inside_of_a_round() {
        // The machine is ten times slower in the second round.
        let (mut own, mut base) = (Samples::default(), Samples::default());
        for slowness in [1, 10, 2] {
            base.add(Duration::from_micros(10 * slowness), 100);
            own.add(Duration::from_micros(15 * slowness), 100);
        }
        assert_eq!(
            own.cell(Some(&base)),
            "300 ns (150–300) · **1.50×** (1.50–1.50)"
        );
        assert_eq!(base.cell(None), "200 ns (100–200)");
    }

    #[test]
    fn percentiles_do_not_need_order() {
        let values: Vec<f64> = (0..=100).rev().map(f64::from).collect();
        assert_eq!(
            [10, 50, 90].map(|at| percentile(&values, at)),
            [10.0, 50.0, 90.0]
        );
        assert!(percentile(&[], 50).is_nan());
    }
}
