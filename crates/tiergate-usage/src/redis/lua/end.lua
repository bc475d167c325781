-- Ends a lease. ARGV[4] is its id, [5] to [7] the counter, then the units that were used.
local s, field = subjects[1], 'l' .. ARGV[4]
local c = counter_of(s, ARGV[5], ARGV[6], ARGV[7])
local high, low = tonumber(ARGV[8]), tonumber(ARGV[9])
local raw = get(s, field)
local it = raw and cmsgpack.unpack(raw)
if not it or it.name ~= c.name then return answer('unknown') end
if it.stage == 'ended' then return answer('already') end
forget_some(GARBAGE_BATCH)
local stage = it.stage
if stage == 'open' then
  commit(c, it.uh, it.ul, high, low)
else
  -- What was kept was a guess.
  raise(c, minus(high, low, it.kh, it.kl))
  lower(c, minus(it.kh, it.kl, high, low))
end
it.stage = 'ended'
remember_lease(s, field, it)
return answer(stage == 'open' and 'ended' or 'corrected')
