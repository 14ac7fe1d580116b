#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# More connections than there are descriptors, and more from one address than it may have: no spinning, no crash, no flood of log lines; who
# comes after it is answered at once. And what several fronts count together is one truth. TSA_LONG=1: larger, with strict bounds.

load lab
load crowd

PATIENT='deadlines = { header = "1 min"; keep_alive = "5 min"; write = "1 min"; };'

setup_file() { export LAB=$BATS_FILE_TMPDIR/lab; }
setup() { cd "$BATS_TEST_TMPDIR" || return 1; }
teardown() { lab_stop; }

# told PATTERN: lines of the log that have it
told() { grep -c "$1" "$LAB.log/err" || true; }

get() { curl -sS -m "$1" -o answer -D head -w '%{http_code}' "${@:3}" "${URL}$2"; }

# flood KIND NUM: they come, and stay. The front is full, and more wait at the door: that must not cost anything. Who comes then
# waits for his turn behind those; who comes after it does not.
flood() {
    local crowd percent begin lines
    lines=$(told 'no connection is accepted')
    begin=$SECONDS
    crowd slow "$URL" -n "$2" --kinds "$1" --seconds 8 > "$1.json" 3>&- &
    crowd=$!
    sleep 3
    percent=$(cpu_percent 3)
    figure "$2 of kind $1 at 256 descriptors: $percent % of a processor"
    less "$percent" "$(if is_strict; then echo 5; else echo 40; fi)"
    wait "$crowd"
    crowd ask "$URL" --rate 10 --seconds 1 --timeout "$(if is_strict; then echo 1; else echo 10; fi)" > ask.json
    figure "after it: $(jq -c .ms ask.json)"
    holds ask.json '.granted == .sent'
    lines=$(($(told 'no connection is accepted') - lines))
    figure "$lines lines of log in $((SECONDS - begin)) s"
    [ "$lines" -le $((SECONDS - begin + 2)) ]
}

@test "256 descriptors: floods of the silent, the idle and the unread" {
    lab_with_limit 256 "clients = { connections = 0; }; $PATIENT"
    local fronts kind num
    fronts=$(lab_fronts) num=$(long_or 4000 600)
    grep 'the limit on open files is 256' "$LAB.log/err"
    for kind in silent asked read; do flood "$kind" "$num"; done
    holds asked.json ".kinds.asked.answers[\"HTTP/1.1 200\"] == $num"
    [ "$(lab_fronts)" = "$fronts" ]
    [ "$(told 'died')" -eq 0 ]
}

# The idle give way, oldest first; who is being answered, or has just come, does not.
@test "256 descriptors: the oldest idle connection gives way, a busy one does not" {
    lab_with_limit 256 "clients = { connections = 0; }; $PATIENT"
    crowd elbow "$URL" -n 600 > elbow.json
    cat elbow.json
    holds elbow.json '.busy_failed == 0 and .busy_answers > 10' '.left > 100 and .left < 256' '.kept_older == 0'
}

@test "one address has its share of connections, over three fronts; others come in" {
    lab_with "fronts = 3; clients = { connections = 40; };"
    crowd cap "$URL" -n 120 > cap.json
    cat cap.json
    holds cap.json '.answered == 40 and .refused == 80 and .other == 0' '.retry_after != null' '.elsewhere == 200' '.later == 200'
}

@test "one address has its rate, over three fronts; 429 tells when to come again" {
    lab_with "fronts = 3; clients = { rate = 10; burst = 20; };"
    crowd burst "$URL" -n 200 --fresh --source 127.0.0.21 > burst.json &
    local burst=$!
    crowd ask "$URL" --rate 5 --seconds 3 --sources 127.0.0.22,127.0.0.23 > others.json
    wait "$burst"
    cat burst.json others.json
    # The burst, and what the seconds brought.
    holds burst.json '.verdicts.granted >= 20 and .verdicts.granted <= 20 + 10 * .seconds + 1' \
        '.verdicts.granted + .verdicts["429"] == 200' '.retry_after == ["1"]'
    holds others.json '.granted == .sent'
    sleep 2.1
    crowd burst "$URL" -n 20 --source 127.0.0.21 > again.json
    holds again.json '.verdicts.granted == 20'
}

# sum NAME: of a counter of /metrics, over all its labels
sum() { curl -sS -m 10 "${URL}metrics" | awk -v name="$1" '$1 == name || index($1, name "{") == 1 { sum += $2 } END { print sum + 0 }'; }

@test "three fronts: one truth in /metrics, whoever answers" {
    lab_with 'fronts = 3; clients = { connections = 0; };'
    local before last now i num
    num=$(long_or 3000 300)
    before=$(sum tsa_requests_total)
    "$TSA_TOOLS/load" "$URL" --rate "$(long_or 300 60)" --requests "$num" --per-connection 3 > load.json &
    local load=$!
    last=$before
    for i in $(seq "$(long_or 200 20)"); do # each on a connection of its own
        now=$(sum tsa_requests_total)
        [ "$now" -ge "$last" ] || { echo "it was $last, and is $now"; false; }
        last=$now
    done
    wait "$load"
    holds load.json ".granted == $num"
    for i in $(seq 20); do
        now=$(sum tsa_requests_total)
        [ "$now" -eq $((before + num)) ] || { echo "time $i: $now, not $((before + num))"; false; }
    done
    # All three had some of it, or this has shown nothing.
    lab_status | jq '.roles[] | select(.role == "front") | .pid' | wc -l | grep -x 3
}
