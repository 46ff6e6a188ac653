-- ARGV: stream, group, claimed, consumer, after how many milliseconds, and then id, attempt and lost of each
-- message that is to be delivered again.
local stream, group, claimed, consumer, pause = unpack(ARGV)
local queue = queue_of(group, claimed)
for i = 6, #ARGV, 3 do
  take_back(stream, queue, group, consumer, ARGV[i], function(entry)
    local fields = moved(entry, ARGV[i + 1], ARGV[i + 2])
    if tonumber(pause) > 0 then
      call('ZADD', delayed_of(group, claimed), now() + pause, cmsgpack.pack(fields))
    else
      call('XADD', queue, '*', unpack(fields))
    end
  end)
end
