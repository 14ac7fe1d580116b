#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# What the authority shows of itself through each of its doors: the page over TLS names addresses of TLS, counters that have a listener are shown there
# alone, and the access log says for whom a proxy asks and whose certificate a client has, with or without it.

load lab
load tight

setup_file() {
    lab_start
    lab_stop
    make_certificates "$LAB"
    cat >> "$LAB/tsa.conf" << EOF
tls = {
    listen = ( "127.0.0.1:0" );
    certificate = "tls.pem";
    key = "tls.key";
    client_ca = "clients.pem";
};
metrics = { listen = ( "127.0.0.1:0" ); };
clients = { proxies = ( "127.0.0.1" ); };
log = { level = "notice"; };
EOF
    : > "$LAB.log/err"
    lab_start
    export HTTPS METRICS
    HTTPS="https://$("$TSA" status -c "$LAB/tsa.conf" --json | jq -r '.tls[0]')/"
    METRICS="http://$("$TSA" status -c "$LAB/tsa.conf" --json | jq -r '.metrics[0]')/"
}
teardown_file() { lab_stop; }

setup() {
    cd "$BATS_TEST_TMPDIR" || return 1
    openssl ts -query -data "$LAB/root.pem" -sha256 -out q.tsq 2> /dev/null
}

teardown() { [ -z "${TIGHT_PID:-}" ] || tight_stop; }

# A server's certificate, an authority for clients, and a client's certificate of it.
make_certificates() (
    cd "$1" || exit 1
    local ec="-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 30"
    # shellcheck disable=SC2086
    {
        openssl req -x509 $ec -keyout tls.key -out tls.pem -subj /CN=localhost -addext subjectAltName=IP:127.0.0.1
        openssl req -x509 $ec -keyout clients.key -out clients.pem -subj /CN=clients
        openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout client.key -out client.csr -subj "/CN=Build Farm 7"
        openssl x509 -req -in client.csr -CA clients.pem -CAkey clients.key -days 30 -set_serial 7 -out client.pem
    } 2> openssl.log || { cat openssl.log; exit 1; }
)

tls() { curl -sS --cacert "$LAB/tls.pem" "$@"; }

stamp() { curl -sS --fail --cacert "$LAB/tls.pem" -H 'Content-Type: application/timestamp-query' --data-binary @q.tsq -o r.tsr "$@"; }

# logged PATTERN: the last line of the access log that holds it; the line is written after the answer.
logged() {
    local tries=100
    until grep 'msg=request' "$LAB.log/err" | grep -F -- "$1" > found; do
        [ $((tries -= 1)) -gt 0 ] || { echo "not in the log: $1"; tail -n 5 "$LAB.log/err"; return 1; }
        sleep 0.05
    done
    tail -n 1 found
}

@test "asked for over TLS, the page names addresses of TLS; else not" {
    tls --fail -o page.html "$HTTPS"
    grep -F "signtool timestamp /tr $HTTPS /td sha256" page.html
    grep -F "tsclient stamp --tr $HTTPS " page.html
    refute grep -F 'http://' page.html
    curl -sS --fail -o page.html "$URL"
    grep -F "signtool timestamp /tr $URL /td sha256" page.html
    refute grep -F 'https://' page.html
}

@test "counters with a listener of their own are shown there alone" {
    curl -sS --fail "${METRICS}metrics" > metrics
    grep '^tsa_ready 1$' metrics
    grep "^tsa_tls_certificate_not_after_seconds $(date -d "$(openssl x509 -in "$LAB/tls.pem" -noout -enddate | cut -d= -f2)" +%s)\$" metrics
    [ "$(curl -sS -o /dev/null -w '%{http_code}' "${URL}metrics")" = 404 ]
    [ "$(tls -o /dev/null -w '%{http_code}' "${HTTPS}metrics")" = 404 ]
    [ "$(curl -sS -o /dev/null -w '%{http_code}' "${METRICS}readyz")" = 200 ]
    [ "$(curl -sS -o /dev/null -w '%{http_code}' "$METRICS")" = 404 ]
    curl -sS --fail -o page.html "$URL"
    refute grep -F 'href="/metrics"' page.html
    grep -F 'href="/status.json"' page.html
}

@test "every door's connections and answers are in one sum" {
    curl -sS --fail "${METRICS}metrics" > before
    curl -sS -o /dev/null "${URL}healthz"
    tls -o /dev/null "${HTTPS}healthz"
    curl -sS --fail "${METRICS}metrics" > after
    sum() { awk -v name="$1" '$1 == name { print $2 }' "$2"; }
    [ "$(sum 'tsa_http_replies_total{status="200"}' after)" -ge $(($(sum 'tsa_http_replies_total{status="200"}' before) + 3)) ]
    [ "$(sum tsa_connections_accepted_total after)" -ge $(($(sum tsa_connections_accepted_total before) + 3)) ]
}

