#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# HTTPS: which versions and ciphers are spoken, which clients' certificates open which unit, what a reload changes, and what becomes of those
# who do not finish a handshake or speak something else. The server's certificate is made here: the lab authority makes none.

load lab

# certificate NAME SUBJECT [ARG...]: NAME.pem and NAME.key, self-signed unless the arguments say by whom
certificate() {
    local name=$1 subject=$2
    shift 2
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "$LAB/$name.key" -out "$LAB/$name.pem" -subj "/CN=$subject" "$@" 2> /dev/null
}

# client NAME SUBJECT CA DAYS: a certificate that CA has given to a client
client() {
    openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "$LAB/$1.key" -out "$LAB/$1.csr" -subj "$2" 2> /dev/null
    openssl x509 -req -in "$LAB/$1.csr" -CA "$LAB/$3.pem" -CAkey "$LAB/$3.key" -set_serial 77 -days "$4" -out "$LAB/$1.pem" 2> /dev/null
    cat "$LAB/$1.pem" "$LAB/$1.key" > "$LAB/$1.both"
}

server_certificate() { certificate "$1" localhost -days 2 -addext subjectAltName=DNS:localhost,IP:127.0.0.1; }

setup_file() {
    lab_start
    lab_stop
    server_certificate server
    certificate clients "Clients" -days 2
    certificate others "Others" -days 2
    client builder "/O=Lab/CN=builder" clients 2
    client guest /CN=guest clients 2
    client stranger /CN=builder others 2
    client expired /CN=builder clients -1
    local unit
    unit=$(sed -n '/^units/,$p' "$LAB/tsa.conf" | sed -n '/{/,/}/p')
    sed -i '/^units/,$d' "$LAB/tsa.conf"
    cat >> "$LAB/tsa.conf" << EOF
tls = {
    listen = ( "127.0.0.1:0" );
    certificate = "server.pem";
    key = "server.key";
    client_ca = "clients.pem";
    min_version = "1.2";
};
deadlines = { handshake = "1 s"; };
units = ( $unit,
$(sed 's/name = "lab";/name = "sealed"; client_certificate = true;/' <<< "$unit"),
$(sed 's/name = "lab";/name = "named"; client_certificate = true; client_names = ( "somebody", "builder" );/' <<< "$unit")
);
EOF
    lab_start
    export TLS_URL TLS_PORT
    TLS_PORT=$(status '.tls[0]' | sed 's/.*://')
    TLS_URL=https://localhost:$TLS_PORT/
}
teardown_file() { lab_stop; }

setup() {
    cd "$BATS_TEST_TMPDIR" || return 1
    openssl ts -query -data "$LAB/root.pem" -sha256 -cert -out q.tsq 2> /dev/null
}

status() { "$TSA" status -c "$LAB/tsa.conf" --json | jq -r "$1"; }

# ask PATH ARG...: the status; the answer in `body`
ask() {
    local path=$1
    shift
    curl -sS -m 30 --cacert "$LAB/server.pem" -H 'Content-Type: application/timestamp-query' --data-binary @q.tsq -o body -w '%{http_code}' "$@" \
        "${TLS_URL%/}$path"
}

granted() { openssl ts -verify -queryfile q.tsq -in body -CAfile "$LAB/root.pem" -untrusted "$LAB/chain.pem" 2>&1 | grep 'Verification: OK'; }

# s_client ARG...: what openssl says of a connection that asks for /healthz
s_client() {
    printf 'GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n' |
        timeout 20 openssl s_client -connect "127.0.0.1:$TLS_PORT" -servername localhost -CAfile "$LAB/server.pem" -ign_eof "$@" 2>&1
}

@test "TLS 1.2 and 1.3 are spoken, with a token at the end" {
    for version in 1.2 1.3; do
        [ "$(ask / --tlsv$version --tls-max $version)" = 200 ]
        granted
        [ "$(s_client -tls"${version/./_}" | sed -n 's/^New, \(TLSv[0-9.]*\), Cipher.*/\1/p')" = "TLSv$version" ]
    done
}

@test "TLS 1.0 and 1.1 are not, nor ciphers without forward secrecy or authenticated encryption" {
    # The client would, and is told by an alert.
    for args in "-tls1_1 -cipher ALL:@SECLEVEL=0" "-tls1 -cipher ALL:@SECLEVEL=0" "-tls1_2 -cipher AES128-GCM-SHA256:AES256-SHA:@SECLEVEL=0" \
        "-tls1_2 -cipher ECDHE-ECDSA-AES128-SHA256:@SECLEVEL=0"; do
        # shellcheck disable=SC2086
        run s_client $args
        [[ "$output" == *alert* ]] || { echo "$args: $output"; false; }
        [[ "$output" != *alive* ]]
    done
    run s_client -tls1_2 -cipher ECDHE-ECDSA-AES128-GCM-SHA256
    [[ "$output" == *alive* ]]
}

