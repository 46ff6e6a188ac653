-- ARGV: a name for this call, and for each dead letter that is to be removed its id, group, claimed, how many fields follow, and,
-- where it is to be replayed, its fields.
-- Gives a text with 1 for each letter, or 0 where it is gone. A call that is said again, because its answer was
-- lost, gives what it gave before.
local dropped = P .. ':dropped:' .. ARGV[1]
local known = call('GET', dropped)
if known then return known end

local function remove(at, last)
  local id, group, claimed = unpack(ARGV, at, at + 2)
  if #call('XRANGE', P .. ':dead', id, id) == 0 then return '0' end
  if last > at + 3 then call('XADD', queue_of(group, claimed), '*', unpack(ARGV, at + 4, last)) end
  call('XDEL', P .. ':dead', id)
  count_letter(group, claimed, -1)
  return '1'
end

local said, at = {}, 2
while at <= #ARGV do
  local last = at + 3 + tonumber(ARGV[at + 3])
  said[#said + 1] = remove(at, last)
  at = last + 1
end
said = table.concat(said)
call('SET', dropped, said, 'EX', 60)
return said
