-- Takes a block of a rate's units, which may be spent until some time from now: they are entered at that
-- time, and count from now on. ARGV[4] to [6] are the counter, then units, limit (empty is none), and how long.
local c = counter_of(subjects[1], ARGV[4], ARGV[5], ARGV[6])
local high, low = tonumber(ARGV[7]), tonumber(ARGV[8])
local bound_high, bound_low = ARGV[9] ~= '' and tonumber(ARGV[9]), tonumber(ARGV[10])

forget_some(GARBAGE_BATCH)
local reason, it = refusal(c, high, low, bound_high, bound_low)
if reason then return answer('refused', reason, it) end
add_to_log(c, high, low, tonumber(ARGV[11]))
return answer('granted', state(c))
