#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# Catalogs of real files, versions 1 and 2: made by mkcat, signed by osslsigncode under the lab's identity, stamped by it and by us, both
# protocols. It and we take every member, now and ten years later; what was changed, or is not stamped, neither takes. Each test runs
# with every version of osslsigncode at hand, as in osslsigncode.bats.

load ../system/lab
load driver

setup_file() {
    command -v osslsigncode > /dev/null || { skip_file "osslsigncode is not installed (conf/install-deps interop)"; return; }
    driver_find || return 0
    local inputs=${TSA_INPUTS:-$TSA_BUILD/../inputs}
    EXE=$(find "$inputs" -name '*.exe' | sort | head -n 1)
    [ -n "$EXE" ] || { skip_file "no .exe file: run tests/run, which fetches libwine's"; return; }
    OSSLSIGNCODES=$(command -v osslsigncode)
    local other=$inputs/osslsigncode/osslsigncode
    if [ -x "$other" ] && [ "$("$other" --version | head -n 1)" != "$(osslsigncode --version | head -n 1)" ]; then
        OSSLSIGNCODES="$OSSLSIGNCODES $other"
    fi
    export OSSLSIGNCODES EXE
    for OSS in $OSSLSIGNCODES; do echo "# $("$OSS" --version | head -n 1)" >&3; done
    lab_start
}
teardown_file() { lab_stop; }

later=$(( $(date +%s) + 3653 * 86400 ))
later_iso=$(date -u -d "@$later" +%Y-%m-%dT%H:%M:%SZ)
members=(driver.sys tool.exe driver.inf readme.txt empty)

# with_each FUNCTION: in a folder of its own for each version of $OSS and each $VERSION of catalog, with the members and bare.cat.
# No condition around the call: that would switch -e off inside.
with_each() {
    for OSS in $OSSLSIGNCODES; do
        for VERSION in 1 2; do
            mkdir -p "$BATS_TEST_TMPDIR/$(dirname "$OSS" | tr / _)/$VERSION"
            cd "$BATS_TEST_TMPDIR/$(dirname "$OSS" | tr / _)/$VERSION"
            echo "catalog of version $VERSION, $("$OSS" --version | head -n 1)"
            put_files
            "$1"
        done
    done
}

put_files() {
    cp "$DRIVER" driver.sys
    cp "$EXE" tool.exe
    chmod 644 driver.sys tool.exe
    printf '[Version]\r\nSignature="$WINDOWS NT$"\r\nCatalogFile=bare.cat\r\n' > driver.inf
    echo "read me first" > readme.txt
    : > empty
    make_catalog bare.cat "${members[@]}"
}

# make_catalog OUT ARG...: made and signed
make_catalog() {
    local out=$1
    shift
    "$TSA_TOOLS/mkcat" "-$VERSION" --os 2:10.0 -o unsigned.cat "$@"
    rm -f "$out"
    "$OSS" sign -certs "$LAB/codesign.pem" -key "$LAB/codesign.key" -h sha256 -in unsigned.cat -out "$out" > oss.log 2>&1 || { cat oss.log; return 1; }
}

ours() { "$TSCLIENT" verify --ca "$LAB/root.pem" "$@"; }

# oss ARG...: osslsigncode's verdict
oss() { "$OSS" verify -CAfile "$LAB/root.pem" -TSA-CAfile "$LAB/root.pem" "$@" 2>&1; }

# ends CODE TEXT: of the last run
ends() {
    [ "$status" -eq "$1" ] || { echo "exit code $status, not $1: $output"; return 1; }
    [[ "$output" == *"$2"* ]] || { echo "no '$2' in: $output"; return 1; }
}

# both_take CATALOG: every member of it and the catalog itself, now and later
both_take() {
    local at
    for at in now later; do
        local oss_at=() our_at=()
        if [ $at = later ]; then oss_at=(-time "$later") our_at=(--at "$later_iso"); fi
        run ours "${our_at[@]}" --require-timestamp --catalog "$1" "${members[@]}"
        ends 0 "Number of files successfully Verified: ${#members[@]}"
        run ours "${our_at[@]}" --require-timestamp "$1"
        ends 0 "Successfully verified: $1"
        run oss "${oss_at[@]}" -in "$1"
        ends 0 Succeeded
        for member in driver.sys tool.exe; do
            run oss "${oss_at[@]}" -catalog "$1" -in "$member"
            ends 0 "File is signed in catalog: $1"
            [[ "$output" == *"Timestamp Server Signature verification: ok"* ]]
        done
    done
}

