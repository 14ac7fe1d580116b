#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# tsclient over every file of the folder that TSA_SAMPLES names, damaged ones of other people's fuzzers too: an answer with one of its
# exit codes, no crash, no hanging, and the same words in text and JSON.

setup_file() { [ -n "${TSA_SAMPLES:-}" ] && [ -d "$TSA_SAMPLES" ] || skip "TSA_SAMPLES names no folder with signed files"; }

setup() { cd "$BATS_TEST_TMPDIR" || return 1; }

# answers FILE: show and verify end with 0, 1 or 2; the verdict in JSON is the exit code's
answers() {
    run timeout 20 "$TSCLIENT" show "$1"
    [ "$status" -le 1 ] || { echo "show $1: $status $output"; return 1; }
    run timeout 20 "$TSCLIENT" verify --json "$1"
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
}

@test "what crashed others is malformed or of no format here" {
    count=0
    for file in "$TSA_SAMPLES"/fuzzed-jsign/*.gz; do
        gzip -dc "$file" > input
        run timeout 20 "$TSCLIENT" verify --json input
        [ "$status" -eq 1 ] || { echo "$file: $status $output"; false; }
        run timeout 20 "$TSCLIENT" stamp --no-chain --retry 0 --tr http://127.0.0.1:1/ input
        [ "$status" -eq 1 ] || [ "$status" -eq 3 ] || { echo "$file: $status $output"; false; }
        count=$((count + 1))
    done
    [ "$count" -ge 20 ]
}
