#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# What a client sees over HTTP, row by row of the table of addresses: both protocols, aliases, views, and every refusal with its status,
# Connection: close and one line that says what to change. Real processes, loopback only.

load lab

setup_file() { lab_start; }
teardown_file() { lab_stop; }

setup() {
    cd "$BATS_TEST_TMPDIR" || return 1
    openssl ts -query -data "$LAB/root.pem" -sha256 -cert -out q.tsq 2> /dev/null
}

TSQ='Content-Type: application/timestamp-query'
OCTETS='Content-Type: application/octet-stream'

# ask PATH CURL-ARGS...: head in `head`, body in `body`, status in $status_code.
ask() {
    local path=$1
    shift
    status_code=$(curl -sS --http1.1 -D head -o body -w '%{http_code}' "$@" "${URL%/}$path")
    tr -d '\r' < head > head.txt
}

field() { sed -n "s/^$1: //Ip" head.txt | tail -n 1; }

expect_status() { [ "$status_code" = "$1" ] || { echo "status $status_code, not $1"; cat head.txt body; return 1; }; }

# A refusal: status, Connection: close, one line of text.
expect_refusal() {
    expect_status "$1" || return 1
    [ "$(field Connection)" = close ] || { echo "no Connection: close"; return 1; }
    [[ "$(field Content-Type)" == text/plain* ]] || { echo "no text"; return 1; }
    [ "$(wc -l < body)" -eq 1 ] || { echo "not one line"; cat body; return 1; }
    [ "$(wc -c < body)" -eq "$(field Content-Length)" ]
}

raw() { python3 -B "$BATS_TEST_DIRNAME/raw.py" "$URL" "$@"; }

# legacy_request FILE: DER of an Authenticode timestamp request for a signature of 256 random octets.
legacy_request() {
    openssl rand 256 > blob
    {
        printf '\x30\x82\x01\x23\x06\x0a\x2b\x06\x01\x04\x01\x82\x37\x03\x02\x01\x30\x82\x01\x13'
        printf '\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x01\xa0\x82\x01\x04\x04\x82\x01\x00'
        cat blob
    } > "$1"
}

# granted REPLY
granted() { openssl ts -verify -queryfile q.tsq -in "$1" -CAfile "$LAB/root.pem" -untrusted "$LAB/chain.pem" 2>&1 | grep 'Verification: OK'; }

# countersigned REPLY: base64 of a PKCS #7 over blob that verifies against the lab.
countersigned() {
    [ "$(wc -l < "$1")" -eq 0 ] || { echo "a line end in the reply"; return 1; }
    base64 -d "$1" > reply.p7 || return 1
    openssl cms -verify -inform DER -in reply.p7 -CAfile "$LAB/root.pem" -purpose any -binary -out content 2> log || { cat log; return 1; }
    cmp content blob
}

@test "POST / with an RFC 3161 body" {
    ask / -H "$TSQ" --data-binary @q.tsq
    expect_status 200
    [ "$(field Content-Type)" = application/timestamp-reply ]
    [ "$(field Content-Length)" -eq "$(wc -c < body)" ]
    [ -z "$(field Transfer-Encoding)" ]
    [ -n "$(field Date)" ]
    granted body
}

@test "POST /UNIT and every alias, both protocols" {
    unit=$(curl -sS "${URL}status.json" | jq -r '.units[0].name')
    legacy_request request.der
    base64 -w 64 request.der > request.b64
    for path in "/$unit" /authenticode /rfc3161 /tsr /tsa /scripts/timestamp.dll /scripts/timstamp.dll /TSS/HttpTspServer; do
        ask "$path" -H "$TSQ" --data-binary @q.tsq
        expect_status 200 || { echo "$path"; false; }
        granted body || { echo "$path"; false; }
        ask "$path" -H "$OCTETS" --data-binary @request.b64
        expect_status 200 || { echo "$path"; false; }
        countersigned body || { echo "$path"; false; }
    done
}

@test "Authenticode bodies in every form met in the wild" {
    legacy_request request.der
    base64 -w 0 request.der > one-line
    base64 -w 64 request.der > columns
    base64 -w 64 request.der | sed 's/$/\r/' > crlf
    { base64 -w 0 request.der; printf '\0'; } > nul
    for form in one-line columns crlf nul request.der; do
        ask / -H "$OCTETS" --data-binary "@$form"
        expect_status 200 || { echo "$form"; false; }
        [ "$(field Content-Type)" = application/octet-stream ]
        countersigned body || { echo "$form"; false; }
    done
}

@test "a wrong media type with a good body is answered" {
    legacy_request request.der
    for type in "$OCTETS" "Content-Type: text/plain" "Content-Type: application/timestamp-query; charset=utf-8" "Content-Type:"; do
        ask / -H "$type" --data-binary @q.tsq
        expect_status 200
        [ "$(field Content-Type)" = application/timestamp-reply ]
        granted body
    done
    ask / -H "$TSQ" --data-binary @request.der
    expect_status 200
    [ "$(field Content-Type)" = application/octet-stream ]
    countersigned body
}

