#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# kill -9 of each role while clients stamp: soon back; every request is answered or its connection ends, none waits for ever; and
# every token that a client holds stands in the record, once. TSA_LONG=1 kills more often.

load lab

# Keys are made once; each test has a copy.
setup_file() { lab_start && lab_stop; }
setup() {
    cd "$BATS_TEST_TMPDIR" || return 1
    LAB=$BATS_TEST_TMPDIR/lab
    cp -R "$BATS_FILE_TMPDIR/lab" "$LAB"
    lab_start
    head -c 100 /dev/urandom > data
    openssl ts -query -data data -sha256 -out data.tsq 2> /dev/null
    mkdir replies
    CLIENTS=
}
teardown() {
    for pid in $CLIENTS; do kill "$pid" 2> /dev/null || true; done
    lab_stop
}

# clients NUM: that many clients stamp one after the other until `stop` is there; each writes "code exit seconds" per request to clients.log
clients() {
    local i
    rm -f stop
    : > clients.log
    for i in $(seq "$1"); do
        client "$i" 3>&- &
        CLIENTS="$CLIENTS $!"
    done
}
client() {
    local round=0
    while [ ! -e stop ]; do
        round=$((round + 1))
        # 50 requests on one connection; what fails does not end the others.
        curl -sS -m 10 -H 'Content-Type: application/timestamp-query' --data-binary @data.tsq \
            -o "replies/$1-$round-#1.tsr" -w '%{http_code} %{exitcode} %{time_total} %{content_type}\n' "${URL}?[1-50]" \
            >> clients.log 2>> clients.err || true
    done
}
clients_end() {
    local pid
    : > stop
    for pid in $CLIENTS; do wait "$pid" || true; done
    CLIENTS=
}

