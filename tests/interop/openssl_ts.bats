#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# `openssl ts` as a client: every combination of digest, nonce, policy and certReq is granted and verified against its own query.

load ../system/lab

setup_file() { lab_start; }
teardown_file() { lab_stop; }

setup() {
    cd "$BATS_TEST_TMPDIR" || return 1
    head -c 5000 /dev/urandom > data
}

# ask QUERY-OPTIONS...: query.tsq -> reply.tsr
ask() {
    openssl ts -query -data data "$@" -out query.tsq 2> /dev/null
    curl -sS --fail -H 'Content-Type: application/timestamp-query' --data-binary @query.tsq -o reply.tsr "$URL"
}

verify() {
    openssl ts -verify -queryfile query.tsq -in reply.tsr -CAfile "$LAB/root.pem" "$@" 2>&1
}

@test "sha256, sha384, sha512 with and without nonce and policy, certificates asked for" {
    for digest in sha256 sha384 sha512; do
        for nonce in "" -no_nonce; do
            for policy in "" "-tspolicy 2.999.3161.1"; do
                # shellcheck disable=SC2086
                ask "-$digest" -cert $nonce $policy
                run verify -untrusted "$LAB/chain.pem"
                [[ "$output" == *"Verification: OK"* ]] || { echo "$digest $nonce $policy: $output"; false; }
                run verify
                [[ "$output" == *"Verification: OK"* ]] || { echo "$digest $nonce $policy, chain of the reply: $output"; false; }
            done
        done
    done
}

@test "without certReq the token holds no certificate and verifies with the downloaded chain" {
    for digest in sha256 sha384 sha512; do
        ask "-$digest"
        openssl ts -reply -in reply.tsr -token_out -out token.der
        run openssl pkcs7 -inform DER -in token.der -print_certs -noout
        [ -z "$output" ]
        curl -sS --fail -o chain.pem "${URL}chain.pem"
        run verify -untrusted chain.pem
        [[ "$output" == *"Verification: OK"* ]]
    done
}

@test "a token for other data does not verify" {
    ask -sha256 -cert
    echo more >> data
    run openssl ts -verify -data data -in reply.tsr -CAfile "$LAB/root.pem"
    [ "$status" -ne 0 ]
}

# refusal QUERY-OPTIONS...: prints what openssl reads out of the reply
refusal() {
    openssl ts -query -data data "$@" -out query.tsq 2> /dev/null
    curl -sS --fail -H 'Content-Type: application/timestamp-query' --data-binary @query.tsq -o reply.tsr "$URL"
    openssl ts -reply -in reply.tsr -text 2>&1
}

@test "refusals are well-formed replies with HTTP 200 and a sentence" {
    run refusal -sha1
    [[ "$output" == *"Status: Rejected."* && "$output" == *"algorithm"* && "$output" == *"sha256"* ]]
    run refusal -sha256 -tspolicy 1.2.3.4
    [[ "$output" == *"Rejected."* && "$output" == *"policy"* && "$output" == *"2.999.3161.1"* ]]
    printf 'not a query' > query.tsq
    curl -sS --fail -H 'Content-Type: application/timestamp-query' --data-binary @query.tsq -o reply.tsr "$URL"
    run openssl ts -reply -in reply.tsr -text
    [[ "$output" == *"Rejected."* && "$output" == *"ata submitted has the wrong format"* ]]
}

@test "two tokens never have the same serial number, and time does not run backwards" {
    for i in 1 2 3 4 5 6 7 8; do
        ask -sha256
        openssl ts -reply -in reply.tsr -text 2> /dev/null | sed -n 's/^Serial number: //p' >> serials
        openssl ts -reply -in reply.tsr -text 2> /dev/null | sed -n 's/^Time stamp: //p' >> times
    done
    [ "$(sort -u serials | wc -l)" -eq 8 ]
    while read -r line; do date -d "$line" +%s; done < times > seconds
    sort -nc seconds
}
