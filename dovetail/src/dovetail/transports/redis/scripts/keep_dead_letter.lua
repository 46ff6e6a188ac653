-- ARGV: group, claimed, consumer, stream, id, the letter without the body, the body.
local group, claimed, consumer, stream, id, letter, body = unpack(ARGV)
take_out_mine(stream, queue_of(group, claimed), group, consumer, id, function()
  call('XADD', P .. ':dead', '*', 'letter', letter, 'body', body)
  count_letter(group, claimed, 1)
end)
