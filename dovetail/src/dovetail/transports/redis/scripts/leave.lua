-- ARGV: group, claimed, consumer, stream. Forgets a member that has nothing in flight.
local group, claimed, consumer, stream = unpack(ARGV)
local pending = redis.pcall('XPENDING', stream, group, '-', '+', 1, consumer)
if not pending.err and #pending == 0 then call('XGROUP', 'DELCONSUMER', stream, group, consumer) end
call('HDEL', P .. ':members:' .. group .. ':' .. claimed, consumer)
call('HSET', P .. ':left', group .. ':' .. claimed, now())
