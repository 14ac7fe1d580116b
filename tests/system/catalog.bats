#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# `tsclient verify --catalog` in all its corners: catalogs that are not good, are none or can not be read, alone and beside a good one; files
# that are none; what is printed where, as JSON, and the exit code of each. The catalogs are mkcat's, signed by signcat under the lab's
# identity. Last, the members of the real catalogs in the folder that TSA_SAMPLES names.

bats_require_minimum_version 1.5.0
load lab

PE=$TSA_SOURCE/tests/fuzz/corpus/pe

setup_file() {
    lab_start
    export FILES="$BATS_FILE_TMPDIR/files"
    mkdir "$FILES"
    cd "$FILES"
    # tool.exe holds a signature that is none: with a catalog nobody looks at it.
    cp "$PE/pe32plus-unsigned" driver.sys
    cp "$PE/pe32-signed" tool.exe
    printf '[Version]\r\nSignature="$WINDOWS NT$"\r\n' > driver.inf
    : > empty
    "$TSA_TOOLS/mkcat" -o unsigned.cat driver.sys tool.exe driver.inf empty
    sign unsigned.cat good.cat
    "$TSA_TOOLS/mkcat" -1 -o v1 driver.sys tool.exe driver.inf empty
    sign v1 v1.cat
    # Catalogs that list the files and are not good, each for its own reason.
    "$TSA_TOOLS/signcat" --spoil "$LAB/codesign.pem" "$LAB/codesign.key" unsigned.cat spoiled.cat
    openssl req -x509 -newkey rsa:2048 -nodes -keyout stranger.key -out stranger.pem -days 100 -subj '/CN=A stranger' \
        -addext extendedKeyUsage=codeSigning 2> openssl.log
    "$TSA_TOOLS/signcat" stranger.pem stranger.key unsigned.cat stranger.cat
    # Catalogs that can not be read, and what is none.
    head -c 300 good.cat > cut.cat
    { head -c 100 good.cat; head -c 3000 /dev/urandom; } > noise.cat
    : > nothing.cat
    mkdir folder.cat
    mkfifo pipe.cat
    openssl cms -sign -nodetach -binary -in driver.inf -signer "$LAB/codesign.pem" -inkey "$LAB/codesign.key" -outform DER -out other.p7
}
teardown_file() { lab_stop; }

sign() { "$TSA_TOOLS/signcat" "$LAB/codesign.pem" "$LAB/codesign.key" "$1" "$2"; }

setup() {
    cp -r "$FILES" "$BATS_TEST_TMPDIR/f"
    cd "$BATS_TEST_TMPDIR/f"
}

verify() { timeout 60 "$TSCLIENT" verify --ca "$LAB/root.pem" "$@"; }

# ends CODE TEXT: of the last run
ends() {
    [ "$status" -eq "$1" ] || { echo "exit code $status, not $1: $output"; return 1; }
    [[ "$output" == *"$2"* ]] || { echo "no '$2' in: $output"; return 1; }
}

# count TEXT: how many lines of the last run are that
count() { grep -cxF -- "$1" <<< "$output" || true; }

@test "good: a line for each file, and the counts" {
    run verify --catalog good.cat driver.sys
    [ "$status" -eq 0 ]
    [ "$output" = "Successfully verified: driver.sys" ]
    run verify --catalog good.cat driver.sys tool.exe driver.inf empty
    ends 0 "Number of files successfully Verified: 4"
    [ "${#lines[@]}" -eq 7 ]
    run verify -q --catalog good.cat driver.sys tool.exe
    [ "$status" -eq 0 ]
    [ -z "$output" ]
    # The signature within a file says nothing here, and is not good by itself.
    run verify tool.exe
    [ "$status" -eq 1 ]
}

@test "-v has signtool's words and layout" {
    run verify -v --catalog good.cat driver.inf driver.sys
    [ "$status" -eq 0 ]
    for line in "Verifying: driver.inf" "File is signed in catalog: good.cat" \
        "Hash of file (sha256): $(sha256sum driver.inf | cut -c1-64 | tr a-f A-F)" "Signing Certificate Chain:" \
        "            Issued to: Lab Driver Signing" "File is not timestamped." "Successfully verified: driver.inf" \
        "Number of files successfully Verified: 2" "Number of warnings: 0" "Number of errors: 0"; do
        grep -qxF -- "$line" <<< "$output" || { echo "no line '$line' in: $output"; false; }
    done
    # In this order, and the note on the catalog once, with its name.
    grep -nE '^(Verifying|File is signed|Hash of file|Signing Cert|Successfully)' <<< "$output" | cut -d: -f2 > order
    [ "$(sort -u order | wc -l)" -eq 5 ]
    [ "$(sed -n 1,5p order)" = "$(sed -n 6,10p order)" ]
    [ "$(grep -c '^good.cat: note: not-timestamped: ' <<< "$output")" -eq 1 ]
    run verify -v --catalog v1.cat driver.inf
    ends 0 "Hash of file (sha1): $(sha1sum driver.inf | cut -c1-40 | tr a-f A-F)"
    [[ "$output" == *"driver.inf: note: weak-digest: "* ]]
    # -q outweighs -v.
    run verify -q -v --catalog good.cat driver.inf
    [[ "$output" != *Verifying* && "$output" != *Successfully* ]]
}