@test "the access log: for whom a proxy asks" {
    stamp -H 'X-Forwarded-For: 198.51.100.7' -A proxied "$URL"
    run logged agent=proxied
    [[ "$output" == *" client=198.51.100.7 via=127.0.0.1 method=POST target=/ status=200 "*" unit=lab protocol=rfc3161 result=ok serial="*" tls=no" ]]
    stamp -A direct "$URL"
    run logged agent=direct
    [[ "$output" == *" client=127.0.0.1 via=- "* ]]
    # What HTTP itself refuses has a word too.
    curl -sS -o /dev/null -A nowhere "${URL}nowhere"
    run logged agent=nowhere
    [[ "$output" == *" status=404 "*" unit=- protocol=- result=not-found "* ]]
    curl -sS -o /dev/null -A twice -H 'Content-Length: 1' -H 'Content-Length: 2' "$URL"
    run logged status=400
    [[ "$output" == *" result=malformed-http "* ]]
}

@test "the access log: TLS, and the name in the client's certificate" {
    stamp -A bare "$HTTPS"
    run logged agent=bare
    [[ "$output" == *" certificate=- tls=yes" ]]
    stamp -A known --cert "$LAB/client.pem" --key "$LAB/client.key" "$HTTPS"
    run logged agent=known
    [[ "$output" == *" certificate=\"Build Farm 7\" tls=yes" ]]
}

@test "a client's certificate that is no good ends the handshake, not the front" {
    local front
    front=$(lab_pid front)
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout s.key -out s.pem -subj /CN=stranger -days 3 2> log
    faketime 2020-01-01 openssl x509 -req -in "$LAB/client.csr" -CA "$LAB/clients.pem" -CAkey "$LAB/clients.key" -days 3 -set_serial 8 -out old.pem 2> log
    refute tls -o /dev/null --cert s.pem --key s.key "${HTTPS}healthz"
    refute tls -o /dev/null --cert old.pem --key "$LAB/client.key" "${HTTPS}healthz"
    tls --fail -o /dev/null --cert "$LAB/client.pem" --key "$LAB/client.key" "${HTTPS}healthz"
    [ "$(lab_pid front)" = "$front" ]
}

@test "what the clock rests on: on the page and in status.json, by the names of tsa status" {
    curl -sS --fail -o page.html "$URL"
    grep -F '<td id="clock">good; not proven: the host is trusted</td>' page.html
    grep -F '<td id="source">system</td>' page.html
    for id in bound age since; do grep -F "<td id=\"$id\">" page.html; done
    refute grep -F 'id="lab-time"' page.html
    curl -sS --fail "${URL}status.json" | jq .clock > there.json
    "$TSA" status -c "$LAB/tsa.conf" --json | jq .clock > here.json
    # The other way round there may be more: the file, the servers.
    jq -e -n --slurpfile there there.json --slurpfile here here.json '($there[0] | keys) - ($here[0] | keys) == []' || { cat there.json here.json; false; }
    for name in state reason text figure_ns proof proven stratum reference leap leap_at changes ahead_ns; do
        [ "$(jq -c ".$name" there.json)" = "$(jq -c ".$name" here.json)" ] || { echo "$name"; cat there.json here.json; false; }
    done
    jq -e '.state == "sync" and .reason == null and .proof == "trusted" and (.since | type) == "string"' there.json
}

