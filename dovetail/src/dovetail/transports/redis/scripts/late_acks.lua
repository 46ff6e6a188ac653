-- ARGV: group, claimed, consumer, and keys of messages that were acked by a member that did not have them any more: its
-- lease had ended. They are not to be handled again by whoever has them now.

-- For how long that is remembered.
local LATE_MILLISECONDS = 86400000

local group, claimed = ARGV[1], ARGV[2]
local late = late_of(group, claimed)
for i = 4, #ARGV do call('ZADD', late, now(), ARGV[i]) end
call('ZREMRANGEBYSCORE', late, '-inf', now() - LATE_MILLISECONDS)
call('PEXPIRE', late, LATE_MILLISECONDS)
