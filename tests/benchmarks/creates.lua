-- Creates sessions, each under an external id of its own. Takes a prefix that no other run has.

local prefix, count = "", 0

function init(arguments)
  prefix = arguments[1]
  wrk.method = "POST"
  wrk.headers["Authorization"] = "Bearer " .. arguments[2]
  wrk.headers["Content-Type"] = "application/json"
end

function request()
  count = count + 1
  local name = prefix .. "-" .. count
  return wrk.format(nil, nil, nil, '{"type":"chat.agent","externalId":"' .. name
    .. '","taskIdentifier":"support-chat","triggerConfig":{"basePayload":{"chatId":"' .. name
    .. '"},"tags":["chat"]},"tags":["chat:' .. name .. '","plan:pro"],"metadata":{"locale":"en"}}')
end

function done(summary)
  local errors = summary.errors
  local failed = errors.connect + errors.read + errors.write + errors.status + errors.timeout
  io.write(string.format('\n{"requests": %d, "failed": %d, "microseconds": %d}\n',
    summary.requests, failed, summary.duration))
end