@test "a body that is neither" {
    ask / -H "$TSQ" --data-binary nonsense
    expect_status 200
    [ "$(field Content-Type)" = application/timestamp-reply ]
    openssl ts -reply -in body -text 2> /dev/null > text
    grep -qi 'Status: Rejected' text
    grep -qi 'data submitted has the wrong format' text
    ask / -H "$OCTETS" --data-binary nonsense
    expect_refusal 400
    ask / -H 'Content-Type: text/plain' --data-binary nonsense
    expect_refusal 415
    ask / -H 'Content-Type:' --data-binary ''
    expect_refusal 415
}

@test "a refusal by RFC 3161 is a TimeStampResp with a sentence" {
    openssl ts -query -data "$LAB/root.pem" -sha1 -out sha1.tsq 2> /dev/null
    ask / -H "$TSQ" --data-binary @sha1.tsq
    expect_status 200
    openssl ts -reply -in body -text 2> /dev/null > text
    grep -qi 'Status: Rejected' text
    grep -q 'sha256' text
    grep -q 'signtool: put /td sha256 after /tr' text
    grep -qi 'unrecognized or unsupported algorithm' text
}

@test "?td= is the unit's own digest, or refused" {
    legacy_request request.der
    ask '/?td=sha256' -H "$OCTETS" --data-binary @request.der
    expect_status 200
    countersigned body
    ask '/?td=sha1' -H "$OCTETS" --data-binary @request.der
    expect_refusal 400
    grep -q 'td=sha256' body
    ask '/?anything=else' -H "$TSQ" --data-binary @q.tsq
    expect_status 200
    granted body
}

@test "GET / is a page" {
    ask /
    expect_status 200
    [[ "$(field Content-Type)" == text/html* ]]
    grep -q '<h1>Timestamp authority</h1>' body
    grep -q "signtool timestamp /tr $URL /td sha256" body
    grep -q "signtool timestamp /t $URL" body
    grep -q 'Ready: timestamps are issued.' body
    ask / -H 'Host: evil"><script>'
    expect_refusal 400
    ask / -H 'Host: a%41'
    expect_status 200
    grep -q 'http://YOUR-SERVER/' body
}

@test "certificates to download" {
    ask /chain.pem
    expect_status 200
    cmp body "$LAB/chain.pem" || [ "$(grep -c BEGIN body)" -eq "$(grep -c BEGIN "$LAB/chain.pem")" ]
    ask /root.pem
    [ "$(openssl x509 -in body -noout -fingerprint -sha256)" = "$(openssl x509 -in "$LAB/root.pem" -noout -fingerprint -sha256)" ]
    ask /root.cer
    cmp body "$LAB/root.cer"
    ask /chain.p7b
    openssl pkcs7 -inform DER -in body -print_certs -noout | grep -c '^subject' > count
    [ "$(cat count)" -eq $(($(grep -c BEGIN "$LAB/chain.pem") + 1)) ]
}

@test "health, readiness, status and counters, by GET and HEAD" {
    for path in /healthz /readyz /status.json /metrics / /chain.pem; do
        ask "$path"
        expect_status 200 || { echo "$path"; false; }
        size=$(wc -c < body)
        ask "$path" -I
        expect_status 200
        case $path in # these change from one moment to the next
        /status.json | /metrics | /) ;;
        *) [ "$(field Content-Length)" -eq "$size" ] ;;
        esac
    done
    curl -sS "${URL}status.json" | jq -e '.ready == true and .reason == "ok" and (.units | length) >= 1 and .units[0].lab == true'
    curl -sS "${URL}metrics" > metrics
    grep -q '^tsa_ready 1$' metrics
    grep -Eq '^tsa_requests_total\{unit="[^"]+",protocol="rfc3161",result="granted"\} [1-9]' metrics
}

@test "404 and 405" {
    ask /nothing
    expect_refusal 404
    ask /nothing -X POST --data x
    expect_refusal 404
    ask / -X DELETE
    expect_refusal 405
    [ "$(field Allow)" = "GET, HEAD, POST" ]
    ask /rfc3161
    expect_refusal 405
    [ "$(field Allow)" = POST ]
    ask /healthz --data x
    expect_refusal 405
    [ "$(field Allow)" = "GET, HEAD" ]
}

@test "413 at the limit of the body" {
    head -c 16384 /dev/zero > full
    ask / -H "$OCTETS" -H 'Expect:' --data-binary @full
    expect_refusal 400
    head -c 16385 /dev/zero > over
    ask / -H "$OCTETS" -H 'Expect:' --data-binary @over
    expect_refusal 413
    ask / -H "$OCTETS" -H 'Expect:' -H 'Transfer-Encoding: chunked' --data-binary @over
    expect_refusal 413
}

@test "414 and 431 at the limits of the head" {
    long=$(printf '%*s' 2034 '' | tr ' ' x) # "GET /" and " HTTP/1.1" make 2,048
    ask "/$long"
    expect_refusal 404
    ask "/x$long"
    expect_refusal 414
    ask /healthz -H "X: $(printf '%*s' 9000 '' | tr ' ' y)"
    expect_refusal 431
    fields=()
    for i in $(seq 70); do fields+=(-H "X-$i: 1"); done
    ask /healthz "${fields[@]}"
    expect_refusal 431
}

