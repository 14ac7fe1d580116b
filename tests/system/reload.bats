#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# A staged reload: what is good takes over and nobody who stamps meanwhile notices; what is not leaves everything as it was, with the
# reason; and whatever dies or is told in the middle of it, the authority ends up in one state or the other.

load lab

# Keys are made once; each test has a copy, with the addresses in the configuration, as a user has them.
setup_file() {
    "$TSA" lab --dir "$BATS_FILE_TMPDIR/lab" --listen 127.0.0.1:0 > "$BATS_FILE_TMPDIR/made" 2>&1 3>&- &
    local pid=$!
    for _ in $(seq 400); do grep -q '^ready ' "$BATS_FILE_TMPDIR/made" && break; sleep 0.05; done
    kill -TERM "$pid"
    wait "$pid"
    sed -i 's/127.0.0.1:3161/127.0.0.1:0/' "$BATS_FILE_TMPDIR/lab/tsa.conf"
    rm -rf "$BATS_FILE_TMPDIR/lab/ledger" "$BATS_FILE_TMPDIR/lab/run"
}

setup() {
    cd "$BATS_TEST_TMPDIR" || return 1
    cp -R "$BATS_FILE_TMPDIR/lab" .
    head -c 100 /dev/urandom > data
    openssl ts -query -data data -sha256 -out data.tsq 2> /dev/null
    CLIENTS=
    LAB_PID=
}
teardown() {
    for pid in $CLIENTS; do kill "$pid" 2> /dev/null || true; done
    if [ -n "$LAB_PID" ]; then
        kill -TERM "$LAB_PID" 2> /dev/null
        lab_await_end "$LAB_PID" && lab_ended_well err
    fi
}

start() {
    "$TSA" run -c lab/tsa.conf 2> err 3>&- &
    LAB_PID=$!
    for _ in $(seq 400); do grep -q 'msg="ready on' err && break; sleep 0.05; done
    URL=http://$(json '.listen[0]')/
}

json() { "$TSA" status -c lab/tsa.conf --json | jq -r "$1"; }

reload() { "$TSA" reload --wait -c lab/tsa.conf; }

# refused TEXT...: the reload is refused with these words, and what ran before does so still
refused() {
    local text before
    before=$(json '[.generation.number, .generation.since, ([.roles[] | select(.stage == "serving").pid] | sort)] | tostring')
    run reload
    [ "$status" -eq 1 ] || { echo "exit code $status: $output"; return 1; }
    for text in "$@"; do
        [[ "$output" == *"$text"* ]] || { echo "not said: $text"; echo "$output"; return 1; }
    done
    [[ "$output" == *"what runs goes on unchanged"* ]]
    [ "$(json '[.generation.number, .generation.since, ([.roles[] | select(.stage == "serving").pid] | sort)] | tostring')" = "$before" ]
    [ "$(json .reload.ok)" = false ]
    stamp
}

# stamp [PATH]: one token in data.tsr
stamp() {
    curl -sS --fail -m 10 -H 'Content-Type: application/timestamp-query' --data-binary @data.tsq -o data.tsr "$URL${1-}"
}
policy() { openssl ts -reply -in data.tsr -text 2> /dev/null | sed -n 's/^Policy OID: *//p'; }

# units NAME:LAST...: units of these names, told apart by the last number of their policies
units() {
    local unit comma=
    sed -i '/^units = (/,$d' lab/tsa.conf
    {
        echo 'units = ('
        for unit in "$@"; do
            printf '%s{ name = "%s"; key = "tsa.key"; chain = "chain.pem"; root = "root.pem"; policy = "2.999.3161.%s"; }\n' \
                "$comma" "${unit%:*}" "${unit#*:}"
            comma=,
        done
        echo ');'
    } >> lab/tsa.conf
}

