#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# The load generator itself: what it counts adds up, what fails is told.

load lab

setup_file() { lab_start; }
teardown_file() { lab_stop; }

# load_run ARG...: the JSON object goes to result
load_run() {
    "$TSA_TOOLS/load" "$@" > "$BATS_TEST_TMPDIR/result" 2> "$BATS_TEST_TMPDIR/told"
    cat "$BATS_TEST_TMPDIR/result"
}
# holds EXPRESSION: of the result
holds() { jq -e "$1" "$BATS_TEST_TMPDIR/result" > /dev/null || { echo "not so: $1"; return 1; }; }
adds_up() { holds '.due == .granted + .refused.total + .failed.total'; }

@test "two seconds at 200 a second: all granted, both protocols, checked" {
    load_run "$URL" --rate 200 --seconds 2 --kind mix --check
    holds '.due == 400 and .sent == 400 and .granted == 400 and .failed.total == 0 and .refused.total == 0'
    holds '.latency_ms.granted.num == 400 and .latency_ms.granted.p50 > 0'
    holds '.latency_ms.granted.p50 <= .latency_ms.granted.p99 and .latency_ms.granted.p99 <= .latency_ms.granted.max'
    [ ! -s "$BATS_TEST_TMPDIR/told" ]
}

@test "a new connection for each request; several addresses; replies kept" {
    mkdir "$BATS_TEST_TMPDIR/kept"
    load_run "$URL" --rate 100 --requests 50 --per-connection 1 --sources 5 --kind mix --keep "$BATS_TEST_TMPDIR/kept" --check
    holds '.granted == 50 and .opened == 50'
    [ "$(find "$BATS_TEST_TMPDIR/kept" -name '*.tsr' | wc -l)" -eq 25 ]
    [ "$(find "$BATS_TEST_TMPDIR/kept" -name '*.b64' | wc -l)" -eq 25 ]
    "$TSA_TOOLS/tsr_list" "$BATS_TEST_TMPDIR"/kept/*.tsr > "$BATS_TEST_TMPDIR/list"
    [ "$(grep -c ^granted "$BATS_TEST_TMPDIR/list")" -eq 25 ]
    [ "$(sort -u "$BATS_TEST_TMPDIR/list" | wc -l)" -eq 25 ]
}

@test "closed loop; a body from a file" {
    head -c 100 /dev/urandom > "$BATS_TEST_TMPDIR/data"
    openssl ts -query -data "$BATS_TEST_TMPDIR/data" -sha256 -out "$BATS_TEST_TMPDIR/data.tsq" 2> /dev/null
    load_run "$URL" --requests 100 --connections 4 --body "$BATS_TEST_TMPDIR/data.tsq" --check
    holds '.granted == 100 and .opened == 4 and .goodput > 0'
}

@test "refusals are counted by their form" {
    load_run "$URL" --requests 10 --target /nowhere
    holds '.refused.http["404"] == 10 and .granted == 0 and .failed.total == 0'
    adds_up
    head -c 100 /dev/urandom > "$BATS_TEST_TMPDIR/data"
    openssl ts -query -data "$BATS_TEST_TMPDIR/data" -sha1 -out "$BATS_TEST_TMPDIR/sha1.tsq" 2> /dev/null
    load_run "$URL" --requests 10 --body "$BATS_TEST_TMPDIR/sha1.tsq"
    holds '.refused.pki.badAlg == 10 and .refused.total == 10'
    adds_up
}

@test "a dead port, a dead socket, a server that hangs up or says nothing: told as failures" {
    load_run http://127.0.0.1:1/ --rate 100 --requests 20
    holds '.failed.connect == 20 and .granted == 0'
    grep -q 'Connection refused' "$BATS_TEST_TMPDIR/told"
    adds_up
    load_run "unix:$BATS_TEST_TMPDIR/none.sock" --requests 5
    holds '.failed.connect == 5'
    cat > "$BATS_TEST_TMPDIR/bad.py" << 'PY'
import socket, sys, threading
def serve(kind):
    s = socket.create_server(("127.0.0.1", 0))
    def run():
        kept = []
        while True:
            c, _ = s.accept()
            if kind == "silent":
                kept.append(c)
                continue
            c.recv(65536)
            if kind == "half":
                c.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf")
            if kind == "nonsense":
                c.sendall(b"nonsense\r\n\r\n")
            c.close()
    threading.Thread(target=run, daemon=True).start()
    return s.getsockname()[1]
print(*[serve(k) for k in ("silent", "half", "close", "nonsense")], flush=True)
sys.stdin.read()
PY
    mkfifo "$BATS_TEST_TMPDIR/hold"
    python3 "$BATS_TEST_TMPDIR/bad.py" < "$BATS_TEST_TMPDIR/hold" > "$BATS_TEST_TMPDIR/ports" 3>&- &
    local server=$! silent half close nonsense
    exec 8> "$BATS_TEST_TMPDIR/hold"
    until [ -s "$BATS_TEST_TMPDIR/ports" ]; do sleep 0.05; done
    read -r silent half close nonsense < "$BATS_TEST_TMPDIR/ports"
    load_run "http://127.0.0.1:$silent/" --rate 100 --requests 10 --connections 4 --timeout 0.5
    holds '.failed.timeout >= 4 and .failed.timeout + .failed.unsent == 10'
    adds_up
    load_run "http://127.0.0.1:$half/" --requests 3
    holds '.failed.closed == 3'
    load_run "http://127.0.0.1:$close/" --requests 3
    holds '.failed.closed + .failed.reset == 3'
    load_run "http://127.0.0.1:$nonsense/" --requests 3
    holds '.failed.malformed == 3'
    adds_up
    exec 8>&-
    wait "$server"
}

@test "a schedule is kept: who finds no free connection waits, and its wait counts" {
    # One connection, and 100 requests due at once.
    load_run "$URL" --rate 100000 --requests 100 --connections 1
    holds '.granted == 100 and .opened == 1'
    holds '.latency_ms.granted.p90 > .latency_ms.granted.p50 * 1.3'
}

@test "SIGTERM ends it early, with its figures" {
    "$TSA_TOOLS/load" "$URL" --rate 50 --seconds 600 > "$BATS_TEST_TMPDIR/result" 3>&- &
    sleep 1
    kill -TERM $!
    wait $!
    holds '.granted > 10 and .granted < 5000 and .failed.total == 0 and .seconds < 60'
    adds_up
}

@test "wrong usage is told" {
    for args in "" "nowhere" "http://127.0.0.1:1/" "http://127.0.0.1:1/ --rate x --seconds 1" "http://127.0.0.1:1/ --kind none --seconds 1" \
        "http://127.0.0.1:1/ http://127.0.0.1:2/ --seconds 1" "http://127.0.0.1:1/ --connections 0 --seconds 1"; do
        # shellcheck disable=SC2086
        run "$TSA_TOOLS/load" $args
        [ "$status" -eq 64 ]
        [[ "$output" == *usage:* ]]
    done
}
