#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# No framing trick works (RFC 9112 11.2: request smuggling): every case of probe_table.py against a running authority. Each answer, the
# number of answers, what happens to the connection, and the number of tokens in the record are as the table says.

load lab

setup_file() {
    lab_start
    lab_stop
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "$LAB/server.key" -out "$LAB/server.pem" -days 2 \
        -subj /CN=localhost -addext subjectAltName=DNS:localhost 2> /dev/null
    echo 'tls = { listen = ( "127.0.0.1:0" ); certificate = "server.pem"; key = "server.key"; };' >> "$LAB/tsa.conf"
    lab_start
}
teardown_file() { lab_stop; }

probe() { python3 -B "$BATS_TEST_DIRNAME/probe.py" "$URL" "$LAB/tsa.conf" "$@"; }

@test "every case of the table" {
    run probe
    echo "$output"
    [ "$status" -eq 0 ]
    [[ "${lines[-1]}" =~ ^([0-9]+)\ cases,\ 0\ wrong$ ]]
    [ "${BASH_REMATCH[1]}" -ge 400 ]
}

@test "every case over TLS, and each end is told (RFC 9112 9.8)" {
    URL=https://$("$TSA" status -c "$LAB/tsa.conf" --json | jq -r '.tls[0]')/
    run probe --tls "$LAB/server.pem"
    echo "$output"
    [ "$status" -eq 0 ]
    [[ "${lines[-1]}" =~ ^([0-9]+)\ cases,\ 0\ wrong$ ]]
    [ "${BASH_REMATCH[1]}" -ge 400 ]
}

@test "the verdict does not depend on how the octets are cut" {
    run probe --cut
    echo "$output"
    [ "$status" -eq 0 ]
    [[ "${lines[-1]}" =~ ^[49]\ cases,\ 0\ wrong$ ]]
}

@test "what was sent has made no process end" {
    "$TSA" status -c "$LAB/tsa.conf" --json | jq -e '[.roles[].starts] | all(. == 1)'
}
