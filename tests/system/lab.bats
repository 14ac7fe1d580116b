#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# tsa lab: from an empty folder to tokens, the second start, what is printed, what is said when it can not be, and its end.

load lab

setup_file() { lab_start; }
teardown_file() { lab_stop; }

setup() {
    cd "$BATS_TEST_TMPDIR" || return 1
    head -c 3000 /dev/urandom > data
    export OWN_PID=
}
teardown() {
    if [ -n "$OWN_PID" ]; then kill -KILL "$OWN_PID" 2> /dev/null || true; fi
}

stamp() { # URL [CURL-OPTION...]
    local url=$1
    shift
    openssl ts -query -data data -sha256 -cert -out data.tsq 2> /dev/null
    curl -sS --fail "$@" -H 'Content-Type: application/timestamp-query' --data-binary @data.tsq -o data.tsr "$url"
}

# own_start DIR OPTION...: another authority, in this test alone; its output in out, its log in err
own_start() {
    local dir=$1 tries=400
    shift
    : > out # of the one before
    "$TSA" lab --dir "$dir" "$@" > out 2> err 3>&- &
    OWN_PID=$!
    until grep -q '^ready ' out; do
        kill -0 "$OWN_PID" 2> /dev/null && [ $((tries -= 1)) -gt 0 ] || { cat err; return 1; }
        sleep 0.05
    done
}

# own_end SIGNAL: its exit code in OWN_CODE, the time it took in OWN_MS
own_end() {
    local begin
    begin=$(date +%s%3N)
    kill "-$1" "$OWN_PID"
    OWN_CODE=0
    wait "$OWN_PID" || OWN_CODE=$?
    OWN_MS=$(($(date +%s%3N) - begin))
    OWN_PID=
    # Twice told means killed.
    [ "${2-}" = twice ] || lab_ended_well err
}

@test "the first line says ready, and then a token is there at the first try" {
    [ "$(head -n 1 "$LAB.log/out")" = "ready $URL" ]
    stamp "$URL"
    run openssl ts -verify -data data -in data.tsr -CAfile "$LAB/root.pem"
    [[ "$output" == *"Verification: OK"* ]]
}

@test "the folder holds what is promised, keys for their owner alone" {
    for file in root.pem root.cer chain.pem tsa.key tsa.conf codesign.pem codesign.key codesign.pfx; do
        [ -s "$LAB/$file" ] || { echo "$file is missing"; false; }
    done
    [ -d "$LAB/ledger" ]
    [ -d "$LAB/run" ]
    for file in tsa.key codesign.key codesign.pfx; do
        [ "$(stat -c %a "$LAB/$file")" = 600 ]
    done
    [ "$(grep -c 'BEGIN CERT' "$LAB/chain.pem")" -eq 2 ]
    [ "$(grep -c 'BEGIN CERT' "$LAB/codesign.pem")" -eq 2 ]
    "$TSA" check -c "$LAB/tsa.conf"
}

