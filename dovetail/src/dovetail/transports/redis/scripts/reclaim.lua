-- ARGV: group, claimed, whose it was (empty: anybody's), stream, for how many milliseconds nobody renewed what is
-- delivered again, how many at most, and ids that are left where they are.
-- Gives how many went to the group's queue. A delivery to anybody ended without ack or failure, and is counted as
-- unsettled; one to a member that asks for its own never arrived there.
local group, claimed, whose, stream, silent, most = unpack(ARGV, 1, 6)
local queue = queue_of(group, claimed)
local query = {'XPENDING', stream, group, 'IDLE', silent, '-', '+', most + #ARGV - 6}
if whose ~= '' then query[#query + 1] = whose end
local pending = redis.pcall(unpack(query))
if pending.err then return 0 end
local held, count, failure = {}, 0, nil
for i = 7, #ARGV do held[ARGV[i]] = true end
for _, one in ipairs(pending) do
  if count < tonumber(most) and not held[one[1]] then
    count = count + 1
    local taken, why = pcall(take_out, stream, queue, group, one[1], function(entry)
      local unsettled = (tonumber(field_of(entry[2], 'dovetail-lost') or 0) or 0) + (whose == '' and one[4] or 0)
      call('XADD', queue, '*', unpack(moved(entry, field_of(entry[2], 'dovetail-attempt') or 1, unsettled)))
    end)
    failure = failure or not taken and why
  end
end
if failure then error(failure) end -- after the others, which it must not hold up
return count
