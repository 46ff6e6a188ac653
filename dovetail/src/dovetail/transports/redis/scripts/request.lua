-- ARGV: subject, request. One member of each group that serves the subject gets it, and every member of
-- the group without a name. Gives to how many it went. Members that are gone are forgotten.
local subject, request = unpack(ARGV)
local serving, asked = P .. ':serving:' .. subject, 0

local function ask(members, member)
  local heard = call('SPUBLISH', member, request)
  if heard == 0 then call('SREM', members, member) end
  return heard
end

for _, group in ipairs(call('SMEMBERS', serving)) do
  local members = serving .. ':' .. group
  if group == '' then
    for _, member in ipairs(call('SMEMBERS', members)) do asked = asked + ask(members, member) end
  else
    local member = call('SRANDMEMBER', members)
    while member and ask(members, member) == 0 do member = call('SRANDMEMBER', members) end
    if member then asked = asked + 1 end
  end
  if call('EXISTS', members) == 0 then call('SREM', serving, group) end
end
return asked
