#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# Where the time comes from changes while the authority serves: by reloads, from a source to another one, with servers that come and go, and with names that
# nobody knows. A change between good sources is not noticed by anybody who stamps meanwhile; one that could never work is refused, and changes nothing.

load lab

setup_file() {
    export FAKES="$BATS_FILE_TMPDIR/fakes" SNTP_PID CHRONY_PID CHRONY
    mkdir "$FAKES"
    jq -n '{servers: [range(6) | {address: "127.0.0.1", port: 0}]}' > "$FAKES/sntp.json"
    python3 -B "$TSA_SOURCE/tests/tools/fake_sntp.py" "$FAKES/sntp.json" "$FAKES/ready" > "$FAKES/sntp.log" 2>&1 3>&- &
    SNTP_PID=$!
    echo '{"poll": 1}' > "$FAKES/chrony.json"
    python3 -B "$TSA_SOURCE/tests/tools/fake_chronyd.py" "$FAKES/chrony.json" > "$FAKES/chrony.port" 2> "$FAKES/chrony.log" 3>&- &
    CHRONY_PID=$!
    for _ in $(seq 200); do [ -s "$FAKES/ready" ] && [ -s "$FAKES/chrony.port" ] && break; sleep 0.05; done
    CHRONY=127.0.0.1:$(cat "$FAKES/chrony.port")
    lab_start
    lab_stop
    rm -rf "$LAB/ledger" "$LAB/run"
    sed -i 's/127.0.0.1:3161/127.0.0.1:0/
        s/^\( *\)name = "lab";/&\n\1accuracy = "1 s";\n\1time_digits = 3;/' "$LAB/tsa.conf"
}

teardown_file() {
    kill "$SNTP_PID" "$CHRONY_PID"
}

setup() {
    cd "$BATS_TEST_TMPDIR" || return 1
    cp -R "$LAB" lab
    echo data > data
    openssl ts -query -data data -sha256 -out data.tsq 2> /dev/null
    CLIENTS=
    PARENT=
}

teardown() {
    : > stop
    for pid in $CLIENTS; do wait "$pid" || true; done
    if [ -n "$PARENT" ]; then
        kill -TERM "$PARENT" 2> /dev/null
        lab_await_end "$PARENT" && lab_ended_well err
    fi
}

start() {
    "$TSA" run -c lab/tsa.conf 2>> err 3>&- &
    PARENT=$!
    for _ in $(seq 400); do grep -q 'msg="ready on' err && break; sleep 0.05; done
    URL=http://$(json '.listen[0]')/
}
json() { "$TSA" status -c lab/tsa.conf --json | jq -r "$1"; }
reload() { "$TSA" reload --wait -c lab/tsa.conf; }

# clock_is TEXT: that is the clock in the configuration
clock_is() { sed -i "s|^clock = .*|clock = { $1 };|" lab/tsa.conf; }

# servers N...: these of the fake ones, and what is no number as it is
servers() {
    local n comma=
    printf 'servers = ('
    for n in "$@"; do
        [[ "$n" == [0-9] ]] && n=$(sed -n "${n}p" "$FAKES/ready")
        printf '%s{ address = "%s"; }' "$comma" "$n"
        comma=', '
    done
    printf ');'
}

await() {
    for _ in $(seq 300); do
        [ "$(json "$1")" = true ] && return
        sleep 0.05
    done
    echo "not so: $1"
    json .clock
    tail -n 20 err
    return 1
}