@test "a second start uses what is there and leaves the configuration as it was changed" {
    own_start second --listen 127.0.0.1:0
    own_end TERM
    [ "$OWN_CODE" -eq 0 ]
    echo "# mine" >> second/tsa.conf
    sha256sum second/*.* > before
    own_start second --listen 127.0.0.1:0
    sha256sum --quiet -c before
    refute grep 'msg="made' err
    stamp "$(sed -n '1s/^ready //p' out)"
    own_end TERM
    [ "$OWN_CODE" -eq 0 ]
}

@test "the second start is ready within two seconds" {
    [ -z "${TSA_SANITIZED-}" ] || skip "instrumented builds have no times"
    cp -R "$LAB" again
    rm -rf again/run again/ledger
    local begin
    begin=$(date +%s%3N)
    own_start again --listen 127.0.0.1:0
    local ms=$(($(date +%s%3N) - begin))
    echo "ready after $ms ms"
    [ $ms -lt 2000 ]
    own_end TERM
}

@test "SIGTERM and SIGINT end it with 0 within five seconds, and nothing is left" {
    for signal in TERM INT; do
        own_start ended --listen 127.0.0.1:0
        local roles
        roles=$(pgrep -P "$OWN_PID")
        [ "$(wc -w <<< "$roles")" -eq 3 ]
        # One connection that sends nothing must not hold it up.
        exec 5<> "/dev/tcp/127.0.0.1/$(sed -n '1s/.*:\([0-9]*\)\/$/\1/p' out)"
        own_end "$signal"
        exec 5>&-
        [ "$OWN_CODE" -eq 0 ] || { cat err; false; }
        [ "$OWN_MS" -lt 5000 ] || { echo "$OWN_MS ms"; cat err; false; }
        for pid in $roles; do
            refute kill -0 "$pid" 2> /dev/null
        done
        [ ! -e ended/run/control ]
    done
}

@test "the second signal ends it at once" {
    own_start ended --listen 127.0.0.1:0
    pgrep -P "$OWN_PID" | xargs kill -STOP
    kill -TERM "$OWN_PID"
    sleep 0.3
    own_end TERM twice
    [ "$OWN_CODE" -eq 0 ]
    [ "$OWN_MS" -lt 1000 ]
    grep -q 'at once' err
}

@test "when the parent is killed its roles end too" {
    own_start orphans --listen 127.0.0.1:0
    local roles tries=60
    roles=$(pgrep -P "$OWN_PID")
    kill -KILL "$OWN_PID"
    OWN_PID=
    while ps -o stat= -p "$(tr '\n' ',' <<< "$roles" | sed 's/,$//')" | grep -qv '^Z'; do
        [ $((tries -= 1)) -gt 0 ] || { ps -p "$(tr '\n' ',' <<< "$roles" | sed 's/,$//')"; false; }
        sleep 0.05
    done
    # And the folder is free again.
    own_start orphans --listen 127.0.0.1:0
    own_end TERM
}

@test "a port that is taken: which one, and what to do" {
    run "$TSA" lab --dir taken --listen "$(sed 's#http://\(.*\)/#\1#' <<< "$URL")"
    [ "$status" -eq 1 ]
    [[ "$output" == *"can not listen on 127.0.0.1:"* && "$output" == *"another"* ]]
    refute grep '^ready ' <<< "$output"
}

@test "a folder that is in use: who uses it" {
    run "$TSA" lab --dir "$LAB" --listen 127.0.0.1:0
    [ "$status" -eq 1 ]
    [[ "$output" == *"is in use: another tsa runs with it"* ]]
    stamp "$URL"
}

@test "wrong options are told before anything is made" {
    run "$TSA" lab --dir none --listne 127.0.0.1:0
    [ "$status" -eq 64 ]
    [[ "$output" == *"did you mean --listen?"* ]]
    run "$TSA" lab --dir none --listen localhost:3161
    [ "$status" -eq 64 ]
    [[ "$output" == *"ADDRESS:PORT"* ]]
    [ ! -e none ]
}

@test "a configuration with errors is told with file and line" {
    mkdir bad
    echo 'listem = "127.0.0.1:0";' > bad/tsa.conf
    run "$TSA" lab --dir bad
    [ "$status" -eq 78 ]
    [[ "$output" == *"bad/tsa.conf:1: unknown setting "*"did you mean "* ]]
}

@test "several addresses at once: IPv4, IPv6, a Unix socket" {
    local listen=(--listen 127.0.0.1:0 --listen "$PWD/http.sock")
    if [ -e /proc/net/if_inet6 ] && grep -q '^00000000000000000000000000000001 ' /proc/net/if_inet6; then
        listen+=(--listen '[::1]:0')
    fi
    own_start several "${listen[@]}"
    stamp "$(sed -n '1s/^ready //p' out)"
    stamp http://localhost/ --unix-socket "$PWD/http.sock"
    if [ ${#listen[@]} -gt 4 ]; then
        stamp "http://$("$TSA" status -c several/tsa.conf --json | jq -r '.listen[] | select(startswith("["))')/"
    fi
    own_end TERM
    [ "$OWN_CODE" -eq 0 ]
    [ ! -e http.sock ]
}

@test "on the network: the lines for Windows name an address that others can reach" {
    own_start net --listen 0.0.0.0:0
    local url net
    url=$(sed -n '1s/^ready //p' out)
    [[ "$url" == http://127.0.0.1:* ]]
    net=$(sed -n 's/.*curl.exe -fsSO \(http.*\)root.cer .*/\1/p' out)
    curl -sS --fail -o root.cer "${net}root.cer"
    cmp root.cer net/root.cer
    stamp "$net"
    own_end TERM
}

