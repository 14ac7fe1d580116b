#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# Every signed PE file, catalog and .p7x of the folder that TSA_SAMPLES names, stamped with both protocols. The judges are not ours: the
# reader and the explanation of differences in Python (signed_file.py, explain.py), openssl, osslsigncode.

load ../system/lab
load ../system/liar

# Skipped in setup, not here: bats 1.8 takes a skip in setup_file for a failure where there is a teardown_file.
setup_file() {
    has_samples || return 0
    lab_start
    export LAB_URL=$URL LAB_CA="$LAB/root.pem"
    liar_start
    export LIAR_URL=$URL LIAR_CA="$DIR/root.pem"
    OSSLSIGNCODES=$(command -v osslsigncode || true)
    local other=${TSA_INPUTS:-$TSA_BUILD/../inputs}/osslsigncode/osslsigncode
    if [ -x "$other" ]; then OSSLSIGNCODES="$OSSLSIGNCODES $other"; fi
    export OSSLSIGNCODES
}
teardown_file() {
    has_samples || return 0
    liar_stop
    lab_stop
}

setup() {
    has_samples || skip "TSA_SAMPLES names no folder of signed files with a MANIFEST.json"
    cd "$BATS_TEST_TMPDIR" || return 1
}

has_samples() { [ -n "${TSA_SAMPLES:-}" ] && [ -f "$TSA_SAMPLES/MANIFEST.json" ]; }

# by_python NAME.py: its summary is told, its other words where it fails
by_python() {
    PYTHONDONTWRITEBYTECODE=1 python3 "$TSA_SOURCE/tests/interop/$1" > out 2>&1 || { cat out; return 1; }
    sed -n 's/^summary: /# /p' out >&3
    grep -q '^summary: ' out
}

@test "the explanation refuses what it must" { by_python explain_refuses.py; }

@test "every sample: stamped by both protocols, each differing octet explained, removed again" { by_python every_sample.py; }
