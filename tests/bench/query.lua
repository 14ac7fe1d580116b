-- SPDX-License-Identifier: Apache-2.0
--
-- Load for wrk: RFC 3161 requests over SHA-256 imprints, or Authenticode requests, each with another value, so that nothing can be
-- answered from a cache. Replies that are no grant are counted. Arguments (after --): rfc3161 or authenticode; cert or nocert.

local kind, threads = "rfc3161", {}

local function octets(n)
    local t = {}
    for i = 1, n do t[i] = string.char(math.random(0, 255)) end
    return table.concat(t)
end

local function base64(s)
    local set = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    local out = {}
    for i = 1, #s, 3 do
        local a, b, c = s:byte(i, i + 2)
        local v = a * 65536 + (b or 0) * 256 + (c or 0)
        local q = {}
        for k = 3, 0, -1 do
            local d = math.floor(v / 64 ^ k) % 64
            q[#q + 1] = set:sub(d + 1, d + 1)
        end
        if not c then q[4] = "=" end
        if not b then q[3] = "=" end
        out[#out + 1] = table.concat(q)
    end
    return table.concat(out)
end

local function tlv(tag, s)
    local n = #s
    local length
    if n < 128 then length = string.char(n)
    elseif n < 256 then length = string.char(0x81, n)
    else length = string.char(0x82, math.floor(n / 256), n % 256) end
    return string.char(tag) .. length .. s
end

local sha256 = tlv(0x30, "\6\9\96\134\72\1\101\3\4\2\1\5\0")

local function timestamp_query(with_certs)
    local body = "\2\1\1" .. tlv(0x30, sha256 .. tlv(4, octets(32))) .. tlv(2, "\1" .. octets(7))
    if with_certs then body = body .. "\1\1\255" end
    return tlv(0x30, body)
end

local function authenticode_request()
    local content = tlv(0x30, "\6\9\42\134\72\134\247\13\1\7\1" .. tlv(0xa0, tlv(4, octets(256))))
    return base64(tlv(0x30, "\6\10\43\6\1\4\1\130\55\3\2\1" .. content))
end

function setup(thread)
    threads[#threads + 1] = thread
    thread:set("seed", os.time() + #threads)
end

function init(args)
    math.randomseed(seed)
    kind = args[1] or "rfc3161"
    local with_certs = args[2] ~= "nocert"
    bodies, granted, refused, at = {}, 0, 0, 0
    for i = 1, 512 do
        local body = kind == "rfc3161" and timestamp_query(with_certs) or authenticode_request()
        local media = kind == "rfc3161" and "application/timestamp-query" or "application/octet-stream"
        bodies[i] = wrk.format("POST", "/", { ["Content-Type"] = media }, body)
    end
end

function request()
    at = at % #bodies + 1
    return bodies[at]
end

function response(status, _, body)
    -- A grant: 30 82 LL LL 30 03 02 01 00. A countersignature: base64 of a SEQUENCE.
    if status == 200 and (kind ~= "rfc3161" and body:sub(1, 1) == "M" or body:sub(5, 9) == "\48\3\2\1\0") then
        granted = granted + 1
    else
        refused = refused + 1
    end
end

function done(summary, latency)
    local good, bad = 0, 0
    for _, thread in ipairs(threads) do
        good, bad = good + thread:get("granted"), bad + thread:get("refused")
    end
    io.write(string.format("RESULT granted=%d refused=%d errors=%d p50_us=%d p99_us=%d\n", good, bad,
        summary.errors.connect + summary.errors.read + summary.errors.write + summary.errors.timeout,
        latency:percentile(50), latency:percentile(99)))
end
