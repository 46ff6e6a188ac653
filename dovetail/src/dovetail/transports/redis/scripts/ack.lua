-- ARGV: a group's queue, the group, and ids that were handled. Gives how many of them some member had in flight.
local queue, group = ARGV[1], ARGV[2]
local acked = call('XACK', queue, group, unpack(ARGV, 3))
call('XDEL', queue, unpack(ARGV, 3))
return acked
