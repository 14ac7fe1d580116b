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

@test "what is passed must be a listening socket" {
    run bash -c 'exec 3< /dev/null; LISTEN_PID=$$ LISTEN_FDS=1 exec "$TSA" run -c own/tsa.conf'
    [ "$status" -eq 1 ]
    [[ "$output" == *"the passed descriptor 3: it is not a listening stream socket"* ]]
}