@test "lab time stands above everything: page, title, status.json, /metrics; the log keeps the machine's" {
    local main_url=$URL main_pid=$LAB_PID main_lab=$LAB
    LAB=$BATS_TEST_TMPDIR/elsewhere
    lab_start --shift +400d
    curl -sS --fail -D head -o page.html "$URL" && curl -sS --fail -o status.json "${URL}status.json" && curl -sS --fail -o metrics "${URL}metrics"
    stamp "$URL"
    grep 'msg=request' "$LAB.log/err" | tail -n 1 > line
    lab_stop
    URL=$main_url LAB_PID=$main_pid LAB=$main_lab
    grep -F '<title>LAB TIME - Timestamp authority</title>' page.html
    grep -F '<td id="clock">set for a laboratory; not proven: lab time</td>' page.html
    grep -F '<p id="lab-time" class="lab"><strong>This is not the real time.</strong> This authority shows <span id="lab-clock">lab time +400 d</span>' page.html
    # Before anything else.
    [ "$(grep -n 'id="lab-time"' page.html | cut -d : -f 1)" -lt "$(grep -n '<h1>' page.html | cut -d : -f 1)" ]
    jq -e '.clock.proof == "lab-time" and .clock.proven == false and .clock.reference == "lab time +400 d"' status.json
    grep -x 'tsa_clock_lab_time 1' metrics
    grep -x 'tsa_clock_proven 0' metrics
    openssl ts -reply -in r.tsr -text 2> /dev/null > text
    grep -F 'Policy OID: 2.999.3161.2' text
    [ "$(date -d "$(sed -n 's/^Time stamp: //p' text)" +%s)" -gt $(($(date +%s) + 399 * 86400)) ]
    # What concerns the machine is told by its own time.
    grep -F "time=$(date -u +%Y-)" line
    [ "$(jq -r .time status.json | cut -c 1-10)" = "$(date -u +%Y-%m-%d)" ] || [ "$(date -u +%H)" = 00 ]
    grep -i "^date: .* $(date -u +%Y) " head
    # Days are those of the clock that the units go by.
    jq -e '.lab_time == "lab time +400 d" and .units[0].certificate.days_left > 3500 and .units[0].certificate.days_left < 3700' status.json
}

@test "a clock that is not good enough for one of two units: who looks is told which refuses, and what to do; and when it is stopped" {
    LAB=$BATS_TEST_TMPDIR/tight # of this test alone; it ends in teardown
    tight_start 0.001
    tight_await '.clock.state == "sync"'
    curl -sS --fail -o page.html "$URL"
    grep -F '<p id="state" class="good">' page.html
    refute grep -F 'id="advice"' page.html
    grep -F '; proven</td>' page.html
    [ "$(curl -sS --fail "${URL}readyz")" = ready ]
    # Another unit's accuracy is kept: ready, and amber.
    tight_says 0.06
    tight_await '.clock.state == "warn" and .units[0].issues == "none"'
    jq -e '.ready and .units[0].issues_reason == "clock-bound" and .units[0].clock_room_ns < 0 and
        .units[1].issues == "all" and .units[1].issues_reason == null and .units[1].clock_room_ns > 900000000' <(curl -sS "${URL}status.json")
    [ "$(curl -sS -o ready -w '%{http_code}' "${URL}readyz")" = 200 ]
    grep -E '^ready, but unit lab refuses every request: the clock may be wrong by 6[0-9.]* ms, .* it declares 50 ms$' ready
    curl -sS --fail -o page.html "$URL"
    grep -E '<p id="state" class="warn">Ready, with a warning: timestamps are issued, but .*unit lab refuses every request: the clock may be wrong by 6' page.html
    grep -F '<p id="advice">For who runs it: tsa clock status' page.html
    curl -sS --fail -o metrics "${URL}metrics"
    grep -E '^tsa_unit_clock_room_seconds\{unit="lab"\} -0\.01' metrics
    grep -E '^tsa_unit_clock_room_seconds\{unit="wide"\} 0\.9' metrics
    grep -x 'tsa_ready 1' metrics
    # It is as it says.
    stamp "$URL"
    openssl ts -reply -in r.tsr -text 2> /dev/null > text || true
    grep -F 'Status: Rejected' text
    stamp "${URL}wide"
    openssl ts -reply -in r.tsr -text 2> /dev/null > text
    grep -F 'Status: Granted' text
    # Nothing is proven by a clock that is stopped.
    tight_says 2
    tight_await '.clock.state == "stop"'
    curl -sS --fail -o page.html "$URL"
    grep -F '<p id="state" class="bad">Not ready: ' page.html
    grep -F '<p id="advice">For who runs it: tsa clock status' page.html
    grep '<td id="clock">stopped: ' page.html > row
    refute grep -F proven row
    [ "$(curl -sS -o ready -w '%{http_code}' "${URL}readyz")" = 503 ]
}

# The last one: what a test starts is unknown to the others, so that it ends the authority here.
@test "the access log does not depend on the level, and can be switched off" {
    grep 'msg=request' "$LAB.log/err" > lines
    refute grep 'level=info' <(grep -v 'msg=request' "$LAB.log/err")
    lab_stop
    sed -i 's/log = { level = "notice"; };/log = { access = false; };/' "$LAB/tsa.conf"
    : > "$LAB.log/err"
    lab_start
    curl -sS -o /dev/null "${URL}healthz"
    stamp "$URL"
    lab_stop
    refute grep 'msg=request' "$LAB.log/err"
}
