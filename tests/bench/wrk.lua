-- One request over and over, or usage events that never repeat; ends with one line of JSON. Runs in wrk's LuaJIT.
--   wrk … -s wrk.lua URL -- static METHOD BODY
--   wrk … -s wrk.lua URL -- usage BATCH RUN TOKEN COMPANY,COMPANY,…
local threads = {}

function setup(thread)
  thread:set("number", #threads)
  threads[#threads + 1] = thread
end

local numbers = { "+442079460000", "+447700900123", "+4930123456", "+12125550100" }
local heads, tails, batch, run, at = {}, {}, 1, "", 0

-- Everything of an event but its id is made once, for each company and number.
local function prepare(companies)
  for company in companies:gmatch("[^,]+") do
    for _, to in ipairs(numbers) do
      heads[#heads + 1] = '{"event_id":"'
      tails[#tails + 1] = '","source":"bench","meter":"call.seconds","event_time":"2026-07-15T10:00:00Z",'
        .. '"quantity":"61.5","company":"' .. company .. '","properties":{"to":"' .. to
        .. '","duration_ms":61500,"status":"answered"}}'
    end
  end
end

local function next_batch()
  local parts, n = {}, 0
  for i = 1, batch do
    at = at + 1
    local kind = at % #heads + 1
    parts[n + 1], parts[n + 2], parts[n + 3], parts[n + 4] = i == 1 and "[" or ",", heads[kind], run .. at, tails[kind]
    n = n + 4
  end
  parts[n + 1] = "]"
  return table.concat(parts)
end

function init(args)
  accepted, failed, body_of_failure = 0, 0, ""
  wrk.headers["Content-Type"] = "application/json"
  if args[1] == "static" then
    wrk.method = args[2]
    wrk.body = args[3] ~= "" and args[3] or nil
    local text = wrk.format()
    request = function() return text end
    return
  end
  batch, run = tonumber(args[2]), args[3] .. "-" .. number .. "-"
  wrk.headers["Authorization"] = "Bearer " .. args[4]
  prepare(args[5])
  request = function() return wrk.format("POST", nil, nil, next_batch()) end
  response = function(status, _, body)
    local n = status == 200 and body:match('"accepted":%s*(%d+)')
    if n then
      accepted = accepted + tonumber(n)
    else
      failed = failed + 1
      body_of_failure = status .. " " .. body:sub(1, 200)
    end
  end
end

function done(summary, latency)
  local all, bad, why = 0, 0, ""
  for _, thread in ipairs(threads) do
    all, bad = all + thread:get("accepted"), bad + thread:get("failed")
    why = thread:get("body_of_failure")
  end
  local e = summary.errors
  local line = '\n{"requests":%d,"usecs":%d,"accepted":%d,"failed":%d,"p50":%d,"p99":%d,"p999":%d,"why":%q}\n'
  bad = bad + e.connect + e.read + e.write + e.status + e.timeout
  io.write(line:format(summary.requests, summary.duration, all, bad, latency:percentile(50), latency:percentile(99),
    latency:percentile(99.9), why))
end