@test "JSON: the member, the catalog, its signatures; null where there is none" {
    run verify --json --catalog good.cat driver.sys driver.inf
    [ "$status" -eq 0 ]
    [ "${#lines[@]}" -eq 2 ]
    jq -e '(keys_unsorted == ["file", "format", "signatures", "verdict", "reasons", "catalog", "member"]) and
        .file == "driver.sys" and .format == "pe" and .verdict == "good" and .reasons == ["not-timestamped"] and
        (.signatures | length) == 1 and .signatures[0].signer == "Lab Driver Signing" and .signatures[0].verdict == "good" and
        .catalog.file == "good.cat" and .catalog.version == 2 and .catalog.count == 8 and
        (.member | keys == ["digest", "kind", "page_hashes", "value"]) and .member.digest == "sha256" and .member.kind == "pe" and
        .member.page_hashes == false' <<< "${lines[0]}"
    jq -e --arg value "$(sha256sum driver.inf | cut -c1-64)" '.format == null and .member.kind == "flat" and .member.value == $value' <<< "${lines[1]}"
    run verify --json --catalog v1.cat driver.inf
    jq -e --arg value "$(sha1sum driver.inf | cut -c1-40)" '.verdict == "good" and .catalog.version == 1 and
        .member.digest == "sha1" and .member.value == $value and .reasons == ["weak-digest", "not-timestamped"]' <<< "$output"
    echo other > other
    run verify --json --catalog good.cat other
    [ "$status" -eq 1 ]
    jq -e '.verdict == "bad" and .reasons == ["not-in-catalog"] and .catalog == null and .member == null and .signatures == []' <<< "$output"
    run verify --json --catalog good.cat absent
    [ "$status" -eq 1 ]
    jq -e '.file == "absent" and .verdict == "bad" and .reasons == ["io-error"] and .catalog == null' <<< "$output"
    run verify --json --catalog stranger.cat driver.sys
    [ "$status" -eq 1 ]
    jq -e '.verdict == "bad" and (.reasons | index("untrusted-root")) and .catalog.file == "stranger.cat" and .member.kind == "pe" and
        .signatures[0].verdict == "bad"' <<< "$output"
}

# What is wrong with a catalog is told once, with its name; each of its files is told to be bad for that.
@test "a catalog that is not good makes its files bad, for its reason" {
    while read -r name reason; do
        run verify --catalog "$name" driver.sys driver.inf
        ends 1 "$name: error: $reason: "
        [ "$(grep -c "^$name: error: " <<< "$output")" -eq 1 ]
        for file in driver.sys driver.inf; do
            [ "$(count "$file: error: $reason: it is listed in $name, which is not good")" -eq 1 ]
        done
        [[ "$output" == *"Number of errors: 2"* && "$output" != *Successfully* ]]
        run verify -q --catalog "$name" driver.sys
        ends 1 "driver.sys: error: $reason: "
        run verify --json --catalog "$name" driver.sys
        [ "$status" -eq 1 ]
        jq -e --arg reason "$reason" '.verdict == "bad" and (.reasons | index($reason))' <<< "$output"
    done << 'END'
unsigned.cat unsigned
spoiled.cat bad-signature
stranger.cat untrusted-root
END
}

@test "a catalog that can not be read: why, and its files are bad" {
    while IFS='|' read -r name reason text; do
        run verify --catalog "$name" driver.sys
        ends 1 "$name: error: $reason: no file can be looked up in it: "
        [[ "$output" == *"$text"* ]] || { echo "no '$text' in: $output"; false; }
        [[ "$output" == *"driver.sys: error: not-in-catalog: the catalog does not list the file: no catalog could be read"* ]]
        # With JSON too it is told, beside the objects; and they have the reason.
        run --separate-stderr verify --json --catalog "$name" driver.sys
        [ "$status" -eq 1 ]
        jq -e --arg reason "$reason" '.verdict == "bad" and .reasons == ["not-in-catalog", $reason]' <<< "$output"
        [[ "$stderr" == "$name: error: $reason: "* ]]
    done << 'END'
absent.cat|io-error|No such file or directory
folder.cat|io-error|folder.cat is not a regular file
pipe.cat|io-error|not a regular file
nothing.cat|unsupported-format|it is no catalog
driver.inf|unsupported-format|it is no catalog
driver.sys|unsupported-format|it is no catalog
tool.exe|unsupported-format|it is no catalog
other.p7|unsupported-format|it is no catalog
cut.cat|malformed|
noise.cat|malformed|
END
}

