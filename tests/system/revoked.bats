#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# verify --crl: what was signed after its certificate had been revoked is bad; what is shown to be older stays good.

load liar

setup_file() {
    liar_start
    cd "$DIR" || return 1
    mkdir -p ca/new
    touch ca/index.txt
    echo 01 > ca/serial
    echo 01 > ca/crlnumber
    cat > ca/openssl.cnf << 'END'
[ca]
default_ca = here
[here]
database = ca/index.txt
serial = ca/serial
crlnumber = ca/crlnumber
new_certs_dir = ca/new
certificate = ca/ca.pem
private_key = ca/ca.key
default_md = sha256
default_crl_days = 30
policy = any
[any]
commonName = supplied
END
    openssl req -x509 -newkey rsa:2048 -nodes -keyout ca/ca.key -out ca/ca.pem -days 60 -subj "/CN=Root for lists" 2> /dev/null
    openssl req -newkey rsa:2048 -nodes -keyout ca/leaf.key -out ca/leaf.csr -subj "/CN=Somebody" 2> /dev/null
    openssl ca -batch -config ca/openssl.cnf -in ca/leaf.csr -out ca/leaf.pem -days 30 -notext 2> /dev/null
    echo "what was signed" > text
    openssl cms -sign -binary -nodetach -in text -signer ca/leaf.pem -inkey ca/leaf.key -outform DER -out bare.p7
    cat ca/ca.pem root.pem > both.pem
    cp bare.p7 stamped.p7
    stamp -t "${URL}good" --ca both.pem stamped.p7
    openssl ca -config ca/openssl.cnf -gencrl -out ca/empty.pem 2> /dev/null
    sleep 2
    openssl ca -config ca/openssl.cnf -revoke ca/leaf.pem -crl_reason superseded 2> /dev/null
    openssl ca -config ca/openssl.cnf -gencrl -out ca/list.pem 2> /dev/null
    openssl crl -in ca/list.pem -outform DER -out ca/list.crl
}
teardown_file() { liar_stop; }

setup() { cd "$DIR" || return 1; }

verify() { "$TSCLIENT" verify --ca both.pem "$@"; }

@test "without a list, or with one that does not name it, the signature is good" {
    verify bare.p7
    verify --crl ca/empty.pem bare.p7 stamped.p7
}

@test "a revoked certificate makes a signature bad that may be younger" {
    for list in ca/list.pem ca/list.crl; do
        run verify --json --crl "$list" bare.p7
        [ "$status" -eq 1 ] || { echo "$output"; false; }
        [[ "$output" == *'"revoked"'* ]] || { echo "$output"; false; }
    done
    run verify --crl ca/empty.pem --crl ca/list.pem bare.p7
    [ "$status" -eq 1 ]
    [[ "$output" == *"a certificate of the signer's chain was revoked"* ]]
}

@test "a timestamp of before keeps it good" {
    run verify --crl ca/list.pem stamped.p7
    [ "$status" -eq 0 ] || { echo "$output"; false; }
}

@test "a file without a list is an error, before anything is judged" {
    run verify --crl ca/ca.pem bare.p7
    [ "$status" -eq 64 ]
    [[ "$output" == *"--crl ca/ca.pem: there is no revocation list"* ]]
    run verify --crl absent bare.p7
    [ "$status" -eq 64 ]
    [[ "$output" == *"--crl absent: No such file"* ]]
}
