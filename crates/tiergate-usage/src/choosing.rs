//! Which store to choose, and what each promises and costs.
//!
//! # In short
//!
//! * One process, and a restart may forget: [`MemoryUsage`](crate::MemoryUsage). It is what a gate
//!   does unless told otherwise. Right for rates, for tests, and for limits that nobody pays for.
//! * One host: `SqliteUsage`. A restart does not hand the month's quota out again.
//! * Several hosts: `PostgresUsage`, if there is a PostgreSQL anyway and what was counted must never
//!   be lost; `RedisUsage`, if there is a Redis anyway and its persistence is good enough.
//! * More requests than round trips are worth, or a store that may be away for a while: put
//!   [`LeasedUsage`](crate::LeasedUsage) in front of any of them.
//!
//! # What they promise
//!
//! Every store passes the same conformance suite: all claims of an operation or none; of N operations at
//! a limit of L, exactly L; units that nobody settles come back once, to the window they came from; a
//! retry under one idempotency key counts once. They differ in who shares a counter and in what a
//! crash takes away.
//!
//! | | `MemoryUsage` | `SqliteUsage` | `PostgresUsage` | `RedisUsage` |
//! |---|---|---|---|---|
//! | cargo feature | – | `sqlite` | `postgres` | `redis` |
//! | a counter is shared by | one process | the processes of one host | all who reach the server | all who reach the server |
//! | more than the limit is admitted | never by one process; N processes admit N limits | never | never | never, as long as Redis forgets nothing |
//! | the process is killed | everything is forgotten | nothing is lost | nothing is lost | nothing is lost |
//! | the machine of the store loses power | everything is forgotten | nothing is lost; with `Normal` durability, the last transactions | nothing is lost; with `synchronous_commit=off`, less than a second | what `appendfsync` allows: a second by default, everything without persistence |
//! | the store fails over | – | – | nothing, to a synchronous standby | the writes that the replica had not seen |
//! | the time is | this process's | this host's, never running backwards | the server's | the server's |
//! | network round trips for a check and its commit | 0 | 0 | 2 | 2 |
//! | waits for a disk | no | once for all who wait | once for all who wait, for each subject | no |
//!
//! What a store forgets is handed out again. Whoever bills by what was used keeps it in the ledger of the
//! billing service as well, see `recorder`; counters can be compared with the ledger, and put right
//! from it, with `tiergate report counters`.
//!
//! # What leases change
//!
//! [`LeasedUsage`](crate::LeasedUsage) takes blocks of units from the store and spends them in memory. A
//! block is counted as used when it is taken, so the sum can't pass the limit. It is bounded by what is
//! left, and shrinks to single units as the limit nears. Let `L` be the limit, `R` the replicas,
//! `B` the largest block, `min(L / 100, left / 2R)` or what waits for it, `A` how many units the store keeps
//! for operations of a replica that are to come, `min(L / 1000, 10000)` unless set, and `W` the units that a
//! replica had under way at once, waiting or admitted.
//!
//! | | promise |
//! |---|---|
//! | admitted beyond the limit | 0, also when replicas are killed, cut off, or their messages lost, late or doubled |
//! | refused although units are left, all replicas alive | at most `(R - 1) x B`, until idle blocks are given back |
//! | a replica is killed | at most its blocks are missing until its leases expire, and at most `A + W` after that, until the window ends or the counter is put right |
//! | the store is away | each replica goes on for `A` units at most, then the layer's [outage mode](#when-the-store-is-away) decides |
//! | clocks | a holder stops a clock bound before the store forgets; both are stated at `LeasedUsage` |
//! | what was admitted is counted | always, however long it works and whatever becomes of the block; but for an operation that is open beyond its own time to live |
//! | a check | no round trip; one, shared by all who wait, when more than `A` units are not reported yet. A commit waits for none |
//!
//! Operations with an idempotency key and gauges go straight to the store: exact, and a round trip each.
//! Rates do so too unless [`Rates::Leased`](crate::Rates::Leased) is chosen. Then a block of a rate is
//! spent within a moment `d` of being taken, a 20th of its length `T` and at most 5 s, and counts for `T + d`:
//!
//! | | rates directly | rates leased |
//! |---|---|---|
//! | admitted beyond the limit in any span of `T` | 0 | 0, also when replicas are killed or messages lost, and beside others who ask directly |
//! | what can be kept up | all of it | `T / (T + d)` of it, 95 % |
//! | refused although units are left | none | what was taken and not spent, at most `2B` for each replica and `d`, for `T + d` |
//! | a replica is killed | nothing is missing | its blocks are missing for `T + d` |
//! | the store is away | the layer's [outage mode](#when-the-store-is-away) decides | the same, once what was taken is spent, or `d` is over |
//! | clocks | the store's | the store's, and the monotonic one of each process, within 1 % of it |
//! | a check | a round trip, and one for its commit | no round trip; one in about half of `d` for each counter |
//!
//! Direct is the default: it promises more. Leased is for limits of thousands, which a customer hardly
//! uses up, and at which round trips cost more than a 20th of the rate is worth.
//!
//! # When the store is away
//!
//! A fault is never taken for a used-up limit. A layer refuses with 503, or lets requests pass
//! uncounted, or spends an allowance of this process: `CheckUsageLimitLayer::during_store_outage`. What
//! is let through then is at most nothing, everything that is asked for, or `replicas x allowance` for
//! each counter and window.
//!
//! # What they cost
//!
//! A check and its commit, on two cores that the store's server shares, over loopback, 100 counters,
//! default durability of each store, and a limit so high that `A` is 10,000, by
//! `cargo bench -p tiergate-benches --bench stores`:
//!
//! | | checks a second of memory's, from 64 tasks | leased over direct | half of them take, from one task |
//! |---|--:|--:|--:|
//! | `MemoryUsage` | 1.00 | – | 0.2 µs |
//! | `SqliteUsage`, directly | 0.001 | – | 1.2 ms |
//! | `SqliteUsage`, leased | 0.57 | 271 | 0.3 µs |
//! | `PostgresUsage`, directly | 0.0004 | – | 0.9 ms |
//! | `PostgresUsage`, leased | 0.50 | 806 | 0.3 µs |
//! | `RedisUsage`, directly | 0.002 | – | 0.25 ms |
//! | `RedisUsage`, leased | 0.56 | 229 | 0.3 µs |
//! | a Redis script that only counts, as a peer | 0.02 | – | 0.06 ms |
//!
//! Of a rate of a million in a minute, in the same run: leased 0.64 to 0.71 of memory's, and 434 to 1,327
//! times the store's directly.
//!
//! With a lower `A` more messages are sent: at 1,000, which is a limit of a million, PostgreSQL's server
//! takes so much of the two cores that half as many checks are left, and seven or eight in ten with the others.
//!
//! The peer makes one round trip and promises less: no reservation, nothing given back, no idempotency
//! key, no rate without a boundary. On a network, every round trip costs that network's more.
