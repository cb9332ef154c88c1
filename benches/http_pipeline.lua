-- The load: the seed's event from 100,000 distinct clients, requests built before the clock starts.
-- Arguments: path, authorization, token.

local clients = 100000
local requests = {}
local sent = 0

function init(arguments)
  local path, authorization, token = arguments[1], arguments[2], arguments[3]
  local headers = {
    ["Content-Type"] = "application/vnd.treasuredata.v1+json",
    ["Authorization"] = authorization,
    ["WP13n-Token"] = token,
  }
  for client = 1, clients do
    local body = string.format(
      '{"td_client_id":"42a508e2-d9b1-4baa-9eb2-%012d",'
        .. '"td_url":"https://example.com/retail/shop/women","td_path":"/retail/shop/women",'
        .. '"product_name":"women\'s-tank-top","product_category":"women",'
        .. '"product_list":["women\'s-running-shoes","kids\'-hoodie","women\'s-tank-top"],'
        .. '"category_list":["women","kids"]}',
      client)
    requests[client] = wrk.format("POST", path, headers, body)
  end
end

function request()
  sent = sent + 1
  -- A stride that is coprime to the number of clients visits all of them, in no order of memory.
  return requests[(sent * 7919) % clients + 1]
end

function done(summary, latency, _)
  local errors = summary.errors
  io.write(string.format(
    '{"requests":%d,"duration_us":%d,"failed":%d,"p50_us":%d,"p99_us":%d}\n',
    summary.requests, summary.duration,
    errors.connect + errors.read + errors.write + errors.status + errors.timeout,
    latency:percentile(50), latency:percentile(99)))
end
