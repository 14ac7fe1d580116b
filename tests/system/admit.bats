#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# Who may ask, how often, and how many at once, asked from many addresses of the loopback network and answered by three fronts that count
# together. Each test has clients of its own, since what one has used up is still used up in the next.

load lab

setup_file() {
    export LAB=$BATS_FILE_TMPDIR/lab
    lab_start
    lab_stop
    sed 's/^\( *\)name = "lab";/&\n\1allow = ( "127.0.0.0\/16" );/' "$LAB/tsa.conf" > "$BATS_FILE_TMPDIR/conf"
    cat - "$BATS_FILE_TMPDIR/conf" > "$LAB/tsa.conf" << 'EOF'
fronts = 3;
clients = {
    deny = ( "127.0.0.66", "203.0.113.0/24", "2001:db8:66::/48" );
    proxies = ( "127.0.0.7" );
    proxy_protocol = ( "127.0.0.8" );
    connections = 5;
    rate = 2;
    burst = 10;
};
EOF
    lab_start
}
teardown_file() { lab_stop; }

setup() {
    cd "$BATS_TEST_TMPDIR" || return 1
    head -c 100 /dev/urandom > data
    openssl ts -query -data data -sha256 -out data.tsq 2> /dev/null
}

admit() { python3 "$TSA_SOURCE/tests/system/admit.py" "$@"; }

# fronts prints the process numbers of those that take work, a line each. One that has only been started has not yet given back what its
# predecessor held.
fronts() { "$TSA" status -c "$LAB/tsa.conf" --json | jq -r '.roles[] | select(.role == "front" and .ready) | .pid' | sort; }

# ask FROM [CURL ARGUMENT...]: the status of a request, its answer in `answer`
ask() {
    local from=$1
    shift
    curl -sS -m 20 --interface "$from" -D head -o answer -w '%{http_code}' "$@" "${URL}healthz"
}

# post FROM: the status of a request for a token
post() {
    curl -sS -m 20 --interface "$1" -D head -o answer -w '%{http_code}' -H 'Content-Type: application/timestamp-query' --data-binary @data.tsq "$URL"
}

@test "who is denied is told so, whatever he asks for" {
    [ "$(ask 127.0.1.1)" = 200 ]
    [ "$(ask 127.0.0.66)" = 403 ]
    [ "$(post 127.0.0.66)" = 403 ]
    [ "$(wc -l < answer)" -eq 1 ]
    grep -qi '^connection: close' head
}

@test "a unit's own list: others may look, but not ask it" {
    [ "$(post 127.0.1.2)" = 200 ]
    [ "$(post 127.1.0.2)" = 403 ]
    [ "$(ask 127.1.0.2)" = 200 ]
}

@test "X-Forwarded-For: the hop that the listed proxy has added, and from nobody else" {
    [ "$(ask 127.0.0.7 -H 'X-Forwarded-For: 203.0.113.9')" = 403 ]
    [ "$(ask 127.0.0.7 -H 'X-Forwarded-For: [2001:db8:66::9]:443')" = 403 ]
    [ "$(ask 127.0.0.7 -H 'X-Forwarded-For: 198.51.100.1, 203.0.113.9')" = 403 ]
    [ "$(ask 127.0.0.7 -H 'X-Forwarded-For: 203.0.113.9, 198.51.100.1')" = 200 ]
    [ "$(ask 127.0.0.7 -H 'X-Forwarded-For: 198.51.100.1' -H 'X-Forwarded-For: 203.0.113.9')" = 403 ]
    [ "$(ask 127.0.0.7 -H 'X-Forwarded-For: 203.0.113.9' -H 'X-Forwarded-For: 127.0.0.7')" = 403 ]
    [ "$(ask 127.0.0.7 -H 'X-Forwarded-For: 203.0.113.9, unknown')" = 200 ]
    [ "$(ask 127.0.1.3 -H 'X-Forwarded-For: 203.0.113.9')" = 200 ]
}

@test "behind a listed proxy the unit's list is for the client" {
    local forwarded
    for forwarded in "127.0.3.1 200" "198.51.100.1 403"; do
        run curl -sS -m 20 --interface 127.0.0.7 -o answer -w '%{http_code}' -H "X-Forwarded-For: ${forwarded% *}" \
            -H 'Content-Type: application/timestamp-query' --data-binary @data.tsq "$URL"
        [ "$output" = "${forwarded#* }" ]
    done
}

