#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# A clock that was ahead, or was set: the authority stops, says by how much, and goes on when real time has passed the last token, or when somebody says why it
# may go on before; which stays in the record, so that no restart stops it again. First with a record that a clock ahead has left; then,
# in builds for tests, with a clock that is set while it runs (tests/tools/clock_shim.c).

load lab

setup_file() {
    lab_start
    # The files are used by tests of their own; this one only made them.
    lab_stop
}

setup() {
    cd "$BATS_TEST_TMPDIR" || return 1
    cp -R "$LAB"/. .
    rm -rf run ledger
    # The roles stay who they are: what they load before their jail lies in a folder of this account.
    sed -i 's/127.0.0.1:3161/127.0.0.1:0/; s/^users = .*/users = { front = ""; issuer = ""; clock = ""; };/' tsa.conf
    grep -F 'issuer = ""' tsa.conf
    OWN_PID='' FAKE_PID=''
}

teardown() {
    for pid in $OWN_PID $FAKE_PID; do kill -KILL "$pid" 2> /dev/null || true; done
}

# own_start [COMMAND...]: in front of tsa
own_start() {
    : > err
    "$@" "$TSA" run -c tsa.conf 2>> err 3>&- &
    OWN_PID=$!
    local tries=400
    until grep -q 'ready on' err; do
        [ $((tries -= 1)) -gt 0 ] && kill -0 "$OWN_PID" || { cat err; return 1; }
        sleep 0.05
    done
    URL="http://$("$TSA" status -c tsa.conf --json | jq -r '.listen[0]')/"
}

own_stop() {
    kill "$OWN_PID"
    wait "$OWN_PID" || { cat err; return 1; }
    OWN_PID=
    lab_ended_well err
}

ask() {
    head -c 100 /dev/urandom > data
    openssl ts -query -data data -sha256 -out data.tsq 2> /dev/null
    curl -sS -m 10 --fail -H 'Content-Type: application/timestamp-query' --data-binary @data.tsq -o data.tsr "$URL"
}
reply() { openssl ts -reply -in data.tsr -text 2> /dev/null; }
is_granted() { ask && [[ "$(reply)" == *"Status: Granted"* ]]; }
is_backwards() { ask && [[ "$(reply)" == *"Status: Rejected"*"the clock ran backwards"* ]]; }
is_refused() { ask && [[ "$(reply)" == *"Status: Rejected"* ]]; }

# await SECONDS COMMAND...: until it succeeds
await() {
    local end=$((SECONDS + $1 + 1))
    shift
    until "$@"; do
        [ "$SECONDS" -lt "$end" ] || { echo "not so: $*"; reply; cat err; return 1; }
        sleep 0.1
    done
}

records() { "$TSA_TOOLS/ledger_dump" ledger; }
acknowledge() { "$TSA" clock acknowledge -c tsa.conf --reason "$1"; }

@test "the last token lies a year ahead: refused with the figure, acknowledged, kept" {
    own_start
    await 10 is_granted
    own_stop
    "$TSA_TOOLS/ledger_ahead" ledger $((365 * 86400))
    own_start
    await 10 is_backwards
    [[ "$(reply)" == *"Failure info: the TSA's time source is not available"* ]]
    # What it is about, with its figure, and what can be done.
    [[ "$(reply | tr -d '\n')" == *"d ahead of the clock"*"tell the operator of this authority, who must act"* ]]
    run "$TSA" clock status -c tsa.conf
    [ "$status" -eq 1 ]
    [[ "$output" == "clock    stop ("*"ran backwards"*"the last token's time is 36"*" d ahead of the clock"*"tsa clock acknowledge --run run --reason TEXT"* ]]
    [ "$("$TSA" clock status -c tsa.conf --json | jq '.ahead_ns / 86400e9 | round')" = 365 ]
    run "$TSA" status -c tsa.conf
    [ "$status" -eq 1 ]
    [[ "$output" == "not-ready the clock ran backwards"*"tsa clock acknowledge --run run --reason TEXT"* ]]
    for reason in '' ' ' ' . ' ok; do
        run acknowledge "$reason"
        [ "$status" -eq 64 ]
        [[ "$output" == *"--reason: say why, in words: it goes into the record" ]]
    done
    run acknowledge '  the host'"'"'s clock was a year ahead; ticket 4711, Bjørn '
    [ "$status" -eq 0 ] || { echo "$output"; false; }
    # What was acknowledged.
    [[ "$output" == "acknowledged: that the last token's time, $(date -u -d '+365 days' +%Y)-"*"Z, is 36"*" d ahead of the clock; it is in the record"* ]]
    await 10 is_granted
    "$TSA" clock status -c tsa.conf
    records | jq -e -s 'any(.[]; .event == "clock-acknowledged" and (.text | contains("ticket 4711, Bjørn")))' > found || { records | grep event; false; }
    grep -q 'ticket 4711' err
    # There is nothing more to acknowledge.
    run acknowledge again
    [ "$status" -eq 1 ]
    [[ "$output" == *refused* ]]
    # Neither another process nor another generation forgets it.
    own_stop
    own_start
    await 10 is_granted
    "$TSA" reload --wait -c tsa.conf
    await 10 is_granted
    [ "$(records | jq -s '[.[] | select(.event == "clock-acknowledged")] | length')" -eq 1 ]
    own_stop
}

