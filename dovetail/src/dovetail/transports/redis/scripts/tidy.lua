-- ARGV: milliseconds. Forgets members that have nothing in their hands and said nothing for so long.
local function tidy(stream, group)
  local consumers = redis.pcall('XINFO', 'CONSUMERS', stream, group)
  if consumers.err then return end
  for _, consumer in ipairs(consumers) do
    if field_of(consumer, 'pending') == 0 and field_of(consumer, 'idle') > tonumber(ARGV[1]) then
      call('XGROUP', 'DELCONSUMER', stream, group, field_of(consumer, 'name'))
    end
  end
end

for _, name in ipairs(call('HKEYS', P .. ':claims')) do
  local group, claimed = string.match(name, '^([^:]+):(.+)$')
  tidy(queue_of(group, claimed), group)
  tidy(events_of(claimed), group)
end