# clients NUM PATH: each stamps one after the other, 20 requests on one connection, until `stop` is there
clients() {
    local i
    : > clients.log
    for i in $(seq "$1"); do
        client "$i" "$2" 3>&- &
        CLIENTS="$CLIENTS $!"
    done
}
client() {
    local round=0
    while [ ! -e stop ]; do
        round=$((round + 1))
        curl -sS -m 20 -H 'Content-Type: application/timestamp-query' --data-binary @data.tsq \
            -o "reply-$2-$1-$round-#1.tsr" -w '%{http_code} %{exitcode} %{content_type}\n' "${URL}$2?[1-20]" \
            >> clients.log 2>> clients.err || true
    done
}
# Every single one was answered with a token.
clients_end() {
    local pid
    : > stop
    for pid in $CLIENTS; do wait "$pid" || true; done
    CLIENTS=
    rm stop
    echo "$(wc -l < clients.log) requests: $(sort clients.log | uniq -c | tr -s '\n ' '; ')"
    [ "$(wc -l < clients.log)" -ge "$1" ]
    [ "$(grep -vc '^200 0 application/timestamp-reply$' clients.log)" -eq 0 ] || { cat clients.err; tail -n 30 err; return 1; }
    find . -name 'reply-*.tsr' -print0 | xargs -0 "$TSA_TOOLS/tsr_list" > list
    [ "$(grep -vc '^granted ' list)" -eq 0 ]
}

@test "good ones under load: not one request fails, and every token is recorded once" {
    start
    clients 4 ''
    for i in $(seq "$([ -n "${TSA_LONG-}" ] && echo 100 || echo 5)"); do
        sleep "0.$((RANDOM % 5 + 2))"
        reload
        [ "$(json .generation.number)" -eq $((i + 1)) ]
        [ "$(json .reload.ok)" = true ]
    done
    clients_end 100
    sed -n 's/^granted //p' list | sort > held
    "$TSA_TOOLS/ledger_dump" lab/ledger | jq -r '.serial // empty' | sort > recorded
    [ -z "$(uniq -d recorded)" ]
    [ -z "$(uniq -d held)" ]
    [ -z "$(comm -23 held recorded)" ]
}

@test "what is new stands in the next token" {
    start
    stamp
    [ "$(policy)" = 2.999.3161.1 ]
    sed -i 's/2.999.3161.1/2.999.3161.77/' lab/tsa.conf
    # Not before it is told.
    stamp
    [ "$(policy)" = 2.999.3161.1 ]
    run reload
    [ "$status" -eq 0 ]
    [[ "$output" == *"done: generation 2 serves"* ]]
    stamp
    [ "$(policy)" = 2.999.3161.77 ]
    [ "$(json '.units[0].policy')" = 2.999.3161.77 ]
}

@test "without --wait it returns at once; SIGHUP does the same" {
    start
    run "$TSA" reload -c lab/tsa.conf
    [ "$status" -eq 0 ]
    for _ in $(seq 100); do [ "$(json .generation.number)" -eq 2 ] && break; sleep 0.05; done
    [ "$(json .generation.number)" -eq 2 ]
    kill -HUP "$LAB_PID"
    kill -HUP "$LAB_PID"
    for _ in $(seq 100); do [ "$(json '.generation.number >= 3 and (.reload.running | not)')" = true ] && break; sleep 0.05; done
    [ "$(json .generation.number)" -ge 3 ]
    stamp
}

@test "SIGHUP while it starts is a reload too" {
    # Held back from the first moment on, so that it is there before the authority can take it.
    env --block-signal=HUP "$TSA" run -c lab/tsa.conf 2> err 3>&- &
    LAB_PID=$!
    for _ in $(seq 400); do [ "$(cat "/proc/$LAB_PID/comm")" = tsa ] && break; done
    kill -HUP "$LAB_PID"
    for _ in $(seq 200); do [ "$(json .generation.number 2> /dev/null)" = 2 ] && break; sleep 0.05; done
    [ "$(json .generation.number)" -eq 2 ]
}

