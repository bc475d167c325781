-- Takes the units of all claims, or of none.
--
-- ARGV[4] is the name of this call, [5] the time to live, [6] the field of the idempotency key and [7] what
-- the operation asks for, both empty without a key. [8] is how many claims there are; each has the number
-- of its subject, kind, bound, name, units and limit, where a limit that is empty is none. Then come the
-- tags of the subjects.
local MOST_HOLDERS = 63
local CLAIM = 8

local nonce, ttl, key, asked = ARGV[4], tonumber(ARGV[5]), ARGV[6], ARGV[7]
local home = subjects[1]
local claims = {}
for i = 1, tonumber(ARGV[8]) do
  local at = 8 + (i - 1) * CLAIM
  claims[i] = {
    subject = tonumber(ARGV[at + 1]),
    c = counter_of(subjects[tonumber(ARGV[at + 1])], ARGV[at + 2], ARGV[at + 3], ARGV[at + 4]),
    high = tonumber(ARGV[at + 5]), low = tonumber(ARGV[at + 6]),
    bound_high = ARGV[at + 7] ~= '' and tonumber(ARGV[at + 7]), bound_low = tonumber(ARGV[at + 8]),
  }
end
local tags = {}
for i = 1, #subjects do tags[i] = ARGV[8 + #claims * CLAIM + i] end
local field = 'r' .. nonce

local function away_field(name) return 'a' .. tags[1] .. name end

local function admitted(name, holder, replay)
  local states = {}
  for i, claim in ipairs(claims) do states[i] = state(claim.c) end
  return answer('admitted', name, holder, replay, states)
end

-- Lets this call join an open reservation. It has as long to settle it as if it was new.
local function join(name)
  local at = 'r' .. name
  local it = reservation(get(home, at))
  for holder, known in ipairs(it.holders) do
    if known == nonce then return admitted(name, holder - 1, 'repeated') end
  end
  if #it.holders >= MOST_HOLDERS then return answer('crowded') end
  it.holders[#it.holders + 1] = nonce
  it.present[#it.present + 1] = 1
  it.due = math.max(it.due, after(ttl))
  put(home, at, cmsgpack.pack(it))
  due_at(home, at, it.due)
  for i = 2, #subjects do
    local part = away_field(name)
    if get(subjects[i], part) then due_at(subjects[i], part, it.due) end
  end
  return admitted(name, #it.holders - 1, 'repeated')
end

-- What the same operation came to, if it was asked for before.
local function replay()
  -- This very call, whose answer was lost.
  if get(home, field) then return admitted(nonce, 0, 'first') end
  local raw = key ~= '' and get(home, key)
  if not raw then return nil end
  local known = cmsgpack.unpack(raw)
  if known.until_ and known.until_ <= now then return nil end
  if known.asked ~= asked then return answer('conflict') end
  if known.until_ then return admitted(known.name, MOST_HOLDERS, 'repeated') end
  if not get(home, 'r' .. known.name) then return nil end
  return join(known.name)
end

local function take()
  local due = after(ttl)
  local held = {}
  for i = 1, #subjects do held[i] = {} end
  for i, claim in ipairs(claims) do
    reserve(claim.c, claim.high, claim.low)
    local mine = held[claim.subject]
    mine[#mine + 1] = { i, claim.c.kind, claim.c.bound, claim.c.name, claim.high, claim.low }
  end
  local away = {}
  for i = 2, #subjects do
    put(subjects[i], away_field(nonce), cmsgpack.pack(held[i]))
    due_at(subjects[i], away_field(nonce), due)
    away[i - 1] = { tags[i], held[i] }
  end
  put(home, field, cmsgpack.pack({
    due = due, claims = #claims, held = held[1], away = away,
    key = key ~= '' and key, holders = { nonce }, present = { 1 },
  }))
  due_at(home, field, due)
  if key ~= '' then
    put(home, key, cmsgpack.pack({ name = nonce, asked = asked }))
    not_due(home, key)
  end
  return admitted(nonce, 0, 'first')
end

forget_some(GARBAGE_BATCH)
local before = replay()
if before then return before end
for i, claim in ipairs(claims) do
  local reason, it = refusal(claim.c, claim.high, claim.low, claim.bound_high, claim.bound_low)
  if reason then return answer('refused', i - 1, reason, it) end
end
return take()
