#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# tsa status: what a running authority says of itself, for people and for programs, and the exit codes.

load lab

setup_file() { lab_start; }
teardown_file() { lab_stop; }

setup() {
    cd "$BATS_TEST_TMPDIR" || return 1
    head -c 100 /dev/urandom > data
}

stamp() {
    openssl ts -query -data data -sha256 -out data.tsq 2> /dev/null
    curl -sS --fail -H 'Content-Type: application/timestamp-query' --data-binary @data.tsq -o data.tsr "$URL"
}

json() { "$TSA" status -c "$LAB/tsa.conf" --json | jq -r "$1"; }

@test "JSON: state, roles, units, clock, record" {
    [ "$(json .state)" = ready ]
    [ "$(json .ready)" = true ]
    [ "$(json .pid)" = "$LAB_PID" ]
    [ "http://$(json '.listen[0]')/" = "$URL" ]
    [ "$(json '[.roles[].role] | sort | join(" ")')" = "clock front issuer" ]
    for role in issuer clock front; do
        [ "$(json ".roles[] | select(.role == \"$role\") | .pid")" = "$(lab_pid $role)" ]
    done
    [ "$(json '.units[0].name')" = lab ]
    [ "$(json '.units[0].policy')" = 2.999.3161.1 ]
    [ "$(json '.units[0].certificate.days_left')" -gt 300 ]
    [ "$(json .clock.state)" != stop ]
    [ "$(json .clock.proven)" = false ]
}

@test "JSON: the names that /status.json has too say the same" {
    curl -sS "${URL}status.json" > there.json
    "$TSA" status -c "$LAB/tsa.conf" --json > here.json
    for name in .ready .sentence .version .clock.state .clock.reference .ledger.records .tokens.rfc3161 .last_token .issuer.started .issuer.signers; do
        [ "$(jq "$name" here.json | sed "s,\\.[0-9]*Z,Z,")" = "$(jq "$name" there.json)" ] || { echo "$name"; cat here.json there.json; false; }
    done
}

@test "tokens and refusals are counted" {
    local before refused
    before=$(json .ledger.records)
    refused=$(json .tokens.refused)
    stamp
    stamp
    [ "$(json .ledger.records)" -eq $((before + 2)) ]
    [ "$(json .tokens.rfc3161)" -ge 2 ]
    [ "$(json .tokens.refused)" -ge "$refused" ]
    [[ "$(json .tokens.last_time)" == 20*Z ]]
}

@test "text for people: one screen that names everything" {
    run "$TSA" status -c "$LAB/tsa.conf"
    [ "$status" -eq 0 ]
    [[ "$output" == "ready "* ]]
    for word in process clock record tokens unit issuer front; do
        grep -q "^$word " <<< "$output" || { echo "$output"; false; }
    done
    [[ "$output" == *"not proven (system)"* ]]
}

@test "--run names the folder itself; the usual places are found" {
    "$TSA" status --run "$LAB/run" > /dev/null
    [ ! -e /etc/tsa/tsa.conf ] || skip "this machine has a configuration of its own"
    ln -s "$LAB" lab
    "$TSA" status > /dev/null
}

@test "not ready is 1, with the reason: the clock has stopped, and comes back" {
    local clock tries
    clock=$(lab_pid clock)
    kill -STOP "$clock"
    tries=100
    until [ "$(json .ready)" = false ]; do
        [ $((tries -= 1)) -gt 0 ] || { kill -CONT "$clock"; false; }
        sleep 0.1
    done
    run "$TSA" status -c "$LAB/tsa.conf"
    kill -CONT "$clock"
    [ "$status" -eq 1 ]
    [[ "$output" == "not-ready"*clock* ]]
    tries=100
    until [ "$(json .ready)" = true ]; do
        [ $((tries -= 1)) -gt 0 ]
        sleep 0.1
    done
    stamp
}

@test "an issuer that hangs does not hang the status" {
    local issuer
    issuer=$(lab_pid issuer)
    kill -STOP "$issuer"
    run timeout 5 "$TSA" status -c "$LAB/tsa.conf"
    kill -CONT "$issuer"
    [ "$status" -eq 1 ]
    [[ "$output" == "not-ready the signing process does not answer"* ]]
    [[ "$output" == *"issuer   no answer"* ]]
    stamp
}

@test "the clock: all that is known of it, for people and for programs" {
    run "$TSA" clock status -c "$LAB/tsa.conf"
    [ "$status" -eq 0 ]
    [[ "$output" == "clock    sync, not proven (system)"* ]]
    "$TSA" clock status --run "$LAB/run" --json > clock.json
    "$TSA" status -c "$LAB/tsa.conf" --json | jq .clock > status.json
    [ "$(jq -S keys clock.json)" = "$(jq -S keys status.json)" ]
    [ "$(jq -r '[.state, .proof, .proven, .reference, .ahead_ns, (.servers | length)] | join(" ")' clock.json)" = "sync trusted false system 0 0" ]
    run "$TSA" clock status --run none
    [ "$status" -eq 69 ]
    [[ "$output" == "tsa clock status: no authority answers in none"* ]]
    run "$TSA" clock status -c none.conf
    [ "$status" -eq 78 ]
}

@test "a clock that is not behind has nothing to acknowledge; a reason is asked for, and looked at" {
    run "$TSA" clock acknowledge -c "$LAB/tsa.conf" --reason 'just so'
    [ "$status" -eq 1 ]
    [[ "$output" == "tsa clock acknowledge: refused: "* ]]
    stamp
    run "$TSA" clock acknowledge -c "$LAB/tsa.conf"
    [ "$status" -eq 64 ]
    [[ "$output" == *"this option is needed: --reason TEXT"* ]]
    local reason
    for reason in '' $'two\nlines' $'a\ttab' $'\x7f' $'\xc2\x85' $'\xff' "$(printf '%301s' x)"; do
        run "$TSA" clock acknowledge -c "$LAB/tsa.conf" --reason "$reason"
        [ "$status" -eq 64 ] || { echo "taken: $reason"; false; }
        [[ "$output" == "tsa clock acknowledge: --reason: "* ]]
    done
    run "$TSA" clock acknowledge --run none --reason 'just so'
    [ "$status" -eq 69 ]
    [[ "$output" != *"may have been taken"* ]]
    # Asked, and then it is gone: nobody knows what became of it.
    mkdir gone
    python3 -B -c 'import socket
listener = socket.socket(socket.AF_UNIX)
listener.bind("gone/control")
listener.listen()
for answer in "{}\n", "", "{}\n", "{\"ok\":false,\"reason\":\"issuer-gone\",\"why\":\"the signing process ended\"}\n", "":
    with listener.accept()[0] as client, client.makefile("rw") as stream:
        print(stream.readline())
        stream.write(answer)' > heard 3>&- &
    for _ in $(seq 200); do [ -S gone/control ] && break; sleep 0.05; done
    sleep 0.2
    run "$TSA" clock acknowledge --run gone --reason 'just so'
    [ "$status" -eq 69 ]
    [[ "$output" == *"without an answer"*"it may have been taken; tsa clock status tells"* ]]
    # Nor is it a refusal where the signing process ended over it.
    run "$TSA" clock acknowledge --run gone --reason 'just so'
    [ "$status" -eq 69 ]
    [ "$output" = 'tsa clock acknowledge: the signing process ended' ]
    # How it stands is asked first: lost then, nothing was sent.
    run "$TSA" clock acknowledge --run gone --reason 'just so'
    [ "$status" -eq 69 ]
    [[ "$output" == *"without an answer"* && "$output" != *"may have been taken"* ]]
    wait $!
    grep -q 'acknowledge just so' heard
    run "$TSA" clock aknowledge
    [ "$status" -eq 64 ]
    [[ "$output" == *"did you mean acknowledge?"* ]]
}

@test "nothing runs: 69; no configuration: 78; wrong option: 64" {
    mkdir run
    run "$TSA" status --run run
    [ "$status" -eq 69 ]
    [[ "$output" == *"no authority answers in run"* ]]
    run "$TSA" status --run none
    [ "$status" -eq 69 ]
    run "$TSA" status -c none.conf
    [ "$status" -eq 78 ]
    run "$TSA" status --jsn
    [ "$status" -eq 64 ]
    [[ "$output" == *"did you mean --json?"* ]]
}

@test "the generation and the last reload" {
    [ "$(json '[.generation.number, .reload.running, .reload.ok, (.reload.lines | length)] | tostring')" = '[1,false,null,0]' ]
    [[ "$(json .generation.since)" == 20*Z ]]
    [ "$(json '[.roles[] | select(.generation == 1 and .stage == "serving")] | length')" = 3 ]
    "$TSA" reload --wait -c "$LAB/tsa.conf"
    [ "$(json '[.generation.number, .reload.ok] | tostring')" = '[2,true]' ]
    run "$TSA" status -c "$LAB/tsa.conf"
    grep -q '^serving  generation 2 since ' <<< "$output"
    grep -q '^reload   done 20' <<< "$output"
    cp "$LAB/tsa.conf" good.conf
    echo 'nod = 1;' >> "$LAB/tsa.conf"
    run "$TSA" reload --wait -c "$LAB/tsa.conf"
    cp good.conf "$LAB/tsa.conf"
    run "$TSA" status -c "$LAB/tsa.conf"
    # It runs as before: that is no fault of it.
    [ "$status" -eq 0 ]
    grep -q '^serving  generation 2 since ' <<< "$output"
    grep -q "^reload   refused 20.*unknown setting" <<< "$output"
}

@test "clients that say nothing do not keep others out" {
    command -v socat > /dev/null || skip "socat is not installed (conf/install-deps test)"
    local silent= i
    for i in $(seq 20); do
        socat -u "UNIX-CONNECT:$LAB/run/control" - > /dev/null 3>&- &
        silent="$silent $!"
    done
    sleep 0.3
    timeout 5 "$TSA" status -c "$LAB/tsa.conf" > /dev/null
    # shellcheck disable=SC2086
    kill $silent 2> /dev/null || true
}

@test "the control socket is its owner's alone" {
    [ "$(stat -c %a "$LAB/run/control")" = 600 ]
}

@test "where there is no configuration to be found, it says how to name one" {
    [ ! -e /etc/tsa/tsa.conf ] || skip "this machine has /etc/tsa/tsa.conf"
    mkdir empty && cd empty
    run "$TSA" status
    [ "$status" -eq 78 ]
    [[ "$output" == *"/etc/tsa/tsa.conf"*"lab/tsa.conf"*"--run DIR"* ]]
}
