#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# Every refusal of RFC 3161 2.4.2 as a client gets it from the running authority: HTTP 200, a well-formed TimeStampResp, one failInfo
# bit in DER, a sentence; and its Authenticode counterpart, an HTTP status with a line of text. The clock and the issuer are
# stopped or killed for real.

load lab

setup_file() { lab_start; }
teardown_file() { lab_stop; }

setup() { cd "$BATS_TEST_TMPDIR" || return 1; }
teardown() {
    # What a failed test has stopped must go on, or the end would wait for it.
    local pid
    for pid in $(lab_roles | awk '{ print $2 }'); do kill -CONT "$pid" 2> /dev/null || true; done
}

sha256="300d06096086480165030402010500"
imprint="3031${sha256}0420$(printf '%064d' 0)"

# ask HEX: reply.tsr, and what curl says of it
ask() {
    tr -d ' ' <<< "$1" | xxd -r -p > query.tsq
    curl -sS -m 15 -H 'Content-Type: application/timestamp-query' --data-binary @query.tsq -o reply.tsr -w '%{http_code} %{content_type}' "$URL"
}

# refused HEX-OF-FAILINFO WORDS: the reply just got is a rejection with that BIT STRING at its end, and says so in words
refused() {
    local hex
    hex=$(xxd -p reply.tsr | tr -d '\n')
    [[ "$hex" == *"$1" ]] || { echo "failInfo is not $1: $hex"; return 1; }
    # SEQUENCE, SEQUENCE, INTEGER 2: rejection, and no token behind the status
    [[ "$hex" =~ ^30(81)?..30(81)?..020102 ]] || { echo "no rejection: $hex"; return 1; }
    openssl ts -reply -in reply.tsr -text > text 2>&1
    grep -qi -- "$2" text || { echo "no '$2' in:"; cat text; return 1; }
}

ok='200 application/timestamp-reply'

@test "badAlg: a digest that is not known, and SHA-1" {
    [ "$(ask "3036 020101 3031 300d06096086480165030402090500 0420$(printf '%064d' 0)")" = "$ok" ]
    refused 03020780 sha256
    [ "$(ask "3026 020101 3021 300906052b0e03021a0500 0414$(printf '%040d' 0)")" = "$ok" ]
    refused 03020780 '/td sha256'
}

@test "badRequest: version 2" {
    [ "$(ask "3036 020102 $imprint")" = "$ok" ]
    refused 03020520 version
}

@test "badDataFormat: no DER, bytes behind it, a digest of another length" {
    [ "$(ask "00ff")" = "$ok" ]
    refused 03020204 .
    [ "$(ask "3036 020101 $imprint 00")" = "$ok" ]
    refused 03020204 .
    [ "$(ask "3035 020101 3030 $sha256 041f$(printf '%062d' 0)")" = "$ok" ]
    refused 03020204 length
}

@test "unacceptedPolicy: one that is not served; the sentence names those that are" {
    [ "$(ask "303b 020101 $imprint 06032a0304")" = "$ok" ]
    refused 0303000001 2.999.3161.1
}

@test "unacceptedExtension: critical or not" {
    [ "$(ask "3042 020101 $imprint a00a 3008 0603550403 040100")" = "$ok" ]
    refused 030407000080 extension
    [ "$(ask "3045 020101 $imprint a00d 300b 0603550403 0101ff 040100")" = "$ok" ]
    refused 030407000080 extension
}

@test "timeNotAvailable: the clock role has stopped; 503 in Authenticode" {
    local clock tries=100
    clock=$(lab_pid clock)
    kill -STOP "$clock"
    until [ "$(ask "3036 020101 $imprint")" = "$ok" ] && refused 0303010002 clock > /dev/null; do
        [ $((tries -= 1)) -gt 0 ] || { xxd reply.tsr; false; }
        sleep 0.1
    done
    # The reason, its figure, and when to come again: a record is good for three seconds.
    refused 0303010002 'the process that watches the clock has stopped reporting: nothing for [0-9.]* s; try again later'
    { printf '30820123060a2b0601040182370302013082011306092a864886f70d010701a082010404820100'; printf '%0512d' 0; } | xxd -r -p | base64 -w 0 > legacy
    run curl -sS -m 15 -i -H 'Content-Type: application/octet-stream' --data-binary @legacy "$URL"
    [[ "$output" == *" 503 "* && "$output" == *"Retry-After: 5"* && "$output" == *"stopped reporting: nothing for "*" s; try again later"* ]]
    refute grep -i 'connection: close' <<< "$output"
    grep 'msg=request' "$LAB.log/err" | tail -n 1 | grep -F 'result=clock-stale'
    kill -CONT "$clock"
    tries=100
    until ask "3036 020101 $imprint" > /dev/null && openssl ts -reply -in reply.tsr -text 2> /dev/null | grep -q Granted; do
        [ $((tries -= 1)) -gt 0 ]
        sleep 0.1
    done
}

# What one issuer leaves is given to the next one, which can do nothing while somebody else has the record; to a third it is not given.
@test "systemFailure: two issuers die with the request in their hands" {
    local first second asked holder tries=200
    first=$(lab_pid issuer)
    kill -STOP "$first"
    mkfifo let_go
    flock -F "$LAB/ledger/records" cat let_go 3>&- &
    holder=$!
    ask "3036 020101 $imprint" > code &
    asked=$!
    sleep 1
    kill -KILL "$first"
    until second=$(lab_pid issuer) && [ -n "$second" ] && [ "$second" != "$first" ] &&
        "$TSA" status -c "$LAB/tsa.conf" --json | jq -e '.roles[] | select(.role == "issuer") | .loaded'; do
        [ $((tries -= 1)) -gt 0 ]
        sleep 0.05
    done
    kill -KILL "$second"
    wait "$asked"
    echo > let_go
    wait "$holder"
    [ "$(cat code)" = "$ok" ]
    refused 03050600000040 .
}
