#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# Every limit and deadline for what a client sends, set small: kept to the octet and to the second, and told where there is somebody to tell.

load lab

setup_file() {
    lab_start
    lab_stop
    cat >> "$LAB/tsa.conf" << 'EOF'
limits = { request_line = 256; head = "1 KiB"; fields = 8; body = "1 KiB"; pipeline = 2; requests = 20; };
deadlines = { header = "1 s"; body = "2 s"; keep_alive = "2 s"; connection = "5 s"; };
EOF
    lab_start
    WHERE=$("$TSA" status -c "$LAB/tsa.conf" --json | jq -r '.listen[0]')
    export WHERE
}
teardown_file() { lab_stop; }

setup() { cd "$BATS_TEST_TMPDIR" || return 1; }

check() {
    run python3 -B "$BATS_TEST_DIRNAME/limits.py" "$1" "$WHERE" "${@:2}"
    echo "$output"
    [ "$status" -eq 0 ]
}

records() { "$TSA" status -c "$LAB/tsa.conf" --json | jq .ledger.records; }

@test "a head has its time as a whole, however it drips" { check header; }
@test "so has the next head of a connection" { check header_of_second; }
@test "a body has its time as a whole" { check body; }
@test "a chunked body too" { check chunks; }
@test "who says nothing is let go without a word" { check silence; }
@test "a connection may be idle for so long" { check idle; }
@test "a connection is over after its time, however busy it is" { check life; }

@test "the last request that a connection may send is answered with Connection: close, the next one never looked at" {
    local before
    before=$(records)
    check requests
    [ "$(records)" -eq $((before + 1)) ]
}

@test "more requests than may wait at the same time are answered in order" {
    local before
    before=$(records)
    check pipeline
    [ "$(records)" -eq $((before + 8)) ]
}

@test "what is just allowed" {
    check sizes
    [ "$output" = inside ]
}

@test "and one more" {
    for what in line head fields body chunks; do check beyond "$what"; done
}

@test "no end of a client was an accident" {
    curl -sS "${URL}metrics" > metrics
    # Silent and idle clients, and those who were told 408 or more.
    [ "$(sed -n 's/^tsa_connections_ended_total{reason="idle"} //p' metrics)" -ge 2 ]
    [ "$(sed -n 's/^tsa_connections_ended_total{reason="no-memory"} //p' metrics)" -eq 0 ]
}