stamped_by_us() {
    for option in -t --tr; do
        cp bare.cat stamped.cat
        "$TSCLIENT" stamp --ca "$LAB/root.pem" "$option" "$URL" stamped.cat
        both_take stamped.cat
        "$TSCLIENT" remove stamped.cat
        cmp stamped.cat bare.cat
    done
}
@test "stamped by tsclient, -t and --tr: both take all members, now and ten years later" { with_each stamped_by_us; }

stamped_by_oss() {
    for option in -t -ts; do
        rm -f stamped.cat
        "$OSS" add "$option" "$URL" -h sha256 -in bare.cat -out stamped.cat
        both_take stamped.cat
    done
}
@test "stamped by osslsigncode, -t and -ts: both take all members, now and ten years later" { with_each stamped_by_oss; }

unstamped() {
    ours --catalog bare.cat "${members[@]}"
    oss -catalog bare.cat -in driver.sys
    run ours --at "$later_iso" --catalog bare.cat driver.sys driver.inf
    ends 1 "bare.cat: error: expired-no-timestamp"
    [[ "$output" == *"driver.inf: error: expired-no-timestamp: it is listed in bare.cat, which is not good"* ]]
    run oss -time "$later" -catalog bare.cat -in driver.sys
    [ "$status" -ne 0 ]
}
@test "unstamped: good today, and refused by both ten years later" { with_each unstamped; }

changed() {
    "$TSCLIENT" stamp --ca "$LAB/root.pem" --tr "$URL" bare.cat
    printf '\x55' | dd of=driver.sys bs=1 seek=1500 conv=notrunc status=none
    printf 'R' | dd of=readme.txt bs=1 conv=notrunc status=none
    printf 'x' >> empty
    for member in driver.sys readme.txt empty; do
        run ours --catalog bare.cat "$member"
        ends 1 "$member: error: not-in-catalog"
        [[ "$output" == *"a file of that name with another digest"* ]]
    done
    run oss -catalog bare.cat -in driver.sys
    [ "$status" -ne 0 ]
    # The others stand as they were; every file is told.
    run ours --catalog bare.cat "${members[@]}"
    ends 1 "Number of files successfully Verified: 2"
    [[ "$output" == *"Number of errors: 3"* ]]
}
@test "a member changed by one byte is not in the catalog" { with_each changed; }

line_ends() {
    tr -d '\r' < driver.inf > lf.inf
    run ours --catalog bare.cat lf.inf
    ends 1 "not-in-catalog"
    [[ "$output" == *"with CR LF at its line ends"* ]]
    sed 's/$/\r/' lf.inf > crlf.inf
    ours --catalog bare.cat crlf.inf
    # Another text is not helped by its line ends, nor is one whose line ends are right.
    sed 's/WINDOWS/Windows/' lf.inf > other.inf
    for file in other.inf unsigned.cat; do
        run ours --catalog bare.cat "$file"
        ends 1 "not-in-catalog"
        [[ "$output" != *"CR LF"* ]]
    done
}
@test "the same text with LF at its line ends is told so" { with_each line_ends; }

signed_copy() {
    "$OSS" sign -certs "$LAB/codesign.pem" -key "$LAB/codesign.key" -h sha256 -in driver.sys -out signed.sys > oss.log
    refute cmp -s driver.sys signed.sys
    ours --catalog bare.cat signed.sys
    oss -catalog bare.cat -in signed.sys
    # Stamped, it is still the same image; the signature within the file does not matter at all, not even when nobody trusts it.
    "$TSCLIENT" stamp --ca "$LAB/root.pem" --tr "$URL" signed.sys
    ours --catalog bare.cat signed.sys
    # Octets behind the signature are no part of the image: it is another file now.
    printf 'more' >> signed.sys
    run ours --catalog bare.cat signed.sys
    ends 1 not-in-catalog
    # A catalog of the signed copy lists the same digest.
    "$TSCLIENT" verify --json --ca "$LAB/root.pem" --catalog bare.cat driver.sys | jq -r .member.value > digest
    cp driver.sys again.sys
    rm -f signed.sys
    "$OSS" sign -certs "$LAB/codesign.pem" -key "$LAB/codesign.key" -h sha384 -in driver.sys -out signed.sys > oss.log
    make_catalog other.cat signed.sys
    [ "$(ours --json --catalog other.cat again.sys | jq -r .member.value)" = "$(cat digest)" ]
}
@test "signed and unsigned copies of a driver are the same member" { with_each signed_copy; }

