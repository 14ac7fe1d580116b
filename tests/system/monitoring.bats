#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# What conf/monitoring promises against a living authority with several fronts: the alerts and their own tests, the text of /metrics, every name that the
# dashboard and the alerts use, every reason of a refusal; and the access log as JSON, whatever octets a client sends. promtool is Debian's, unpacked
# by `conf/install-deps fetch prometheus`.

load lab

PROMTOOL="$TSA_INPUTS/prometheus/promtool"
CONF="$TSA_SOURCE/conf/monitoring"
TSQ='Content-Type: application/timestamp-query'

# Two starts: the first one makes the configuration.
setup_file() {
    lab_start
    lab_stop
    printf 'fronts = 3;\nlog = { form = "json"; };\n' >> "$LAB/tsa.conf"
    : > "$LAB.log/err"
    lab_start
    openssl ts -query -data "$LAB/root.pem" -sha256 -out "$BATS_FILE_TMPDIR/q.tsq" 2> /dev/null
    openssl ts -query -data "$LAB/root.pem" -sha256 -tspolicy 1.2.3.4 -out "$BATS_FILE_TMPDIR/policy.tsq" 2> /dev/null
    for _ in 1 2 3 4 5; do stamp q.tsq; done
    stamp policy.tsq
    curl -sS -o /dev/null -H 'Content-Type: application/octet-stream' --data-binary rubbish "$URL"
    curl -sS -o /dev/null "${URL}nothing"
}
teardown_file() { lab_stop; }

setup() { cd "$BATS_TEST_TMPDIR" || return 1; }

stamp() { curl -sS --fail -o /dev/null -H "$TSQ" --data-binary "@$BATS_FILE_TMPDIR/$1" "$URL"; }

need_promtool() { [ -x "$PROMTOOL" ] || skip "no promtool (conf/install-deps fetch prometheus)"; }

scrape() { curl -sS --fail "${URL}metrics"; }

# value SERIES FILE
value() { awk -v series="$1" '$1 == series { print $2 }' "$2"; }

# Names of metrics on standard input, without what a histogram adds.
names() { grep -o 'tsa_[a-z0-9_]*' | sed -E 's/_(bucket|sum|count)$//' | sort -u; }

# The expressions of the alerts and of the dashboard, one a line.
alert_expressions() { sed -n 's/^ *expr: //p' "$CONF/tsa-alerts.yml"; }
panel_expressions() { jq -r '.panels[].targets // [] | .[].expr' "$CONF/tsa-dashboard.json"; }

# matcher ALERT LABEL: the regular expression (or the word) that an alert's expression holds a label to.
matchers() { alert_expressions | grep -o "$1=~\?\"[^\"]*\"" | sed -E 's/^[a-z]*=~?"(.*)"$/\1/' | sort -u; }

@test "the alerts are good, and each fires when it should" {
    need_promtool
    "$PROMTOOL" check rules "$CONF/tsa-alerts.yml"
    "$PROMTOOL" test rules "$CONF/tsa-alerts-test.yml"
}

# Words after "tsa" that are no command are found by their help; those of chronyc by its own.
@test "what to do names commands that there are" {
    local command num=0
    grep 'runbook: ' "$CONF/tsa-alerts.yml" > runbooks
    for command in $(grep -oE '\btsa (check|reload|status|run|lab|key|cert|ledger|clock|record)\b' runbooks | sort -u | cut -d ' ' -f 2); do
        "$TSA" "$command" --help > /dev/null
        num=$((num + 1))
    done
    [ "$num" -ge 4 ]
    for command in $(grep -oE '\btsa clock [a-z]+' runbooks | sort -u | cut -d ' ' -f 3); do
        "$TSA" clock "$command" --help > /dev/null || { echo "no tsa clock $command"; false; }
        num=$((num + 1))
    done
    [ "$num" -ge 6 ]
    [ -x "$TSA_INPUTS/chrony/chronyc" ] || skip "no chronyc (conf/install-deps fetch chrony)"
    "$TSA_INPUTS/chrony/chronyc" help > chronyc.help
    for command in $(grep -oE '\bchronyc [a-z]+' runbooks | sort -u | cut -d ' ' -f 2); do
        grep -E "^$command( |\$)" chronyc.help || { echo "no chronyc $command"; false; }
        num=$((num + 1))
    done
    [ "$num" -ge 8 ]
}

