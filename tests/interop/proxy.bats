#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# Behind HAProxy and nginx, with the examples of conf/proxy as they stand but for ports, paths and the password's hash: the table of framing
# tricks through both, keep-alive and who gets which answer, clients' addresses by X-Forwarded-For and by the PROXY protocol,
# passwords, two authorities. The proxies are those of the distribution, unpacked and not installed.

load ../system/lab
load ../system/skip

# haproxy_file OUT EDIT..., nginx_file OUT EDIT...: the example with the substitutions that all have, then EDITs (of sed)
haproxy_file() {
    local out=$1
    shift
    sed -e "s|/etc/haproxy/tsa.pem|$D/both.pem|; s|unix@/run/tsa/http.sock|unix@$D/http.sock|; s|192.0.2.12:3161|127.0.0.1:$THERE|" \
        -e "s|127.0.0.1:3443|127.0.0.1:$TLS|; s|password \\\$6.*|password $(openssl passwd -6 secret)|" "$@" \
        "$TSA_SOURCE/conf/proxy/haproxy.cfg" > "$out"
}

nginx_file() {
    local out=$1 paths='' name user='/^user www-data;/d'
    shift
    # Its workers must reach the tests' folder.
    [ "$(id -u)" -ne 0 ] || user='s/^user www-data;/user root;/'
    for name in client_body proxy fastcgi uwsgi scgi; do paths+=" ${name}_temp_path $out.$name;"; done
    sed -e "s|/etc/nginx/tsa.pem|$D/server.pem|; s|/etc/nginx/tsa.key|$D/server.key|; s|/etc/nginx/tsa.htpasswd|$D/htpasswd|" \
        -e "s|unix:/run/tsa/http.sock|unix:$D/http.sock|; s|192.0.2.12:3161|127.0.0.1:$THERE|; s|127.0.0.1:3443|127.0.0.1:$TLS|" \
        -e "s|modules/ngx_stream_module.so|$TSA_INPUTS/nginx/ngx_stream_module.so|; s|/run/nginx.pid|$out.pid|" \
        -e "s|/var/log/nginx/access.log|$out.access|; s|^http {|http {$paths|; $user" "$@" \
        "$TSA_SOURCE/conf/proxy/nginx.conf" > "$out"
}

# exec where it stands behind &: so that $! is the program's own number.
haproxy() { LD_LIBRARY_PATH=$TSA_INPUTS/haproxy exec "$TSA_INPUTS/haproxy/haproxy" "$@"; }
nginx() { exec "$TSA_INPUTS/nginx/nginx" -e stderr "$@"; }

free_ports() {
    python3 - "$1" << 'EOF'
import socket, sys
held = [socket.create_server(("127.0.0.1", 0)) for _ in range(int(sys.argv[1]))]
print(*[one.getsockname()[1] for one in held])
EOF
}

make_certificates() {
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "$D/server.key" -out "$D/server.pem" -days 2 \
        -subj /CN=localhost -addext subjectAltName=DNS:localhost,IP:127.0.0.1
    cat "$D/server.pem" "$D/server.key" > "$D/both.pem"
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "$D/ca.key" -out "$D/ca.pem" -days 2 -subj "/CN=clients"
    openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "$D/client.key" -out "$D/client.csr" -subj /CN=builder
    openssl x509 -req -in "$D/client.csr" -CA "$D/ca.pem" -CAkey "$D/ca.key" -set_serial 2 -days 2 -out "$D/client.pem"
} > /dev/null 2>&1

# The lab's unit, two more of the same key, and who is believed; the other authority has a record and a node number of its own.
make_configurations() {
    local unit
    unit=$(sed -n '/^units/,$p' "$LAB/tsa.conf" | sed -n '/{/,/}/p')
    {
        sed '/^units/,$d' "$LAB/tsa.conf"
        echo "clients = { proxies = ( \"unix\" ); proxy_protocol = ( \"127.0.0.1\" ); deny = ( \"127.0.0.66\" ); };"
        echo "tls = { listen = ( \"127.0.0.1:$TLS\" ); certificate = \"$D/server.pem\"; key = \"$D/server.key\"; client_ca = \"$D/ca.pem\"; };"
        echo "units = ( $unit,"
        echo "${unit/\"lab\"/\"drivers\"},"
        echo "${unit/\"lab\"/\"sealed\"}" | sed 's/name = "sealed";/& client_certificate = true; client_names = ( "builder" );/'
        echo ");"
    } > "$LAB/here.conf"
    sed -e '/^tls = /d; s|^clients = .*|clients = { proxies = ( "127.0.0.1" ); };|; s|"run"|"run2"|; s|dir = "ledger"|dir = "ledger2"|' \
        -e "s|^listen = .*|listen = ( \"127.0.0.1:$THERE\" ); node = 2;|; s|client_certificate = .*||" "$LAB/here.conf" > "$LAB/there.conf"
    mv "$LAB/here.conf" "$LAB/tsa.conf"
}

