-- ARGV: group, claimed, consumer, stream, after how many milliseconds, and then id, attempt and how often it was unsettled of each
-- message that is to be delivered again.
local group, claimed, consumer, stream, pause = unpack(ARGV, 1, 5)
local queue = queue_of(group, claimed)
for i = 6, #ARGV, 3 do
  take_out_mine(stream, queue, group, consumer, ARGV[i], function(entry)
    local fields = moved(entry, ARGV[i + 1], ARGV[i + 2])
    if tonumber(pause) > 0 then
      call('ZADD', delayed_of(group, claimed), now() + pause, cmsgpack.pack(fields))
    else
      call('XADD', queue, '*', unpack(fields))
    end
  end)
end