# A page that changes changes the digest of the image, too: the file is not listed any more, and so it is told.
pages() {
    make_catalog pages.cat --pages driver.sys tool.exe readme.txt
    run ours --json --catalog pages.cat driver.sys
    ends 0 '"page_hashes":true'
    ours --catalog pages.cat tool.exe readme.txt
    oss -catalog pages.cat -in driver.sys
    run ours --json --catalog bare.cat driver.sys
    ends 0 '"page_hashes":false'
    printf '\x55' | dd of=driver.sys bs=1 seek=1500 conv=notrunc status=none
    run ours --json --catalog pages.cat driver.sys
    ends 1 '"reasons":["not-in-catalog"]'
}
@test "page hashes in a catalog are compared" { with_each pages; }

# digest_of FILE ALG: of an image as osslsigncode takes it, of any other file by its octets
digest_of() {
    case $1 in
        *.sys | *.exe)
            rm -f digest.pe
            "$OSS" sign -certs "$LAB/codesign.pem" -key "$LAB/codesign.key" -h "$2" -in "$1" -out digest.pe > oss.log
            oss -in digest.pe | sed -n 's/^Calculated message digest *: *\([0-9A-F]*\).*/\L\1/p' | head -n 1
            ;;
        *) "${2}sum" "$1" | cut -d' ' -f1 ;;
    esac
}

facts() {
    make_catalog facts.cat --os-each 2:6.1 --time 2020-02-03T04:05:06Z "${members[@]}"
    "$TSCLIENT" show facts.cat > text
    "$TSCLIENT" show --json facts.cat | jq .catalog > json
    jq -e --argjson version "$VERSION" '.version == $version and .updated == "2020-02-03T04:05:06Z" and .attributes == {"OSAttr": "2:10.0"} and
        (.list_id | test("^[0-9a-f]{32}$")) and .count == (.members | length) and .count == 5 * $version' json
    grep -qF "catalog version $VERSION, list $(jq -r .list_id json), of 2020-02-03T04:05:06Z, $((5 * VERSION)) members" text
    local algs=(sha1 sha256) alg kind digest
    for alg in "${algs[@]:0:VERSION}"; do
        for member in "${members[@]}"; do
            kind=flat
            case $member in *.sys | *.exe) kind=pe ;; esac
            digest=$(digest_of "$member" "$alg")
            [ -n "$digest" ]
            jq -e --arg digest "$digest" --arg alg "$alg" --arg kind "$kind" --arg file "$member" \
                '[.members[] | select(.digest == $digest)] | length == 1 and .[0].algorithm == $alg and .[0].kind == $kind and
                    .[0].file == $file and .[0].attributes == {"File": $file, "OSAttr": "2:6.1"}' json
            grep -A 2 -F "member $alg $digest, $kind" text > block
            grep -qxF "  File: $member" block
            grep -qxF "  OSAttr: 2:6.1" block
        done
    done
}
@test "show tells what was put in: digests, kinds, names, attributes" { with_each facts; }

weak() {
    run ours -v --catalog bare.cat driver.sys
    [ "$status" -eq 0 ]
    case $VERSION in
        1) [[ "$output" == *"Hash of file (sha1): "* && "$output" == *"driver.sys: note: weak-digest"* ]] ;;
        2) [[ "$output" == *"Hash of file (sha256): "* && "$output" != *weak-digest* ]] ;;
    esac
}
@test "version 1 knows SHA-1 alone, which is noted" { with_each weak; }
