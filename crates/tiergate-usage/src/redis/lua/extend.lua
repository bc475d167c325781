-- Gives an open lease more time. ARGV[4] is its id, [5] the name of its counter, then kept units and time to
-- live.
local s, field = subjects[1], 'l' .. ARGV[4]
local high, low, ttl = tonumber(ARGV[6]), tonumber(ARGV[7]), tonumber(ARGV[8])
local raw = get(s, field)
local it = raw and cmsgpack.unpack(raw)
if not it or it.name ~= ARGV[5] then return answer('unknown') end
if it.stage ~= 'open' then return answer(it.stage) end
if ttl == 0 or is_less(it.uh, it.ul, high, low) then return answer('invalid') end
if is_less(it.kh, it.kl, high, low) then it.kh, it.kl = high, low end
it.due = math.max(it.due, after(ttl))
put(s, field, cmsgpack.pack(it))
due_at(s, field, it.due)
return answer('extended')