# expect_raw STATUS [RAW-ARGS...]: sends standard input; one answer of that status, then the end.
expect_raw() {
    local want=$1
    shift
    run raw "$@"
    [ "$status" -eq 0 ] || { echo "not closed: $output"; return 1; }
    [ "$(grep -c '^HTTP/1.1 ' <<< "$output")" -eq 1 ] || { echo "not one answer: $output"; return 1; }
    [[ "$output" == "HTTP/1.1 $want "* ]] || { echo "not $want: $output"; return 1; }
    [[ "$output" == *"Connection: close"* ]]
}

@test "malformed requests are refused, and nothing after them is looked at" {
    after='GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n'
    printf 'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nContent-Length: 30\r\n\r\nabc'"$after" | expect_raw 400
    printf 'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n'"$after" | expect_raw 400
    printf 'POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n'"$after" | expect_raw 501
    printf 'POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0x3\r\nabc\r\n0\r\n\r\n'"$after" | expect_raw 400
    printf 'GET /healthz HTTP/1.1\nHost: a\n\n'"$after" | expect_raw 400
    printf 'GET /healthz HTTP/1.1\r\nHost: a\r\nX: a\0b\r\n\r\n'"$after" | expect_raw 400
    printf 'GET /healthz HTTP/1.1\r\nHost: a\r\n: a\r\n\r\n'"$after" | expect_raw 400
    printf 'GET /healthz HTTP/1.1\r\nHost: a\r\nX : a\r\n\r\n'"$after" | expect_raw 400
    printf 'GET /healthz HTTP/1.1\r\nHost: a\r\nX: a\r\n b\r\n\r\n'"$after" | expect_raw 400
    printf 'GET /healthz HTTP/1.1\r\n\r\n'"$after" | expect_raw 400
    printf 'GET /healthz HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n'"$after" | expect_raw 400
    printf 'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: +3\r\n\r\nabc'"$after" | expect_raw 400
    printf 'GET /healthz HTTP/2.0\r\nHost: a\r\n\r\n'"$after" | expect_raw 505
    printf 'BREW /healthz HTTP/1.1\r\nHost: a\r\n\r\n'"$after" | expect_raw 501
    printf 'POST / HTTP/1.1\r\nHost: a\r\n\r\n'"$after" | expect_raw 411
    printf 'POST / HTTP/1.1\r\nHost: a\r\nExpect: a-miracle\r\nContent-Length: 3\r\n\r\nabc'"$after" | expect_raw 417
    printf '\x16\x03\x01\x02\x00\x01\x00' | expect_raw 400
    printf 'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nabc' | expect_raw 400 --shut
}

@test "408 for a head and for a body that drip, however long they drip" {
    started=$SECONDS
    printf 'POST / HTTP/1.1\r\nHost: a\r\nX: ' | expect_raw 408 --slow 1 --wait 15
    [ $((SECONDS - started)) -le 8 ]
    printf 'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9000\r\n\r\n' | expect_raw 408 --slow 1 --wait 20
}

@test "100-continue, chunks, one octet at a time" {
    ask / -H "$TSQ" -H 'Expect: 100-continue' --data-binary @q.tsq
    expect_status 200
    grep -q '^HTTP/1.1 100 Continue' head.txt
    granted body
    ask / -H "$TSQ" -H 'Transfer-Encoding: chunked' --data-binary @q.tsq
    expect_status 200
    granted body
    printf 'GET /healthz HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n' > get
    raw --single < get | grep -q alive
}

@test "HTTP/1.0 with and without keep-alive" {
    printf 'GET /healthz HTTP/1.0\r\n\r\n' > old
    run raw < old
    [ "$status" -eq 0 ]
    [[ "$output" == *"Connection: close"* ]]
    printf 'GET /healthz HTTP/1.0\r\nConnection: keep-alive\r\n\r\n' > keep
    run raw --wait 1 < keep
    [ "$status" -eq 2 ]
    [[ "$output" == *"Connection: keep-alive"* ]]
}

@test "a pipeline is answered in order" {
    for path in healthz root.pem readyz healthz; do printf 'GET /%s HTTP/1.1\r\nHost: a\r\n\r\n' "$path"; done > pipeline
    printf 'GET /nothing HTTP/1.1\r\nHost: a\r\n\r\nGET /healthz HTTP/1.1\r\nHost: a\r\n\r\n' >> pipeline
    run raw < pipeline
    [ "$status" -eq 0 ]
    [ "$(grep -a -o '^alive\|^-----BEGIN\|^ready\|^there is nothing' <<< "$output" | tr '\n' ' ')" = "alive -----BEGIN ready alive there is nothing " ]
}

@test "1,000 requests on a connection, then it ends" {
    for i in $(seq 1005); do printf 'GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n'; done > many
    run raw --wait 10 < many
    [ "$status" -eq 0 ]
    [ "$(grep -c '^alive' <<< "$output")" -eq 1000 ]
}