@test "every alert says what it is, what it means, what to do, and has a test" {
    local num alert
    num=$(grep -c '^ *- alert: ' "$CONF/tsa-alerts.yml")
    [ "$num" -gt 15 ]
    for word in 'labels: {severity: \(info\|warning\|critical\)}' 'summary: .' 'description: .' 'runbook: .'; do
        [ "$(grep -c "^ *$word" "$CONF/tsa-alerts.yml")" -eq "$num" ] || { echo "not every alert has $word"; false; }
    done
    for alert in $(sed -n 's/^ *- alert: //p' "$CONF/tsa-alerts.yml"); do
        grep "alertname=\"$alert\"" "$CONF/tsa-alerts-test.yml" > found || { echo "no test of $alert"; false; }
    done
}

@test "what a living authority tells is of the format" {
    need_promtool
    scrape > metrics
    run "$PROMTOOL" check metrics < metrics
    [ "$status" -eq 0 ] || { echo "$output"; false; }
    [ -z "$output" ] || { echo "$output"; false; }
    curl -sS -D head -o /dev/null "${URL}metrics"
    grep -i '^Content-Type: text/plain; version=0.0.4' head
}

@test "every metric that the dashboard and the alerts name is there" {
    scrape > metrics
    sed -n 's/^# TYPE \([a-z0-9_]*\) .*/\1/p' metrics | sort > there
    { alert_expressions; panel_expressions; } | names > wanted
    [ "$(wc -l < wanted)" -gt 25 ]
    comm -13 there wanted > missing
    [ ! -s missing ] || { echo "named, but not in /metrics:"; cat missing; false; }
}

@test "every label value that alerts name is one that there is" {
    local word
    scrape > metrics
    for word in $(matchers reason | tr '|' ' '); do
        case $word in *'*') continue ;; esac
        grep -F "\"$word\"" "$TSA_SOURCE/tsa/wire/rc.h" metrics > found || { echo "no reason is called $word"; false; }
    done
    for word in $(matchers state | tr '|' ' '); do
        grep -F "tsa_clock_state{state=\"$word\"}" metrics > found || { echo "no state is called $word"; false; }
    done
    for word in $(matchers kind | tr '|' ' '); do
        # In a laboratory nobody announces a leap second.
        [ "$(value "tsa_clock_leap{kind=\"$word\"}" metrics)" = 0 ] || { echo "no leap second is of kind $word, or it is announced here"; false; }
    done
    [ "$(matchers kind)" = 'insert|delete' ]
    [ "$(value 'tsa_clock_leap{kind="unknown"}' metrics)" = 1 ]
}

@test "every reason of a refusal is covered: the client's by the alert of them all, the authority's by one of its own" {
    local word
    # These two have no matcher, so no reason escapes them.
    alert_expressions | grep -F 'by (instance, unit, reason) (rate(tsa_refusals_total[5m]))'
    alert_expressions | grep -F 'by (instance, reason) (rate(tsa_admission_refused_total[5m]))'
    scrape > metrics
    # What is told before it happens is the authority's own fault.
    sed -n 's/^tsa_refusals_total{.*protocol="authenticode",reason="\([a-z-]*\)"} 0$/\1/p' metrics | sort -u > own
    [ "$(wc -l < own)" -gt 10 ]
    alert_expressions | grep -F tsa_refusals_total | grep -o 'reason=~\?"[^"]*"' | sed -E 's/.*"(.*)"/\1/' > covered
    while read -r word; do
        grep -x -E -f covered <<< "$word" || { echo "no alert covers $word"; false; }
    done < own
}

@test "every reason for which the clock stops has an alert that tells what to do" {
    local word
    scrape > metrics
    sed -n 's/^tsa_clock_stop_reason{reason="\([a-z-]*\)"} [01]$/\1/p' metrics | sort -u > reasons
    grep -o '"clock-[a-z]*"' "$TSA_SOURCE/tsa/wire/rc.h" | tr -d '"' | sort -u > wanted
    diff reasons wanted
    alert_expressions | grep -F tsa_clock_stop_reason | grep -o 'reason=~\?"[^"]*"' | sed -E 's/.*"(.*)"/\1/' | tr '|' '\n' | sort -u > covered
    # A leap second is told by its announcement.
    alert_expressions | grep -F tsa_clock_leap_time_seconds
    echo clock-leap >> covered
    while read -r word; do
        grep -x "$word" covered || { echo "no alert for $word"; false; }
    done < reasons
}

