#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# osslsigncode, the other client of signed drivers: it signs and stamps against our authority and we accept its files; we stamp and
# it accepts ours; both say so ten years later, when the signing certificate has long expired.
# Versions differ: 2.5 (Debian 12) has no -TSA-CAfile default, 2.9 sends a nonce. What differs stands in `verify_oss`.

load ../system/lab
load driver

setup_file() {
    command -v osslsigncode > /dev/null || skip "osslsigncode is not installed (conf/install-deps interop)"
    lab_start
    driver_find
}
teardown_file() { lab_stop; }

setup() {
    cd "$BATS_TEST_TMPDIR" || return 1
    cp "$DRIVER" driver.sys
    chmod 644 driver.sys
}

sign() { osslsigncode sign -certs "$LAB/codesign.pem" -key "$LAB/codesign.key" -h sha256 "$@" > oss.log 2>&1 || { cat oss.log; return 1; }; }

# verify_oss FILE [EPOCH]: osslsigncode's verdict, at that time
verify_oss() {
    local at=()
    [ -n "${2:-}" ] && at=(-time "$2")
    osslsigncode verify -in "$1" -CAfile "$LAB/root.pem" -TSA-CAfile "$LAB/root.pem" "${at[@]}" 2>&1
}

later=$(( $(date +%s) + 3653 * 86400 ))
later_iso=$(date -u -d "@$later" +%Y-%m-%dT%H:%M:%SZ)

both_accept() {
    run verify_oss "$1"
    [ "$status" -eq 0 ] || { echo "now: $output"; return 1; }
    if osslsigncode --version 2>&1 | grep -Eq 'osslsigncode (2\.[0-4])\b'; then
        echo "# this osslsigncode has no -time" >&3
    else
        run verify_oss "$1" "$later"
        [ "$status" -eq 0 ] || { echo "later: $output"; return 1; }
    fi
    run "$TSCLIENT" verify --ca "$LAB/root.pem" "$1"
    [ "$status" -eq 0 ] || { echo "tsclient now: $output"; return 1; }
    run "$TSCLIENT" verify --ca "$LAB/root.pem" --at "$later_iso" "$1"
    [ "$status" -eq 0 ] || { echo "tsclient later: $output"; return 1; }
}

@test "sign -t (Authenticode)" {
    sign -t "$URL" -in driver.sys -out signed.sys
    both_accept signed.sys
}

@test "sign -ts (RFC 3161)" {
    sign -ts "$URL" -in driver.sys -out signed.sys
    both_accept signed.sys
}

@test "add -t and add -ts to a file that was signed without" {
    sign -in driver.sys -out bare.sys
    osslsigncode add -t "$URL" -in bare.sys -out legacy.sys
    both_accept legacy.sys
    osslsigncode add -ts "$URL" -h sha256 -in bare.sys -out rfc.sys
    both_accept rfc.sys
}

@test "unstamped: both refuse ten years later, with the reason" {
    sign -in driver.sys -out bare.sys
    run "$TSCLIENT" verify --ca "$LAB/root.pem" bare.sys
    [ "$status" -eq 0 ]
    run "$TSCLIENT" verify --ca "$LAB/root.pem" --at "$later_iso" --json bare.sys
    [ "$status" -eq 1 ]
    [[ "$output" == *expired-no-timestamp* ]]
    run verify_oss bare.sys "$later"
    [ "$status" -ne 0 ]
}

@test "tsclient stamp -t and --tr: both accept, and nothing signed has changed" {
    sign -in driver.sys -out bare.sys
    cp bare.sys legacy.sys
    "$TSCLIENT" stamp --ca "$LAB/root.pem" -t "$URL" legacy.sys
    both_accept legacy.sys
    cp bare.sys rfc.sys
    "$TSCLIENT" stamp --ca "$LAB/root.pem" --tr "$URL" rfc.sys
    both_accept rfc.sys
    run "$TSCLIENT" show --json rfc.sys
    [ "$(jq -r '.signatures[0].timestamp.kind' <<< "$output")" = rfc3161 ]
    run "$TSCLIENT" show --json legacy.sys
    [ "$(jq -r '.signatures[0].timestamp.kind' <<< "$output")" = authenticode ]
}

@test "dual signatures: the nested one is stamped too" {
    sign -in driver.sys -out first.sys
    osslsigncode sign -certs "$LAB/codesign.pem" -key "$LAB/codesign.key" -h sha384 -nest -in first.sys -out dual.sys > oss.log 2>&1
    "$TSCLIENT" stamp --ca "$LAB/root.pem" --tr "$URL" dual.sys
    run "$TSCLIENT" show --json dual.sys
    [ "$(jq '[.signatures[] | select(.timestamp.kind == "rfc3161")] | length' <<< "$output")" -eq 2 ]
    both_accept dual.sys
}

@test "a file changed after signing is refused by both" {
    sign -ts "$URL" -in driver.sys -out signed.sys
    printf '\x55' | dd of=signed.sys bs=1 seek=1500 conv=notrunc status=none
    run "$TSCLIENT" verify --ca "$LAB/root.pem" --json signed.sys
    [ "$status" -eq 1 ]
    [[ "$output" == *digest-mismatch* ]]
    run verify_oss signed.sys
    [ "$status" -ne 0 ]
}