client() {
    while [ ! -e stop ]; do
        curl -sS -m 20 -H 'Content-Type: application/timestamp-query' --data-binary @data.tsq -o "reply-$1-$((round += 1))-#1.tsr" \
            -w '%{http_code} %{exitcode} %{content_type}\n' "$URL?[1-10]" >> clients.log 2>> clients.err || true
        sleep 0.05
    done
}
clients() {
    rm -f stop
    for i in $(seq "$1"); do
        client "$i" 3>&- &
        CLIENTS="$CLIENTS $!"
    done
}
clients_end() {
    : > stop
    for pid in $CLIENTS; do wait "$pid" || true; done
    CLIENTS=
    find . -name 'reply-*.tsr' -print0 | xargs -0 "$TSA_TOOLS/tsr_list" > list
    echo "$(wc -l < clients.log) requests: $(sort clients.log | uniq -c | tr -s '\n ' '; ') $(cut -d' ' -f1 list | sort | uniq -c)"
    [ "$(wc -l < clients.log)" -ge "$1" ]
    [ "$(grep -vc '^200 0 application/timestamp-reply$' clients.log)" -eq 0 ]
}

@test "from source to source under load: not one request is refused" {
    clock_is 'source = "system";'
    start
    clients 2
    clock_is "source = \"sntp\"; $(servers 1 2 3 4)"
    reload
    await '.clock | .state == "sync" and .proven and (.reference | startswith("sntp")) and ([.servers[] | select(.state == "good")] | length) == 4'
    clock_is "source = \"sntp\"; $(servers 5 2 6)"
    reload
    await '.clock | .state == "sync" and ([.servers[].state] == ["good", "good", "good"])'
    clock_is "source = \"chrony\"; chrony = \"$CHRONY\"; $(servers 1 2 3)"
    reload
    await '.clock | .state == "sync" and (.reference | startswith("chrony")) and (.servers | length) == 3'
    clock_is "source = \"chrony\"; chrony = \"$CHRONY\";"
    reload
    await '.clock | .state == "sync" and (.servers | length) == 0'
    clock_is 'source = "system";'
    reload
    await '.clock | .state == "sync" and .proof == "trusted"'
    [ "$(json .generation.number)" -eq 6 ]
    clients_end 50
    [ "$(grep -vc '^granted ' list)" -eq 0 ] || { grep -v '^granted ' list | head; grep -v msg=request err | tail -n 40; return 1; }
}

@test "a change to a source that is wrong stops it; back to a good one, and it goes on" {
    clock_is "source = \"chrony\"; chrony = \"$CHRONY\";"
    start
    await '.clock.state == "sync"'
    clock_is 'source = "chrony"; chrony = "127.0.0.1:9";'
    reload
    await '.clock | .state == "stop" and .reason == "clock-unreachable"'
    [ "$(json .ready)" = false ]
    clock_is "source = \"chrony\"; chrony = \"$CHRONY\";"
    reload
    await '.ready and .clock.state == "sync"'
}

@test "a name that nobody knows: told at a start and a reload, and the others are asked" {
    clock_is "source = \"sntp\"; $(servers 1 no-such-host.invalid 2 3)"
    start
    grep -E 'level=warning msg=".*tsa.conf:[0-9]+: clock.servers: no-such-host.invalid can not be resolved: ' err
    await '.clock | .state == "sync" and .servers[1].state == "silent" and ([.servers[] | select(.state == "good")] | length) == 3'
    clock_is "source = \"sntp\"; $(servers 1 2 3 nobody.invalid 4)"
    run reload
    [ "$status" -eq 0 ]
    [[ "$output" == *"warning: "*"tsa.conf:"*": clock.servers: nobody.invalid can not be resolved: "* ]]
    [[ "$output" == *"4 of 5 are asked; a reload tries the others again"* ]]
    await '.clock | .state == "sync" and .servers[3].state == "silent" and ([.servers[] | select(.state == "good")] | length) == 4'
}

@test "a name that the machine knows is asked at its address" {
    local port
    port=$(sed -n 's/.*://; 1p' "$FAKES/ready")
    clock_is "source = \"sntp\"; $(servers "localhost:$port" 2 3)"
    start
    await '.clock | .state == "sync" and ([.servers[1, 2].state] == ["good", "good"])'
    # Where localhost is an IPv6 address first, nobody is there.
    [[ "$(json '.clock.servers[0].address')" == "localhost:$port "* ]]
    [[ "$(json '.clock.servers[0].state')" =~ ^(good|silent)$ ]]
}