@test "of several catalogs one that is good is enough, in any order" {
    for bad in unsigned.cat spoiled.cat stranger.cat; do
        run verify --catalog "$bad" --catalog good.cat driver.sys
        [ "$status" -eq 0 ]
        [ "$output" = "Successfully verified: driver.sys" ]
        run verify --json --catalog good.cat --catalog "$bad" --catalog v1.cat driver.sys
        [ "$status" -eq 0 ]
        jq -e '.catalog.file == "good.cat" and .reasons == ["not-timestamped"]' <<< "$output"
    done
    # Where none is good, the first that lists the file speaks.
    run verify --catalog stranger.cat --catalog spoiled.cat driver.sys
    ends 1 "listed in stranger.cat"
    [[ "$output" != *spoiled* ]]
    # Each file by the one that lists it.
    echo one > one
    echo two > two
    "$TSA_TOOLS/mkcat" -o unsigned1 one
    "$TSA_TOOLS/mkcat" -o unsigned2 two
    sign unsigned1 one.cat
    sign unsigned2 two.cat
    run verify --json --catalog one.cat --catalog two.cat two one
    [ "$status" -eq 0 ]
    [ "$(jq -r .catalog.file <<< "${lines[0]}") $(jq -r .catalog.file <<< "${lines[1]}")" = "two.cat one.cat" ]
}

@test "one that can not be read beside a good one is a warning" {
    for bad in absent.cat folder.cat cut.cat driver.sys; do
        for order in "--catalog $bad --catalog good.cat" "--catalog good.cat --catalog $bad"; do
            # shellcheck disable=SC2086
            run verify $order driver.sys empty
            ends 2 "$bad: error: "
            [[ "$output" == *"Number of files successfully Verified: 2"* && "$output" == *"Number of warnings: 2"* ]]
            # shellcheck disable=SC2086
            run --separate-stderr verify --json $order driver.sys
            [ "$status" -eq 2 ]
            jq -e '.verdict == "warning" and (.reasons | length) == 2 and .catalog.file == "good.cat"' <<< "$output"
        done
    done
}

@test "files that are none, and the catalog itself as FILE" {
    mkdir folder
    run verify --catalog good.cat absent folder driver.sys
    ends 1 "absent: error: io-error: "
    [[ "$output" == *"folder: error: io-error: "*"folder is not a regular file"* ]]
    [[ "$output" == *"Successfully verified: driver.sys"* && "$output" == *"Number of errors: 2"* ]]
    ln -s good.cat link.cat
    for name in good.cat link.cat ./good.cat; do
        run verify --catalog good.cat "$name"
        ends 1 "$name: error: not-in-catalog: "
        [[ "$output" == *"it is the catalog itself"* ]]
    done
    verify good.cat
    # A catalog may list another one, and a name that looks like a detached timestamp's is a file as any other.
    cp driver.inf note.tsr
    "$TSA_TOOLS/mkcat" -o unsigned2 good.cat note.tsr
    sign unsigned2 outer.cat
    verify --catalog outer.cat good.cat note.tsr
}

@test "what is not listed, and what is to be done" {
    run verify --catalog good.cat /dev/null
    ends 1 "io-error"
    printf 'x' >> driver.inf
    run verify --catalog good.cat driver.inf
    ends 1 "driver.inf: error: not-in-catalog: the catalog does not list the file: it lists a file of that name with another digest"
    mkdir sub
    cp driver.inf sub/Driver.INF
    run verify --catalog good.cat sub/Driver.INF
    ends 1 "a file of that name"
    mv driver.inf other.inf
    run verify --catalog good.cat other.inf
    ends 1 "other.inf: error: not-in-catalog: the catalog does not list the file"
    [[ "$output" != *"of that name"* ]]
    tr -d '\r' < "$FILES/driver.inf" > driver.inf
    for catalog in good.cat v1.cat; do
        run verify --catalog "$catalog" driver.inf
        ends 1 "with CR LF at its line ends it would be"
    done
    # A hint is no match: not even one catalog among several takes it.
    run verify --json --catalog good.cat --catalog v1.cat driver.inf
    jq -e '.member == null and .reasons == ["not-in-catalog"]' <<< "$output"
    "$TSA_TOOLS/mkcat" -o lf driver.inf
    sign lf lf.cat
    run verify --catalog lf.cat "$FILES/driver.inf"
    ends 1 "with LF alone at its line ends it would be"
    "$TSA_TOOLS/mkcat" -o none
    sign none none.cat
    run verify --catalog none.cat empty
    ends 1 not-in-catalog
}

