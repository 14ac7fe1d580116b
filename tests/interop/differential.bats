#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# tsclient against the samples' manifest and against osslsigncode, over every file of the folder that TSA_SAMPLES names: what each says
# of signatures, timestamps, digests and catalogs. differential_table.py has the differences that there are, each with its reason.

setup() {
    [ -f "${TSA_SAMPLES:-}/MANIFEST.json" ] || skip "TSA_SAMPLES names no folder with a MANIFEST.json"
    export PYTHONDONTWRITEBYTECODE=1
    COMPARE=$BATS_TEST_DIRNAME/differential.py
}

@test "every fact of the manifest is told" {
    run python3 "$COMPARE" "$TSA_SAMPLES" manifest
    echo "$output" | sed 's/^/# /' >&3
    [ "$status" -eq 0 ]
}

# The manifest's facts with one of each kind turned into another: each must be noticed, or nothing above means anything.
@test "a fact that is not so is noticed" {
    cd "$BATS_TEST_TMPDIR"
    ln -s "$TSA_SAMPLES"/* .
    rm MANIFEST.json
    sed -e 's/2018-02-05T07:33:11Z/2018-02-05T07:33:12Z/' \
        -e 's/sha256, 47 entries/sha256, 46 entries/' \
        -e 's/zttap300.cat: NOT listed/zttap300.cat: listed (sha1)/' \
        -e 's/ \*\*messageDigest differs\*\*//' \
        -e 's/Travis Lee Robinson </Travis Lee Robinsom </' "$TSA_SAMPLES/MANIFEST.json" > MANIFEST.json
    run python3 "$COMPARE" . manifest
    echo "$output"
    [ "$status" -eq 1 ]
    [[ "$output" == *"pxwfp_x86.sys signature 0: stamp_time: "* ]]
    [[ "$output" == *"VBoxUSB.sys: notes: "* ]]
    [[ "$output" == *"zttap300.cat: in zttap300.cat: 'NOT listed', "* ]]
    [[ "$output" == *"firefox_x64_manipulated.exe signature 0: integrity: "* ]]
    [[ "$output" == *"libusb0.sys signature 0: signer: "* ]]
}

@test "osslsigncode judges the same, or there is a reason" {
    command -v osslsigncode > /dev/null || skip "osslsigncode is not installed (conf/install-deps interop)"
    programs=("$(command -v osslsigncode)")
    other=${TSA_INPUTS:-$TSA_BUILD/../inputs}/osslsigncode/osslsigncode
    if [ -x "$other" ] && [ "$("$other" --version | head -n 1)" != "$(osslsigncode --version | head -n 1)" ]; then
        programs+=("$other")
    fi
    run python3 "$COMPARE" "$TSA_SAMPLES" "${programs[@]}"
    echo "$output" | sed 's/^/# /' >&3
    [ "$status" -eq 0 ]
    [[ "$output" != *skipped* ]] || skip "no rows for this version of osslsigncode"
}