@test "not acknowledged, a restart does not help; and a little ahead passes by itself" {
    own_start
    await 10 is_granted
    own_stop
    "$TSA_TOOLS/ledger_ahead" ledger 15
    own_start
    await 10 is_backwards
    own_stop
    own_start
    is_backwards
    await 30 is_granted
    [ "$(records | jq -s '[.[] | select(.event == "clock-acknowledged")] | length')" -eq 0 ]
    own_stop
}

# ---- a clock that is set ----

need_shim() {
    [ -n "${TSA_SANITIZED-}" ] || skip "roles of a release build take no environment: no library can be put before theirs"
    cp "$TSA_TOOLS/clock_shim.so" shim.so
    set_clock 0
    # The order in which libraries are loaded is what a preload changes.
    export ASAN_OPTIONS=${ASAN_OPTIONS:+$ASAN_OPTIONS:}verify_asan_link_order=0
}

# set_clock SECONDS: by how much it is ahead, for all processes at once
set_clock() {
    python3 -c 'import struct, sys
with open("shim.so.shift", "r+b" if int(sys.argv[2]) else "wb") as file:
    file.write(struct.pack("=q", int(float(sys.argv[1]) * 1e9)))' "$1" "$([ -e shim.so.shift ] && echo 1 || echo 0)"
}

shimmed() { LD_PRELOAD=$PWD/shim.so "$@"; }

fake_chrony() {
    echo '{"poll": 1}' > says.json
    : > port
    LD_PRELOAD=$PWD/shim.so python3 -B "$TSA_SOURCE/tests/tools/fake_chronyd.py" says.json > port 2> fake.log 3>&- &
    FAKE_PID=$!
    await 10 test -s port
    sed -i "s/^clock = .*/clock = { source = \"chrony\"; chrony = \"127.0.0.1:$(cat port)\"; };/" tsa.conf
    grep -F 'source = "chrony"' tsa.conf
}

@test "set a year back under a source that follows: stopped at once, then until it is acknowledged" {
    need_shim
    set_clock 31536000
    fake_chrony
    : > err
    own_start env LD_PRELOAD="$PWD/shim.so"
    await 20 is_granted
    [[ "$(reply)" == *"Time stamp: "*"$(date -u -d '+365 days' +%Y)"* ]]
    set_clock 0
    # In the same request, whatever the source will say.
    is_refused
    await 20 is_backwards
    [[ "$(reply | tr -d '\n')" == *"364"*" d ahead of the clock"* || "$(reply | tr -d '\n')" == *"365"*" d ahead of the clock"* ]]
    run acknowledge 'the clock was a year ahead'
    [ "$status" -eq 0 ] || { echo "$output"; "$TSA" clock status -c tsa.conf; false; }
    await 10 is_granted
    [[ "$(reply)" == *"Time stamp: "*"$(date -u +%Y)"* ]]
    records | jq -e -s '[.[] | select(.kind or .event == "clock-acknowledged") | .event // "token"] | index("clock-acknowledged") > 0' > found
    own_stop
    own_start env LD_PRELOAD="$PWD/shim.so"
    await 20 is_granted
    own_stop
}

@test "nothing is acknowledged while the clock is not good otherwise" {
    need_shim
    set_clock 31536000
    fake_chrony
    own_start env LD_PRELOAD="$PWD/shim.so"
    await 20 is_granted
    echo '{"leap": 3}' > new && mv new says.json
    set_clock 0
    is_refused
    await 10 sh -c '"$TSA" clock status -c tsa.conf | grep -q "not synchronised"'
    run acknowledge 'never mind'
    [ "$status" -eq 1 ]
    [[ "$output" == "tsa clock acknowledge: refused: "* ]]
    is_refused
    echo '{"poll": 1}' > new && mv new says.json
    await 20 is_backwards
    acknowledge 'now it is good'
    await 10 is_granted
    own_stop
}

@test "set by 50 ms, and measured again: stopped in that request, and back by itself" {
    need_shim
    fake_chrony
    own_start env LD_PRELOAD="$PWD/shim.so"
    await 20 is_granted
    set_clock 0.05
    is_refused
    [[ "$(reply | tr -d '\n')" == *"the clock was set"*"50"*" ms"* ]]
    await 20 is_granted
    grep -q 'the clock was set' err
    records | jq -e -s 'any(.[]; .event == "clock-stop" and (.text | contains("clock-stepped")))' > found
    own_stop
}
