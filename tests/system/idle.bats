#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# Connections that rest: what each costs in memory and in processor time, and whether others come in beside them. TSA_LONG=1: 10,000.

load lab
load crowd

CONF='clients = { connections = 0; };
limits = { connections = 12000; };
deadlines = { header = "1 min"; keep_alive = "5 min"; handshake = "1 min"; };'

setup_file() {
    export LAB=$BATS_FILE_TMPDIR/lab
    mkdir "$LAB"
}
setup() {
    cd "$BATS_TEST_TMPDIR" || return 1
    [ "$(ulimit -n)" -ge "$(long_or 13000 3000)" ] || ulimit -n "$(long_or 13000 3000)" ||
        skip "a process may not have $(long_or 13000 3000) descriptors here (ulimit -n)"
    lab_with "$CONF" # a new one for each kind: memory that a crowd has needed is used for the next
}
teardown() { lab_stop; }

num=$(long_or 10000 1000)

# rest KIND: they all come, none is refused, and new ones are answered beside them
rest() {
    crowd idle "$URL" --pid "$(lab_fronts)" -n "$num" --kinds "$1" > idle.json
    figure "$1: $(jq -c '{held, opened_s, bytes_each, cpu_percent, fresh_ms}' idle.json)"
    holds idle.json ".held == $num and .left == $num" ".kinds[\"$1\"].failed == 0" '.fresh_lost == 0'
    less "$(jq .cpu_percent idle.json)" "$(if is_strict; then echo 5; else echo 30; fi)"
    less "$(jq .fresh_ms.p99 idle.json)" "$(if is_strict; then echo 50; else echo 1000; fi)"
}

# Sanitizers put memory of their own around each piece: more is allowed there.
each_below() { less "$(jq .bytes_each idle.json)" "$(if [ -n "${TSA_SANITIZED-}" ]; then echo 40000; else echo "$1"; fi)"; }

@test "kept after a request: 4 KiB each at most" {
    rest looked
    holds idle.json ".kinds.looked.answers[\"HTTP/1.1 200\"] == $num"
    each_below 4096
}

@test "half a head sent: 4 KiB each at most" {
    rest half
    each_below 4096
}

@test "nothing sent: 4 KiB each at most" {
    rest silent
    each_below 4096
}

@test "all of them come back to ask at once: all are answered" {
    load_for 3 50 before.json
    crowd idle "$URL" --pid "$(lab_fronts)" -n "$num" --kinds looked --again > idle.json
    holds idle.json ".again.answered == $num"
    figure "all $num ask again at once: $(jq -c .again idle.json)"
    load_for 3 50 after.json
    all_granted after.json
}