@test "several at once: each gets the answer of a reload that began after it was asked for" {
    start
    local pids= pid
    for _ in 1 2 3 4; do
        reload > /dev/null 2>&1 3>&- &
        pids="$pids $!"
    done
    for pid in $pids; do wait "$pid"; done
    # One for the first, one for those who came meanwhile.
    [ "$(json .generation.number)" -ge 2 ]
    [ "$(json .generation.number)" -le 5 ]
    stamp
}

@test "errors of the file: with their places, once each" {
    start
    echo 'nod = 3;' >> lab/tsa.conf
    refused "lab/tsa.conf:$(wc -l < lab/tsa.conf): unknown setting \`nod'; did you mean \`node'?"
    [ "$(grep -c "unknown setting" <<< "$output")" -eq 1 ]
    run "$TSA" status -c lab/tsa.conf
    [[ "$output" == *"reload   refused "*"unknown setting"* ]]
    sed -i '$d' lab/tsa.conf
    # No configuration at all: where it runs is not known.
    cp lab/tsa.conf good.conf
    echo 'listen = ( ;' > lab/tsa.conf
    run reload
    [ "$status" -eq 78 ]
    [[ "$output" == *"lab/tsa.conf:1:"* ]]
    run "$TSA" reload --wait --run lab/run
    [ "$status" -eq 1 ]
    [[ "$output" == *"lab/tsa.conf:1:"* ]]
    cp good.conf lab/tsa.conf
    reload
}

@test "keys and certificates that do not fit: found before anything is touched" {
    start
    cp lab/tsa.key own.key
    cp lab/codesign.key lab/tsa.key
    # Only who reads the key can know it: the trial.
    refused 'tsa.key is not the key of the certificate in'
    chmod 644 lab/tsa.key
    refused 'mode 0644'
    rm lab/tsa.key
    refused 'can not open the key'
    cp own.key lab/tsa.key && chmod 600 lab/tsa.key
    sed -i 's/chain = "chain.pem"/chain = "codesign.pem"/' lab/tsa.conf
    refused timeStamping
    sed -i 's/chain = "codesign.pem"/chain = "chain.pem"/' lab/tsa.conf
    reload
    stamp
}

@test "a record that can not be taken over: its writer keeps it" {
    start
    stamp
    stamp
    # Where the first record stands.
    printf 'spoilt' | dd of=lab/ledger/records bs=1 seek=40 conv=notrunc status=none
    refused 'the new issuer ended'
    grep -q 'the record is damaged at octet 8' err
}

@test "again and again, good and bad ones: nothing is left open or behind, and no memory is lost" {
    start
    local i rounds fds rss num
    rounds=$([ -n "${TSA_LONG-}" ] && echo 200 || echo 8)
    cp lab/tsa.conf good.conf
    cp lab/tsa.key own.key
    # good; of bad form; an address that is nobody's; a key that only the trial finds wrong; one that dies in the middle
    round() {
        reload
        echo 'nod = 3;' >> lab/tsa.conf
        run "$TSA" reload --wait --run lab/run
        [ "$status" -eq 1 ]
        sed 's/^listen = .*/listen = ( "127.0.0.1:0", "192.0.2.1:99" );/' good.conf > lab/tsa.conf
        run reload
        [ "$status" -eq 1 ]
        cp good.conf lab/tsa.conf
        cp lab/codesign.key lab/tsa.key
        run reload
        [ "$status" -eq 1 ]
        cp own.key lab/tsa.key
        "$TSA" reload -c lab/tsa.conf
        sleep "0.0$((i % 9))"
        for pid in $(pgrep -n -P "$LAB_PID"); do kill -KILL "$pid" 2> /dev/null || true; done
        for _ in $(seq 200); do [ "$(json '.ready and (.reload.running | not)')" = true ] && break; sleep 0.05; done
    }
    settle() {
        for _ in $(seq 200); do [ "$(json '.roles | length')" -eq 3 ] && break; sleep 0.05; done
        fds=$(find "/proc/$LAB_PID/fd" -mindepth 1 | wc -l)
        rss=$(sed -n 's/^VmRSS:[^0-9]*\([0-9]*\).*/\1/p' "/proc/$LAB_PID/status")
    }
    round
    settle
    local fds_before=$fds rss_before=$rss
    for i in $(seq "$rounds"); do round; done
    settle
    echo "files: $fds_before, then $fds; memory: $rss_before kB, then $rss kB"
    [ "$fds" -eq "$fds_before" ]
    # A sanitizer keeps back what was freed.
    if [ -z "${TSA_SANITIZED-}" ]; then [ "$rss" -lt $((rss_before + 1024)) ]; fi
    num=$(pgrep -P "$LAB_PID" | wc -l)
    [ "$num" -eq 3 ]
    stamp
}