@test "the dashboard: numbers once, no panel over another, all explained, every expression can be read" {
    jq -e '[.panels[].id] | length == (unique | length) and length > 15' "$CONF/tsa-dashboard.json"
    jq -e '[.panels[] | select(.type != "row") | select((.title | length) < 3 or (.description | length) < 5 or (.targets | length) == 0)] == []' \
        "$CONF/tsa-dashboard.json"
    jq -e '[.panels[].gridPos | . as $g | range($g.y; $g.y + $g.h) as $y | range($g.x; $g.x + $g.w) as $x | [$x, $y]] as $cells |
        ($cells | length) == ($cells | unique | length) and all($cells[]; .[0] < 24)' "$CONF/tsa-dashboard.json"
    jq -e '[.panels[].targets // [] | .[] | select(.datasource.uid != "${datasource}")] == []' "$CONF/tsa-dashboard.json"
    need_promtool
    # JSON is YAML; each expression becomes a rule.
    panel_expressions | sed 's/\$__rate_interval/5m/g; s/\$instance/.*/g' |
        jq -R . | jq -s '{groups: [{name: "panels", rules: [to_entries[] | {record: "panel_\(.key)", expr: .value}]}]}' > panels.yml
    run "$PROMTOOL" check rules panels.yml
    [ "$status" -eq 0 ] || { echo "$output"; false; }
    [[ "$output" == *"$(panel_expressions | wc -l) rules found"* ]]
}

@test "whichever front is asked, the sums are the same" {
    local i
    for i in $(seq 12); do scrape > "metrics.$i"; done
    for i in $(seq 12); do
        [ "$(value 'tsa_requests_total{unit="lab",protocol="rfc3161",result="granted"}' "metrics.$i")" -eq 5 ]
        [ "$(value 'tsa_refusals_total{unit="lab",protocol="rfc3161",reason="tsp-policy"}' "metrics.$i")" -eq 1 ]
        [ "$(value 'tsa_http_replies_total{status="404"}' "metrics.$i")" -eq 1 ]
        [ "$(value tsa_front_processes "metrics.$i")" -eq 3 ]
        [ "$(value tsa_ready "metrics.$i")" -eq 1 ]
        [ "$(value tsa_ledger_sequence "metrics.$i")" -eq 5 ]
        [ "$(value tsa_sign_seconds_count "metrics.$i")" -ge 5 ]
        [ "$(value tsa_ledger_sync_seconds_count "metrics.$i")" -ge 1 ]
        [ "$(value tsa_connections_open "metrics.$i")" -ge 1 ]
    done
    # Counted by all of them: the answers of eleven scrapes stand in the twelfth.
    [ "$(value tsa_answer_seconds_count metrics.12)" -ge $(($(value tsa_answer_seconds_count metrics.1) + 11)) ]
    curl -sS --fail "${URL}status.json" > status.json
    jq -e '.fronts == 3 and .requests.rfc3161.granted == 5 and .requests.rfc3161.refused == 1' status.json
}

@test "a front that dies takes its gauges with it, not what it has counted" {
    local before after tries=100
    scrape > before
    kill -KILL "$(lab_pid front)"
    until scrape > after && [ "$(value tsa_front_starts_total after)" -gt "$(value tsa_front_starts_total before)" ]; do
        [ $((tries -= 1)) -gt 0 ] || { echo "no front came back"; false; }
        sleep 0.1
    done
    [ "$(value tsa_front_processes after)" -le 3 ]
    for name in 'tsa_requests_total{unit="lab",protocol="rfc3161",result="granted"}' tsa_answer_seconds_count tsa_connections_accepted_total; do
        before=$(value "$name" before)
        [ "$(value "$name" after)" -ge "$before" ]
    done
}

