#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# The page for people in a real browser (headless Chromium, scripts disabled): light, dark, on a phone, on paper; the facts of /status.json of the same
# moment; nothing loaded but the page. The pictures stay in the test's folder.

load ../system/lab
load ../system/skip
load ../system/tight

setup_file() {
    if ! command -v chromium > /dev/null; then
        skip_file "no chromium (conf/install-deps interop)"
        return
    fi
    lab_start
    openssl ts -query -data "$LAB/root.pem" -sha256 -out "$BATS_FILE_TMPDIR/q.tsq" 2> /dev/null
    for _ in 1 2 3; do
        curl -sS --fail -H 'Content-Type: application/timestamp-query' --data-binary "@$BATS_FILE_TMPDIR/q.tsq" -o /dev/null "$URL"
    done
    curl -sS -o /dev/null -H 'Content-Type: text/plain' --data-binary neither "$URL"
    # The same under lab time, by an authority of its own.
    (
        LAB=$BATS_FILE_TMPDIR/elsewhere
        lab_start --at "$(date -u -d '+2 years' +%Y-%m-%dT%H:%M:%SZ)" || exit 1
        page show "$URL" "$BATS_FILE_TMPDIR/lab-time"
        shown=$?
        lab_stop && [ "$shown" -eq 0 ]
    ) || { cat "$BATS_FILE_TMPDIR/lab-time/browser.log"; return 1; }
    # With a clock that one of two units refuses, then none takes.
    (
        LAB=$BATS_FILE_TMPDIR/tight
        tight_start 0.06 && tight_await '.clock.state == "warn" and .units[0].issues == "none"' &&
            page show "$URL" "$BATS_FILE_TMPDIR/warned" && tight_says 2 && tight_await '.clock.state == "stop"' &&
            page show "$URL" "$BATS_FILE_TMPDIR/stopped"
        shown=$?
        tight_stop && [ "$shown" -eq 0 ]
    ) || return 1
    page show "$URL" "$BATS_FILE_TMPDIR/shown" || { cat "$BATS_FILE_TMPDIR/shown/browser.log"; return 1; }
}

teardown_file() { lab_stop; }

page() { python3 -B "$BATS_TEST_DIRNAME/page.py" "$@"; }

@test "light is light, dark is dark, every text stands out, a phone needs no scrolling aside, nothing else is loaded" {
    page looks "$BATS_FILE_TMPDIR/shown"
}

@test "the page shows what status.json says" {
    page facts "$BATS_FILE_TMPDIR/shown"
    jq -e '.requests.rfc3161.granted == 3 and .requests.neither.refused == 1 and .ledger.records == 3' "$BATS_FILE_TMPDIR/shown/after.json"
}

@test "lab time is not to be overlooked, in light and dark, at the top and at the end, and can be read" {
    page banner "$BATS_FILE_TMPDIR/lab-time"
    page looks "$BATS_FILE_TMPDIR/lab-time"
}

@test "amber where one unit refuses, red where all do: each says what to do, and can be read in light and dark" {
    page looks "$BATS_FILE_TMPDIR/warned"
    page box "$BATS_FILE_TMPDIR/warned" warn 'unit lab refuses every request'
    page looks "$BATS_FILE_TMPDIR/stopped"
    page box "$BATS_FILE_TMPDIR/stopped" bad 'the clock may be wrong'
}

@test "headings, table headers and links, for those who do not see it" {
    page form "$BATS_FILE_TMPDIR/shown"
}

@test "the header lines that go with it" {
    cd "$BATS_TEST_TMPDIR"
    curl -sS -D head -o /dev/null "$URL"
    tr -d '\r' < head > head.txt
    for line in "Content-Security-Policy: default-src 'none'; style-src 'sha256-" "Referrer-Policy: no-referrer" \
        "X-Content-Type-Options: nosniff" "Cache-Control: no-store"; do
        grep -F "$line" head.txt || { echo "not there: $line"; cat head.txt; false; }
    done
    refute grep unsafe head.txt
}
