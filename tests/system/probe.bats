#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# No framing trick works (RFC 9112 11.2: request smuggling): every case of probe_table.py against a running authority. Each answer, the
# number of answers, what happens to the connection, and the number of tokens in the record are as the table says.

load lab

setup_file() { lab_start; }
teardown_file() { lab_stop; }

probe() { python3 -B "$BATS_TEST_DIRNAME/probe.py" "$URL" "$LAB/tsa.conf" "$@"; }

@test "every case of the table" {
    run probe
    echo "$output"
    [ "$status" -eq 0 ]
    [[ "${lines[-1]}" =~ ^([0-9]+)\ cases,\ 0\ wrong$ ]]
    [ "${BASH_REMATCH[1]}" -ge 400 ]
}

@test "the verdict does not depend on how the octets are cut" {
    run probe --cut
    echo "$output"
    [ "$status" -eq 0 ]
    [ "${lines[-1]}" = "8 cases, 0 wrong" ]
}

@test "what was sent has made no process end" {
    "$TSA" status -c "$LAB/tsa.conf" --json | jq -e '[.roles[].starts] | all(. == 1)'
}
