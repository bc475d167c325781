-- Takes a block of units. ARGV[4] is its id, [5] to [7] the counter, then units, kept units, limit (empty is
-- none) and time to live.
local s, field = subjects[1], 'l' .. ARGV[4]
local c = counter_of(s, ARGV[5], ARGV[6], ARGV[7])
local high, low = tonumber(ARGV[8]), tonumber(ARGV[9])
local bound_high, bound_low = ARGV[12] ~= '' and tonumber(ARGV[12]), tonumber(ARGV[13])

forget_some(GARBAGE_BATCH)
local raw = get(s, field)
if raw then
  if cmsgpack.unpack(raw).stage ~= 'open' then return answer('over') end
  return answer('granted', state(c))
end
local reason, it = refusal(c, high, low, bound_high, bound_low)
if reason then return answer('refused', reason, it) end
reserve(c, high, low)
local due = after(tonumber(ARGV[14]))
put(s, field, cmsgpack.pack({
  stage = 'open', kind = c.kind, bound = c.bound, name = c.name, due = due,
  uh = high, ul = low, kh = tonumber(ARGV[10]), kl = tonumber(ARGV[11]),
}))
due_at(s, field, due)
return answer('granted', state(c))
