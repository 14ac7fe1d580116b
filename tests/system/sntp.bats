#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# Several time servers prove the time, asked by SNTP (tests/tools/fake_sntp.py): real processes, the release jail where this is a release
# build. One that lies changes nothing but its line; servers that disagree stop the authority, and so do servers that are gone; beside
# chronyd they have the right to object.

load lab
load ask_clock

setup_file() {
    export SERVERS="$BATS_FILE_TMPDIR/servers.json" SERVERS_PID
    all_right
    python3 -B "$TSA_SOURCE/tests/tools/fake_sntp.py" "$SERVERS" "$BATS_FILE_TMPDIR/ready" > "$BATS_FILE_TMPDIR/questions" 2> "$BATS_FILE_TMPDIR/fake.log" 3>&- &
    SERVERS_PID=$!
    await_file "$BATS_FILE_TMPDIR/ready"
    lab_start
    lab_stop
    cp "$LAB/tsa.conf" "$BATS_FILE_TMPDIR/plain.conf"
    clock_is "source = \"sntp\"; poll = \"1 s\"; $(servers_list)"
    lab_start
}
teardown_file() {
    lab_stop
    kill "$SERVERS_PID"
}

setup() {
    cd "$BATS_TEST_TMPDIR" || return 1
    all_right
    openssl ts -query -data "$LAB/root.pem" -sha256 -cert -out q.tsq 2> /dev/null
}

teardown() {
    [ -z "${FAKE_PID:-}" ] || kill "$FAKE_PID"
    [ -z "${OWN:-}" ] || lab_stop
}

