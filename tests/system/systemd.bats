#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# Under a service manager: a socket that was opened before, and what is told back. systemd-socket-activate plays systemd.

load lab

setup_file() {
    lab_start
    # The files are used by tests of their own; this one only made them.
    lab_stop
}

setup() {
    cd "$BATS_TEST_TMPDIR" || return 1
    cp -R "$LAB" own
    rm -rf own/run own/ledger
    head -c 100 /dev/urandom > data
    openssl ts -query -data data -sha256 -out data.tsq 2> /dev/null
    OWN_PID=
    RECEIVER=
}
teardown() {
    for pid in $OWN_PID $RECEIVER; do kill -KILL "$pid" 2> /dev/null || true; done
}

free_port() { python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'; }

# wait_line FILE PATTERN
wait_line() {
    for _ in $(seq 200); do
        if grep -q "$2" "$1" 2> /dev/null; then return 0; fi
        sleep 0.05
    done
    echo "$1 never had $2:"
    cat "$1"
    return 1
}

receive() { # a socket as NOTIFY_SOCKET; what comes goes to the file notices
    : > notices
    socat -u "UNIX-RECV:$PWD/notify" "OPEN:$PWD/notices,append" 3>&- &
    RECEIVER=$!
    for _ in $(seq 100); do [ -S notify ] && break; sleep 0.05; done
}

@test "READY=1 is told when tokens are issued, STOPPING=1 at the end" {
    command -v socat > /dev/null || skip "socat is not installed (conf/install-deps test)"
    receive
    sed -i "s/127.0.0.1:3161/127.0.0.1:0/" own/tsa.conf
    NOTIFY_SOCKET=$PWD/notify "$TSA" run -c own/tsa.conf 2> err 3>&- &
    OWN_PID=$!
    wait_line notices '^READY=1'
    grep -q '^STATUS=' notices
    curl -sS --fail --data-binary @data.tsq -H 'Content-Type: application/timestamp-query' -o data.tsr \
        "http://$("$TSA" status -c own/tsa.conf --json | jq -r '.listen[0]')/"
    kill -TERM "$OWN_PID"
    wait "$OWN_PID"
    OWN_PID=
    wait_line notices '^STOPPING=1'
    # A role must not be able to speak for the service.
    [ "$(grep -c '^READY=1' notices)" -eq 1 ]
}

@test "a passed socket replaces the configured addresses" {
    command -v systemd-socket-activate > /dev/null || skip "no systemd here"
    local port
    port=$(free_port)
    systemd-socket-activate -l "127.0.0.1:$port" "$TSA" run -c own/tsa.conf 2> err 3>&- &
    OWN_PID=$!
    wait_line err 'Listening on'
    # The first connection starts it, and waits until it is answered.
    curl -sS --fail --retry 5 --retry-connrefused --data-binary @data.tsq -H 'Content-Type: application/timestamp-query' \
        -o data.tsr "http://127.0.0.1:$port/"
    run openssl ts -verify -data data -in data.tsr -CAfile own/root.pem -untrusted own/chain.pem
    [[ "$output" == *"Verification: OK"* ]]
    [ "$("$TSA" status -c own/tsa.conf --json | jq -r '.listen | join(" ")')" = "127.0.0.1:$port" ]
    # 3161 of the configuration was left alone.
    refute grep '127.0.0.1:3161' err
    kill -TERM "$OWN_PID"
    wait "$OWN_PID"
    OWN_PID=
}

@test "RELOADING=1 with its time, then READY=1 again; also when it is refused" {
    command -v socat > /dev/null || skip "socat is not installed (conf/install-deps test)"
    receive
    sed -i "s/127.0.0.1:3161/127.0.0.1:0/" own/tsa.conf
    NOTIFY_SOCKET=$PWD/notify "$TSA" run -c own/tsa.conf 2> err 3>&- &
    OWN_PID=$!
    wait_line notices '^STATUS=ready, generation 1,'
    "$TSA" reload --wait -c own/tsa.conf
    wait_line notices '^STATUS=ready, generation 2,'
    # systemd's clock is CLOCK_MONOTONIC in microseconds.
    local told up
    told=$(sed -n 's/^MONOTONIC_USEC=//p' notices | tail -n 1)
    up=$(python3 -c 'import time; print(time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000)')
    [ "$told" -le "$up" ]
    [ "$told" -gt $((up - 60000000)) ]
    echo 'nod = 3;' >> own/tsa.conf
    run "$TSA" reload --wait -c own/tsa.conf
    [ "$status" -eq 1 ]
    for _ in $(seq 100); do [ "$(grep -c '^READY=1' notices)" -eq 3 ] && break; sleep 0.05; done
    [ "$(grep -c '^READY=1' notices)" -eq 3 ]
    [ "$(grep -c '^RELOADING=1' notices)" -eq 2 ]
    [[ "$(tail -n 1 notices)" == "STATUS=ready, generation 2,"* ]]
    kill -TERM "$OWN_PID"
    wait "$OWN_PID"
    OWN_PID=
}

@test "told to stop while it reloads: STOPPING=1 is the last word" {
    command -v socat > /dev/null || skip "socat is not installed (conf/install-deps test)"
    receive
    sed -i "s/127.0.0.1:3161/127.0.0.1:0/" own/tsa.conf
    NOTIFY_SOCKET=$PWD/notify "$TSA" run -c own/tsa.conf 2> err 3>&- &
    OWN_PID=$!
    wait_line notices '^STATUS=ready, generation 1,'
    # Both signals wait for one turn of the loop, so that the reload has just begun, at most.
    kill -STOP "$OWN_PID"
    kill -HUP "$OWN_PID"
    kill -TERM "$OWN_PID"
    kill -CONT "$OWN_PID"
    wait "$OWN_PID"
    OWN_PID=
    wait_line notices '^STOPPING=1'
    [ "$(tail -n 1 notices)" = STATUS=stopping ]
}

@test "WATCHDOG=1 as often as it is asked for, and only then" {
    command -v socat > /dev/null || skip "socat is not installed (conf/install-deps test)"
    receive
    sed -i "s/127.0.0.1:3161/127.0.0.1:0/" own/tsa.conf
    WATCHDOG_USEC=3000000 NOTIFY_SOCKET=$PWD/notify "$TSA" run -c own/tsa.conf 2> err 3>&- &
    OWN_PID=$!
    wait_line notices '^READY=1'
    for _ in $(seq 200); do [ "$(grep -c '^WATCHDOG=1' notices)" -ge 3 ] && break; sleep 0.05; done
    [ "$(grep -c '^WATCHDOG=1' notices)" -ge 3 ]
    kill -TERM "$OWN_PID"
    wait "$OWN_PID"
    : > notices
    # Meant for another process.
    WATCHDOG_PID=1 WATCHDOG_USEC=3000000 NOTIFY_SOCKET=$PWD/notify "$TSA" run -c own/tsa.conf 2> err 3>&- &
    OWN_PID=$!
    wait_line notices '^READY=1'
    sleep 2
    refute grep -q WATCHDOG notices
    kill -TERM "$OWN_PID"
    wait "$OWN_PID"
    OWN_PID=
}

@test "sockets by their names: https beside plain ones; a reload keeps them, and says what can not change" {
    command -v systemd-socket-activate > /dev/null || skip "no systemd here"
    local plain secure
    plain=$(free_port)
    secure=$(free_port)
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout own/tls.key -out own/tls.pem -days 90 \
        -subj /CN=localhost -addext subjectAltName=IP:127.0.0.1 2> /dev/null
    chmod 600 own/tls.key
    echo 'tls = { certificate = "tls.pem"; key = "tls.key"; };' >> own/tsa.conf
    systemd-socket-activate -l "127.0.0.1:$plain" -l "127.0.0.1:$secure" --fdname=http:https "$TSA" run -c own/tsa.conf 2> err 3>&- &
    OWN_PID=$!
    wait_line err 'Listening on'
    curl -sS --fail --retry 5 --retry-connrefused -o page "http://127.0.0.1:$plain/"
    curl -sS --fail --cacert own/tls.pem -o page "https://127.0.0.1:$secure/"
    [ "$("$TSA" status -c own/tsa.conf --json | jq -r '[.listen[0], .tls[0]] | join(" ")')" = "127.0.0.1:$plain 127.0.0.1:$secure" ]
    sed -i 's/^listen = .*/listen = "127.0.0.1:1";/' own/tsa.conf
    run "$TSA" reload --wait -c own/tsa.conf
    [ "$status" -eq 0 ]
    [[ "$output" == *"warning: listen has changed, but systemd passes the sockets"* ]]
    curl -sS --fail -o page "http://127.0.0.1:$plain/"
    curl -sS --fail --cacert own/tls.pem -o page "https://127.0.0.1:$secure/"
    sed -i '/^tls = /d' own/tsa.conf
    run "$TSA" reload --wait -c own/tsa.conf
    [ "$status" -eq 1 ]
    [[ "$output" == *"127.0.0.1:$secure is a socket for TLS, but tls.certificate and tls.key are not set"* ]]
    kill -TERM "$OWN_PID"
    wait "$OWN_PID"
    OWN_PID=
}

@test "what is passed must be a listening socket" {
    run bash -c 'exec 3< /dev/null; LISTEN_PID=$$ LISTEN_FDS=1 exec "$TSA" run -c own/tsa.conf'
    [ "$status" -eq 1 ]
    [[ "$output" == *"the passed descriptor 3: it is not a listening stream socket"* ]]
}
