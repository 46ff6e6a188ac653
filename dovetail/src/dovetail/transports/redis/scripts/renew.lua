-- ARGV: group, claimed, consumer, stream, ids that it has in flight, more of them than Lua can unpack. Those that went to another
-- member are left there, and given.
local group, claimed, consumer, stream = unpack(ARGV, 1, 4)
local pending = redis.pcall('XPENDING', stream, group, '-', '+', 2 * #ARGV + 1000, consumer)
if pending.err then return {} end
local mine = {}
for _, one in ipairs(pending) do mine[one[1]] = true end

local function claim(ids)
  if #ids == 0 then return end
  ids[#ids + 1] = 'JUSTID'
  call('XCLAIM', stream, group, consumer, 0, unpack(ids))
end

local renewed, gone = {}, {}
for i = 5, #ARGV do
  if mine[ARGV[i]] then renewed[#renewed + 1] = ARGV[i] else gone[#gone + 1] = ARGV[i] end
  if #renewed == 1000 then
    claim(renewed)
    renewed = {}
  end
end
claim(renewed)
return gone
