-- Counters. A level ('l') and a quota's window ('f') are two sums, of committed and of open units, and
-- the time they were last touched. A rate ('s') is a log.
local SUMS = '<dIdId'
local SUMS_BYTES = 32

-- `bound` is the length of a rate, or the end of a quota's window by the wall clock.
local function counter_of(s, kind, bound, name)
  bound = tonumber(bound)
  return { s = s, kind = kind, bound = bound, length = bound, name = name }
end

local function sums_of(c)
  if c.sums then return c.sums end
  local sums = { ch = 0, cl = 0, oh = 0, ol = 0, touched = now }
  local raw = get(c.s, c.name)
  if raw then sums.ch, sums.cl, sums.oh, sums.ol, sums.touched = struct.unpack(SUMS, raw) end
  sums.was_there = raw and true or false
  c.sums = sums
  return sums
end

local function save_sums(c)
  local sums = c.sums
  if sums.ch == 0 and sums.cl == 0 and sums.oh == 0 and sums.ol == 0 then
    -- One that is not there counts as much.
    if sums.was_there then drop(c.s, c.name) end
    sums.was_there = false
    return
  end
  put(c.s, c.name, struct.pack(SUMS, sums.ch, sums.cl, sums.oh, sums.ol, now))
  if c.kind == 'l' then
    need(c.s, after(GAUGE_TTL))
  else
    local over = after(math.max(c.bound - wall, 0) + DAY)
    if sums.was_there then need(c.s, over) else garbage_at(c.s, c.name, over) end
  end
  sums.was_there = true
end

local function used(c)
  if c.kind == 's' then
    forget_elapsed(c)
    return c.log.high, c.log.low
  end
  local sums = sums_of(c)
  return plus(sums.ch, sums.cl, sums.oh, sums.ol)
end

-- The state as it is answered: used, and how long until a rate's oldest unit leaves. How long it is until
-- a quota's window ends is not for here: the end may be beyond what a number holds.
local function state(c)
  local high, low = shown(used(c))
  local wait = false
  if c.kind == 's' and c.log.count > 0 then wait = c.log.oldest + c.length - now end
  return { high, low, wait }
end

-- Whether it does not fit, and why: 'never' or 'full'. A bound of false is none.
local function refusal(c, high, low, bound_high, bound_low)
  if not bound_high then return nil end
  if is_less(bound_high, bound_low, high, low) then
    local it = state(c)
    it[3] = false
    return 'never', it
  end
  local most_high, most_low = minus(bound_high, bound_low, high, low)
  local used_high, used_low = used(c)
  if not is_less(most_high, most_low, used_high, used_low) then return nil end
  local it = state(c)
  if c.kind == 's' then it[3] = until_at_most(c, most_high, most_low) end
  return 'full', it
end

local function reserve(c, high, low)
  if c.kind == 's' then return add_to_log(c, high, low) end
  local sums = sums_of(c)
  sums.oh, sums.ol = plus(sums.oh, sums.ol, high, low)
  save_sums(c)
end

-- Counts what was used of units that were reserved.
local function commit(c, reserved_high, reserved_low, high, low)
  if c.kind == 's' then return add_to_log(c, minus(high, low, reserved_high, reserved_low)) end
  local sums = sums_of(c)
  sums.oh, sums.ol = minus(sums.oh, sums.ol, reserved_high, reserved_low)
  sums.ch, sums.cl = plus(sums.ch, sums.cl, high, low)
  save_sums(c)
end

local function raise(c, high, low)
  local sums = sums_of(c)
  sums.ch, sums.cl = plus(sums.ch, sums.cl, high, low)
  save_sums(c)
end

-- Takes off what is committed, and tells how much.
local function lower(c, high, low)
  local sums = sums_of(c)
  local taken_high, taken_low = least(sums.ch, sums.cl, high, low)
  sums.ch, sums.cl = minus(sums.ch, sums.cl, taken_high, taken_low)
  save_sums(c)
  return taken_high, taken_low
end

-- Removes a quota's counter a day after its window, or a log of which nothing counts.
local function sweep_counter(s, name, raw)
  if #raw ~= SUMS_BYTES then return sweep_log(s, name, raw) end
  local _, _, open_high, open_low, touched = struct.unpack(SUMS, raw)
  if open_high > 0 or open_low > 0 or touched + DAY > now then
    garbage_at(s, name, after(DAY))
  else
    drop(s, name)
  end
end
