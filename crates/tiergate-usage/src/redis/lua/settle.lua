-- Ends a reservation for one of its holders.
--
-- ARGV[4] is its name, [5] the holder, [6] how many units are committed, or empty to release. The units
-- follow, and then the tags of the other subjects whose keys are there.
local name, holder = ARGV[4], tonumber(ARGV[5]) + 1
local is_commit = ARGV[6] ~= ''
local given = tonumber(ARGV[6]) or 0
local home = subjects[1]
local field = 'r' .. name
local home_tag = ARGV[7 + 2 * given]

local function units(claim) return tonumber(ARGV[5 + 2 * claim]), tonumber(ARGV[6 + 2 * claim]) end

-- What is committed counts even if the reservation is over there, which takes a clock that was set back.
local function settle(s, held, is_there)
  if not is_commit then return is_there and give_back(s, held) end
  each_held(s, held, function(claim, c, high, low)
    if not is_there then high, low = 0, 0 end
    commit(c, high, low, units(claim))
  end)
end

-- How long an operation on these counters is remembered by its key.
local function remembered(held)
  local longest = 0
  for _, it in ipairs(held) do
    local length = it[3]
    if it[2] == 'l' then length = DAY elseif it[2] == 'f' then length = it[3] - wall end
    longest = math.max(longest, length)
  end
  return longest
end

local raw = get(home, field)
if not raw then return answer('unknown') end
if raw == SETTLED then return answer('already') end
if raw == EXPIRED then return answer('expired') end
local it = reservation(raw)
if is_commit and given ~= it.claims then return answer('invalid') end
if it.present[holder] ~= 1 then return answer(holder <= #it.holders and 'already' or 'unknown') end
if #subjects - 1 ~= #it.away then
  local tags = {}
  for i, other in ipairs(it.away) do tags[i] = other[1] end
  return answer('elsewhere', tags)
end

forget_some(GARBAGE_BATCH)
it.present[holder] = 0
if not is_commit then
  for _, present in ipairs(it.present) do
    if present == 1 then
      put(home, field, cmsgpack.pack(it))
      need(home, it.due)
      return answer('settled')
    end
  end
end
settle(home, it.held, true)
local longest = remembered(it.held)
for i, other in ipairs(it.away) do
  local s, part, held = subjects[i + 1], 'a' .. home_tag .. name, other[2]
  settle(s, held, get(s, part) and true or false)
  drop(s, part)
  longest = math.max(longest, remembered(held))
end
if it.key and is_commit then
  local asked = cmsgpack.unpack(get(home, it.key)).asked
  local until_ = after(longest)
  put(home, it.key, cmsgpack.pack({ name = name, asked = asked, until_ = until_ }))
  garbage_at(home, it.key, until_)
elseif it.key then
  drop(home, it.key)
end
remember_settled(home, field)
return answer('settled')
