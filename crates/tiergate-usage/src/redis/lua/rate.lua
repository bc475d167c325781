-- The log of a rate: what was admitted during the last span, and when. A unit that was admitted at `t`
-- counts during [t, t + length), and one that may be spent until `ahead` later during
-- [t, t + ahead + length).
--
-- A header knows the sum, and where the entries are: in chunks of a few, so that an operation reads and
-- writes little of a long log. An entry is a time and 64-bit units, and times rise strictly.
local MAX_ENTRIES = 1024
local CHUNK = 32
-- Into how many cells a span is divided for merging: a unit leaves at most one cell late.
local CELLS = 512
local HEADER = '<dIdddddd'
local ENTRY = '<dII'
local ENTRY_BYTES = 16

local function chunk_name(c, number) return string.format('e%.0f:', number) .. c.name end

-- `last_at` is the latest time of any entry there was: a clock that is set back goes on from there.
local function log_of(c)
  if c.log then return c.log end
  local log = { high = 0, low = 0, last_at = 0, oldest = 0, first = 0, skip = 0, last = 0, count = 0 }
  local raw = get(c.s, c.name)
  if raw then
    log.high, log.low, log.last_at, log.oldest, log.first, log.skip, log.last, log.count =
      struct.unpack(HEADER, raw)
  end
  log.was_there = raw and true or false
  c.log = log
  return log
end

local function save_log(c)
  local log = c.log
  put(c.s, c.name, struct.pack(HEADER, log.high, log.low, log.last_at, log.oldest, log.first, log.skip,
    log.last, log.count))
  local over = math.min(math.max(log.last_at, now) + c.length, FAR)
  if log.was_there then need(c.s, over) else garbage_at(c.s, c.name, over) end
  log.was_there = true
end

local function entry(raw, index) return struct.unpack(ENTRY, raw, index * ENTRY_BYTES + 1) end

-- Calls `act(at, high, low)` for each entry from the oldest on, until it answers.
local function each_entry(c, act)
  local log = c.log
  local skip = log.skip
  for number = log.first, log.last do
    local raw = get(c.s, chunk_name(c, number))
    for index = skip, #raw / ENTRY_BYTES - 1 do
      local result = act(entry(raw, index))
      if result ~= nil then return result end
    end
    skip = 0
  end
end

-- Drops what no longer counts.
local function forget_elapsed(c)
  local log = log_of(c)
  if log.count == 0 or log.oldest + c.length > now then return end
  while log.count > 0 and log.oldest + c.length <= now do
    local name = chunk_name(c, log.first)
    local raw = get(c.s, name)
    local entries = #raw / ENTRY_BYTES
    while log.skip < entries do
      local at, high, low = entry(raw, log.skip)
      log.oldest = at
      if at + c.length > now then break end
      log.high, log.low = minus(log.high, log.low, high, low)
      log.skip, log.count = log.skip + 1, log.count - 1
    end
    if log.skip >= entries then
      drop(c.s, name)
      log.first, log.skip = log.first + 1, 0
    end
    if log.count > 0 and log.skip == 0 then log.oldest = entry(get(c.s, chunk_name(c, log.first)), 0) end
  end
  if log.count == 0 then log.first, log.skip, log.last, log.high, log.low = 0, 0, 0, 0, 0 end
  save_log(c)
end

local function append(c, at, high, low)
  local log = c.log
  local raw = false
  if log.count > 0 then
    raw = get(c.s, chunk_name(c, log.last))
    if #raw >= CHUNK * ENTRY_BYTES then log.last, raw = log.last + 1, false end
  else
    log.oldest = at
  end
  put(c.s, chunk_name(c, log.last), (raw or '') .. struct.pack(ENTRY, at, high, low))
  log.high, log.low = plus(log.high, log.low, high, low)
  log.last_at, log.count = at, log.count + 1
end

-- More units for an entry, up to 2^64 - 1. Beyond that nothing is lost: no limit is above it, so such an
-- entry keeps every limit reached until it leaves.
local function absorb(high, low, more_high, more_low)
  return shown(plus(high, low, more_high, more_low))
end

-- Merges neighbours to the later time, which never admits more. Cells are cut by absolute time, so that
-- merging again moves no unit out of its cell.
local function merge(c)
  local log, cell = c.log, math.max(math.floor(c.length / CELLS), 1)
  local merged, last = {}, nil
  each_entry(c, function(at, high, low)
    if last and math.floor(last[1] / cell) == math.floor(at / cell) then
      last[2], last[3] = absorb(high, low, last[2], last[3])
      last[1] = at
    else
      last = { at, high, low }
      merged[#merged + 1] = last
    end
  end)
  for number = log.first, log.last do put(c.s, chunk_name(c, number), false) end
  log.high, log.low, log.first, log.skip, log.last, log.count = 0, 0, 0, 0, 0, 0
  for _, it in ipairs(merged) do append(c, it[1], it[2], it[3]) end
end

local function add_to_log(c, high, low, ahead)
  if high == 0 and low == 0 then return end
  forget_elapsed(c)
  local log = c.log
  local at = math.max(after(ahead or 0), log.last_at)
  if log.count > 0 and at == log.last_at then
    local name = chunk_name(c, log.last)
    local raw = get(c.s, name)
    local start = #raw - ENTRY_BYTES
    local _, had_high, had_low = struct.unpack(ENTRY, raw, start + 1)
    local all_high, all_low = absorb(had_high, had_low, high, low)
    put(c.s, name, string.sub(raw, 1, start) .. struct.pack(ENTRY, at, all_high, all_low))
    log.high, log.low = plus(log.high, log.low, minus(all_high, all_low, had_high, had_low))
  else
    if log.count >= MAX_ENTRIES then merge(c) end
    append(c, at, high, low)
  end
  save_log(c)
end

-- How long until no more than so many units are used; false if that is never.
local function until_at_most(c, high, low)
  local used_high, used_low = c.log.high, c.log.low
  local wait = each_entry(c, function(at, entry_high, entry_low)
    used_high, used_low = minus(used_high, used_low, entry_high, entry_low)
    if not is_less(high, low, used_high, used_low) then return at + c.length - now end
  end)
  return wait or false
end

-- Removes a log of which nothing counts any more; otherwise looks again when it may be so.
local function sweep_log(s, name, raw)
  local _, _, last_at, _, first, _, last, count = struct.unpack(HEADER, raw)
  -- The name has the length in nanoseconds. Rounded up, so that nothing goes too early.
  local length = math.ceil(tonumber(string.match(name, '/s(%d+)$')) / 1000) + 1
  local over = math.min(last_at + length, FAR)
  if over > now then return garbage_at(s, name, over) end
  if count > 0 then
    for number = first, last do put(s, chunk_name({ name = name }, number), false) end
  end
  drop(s, name)
end
