-- POST /todo with a new text each time; prints what came of it as JSON.
local requests, threads, next_request = {}, {}, 0
bad = 0

function setup(thread)
  threads[#threads + 1] = thread
end

function init()
  local headers = { ["Content-Type"] = "application/json" }
  for n = 1, 1000 do
    local body = string.format('{"item":"Ask neighbour %04d whether their cats would like to come over"}', n)
    requests[n] = wrk.format("POST", "/todo", headers, body)
  end
end

function request()
  next_request = next_request % #requests + 1
  return requests[next_request]
end

function response(status)
  if status ~= 202 then bad = bad + 1 end
end

function done(summary, latency)
  local failed = summary.errors.connect + summary.errors.read + summary.errors.write + summary.errors.timeout
  for _, thread in ipairs(threads) do failed = failed + thread:get("bad") end
  io.write(string.format('{"accepted":%d,"failed":%d,"seconds":%.6f,"p50":%.3f,"p99":%.3f}\n',
    summary.requests - failed, failed, summary.duration / 1e6,
    latency:percentile(50) / 1e3, latency:percentile(99) / 1e3))
end