# await_back ROLE PID: the log tells that this process of that role died and that another one works. BACK_MS is the time between, by the log.
await_back() {
    local tries=300 times
    until times=$(awk -v role="$1" -v pid="$2" '
        index($0, "the " role " (process " pid ") died") { died = substr($1, 6) }
        died && index($0, "the " role " is back") { print died, substr($1, 6); found = 1; exit }
        END { exit !found }' "$LAB.log/err"); do
        [ $((tries -= 1)) -gt 0 ] || { echo "no new $1"; cat "$LAB.log/err"; return 1; }
        sleep 0.05
    done
    BACK_MS=$(($(date -d "${times#* }" +%s%3N) - $(date -d "${times% *}" +%s%3N)))
    echo "$1 is back after $BACK_MS ms"
}

# await_soon ROLE PID: within three seconds; within one where the machine is known to be idle enough for the long form.
await_soon() {
    await_back "$1" "$2"
    [ "$BACK_MS" -lt 3000 ]
    [ -z "${TSA_LONG-}" ] || [ -n "${TSA_SANITIZED-}" ] || [ "$BACK_MS" -lt 1000 ]
}

# Every line of the log is an answer, or a connection that ended: 52 nothing came, 55 56 it was reset, 18 it broke off in the middle.
check_log() {
    local num
    num=$(wc -l < clients.log)
    echo "$num requests: $(awk '{ print $1, $2 }' clients.log | sort | uniq -c | sort -rn | tr -s '\n ' '; ')"
    [ "$num" -ge 100 ]
    awk '!(($1 == 200 && $2 == 0) || ($1 == 503 && $2 == 0) || $2 == 52 || $2 == 55 || $2 == 56 || $2 == 18) { print; bad = 1 } END { exit bad }' clients.log
    # Silence would be 10 s and exit code 28.
    awk '$3 > 5 { print "slow:", $0; bad = 1 } END { exit bad }' clients.log
}

# Every granted token of a client has its record, and no serial number stands there twice.
check_record() {
    # A TimeStampResp begins with the character 0; what HTTP refuses is a line of text.
    find replies -name '*.tsr' -size +0 -print0 | xargs -0 grep -lZa '^0' | xargs -0 "$TSA_TOOLS/tsr_list" > list || { grep malformed list; return 1; }
    sed -n 's/^granted //p' list | sort > held
    "$TSA_TOOLS/ledger_dump" "$LAB/ledger" | jq -r '.serial // empty' | sort > recorded
    echo "$(wc -l < held) tokens held, $(wc -l < recorded) recorded, refusals: $(grep -c '^refused' list || true)"
    [ "$(wc -l < held)" -ge 50 ]
    [ -z "$(uniq -d recorded)" ]
    [ -z "$(uniq -d held)" ]
    [ -z "$(comm -23 held recorded)" ]
}

# kill_often ROLE TIMES
kill_often() {
    local pid i
    for i in $(seq "$2"); do
        sleep "0.$((RANDOM % 5 + 2))"
        pid=$(lab_pid "$1")
        kill -KILL "$pid"
        await_soon "$1" "$pid"
    done
}

times=$([ -n "${TSA_LONG-}" ] && echo 8 || echo 3)

@test "front killed under load" {
    clients 3
    kill_often front "$times"
    sleep 0.5
    clients_end
    check_log
    check_record
    grep -q 'the front (process [0-9]*) died: killed by SIGKILL' "$LAB.log/err"
}

# check_refusals MOST: no connection was lost, at most so many requests were refused, and each of them was told why
check_refusals() {
    local num
    awk '!(($1 == 200 || $1 == 503) && $2 == 0) { print; bad = 1 } END { exit bad }' clients.log
    num=$(awk '$1 == 503' clients.log | wc -l)
    find replies -name '*.tsr' -size +0 -print0 | xargs -0 grep -LZa '^0' | xargs -0r cat > told
    echo "$num refused: $(sort told | uniq -c | sort -rn)"
    [ "$num" -le "$1" ]
    [ "$(grep -c '^refused' list)" -eq 0 ]
    [ "$(wc -l < told)" -eq "$num" ]
    refute grep -vE 'signing process|too many requests are waiting' told
}

@test "issuer killed under load: its successor answers" {
    clients 3
    kill_often issuer "$times"
    sleep 0.5
    clients_end
    check_log
    check_record
    # What was under way is sent once more, so that nobody is refused but for one whose request met two of them.
    check_refusals 5
    [ "$("$TSA" status -c "$LAB/tsa.conf" --json | jq '.roles[] | select(.role == "front") | .starts')" -eq 1 ]
}

# ask NAME: one request; "code seconds" in NAME.log, the answer in NAME.tsr
ask() {
    curl -sS -m 20 -H 'Content-Type: application/timestamp-query' --data-binary @data.tsq -o "$1.tsr" \
        -w '%{http_code} %{time_total}\n' "$URL" > "$1.log"
}
# asked NAME CODE FROM TO: it was answered so, after a time between these
asked() {
    awk -v code="$2" -v from="$3" -v to="$4" '{ print; exit !($1 == code && $2 >= from && $2 <= to) }' "$1.log"
}

# The new issuer has loaded its keys and stands by. Nobody is let wait for it for ever.
@test "issuer killed, and another process keeps the record: refused in time, and served when it is free" {
    local issuer holder first last
    lab_stop
    sed -i '1i deadlines = { queue = "2 s"; };' "$LAB/tsa.conf"
    lab_start
    issuer=$(lab_pid issuer)
    mkfifo let_go
    flock -F "$LAB/ledger/records" cat let_go 3>&- &
    holder=$!
    sleep 0.3
    kill -KILL "$issuer"
    sleep 0.7
    ask first 3>&- &
    first=$!
    sleep 3
    ask second # at once, since somebody has waited too long already
    asked second 503 0 1
    wait "$first"
    asked first 503 1.9 8
    [ "$("$TSA" status -c "$LAB/tsa.conf" --json | jq -r '.roles[] | select(.role == "issuer") | .ready')" = false ]
    cat first.tsr second.tsr
    [ "$(cat first.tsr second.tsr | grep -cE 'signing process|too many requests are waiting')" -eq 2 ]
    for _ in $(seq 100); do
        if grep -q 'the record keeps the issuer waiting for [0-9]* s now' "$LAB.log/err"; then break; fi
        sleep 0.1
    done
    grep -q 'the record keeps the issuer waiting for [0-9]* s now: .* another authority runs with this ledger (stop it' "$LAB.log/err"

    ask last 3>&- &
    last=$!
    sleep 0.5
    echo > let_go
    wait "$holder" "$last"
    await_back issuer "$issuer"
    asked last 200 0 8
    "$TSA_TOOLS/tsr_list" last.tsr | grep '^granted'
}

@test "clock killed under load: nobody notices" {
    clients 2
    kill_often clock "$times"
    sleep 0.5
    clients_end
    check_log
    check_record
    awk '!($1 == 200 && $2 == 0) { print; bad = 1 } END { exit bad }' clients.log
    [ "$(grep -c '^refused' list || true)" -eq 0 ]
}

@test "all roles killed at once" {
    clients 2
    sleep 0.3
    local front
    front=$(lab_pid front)
    lab_roles | awk '{ print $2 }' | xargs kill -KILL
    await_soon front "$front"
    sleep 0.5
    clients_end
    check_log
    check_record
}

@test "several fronts: one is killed, the others go on" {
    lab_stop
    sed -i '1i fronts = 3;' "$LAB/tsa.conf"
    lab_start
    [ "$(lab_roles | grep -c '^front ')" -eq 3 ]
    clients 3
    kill_often front 2
    sleep 0.5
    clients_end
    check_log
    check_record
    [ "$(lab_roles | grep -c '^front ')" -eq 3 ]
}

@test "SIGTERM under load: what is held is recorded" {
    clients 3
    sleep 1
    kill -TERM "$LAB_PID"
    lab_await_end "$LAB_PID"
    clients_end
    # 7: nobody listens any more.
    awk '!(($1 == 200 && $2 == 0) || $2 == 7 || $2 == 52 || $2 == 55 || $2 == 56) { print; bad = 1 } END { exit bad }' clients.log
    check_record
    lab_start
}

@test "the record may not grow any more: refused with the reason, and nobody dies of it" {
    local pid
    # For the next issuer, which begins a record; the parent's own files in memory, which are larger, are made.
    prlimit --pid "$LAB_PID" --fsize=65536:65536
    pid=$(lab_pid issuer)
    rm "$LAB/ledger/records"
    kill -KILL "$pid"
    await_soon issuer "$pid"
    curl -sS -m 10 -H 'Content-Type: application/timestamp-query' --data-binary @data.tsq -o x.tsr "$URL"
    [ "$("$TSA_TOOLS/tsr_list" x.tsr | grep -c ^refused)" -eq 1 ]
    [ "$("$TSA" status -c "$LAB/tsa.conf" --json | jq -r .reason)" = ledger-write ]
    [ "$("$TSA" status -c "$LAB/tsa.conf" --json | jq '[.roles[].starts] | max')" -eq 2 ]
    lab_stop
    grep -q 'the record can not be given room: File too large; nothing is issued any more' "$LAB.log/err"
    lab_start
    curl -sS -m 10 -H 'Content-Type: application/timestamp-query' --data-binary @data.tsq -o x.tsr "$URL"
    "$TSA_TOOLS/tsr_list" x.tsr | grep ^granted
}

# A file that is opened in the place of a closed stream would get what is logged: the record, for one.
@test "started without input, output and error: nothing is written into other files" {
    lab_stop
    local closed i begin
    for closed in '2>&-' '0<&- 1>&-' '0<&- 1>&- 2>&-'; do
        eval "\"\$TSA\" lab --dir \"\$LAB\" --listen \"\$PWD/http.sock\" < /dev/null > out 2> err $closed 3>&- &"
        LAB_PID=$!
        for i in $(seq 200); do
            if "$TSA" status -c "$LAB/tsa.conf" > /dev/null 2>&1; then break; fi
            sleep 0.05
        done
        "$TSA" status -c "$LAB/tsa.conf"
        curl -sSf -m 10 --unix-socket http.sock -H 'Content-Type: application/timestamp-query' --data-binary @data.tsq -o x.tsr http://x/
        begin=$(head -c 8 "$LAB/ledger/records")
        kill -TERM "$LAB_PID"
        lab_await_end "$LAB_PID"
        [ "$begin" = TSALEDG1 ]
    done
    lab_start
}

@test "a role that can not live ends the authority with a clear text" {
    local pid i
    for i in $(seq 12); do
        pid=$(lab_pid clock)
        if [ -n "$pid" ]; then kill -KILL "$pid" 2> /dev/null || true; fi
        sleep 0.6
        kill -0 "$LAB_PID" 2> /dev/null || break
    done
    lab_await_end "$LAB_PID"
    grep -q 'the clock died 10 times within 60 seconds: giving up' "$LAB.log/err"
    refute pgrep -P "$LAB_PID"
    lab_start
}
