-- ARGV: stream, group, claimed, consumer, id, the letter without the body, the body.
local stream, group, claimed, consumer, id, letter, body = unpack(ARGV)
take_back(stream, queue_of(group, claimed), group, consumer, id, function()
  call('XADD', P .. ':dead', '*', 'letter', letter, 'body', body)
  call('HINCRBY', P .. ':dead:counts', group .. ':' .. claimed, 1)
end)
