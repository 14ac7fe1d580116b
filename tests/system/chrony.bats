#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# A real chronyd proves the time, or does not: one that follows a server, one that follows nothing but itself, one without any reference, one whose server
# is gone, one that hangs and one that is killed. Two chronyd of this test, on ports of its own, which leave the machine's clock alone (-x).

load lab
load ask_clock
load skip

setup_file() {
    export CHRONYD="$TSA_INPUTS/chrony/chronyd" CHRONYC="$TSA_INPUTS/chrony/chronyc" DIR="$BATS_FILE_TMPDIR"
    [ -x "$CHRONYD" ] && [ -x "$CHRONYC" ] || { skip_file "no chronyd (conf/install-deps fetch chrony)"; return; }
    local ports
    ports=$(python3 -B "$BATS_TEST_DIRNAME/chrony.py" ports 3)
    read -r SERVER_PORT SERVER_COMMANDS COMMANDS <<< "$ports"
    export SERVER_PORT SERVER_COMMANDS COMMANDS
    start_server
    start_client "$FOLLOWS"
    lab_start
    lab_stop
    sed -i "s/^clock = .*/clock = { source = \"chrony\"; chrony = \"127.0.0.1:$COMMANDS\"; max_age = \"6 s\"; };/
        s/^\( *\)name = \"lab\";/&\n\1accuracy = \"1 s\";\n\1time_digits = 3;/" "$LAB/tsa.conf"
    grep -F 'source = "chrony"' "$LAB/tsa.conf"
    : > "$LAB.log/err"
    lab_start
}
teardown_file() {
    [ -z "${SKIP_REASON:-}" ] || return 0
    lab_stop
    end client
    end server
}

setup() {
    skip_if_told
    cd "$BATS_TEST_TMPDIR" || return 1
    openssl ts -query -data "$LAB/root.pem" -sha256 -cert -out q.tsq 2> /dev/null
}

FOLLOWS='server 127.0.0.1 port $SERVER_PORT iburst minpoll -4 maxpoll 0'

# start_chronyd NAME: with the configuration from standard input
start_chronyd() {
    cat - > "$DIR/$1.conf"
    "$CHRONYD" -d -x -U -u "$(id -un)" -f "$DIR/$1.conf" >> "$DIR/$1.log" 2>&1 3>&- &
    echo $! > "$DIR/$1.pid"
}
start_server() {
    start_chronyd server << EOT
port $SERVER_PORT
bindaddress 127.0.0.1
local stratum 8
allow 127.0.0.0/8
cmdport $SERVER_COMMANDS
bindcmdaddress 127.0.0.1
bindcmdaddress /
pidfile $DIR/server.chronyd
EOT
}
# start_client LINE: the one that the authority asks, and where it has the time from
start_client() {
    start_chronyd client << EOT
$(eval "echo \"$1\"")
port 0
cmdport $COMMANDS
bindcmdaddress 127.0.0.1
bindcmdaddress /
pidfile $DIR/client.chronyd
EOT
}
# end NAME [SIGNAL]: and wait for it
end() {
    local pid
    pid=$(cat "$DIR/$1.pid")
    kill -CONT "$pid" 2> /dev/null || true
    kill "${2:--TERM}" "$pid" 2> /dev/null || true
    lab_await_end "$pid"
    rm -f "$DIR/$1.chronyd"
}
client_is() { end client -KILL && start_client "$1"; }

chronyc() { "$CHRONYC" -n -h 127.0.0.1 -p "$COMMANDS" "$@"; }
# last_token_after MILLISECOND: asks for six seconds, and prints how long after that moment the last token came.
last_token_after() {
    local now last=0
    while now=$(date +%s%3N) && [ "$now" -lt $(($1 + 6000)) ]; do
        if granted > /dev/null; then
            last=$(($(date +%s%3N) - $1))
        fi
        sleep 0.05
    done
    echo "$last"
}

