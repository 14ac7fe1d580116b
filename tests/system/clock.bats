#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# Real processes and a clock's source that says everything that one can say (tests/tools/fake_chronyd.py), at 200 requests a second: each reply is a token
# inside the bound or timeNotAvailable with the reason, in Authenticode a token or 503. What changes stands in the log, in the record, in /metrics and on
# the page. The clock role is killed and stopped under the same load.

load lab

setup_file() {
    export SAYS="$BATS_FILE_TMPDIR/says.json" FAKE_PID
    echo '{"poll": 1}' > "$SAYS"
    python3 -B "$TSA_SOURCE/tests/tools/fake_chronyd.py" "$SAYS" > "$BATS_FILE_TMPDIR/port" 2> "$BATS_FILE_TMPDIR/fake.log" 3>&- &
    FAKE_PID=$!
    await_line "$BATS_FILE_TMPDIR/port"
    lab_start
    lab_stop
    sed -i "s/^clock = .*/clock = { source = \"chrony\"; chrony = \"127.0.0.1:$(cat "$BATS_FILE_TMPDIR/port")\"; };/
        s/^\( *\)name = \"lab\";/&\n\1accuracy = \"1 s\";\n\1time_digits = 3;/" "$LAB/tsa.conf"
    grep -F 'source = "chrony"' "$LAB/tsa.conf"
    : > "$LAB.log/err"
    lab_start
    await_clock '.state == "sync"'
}

teardown_file() {
    lab_stop
    kill "$FAKE_PID"
}

setup() {
    cd "$BATS_TEST_TMPDIR" || return 1
    await_clock '.state == "sync"'
}
teardown() {
    # What a failed test has stopped must go on, or the end would wait for it.
    local pid
    for pid in $(lab_roles | awk '{ print $2 }'); do kill -CONT "$pid" 2> /dev/null || true; done
    echo '{"poll": 1}' > "$SAYS.new" && mv "$SAYS.new" "$SAYS"
}

await_line() {
    local tries=200
    until [ -s "$1" ]; do
        [ $((tries -= 1)) -gt 0 ] || { echo "nothing in $1"; return 1; }
        sleep 0.05
    done
}

says() { echo "$1" > "$SAYS.new" && mv "$SAYS.new" "$SAYS"; }

clock_load() { python3 -B "$BATS_TEST_DIRNAME/clock_load.py" "$@"; }

# await_clock EXPRESSION: until it is true of the clock in /status.json.
await_clock() {
    local tries=300
    until curl -sS -m 10 "${URL}status.json" 2> /dev/null | jq -e ".clock | $1" > "$BATS_FILE_TMPDIR/clock.json" 2> /dev/null; do
        [ $((tries -= 1)) -gt 0 ] || { echo "not so: $1"; curl -sS "${URL}status.json"; grep -v msg=request "$LAB.log/err" | tail -n 20; return 1; }
        sleep 0.05
    done
}

records() { "$TSA_TOOLS/ledger_dump" "$LAB/ledger"; }

