-- ARGV: subject, group, member's channel, '1' to begin and '0' to end.
local subject, group, member, begins = unpack(ARGV)
local serving = P .. ':serving:' .. subject
if begins == '1' then
  call('SADD', serving, group)
  call('SADD', serving .. ':' .. group, member)
else
  call('SREM', serving .. ':' .. group, member)
end
