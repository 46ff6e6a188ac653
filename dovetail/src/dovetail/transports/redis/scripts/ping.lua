-- Writes, and leaves nothing behind. Gives how many bytes the events take.
call('SET', P .. ':ping', now())
call('DEL', P .. ':ping')
return tonumber(call('GET', P .. ':bytes') or 0) or 0