# own_lab [SETTINGS]: for the test alone, with these settings of the clock.
own_lab() {
    cp -r "$LAB" lab
    rm -rf lab/run
    LAB=$PWD/lab
    [ $# -eq 0 ] || clock_is "$1"
    OWN=1
    lab_start
}

await_file() {
    local tries=200
    until [ -s "$1" ]; do
        [ $((tries -= 1)) -gt 0 ] || { echo "nothing in $1"; return 1; }
        sleep 0.05
    done
}

# four MEMBERS MEMBERS MEMBERS MEMBERS: what the four servers say from now on; "" = the truth.
four() {
    local i=11 members list=""
    for members in "$@"; do
        list+="${list:+, }{\"address\": \"127.0.0.$i\"${members:+, $members}}"
        i=$((i + 1))
    done
    echo "{\"servers\": [$list]}" > "$SERVERS.new"
    mv "$SERVERS.new" "$SERVERS"
}
all_right() { four "" "" "" ""; }

# servers_list [FILE]: the setting, of what a fake_sntp.py has written there
servers_list() { sed 's/.*/{ address = "&"; },/; 1s/^/servers = ( /; $s/,$/ );/' "${1:-$BATS_FILE_TMPDIR/ready}" | tr '\n' ' '; }

# clock_is SETTINGS: of an authority that tells its accuracy and a fraction of the second.
clock_is() {
    sed "s/^clock = .*/clock = { $1 };/; s/^\( *\)name = \"lab\";/&\n\1accuracy = \"1 s\";\n\1time_digits = 3;/" "$BATS_FILE_TMPDIR/plain.conf" > "$LAB/tsa.conf"
    grep -q '^clock = { source = "[cs][hn]' "$LAB/tsa.conf"
}

@test "four servers that agree prove the time, within seconds of the start" {
    await_clock '.state == "sync"' 5
    await_clock '.reference == "sntp 4 of 4 servers"'
    status | jq .clock
    status | jq -e '.clock | .proven and .proof == "proven" and .bound_ns > 0 and .bound_ns < 500000000 and .age_ns < 5000000000 and .stratum == 2'
    status | jq -e '.clock.servers | length == 4 and all(.[]; .state == "good" and .stratum == 2)'
    status | jq -r '.clock.servers[].address' | cmp - "$BATS_FILE_TMPDIR/ready"
    granted
    grep -F 'Accuracy: 0x01 seconds' text
    openssl ts -verify -data "$LAB/root.pem" -in r.tsr -CAfile "$LAB/root.pem"
    # They are asked once a poll, not more: four quick ones each at the start, and one a second.
    before=$(grep -c answered "$BATS_FILE_TMPDIR/questions")
    sleep 3
    after=$(grep -c answered "$BATS_FILE_TMPDIR/questions")
    [ $((after - before)) -ge 4 ] && [ $((after - before)) -le 24 ]
}

@test "one of four lies by an hour: nothing changes but its line" {
    await_clock '.reference == "sntp 4 of 4 servers" and .state == "sync"'
    changes=$(status | jq .clock.changes)
    four "" '"offset": 3600' "" ""
    await_clock '.reference == "sntp 3 of 4 servers"'
    await_clock '.servers | map(.state) == ["good", "false", "good", "good"]'
    status | jq -e '.clock | .state == "sync" and .bound_ns < 500000000'
    status | jq -e '.clock.servers[1].offset_ns | . > 3599000000000 and . < 3601000000000'
    "$TSA" clock status -c "$LAB/tsa.conf" > lines
    cat lines
    grep -E '127\.0\.0\.12:[0-9]+.*false' lines
    granted
    grep -F 'is not of the majority: +60 min from' "$LAB.log/err"
    [ "$(status | jq .clock.changes)" -eq "$changes" ]
}

# Each in another way, and as many servers as one can name.
@test "seven of sixteen are wrong: the nine others prove the time" {
    local i=20 members list=""
    for members in '"offset": -0.5' '"leap": 3' '"root_dispersion": 3' '"drop": true' '"origin": false' '"port_shift": 1' '"length": 40' \
        '' '' '' '' '' '' '' '' ''; do
        list+="${list:+, }{\"address\": \"127.0.0.$i\"${members:+, $members}}"
        i=$((i + 1))
    done
    echo "{\"servers\": [$list]}" > many.json
    python3 -B "$TSA_SOURCE/tests/tools/fake_sntp.py" many.json many.ready > many.questions 2>&1 3>&- &
    FAKE_PID=$!
    await_file many.ready
    own_lab "source = \"sntp\"; poll = \"1 s\"; $(servers_list many.ready)"
    await_clock '.state == "sync" and .reference == "sntp 9 of 16 servers"'
    await_clock '.servers | map(.state) | .[:7] == ["false", "unfit", "unfit", "silent", "silent", "silent", "silent"] and all(.[7:][]; . == "good")'
    granted
}

@test "three that disagree stop it at once, with the gap in words; it goes on when they agree" {
    await_clock '.state == "sync"'
    four "" '"offset": 20' '"offset": -30' '"offset": 300'
    await_clock '.state == "stop" and .reason == "clock-disagrees"'
    refused "the time servers do not agree with each other or the clock"
    grep -E 'by (19\.9|20|49\.9|50|29\.9|30)[0-9.]* s' text
    [ "$(curl -sS -o answer -w '%{http_code}' "${URL}readyz")" = 503 ]
    all_right
    await_clock '.state == "sync"'
    granted
}

@test "two camps are no majority" {
    await_clock '.state == "sync"'
    four "" "" '"offset": 2' '"offset": 2'
    await_clock '.state == "stop" and .reason == "clock-disagrees"'
    refused "do not agree"
}

@test "this machine's clock is what is wrong: the majority says by how much" {
    await_clock '.state == "sync"'
    four '"offset": 1.5' '"offset": 1.5' '"offset": 1.5' '"offset": 1.5'
    await_clock '.state == "stop" and .reason == "clock-bound"'
    refused "it may be wrong by 1.5"
}

@test "lost servers: it lasts for four polls, then it stops; a few that come back are too few" {
    await_clock '.state == "sync"'
    granted
    four '"drop": true' '"drop": true' '"drop": true' '"drop": true'
    await_clock '.state == "stop" and .reason == "clock-unreachable"'
    refused "does not answer"
    four "" "" '"drop": true' '"drop": true'
    await_clock '.servers | map(.state) == ["good", "good", "silent", "silent"]'
    status | jq -e '.clock.state == "stop"'
    four "" "" "" '"drop": true'
    await_clock '.state == "sync" and .reference == "sntp 3 of 4 servers"'
    granted
}

@test "the leap second that a majority announces" {
    four '"leap": 1' "" "" ""
    await_clock '.state == "sync" and .leap == "none"'
    four '"leap": 1' '"leap": 1' '"leap": 1' ""
    await_clock '.leap == "insert"'
}

@test "a server that does not want to be asked is left alone" {
    local before
    await_clock '.state == "sync"'
    four "" "" "" '"kiss": "DENY"'
    await_clock '.servers[3].state == "unfit"'
    before=$(grep -c '^3 ' "$BATS_FILE_TMPDIR/questions")
    all_right
    sleep 3
    [ "$(grep -c '^3 ' "$BATS_FILE_TMPDIR/questions")" -eq "$before" ]
    grep -F 'KISS DENY' "$LAB.log/err"
    granted
}

@test "too few at the start: no token, and a sentence" {
    four '"drop": true' '"drop": true' "" ""
    own_lab
    await_clock '.state == "stop" and .reason == "clock-unreachable"'
    refused "does not answer"
    all_right
    await_clock '.state == "sync"'
    granted
}

@test "beside chronyd: a majority that contradicts it stops the authority" {
    echo '{"poll": 1}' > chrony.json
    python3 -B "$TSA_SOURCE/tests/tools/fake_chronyd.py" chrony.json > port 2> chrony.log 3>&- &
    FAKE_PID=$!
    await_file port
    own_lab "source = \"chrony\"; chrony = \"127.0.0.1:$(cat port)\"; poll = \"1 s\"; max_age = \"6 s\"; $(servers_list)"
    await_clock '.state == "sync" and (.reference | startswith("chrony"))'
    await_clock '.servers | length == 4 and all(.[]; .state == "good")'
    granted
    four "" '"offset": 3600' "" "" # one alone has no say
    await_clock '.servers[1].state == "false"'
    status | jq -e '.clock.state == "sync"'
    granted
    four '"offset": 0.4' '"offset": 0.4' '"offset": 0.4' "" # chronyd says that it is right within a millisecond
    await_clock '.state == "stop" and .reason == "clock-disagrees"'
    refused "do not agree"
    all_right
    await_clock '.state == "sync"'
    granted
    four '"drop": true' '"drop": true' "" "" # an opinion that can not be had is missed, and soon too much
    await_clock '.state == "warn" and .reason == "clock-unconfirmed"'
    granted
    await_clock '.state == "stop" and .reason == "clock-unconfirmed"' 30
    refused "too few of the time servers that confirm the clock answer"
}

@test "smeared servers and others are not mixed: refused with the line" {
    local line
    cp -r "$LAB" mixed
    sed 's/^clock = .*/clock = {\n    source = "sntp";\n    servers = ( { address = "192.0.2.1"; }, { address = "192.0.2.2"; smeared = true; }, { address = "192.0.2.3"; } );\n};/' "$BATS_FILE_TMPDIR/plain.conf" > mixed/tsa.conf
    line=$(grep -n 'servers = ' mixed/tsa.conf | cut -d: -f1)
    run "$TSA" check -c mixed/tsa.conf
    echo "$output"
    [ "$status" -eq 78 ]
    [[ $output == *"tsa.conf:$line:"*"servers that smear leap seconds and servers that do not are mixed"* ]]
    sed -i 's/address = "192.0.2.2"; smeared = true;/address = "time.google.com";/' mixed/tsa.conf
    run "$TSA" check -c mixed/tsa.conf
    echo "$output"
    [ "$status" -eq 78 ]
    [[ $output == *"tsa.conf:$line:"*"known to smear leap seconds"* ]]
}