@test "without an issuer: still told, and why nothing is issued" {
    local issuer
    need_promtool
    issuer=$(lab_pid issuer)
    sleep 1.1 # what the issuer has said last is good for a second
    kill -STOP "$issuer"
    scrape > metrics || { kill -CONT "$issuer"; false; }
    kill -CONT "$issuer"
    [ "$(value tsa_ready metrics)" -eq 0 ]
    [ "$(value tsa_issuer_up metrics)" -eq 0 ]
    [ "$(value 'tsa_not_ready{reason="issuer-silent"}' metrics)" -eq 1 ]
    "$PROMTOOL" check metrics < metrics
}

@test "a scrape is cheap" {
    local best
    for _ in $(seq 20); do
        curl -sS --fail -o /dev/null -w '%{time_total}\n' "${URL}metrics"
    done | sort -n > times
    best=$(head -n 1 times)
    echo "best of 20: $best s"
    awk -v best="$best" -v limit="${TSA_SANITIZED:+0.05}" 'BEGIN { exit !(best <= (limit ? limit : 0.005)) }'
}

@test "pages under load: all are answered, and requests beside them too" {
    local i
    for i in $(seq 300); do
        printf 'url = "%s"\noutput = /dev/null\n' "$URL" "${URL}status.json" "${URL}metrics"
    done > pages
    curl -sS --parallel --parallel-max 16 -K pages -w '%{http_code}\n' > codes 2> errors &
    for i in $(seq 10); do stamp q.tsq; done
    wait $!
    [ "$(wc -l < codes)" -eq 900 ]
    [ "$(sort -u codes)" = 200 ] || { sort codes | uniq -c; cat errors; false; }
}

@test "the access log is JSON whatever a client sends, one object a line" {
    {
        printf 'GET /x"y\\z?a=\x01 HTTP/1.1\r\nHost: a\r\n\r\n'
    } > 1
    printf 'GET /healthz HTTP/1.1\r\nHost: a\r\nUser-Agent: "}\\\xff\xfe\xc2\x9b\xe2\x80\xae\t{\xed\xa0\x80\xf0\x9f\x94\x91\r\nConnection: close\r\n\r\n' > 2
    printf 'G\xffT / HTTP/1.1\r\n\r\n' > 3
    for i in 1 2 3; do python3 -B "$BATS_TEST_DIRNAME/raw.py" "$URL" < $i > out.$i || true; done
    curl -sS -o /dev/null "${URL}$(printf 'u%.0s' $(seq 1500))"
    stamp q.tsq
    grep '"msg":"request"' "$LAB.log/err" > log
    [ "$(jq -s 'length' log)" -eq "$(wc -l < log)" ]
    jq -s -e 'all(.[]; ([.client, .via, .method, .target, .status, .octets, .ms, .unit, .protocol, .result, .serial, .record, .agent,
        .certificate, .tls] | all(type == "string")))' log
    jq -s -e 'any(.[]; .agent | startswith("\"}\\"))' log
    # The serial of the log is the token's.
    curl -sS --fail -o r.tsr -H "$TSQ" --data-binary "@$BATS_FILE_TMPDIR/q.tsq" "$URL"
    serial=$(openssl ts -reply -in r.tsr -text 2> /dev/null | sed -n 's/^Serial number: 0x//p' | tr 'A-F' 'a-f')
    grep -F "\"serial\":\"$serial\"" "$LAB.log/err" | jq -e '.result == "ok" and .protocol == "rfc3161" and .unit == "lab" and .tls == "no"'
    # Each line that granted something names its record, a countersignature's too.
    "$TSA_TOOLS/load" "$URL" --requests 1 --connections 1 --kind authenticode
    "$TSA_TOOLS/ledger_dump" "$LAB/ledger" | jq -c 'select(.kind) | [(.sequence | tostring), .kind, .serial]' | sort > records
    grep '"msg":"request"' "$LAB.log/err" | jq -c 'select(.result == "ok" and .record != "-") | [.record, .protocol, (.serial | sub("^-$"; ""))]' | sort > named
    [ "$(jq -s '[.[] | select(.[1] == "authenticode")] | length' named)" -ge 1 ]
    comm -23 named records > astray
    [ ! -s astray ] || { cat astray; false; }
}
