-- ARGV: group, claimed, consumer, and stream, id and key of each message that a handler is to have again.
-- Gives for each whether that was handled meanwhile, or has gone to another member: '1' or '0'. What was handled
-- is taken out.
local group, claimed, consumer = unpack(ARGV, 1, 3)
local queue, late = queue_of(group, claimed), late_of(group, claimed)
local results = {}
for i = 4, #ARGV, 3 do
  local stream, id, key = ARGV[i], ARGV[i + 1], ARGV[i + 2]
  local pending = redis.pcall('XPENDING', stream, group, id, id, 1, consumer)
  local mine, handled = not pending.err and #pending > 0, call('ZSCORE', late, key)
  -- It is remembered on: another member may move a copy just now, and another one look.
  if mine and handled then take_out(stream, queue, group, id, function() end) end
  results[#results + 1] = (handled or not mine) and '1' or '0'
end
return results
