#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# Clients that are never done, against the deadlines as they are by default: every one is cut off in time, however it drips, and those who ask
# as they should lose nothing meanwhile. When a connection is over is seen at the server's end of it, so it holds for clients, too, that
# neither read nor close. TSA_LONG=1: 5,000 of them.

load lab
load crowd

CONF='clients = { connections = 0; proxy_protocol = ( "127.0.0.8" ); };
tls = { listen = ( "127.0.0.1:0" ); certificate = "tls.pem"; key = "tls.key"; };'

setup_file() {
    export LAB=$BATS_FILE_TMPDIR/lab
    mkdir "$LAB"
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "$LAB/tls.key" -out "$LAB/tls.pem" \
        -subj /CN=localhost -days 30 2> /dev/null
    chmod 600 "$LAB/tls.key"
}
setup() {
    cd "$BATS_TEST_TMPDIR" || return 1
    lab_with "$CONF"
}
teardown() { lab_stop; }

# cut_within FILE KIND MS: each client of the kind was accepted, and the server has let go of it
cut_within() {
    local margin
    margin=$(long_or 0 2000)
    holds "$1" ".kinds[\"$2\"] | .failed == 0 and .left == 0 and .gone.max <= $3 + $margin"
    figure "$2: $(jq -c ".kinds[\"$2\"] | {num: .tried, told: .told.max, gone: .gone.max}" "$1")"
}

# Head and body each as slow as allowed make 15 s, and 2 s to read why, which is seen a moment later; all else is over sooner.
@test "heads, bodies, chunks, readers, handshakes: all cut within 15 s, others lose nothing" {
    local good tls proxy kind num few
    num=$(long_or 1250 125) few=$(long_or 250 25)
    load_for 3 50 alone.json --per-connection 1
    all_granted alone.json
    load_for 18 50 beside.json --per-connection 1 &
    good=$!
    crowd slow "$(lab_status | jq -r '.tls[0]')" -n "$few" --kinds silent,handshake --seconds 20 > tls.json &
    tls=$!
    crowd slow "$URL" -n "$few" --kinds silent,proxy --source 127.0.0.8 --seconds 20 > proxy.json &
    proxy=$!
    crowd slow "$URL" -n "$few" --kinds silent,both,range --seconds 25 > few.json &
    crowd slow "$URL" -n "$num" --kinds header,body,chunks,read --seconds 25 > crowd.json
    wait "$tls" "$proxy" "$!"
    wait "$good" || true
    for kind in header body chunks read; do cut_within crowd.json "$kind" 15000; done
    holds crowd.json '.kinds.header.answers["HTTP/1.1 408"] == .kinds.header.tried' \
        '.kinds.body.answers["HTTP/1.1 408"] == .kinds.body.tried' '.kinds.chunks.answers["HTTP/1.1 408"] == .kinds.chunks.tried'
    cut_within few.json silent 7000
    cut_within few.json range 4000
    cut_within few.json both 17500
    holds few.json '.kinds.both.told.max <= 15000 + 1500' '.kinds.range.answers["HTTP/1.1 200"] == .kinds.range.tried'
    figure "TLS:"
    cut_within tls.json silent 7000
    cut_within tls.json handshake 7000
    figure "PROXY:"
    cut_within proxy.json silent 7000
    cut_within proxy.json proxy 7000
    all_granted beside.json
    figure "others: alone $(jq -c .latency_ms.granted alone.json), beside $(jq -c .latency_ms.granted beside.json)"
    less "$(jq .latency_ms.granted.p99 beside.json)" "$(if is_strict; then echo 100; else echo 2000; fi)"
}

