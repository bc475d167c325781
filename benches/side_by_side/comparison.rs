use crate::table::{Table, in_turns};
use crate::{Effort, Stopwatch};

/// A table of one column, for work that no other thread may do meanwhile or that answers no questions.
/// The first way is what the others are compared with.
pub struct Comparison<'a> {
    title: &'static str,
    stopwatch: Stopwatch,
    columns: Vec<Column<'a>>,
}

struct Column<'a> {
    name: &'static str,
    work: Box<dyn FnMut(u64) + 'a>,
}

impl std::fmt::Debug for Comparison<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Comparison").field(&self.title).finish()
    }
}

impl<'a> Comparison<'a> {
    /// An empty table.
    #[must_use]
    pub fn new(title: &'static str) -> Self {
        Self {
            title,
            stopwatch: Stopwatch::Wall,
            columns: Vec::new(),
        }
    }

    /// Chooses what is taken for the time. The time that passes is, unless another is chosen;
    /// [`ThreadCpu`](Stopwatch::ThreadCpu) is steadier for work that one thread does without waiting.
    #[must_use]
    pub fn by(mut self, stopwatch: Stopwatch) -> Self {
        self.stopwatch = stopwatch;
        self
    }

    /// Adds a way to do the work. `work` does it as many times as it is told.
    #[must_use]
    pub fn column(mut self, name: &'static str, work: impl FnMut(u64) + 'a) -> Self {
        self.columns.push(Column {
            name,
            work: Box::new(work),
        });
        self
    }

    /// Measures, and gives what each way took for one in each round, in nanoseconds, for a table that
    /// has more to say than times.
    #[must_use]
    pub fn measure(mut self, effort: Effort) -> Vec<(&'static str, Vec<f64>)> {
        let samples = in_turns(&mut self.columns, &effort, |column, span| {
            let spent = self.stopwatch.time(|| (column.work)(span.times));
            (column.name, spent)
        });
        let named = samples.into_iter();
        named
            .map(|(name, samples)| (name, samples.into_nanoseconds()))
            .collect()
    }

    /// Measures, and prints the table as Markdown.
    pub fn run(mut self, effort: Effort) {
        let mut table = Table::new(self.title, self.stopwatch, effort);
        if table.wants("") {
            let samples = in_turns(&mut self.columns, &effort, |column, span| {
                let spent = self.stopwatch.time(|| (column.work)(span.times));
                (column.name, spent)
            });
            table.add("time", samples);
            table.print();
        }
    }
}
