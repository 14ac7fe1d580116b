#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# osslsigncode, the other client of signed drivers: it signs and stamps against our authority and we accept its files; we stamp and
# it accepts ours; both say so ten years later, when the signing certificate has long expired.
# Each test runs with every version at hand: the installed one, and the archive's (build/inputs) where it is another. They differ: 2.5
# speaks HTTP/1.1 and sends no nonce, 2.9 speaks HTTP/1.0 and sends one.

load ../system/lab
load driver

setup_file() {
    command -v osslsigncode > /dev/null || { skip_file "osslsigncode is not installed (conf/install-deps interop)"; return; }
    driver_find || return 0
    OSSLSIGNCODES=$(command -v osslsigncode)
    local other=${TSA_INPUTS:-$TSA_BUILD/../inputs}/osslsigncode/osslsigncode
    if [ -x "$other" ] && [ "$("$other" --version | head -n 1)" != "$(osslsigncode --version | head -n 1)" ]; then
        OSSLSIGNCODES="$OSSLSIGNCODES $other"
    fi
    export OSSLSIGNCODES
    for OSS in $OSSLSIGNCODES; do echo "# $("$OSS" --version | head -n 1)" >&3; done
    lab_start
}
teardown_file() { lab_stop; }

# with_each FUNCTION: in a folder of its own for each version of $OSS. No condition around the call: that would switch -e off inside.
with_each() {
    for OSS in $OSSLSIGNCODES; do
        mkdir "$BATS_TEST_TMPDIR/$(dirname "$OSS" | tr / _)"
        cd "$BATS_TEST_TMPDIR/$(dirname "$OSS" | tr / _)"
        cp "$DRIVER" driver.sys
        chmod 644 driver.sys
        "$OSS" --version | head -n 1
        "$1"
    done
}

sign() { "$OSS" sign -certs "$LAB/codesign.pem" -key "$LAB/codesign.key" -h sha256 "$@" > oss.log 2>&1 || { cat oss.log; return 1; }; }

# verify_oss FILE [EPOCH]: osslsigncode's verdict, at that time
verify_oss() {
    local at=()
    [ -n "${2:-}" ] && at=(-time "$2")
    "$OSS" verify -in "$1" -CAfile "$LAB/root.pem" -TSA-CAfile "$LAB/root.pem" "${at[@]}" 2>&1
}

later=$(( $(date +%s) + 3653 * 86400 ))
later_iso=$(date -u -d "@$later" +%Y-%m-%dT%H:%M:%SZ)

both_accept() {
    run verify_oss "$1"
    [ "$status" -eq 0 ] || { echo "now: $output"; return 1; }
    run verify_oss "$1" "$later"
    [ "$status" -eq 0 ] || { echo "later: $output"; return 1; }
    run "$TSCLIENT" verify --ca "$LAB/root.pem" "$1"
    [ "$status" -eq 0 ] || { echo "tsclient now: $output"; return 1; }
    run "$TSCLIENT" verify --ca "$LAB/root.pem" --at "$later_iso" "$1"
    [ "$status" -eq 0 ] || { echo "tsclient later: $output"; return 1; }
}

sign_legacy() {
    sign -t "$URL" -in driver.sys -out signed.sys
    both_accept signed.sys
}
@test "sign -t (Authenticode)" { with_each sign_legacy; }

sign_rfc3161() {
    sign -ts "$URL" -in driver.sys -out signed.sys
    both_accept signed.sys
}
@test "sign -ts (RFC 3161)" { with_each sign_rfc3161; }

add_both() {
    sign -in driver.sys -out bare.sys
    "$OSS" add -t "$URL" -in bare.sys -out legacy.sys
    both_accept legacy.sys
    "$OSS" add -ts "$URL" -h sha256 -in bare.sys -out rfc.sys
    both_accept rfc.sys
}
@test "add -t and add -ts to a file that was signed without" { with_each add_both; }

unstamped() {
    sign -in driver.sys -out bare.sys
    run "$TSCLIENT" verify --ca "$LAB/root.pem" bare.sys
    [ "$status" -eq 0 ]
    run "$TSCLIENT" verify --ca "$LAB/root.pem" --at "$later_iso" --json bare.sys
    [ "$status" -eq 1 ]
    [[ "$output" == *expired-no-timestamp* ]]
    run verify_oss bare.sys "$later"
    [ "$status" -ne 0 ]
}
@test "unstamped: both refuse ten years later, with the reason" { with_each unstamped; }

stamp_both() {
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
@test "tsclient stamp -t and --tr: both accept, and nothing signed has changed" { with_each stamp_both; }

dual() {
    sign -in driver.sys -out first.sys
    "$OSS" sign -certs "$LAB/codesign.pem" -key "$LAB/codesign.key" -h sha384 -nest -in first.sys -out dual.sys > oss.log 2>&1
    "$TSCLIENT" stamp --ca "$LAB/root.pem" --tr "$URL" dual.sys
    run "$TSCLIENT" show --json dual.sys
    [ "$(jq '[.signatures[] | select(.timestamp.kind == "rfc3161")] | length' <<< "$output")" -eq 2 ]
    both_accept dual.sys
}
@test "dual signatures: the nested one is stamped too" { with_each dual; }

changed() {
    sign -ts "$URL" -in driver.sys -out signed.sys
    printf '\x55' | dd of=signed.sys bs=1 seek=1500 conv=notrunc status=none
    run "$TSCLIENT" verify --ca "$LAB/root.pem" --json signed.sys
    [ "$status" -eq 1 ]
    [[ "$output" == *digest-mismatch* ]]
    run verify_oss signed.sys
    [ "$status" -ne 0 ]
}
@test "a file changed after signing is refused by both" { with_each changed; }
