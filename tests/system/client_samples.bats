#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# tsclient over every file of the folder that TSA_SAMPLES names, damaged ones of other people's fuzzers too: an answer with one of its
# exit codes, no crash, no hanging, and the same words in text and JSON.

setup() {
    [ -n "${TSA_SAMPLES:-}" ] && [ -d "$TSA_SAMPLES" ] || skip "TSA_SAMPLES names no folder with signed files"
    cd "$BATS_TEST_TMPDIR" || return 1
    # A sanitizer's own exit code is 1, which means something here.
    export ASAN_OPTIONS="${ASAN_OPTIONS:-}:exitcode=99" UBSAN_OPTIONS="${UBSAN_OPTIONS:-}:halt_on_error=1:exitcode=99"
    slowest=0 slowest_what=none
}

# ask ARGUMENTS: runs tsclient for at most LIMIT milliseconds, and remembers the slowest answer
ask() {
    local start=${EPOCHREALTIME/./} took
    run timeout 20 "$TSCLIENT" "$@"
    took=$(((${EPOCHREALTIME/./} - start) / 1000))
    [ "$took" -le "$slowest" ] || { slowest=$took slowest_what="$*"; }
    [ "$took" -lt "$LIMIT" ] || { echo "$*: took $took ms"; return 1; }
}

# Generous, since a machine that runs tests is busy: real answers take a hundredth of it.
LIMIT=5000

# answers FILE: show and verify end with 0, 1 or 2; the verdict in JSON is the exit code's
answers() {
    ask show "$1"
    [ "$status" -le 1 ] || { echo "show $1: $status $output"; return 1; }
    ask verify --json "$1"
    [ "$status" -le 2 ] || { echo "verify $1: $status $output"; return 1; }
    [[ "$1" == *.tsr ]] || [[ "$output" == *"\"verdict\":\"$(verdict_of "$status")\","* ]] || { echo "$1: $status $output"; return 1; }
}

verdict_of() { case $1 in 0) echo good ;; 1) echo bad ;; 2) echo warning ;; esac; }

@test "every file gets an answer" {
    count=0
    while IFS= read -r -d '' file; do
        answers "$file"
        count=$((count + 1))
    done < <(find "$TSA_SAMPLES" -type f ! -name '*.gz' ! -name 'MANIFEST*' -print0)
    [ "$count" -ge 80 ]
    echo "# $count files, slowest answer $slowest ms ($slowest_what)" >&3
}

# refuses FILE: each command fails with 1, and the error has one of the words for a file that is nothing or damaged
refuses() {
    local words='(malformed|unsupported-format|unsigned|digest-mismatch|bad-signature)'
    ask verify "$1"
    [ "$status" -eq 1 ] && [[ "$output" =~ $1": error: "$words": "[a-z] ]] || { echo "verify: $status $output"; return 1; }
    ask verify --json "$1"
    [ "$status" -eq 1 ] && [[ "$output" =~ '"verdict":"bad","reasons":["'$words ]] || { echo "verify --json: $status $output"; return 1; }
    ask show "$1"
    [ "$status" -eq 1 ] || [[ "$output" == *", not signed"* ]] || { echo "show: $status $output"; return 1; }
    ask stamp --no-chain --retry 0 --tr http://127.0.0.1:1/ "$1"
    [ "$status" -eq 1 ] && [[ "$output" == *"$1: error: "* ]] || { echo "stamp: $status $output"; return 1; }
    ask remove "$1"
    [ "$status" -eq 1 ] || { echo "remove: $status $output"; return 1; }
}

@test "what crashed others is malformed or of no format here" {
    count=0
    for file in "$TSA_SAMPLES"/fuzzed-jsign/*.gz; do
        gzip -dc "$file" > input
        cp input before
        refuses input || { echo "$file"; false; }
        cmp input before
        count=$((count + 1))
    done
    [ "$count" -ge 20 ]
    echo "# $count files, slowest answer $slowest ms ($slowest_what)" >&3
}
