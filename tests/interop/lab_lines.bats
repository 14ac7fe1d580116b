#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# The lines that tsa lab prints, typed as they are printed, from a folder that is not the lab's and from a lab whose path needs quotes.

load ../system/lab
load driver

setup_file() {
    driver_find
    export LAB="$BATS_FILE_TMPDIR/a lab's folder"
    lab_start
}
teardown_file() { lab_stop; }

setup() {
    cd "$BATS_FILE_TMPDIR" || return 1
    cp "$DRIVER" driver.sys
    chmod 644 driver.sys
}

# type_lines PATTERN: types each printed line that has it, stops at the first that fails
type_lines() {
    local line num=0
    while IFS= read -r line; do
        line=${line#"${line%%[! ]*}"}
        num=$((num + 1))
        echo "\$ $line"
        bash -c "$line" < /dev/null 2>&1 || { echo "exit code $?"; return 1; }
    done < <(grep -E "^  .*$1" "$LAB.log/out")
    [ "$num" -gt 0 ] || { echo "no line has $1"; return 1; }
}

@test "osslsigncode: sign with /tr and /t, add, verify" {
    command -v osslsigncode > /dev/null || skip "osslsigncode is not installed (conf/install-deps interop)"
    rm -f signed.sys signed-legacy.sys stamped.sys
    run type_lines osslsigncode
    echo "$output"
    [ "$status" -eq 0 ]
    [[ "$output" == *"Timestamp"* ]]
    [ -s stamped.sys ]
    "$TSCLIENT" verify --ca "$LAB/root.pem" signed-legacy.sys stamped.sys
}

@test "tsclient: stamp by RFC 3161 and legacy, verify" {
    command -v osslsigncode > /dev/null || skip "osslsigncode is not installed (conf/install-deps interop)"
    # What the lines stamp is signed before, without a stamp.
    rm -f signed.sys
    osslsigncode sign -certs "$LAB/codesign.pem" -key "$LAB/codesign.key" -h sha256 -in driver.sys -out signed.sys > /dev/null
    run type_lines tsclient
    echo "$output"
    [ "$status" -eq 0 ]
}

@test "openssl and curl: query, reply, verification" {
    run type_lines 'openssl|curl -sS'
    echo "$output"
    [ "$status" -eq 0 ]
    [[ "$output" == *"Verification: OK"* ]]
}

@test "keytool and jarsigner: trust, sign, verify" {
    command -v jarsigner > /dev/null || skip "jarsigner is not installed (conf/install-deps interop)"
    rm -rf app.jar lab-trust.p12
    python3 -m zipfile -c app.jar driver.sys
    run type_lines 'keytool|jarsigner'
    echo "$output"
    [ "$status" -eq 0 ]
    [[ "$output" == *"jar verified"* && "$output" == *"Timestamped by"* ]]
}

@test "the downloads of the lines for Windows are what Windows takes" {
    local url
    url=$(sed -n 's/.*curl.exe -fsSO \(http.*\)root.cer .*/\1/p' "$LAB.log/out")
    [ -n "$url" ]
    curl -fsSO "${url}root.cer"
    cmp root.cer "$LAB/root.cer"
    openssl x509 -inform DER -in root.cer -noout
    curl -fsSO "${url}chain.p7b"
    openssl pkcs7 -inform DER -in chain.p7b -print_certs -noout > subjects || openssl pkcs7 -in chain.p7b -print_certs -noout > subjects
    grep -q 'TSA Lab Timestamping CA' subjects
    # Two lines, and each begins with what it needs.
    [ "$(grep -c 'certutil -addstore' "$LAB.log/out")" -eq 2 ]
}