@test "a chronyd that follows a server: in sync, with the bound that it tells, in each token's record" {
    await_clock '.state == "sync"'
    granted
    grep -F 'Accuracy: 0x01 seconds' text
    openssl ts -verify -data "$LAB/root.pem" -in r.tsr -CAfile "$LAB/root.pem"
    chronyc tracking > tracking
    status | jq .clock > clock
    cat tracking clock
    grep -E '^Stratum *: 9$' tracking
    jq -e '.proven and .reference == "chrony 127.0.0.1" and .stratum == 9 and .bound_ns > 0 and .bound_ns < 100000000' clock
    # Both tell the same measurement: its age, within what lies between the two questions.
    jq -e '.age_ns >= 0 and .age_ns < 6000000000' clock
    "$TSA_TOOLS/ledger_dump" "$LAB/ledger" | jq -e -s 'map(select(.genTime))[-1] | .proof == "proven" and .reference == "chrony 127.0.0.1" and .bound > 0 and .bound < 100000000' > found
    grep -F 'clock: sync, wrong by' "$LAB.log/err"
}

@test "the fake chronyd of the other tests answers what this one answers" {
    echo '{}' > says.json
    python3 -B "$TSA_SOURCE/tests/tools/fake_chronyd.py" says.json > port 2> fake.log 3>&- &
    local fake=$! tries=100 same=0
    until [ -s port ]; do
        [ $((tries -= 1)) -gt 0 ] || { cat fake.log; false; }
        sleep 0.05
    done
    python3 -B "$BATS_TEST_DIRNAME/chrony.py" compare "$COMMANDS" "$(cat port)" || same=1
    "$CHRONYC" -n -h 127.0.0.1 -p "$(cat port)" tracking > tracking || same=1
    kill "$fake"
    cat tracking
    grep -E '^Reference ID *: C0000201 \(192.0.2.1\)$' tracking
    [ "$same" -eq 0 ]
}

@test "one that follows nothing but itself proves nothing" {
    local line words
    for line in 'local stratum 10' 'local stratum 10 orphan'; do
        client_is "$line"
        await_clock '.state == "stop" and .reason == "clock-local" and .reference == "chrony 127.127.1.1"'
        refused "the clock's source follows nothing but itself"
    done
}

@test "one without any reference proves nothing, and in sync again after three good records" {
    client_is '#'
    await_clock '.reason == "clock-unsynchronised"'
    refused 'the clock is not synchronised'
    client_is "$FOLLOWS"
    await_clock '.state == "sync"'
    granted
}

@test "its server is gone: good until the last measurement is too old" {
    await_clock '.state == "sync"'
    end server
    await_clock '.state == "warn" and .reason == "clock-old"'
    granted
    await_clock '.state == "stop" and .reason == "clock-old"'
    refused 'the clock was not compared with its reference for too long'
    start_server
    await_clock '.state == "sync"'
    granted
}

@test "killed: no token after five seconds, and in sync again when it is back" {
    local killed last
    await_clock '.state == "sync"'
    killed=$(date +%s%3N)
    end client -KILL
    last=$(last_token_after "$killed")
    echo "the last token came after $last ms"
    [ "$last" -lt 5000 ]
    await_clock '.state == "stop" and .reason == "clock-unreachable"'
    refused "the clock's source does not answer"
    start_client "$FOLLOWS"
    await_clock '.state == "sync"'
    granted
}

@test "one that hangs is as good as none" {
    local stopped last
    await_clock '.state == "sync"'
    stopped=$(date +%s%3N)
    kill -STOP "$(cat "$DIR/client.pid")"
    last=$(last_token_after "$stopped")
    echo "the last token came after $last ms"
    [ "$last" -lt 5000 ]
    refused "the clock's source does not answer"
    kill -CONT "$(cat "$DIR/client.pid")"
    await_clock '.state == "sync"'
    granted
}