@test "PROXY protocol: demanded of who is listed, never taken from others" {
    [ "$(printf 'PROXY TCP4 198.51.100.1 127.0.0.1 1 80\r\n' | admit octets "$URL" 127.0.0.8)" = 200 ]
    [ "$(printf 'PROXY TCP4 203.0.113.9 127.0.0.1 1 80\r\n' | admit octets "$URL" 127.0.0.8)" = 403 ]
    [ "$(printf 'PROXY UNKNOWN\r\n' | admit octets "$URL" 127.0.0.8)" = 200 ]
    [ "$(printf '\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\xcb\0\x71\x09\x7f\0\0\x01\0\x01\0\x50' | admit octets "$URL" 127.0.0.8)" = 403 ]
    [ "$(printf '\r\n\r\n\0\r\nQUIT\n\x20\0\0\0' | admit octets "$URL" 127.0.0.8)" = 200 ]
    [ "$(printf '' | admit octets "$URL" 127.0.0.8)" = closed ]
    grep -q 'level=warning.*127.0.0.8 is listed in clients.proxy_protocol, and its connection began without a PROXY header; let that proxy' "$LAB.log/err"
    [ "$(printf 'PROXY TCP4 198.51.100.01 127.0.0.1 1 80\r\n' | admit octets "$URL" 127.0.0.8)" = closed ]
    [ "$(printf 'PROXY TCP4 198.51.100.1 127.0.0.1 1 80\r\n' | admit octets "$URL" 127.0.1.4)" = 400 ]
}

# Of 60 at once: the burst, and what the time that it took has brought.
@test "the rate holds over all fronts; 429 says when to come again" {
    local good bad seconds
    admit asks "$URL" 127.0.2.1 60 > found
    cat found
    good=$(sed 's/.*200=\([0-9]*\).*/\1/' found) bad=$(sed 's/.*429=\([0-9]*\).*/\1/' found) seconds=$(sed 's/.*seconds=//' found)
    [ $((good + bad)) -eq 60 ]
    [ "$good" -ge 10 ]
    awk -v good="$good" -v seconds="$seconds" 'BEGIN { exit !(good <= 10 + 2 * seconds + 1) }'
    [ "$(ask 127.0.2.2)" = 200 ]
    sleep 1
    [ "$(ask 127.0.2.1)" = 200 ]
}

@test "429 carries Retry-After and one line of text" {
    local i
    for i in $(seq 1 40); do
        [ "$(ask 127.0.2.3)" = 200 ] || break
    done
    [ "$(sed -n '1s/^[^ ]* \(...\).*/\1/p' head)" = 429 ]
    grep -qi '^retry-after: 1' head
    [ "$(wc -l < answer)" -eq 1 ]
}

@test "clients behind one proxy have a rate each" {
    local i
    for i in $(seq 1 30); do
        [ "$(ask 127.0.0.7 -H "X-Forwarded-For: 198.51.100.$((100 + i))")" = 200 ]
    done
    for i in $(seq 1 40); do
        [ "$(ask 127.0.0.7 -H 'X-Forwarded-For: 198.51.100.99')" = 200 ] || break
    done
    [ "$(sed -n '1s/^[^ ]* \(...\).*/\1/p' head)" = 429 ]
    [ "$(ask 127.0.0.7 -H 'X-Forwarded-For: 198.51.100.98')" = 200 ]
}

@test "connections of one address, over all fronts; those of a proxy are not counted" {
    run admit hold "$URL" 127.0.4.1 8 < /dev/null
    [ "$output" = "200 200 200 200 200 429 429 429" ]
    [ "$(grep -c 'client=127.0.4.1 .* status=429 .* result=crowded ' "$LAB.log/err")" -eq 3 ]
    run admit hold "$URL" 127.0.4.2 5 < /dev/null
    [ "$output" = "200 200 200 200 200" ]
    run admit hold "$URL" 127.0.0.7 8 < /dev/null
    [ "$output" = "200 200 200 200 200 200 200 200" ]
}

# The same address has all that it may have, and what died with the fronts is not held against it.
@test "a front that is killed takes its connections with it" {
    local before after i
    mkfifo open
    admit hold "$URL" 127.0.5.1 5 < open > held 3>&- &
    exec 4> open
    for i in $(seq 1 200); do
        [ ! -s held ] || break
        sleep 0.05
    done
    [ "$(cat held)" = "200 200 200 200 200" ]
    run admit hold "$URL" 127.0.5.1 1 < /dev/null
    [ "$output" = 429 ]
    before=$(fronts)
    # shellcheck disable=SC2086
    kill -KILL $before
    for i in $(seq 1 200); do
        after=$(fronts)
        [ "$(wc -w <<< "$after")" -ne 3 ] || [ -n "$(comm -12 <(echo "$before") <(echo "$after"))" ] || break
        sleep 0.05
    done
    [ "$i" -lt 200 ]
    run admit hold "$URL" 127.0.5.1 6 < /dev/null
    exec 4>&-
    [ "$output" = "200 200 200 200 200 429" ]
}
