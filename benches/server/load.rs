//! The load, by wrk.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use tempfile::NamedTempFile;

use crate::{process, user_id};

/// As many as keep a server busy, and few enough that what is measured is not the queue.
const CONNECTIONS: &str = "32";

/// wrk, with a script that sends requests of all users in turn.
pub(crate) struct Wrk {
    script: NamedTempFile,
}

/// What came of some seconds of load.
pub(crate) struct Load {
    pub(crate) requests: f64,
    pub(crate) duration: Duration,
    pub(crate) p50: Duration,
    pub(crate) p99: Duration,
}

const SCRIPT: &str = r#"
local requests, at = {}, 0
function init(args)
    for number, id in ipairs(ids) do
        requests[number] = wrk.format("GET", "/", { ["x-user-id"] = id })
    end
end
function request()
    at = at % #requests + 1
    return requests[at]
end
function done(summary, latency, _)
    local faults = summary.errors
    io.write(string.format("told %d %d %d %d %d\n",
        summary.requests, summary.duration, latency:percentile(50), latency:percentile(99),
        faults.connect + faults.read + faults.write + faults.status + faults.timeout))
end
"#;

impl Wrk {
    /// None if it is not installed.
    pub(crate) fn find(users: usize) -> Option<Self> {
        // It has no way to say its version that succeeds: that it starts is enough.
        Command::new("wrk")
            .arg("--version")
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()
            .ok()?;
        let mut script = NamedTempFile::new().expect("a folder for temporary files");
        let ids: Vec<String> = (0..users)
            .map(|number| format!("\"{}\"", user_id(number)))
            .collect();
        writeln!(script, "ids = {{{}}}\n{SCRIPT}", ids.join(",")).expect("room for a file");
        Some(Self { script })
    }

    /// Sends requests for so many seconds, each of which must be answered 200.
    ///
    /// # Panics
    ///
    /// When one is not.
    pub(crate) fn load(&self, port: u16, seconds: u64) -> Load {
        let output = process::on_processor("1", Path::new("wrk"))
            .args(["--threads", "1", "--connections", CONNECTIONS])
            // A busy machine is no fault of a server's.
            .args(["--timeout", "30s"])
            .args(["--duration", &format!("{seconds}s"), "--script"])
            .arg(self.script.path())
            .arg(format!("http://127.0.0.1:{port}/"))
            .output()
            .expect("wrk runs");
        let told = String::from_utf8(output.stdout).expect("it writes text");
        let numbers = told.lines().find_map(|line| line.strip_prefix("told "));
        let numbers: Vec<u32> = numbers
            .unwrap_or_default()
            .split_whitespace()
            .filter_map(|number| number.parse().ok())
            .collect();
        let numbers: [u32; 5] = numbers.try_into().expect("five numbers, of the script");
        let [requests, duration, p50, p99, faults] = numbers;
        assert_eq!(faults, 0, "all requests are let through");
        let microseconds = |number: u32| Duration::from_micros(u64::from(number));
        Load {
            requests: f64::from(requests),
            duration: microseconds(duration),
            p50: microseconds(p50),
            p99: microseconds(p99),
        }
    }
}