# libevent calls a reader again and again while its buffer is full.
@test "a full pipeline that nobody reads costs no processor time" {
    python3 -B "$TSA_SOURCE/tests/system/crowd.py" slow "$URL" -n 5 --kinds read --seconds 15 > crowd.json &
    local slow=$! percent
    sleep 2
    percent=$(cpu_percent 4)
    crowd watch "$URL" --seconds 0.5 > watch.json
    kill "$slow"
    holds watch.json '.most == 5 and .most_unsent > 10000'
    figure "5 unread pipelines: $percent % of a processor"
    less "$percent" "$(if is_strict; then echo 2; else echo 20; fi)"
}

# slowhttptest takes no notice of an end while it reads slowly; watch does. Beside it are readers who leave timestamps unread: each would
# have a signature for every answer that it does not take. What the network takes in its stead is bounded, and so is its share.
@test "slowhttptest: slowloris, R.U.D.Y., slow read, ranges; and timestamps that nobody reads" {
    command -v slowhttptest > /dev/null || skip "slowhttptest is not installed (conf/install-deps test)"
    local num kind pids='' watch good greed tls
    tls=$(lab_status | jq -r '.tls[0]')
    num=$(long_or 1250 60)
    load_for 17 50 beside.json --per-connection 1 &
    good=$!
    crowd watch "$URL" --seconds 40 --least 10 > watch.json &
    watch=$!
    crowd watch "$tls" --seconds 40 --least 10 > tls.json &
    watch="$watch $!"
    sleep 1
    crowd slow "$URL" -n "$(long_or 50 10)" --kinds greed --seconds 17 > crowd.json 3>&- &
    greed=$!
    for kind in "H -u $URL" "B -s 8192 -t POST -u $URL" "R -t GET -u $URL" "X -k 10 -w 10 -y 20 -z 1 -n 5 -u ${URL}chain.pem" \
        "H -u https://$tls/" "B -s 8192 -t POST -u https://$tls/"; do
        # shellcheck disable=SC2086
        nice -n 5 slowhttptest -$kind -c "$num" -r 1000 -i 2 -l 50 -p 3 -v 1 > /dev/null 2>&1 3>&- &
        pids="$pids $!"
    done
    # shellcheck disable=SC2086
    wait $watch "$greed"
    # shellcheck disable=SC2086
    kill $pids 2> /dev/null || true # of those that see that all is over, nobody is left
    # shellcheck disable=SC2086
    wait $pids || true
    wait "$good" || true
    cut_within crowd.json greed 15000
    figure "slowhttptest: $(jq -c . watch.json)"
    # All of three kinds at least were there at one time; ranges are answered and gone.
    holds watch.json ".most >= $num * 2" '.left == 0' ".lived.max <= 15000 + $(long_or 500 2500)"
    figure "slowhttptest over TLS: $(jq -c . tls.json)"
    # A handshake, a head and a body at most, and time to read why.
    holds tls.json ".most >= $num" '.left == 0' ".lived.max <= 22000 + $(long_or 500 2500)"
    all_granted beside.json
    figure "others: $(jq -c .latency_ms.granted beside.json)"
}

@test "an idle connection ends at its deadline, and not before; one that asks does not" {
    lab_stop
    lab_with 'clients = { connections = 0; }; deadlines = { keep_alive = "3 s"; };'
    # One connection for 6 s, a request each 2 s.
    load_for 6 0.5 kept.json --connections 1 &
    local kept=$!
    crowd slow "$URL" -n "$(long_or 1000 50)" --kinds asked,looked --seconds 20 > crowd.json
    wait "$kept" || true
    # Not before: from the moment that it connects, since when it has seen its answer depends on how busy this machine is.
    holds crowd.json '[.kinds[] | .failed == 0 and .left == 0 and .told.min >= 3000] | all' \
        "[.kinds[] | .rested.max <= $(long_or 4000 6000)] | all" ".kinds.looked.told.max <= $(long_or 4500 8000)"
    figure "idle, told to end after 3 s: $(jq -c '.kinds | map_values(.rested)' crowd.json)"
    all_granted kept.json
    holds kept.json '.opened == 1'
}
