-- ARGV: group, claimed, consumer, which is remembered to run, and how many at most. Moves what is due to the
-- group's queue; gives the milliseconds until the next is, or -1.
local group, claimed, consumer, most = unpack(ARGV)
local delayed, time = delayed_of(group, claimed), now()
call('HSET', P .. ':members:' .. group .. ':' .. claimed, consumer, time)
for _, member in ipairs(call('ZRANGE', delayed, '-inf', time, 'BYSCORE', 'LIMIT', 0, most)) do
  call('XADD', queue_of(group, claimed), '*', unpack(delayed_fields(member)))
  call('ZREM', delayed, member)
end
local next = call('ZRANGE', delayed, 0, 0, 'WITHSCORES')
return next[2] and math.max(0, next[2] - time) or -1
