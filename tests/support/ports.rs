//! Ports that stay free while the program that has one restarts.

use std::collections::HashSet;
use std::net::{Ipv4Addr, TcpListener};
use std::ops::Range;
use std::sync::Mutex;

/// Below what systems give out by themselves (from 32768 on Linux, from 49152 by IANA's rule, RFC 6335),
/// so that no outgoing connection takes the port while its program is down.
const RANGE: Range<u16> = 12_000..32_000;

/// How many ports are tried.
const TRIES: usize = 1_000;

static GIVEN: Mutex<Option<HashSet<u16>>> = Mutex::new(None);

/// A port of loopback that nobody listens on, and that this process gives to nobody else.
///
/// # Panics
///
/// When there is none.
pub(crate) fn free_port() -> u16 {
    let mut given = GIVEN.lock().unwrap();
    let given = given.get_or_insert_with(HashSet::new);
    let port = std::iter::repeat_with(|| fastrand::u16(RANGE))
        .take(TRIES)
        .find(|port| !given.contains(port) && is_free(*port))
        .expect("some port of loopback is free");
    given.insert(port);
    port
}

fn is_free(port: u16) -> bool {
    TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok()
}
