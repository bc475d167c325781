/// What the program was started for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// To hold counts against those that are kept.
    Check,
    /// To keep new ones: `--store`.
    Store,
    /// To do what gungraun says: its runner starts this program again, under valgrind.
    Gungraun,
}

impl Purpose {
    pub(crate) fn from_args() -> Self {
        let mut purpose = Self::Check;
        for argument in std::env::args().skip(1) {
            match argument.as_str() {
                "--store" => purpose = Self::Store,
                // Those of cargo and of the other benchmarks.
                "--bench" | "--test" | "--quick" => {}
                "--only" => return purpose,
                _ => return Self::Gungraun,
            }
        }
        purpose
    }
}