@test "through every state at 200 requests a second: a token inside the bound, or timeNotAvailable with the reason" {
    local before line
    before=$(curl -sS --fail "${URL}metrics" | awk '$1 == "tsa_clock_state_changes_total" { print $2 }')
    line=$(wc -l < "$LAB.log/err")
    clock_load phases "$URL" "$SAYS" replies 1.0
    # Each change is a line of the log, a record, and counted.
    tail -n +"$line" "$LAB.log/err" | grep 'part=clock' > changes || { tail -n 20 "$LAB.log/err"; false; }
    for words in 'may be wrong by more' 'not synchronised' 'does not answer' 'follows nothing but itself' 'not compared'; do
        grep -F "$words" changes || { echo "not in the log: $words"; cat changes; false; }
    done
    curl -sS --fail "${URL}metrics" > metrics
    [ "$(awk '$1 == "tsa_clock_state_changes_total" { print $2 }' metrics)" -ge $((before + 6)) ]
    for reason in clock-bound clock-unsynchronised clock-unreachable clock-local clock-old; do
        for protocol in rfc3161 authenticode; do
            [ "$(awk -v s="tsa_refusals_total{unit=\"lab\",protocol=\"$protocol\",reason=\"$reason\"}" '$1 == s { print $2 }' metrics)" -ge 1 ] ||
                { echo "$protocol $reason is not counted"; false; }
        done
        records | jq -e -s "any(.[]; .event and .proof == \"proven\" and (.text | contains(\"reason=$reason\")))" > found || { echo "$reason is not in the record"; records | grep event; false; }
    done
    # Each token's bound, reference and age stand in the record; what the source says is in it.
    records | jq -e -s '[.[] | select(.genTime)] | length > 100 and all(.[]; .proof == "proven" and .bound >= 0 and .bound <= 1000500000 and (.reference | startswith("chrony")) and .age >= 0)' > found ||
        { records | tail -n 3; false; }
}

@test "while it is stopped: openssl reads the reason, the page, /readyz and /metrics tell it" {
    says '{"poll": 1, "offset": 1.204}'
    await_clock '.reason == "clock-bound"'
    openssl ts -query -data "$LAB/root.pem" -sha256 -out q.tsq 2> /dev/null
    curl -sS --fail -H 'Content-Type: application/timestamp-query' --data-binary @q.tsq -o r.tsr "$URL"
    openssl ts -reply -in r.tsr -text > text 2>&1
    cat text
    grep -E 'Status: Rejected' text
    grep -E 'Failure info: .*time source is not available' text
    grep -E 'may be wrong by more than the declared accuracy allows: .*1\.2[0-9]* s.*; try again later' text
    curl -sS -o page.html "$URL"
    grep -F 'Not ready: the clock may be wrong by more than the declared accuracy allows: it may be wrong by 1.2' page.html
    grep -F '<td id="source">chrony 192.0.2.1' page.html
    [ "$(curl -sS -o ready -w '%{http_code}' "${URL}readyz")" = 503 ]
    grep -F 'it may be wrong by 1.2' ready
    curl -sS --fail "${URL}metrics" > metrics
    grep -F 'tsa_clock_state{state="stop"} 1' metrics
    grep -F 'tsa_clock_stop_reason{reason="clock-bound"} 1' metrics
    grep -F 'tsa_not_ready{reason="clock-bound"} 1' metrics
    says '{"poll": 1}'
    await_clock '.state == "sync"'
    curl -sS -o page.html "$URL"
    grep -F '<td id="clock">good; proven</td>' page.html
}

# Its record is good for three seconds: whoever comes back sooner is not missed.
@test "the clock role killed under load: no stop longer than its restart" {
    local clock before asked tries=200
    clock=$(lab_pid clock)
    python3 -B "$BATS_TEST_DIRNAME/clock_load.py" load "$URL" replies 60 3>&- &
    asked=$!
    sleep 0.7
    before=$(date +%s%3N)
    kill -KILL "$clock"
    until [ -n "$(lab_pid clock)" ] && [ "$(lab_pid clock)" != "$clock" ]; do
        [ $((tries -= 1)) -gt 0 ] || { echo "no clock role came back"; false; }
        sleep 0.05
    done
    back=$(($(date +%s%3N) - before))
    # Longer than what its predecessor has left is good for.
    sleep 3.3
    kill "$asked"
    wait "$asked"
    clock_load span replies > span
    echo "back after $back ms: $(cat span)"
    jq -e --argjson back "$back" '.ends == "token" and .tokens > 100 and .span <= ($back / 1000 + 1)' span
}

@test "the clock role stopped under load: no token after five seconds, and good again by itself" {
    local clock stopped asked
    clock=$(lab_pid clock)
    python3 -B "$BATS_TEST_DIRNAME/clock_load.py" load "$URL" replies 60 3>&- &
    asked=$!
    sleep 0.7
    stopped=$(date +%s.%N)
    kill -STOP "$clock"
    await_clock '.reason == "clock-stale"'
    kill -CONT "$clock"
    await_clock '.state == "sync"'
    sleep 0.3
    kill "$asked"
    wait "$asked"
    clock_load span replies > span
    echo "stopped at $stopped: $(cat span)"
    jq -e --argjson at "$stopped" '(.reasons - ["clock-unknown"]) == ["clock-stale"] and .ends == "token" and .first > $at + 1 and .first < $at + 5 and .tokens > 100 and .refused > 10' span
}