start_there() {
    "$TSA" run -c "$LAB/there.conf" 2>> "$D/there.err" 3>&- &
    echo $! > "$D/there.pid"
}

start_proxies() {
    haproxy_file "$D/haproxy.cfg" -e "s|bind :80$|bind 127.0.0.1:$HAPROXY_PLAIN|; s|bind :443 |bind 127.0.0.1:$HAPROXY_TLS |; s|bind :8443|bind 127.0.0.1:$HAPROXY_PASS|"
    haproxy_file "$D/haproxy-1.cfg" -e "s|bind :80$|bind 127.0.0.1:$HAPROXY_1|; /bind :443 /d; s|bind :8443|bind 127.0.0.1:$HAPROXY_1_PASS|" \
        -e '/server there/d; s/send-proxy-v2/send-proxy/'
    nginx_file "$D/nginx.conf" -e "s|listen 80 |listen 127.0.0.1:$NGINX_PLAIN |; s|listen 443 |listen 127.0.0.1:$NGINX_TLS |; s|listen 8443|listen 127.0.0.1:$NGINX_PASS|"
    nginx_file "$D/nginx-1.conf" -e "s|listen 80 |listen 127.0.0.1:$NGINX_1 |; /listen 443 /d; s|listen 8443|listen 127.0.0.1:$NGINX_1_PASS|" -e '/^ *server 127.*max_fails/d'
    haproxy -f "$D/haproxy.cfg" > "$D/haproxy.log" 2>&1 3>&- &
    echo $! > "$D/haproxy.pid"
    haproxy -f "$D/haproxy-1.cfg" > "$D/haproxy-1.log" 2>&1 3>&- &
    echo $! > "$D/haproxy-1.pid"
    nginx -c "$D/nginx.conf" -g 'daemon off;' > "$D/nginx.log" 2>&1 3>&- &
    echo $! > "$D/nginx.pid"
    nginx -c "$D/nginx-1.conf" -g 'daemon off;' > "$D/nginx-1.log" 2>&1 3>&- &
    echo $! > "$D/nginx-1.pid"
}