@test "no renegotiation, no tickets, no sessions, no compression, no HTTP/2" {
    run s_client -tls1_2 -alpn h2,http/1.1
    [[ "$output" == *alive* ]]
    [[ "$output" == *"Compression: NONE"* ]]
    [[ "$output" != *"TLS session ticket:"* ]]
    [[ "$output" != *"ALPN protocol: h2"* ]]
    [ "$(curl -sS --cacert "$LAB/server.pem" --http2 -o /dev/null -w '%{http_version}' "${TLS_URL}healthz")" = 1.1 ]
    run s_client -tls1_3
    [[ "$output" == *alive* ]]
    [[ "$output" != *"Post-Handshake New Session Ticket"* ]]
    # R at the start of a line asks s_client to renegotiate.
    run timeout 20 bash -c "(sleep 0.5; echo R; sleep 1; printf 'GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n'; sleep 1) |
        openssl s_client -connect 127.0.0.1:$TLS_PORT -tls1_2 -crlf 2>&1"
    [[ "$output" == *"no renegotiation"* ]] || { echo "$output"; false; }
    [[ "$output" != *alive* ]]
}

@test "a unit that wants a certificate: told without one, a token with one" {
    [ "$(ask /sealed)" = 403 ]
    grep -q 'wants a client certificate, and none was shown' body
    [ "$(wc -l < body)" -eq 1 ]
    [ "$(ask /sealed --cert "$LAB/guest.both")" = 200 ]
    granted
    [ "$(ask /named --cert "$LAB/guest.both")" = 403 ]
    grep -q 'does not know the name in that client certificate' body
    [ "$(ask /named --cert "$LAB/builder.both")" = 200 ]
    granted
    # Who need none may have one; and plain HTTP is no way round.
    [ "$(ask / --cert "$LAB/guest.both")" = 200 ]
    for unit in sealed named; do
        [ "$(curl -sS -H 'Content-Type: application/timestamp-query' --data-binary @q.tsq -o body -w '%{http_code}' "$URL$unit")" = 403 ]
        grep -q 'ask at an https:// address' body
    done
    [ "$(curl -sS -H 'X-Client-Cert: CN=builder' -H 'Content-Type: application/timestamp-query' --data-binary @q.tsq -o body -w '%{http_code}' "${URL}named")" = 403 ]
}

@test "certificates of others, or from another time, end the handshake" {
    before=$(status .ledger.records)
    for name in stranger expired; do
        for version in 1.2 1.3; do
            run ask /sealed --tlsv$version --tls-max $version --cert "$LAB/$name.both"
            [ "$status" -ne 0 ] || { echo "$name by TLS $version: $output"; false; }
        done
    done
    # One that is no client's: its purpose is another.
    openssl x509 -req -in "$LAB/guest.csr" -CA "$LAB/clients.pem" -CAkey "$LAB/clients.key" -set_serial 78 -days 2 \
        -extfile <(echo extendedKeyUsage=serverAuth) -out server-only.pem 2> /dev/null
    run ask /sealed --cert server-only.pem --key "$LAB/guest.key"
    [ "$status" -ne 0 ]
    [ "$(status .ledger.records)" -eq "$before" ]
    [ "$(ask /sealed --cert "$LAB/builder.both")" = 200 ]
}

@test "who asks stands in the log" {
    [ "$(ask /named --cert "$LAB/builder.both" -A who-asks)" = 200 ]
    grep 'agent=who-asks' "$LAB.log/err" > line
    grep -q 'certificate=builder' line
    grep -q 'tls=yes' line
}

@test "tsclient, curl and Java by https" {
    head -c 1000 /dev/urandom > file
    "$TSCLIENT" stamp --detached --tr "$TLS_URL" --cacert "$LAB/server.pem" --ca "$LAB/root.pem" file
    openssl ts -verify -data file -in file.tsr -CAfile "$LAB/root.pem" -untrusted "$LAB/chain.pem"
    cp file other
    "$TSCLIENT" stamp --detached --tr "${TLS_URL}named" --cert "$LAB/builder.both" --cacert "$LAB/server.pem" --ca "$LAB/root.pem" other
    [ -s other.tsr ]
    cp file third
    run "$TSCLIENT" stamp --detached --tr "${TLS_URL}named" --cacert "$LAB/server.pem" --ca "$LAB/root.pem" third
    [ "$status" -ne 0 ]
    [[ "$output" == *certificate* ]]
    # Who does not know the server's certificate does not trust it.
    run "$TSCLIENT" stamp --detached --retry 0 --tr "$TLS_URL" --ca "$LAB/root.pem" third
    [ "$status" -eq 3 ]
}

