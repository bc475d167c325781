-- The time of this operation, and what it reads and writes of each subject.
--
-- KEYS has two keys for each subject: a hash of all that is known of it, and a sorted set of what falls
-- due. Writes are gathered and made at the end, so that a script that fails has changed nothing.
-- ARGV[1] and ARGV[2] are the time and the wall clock when a test tells them, or empty. ARGV[3] is how
-- many microseconds a gauge is kept.

-- Times are microseconds. This is the last one, in the year 2255, beyond which they would not be exact.
local FAR = 9000000000000000
local SECOND = 1000000
local DAY = 86400 * SECOND
-- The least a key lives on after a write.
local LEAST = 60 * SECOND
-- How many entries that are due an operation deals with, of each kind.
local BATCH = 1000
local GARBAGE_BATCH = 100

local now, wall
if ARGV[1] == '' then
  local time = redis.call('TIME')
  now = tonumber(time[1]) * SECOND + tonumber(time[2])
  wall = now
else
  now, wall = tonumber(ARGV[1]), tonumber(ARGV[2])
end
local GAUGE_TTL = tonumber(ARGV[3])

local function after(length) return math.min(now + length, FAR) end

local subjects = {}
for i = 1, #KEYS, 2 do
  subjects[#subjects + 1] =
    { hash = KEYS[i], due = KEYS[i + 1], read = {}, write = {}, move = {}, need = LEAST, expired = 0 }
end

-- The value of a field; false if there is none.
local function get(s, field)
  local value = s.write[field]
  if value == nil then value = s.read[field] end
  if value == nil then
    value = redis.call('HGET', s.hash, field)
    s.read[field] = value
  end
  return value
end

-- Reads several fields at once, for those who get them later.
local function load(s, fields)
  if #fields < 2 then return end
  local values = redis.call('HMGET', s.hash, unpack(fields))
  for i, field in ipairs(fields) do s.read[field] = values[i] end
end

local function put(s, field, value) s.write[field] = value end
local function drop(s, field)
  s.write[field] = false
  s.move[field] = false
end

-- Keys live until then at least.
local function need(s, at) s.need = math.max(s.need, at - now) end

-- What counts changes at that time: the next operation has to deal with it before anything else. Scores
-- from zero on.
local function due_at(s, field, at)
  s.move[field] = at
  need(s, at)
end

-- From that time on the field is of no use any more. Scores below zero.
local function garbage_at(s, field, at)
  s.move[field] = at - FAR
  need(s, at)
end

local function not_due(s, field) s.move[field] = false end

-- Calls a command with any number of arguments, `step` of which belong together.
local function in_parts(command, key, arguments, step)
  local most = 1000 * step
  for first = 1, #arguments, most do
    redis.call(command, key, unpack(arguments, first, math.min(first + most - 1, #arguments)))
  end
end

local function live(key, micros)
  local left, wanted = redis.call('PTTL', key), math.ceil(micros / 1000)
  -- None is ever shortened. What is added spares setting it at each operation.
  if left ~= -2 and left < wanted then
    local more = 60000 + math.min(math.floor(wanted / 4), 86400000)
    redis.call('PEXPIRE', key, wanted + more)
  end
end

local function write_all()
  for _, s in ipairs(subjects) do
    local set, del, add, rem = {}, {}, {}, {}
    for field, value in pairs(s.write) do
      if value then
        if value ~= s.read[field] then set[#set + 1] = field; set[#set + 1] = value end
      elseif s.read[field] ~= false then
        del[#del + 1] = field
      end
    end
    for field, score in pairs(s.move) do
      if score then add[#add + 1] = score; add[#add + 1] = field else rem[#rem + 1] = field end
    end
    in_parts('HSET', s.hash, set, 2)
    in_parts('HDEL', s.hash, del, 1)
    in_parts('ZADD', s.due, add, 2)
    in_parts('ZREM', s.due, rem, 1)
    if #set > 0 or #add > 0 then live(s.hash, s.need) end
    if #add > 0 then live(s.due, s.need) end
  end
end

-- Writes everything and answers: what came of it, how many reservations expired, the wall clock, more.
local function answer(status, ...)
  write_all()
  local expired = 0
  for _, s in ipairs(subjects) do expired = expired + s.expired end
  return { status, expired, wall, ... }
end
