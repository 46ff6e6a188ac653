-- ARGV: a group's queue, the group, and ids that were handled.
local queue, group = ARGV[1], ARGV[2]
call('XACK', queue, group, unpack(ARGV, 3))
call('XDEL', queue, unpack(ARGV, 3))