wait_ready() { # PORT
    for _ in $(seq 200); do
        if [ "$(curl -s -o /dev/null -w '%{http_code}' "http://127.0.0.1:$1/readyz")" = 200 ]; then return 0; fi
        sleep 0.05
    done
    echo "port $1 does not get ready" >&2
    tail -n 5 "$D"/*.log "$D/there.err" "$LAB.log/err" >&2
    return 1
}

setup_file() {
    if ! [ -x "$TSA_INPUTS/haproxy/haproxy" ] || ! [ -x "$TSA_INPUTS/nginx/nginx" ]; then
        skip_file "no haproxy or nginx below $TSA_INPUTS (conf/install-deps fetch haproxy nginx)"
        return
    fi
    export D=$BATS_FILE_TMPDIR
    lab_start
    lab_stop
    read -r THERE TLS HAPROXY_PLAIN HAPROXY_TLS HAPROXY_PASS HAPROXY_1 HAPROXY_1_PASS NGINX_PLAIN NGINX_TLS NGINX_PASS NGINX_1 NGINX_1_PASS <<< "$(free_ports 12)"
    export THERE TLS HAPROXY_PLAIN HAPROXY_TLS HAPROXY_PASS HAPROXY_1 HAPROXY_1_PASS NGINX_PLAIN NGINX_TLS NGINX_PASS NGINX_1 NGINX_1_PASS
    make_certificates
    make_configurations
    echo "builder:$(openssl passwd -6 secret)" > "$D/htpasswd"
    lab_start --listen "$D/http.sock"
    start_there
    start_proxies
    wait_ready "$THERE"
    for port in "$HAPROXY_PLAIN" "$HAPROXY_1" "$NGINX_PLAIN" "$NGINX_1"; do wait_ready "$port"; done
}

teardown_file() {
    [ -z "${SKIP_REASON:-}" ] || return 0
    local name rc=0
    for name in haproxy haproxy-1 nginx nginx-1 there; do
        if [ -s "$D/$name.pid" ]; then
            kill -TERM "$(cat "$D/$name.pid")" && lab_await_end "$(cat "$D/$name.pid")" || rc=1
        fi
    done
    lab_stop || rc=1
    lab_ended_well "$D/there.err" && [ $rc -eq 0 ]
}

setup() {
    skip_if_told
    cd "$BATS_TEST_TMPDIR" || return 1
    openssl ts -query -data "$LAB/root.pem" -sha256 -cert -out q.tsq 2> /dev/null
}

TSQ='Content-Type: application/timestamp-query'

# ask ARG...: the status; the answer in `body`
ask() { curl -sS -m 30 --cacert "$D/server.pem" -H "$TSQ" --data-binary @q.tsq -o body -w '%{http_code}' "$@"; }

granted() { openssl ts -verify -queryfile q.tsq -in body -CAfile "$LAB/root.pem" -untrusted "$LAB/chain.pem" 2>&1 | grep 'Verification: OK'; }

# value NAME: a number of the authority's own counters
value() { curl -sS --unix-socket "$D/http.sock" http://a/metrics | sed -n "s/^$1 //p"; }

records() { "$TSA" status -c "$LAB/$1.conf" --json | jq .ledger.records; }

probe() { python3 -B "$BATS_TEST_DIRNAME/proxy.py" "http://127.0.0.1:$1/" "$LAB/tsa.conf" "${@:2}"; }

@test "the examples are well-formed" {
    run haproxy -c -f "$D/haproxy.cfg"
    echo "$output"
    [ "$status" -eq 0 ]
    run nginx -t -c "$D/nginx.conf"
    echo "$output"
    [ "$status" -eq 0 ]
    refute grep -E '\[(warn|error|crit|alert|emerg)\]' <<< "$(grep -v 'worker_connections exceed' <<< "$output")"
    # What is replaced for the tests stands there, and has been replaced.
    for word in 'bind :80' 'bind :443' 'bind :8443' 'unix@/run/tsa/http.sock' '192.0.2.12:3161' '127.0.0.1:3443'; do
        grep -qF -- "$word" "$TSA_SOURCE/conf/proxy/haproxy.cfg"
    done
    refute grep -E '192\.0\.2\.12:|/run/tsa|/etc/(nginx|haproxy)' <(grep -v '^ *#' "$D/haproxy.cfg" "$D/nginx.conf")
}

@test "HAProxy: every case of the table, the same verdict" {
    run probe "$HAPROXY_1" haproxy
    echo "$output"
    [ "$status" -eq 0 ]
    [[ "${lines[-1]}" == *" 0 wrong" ]]
}

@test "nginx: every case of the table, the same verdict" {
    run probe "$NGINX_1" nginx
    echo "$output"
    [ "$status" -eq 0 ]
    [[ "${lines[-1]}" == *" 0 wrong" ]]
}

@test "while tricks are tried, others get the answers to their own requests" {
    local only=(--only length)
    [ -z "${TSA_LONG:-}" ] || only=()
    for proxy in "$HAPROXY_1 haproxy" "$NGINX_1 nginx"; do
        run probe ${proxy% *} ${proxy#* } --crowd 4 "${only[@]}"
        echo "$output"
        [ "$status" -eq 0 ]
    done
}

@test "clients share few connections to the authority" {
    local port before started
    for port in "$HAPROXY_1" "$NGINX_1"; do
        started=$SECONDS
        before=$(value tsa_connections_accepted_total)
        for _ in $(seq 30); do [ "$(ask "http://127.0.0.1:$port/")" = 200 ]; done
        # The health checks of two proxies, once a second, and this question come with connections of their own.
        [ $(($(value tsa_connections_accepted_total) - before)) -le $((8 + 3 * (SECONDS - started))) ]
    done
}

@test "plain for signtool, TLS for others, both protocols" {
    local url
    openssl rand 256 > blob
    # An Authenticode request: SpcTimeStampRequest over the 256 octets of a signature.
    {
        printf '\x30\x82\x01\x23\x06\x0a\x2b\x06\x01\x04\x01\x82\x37\x03\x02\x01\x30\x82\x01\x13'
        printf '\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x01\xa0\x82\x01\x04\x04\x82\x01\x00'
        cat blob
    } | base64 -w 64 > legacy.b64
    for url in "http://127.0.0.1:$HAPROXY_PLAIN/" "https://127.0.0.1:$HAPROXY_TLS/" "http://127.0.0.1:$NGINX_PLAIN/" "https://127.0.0.1:$NGINX_TLS/"; do
        [ "$(ask "$url")" = 200 ] || { echo "$url"; cat body; false; }
        granted
        [ "$(curl -sS --cacert "$D/server.pem" -H 'Content-Type: application/octet-stream' --data-binary @legacy.b64 -o body -w '%{content_type}' "$url")" = application/octet-stream ]
        base64 -d body | openssl cms -verify -inform DER -CAfile "$LAB/root.pem" -purpose any -binary -out content
        cmp content blob
        [ "$(curl -sS -o /dev/null -w '%{http_code}' --cacert "$D/server.pem" "${url}metrics")" = 404 ]
    done
    # No HTTP/2, neither offered nor taken unasked.
    for url in "https://127.0.0.1:$HAPROXY_TLS/" "https://127.0.0.1:$NGINX_TLS/"; do
        [ "$(curl -sS -o /dev/null -w '%{http_version}' --cacert "$D/server.pem" --http2 "${url}readyz")" = 1.1 ]
    done
}

@test "a password for one unit: 401 without and with a wrong one, a token with the right one, no way round" {
    local before port tls path
    for port in "$HAPROXY_PLAIN $HAPROXY_TLS" "$NGINX_PLAIN $NGINX_TLS"; do
        tls=https://127.0.0.1:${port#* }
        port=${port% *}
        before=$(($(records tsa) + $(records there)))
        [ "$(ask "$tls/drivers")" = 401 ]
        [ "$(ask -u builder:wrong "$tls/drivers")" = 401 ]
        [ "$(ask -u nobody:secret "$tls/drivers")" = 401 ]
        [ "$(ask -u builder:secret "http://127.0.0.1:$port/drivers")" = 307 ]
        for path in /drivers/ //drivers /./drivers /x/../drivers /%64rivers /drivers?x /drivers%2f /drivers/. /Drivers http://a/drivers HTTP://A/drivers \
            https://a/drivers /drivers\;x '/drivers#x' '/x?/../drivers'; do
            code=$(ask --path-as-is --request-target "$path" "$tls/")
            [[ "$code" == 40[0-9] ]] || { echo "$tls $path: $code"; false; }
            code=$(ask --path-as-is --request-target "$path" "http://127.0.0.1:$port/")
            [[ "$code" == 40[0-9] || "$code" == 307 ]] || { echo "$port $path: $code"; false; }
        done
        [ $(($(records tsa) + $(records there))) -eq "$before" ]
        [ "$(ask -u builder:secret "$tls/drivers")" = 200 ]
        granted
        # Others need none.
        [ "$(ask "$tls/lab")" = 200 ]
        granted
    done
}

@test "X-Forwarded-For: the client counts, not the proxy, and not what the client writes" {
    local port
    for port in "$HAPROXY_1" "$NGINX_1"; do
        [ "$(ask --interface 127.0.0.5 -A "asks-$port" "http://127.0.0.1:$port/")" = 200 ]
        [ "$(ask --interface 127.0.0.5 -A "lies-$port" -H 'X-Forwarded-For: 127.0.0.66' "http://127.0.0.1:$port/")" = 200 ]
        [ "$(ask --interface 127.0.0.66 -A "denied-$port" "http://127.0.0.1:$port/")" = 403 ]
        [ "$(ask --interface 127.0.0.66 -A "hides-$port" -H 'X-Forwarded-For: 127.0.0.5' "http://127.0.0.1:$port/")" = 403 ]
        for who in asks lies; do grep -q "client=127.0.0.5 .*agent=$who-$port" "$LAB.log/err"; done
        for who in denied hides; do grep -q "client=127.0.0.66 .*agent=$who-$port" "$LAB.log/err"; done
    done
}

@test "PROXY protocol, versions 1 and 2: certificates reach the authority, and so does the client's address" {
    local port
    for port in "$HAPROXY_PASS" "$HAPROXY_1_PASS" "$NGINX_PASS"; do
        [ "$(ask "https://127.0.0.1:$port/sealed")" = 403 ] || { echo "$port"; cat body; false; }
        [ "$(ask --cert "$D/client.pem" --key "$D/client.key" --interface 127.0.0.5 -A "sealed-$port" "https://127.0.0.1:$port/sealed")" = 200 ]
        granted
        grep -q "client=127.0.0.5 .*agent=sealed-$port" "$LAB.log/err"
        [ "$(ask --interface 127.0.0.66 "https://127.0.0.1:$port/")" = 403 ]
    done
    # Who comes without the header is cut off: it is never guessed.
    run ask "https://127.0.0.1:$TLS/"
    [ "$status" -ne 0 ]
}

@test "two authorities behind one address: one may go, and comes back" {
    local port here there
    for port in "$HAPROXY_PLAIN" "$NGINX_PLAIN"; do
        here=$(records tsa)
        there=$(records there)
        for _ in $(seq 10); do [ "$(ask "http://127.0.0.1:$port/")" = 200 ]; done
        [ "$(records tsa)" -gt "$here" ]
        [ "$(records there)" -gt "$there" ]
        kill -TERM "$(cat "$D/there.pid")"
        for _ in $(seq 20); do
            [ "$(ask "http://127.0.0.1:$port/")" = 200 ] || { cat body; false; }
            granted
        done
        lab_await_end "$(cat "$D/there.pid")"
        start_there
        wait_ready "$THERE"
        there=$(records there)
        for _ in $(seq 200); do
            [ "$(ask "http://127.0.0.1:$port/")" = 200 ]
            [ "$(records there)" -eq "$there" ] || break
            sleep 0.1
        done
        [ "$(records there)" -gt "$there" ]
    done
}