@test "too few known: a reload is refused and changes nothing, a start ends with 1" {
    local line
    clock_is "source = \"sntp\"; $(servers 1 2 3)"
    start
    await '.clock.state == "sync"'
    clock_is "source = \"sntp\"; $(servers a.invalid b.invalid 1 2)"
    line=$(grep -n '^clock = ' lab/tsa.conf | cut -d: -f1)
    run reload
    [ "$status" -eq 1 ]
    [[ "$output" == *"tsa.conf:$line: clock.servers: a.invalid can not be resolved: "* ]]
    [[ "$output" == *"tsa.conf:$line: clock.servers: the addresses of 2 of 4 are known"* ]]
    [[ "$output" == *"what runs goes on unchanged"* ]]
    [ "$(json .generation.number)" -eq 1 ]
    [ "$(json '.clock.state')" = sync ]
    kill -TERM "$PARENT"
    lab_await_end "$PARENT"
    PARENT=
    run "$TSA" run -c lab/tsa.conf
    [ "$status" -eq 1 ]
    [[ "$output" == *"tsa.conf:$line: clock.servers: the addresses of 2 of 4 are known"* ]]
}

@test "no list of leap seconds: told where the time is to be proven, and nowhere else" {
    clock_is "source = \"chrony\"; chrony = \"$CHRONY\"; leap_list = \"none.list\";"
    start
    await '.clock.state == "sync"'
    [ "$(grep -cE 'level=warning msg=".*tsa.conf:[0-9]+: clock.leap_list: .*none.list' err)" -eq 1 ]
    clock_is 'source = "system"; leap_list = "none.list";'
    run reload
    [ "$status" -eq 0 ]
    [[ "$output" != *leap_list* ]]
}

@test "whose part it is to watch the clock can not change while it runs" {
    clock_is 'source = "system"; file = "service.clock";'
    run "$TSA" run -c lab/tsa.conf
    [ "$status" -eq 78 ]
    [[ "$output" == *"clock.file: "*"start the clock service"* ]]
    clock_is 'source = "system";'
    start
    head -c 4096 /dev/zero > lab/service.clock
    clock_is 'source = "system"; file = "service.clock";'
    run reload
    [ "$status" -eq 1 ]
    [[ "$output" == *"clock.file: "*"stop it and start it again"* ]]
    [ "$(json .generation.number)" -eq 1 ]
}

@test "who acknowledges what is in order is refused with the reason, ten at once too" {
    local pids= pid
    clock_is 'source = "system";'
    start
    for i in $(seq 10); do
        "$TSA" clock acknowledge -c lab/tsa.conf --reason "nothing to see here $i" > "answer.$i" 2>&1 3>&- &
        pids="$pids $!"
    done
    for pid in $pids; do
        wait "$pid" && { echo "one was taken"; return 1; }
    done
    [ "$(grep -l 'not ahead of the clock' answer.* | wc -l)" -eq 10 ]
}

@test "an acknowledgement to a signing process that hangs, or dies: told within seconds" {
    local issuer begin
    clock_is 'source = "system";'
    start
    issuer=$(json '.roles[] | select(.role == "issuer").pid')
    kill -STOP "$issuer"
    begin=$SECONDS
    run "$TSA" clock acknowledge -c lab/tsa.conf --reason 'it hangs'
    [ "$status" -ne 0 ]
    [[ "$output" == *"the signing process does not answer"* ]]
    [ $((SECONDS - begin)) -le 8 ]
    "$TSA" clock acknowledge -c lab/tsa.conf --reason 'it dies' > answer 2>&1 3>&- &
    pid=$!
    sleep 0.3
    kill -KILL "$issuer"
    refute wait "$pid"
    cat answer
    # It asks how things stand first: by the time that is known, the next one may be there to judge.
    grep -E 'the signing process (ended before it answered|does not answer)|not ahead of the clock' answer
}
