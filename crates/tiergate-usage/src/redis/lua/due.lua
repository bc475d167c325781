-- What falls due. The first letter of a field says what it is: 'r' a reservation, 'a' its part with
-- another subject, 'l' a lease, 'k' an idempotency key, 'c' a counter, 'e' a chunk of a log, 'o' the
-- answer to an operation that may be repeated.
local SETTLED, EXPIRED = 's', 'x'
local REMEMBERED_SETTLED = 60 * SECOND
local REMEMBERED_SETTLED_IN_HASTE = 5 * SECOND
local REMEMBERED_EXPIRED = 3600 * SECOND
-- With more entries than this a settled reservation is remembered for a shorter time.
local MANY = 10000

-- A reservation: when it is due, how many claims it has, its units with this subject, the tags of the
-- others, its key, and who holds it.
local function reservation(raw) return cmsgpack.unpack(raw) end

-- Units that are held of one counter: index of the claim, counter and units.
local function each_held(s, held, act)
  for _, it in ipairs(held) do
    act(it[1], counter_of(s, it[2], it[3], it[4]), it[5], it[6])
  end
end

local function give_back(s, held)
  each_held(s, held, function(_, c, high, low)
    if c.kind ~= 's' then commit(c, high, low, 0, 0) end
  end)
end

local function remember_settled(s, field)
  put(s, field, SETTLED)
  local haste = redis.call('ZCARD', s.due) > MANY
  garbage_at(s, field, after(haste and REMEMBERED_SETTLED_IN_HASTE or REMEMBERED_SETTLED))
end

-- How long a lease that is over is remembered: a day after its window.
local function remember_lease(s, field, lease)
  local rest = lease.kind == 'f' and math.max(lease.bound - wall, 0) or 0
  put(s, field, cmsgpack.pack(lease))
  garbage_at(s, field, after(rest + DAY))
end

local function expire_one(s, field)
  local raw = get(s, field)
  local letter = string.sub(field, 1, 1)
  if not raw or raw == SETTLED or raw == EXPIRED then
    not_due(s, field)
  elseif letter == 'r' then
    local it = reservation(raw)
    give_back(s, it.held)
    if it.key then drop(s, it.key) end
    put(s, field, EXPIRED)
    garbage_at(s, field, after(REMEMBERED_EXPIRED))
    s.expired = s.expired + 1
  elseif letter == 'a' then
    give_back(s, cmsgpack.unpack(raw))
    drop(s, field)
  else
    local lease = cmsgpack.unpack(raw)
    commit(counter_of(s, lease.kind, lease.bound, lease.name), lease.uh, lease.ul, lease.kh, lease.kl)
    lease.stage = 'expired'
    remember_lease(s, field, lease)
    s.expired = s.expired + 1
  end
end

local function sweep_one(s, field)
  local raw = get(s, field)
  if raw and string.sub(field, 1, 1) == 'c' then sweep_counter(s, field, raw) else drop(s, field) end
end

local function due_now(s, first, last, most)
  local fields = redis.call('ZRANGEBYSCORE', s.due, first, last, 'LIMIT', 0, most)
  load(s, fields)
  return fields
end

-- Ends what has expired, before anything is decided. False if there is more, and the operation has to
-- come again: so its bound costs no exactness.
local function expire_all()
  local all = true
  for _, s in ipairs(subjects) do
    local fields = due_now(s, 0, now, BATCH)
    for _, field in ipairs(fields) do expire_one(s, field) end
    all = all and #fields < BATCH
  end
  return all
end

-- Forgets what is of no use any more. False if there may be more.
local function forget_some(most)
  local all = true
  for _, s in ipairs(subjects) do
    local fields = due_now(s, -FAR, now - FAR, most)
    for _, field in ipairs(fields) do sweep_one(s, field) end
    all = all and #fields < most
  end
  return all
end

local is_clear = expire_all()
if not is_clear then return answer('more') end