@test "folders that belong to the running one can not change" {
    start
    sed -i 's#dir = "ledger"#dir = "other"#' lab/tsa.conf
    mkdir lab/other
    refused 'ledger.dir: lab/other is not the folder that is in use' 'stop it and start it again'
    sed -i 's#dir = "other"#dir = "ledger"#' lab/tsa.conf
    reload
}

@test "what an issuer holds is what it was started with, until the next reload" {
    start
    local issuer
    mv lab/tsa.key away.key
    issuer=$(json '.roles[] | select(.role == "issuer") | .pid')
    kill -KILL "$issuer"
    for _ in $(seq 100); do
        [ "$(json ".ready and ([.roles[].pid] | index($issuer) | not)")" = true ] && break
        sleep 0.05
    done
    stamp
    refused 'can not open the key'
    mv away.key lab/tsa.key
}

@test "units change their places: each client gets tokens of the unit that it has asked" {
    units a:1 b:2
    start
    clients 2 a
    clients 2 b
    sleep 0.3
    units b:2 c:3 a:1
    reload
    sleep 0.3
    units a:1 b:2 c:3
    reload
    sleep 0.3
    clients_end 40
    # The policy as it stands in the token: 2.999.3161.N.
    for unit in a:1 b:2; do
        find . -name "reply-${unit%:*}-*.tsr" > replies
        [ "$(wc -l < replies)" -ge 20 ]
        [ "$(xargs env LC_ALL=C grep -LaP "\x06\x05\x88\x37\x98\x59\x0${unit#*:}" < replies | wc -l)" -eq 0 ]
    done
    stamp c
    [ "$(policy)" = 2.999.3161.3 ]
    units a:1
    reload
    run stamp b
    [ "$status" -ne 0 ]
    stamp a
}

@test "a connection that was open before is answered after, by the unit that it names" {
    units a:1 b:2
    start
    cat > kept.py << 'PYTHON'
import http.client, subprocess, sys
query = open("data.tsq", "rb").read()
def ask(connection, path):
    connection.request("POST", path, query, {"Content-Type": "application/timestamp-query"})
    answer = connection.getresponse()
    body = answer.read()
    assert answer.status == 200, answer.status
    return body[body.index(bytes.fromhex("060588379859")) + 6]
connection = http.client.HTTPConnection(sys.argv[1], timeout=20)
assert ask(connection, "/b") == 2
opened = connection.sock
subprocess.run(["sh", "-c", sys.argv[2]], check=True)
assert connection.sock is opened
assert ask(connection, "/b") == 9
PYTHON
    local host=${URL#http://}
    units b:9 a:1
    python3 kept.py "${host%/}" '"$TSA" reload --wait -c lab/tsa.conf'
}

@test "the number of fronts changes both ways" {
    start
    clients 2 ''
    for num in 3 1 2; do
        sed -i '/^fronts/d' lab/tsa.conf
        sed -i "1i fronts = $num;" lab/tsa.conf
        reload
        [ "$(json '[.roles[] | select(.role == "front" and .stage == "serving" and .ready)] | length')" -eq $num ]
    done
    clients_end 20
}

@test "addresses come and go; those that stay keep their sockets" {
    start
    local port other
    clients 2 ''
    sed -i "s#^listen = .*#listen = ( \"127.0.0.1:0\", \"$PWD/http.sock\" );#" lab/tsa.conf
    reload
    [ "http://$(json '.listen[0]')/" = "$URL" ]
    curl -sS --fail --unix-socket http.sock -H 'Content-Type: application/timestamp-query' --data-binary @data.tsq -o x.tsr http://x/
    sed -i 's#^listen = .*#listen = ( "127.0.0.1:0" );#' lab/tsa.conf
    reload
    [ ! -e http.sock ]
    [ "http://$(json '.listen[0]')/" = "$URL" ]
    # Taken by somebody else.
    python3 -c 'import socket, time
s = socket.socket(); s.bind(("127.0.0.1", 0)); s.listen(); print(s.getsockname()[1], flush=True); time.sleep(30)' > port 3>&- &
    other=$!
    for _ in $(seq 100); do [ -s port ] && break; sleep 0.05; done
    port=$(cat port)
    sed -i "s#^listen = .*#listen = ( \"127.0.0.1:0\", \"127.0.0.1:$port\" );#" lab/tsa.conf
    refused "can not listen on 127.0.0.1:$port"
    kill "$other"
    clients_end 20
}

@test "TLS comes with a reload; its key must belong to its certificate" {
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout lab/tls.key -out lab/tls.pem -days 90 \
        -subj /CN=localhost -addext subjectAltName=IP:127.0.0.1 2> /dev/null
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout lab/other.key -out lab/short.pem -days 5 \
        -subj /CN=localhost -addext subjectAltName=IP:127.0.0.1 2> /dev/null
    chmod 600 lab/tls.key lab/other.key
    start
    [ "$(json '.tls | length')" -eq 0 ]
    echo 'tls = { listen = "127.0.0.1:0"; certificate = "tls.pem"; key = "tls.key"; };' >> lab/tsa.conf
    reload
    curl -sS --fail --cacert lab/tls.pem -H 'Content-Type: application/timestamp-query' --data-binary @data.tsq -o data.tsr \
        "https://$(json '.tls[0]')/"
    "$TSA_TOOLS/tsr_list" data.tsr | grep ^granted
    sed -i 's/key = "tls.key"/key = "other.key"/' lab/tsa.conf
    refused "lab/other.key"
    chmod 644 lab/other.key
    refused 'tls.key: lab/other.key has mode 0644'
    chmod 600 lab/other.key
    sed -i 's/certificate = "tls.pem"/certificate = "short.pem"/' lab/tsa.conf
    run reload
    [ "$status" -eq 0 ]
    [[ "$output" == *"warning: tls.certificate: lab/short.pem expires in"*"days"* ]]
    curl -sS --fail --cacert lab/short.pem -o page "https://$(json '.tls[0]')/"
    sed -i '/^tls = /d' lab/tsa.conf
    reload
    [ "$(json '.tls | length')" -eq 0 ]
    stamp
}

@test "told to stop in the middle: an end within five seconds, with 0" {
    local begin code i
    for i in 0 2 5 9 14; do
        start
        kill -HUP "$LAB_PID"
        sleep "0.$(printf %02d $i)"
        begin=$(date +%s%3N)
        kill -TERM "$LAB_PID"
        code=0
        wait "$LAB_PID" || code=$?
        LAB_PID=
        [ $code -eq 0 ] || { cat err; false; }
        [ $(($(date +%s%3N) - begin)) -lt 5000 ]
        lab_ended_well err
    done
}

@test "clients of two generations do not hold the end up" {
    start
    local begin code=0 port=${URL##*:}
    exec 5<> "/dev/tcp/127.0.0.1/${port%/}"
    printf 'GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n' >&5
    read -r -t 5 line <&5
    [[ "$line" == "HTTP/1.1 200 "* ]]
    reload
    [ "$(json '[.roles[] | select(.role == "front" and .stage == "leaving")] | length')" -eq 1 ]
    exec 6<> "/dev/tcp/127.0.0.1/${port%/}"
    begin=$(date +%s%3N)
    kill -TERM "$LAB_PID"
    wait "$LAB_PID" || code=$?
    LAB_PID=
    exec 5>&- 6>&-
    [ $code -eq 0 ]
    [ $(($(date +%s%3N) - begin)) -lt 5000 ]
    lab_ended_well err
}

@test "a third generation does not wait for the clients of the first" {
    start
    local begin port=${URL##*:}
    exec 5<> "/dev/tcp/127.0.0.1/${port%/}"
    printf 'GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n' >&5
    read -r -t 5 line <&5
    reload
    begin=$(date +%s%3N)
    reload
    [ $(($(date +%s%3N) - begin)) -lt 6000 ]
    [ "$(json '[.roles[] | select(.generation == 1)] | length')" -eq 0 ]
    exec 5>&-
    stamp
}

@test "who waits is told when it stops in the middle" {
    start
    reload > said 2>&1 3>&- &
    local pid=$! code=0
    sleep 0.05
    kill -TERM "$LAB_PID"
    wait "$pid" || code=$?
    wait "$LAB_PID"
    LAB_PID=
    # Done before, or refused; never left waiting.
    [ $code -le 1 ] || [ $code -eq 69 ]
}

@test "whatever dies in the middle: afterwards the old generation or the new one serves" {
    start
    local i pid new before code
    for i in $(seq "$([ -n "${TSA_LONG-}" ] && echo 40 || echo 6)"); do
        before=$(pgrep -P "$LAB_PID" | sort)
        reload > said 2>&1 3>&- &
        pid=$!
        # The i-th child that appears: trial, issuer, front, clock.
        new=
        for _ in $(seq 400); do
            new=$(comm -13 <(echo "$before") <(pgrep -P "$LAB_PID" | sort) | head -n 1)
            if [ -n "$new" ]; then break; fi
        done
        sleep "0.0$((i % 8))"
        new=$(comm -13 <(echo "$before") <(pgrep -P "$LAB_PID" | sort) | tail -n 1)
        if [ -n "$new" ]; then kill -KILL "$new" 2> /dev/null || true; fi
        code=0
        wait "$pid" || code=$?
        [ $code -le 1 ] || { cat said; false; }
        for _ in $(seq 100); do [ "$(json .ready)" = true ] && break; sleep 0.05; done
        [ "$(json .ready)" = true ]
        stamp
    done
    reload
    stamp
}

@test "how the log is written changes for the parent too" {
    start
    echo 'log = { form = "json"; };' >> lab/tsa.conf
    reload
    [[ "$(tail -n 1 err)" == '{"time":'*'generation 2 serves'* ]]
    reload
    [ "$(grep -c '^{.*reload: looking at' err)" -eq 1 ]
}

@test "a configuration that can not be read: 78, and how to ask all the same" {
    start
    cp lab/tsa.conf good
    sed -i 's/^run_dir = "run"/run_dir = "run/' lab/tsa.conf
    run reload
    [ "$status" -eq 78 ]
    [[ "$output" == *"--run DIR names its run_dir"* ]]
    run "$TSA" reload --wait --run lab/run
    [ "$status" -eq 1 ]
    [[ "$output" == *"what runs goes on unchanged"* ]]
    cp good lab/tsa.conf
    reload
}

@test "nothing runs: 69; wrong option: 64" {
    run reload
    [ "$status" -eq 69 ]
    [[ "$output" == *"no authority answers in"* ]]
    run "$TSA" reload --wiat
    [ "$status" -eq 64 ]
    [[ "$output" == *"did you mean --wait?"* ]]
}
