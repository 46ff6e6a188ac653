-- ARGV: id of a dead letter, group, claimed, a name for this call, and, where it is to be replayed, its fields.
-- Gives 0 where it is gone, unless this call did that already, and its answer was lost.
local id, group, claimed, name = unpack(ARGV, 1, 4)
local dropped = P .. ':dropped:' .. name
if #call('XRANGE', P .. ':dead', id, id) == 0 then return call('EXISTS', dropped) end
if #ARGV > 4 then call('XADD', queue_of(group, claimed), '*', unpack(ARGV, 5)) end
call('XDEL', P .. ':dead', id)
if call('HINCRBY', P .. ':dead:counts', group .. ':' .. claimed, -1) <= 0 then
  call('HDEL', P .. ':dead:counts', group .. ':' .. claimed)
end
call('SET', dropped, '', 'EX', 60)
return 1
