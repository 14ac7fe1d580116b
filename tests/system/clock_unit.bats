#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# The clock watched by a service of its own: `tsa clock run` writes clock.file, an authority reads it. It is killed, started again, told what it can not do; the
# configuration for chronyd that goes with it, and the unit for systemd.

load lab

setup_file() {
    export SAYS="$BATS_FILE_TMPDIR/says.json" FAKE_PID PORT
    echo '{"poll": 1}' > "$SAYS"
    python3 -B "$TSA_SOURCE/tests/tools/fake_chronyd.py" "$SAYS" > "$BATS_FILE_TMPDIR/port" 2> "$BATS_FILE_TMPDIR/fake.log" 3>&- &
    FAKE_PID=$!
    lab_start
    lab_stop
    for _ in $(seq 200); do [ -s "$BATS_FILE_TMPDIR/port" ] && break; sleep 0.05; done
    PORT=$(cat "$BATS_FILE_TMPDIR/port")
    [ -n "$PORT" ]
}

teardown_file() { kill "$FAKE_PID"; }

setup() {
    cd "$BATS_TEST_TMPDIR" || return 1
    cp -R "$LAB"/. .
    rm -rf run ledger
    sed -i "s/127.0.0.1:3161/127.0.0.1:0/
        s/^clock = .*/clock = { source = \"chrony\"; chrony = \"127.0.0.1:$PORT\"; file = \"clock\"; };/
        s/^\( *\)name = \"lab\";/&\n\1accuracy = \"1 s\";\n\1time_digits = 3;/" tsa.conf
    grep -F 'file = "clock"' tsa.conf
    head -c 100 /dev/urandom > data
    openssl ts -query -data data -sha256 -out data.tsq 2> /dev/null
    CLOCK_PID='' OWN_PID=''
}

teardown() {
    for pid in $OWN_PID $CLOCK_PID; do kill -KILL "$pid" 2> /dev/null || true; done
}

clock_start() {
    "$TSA" clock run -c tsa.conf 2>> clock.err 3>&- &
    CLOCK_PID=$!
}

# clock_end SIGNAL: and its exit code in CODE
clock_end() {
    kill "-$1" "$CLOCK_PID"
    lab_await_end "$CLOCK_PID"
    CODE=0
    wait "$CLOCK_PID" || CODE=$?
    CLOCK_PID=''
}

own_start() {
    "$TSA" run -c tsa.conf 2>> err 3>&- &
    OWN_PID=$!
    local tries=400
    until grep -q 'ready on' err; do
        [ $((tries -= 1)) -gt 0 ] && kill -0 "$OWN_PID" || { cat err clock.err; return 1; }
        sleep 0.05
    done
    URL="http://$("$TSA" status -c tsa.conf --json | jq -r '.listen[0]')/"
}

# await SECONDS COMMAND...: until it succeeds
await() {
    local end=$((SECONDS + $1 + 1))
    shift
    until "$@"; do
        [ "$SECONDS" -lt "$end" ] || { echo "not so: $*"; cat err clock.err 2> /dev/null; return 1; }
        sleep 0.05
    done
}

ask() { curl -sS -m 10 --fail -H 'Content-Type: application/timestamp-query' --data-binary @data.tsq -o data.tsr "$URL"; }
reply() { openssl ts -reply -in data.tsr -text 2> /dev/null; }
is_granted() { ask && [[ "$(reply)" == *"Status: Granted"* ]]; }
is_refused() { ask && [[ "$(reply)" == *"Status: Rejected"*"Failure info: the TSA's time source is not available"* ]]; }
is_jailed() { grep -q '^Seccomp:[[:space:]]*2' "/proc/$CLOCK_PID/status"; }

@test "killed, it stops the authority within five seconds; started again, it brings it back" {
    local stopped file
    clock_start
    await 10 test -s clock
    own_start
    await 10 is_granted
    file=$(stat -c '%i %a' clock)
    [ "${file#* }" = 644 ]
    # No part of the authority watches the clock beside it.
    [ "$("$TSA" status -c tsa.conf --json | jq -r '[.roles[].role] | sort | join(" ")')" = "front issuer" ]
    "$TSA" clock status -c tsa.conf > now
    grep -q '^clock    sync, proven (chrony 192.0.2.1), wrong by at most ' now
    grep -q '^file     clock, written by a clock service$' now
    clock_end KILL
    stopped=$SECONDS
    await 8 is_refused
    [ $((SECONDS - stopped)) -le 6 ]
    [[ "$(reply)" == *"the process that watches the clock has stopped reporting"* ]]
    run "$TSA" clock status -c tsa.conf
    [ "$status" -eq 1 ]
    [[ "$output" == "clock    stop ("*"has stopped reporting"* ]]
    [[ "$output" == *"see the service that writes clock (systemctl status tsa-clock)"* ]]
    clock_start
    await 15 is_granted
    # It is the same file still, or the authority would not see what comes.
    [ "$(stat -c '%i %a' clock)" = "$file" ]
    "$TSA" clock status -c tsa.conf
    kill "$OWN_PID"
    wait "$OWN_PID"
    OWN_PID=
    clock_end TERM
    refute grep -E 'AddressSanitizer|runtime error:' err clock.err
}

@test "cut by whoever may write it, it is no record, and ends nobody but its writer" {
    clock_start
    await 10 test -s clock
    own_start
    await 10 is_granted
    : > clock
    await 10 is_refused
    run "$TSA" clock status -c tsa.conf
    [ "$status" -eq 1 ]
    kill -0 "$OWN_PID"
    wait "$CLOCK_PID" || true
    clock_start
    await 15 is_granted
    kill "$OWN_PID"
    wait "$OWN_PID"
    OWN_PID=
    refute grep -E 'died|AddressSanitizer|runtime error:' err
    clock_end TERM
}

@test "an authority without it does not start, and says what to start first" {
    run timeout 20 "$TSA" run -c tsa.conf
    [ "$status" -eq 78 ]
    [[ "$output" == *"clock.file: "*"start the clock service"*"first"* ]]
    echo nonsense > clock
    run timeout 20 "$TSA" run -c tsa.conf
    [ "$status" -eq 78 ]
    [[ "$output" == *"clock.file: "*"is not a clock file that is in use"* ]]
}

@test "two of them do not write one file" {
    clock_start
    await 10 test -s clock
    run timeout 20 "$TSA" clock run -c tsa.conf
    [ "$status" -eq 1 ]
    [[ "$output" == *"clock.file: clock is written by another"* ]]
    clock_end TERM
    clock_start
    await 10 is_jailed
    grep 'level=notice.*watching system, writing clock' clock.err || grep -E 'level=notice.*watching chrony at 127.0.0.1:[0-9]+, writing clock' clock.err || { cat clock.err; false; }
    # Ctrl-C ends it too. (A shell lets what it starts in the background ignore that; the clock role takes it again.)
    clock_end INT
    [ "$CODE" -eq 130 ]
}

@test "what it can not work with is told: 78, with the place" {
    sed -i 's/ file = "clock";//' tsa.conf
    run "$TSA" clock run -c tsa.conf
    [ "$status" -eq 78 ]
    [[ "$output" == *"clock.file is not set"* ]]
    sed -i 's/^clock = {/& file = "none\/clock";/' tsa.conf
    run "$TSA" clock run -c tsa.conf
    [ "$status" -eq 78 ]
    [[ "$output" == *"clock.file: can not make none/clock: its folder is not there: make it"*"RuntimeDirectory=tsa-clock"* ]]
    mkdir none
    ln -s ../data none/clock
    run "$TSA" clock run -c tsa.conf
    [ "$status" -eq 78 ]
    [[ "$output" == *"can not open none/clock"* ]]
    rm none/clock
    mkfifo none/clock
    run timeout 10 "$TSA" clock run -c tsa.conf
    [ "$status" -eq 78 ]
    [[ "$output" == *"none/clock"*"no clock file"* ]]
    # What is something else already stays as it is, and who may read it.
    rm none/clock
    cp tsa.key none/clock
    chmod 600 none/clock
    run "$TSA" clock run -c tsa.conf
    [ "$status" -eq 78 ]
    [[ "$output" == *"none/clock is no clock file, and is left as it is"* ]]
    cmp tsa.key none/clock
    [ "$(stat -c %a none/clock)" = 600 ]
    sed -i 's/^clock = {/& sorce = 1;/' tsa.conf
    run "$TSA" clock run -c tsa.conf
    [ "$status" -eq 78 ]
    [[ "$output" == *"tsa.conf:"*"did you mean \`source'"* ]]
    run "$TSA" clock run
    [ "$status" -eq 64 ]
    # Names that nobody knows now may be known in a minute: that is no fault of the configuration.
    rm none/clock
    sed -i 's/ sorce = 1;//; s/^clock = {/& servers = ( { address = "127.0.0.1:9"; }, { address = "a.invalid"; }, { address = "b.invalid"; } );/' tsa.conf
    run timeout 20 "$TSA" clock run -c tsa.conf
    [ "$status" -eq 1 ]
    [[ "$output" == *"b.invalid can not be resolved"*"the addresses of 1 of 3 are known"* ]]
}

@test "a record of a former boot is erased before it is read" {
    local before
    clock_start
    await 10 test -s clock
    await 10 grep -q 'clock: sync' clock.err
    clock_end TERM
    # Behind the page stands which boot it is of.
    [ "$(dd if=clock bs=1 skip=4096 count=36 2> /dev/null)" = "$(cat /proc/sys/kernel/random/boot_id)" ]
    before=$(od -An -tx8 -N 8 clock)
    [ "$before" != " 0000000000000000" ]
    # One that ends before it writes a record of its own: names are resolved after the file was opened.
    printf 'another boot' | dd of=clock bs=1 seek=4096 conv=notrunc 2> /dev/null
    sed -i 's/^clock = {/& servers = ( { address = "127.0.0.1:9"; }, { address = "a.invalid"; }, { address = "b.invalid"; } );/' tsa.conf
    run timeout 20 "$TSA" clock run -c tsa.conf
    [ "$status" -eq 1 ]
    [ "$(od -An -tx8 -N 8 clock)" = " 0000000000000000" ]
    [ "$(dd if=clock bs=1 skip=4096 count=36 2> /dev/null)" = "$(cat /proc/sys/kernel/random/boot_id)" ]
}

@test "started as root it gives that up, and its jail is closed" {
    clock_start
    await 10 is_jailed
    grep -q '^NoNewPrivs:[[:space:]]*1' "/proc/$CLOCK_PID/status"
    [ "$(tr '\0' ' ' < "/proc/$CLOCK_PID/cmdline" | cut -d' ' -f1,2)" = "tsa @clock" ]
    [ "$(readlink "/proc/$CLOCK_PID/cwd")" = / ]
    if [ "$(id -u)" -eq 0 ]; then
        [ "$(awk '$1 == "Uid:" { print $2, $3 }' "/proc/$CLOCK_PID/status")" = "60933 60933" ]
    fi
    clock_end TERM
}

@test "a service manager is told when the file is there" {
    command -v socat > /dev/null || skip "socat is not installed (conf/install-deps test)"
    local receiver
    : > notices
    socat -u "UNIX-RECV:$PWD/notify" "OPEN:$PWD/notices,append" 3>&- &
    receiver=$!
    await 10 test -S notify
    NOTIFY_SOCKET=$PWD/notify "$TSA" clock run -c tsa.conf 2>> clock.err 3>&- &
    CLOCK_PID=$!
    await 10 grep -q '^READY=1' notices
    [ -f clock ]
    clock_end TERM
    # Also where no name can be resolved yet: the authority comes up after it, and would not without the file.
    rm clock
    : > notices
    sed -i 's/^clock = {/& servers = ( { address = "127.0.0.1:9"; }, { address = "a.invalid"; }, { address = "b.invalid"; } );/' tsa.conf
    NOTIFY_SOCKET=$PWD/notify run timeout 20 "$TSA" clock run -c tsa.conf
    [ "$status" -eq 1 ]
    await 10 grep -q '^READY=1' notices
    kill "$receiver"
    clock_conf=$(sed 's/ servers = ([^)]*);//' tsa.conf)
    echo "$clock_conf" > tsa.conf
    own_start
    is_refused
    clock_start
    await 15 is_granted
}

@test "a real chronyd takes conf/chrony.conf as it stands" {
    local chronyd="$TSA_INPUTS/chrony/chronyd"
    [ -x "$chronyd" ] || skip "chrony is not unpacked (conf/install-deps fetch chrony)"
    "$chronyd" -p -f "$TSA_SOURCE/conf/chrony.conf" > taken 2> said || { cat said; false; }
    [ ! -s said ]
    # Each line of it was read, and nothing but those.
    grep -v -e '^#' -e '^$' "$TSA_SOURCE/conf/chrony.conf" | sort > written
    sort taken | diff - written
    # What the template promises stands in it.
    for line in 'authselectmode require' 'minsources 3' 'maxdistance 0.25' 'maxslewrate 500' rtcsync 'leapsectz right/UTC' 'port 0'; do
        grep -qx "$line" taken
    done
    [ "$(grep -c '^server ' taken)" -ge 4 ]
    refute grep -E '^(local|allow|cmdallow|manual|pool)' taken
    # Nobody's servers are loaded by who forgets to change it: the names are examples (RFC 2606).
    refute grep '^server ' <(grep -v -E '^server ([a-z0-9]+\.)*example\.(org|com|net) ' taken)
    # A line that it does not know is an error: so silence means something.
    echo 'minsorces 3' > wrong.conf
    run "$chronyd" -p -f wrong.conf
    [ "$status" -ne 0 ]
}

@test "the unit: exposed little, and able to read the clock" {
    command -v systemd-analyze > /dev/null || skip "no systemd here"
    run systemd-analyze security --offline=true --threshold=25 "$TSA_SOURCE/systemd/tsa-clock.service"
    [ "$status" -eq 0 ] || { echo "$output"; false; }
    grep -qx 'ProtectClock=no' "$TSA_SOURCE/systemd/tsa-clock.service"
    grep -qx 'RuntimeDirectoryPreserve=yes' "$TSA_SOURCE/systemd/tsa-clock.service"
}