@test "jarsigner -tsa by https" {
    command -v jarsigner > /dev/null || skip "jarsigner is not installed (conf/install-deps interop)"
    mkdir content && head -c 2000 /dev/urandom > content/data
    (cd content && python3 -m zipfile -c ../app.jar data)
    for name in server:"$LAB/server.pem" lab:"$LAB/root.pem"; do
        keytool -importcert -noprompt -alias "${name%%:*}" -file "${name#*:}" -keystore trust.p12 -storetype PKCS12 -storepass changeit
    done
    alias=$(keytool -list -keystore "$LAB/codesign.pfx" -storetype PKCS12 -storepass lab 2> /dev/null | sed -n 's/^\([^,]*\),.*PrivateKeyEntry.*/\1/p' | head -n 1)
    run jarsigner -J-Djavax.net.ssl.trustStore=trust.p12 -J-Djavax.net.ssl.trustStorePassword=changeit -keystore "$LAB/codesign.pfx" \
        -storetype PKCS12 -storepass lab -tsa "$TLS_URL" app.jar "$alias"
    [ "$status" -eq 0 ] || { echo "$output"; false; }
    run jarsigner -verify -verbose -certs -keystore trust.p12 -storepass changeit app.jar
    [[ "$output" == *"jar verified"* ]]
    [[ "$output" == *"imestamp"* && "$output" != *"no timestamp"* ]] || { echo "$output"; false; }
}

@test "plain HTTP spoken to HTTPS, and the other way round" {
    run curl -sS -m 20 "http://127.0.0.1:$TLS_PORT/healthz"
    [[ "$output" != *alive* ]]
    run curl -sS -m 20 -k "https://${URL#http://}healthz"
    [ "$status" -ne 0 ]
    [ "$(ask /)" = 200 ]
    # Why stands in the log; of what comes at once, once.
    sleep 1.1
    run curl -sS -m 20 "http://127.0.0.1:$TLS_PORT/healthz"
    grep -q 'level=info.*a TLS handshake with 127.0.0.1 failed: the client speaks plain HTTP' "$LAB.log/err"
    sleep 1.1
    run ask /sealed --cert "$LAB/stranger.both"
    grep -q "level=info.*a TLS handshake with 127.0.0.1 failed: the client's certificate is not verified: " "$LAB.log/err"
}

@test "a handshake has its time as a whole: silent and dripping clients are let go" {
    run python3 - "$TLS_PORT" << 'EOF'
import socket, sys, time
hello = bytes.fromhex("16030100f0010000ec0303") + bytes(200)
for drip in (False, True):
    client = socket.create_connection(("127.0.0.1", int(sys.argv[1])), 20)
    start, sent = time.monotonic(), 0
    client.settimeout(0.1)
    while True:
        try:
            if drip and sent < len(hello):
                client.send(hello[sent : sent + 1])
                sent += 1
            if not client.recv(100):
                break
        except TimeoutError:
            pass
        except ConnectionError:
            break
        assert time.monotonic() - start < 10, "still there"
    lasted = time.monotonic() - start
    assert lasted >= 0.9, f"cut off after {lasted}"
    print("let go")
EOF
    echo "$output"
    [ "$status" -eq 0 ]
    [ "$output" = $'let go\nlet go' ]
}

@test "a reload changes the certificate: new connections see it, old ones go on" {
    before=$(openssl x509 -in "$LAB/server.pem" -noout -fingerprint -sha256)
    presented() { s_client | openssl x509 -noout -fingerprint -sha256; }
    [ "$(presented)" = "$before" ]
    mkfifo go
    python3 - "$TLS_PORT" "$LAB/server.pem" go > old 2>&1 3>&- << 'EOF' &
import socket, ssl, sys
tls = ssl.create_default_context(cafile=sys.argv[2])
client = tls.wrap_socket(socket.create_connection(("127.0.0.1", int(sys.argv[1])), 30), server_hostname="localhost")
def ask():
    client.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
    answer = b""
    while not answer.endswith(b"alive\n"):
        octets = client.recv(4096)
        assert octets, answer
        answer += octets
    print("answered", flush=True)
ask()
open(sys.argv[3]).read()
ask()
EOF
    old=$!
    for _ in $(seq 200); do grep -q answered old && break; sleep 0.05; done
    cp "$LAB/server.pem" kept.pem
    cp "$LAB/server.key" kept.key
    server_certificate server
    [ "$(presented)" = "$before" ]
    "$TSA" reload --wait -c "$LAB/tsa.conf"
    after=$(openssl x509 -in "$LAB/server.pem" -noout -fingerprint -sha256)
    [ "$after" != "$before" ]
    [ "$(presented)" = "$after" ]
    [ "$(ask /)" = 200 ]
    granted
    echo > go
    wait "$old" || { cat old; false; }
    [ "$(grep -c answered old)" -eq 2 ]
    # A key that is not the certificate's is refused, and what runs stays.
    cp kept.key "$LAB/server.key"
    run "$TSA" reload --wait -c "$LAB/tsa.conf"
    [ "$status" -ne 0 ]
    [[ "$output" == *key*certificate* ]] || { echo "$output"; false; }
    [ "$(presented)" = "$after" ]
    cp kept.pem "$LAB/server.pem"
    # And 1.3 alone, from now on.
    sed -i 's/min_version = "1.2"/min_version = "1.3"/' "$LAB/tsa.conf"
    "$TSA" reload --wait -c "$LAB/tsa.conf"
    run s_client -tls1_2
    [[ "$output" != *alive* ]]
    run s_client -tls1_3
    [[ "$output" == *alive* ]]
}
