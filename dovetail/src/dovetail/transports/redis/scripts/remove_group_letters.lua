-- ARGV: group, claimed, the id of the dead letter to begin at, how many are looked at at most.
-- Removes the dead letters of a claim; gives the id to go on after, or nothing at the end.
local group, claimed, start, most = unpack(ARGV)
local page = call('XRANGE', P .. ':dead', start, '+', 'COUNT', most)
for _, entry in ipairs(page) do
  local known, letter = pcall(cjson.decode, field_of(entry[2], 'letter') or '')
  if known and type(letter) == 'table' and letter['group'] == group and letter['claimed'] == claimed then
    call('XDEL', P .. ':dead', entry[1])
    count_letter(group, claimed, -1)
  end
end
if #page == tonumber(most) then return page[#page][1] end
call('HDEL', P .. ':dead:counts', group .. ':' .. claimed)
