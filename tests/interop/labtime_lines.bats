#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# What `tsa lab` prints under lab time works as it is printed too: while the signing identity is valid at that time, every line; later,
# those that need none, and the others are not printed.

load ../system/lab
load driver
load lines

setup_file() {
    command -v osslsigncode > /dev/null || { skip_file "osslsigncode is not installed (conf/install-deps interop)"; return; }
    command -v jarsigner > /dev/null || { skip_file "jarsigner is not installed (conf/install-deps interop)"; return; }
    driver_find || return 0
    export LAB="$BATS_FILE_TMPDIR/lab"
}
setup() {
    LAB_PID=
    skip_if_told
    lines_setup
}
teardown() { lab_stop; }

@test "two days ahead: all of them; tsclient's verify has its warning" {
    lab_start --shift +2d
    type_lines '^osslsigncode' 5
    type_lines '^[^ ]*tsclient ' 4 2
    [ "$(lines '^[^ ]*tsclient stamp --allow-clock-skew [0-9]*d ' | wc -l)" -eq 2 ]
    type_lines '^(openssl ts|curl -)' 3
    type_lines '^(keytool|jarsigner)' 3
    [ "$(lines '^signtool' | wc -l)" -ge 3 ]
}

@test "a clock that stands still within the identity's life" {
    lab_start --at "$(date -u -d '+10 days' +%Y-%m-%dT%H:%M:%SZ)"
    type_lines '^osslsigncode' 5
    type_lines '^[^ ]*tsclient ' 4 2
}

@test "400 days ahead: those that need no identity, and why the others are not there" {
    lab_start --shift +400d
    type_lines '^(openssl ts|curl -)' 3
    [ -z "$(lines 'osslsigncode|signtool|jarsigner|tsclient')" ]
    [ "$(lines '^curl\.exe' | wc -l)" -eq 2 ]
    grep -q "^(The signing identity in $LAB/codesign.pem is valid from .* until .*, and the lab's clock shows another time" "$LAB.log/out"
}
