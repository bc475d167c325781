//! Servers over loopback: what a guard costs of a whole request, with its sockets.
//!
//! Every server is a process with one thread, on a processor of its own where there are two; wrk has the
//! other. Rounds alternate between the servers, and a ratio is taken inside of a round. What a server's
//! processor did for a request is the steadiest of the figures: how many requests there were in a second
//! depends on what else the machine does.
#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a benchmark that is set up wrong has to stop"
)]

mod load;
mod node;
mod process;
mod report;
mod services;

use std::process::Command;

use load::Wrk;
use node::Express;
use process::Server;
use report::Measured;
use services::Kind;
use side_by_side::Effort;

/// How many users send requests.
const USERS: usize = 10_000;
/// The longest that a server may take to be there, and to answer.
const PATIENCE: std::time::Duration = std::time::Duration::from_secs(30);

const TITLE: &str = "A server over loopback";

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    if let Some(at) = arguments.iter().position(|argument| argument == "--serve") {
        let kind = arguments.get(at + 1).and_then(|name| Kind::named(name));
        services::serve(kind.expect("one of the servers"));
        return;
    }
    let effort = Effort::from_args();
    let Some(wrk) = Wrk::find(USERS) else {
        eprintln!("skipped: wrk is not installed (apt-get install wrk)");
        return;
    };
    let (rounds, seconds) = if effort.is_quick() { (1, 1) } else { (12, 2) };

    let mut servers: Vec<Measured> = Kind::ALL
        .iter()
        .filter(|kind| effort.wants(TITLE, kind.name()))
        .map(|kind| {
            let mut command = process::pinned(&std::env::current_exe().expect("it runs"));
            command.args(["--serve", kind.name()]);
            Measured::new(
                kind.name(),
                started(kind.name(), &mut command, kind.guard()),
            )
        })
        .collect();
    if let Some(express) = Express::installed() {
        for (name, mode, guard) in [
            ("Express, bare", "bare", Guarding::Nobody),
            (
                "Express, guarded by hand",
                "guarded",
                Guarding::WhoDoesNotPay,
            ),
        ] {
            if effort.wants(TITLE, name) {
                let server = started(name, &mut express.command(mode), guard);
                servers.push(Measured::new(name, server));
            }
        }
    }
    for server in &servers {
        wrk.load(server.server.port(), seconds);
    }
    for round in 0..rounds {
        for turn in 0..servers.len() {
            let index = (round + turn) % servers.len();
            servers[index].measure(&wrk, seconds);
        }
    }
    report::print(TITLE, &servers, rounds, seconds);
}

/// Whom a server keeps out.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Guarding {
    Nobody,
    WhoDoesNotPay,
}

/// A server that was seen to answer as it should.
fn started(name: &str, command: &mut Command, guarding: Guarding) -> Server {
    let server = Server::start(command);
    let refused = match guarding {
        Guarding::Nobody => 200,
        Guarding::WhoDoesNotPay => 403,
    };
    for (user, expected) in [(user_id(1), 200), ("free".to_owned(), refused)] {
        assert_eq!(server.status_for(&user), expected, "{name}, for {user}");
    }
    server
}

/// The id of one of the users, all of whom pay.
fn user_id(number: usize) -> String {
    format!("{number:08x}-0000-4000-8000-{number:012x}")
}
