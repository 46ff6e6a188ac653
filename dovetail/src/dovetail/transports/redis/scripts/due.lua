-- ARGV: group, claimed, how many at most, and who asks, which is how it is known that this member runs. Moves
-- what is due to the group's queue; gives the milliseconds until the next is, or -1.
local group, claimed, most, member = unpack(ARGV)
local delayed, time = delayed_of(group, claimed), now()
call('HSET', P .. ':members:' .. group .. ':' .. claimed, member, time)
for _, member in ipairs(call('ZRANGE', delayed, '-inf', time, 'BYSCORE', 'LIMIT', 0, most)) do
  call('XADD', queue_of(group, claimed), '*', unpack(cmsgpack.unpack(member)))
  call('ZREM', delayed, member)
end
local next = call('ZRANGE', delayed, 0, 0, 'WITHSCORES')
return next[2] and math.max(0, next[2] - time) or -1
