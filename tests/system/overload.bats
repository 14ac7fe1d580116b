#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# More is asked than can be signed: as much as before is signed, the rest is told so at once by 503 with Retry-After, in both protocols, and
# memory stays as it is. The figures of a quiet machine come from tests/bench/overload.py; here the bounds are wide, since others run beside.
# TSA_LONG=1 asks for longer.

load lab

setup_file() {
    lab_start
    lab_stop
    cp "$LAB/tsa.conf" "$LAB.conf"
}
setup() {
    cd "$BATS_TEST_TMPDIR" || return 1
    STOPPED=
    LAB_PID=
    head -c 100 /dev/urandom > data
    openssl ts -query -data data -sha256 -out data.tsq 2> /dev/null
}
teardown() {
    if [ -n "$STOPPED" ]; then kill -CONT "$STOPPED" 2> /dev/null || true; fi
    lab_stop
}

# lab_start_with LINE...: lines at the begin of the configuration
lab_start_with() {
    printf '%s\n' "$@" | cat - "$LAB.conf" > "$LAB/tsa.conf"
    lab_start
}

ask() {
    curl -sS -m 20 -i -H "Content-Type: application/timestamp-query" --data-binary @data.tsq -w '\ntime %{time_total}\n' "$URL" | tr -d '\r' > "$1"
}

# await_waiting NUM: so many requests wait for the issuer
await_waiting() {
    local i
    for i in $(seq 50); do
        curl -sS -m 20 "${URL}metrics" > metrics
        if grep -qx "tsa_requests_waiting $1" metrics; then return; fi
        sleep 0.05
    done
    echo "not $1:"
    grep tsa_requests_waiting metrics
    return 1
}

# stop_issuer: it hangs
stop_issuer() {
    STOPPED=$(lab_pid issuer)
    kill -STOP "$STOPPED"
}

@test "ten times the peak with RSA-4096" {
    local seconds=2 room=16384 worth=0.6
    [ -z "${TSA_LONG-}" ] || seconds=30
    # A sanitizer holds freed memory back, and makes parsing dear beside signing.
    if [ -n "${TSA_SANITIZED-}" ]; then room=1048576 worth=0.3; fi
    "$TSA_SOURCE/tests/bench/overload.py" --tsa "$TSA" --load "$TSA_TOOLS/load" --seconds "$seconds" --rounds 1 --json > found
    jq -c '.summary, .memory, .overs[0].refused, .overs[0].failed' found
    jq -e '.summary.failed == 0 and .summary.refused_otherwise == 0' found
    jq -e '.summary.shed > .summary.granted' found
    # Tokens for each CPU-second of the server: what refusing costs, whoever else is on the machine.
    jq -e --argjson worth "$worth" '.summary.per_cpu_second_of_peak >= $worth' found
    jq -e '.summary.shed_p99_ms <= 1000' found
    jq -e --argjson room "$room" '[.memory[] | .most_kib - .before_kib] | max <= $room' found
}

@test "a full table: 503, Retry-After and one line of text, at once, in both protocols" {
    local i waiting=
    lab_start_with 'limits = { queue = 2; };'
    stop_issuer
    for i in 1 2; do
        ask "waits.$i" 3>&- &
        waiting="$waiting $!"
    done
    await_waiting 2
    ask shed
    grep -qx 'HTTP/1.1 503 Service Unavailable' shed
    grep -Eqx 'Retry-After: ([1-9]|[12][0-9]|30)' shed
    [ "$(grep -c '^Retry-After' shed)" -eq 1 ]
    grep -Eqx 'too many requests are waiting; try again in [0-9]+ s' shed
    awk '$1 == "time" { exit !($2 < 1) }' shed
    "$TSA_TOOLS/load" "$URL" --kind mix --requests 20 --connections 1 > result
    jq -e '.shed == 20 and .refused.http["503"] == 20 and .failed.total == 0' result
    kill -CONT "$STOPPED"
    # shellcheck disable=SC2086
    wait $waiting
    grep -qx 'HTTP/1.1 200 OK' waits.1
    grep -qx 'HTTP/1.1 200 OK' waits.2
    "$TSA_TOOLS/load" "$URL" --kind mix --requests 20 --connections 1 --check > result
    jq -e '.granted == 20' result
}

@test "by age: while the oldest waits too long nobody else has to, and a hung signing process is called that" {
    local waiting
    lab_start_with 'deadlines = { queue = "2500 ms"; };'
    stop_issuer
    ask oldest 3>&- &
    waiting=$!
    sleep 2.8
    ask shed
    wait "$waiting"
    grep -qx 'HTTP/1.1 503 Service Unavailable' shed
    grep -Eqx 'the signing process does not answer; try again in [3-5] s' shed
    awk '$1 == "time" { exit !($2 < 1) }' shed
    # The oldest is given up after twice that.
    grep -qx 'HTTP/1.1 503 Service Unavailable' oldest
    grep -q '^the signing process does not answer' oldest
    awk '$1 == "time" { exit !($2 >= 4.9 && $2 < 10) }' oldest
    kill -CONT "$STOPPED"
    ask again
    grep -qx 'HTTP/1.1 200 OK' again
}

@test "an issuer killed under load: everybody waits for the next one and is answered" {
    local i pid
    lab_start_with ''
    "$TSA_TOOLS/load" "$URL" --rate 100 --seconds 5 --kind mix --check > result 2> told 3>&- &
    local generator=$!
    for i in 1 2; do
        sleep 1
        pid=$(lab_pid issuer)
        kill -KILL "$pid"
        for _ in $(seq 100); do
            if [ "$(lab_pid issuer)" != "$pid" ] && [ -n "$(lab_pid issuer)" ]; then break; fi
            sleep 0.05
        done
    done
    wait "$generator"
    cat told result
    jq -e '.granted == 500 and .failed.total == 0 and .refused.total == 0' result
    [ "$("$TSA" status -c "$LAB/tsa.conf" --json | jq '.roles[] | select(.role == "front") | .starts')" -eq 1 ]
}