@test "SIGHUP takes the configuration over, or says why not" {
    own_start reload --listen 127.0.0.1:0
    kill -HUP "$OWN_PID"
    for _ in $(seq 200); do grep -q 'generation 2 serves' err && break; sleep 0.05; done
    grep -q 'generation 2 serves' err
    echo 'nod = 3;' >> reload/tsa.conf
    kill -HUP "$OWN_PID"
    for _ in $(seq 200); do grep -q 'goes on unchanged' err && break; sleep 0.05; done
    grep -q "tsa.conf:[0-9]*: unknown setting .nod'; did you mean .node'" err
    grep -q 'goes on unchanged' err
    # The address of the command line is kept.
    stamp "$(sed -n '1s/^ready //p' out)"
    own_end TERM
    [ "$OWN_CODE" -eq 0 ]
}

@test "an ordinary user can run it, without any right" {
    [ "$(id -u)" -eq 0 ] || skip "all of these tests do so already"
    mkdir "$BATS_FILE_TMPDIR/user"
    chown 65534:65534 "$BATS_FILE_TMPDIR/user"
    chmod 755 "$BATS_RUN_TMPDIR" "$BATS_FILE_TMPDIR"
    setpriv --reuid 65534 --regid 65534 --clear-groups test -x "$TSA" || skip "the program lies where only root can reach it"
    setpriv --reuid 65534 --regid 65534 --clear-groups "$TSA" lab --dir "$BATS_FILE_TMPDIR/user/lab" --listen 127.0.0.1:0 \
        > out 2> err 3>&- &
    OWN_PID=$!
    for _ in $(seq 400); do grep -q '^ready ' out && break; sleep 0.05; done
    stamp "$(sed -n '1s/^ready //p' out)"
    run openssl ts -verify -data data -in data.tsr -CAfile "$BATS_FILE_TMPDIR/user/lab/root.pem"
    [[ "$output" == *"Verification: OK"* ]]
    own_end TERM
    [ "$OWN_CODE" -eq 0 ]
}

@test "when its terminal is closed it ends" {
    command -v script > /dev/null || skip "no script(1) here"
    script -qec true /dev/null > /dev/null 2>&1 || skip "no terminal can be made here"
    local pid
    # script holds the terminal; killed, it takes the terminal with it.
    mkfifo keys
    script -qec "'$TSA' lab --dir closed --listen 127.0.0.1:0" /dev/null > out 2>&1 3>&- < keys &
    OWN_PID=$!
    exec 6> keys
    for _ in $(seq 400); do grep -q '^ready ' out && break; sleep 0.05; done
    pid=$(jq -r .pid <<< "$("$TSA" status -c closed/tsa.conf --json)")
    kill -KILL "$OWN_PID"
    OWN_PID=
    exec 6>&-
    lab_await_end "$pid"
}

@test "the page's lines for tsclient name the lab's root, since nobody trusts it by itself" {
    run curl -sS --fail "$URL"
    [[ "$output" == *"tsclient stamp --tr $URL --ca root.pem driver.sys"* ]]
    [[ "$output" == *"certutil -addstore -f CA chain.p7b"* ]]
}

@test "https asked of an authority that has none: the client says which scheme it wants" {
    run "$TSCLIENT" stamp --detached --retry 0 --ca "$LAB/root.pem" --tr "${URL/http:/https:}" data
    [ "$status" -eq 3 ]
    [[ "$output" == *"without TLS wants http://"* ]]
}
