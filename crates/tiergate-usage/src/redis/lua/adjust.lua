-- What a counter is made of, after it was changed.
--
-- ARGV[4] to [6] are the counter. [7] is 'raise', 'lower' or empty, [8] and [9] the units, [10] the name of
-- this call: when it comes again because its answer was lost, it changes nothing more.
local REMEMBERED = 60 * SECOND

local c = counter_of(subjects[1], ARGV[4], ARGV[5], ARGV[6])
local change, high, low = ARGV[7], tonumber(ARGV[8]), tonumber(ARGV[9])
local field = 'o' .. ARGV[10]

local function tally(taken_high, taken_low)
  local sums = sums_of(c)
  local committed_high, committed_low = shown(sums.ch, sums.cl)
  local open_high, open_low = shown(sums.oh, sums.ol)
  local used_high, used_low = shown(used(c))
  return answer('tally', taken_high, taken_low, committed_high, committed_low, open_high, open_low,
    used_high, used_low)
end

if change == '' then return tally(0, 0) end
forget_some(GARBAGE_BATCH)
local before = get(subjects[1], field)
if before then return tally(struct.unpack('<II', before)) end
local taken_high, taken_low = 0, 0
if change == 'raise' then raise(c, high, low) else taken_high, taken_low = lower(c, high, low) end
if change == 'raise' or sums_of(c).was_there or taken_high > 0 or taken_low > 0 then
  put(subjects[1], field, struct.pack('<II', taken_high, taken_low))
  garbage_at(subjects[1], field, after(REMEMBERED))
end
return tally(taken_high, taken_low)
