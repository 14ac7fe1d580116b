#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# jarsigner -tsa: Java's own client signs a jar, gets a token from our authority and verifies it strictly.

load ../system/lab
load ../system/skip

setup_file() {
    command -v jarsigner > /dev/null || { skip_file "jarsigner is not installed (conf/install-deps interop)"; return; }
    lab_start
}
teardown_file() { lab_stop; }

@test "jarsigner signs with -tsa and verifies strictly" {
    cd "$BATS_TEST_TMPDIR"
    mkdir content && head -c 2000 /dev/urandom > content/data
    jar cf app.jar -C content data 2> /dev/null || (cd content && python3 -m zipfile -c ../app.jar data)
    # The lab's .pfx is encrypted as old Windows wants it; Java 17 reads that too.
    keytool -importcert -noprompt -alias lab -file "$LAB/root.pem" -keystore trust.p12 -storetype PKCS12 -storepass changeit
    alias=$(keytool -list -keystore "$LAB/codesign.pfx" -storetype PKCS12 -storepass lab 2> /dev/null | sed -n 's/^\([^,]*\),.*PrivateKeyEntry.*/\1/p' | head -n 1)
    [ -n "$alias" ]
    jarsigner -J-Djavax.net.ssl.trustStore=trust.p12 -keystore "$LAB/codesign.pfx" -storetype PKCS12 -storepass lab -tsa "$URL" app.jar "$alias" > sign.log 2>&1 ||
        { cat sign.log; false; }
    run jarsigner -verify -verbose -certs -keystore trust.p12 -storepass changeit app.jar
    [ "$status" -eq 0 ] || { echo "$output"; false; }
    [[ "$output" == *"jar verified"* ]]
    [[ "$output" == *"imestamp"* ]]
    [[ "$output" != *"no timestamp"* && "$output" != *"timestamp is invalid"* ]] || { echo "$output"; false; }
}
