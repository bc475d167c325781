//! The scripts that run in Redis: one for each operation.

use std::sync::LazyLock;

/// A script, with the hash that the server knows it by.
#[derive(Debug)]
pub(super) struct Script {
    source: String,
    hash: String,
}

macro_rules! scripts {
    ($($name:ident $file:literal)*) => {$(
        pub(super) static $name: LazyLock<Script> =
            LazyLock::new(|| Script::new(include_str!(concat!("lua/", $file))));
    )*};
}

scripts! {
    RESERVE "reserve.lua"
    SETTLE "settle.lua"
    PEEK "peek.lua"
    ADJUST "adjust.lua"
    LEASE "lease.lua"
    EXTEND "extend.lua"
    END "end.lua"
    TAKE "take.lua"
    SWEEP "sweep.lua"
}

/// What all scripts begin with, in order: each part uses those before it.
const SHARED: [&str; 5] = [
    include_str!("lua/numbers.lua"),
    include_str!("lua/subject.lua"),
    include_str!("lua/rate.lua"),
    include_str!("lua/counter.lua"),
    include_str!("lua/due.lua"),
];

impl Script {
    fn new(own: &str) -> Self {
        let source = [&SHARED.concat(), own].concat();
        let hash = redis::Script::new(&source).get_hash().to_owned();
        Self { source, hash }
    }

    pub(super) fn source(&self) -> &str {
        &self.source
    }

    pub(super) fn hash(&self) -> &str {
        &self.hash
    }
}
