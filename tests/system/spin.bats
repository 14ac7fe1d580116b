#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# Connections on which nothing happens cost no processor time, in whatever state they are, and none when their clients have left them in that
# state: idle, half sent, unread, with half a PROXY header or half a handshake. A front that turned in its loop for a single one of them
# would be on a processor all the time.

load lab
load crowd

CONF='clients = { connections = 0; proxy_protocol = ( "127.0.0.8" ); };
tls = { listen = ( "127.0.0.1:0" ); certificate = "tls.pem"; key = "tls.key"; };
metrics = { listen = ( "127.0.0.1:0" ); };
deadlines = { handshake = "1 min"; header = "1 min"; body = "1 min"; write = "1 min"; keep_alive = "5 min"; queue = "20 s"; };'

setup_file() {
    export LAB=$BATS_FILE_TMPDIR/lab
    mkdir "$LAB"
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "$LAB/tls.key" -out "$LAB/tls.pem" \
        -subj /CN=localhost -days 30 2> /dev/null
    chmod 600 "$LAB/tls.key"
    lab_with "$CONF"
    lab_fronts > "$LAB.fronts"
}
teardown_file() { lab_stop; }
setup() { cd "$BATS_TEST_TMPDIR" || return 1; }

# spin SECONDS KIND
spin() {
    local places
    mapfile -t places < <(lab_status | jq -r '.listen[0], .tls[0], .metrics[0]')
    python3 -B "$TSA_SOURCE/tests/system/spin.py" "${places[@]}" "$(lab_fronts)" "$@"
}

# Four in a hundred of the time at most, the parent's questions each second included; all that is seen is 0.
quiet() { holds "$1" "[.there, .left] | all(.ms <= 40 * $2 and .wakes <= 30 * $2)"; }


@test "at rest: no processor time" {
    spin 3 rest > rest.json
    figure "$(cat rest.json)"
    quiet rest.json 3
}

@test "while the issuer stands still: no processor time" {
    local issuer
    issuer=$(lab_pid issuer)
    kill -STOP "$issuer"
    spin 1.5 asking > asking.json || { kill -CONT "$issuer"; return 1; }
    kill -CONT "$issuer"
    figure "$(cat asking.json)"
    quiet asking.json 1.5
}

@test "and afterwards all is as it was" {
    load_for 1 20 good.json
    all_granted good.json
    [ "$(lab_fronts)" = "$(cat "$LAB.fronts")" ] # none has died
}
