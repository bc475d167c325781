-- Sums of 64-bit units. A Lua number holds whole numbers up to 2^53 only, so a sum is two of them:
-- high * 2^32 + low. Sums are exact below 2^84, and stay there.
local BASE = 4294967296
local TOP = 4503599627370496

local function plus(ah, al, bh, bl)
  local high, low = ah + bh, al + bl
  if low >= BASE then high, low = high + 1, low - BASE end
  if high >= TOP then return TOP - 1, BASE - 1 end
  return high, low
end

local function is_less(ah, al, bh, bl)
  return ah < bh or (ah == bh and al < bl)
end

-- Zero when more is taken off than there is.
local function minus(ah, al, bh, bl)
  if is_less(ah, al, bh, bl) then return 0, 0 end
  local high, low = ah - bh, al - bl
  if low < 0 then high, low = high - 1, low + BASE end
  return high, low
end

local function least(ah, al, bh, bl)
  if is_less(ah, al, bh, bl) then return ah, al end
  return bh, bl
end

-- As a 64-bit number, which is at its end when there is more.
local function shown(high, low)
  if high >= BASE then return BASE - 1, BASE - 1 end
  return high, low
end