@test "a plain file with the octets of an image's digest is not that image" {
    # The octets that the digest of an image covers, as a plain file; they end in a multiple of 8, or in zeros up to that.
    python3 - << 'END'
import struct
data = open("driver.sys", "rb").read()
e = struct.unpack_from("<I", data, 0x3c)[0]
x = 16 if struct.unpack_from("<H", data, e + 24)[0] == 0x20b else 0
covered = data[:e + 88] + data[e + 92:e + 152 + x] + data[e + 160 + x:]
open("covered", "wb").write(covered + b"\0" * (-len(data) % 8))
END
    [ "$(verify --json --catalog good.cat driver.sys | jq -r .member.value)" = "$(sha256sum covered | cut -c1-64)" ]
    run verify --catalog good.cat covered
    ends 1 not-in-catalog
}

# The list is whole and the signature good, but a page hash in it is not that of the page: no other catalog hides that.
@test "a page that differs from its signed hash is told, whatever else lists the file" {
    "$TSA_TOOLS/mkcat" --pages -o unsigned2 driver.sys
    sign unsigned2 pages.cat
    run verify --json --catalog pages.cat driver.sys
    ends 0 '"page_hashes":true'
    python3 - << 'END'
import hashlib
image, catalog = open("driver.sys", "rb").read(), bytearray(open("unsigned2", "rb").read())
pages = [image[at:at + 4096].ljust(4096, b"\0") for at in range(0x200, len(image), 4096)]
at = catalog.index(hashlib.sha256(pages[0]).digest())
catalog[at] ^= 1
open("unsigned3", "wb").write(catalog)
END
    sign unsigned3 wrong.cat
    for order in "--catalog wrong.cat" "--catalog wrong.cat --catalog good.cat" "--catalog good.cat --catalog wrong.cat"; do
        # shellcheck disable=SC2086
        run verify $order driver.sys
        ends 1 "driver.sys: error: page-hash-mismatch: "
        # shellcheck disable=SC2086
        run verify --json $order driver.sys
        jq -e '.verdict == "bad" and .reasons[0] == "page-hash-mismatch" and .catalog.file == "wrong.cat" and .member.page_hashes' <<< "$output"
    done
    # Unless nobody has signed that list.
    verify --catalog unsigned3 --catalog good.cat driver.sys
}

@test "--at, --require-timestamp, --lifetime: the catalog's timestamp is its files'" {
    later=$(date -u -d '+10 years' +%Y-%m-%dT%H:%M:%SZ)
    run verify --require-timestamp --catalog good.cat driver.sys driver.inf
    ends 2 "good.cat: warning: not-timestamped: "
    [ "$(grep -c "not-timestamped" <<< "$output")" -eq 1 ]
    [[ "$output" == *"Number of files successfully Verified: 2"* && "$output" == *"Number of warnings: 2"* ]]
    run verify --at "$later" --catalog good.cat driver.sys
    ends 1 "driver.sys: error: expired-no-timestamp: "
    for option in -t --tr; do
        cp good.cat stamped.cat
        "$TSCLIENT" stamp -q --ca "$LAB/root.pem" "$option" "$URL" stamped.cat
        run verify --require-timestamp --catalog stamped.cat driver.sys driver.inf
        ends 0 "Number of warnings: 0"
        verify --require-timestamp --at "$later" --catalog stamped.cat driver.sys
        run verify --lifetime --at "$later" --catalog stamped.cat driver.sys
        ends 1 "driver.sys: error: lifetime-signing: "
        run verify -v --catalog stamped.cat driver.sys
        ends 0 "The signature is timestamped: "
        [[ "$output" == *"Timestamp Verified by:"* ]]
        # Unstamped and stamped together: at that time only one of them is good.
        verify --at "$later" --catalog good.cat --catalog stamped.cat driver.sys
        run "$TSCLIENT" verify --ca "$LAB/root.pem" --tsa-ca stranger.pem --catalog stamped.cat driver.sys
        ends 2 "stamped.cat: warning: untrusted-tsa: "
    done
}

