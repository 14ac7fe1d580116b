#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# A role that hangs (SIGSTOP) is found within ten seconds, ended and started again. What clients
# ask meanwhile is answered in the end, or they are told.

load lab

# Shorter than a hung issuer is borne, and twice that leaves a slow machine room.
setup_file() {
    lab_start
    lab_stop
    sed -i '1i deadlines = { queue = "7 s"; };' "$LAB/tsa.conf"
    lab_start
}
teardown_file() { lab_stop; }

setup() {
    cd "$BATS_TEST_TMPDIR" || return 1
    head -c 100 /dev/urandom > data
    openssl ts -query -data data -sha256 -out data.tsq 2> /dev/null
}

json() { "$TSA" status -c "$LAB/tsa.conf" --json | jq -r "$1"; }

stamp() {
    curl -sS --fail -m 20 --retry 3 --retry-all-errors -H 'Content-Type: application/timestamp-query' --data-binary @data.tsq \
        -o data.tsr "$URL"
    "$TSA_TOOLS/tsr_list" data.tsr | grep -q ^granted
}

# hang ROLE: stops it, and waits until another process has its place; instrumented builds beside other tests have a little longer.
hang() {
    local pid begin ms
    pid=$(lab_pid "$1")
    begin=$(date +%s%3N)
    kill -STOP "$pid"
    while :; do
        ms=$(($(date +%s%3N) - begin))
        if [ "$(json "[.roles[] | select(.role == \"$1\" and .ready and .pid != $pid)] | length")" = 1 ]; then break; fi
        [ $ms -lt 20000 ] || { tail -n 5 "$LAB.log/err"; return 1; }
        sleep 0.2
    done
    echo "$1 is back after $ms ms"
    [ -n "${TSA_SANITIZED-}" ] || [ $ms -lt 10500 ]
    grep -q "the $1 (process $pid) has not answered for 8 seconds; it is ended" "$LAB.log/err"
    refute kill -0 "$pid" 2> /dev/null
}

@test "the front" {
    hang front
    stamp
}

@test "the issuer: who asked it first is answered by its successor" {
    local waiting
    (
        sleep 0.5
        curl -sS -m 20 -H 'Content-Type: application/timestamp-query' --data-binary @data.tsq -o first.tsr -w '%{http_code} %{time_total}\n' "$URL" > first
    ) 3>&- &
    waiting=$!
    hang issuer
    wait "$waiting"
    cat first
    awk '{ exit !($1 == 200 && $2 > 7) }' first
    "$TSA_TOOLS/tsr_list" first.tsr | grep -q ^granted
    stamp
}

@test "the clock: nothing is issued meanwhile, and again after three good records of its successor" {
    hang clock
    for _ in $(seq 50); do [ "$(json .ready)" = true ] && break; sleep 0.2; done
    stamp
    grep 'clock: stop' "$LAB.log/err"
}
