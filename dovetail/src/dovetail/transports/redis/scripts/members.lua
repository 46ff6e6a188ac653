-- Gives for each claim its name, its kind, for each of its members how many milliseconds ago it said something,
-- and when the last of them left, in milliseconds, or 0.
local rows, claims, time = {}, call('HGETALL', P .. ':claims'), now()
for i = 1, #claims, 2 do
  local silences = {}
  for _, said in ipairs(call('HVALS', P .. ':members:' .. claims[i])) do
    silences[#silences + 1] = tonumber(said) and time - said -- what others wrote there is no member
  end
  local left = tonumber(call('HGET', P .. ':left', claims[i]) or 0) or 0
  if claim_of(claims[i]) then rows[#rows + 1] = {claims[i], claims[i + 1], silences, left} end
end
return rows
