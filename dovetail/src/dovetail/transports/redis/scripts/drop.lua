-- ARGV: id of a dead letter, group, claimed, and, where it is to be replayed, its fields. Gives 0 where it is gone.
local id, group, claimed = unpack(ARGV)
if call('XDEL', P .. ':dead', id) == 0 then return 0 end
if call('HINCRBY', P .. ':dead:counts', group .. ':' .. claimed, -1) <= 0 then
  call('HDEL', P .. ':dead:counts', group .. ':' .. claimed)
end
if #ARGV > 3 then call('XADD', queue_of(group, claimed), '*', unpack(ARGV, 4)) end
return 1
