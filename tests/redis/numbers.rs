//! The arithmetic of the scripts, on the server that runs them.

use proptest::prelude::*;
use proptest::strategy::ValueTree;
use tiergate_tests::Redis;

const NUMBERS: &str = include_str!("../../crates/tiergate-usage/src/redis/lua/numbers.lua");

/// Calls each function with two sums of high and low halves.
const CALLS: &str = r"
local a, b, c, d = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
local all = {}
for _, act in ipairs({ plus, minus, least }) do
  local high, low = act(a, b, c, d)
  all[#all + 1], all[#all + 2] = string.format('%.0f', high), string.format('%.0f', low)
end
local high, low = shown(a, b)
all[#all + 1], all[#all + 2] = string.format('%.0f', high), string.format('%.0f', low)
all[#all + 1] = is_less(a, b, c, d) and '1' or '0'
return all
";

/// The greatest sum that is exact: the high half stops short of 2^52.
const MOST: u128 = (1 << 84) - 1;

fn halves(sum: u128) -> [String; 2] {
    [
        (sum >> 32).to_string(),
        (sum & u128::from(u32::MAX)).to_string(),
    ]
}

/// Sums of all sizes, and those where halves turn over.
fn sum() -> impl Strategy<Value = u128> {
    let edges = [
        0,
        1,
        1 << 32,
        (1 << 32) - 1,
        1 << 53,
        u128::from(u64::MAX),
        1 << 64,
        MOST,
    ];
    prop_oneof![
        prop::sample::select(edges.to_vec()),
        (0_u32..84, any::<u128>()).prop_map(|(bits, random)| random & ((1 << bits) - 1)),
        (0_u32..84, 0_u128..4).prop_map(|(bits, less)| (1_u128 << bits).saturating_sub(less)),
    ]
}

#[tokio::test]
async fn sums_in_scripts_are_those_of_128_bits() {
    let Some(server) = Redis::shared().await else {
        return;
    };
    let mut connection = server.connection().await;
    let script = [NUMBERS, CALLS].concat();
    let runner = &mut proptest::test_runner::TestRunner::new(ProptestConfig::with_cases(500));
    for _ in 0..500 {
        let pair = (sum(), sum()).new_tree(runner).unwrap().current();
        let (a, b) = pair;
        let mut eval = redis::cmd("EVAL");
        eval.arg(&script)
            .arg(0)
            .arg(&halves(a)[..])
            .arg(&halves(b)[..]);
        let told: Vec<u128> = eval
            .query_async::<Vec<u128>>(&mut connection)
            .await
            .unwrap();
        let sums: Vec<u128> = told
            .chunks_exact(2)
            .map(|it| (it[0] << 32) + it[1])
            .collect();
        let expected = [
            (a + b).min(MOST),
            a.saturating_sub(b),
            a.min(b),
            a.min(u128::from(u64::MAX)),
        ];
        assert_eq!(sums, expected, "{a} and {b}");
        assert_eq!(told[8], u128::from(a < b), "{a} < {b}");
    }
}
