#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# What `tsa lab` prints is typed as printed, line by line, for a lab whose path needs quotes, in a folder that holds what the lines
# call the user's own: driver.sys and app.jar. Of the lines for Windows the downloads are run; what signtool sends is replayed in recorded.bats.

load ../system/lab
load driver
load lines

setup_file() {
    command -v osslsigncode > /dev/null || { skip_file "osslsigncode is not installed (conf/install-deps interop)"; return; }
    command -v jarsigner > /dev/null || { skip_file "jarsigner is not installed (conf/install-deps interop)"; return; }
    driver_find || return 0
    export LAB="$BATS_FILE_TMPDIR/a lab's folder"
    lab_start
    lines_setup
}
teardown_file() { lab_stop; }

@test "osslsigncode's lines" { type_lines '^osslsigncode' 5; }

@test "tsclient's lines" { type_lines '^[^ ]*tsclient ' 4; }

@test "openssl's and curl's lines" { type_lines '^(openssl ts|curl -)' 3; }

@test "keytool's and jarsigner's lines" { type_lines '^(keytool|jarsigner)' 3; }

@test "the downloads of the two lines for Windows give what certutil wants" {
    cd "$WORKDIR"
    lines '^curl\.exe' > windows
    [ "$(wc -l < windows)" -eq 2 ]
    while read -r line; do
        [[ "$line" == *"certutil -addstore -f "* ]]
        # shellcheck disable=SC2046
        curl $(sed 's/^curl\.exe \(.*\) && certutil.*/\1/' <<< "$line")
    done < windows
    openssl x509 -inform DER -in root.cer -outform PEM | cmp - <(openssl x509 -in "$LAB/root.pem")
    [ "$(openssl pkcs7 -inform DER -in chain.p7b -print_certs | grep -c 'BEGIN CERTIFICATE')" -ge 2 ]
}

@test "every printed command is covered here" {
    run lines '^'
    while read -r line; do
        [[ "$line" =~ ^(osslsigncode|[^ ]*tsclient|openssl\ ts|curl|keytool|jarsigner|signtool|\(Only) ]] ||
            { echo "not typed by any test: $line"; false; }
    done <<< "$output"
    [ "$(lines '^signtool' | wc -l)" -ge 3 ]
}