@test "500 files of one catalog" {
    mkdir many
    for i in $(seq 500); do echo "file $i" > "many/$i"; done
    "$TSA_TOOLS/mkcat" -o unsigned2 many/*
    sign unsigned2 many.cat
    run verify --catalog many.cat many/*
    ends 0 "Number of files successfully Verified: 500"
    echo changed > many/250
    run verify --json --catalog many.cat many/*
    [ "$status" -eq 1 ]
    [ "${#lines[@]}" -eq 500 ]
    [ "$(jq -r 'select(.verdict != "good") | .file' <<< "$output")" = many/250 ]
    # A bad catalog is told once, not 500 times.
    run verify --catalog unsigned2 many/*
    [ "$(grep -c '^unsigned2: ' <<< "$output")" -eq 1 ]
    [ "$(grep -c 'it is listed in unsigned2' <<< "$output")" -eq 499 ]
}

@test "names that a terminal would obey are printed harmlessly" {
    evil=$'evil\033[31m.sys'
    cp driver.sys "$evil"
    cp unsigned.cat $'cat\033]0;x\a.cat'
    run verify -v --catalog good.cat --catalog $'cat\033]0;x\a.cat' --catalog $'none\033.cat' "$evil" $'other\033'
    [ "$status" -eq 1 ]
    [[ "$output" == *'Verifying: evil?[31m.sys'* && "$output" == *'none?.cat: error'* ]]
    run verify --catalog $'cat\033]0;x\a.cat' "$evil"
    ends 1 'listed in cat?]0;x?.cat'
    refute grep -q $'\033' <<< "$output"
    # JSON has the name itself.
    [ "$(verify --json --catalog good.cat "$evil" | jq -r .file)" = "$evil" ]
}

@test "wrong usage" {
    for line in "--catalog good.cat" "--catalog good.cat --data driver.inf driver.sys" "--catalog" \
        "$(printf -- '--catalog good.cat %.0s' $(seq 17)) driver.sys"; do
        # shellcheck disable=SC2086
        run "$TSCLIENT" verify $line
        [ "$status" -eq 64 ] || { echo "$line: $status $output"; false; }
    done
    run verify --data driver.inf good.cat
    ends 64 "good.cat: --data goes with a detached signature; this file holds what it signs"
    # shellcheck disable=SC2046
    verify $(printf -- '--catalog good.cat %.0s' $(seq 16)) driver.sys
}

# Each fact of the manifest: "X.cat: listed (sha1, sha256)", "X.cat: NOT listed". What the catalogs are worth is not asked.
@test "the members of real catalogs" {
    [ -n "${TSA_SAMPLES:-}" ] && [ -f "$TSA_SAMPLES/MANIFEST.json" ] || skip "TSA_SAMPLES names no folder with a manifest"
    jq -r '.files[] | select(.extra) | .file as $file | .extra | scan("([^ ;]+\\.cat): (NOT listed|listed \\([^)]*\\))") | [$file, .[0], .[1]] | @tsv' \
        "$TSA_SAMPLES/MANIFEST.json" > facts
    [ "$(wc -l < facts)" -ge 15 ]
    grep -q NOT facts
    while IFS=$'\t' read -r file catalog fact; do
        catalog=$TSA_SAMPLES/$(dirname "$file")/$catalog
        run verify --json --catalog "$catalog" "$TSA_SAMPLES/$file"
        [ "$status" -le 1 ]
        case $fact in
            NOT*) jq -e '.member == null and .reasons[0] == "not-in-catalog"' <<< "$output" > /dev/null ;;
            *sha256*) jq -e '.member.digest == "sha256"' <<< "$output" > /dev/null ;;
            *) jq -e '.member.digest == "sha1"' <<< "$output" > /dev/null ;;
        esac || { echo "$file, $catalog: $fact, not $output"; false; }
        value=$(jq -r '.member.value // empty' <<< "$output")
        [ -z "$value" ] || "$TSCLIENT" show --json "$catalog" | jq -e --arg value "$value" \
            '[.catalog.members[] | select(.digest == $value)] | length >= 1' > /dev/null
        # An image changed, and any other file, is not listed.
        cp "$TSA_SAMPLES/$file" changed
        chmod 644 changed
        printf '\x55' | dd of=changed bs=1 seek=600 conv=notrunc status=none
        run verify --catalog "$catalog" changed
        ends 1 "changed: error: not-in-catalog: "
    done < facts
    run verify --catalog "$TSA_SAMPLES/zerotier-x64/zttap300.cat" "$TSA_SAMPLES/zerotier-x64/zttap300.lf.inf"
    ends 1 "with CR LF at its line ends it would be"
}
