#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# Fenced lab time: what it is good for, and each way to have it with certificates that no lab authority made, or as of a time before
# the lab was made: command line, configuration, environment, reload, roles started by hand. A lab's chain is any lab's: what counts is
# that nobody outside trusts it.

load lab

POLICY=2.999.3161.1

# ca NAME [POLICY]: a root NAME.pem, NAME.key. leaf NAME CA [POLICY]: a timestamp certificate below it.
ca() {
    openssl req -x509 -newkey rsa:2048 -nodes -keyout "$1.key" -out "$1.pem" -days 3650 -subj "/CN=$1" \
        -addext keyUsage=critical,keyCertSign ${2:+-addext certificatePolicies=$2} 2>> openssl.log
}
leaf() {
    openssl req -x509 -newkey rsa:3072 -nodes -keyout "$1.key" -out "$1.pem" -days 3000 -subj "/CN=$1" -CA "$2.pem" \
        -CAkey "$2.key" -addext basicConstraints=critical,CA:FALSE -addext keyUsage=critical,digitalSignature \
        -addext extendedKeyUsage=critical,timeStamping ${3:+-addext certificatePolicies=$3} 2>> openssl.log
}

# Keys are made once; each test has a copy.
setup_file() {
    cd "$BATS_FILE_TMPDIR"
    LAB=$BATS_FILE_TMPDIR/other lab_start && lab_stop
    LAB=$BATS_FILE_TMPDIR/lab lab_start
    # Under the real time, what a lab would have before it goes on to another one.
    echo content > driver.inf
    "$TSA_TOOLS/mkcat" -o unsigned.cat driver.inf
    "$TSA_TOOLS/signcat" lab/codesign.pem lab/codesign.key unsigned.cat signed.cat
    cp signed.cat stamped.cat
    "$TSCLIENT" stamp -q --tr "$URL" --ca lab/root.pem stamped.cat
    lab_stop
    head -c 100 /dev/urandom > data
    openssl ts -query -data data -sha256 -cert -out data.tsq 2> /dev/null
    # Authorities that are no lab's, and such that would like to be taken for one.
    ca real && leaf real-tsa real
    leaf posing-tsa real "$POLICY"
    ca marked "$POLICY" && leaf marked-tsa marked
    ca twin "$POLICY" && leaf twin-tsa twin "$POLICY"
}

setup() {
    cd "$BATS_TEST_TMPDIR" || return 1
    cp -R "$BATS_FILE_TMPDIR/lab" lab
    rm -rf lab/ledger lab/run
    cp "$BATS_FILE_TMPDIR"/*.pem "$BATS_FILE_TMPDIR"/*.key "$BATS_FILE_TMPDIR"/*.cat "$BATS_FILE_TMPDIR"/data* .
    chmod 600 ./*.key
    LAB=$BATS_TEST_TMPDIR/lab
    LAB_PID=
}
teardown() { lab_stop; }

# post [FILE]: the reply to data.tsq as text; kept as reply.tsr
post() {
    curl -sS -m 20 -H 'Content-Type: application/timestamp-query' --data-binary "@${1:-data.tsq}" -o reply.tsr "$URL"
    openssl ts -reply -in reply.tsr -text 2> /dev/null
}

# time_of TEXT: the seconds since 1970 of a reply's genTime
time_of() { date -u -d "$(sed -n 's/^Time stamp: //p' <<< "$1")" +%s; }

# stamps TEXT: a reply that is a token, with genTime within 60 s of the given time
granted_at() {
    local off
    [[ "$1" == *"Status: Granted."* ]] || { echo "refused: $1"; return 1; }
    off=$(($(time_of "$1") - $(date -u -d "$2" +%s)))
    [ "${off#-}" -le 60 ] || { echo "off by $off s: $1"; return 1; }
}

says() {
    local text
    for text in "$@"; do
        [[ "$output" == *"$text"* ]] || { echo "not said: $text"; echo "$output"; return 1; }
    done
}

# refused TEXT OPTION...: tsa check says so, tsa lab does not start, and has made nothing in the folder
refused() {
    local text=$1 before
    shift
    run "$TSA" check -c lab/tsa.conf "$@"
    [ "$status" -eq 1 ] || { echo "tsa check: $status: $output"; return 1; }
    says "error: " "$text" "not good"
    before=$(find lab | sort)
    run timeout 20 "$TSA" lab --dir lab --listen 127.0.0.1:0 "$@"
    [ "$status" -eq 78 ] || { echo "tsa lab: $status: $output"; return 1; }
    says "$text"
    [[ "$output" != *ready* ]]
    [ "$(find lab | sort)" = "$before" ]
}
NOT_ALL="lab time is only for certificates that \`tsa lab\` made, and those of chain and root are not all its own"

# use CHAIN KEY ROOT: the unit of lab/tsa.conf has these files; without lab time it can be started
use() {
    cp "$2" lab/its.key
    cp "$1" lab/its.pem
    cp "$3" lab/its-root.pem
    sed -i 's/"tsa.key"/"its.key"/; s/"chain.pem"/"its.pem"/; s/"root.pem"/"its-root.pem"/; s/"2.999.3161.1"/"1.3.6.1.4.1.32473.1"/' lab/tsa.conf
}

# ---- what it is good for ----

@test "--shift +400d: the clock runs in another year; token, page, status, metrics and log say so" {
    lab_start --shift +400d
    [ "$(sed -n 1p "$LAB.log/out")" = "ready $URL" ]
    [[ "$(sed -n 2p "$LAB.log/out")" == "lab time +400 d: the clock is shifted; "*"policy 2.999.3161.2"* ]]
    reply=$(post)
    granted_at "$reply" '+400 days'
    [[ "$reply" == *"Policy OID: 2.999.3161.2"* ]]
    openssl ts -verify -data data -in reply.tsr -CAfile lab/root.pem 2> /dev/null
    sleep 1.1
    [ "$(time_of "$(post)")" -gt "$(time_of "$reply")" ]
    curl -sS "$URL" > page
    grep -q 'id="lab-time"' page
    grep -q 'lab time +400 d' page
    curl -sS "${URL}status.json" > page.json
    grep -q 'lab time +400 d' page.json
    curl -sS "${URL}metrics" > metrics
    grep -qx 'tsa_clock_lab_time 1' metrics
    "$TSA" status -c lab/tsa.conf > text
    [[ "$(head -n 1 text)" == "LAB TIME +400 d: "* ]]
    grep -q 'level=warning.*lab time +400 d: for test labs only' "$LAB.log/err"
    # The log itself, and the Date of HTTP, keep to the truth.
    curl -sS -o /dev/null -D head "$URL"
    grep -q "^Date: .* $(date -u +%Y) " head
    [[ "$(tail -n 1 "$LAB.log/err")" == "time=$(date -u +%Y)-"* ]]
}

@test "--at: the clock stands still, and tokens are still told apart" {
    lab_start --at 2031-02-03T04:05:06Z
    [[ "$(sed -n 2p "$LAB.log/out")" == "lab time 2031-02-03T04:05:06Z: the clock stands still; "* ]]
    first=$(post)
    sleep 4.5 # longer than a record of the clock is good
    second=$(post)
    for reply in "$first" "$second"; do
        [[ "$reply" == *"Time stamp: Feb  3 04:05:06 2031 GMT"* ]]
    done
    [ "$(sed -n '/Serial/p' <<< "$first")" != "$(sed -n '/Serial/p' <<< "$second")" ]
}

@test "behind the real time too, back to when the lab was made" {
    lab_start --shift -30min
    granted_at "$(post)" '-30 minutes'
}

@test "a signature with a real timestamp is good in a year, one without is not; lab time shows what comes later" {
    later=$(date -u -d '+400 days' +%Y-%m-%dT%H:%M:%SZ)
    "$TSCLIENT" verify --ca lab/root.pem --at "$later" stamped.cat
    run "$TSCLIENT" verify --ca lab/root.pem --at "$later" signed.cat
    [ "$status" -eq 1 ]
    says expired-no-timestamp
    # Stamped too late it is no better: the identity has expired by then.
    lab_start --shift +400d
    run "$TSCLIENT" stamp --tr "$URL" --ca lab/root.pem --allow-clock-skew 401d signed.cat
    [ "$status" -eq 1 ]
    cmp signed.cat "$BATS_FILE_TMPDIR/signed.cat"
}

@test "tsclient: such a timestamp is refused unless the skew is allowed, and a warning wherever it is met" {
    lab_start --shift +2d
    for kind in --tr -t; do
        cp "$BATS_FILE_TMPDIR/signed.cat" signed.cat
        run "$TSCLIENT" stamp "$kind" "$URL" --ca lab/root.pem signed.cat
        [ "$status" -eq 1 ] || [ "$status" -eq 4 ]
        says allow-clock-skew
        cmp signed.cat "$BATS_FILE_TMPDIR/signed.cat"
        run "$TSCLIENT" stamp "$kind" "$URL" --ca lab/root.pem --allow-clock-skew 3d signed.cat
        [ "$status" -eq 0 ] || { echo "$status: $output"; false; }
        run "$TSCLIENT" verify --json --ca lab/root.pem signed.cat
        [ "$status" -eq 2 ] || { echo "$status: $output"; false; }
        [ "$(jq -c .signatures[0].reasons <<< "$output")" = '["lab-time"]' ]
        run "$TSCLIENT" verify --ca lab/root.pem --at 2050-01-01 signed.cat
        [ "$status" -eq 2 ]
        says "lab-time"
        # It is none to leave there, whatever one may bear.
        cp signed.cat before.cat
        for option in "--allow-clock-skew=3d" "--skip-stamped"; do
            run "$TSCLIENT" stamp "$kind" "$URL" --ca lab/root.pem "$option" signed.cat
            [ "$status" -eq 2 ] || { echo "$status: $output"; false; }
            says "it has only a lab timestamp, which is no evidence, and was left as it is; --replace makes a real one"
            cmp signed.cat before.cat
        done
    done
    run "$TSCLIENT" stamp --detached --tr "$URL" --ca lab/root.pem --allow-clock-skew 3d data
    [ "$status" -eq 0 ]
    run "$TSCLIENT" verify --ca lab/root.pem data.tsr
    [ "$status" -eq 2 ]
    says "lab-time"
    run "$TSCLIENT" stamp --detached --tr "$URL" --ca lab/root.pem data
    [ "$status" -eq 2 ] || { echo "$status: $output"; false; }
    says "data.tsr: it has only a lab timestamp"
    # One made before, by the same authority, without: no warning.
    "$TSCLIENT" verify --ca lab/root.pem stamped.cat
}

@test "a request that names the lab's usual policy is refused, with the one that it can have" {
    lab_start --shift +1h
    openssl ts -query -data data -sha256 -tspolicy 2.999.3161.1 -out usual.tsq 2> /dev/null
    reply=$(post usual.tsq)
    [[ "$reply" == *"Status: Rejected."* && "$reply" == *"2.999.3161.2"* && "$reply" == *"olicy"* ]]
    openssl ts -query -data data -sha256 -tspolicy 2.999.3161.2 -out lab.tsq 2> /dev/null
    granted_at "$(post lab.tsq)" '+1 hour'
}

@test "back to the real time: a start without it stamps at once, whatever was stamped in years to come" {
    lab_start --at 2035-01-01T00:00:00Z
    granted_at "$(post)" 2035-01-01
    lab_stop
    lab_start
    reply=$(post)
    granted_at "$reply" now
    [[ "$reply" == *"Policy OID: 2.999.3161.1"* ]]
    lab_stop
    # And from the real time back into lab time that lies before it.
    lab_start --shift -20min
    granted_at "$(post)" '-20 minutes'
}

@test "another lab's chain is a lab's chain" {
    other=$BATS_FILE_TMPDIR/other
    use "$other/chain.pem" "$other/tsa.key" "$other/root.pem"
    lab_start --shift +400d
    granted_at "$(post)" '+400 days'
    openssl ts -verify -data data -in reply.tsr -CAfile "$other/root.pem" 2> /dev/null
}

# ---- the command line ----

@test "both at once, and texts that are no time or no shift: 64, and nothing is made" {
    bad() {
        run "$TSA" "$@"
        [ "$status" -eq 64 ] || { echo "$status for $*: $output"; return 1; }
    }
    for command in "lab --dir none" "check -c lab/tsa.conf"; do
        # shellcheck disable=SC2086
        {
            bad $command --at 2031-02-03T04:05:06Z --shift +1d
            says "do not go together"
            for text in 2031 2031-02-03 @1800000000 '2031-02-03 04:05:06' 2031-02-03T04:05:06+01:00 2031-13-03T04:05:06Z tomorrow ''; do
                bad $command --at "$text"
                says "such as 2031-02-03T04:05:06Z"
            done
            for text in +0d -0s +0; do
                bad $command --shift "$text"
                says "0 is the machine's own time: leave it out"
            done
            for text in 400d +400 +1y +1d2h ++1d 2031-02-03T04:05:06Z +200000d ''; do
                bad $command --shift "$text"
                says "such as +400d or -2h"
            done
            bad $command --at
            bad $command --at 2031-02-03T04:05:06Z --at 2031-02-03T04:05:06Z
        }
    done
    [ ! -e none ]
}

@test "no other command takes it" {
    for command in run status reload "clock run" "clock status" "clock acknowledge"; do
        for option in "--at 2031-02-03T04:05:06Z" "--at=2031-02-03T04:05:06Z" "--shift +400d" "--lab-time at" "--now 1"; do
            # shellcheck disable=SC2086
            run timeout 20 "$TSA" $command -c lab/tsa.conf $option
            [ "$status" -eq 64 ] || { echo "$status for tsa $command $option: $output"; return 1; }
            says "there is no option"
        done
    done
    [ ! -e lab/run/control ]
}

# ---- settings and environment ----

@test "no setting asks for it" {
    while read -r line; do
        cp "$BATS_FILE_TMPDIR/lab/tsa.conf" lab/tsa.conf
        sed -i '/^clock = /d' lab/tsa.conf
        echo "$line" >> lab/tsa.conf
        for command in run check; do
            run timeout 20 "$TSA" $command -c lab/tsa.conf
            [ "$status" -eq 78 ] || { echo "$status for tsa $command with $line: $output"; return 1; }
        done
        says "tsa.conf:"
    done << 'EOF'
clock = { source = "system"; at = "2031-02-03T04:05:06Z"; };
clock = { source = "system"; shift = "+400d"; };
clock = { source = "system"; lab_time = "at 2031-02-03T04:05:06Z"; };
clock = { source = "lab"; };
clock = { source = "at 2031-02-03T04:05:06Z"; };
lab_time = "at 2031-02-03T04:05:06Z";
at = "2031-02-03T04:05:06Z";
shift = "+400d";
EOF
}

@test "no variable of the environment asks for it" {
    export TSA_AT=2031-02-03T04:05:06Z TSA_SHIFT=+400d LAB_TIME='at 2031-02-03T04:05:06Z' SOURCE_DATE_EPOCH=1927857906
    export TSA_LAB_TIME='at 2031-02-03T04:05:06Z' lab_time='at 2031-02-03T04:05:06Z' AT=2031-02-03T04:05:06Z SHIFT=+400d
    lab_start
    reply=$(post)
    granted_at "$reply" now
    [[ "$reply" == *"Policy OID: 2.999.3161.1"* ]]
    # The only variables that the server's code names are those of service managers, and those that it hands on.
    [ -z "$(grep -rhoE 'getenv\("[^"]*"\)' "$TSA_SOURCE/tsa" "$TSA_SOURCE/certs" | sort -u |
        grep -vE '"(LISTEN_(PID|FDS|FDNAMES)|NOTIFY_SOCKET|WATCHDOG_(PID|USEC)|JOURNAL_STREAM)"')" ]
}

# ---- certificates of others ----

@test "a chain that no lab made is refused, with a lab beside it" {
    use real-tsa.pem real-tsa.key real.pem
    "$TSA" check -c lab/tsa.conf # without lab time it is good
    for time in "--at 2031-02-03T04:05:06Z" "--shift +400d" "--shift -10min" "--shift +1ns"; do
        # shellcheck disable=SC2086
        refused "unit lab: $NOT_ALL" $time
    done
}

@test "a certificate that names the lab's policy, below a root that does not" {
    use posing-tsa.pem posing-tsa.key real.pem
    refused "unit lab: $NOT_ALL" --shift +1d
}

@test "a certificate that does not, below a root that names the lab's policy" {
    use marked-tsa.pem marked-tsa.key marked.pem
    refused "unit lab: $NOT_ALL" --shift +1d
}

@test "a lab's certificate beside somebody else's root" {
    use lab/chain.pem lab/tsa.key real.pem
    refused "unit lab: $NOT_ALL" --shift +1d
}

@test "somebody else's certificate beside a lab's root" {
    use real-tsa.pem real-tsa.key lab/root.pem
    refused "unit lab: $NOT_ALL" --shift +1d
    # Even with the lab's own intermediate behind it, or the lab's whole chain.
    cat real-tsa.pem lab/ca/timestamping.pem > mixed.pem
    use mixed.pem real-tsa.key lab/root.pem
    cp mixed.pem lab/its.pem
    run timeout 20 "$TSA" lab --dir lab --listen 127.0.0.1:0 --shift +1d
    [ "$status" -eq 78 ]
    [[ "$output" != *ready* ]]
}

@test "a lab's certificate beside another lab's root" {
    use lab/chain.pem lab/tsa.key "$BATS_FILE_TMPDIR/other/root.pem"
    refused "unit lab: $NOT_ALL" --shift +1d
}

@test "a chain of one's own that names the lab's policy throughout is a lab's: nobody else trusts it" {
    use twin-tsa.pem twin-tsa.key twin.pem
    lab_start --shift +1d
    granted_at "$(post)" '+1 day'
    [[ "$(post)" == *"Policy OID: 2.999.3161.2"* ]]
}

# What somebody would make who has a key that leaked years ago, and wants it to have signed in time.
@test "a chain of one's own that is valid since 2005 leads back to the year of this program, and no further" {
    ca_config() { printf '[ca]\ndefault_ca=x\n[x]\ndatabase=index\nserial=serial\nnew_certs_dir=.\ndefault_md=sha256\npolicy=p\n[p]\nCN=supplied\n[e]\n%s\n' "$1"; }
    issue() { # NAME EXTENSIONS OPTION...
        openssl req -new -newkey rsa:3072 -nodes -keyout "$1.key" -out "$1.csr" -subj "/CN=$1" 2>> openssl.log
        ca_config "certificatePolicies=$POLICY"$'\n'"$2" > ca.conf
        openssl ca -batch -config ca.conf -extensions e -in "$1.csr" -out "$1.pem" -notext -rand_serial \
            -startdate 20050101000000Z -enddate 20450101000000Z "${@:3}" 2>> openssl.log
    }
    : > index
    issue old $'basicConstraints=critical,CA:TRUE\nkeyUsage=keyCertSign' -selfsign -keyfile old.key
    issue old-tsa $'extendedKeyUsage=critical,timeStamping\nkeyUsage=digitalSignature' -cert old.pem -keyfile old.key
    use old-tsa.pem old-tsa.key old.pem
    "$TSA" check -c lab/tsa.conf --at 2026-01-01T00:00:00Z
    for time in 2025-12-31T23:59:59Z 2015-07-28T12:00:00Z 2005-01-01T00:00:01Z; do
        refused "lies before 2026-01-01T00:00:00Z, when this lab was made (nothing of this program is older)" --at "$time"
    done
    refused "lies before 2026-01-01T00:00:00Z" --shift -4000d
}

@test "no root is named" {
    sed -i '/root = /d' lab/tsa.conf
    refused "unit lab: lab time is only for certificates that \`tsa lab\` made, and no root is named" --shift +1d
    sed -i 's/chain = "chain.pem";/&\n        root = "";/' lab/tsa.conf
    refused "unit lab: lab time is only for certificates that \`tsa lab\` made, and no root is named" --shift +1d
}

# second CHAIN KEY ROOT: a second unit
second() {
    cp "$1" lab/second.pem && cp "$2" lab/second.key && cp "$3" lab/second-root.pem
    sed -i '$d' lab/tsa.conf # ");"
    cat >> lab/tsa.conf << 'EOF'
    , { name = "second"; key = "second.key"; chain = "second.pem"; root = "second-root.pem"; policy = "1.3.6.1.4.1.32473.1"; }
);
EOF
}

@test "one unit of two: refused for both" {
    second real-tsa.pem real-tsa.key real.pem
    "$TSA" check -c lab/tsa.conf
    refused "unit second: $NOT_ALL" --at 2031-02-03T04:05:06Z
}

# ---- times ----

@test "outside the validity, on both sides: refused, with the time from which it works" {
    made=$(date -u -d "$(openssl x509 -in lab/chain.pem -noout -startdate | cut -d= -f2)" +%Y-%m-%dT%H:%M:%SZ)
    until=$(date -u -d "$(openssl x509 -in lab/chain.pem -noout -enddate | cut -d= -f2)" +%Y-%m-%dT%H:%M:%SZ)
    for time in "--at 2014-06-01T00:00:00Z" "--at 2026-01-01T00:00:00Z" "--at 1969-12-31T23:59:59Z" "--shift -2h" "--shift -4000d"; do
        # shellcheck disable=SC2086
        refused "lies before $made, when this lab was made" $time
        says "take a time from then until $until"
    done
    for time in "--at $until" "--at $made"; do
        # shellcheck disable=SC2086
        "$TSA" check -c lab/tsa.conf $time
    done
    for time in "--at 2099-01-01T00:00:00Z" "--shift +5000d" "--shift +100000d"; do
        # shellcheck disable=SC2086
        refused "lies after $until, the end of the certificate of TSA Lab Timestamp Authority" $time
        says "take a time from $made until then"
    done
}

@test "a lab is made by the machine's time, whatever its clock is to show" {
    run timeout 60 "$TSA" lab --dir new --listen 127.0.0.1:0 --at 2025-01-01T00:00:00Z
    [ "$status" -eq 78 ]
    says "when this lab was made"
    begin=$(date -u -d "$(openssl x509 -in new/root.pem -noout -startdate | cut -d= -f2)" +%s)
    [ "$begin" -gt "$(($(date +%s) - 2 * 3600))" ]
    # The same files go on without, and as of a later time; nothing is renewed because of that.
    sum=$(cat new/*.pem | sha256sum)
    LAB=$BATS_TEST_TMPDIR/new lab_start --at 2036-01-01T00:00:00Z
    [ "$(cat new/*.pem | sha256sum)" = "$sum" ]
}

@test "it ends with the certificate, while it runs" {
    until=$(date -u -d "$(openssl x509 -in lab/chain.pem -noout -enddate | cut -d= -f2)" +%s)
    lab_start --shift "+$((until - $(date +%s) - 8))s"
    [[ "$(post)" == *"Status: Granted."* ]]
    sleep 9
    reply=$(post)
    [[ "$reply" == *"Status: Rejected."* ]] || { echo "$reply"; false; }
}

# ---- a clock service ----

@test "the file of a clock service is refused beside it" {
    sed -i 's/source = "system";/& file = "clock";/' lab/tsa.conf
    : > lab/clock
    refused "clock.file: " --shift +1d
}

# ---- reload ----

@test "a reload to others' certificates under lab time: the old ones stay, and the reason is told" {
    lab_start --shift +400d
    cp lab/tsa.conf good.conf
    use real-tsa.pem real-tsa.key real.pem
    run "$TSA" reload --wait -c lab/tsa.conf
    [ "$status" -eq 1 ] || { echo "$status: $output"; false; }
    says "unit lab: $NOT_ALL" "what runs goes on unchanged"
    granted_at "$(post)" '+400 days'
    openssl ts -verify -data data -in reply.tsr -CAfile lab/root.pem 2> /dev/null
    # By a signal: the log says it.
    lines=$(wc -l < "$LAB.log/err")
    kill -HUP "$LAB_PID"
    for _ in $(seq 200); do
        tail -n "+$((lines + 1))" "$LAB.log/err" > news
        if grep -q 'is not taken over' news; then break; fi
        sleep 0.05
    done
    grep -q 'those of chain and root are not all its own' news
    granted_at "$(post)" '+400 days'
    # A second unit with them, and the root taken away.
    cp good.conf lab/tsa.conf
    second real-tsa.pem real-tsa.key real.pem
    run "$TSA" reload --wait -c lab/tsa.conf
    [ "$status" -eq 1 ]
    says "unit second: $NOT_ALL"
    sed '/root = /d' good.conf > lab/tsa.conf
    run "$TSA" reload --wait -c lab/tsa.conf
    [ "$status" -eq 1 ]
    says "no root is named"
    # A good one is taken over, and lab time goes on.
    cp good.conf lab/tsa.conf
    "$TSA" reload --wait -c lab/tsa.conf
    reply=$(post)
    granted_at "$reply" '+400 days'
    [[ "$reply" == *"Policy OID: 2.999.3161.2"* ]]
}

@test "files that change without a reload do not reach a new issuer" {
    lab_start --shift +400d
    mv real-tsa.pem lab/chain.pem && mv real.pem lab/root.pem && mv real-tsa.key lab/tsa.key
    kill -9 "$(lab_pid issuer)"
    for _ in $(seq 200); do
        reply=$(post || true)
        if [[ "$reply" == *"Status: Granted."* ]]; then break; fi
        sleep 0.1
    done
    granted_at "$reply" '+400 days'
    openssl ts -verify -data data -in reply.tsr -CAfile "$BATS_FILE_TMPDIR/lab/root.pem" 2> /dev/null
}

# ---- roles that are started by hand ----

# by_hand ROLE CHAIN ROOT LAB-TIME: starts the role with these, and nothing else that it would want later
by_hand() {
    printf '%s' "$4" > time
    run timeout 20 "$TSA" "@$1" config=20 chain.0=21 root.0=22 lab_time=23 \
        20< lab/tsa.conf 21< "$2" 22< "$3" 23< time
}

@test "a role that is started by hand dies with the same sentence" {
    for role in issuer front; do
        by_hand "$role" real-tsa.pem real.pem "shift 86400000000000"
        [ "$status" -eq 78 ] || { echo "$role: $status: $output"; false; }
        says "unit lab: $NOT_ALL"
        by_hand "$role" lab/chain.pem real.pem "at 2031-02-03T04:05:06Z"
        [ "$status" -eq 78 ]
        says "unit lab: $NOT_ALL"
        by_hand "$role" lab/chain.pem lab/root.pem "at 2014-06-01T00:00:00Z"
        [ "$status" -eq 78 ]
        says "when this lab was made"
        by_hand "$role" lab/chain.pem lab/root.pem "at 2099-01-01T00:00:00Z"
        [ "$status" -eq 78 ]
        says "lies after"
        for text in "" "at" "2014-06-01T00:00:00Z" "shift 1d" "at 2014-06-01T00:00:00Z "; do
            by_hand "$role" real-tsa.pem real.pem "$text"
            [ "$status" -eq 70 ] || { echo "$role, '$text': $status: $output"; false; }
            says "the lab time that came along can not be read"
        done
        # What it would want next is what is missing: the fence let it through.
        by_hand "$role" lab/chain.pem lab/root.pem "at 2031-02-03T04:05:06Z"
        [ "$status" -ne 0 ]
        [[ "$output" != *"lab time is only"* && "$output" != *"lab was made"* ]] || { echo "$role: $output"; false; }
    done
    # Without a root.
    printf 'shift 86400000000000' > time
    run timeout 20 "$TSA" @issuer config=20 chain.0=21 lab_time=22 20< lab/tsa.conf 21< lab/chain.pem 22< time
    [ "$status" -eq 78 ]
    says "no root is named"
}

# ---- the machine's clock, set back ----

@test "no lab is made on a machine whose clock was set back" {
    [ -z "${TSA_SANITIZED-}" ] || skip "faketime and sanitizers do not go together"
    command -v faketime > /dev/null || skip "faketime is not installed (conf/install-deps test)"
    run faketime '2014-06-01 00:00:00' "$TSA" lab --dir new --listen 127.0.0.1:0
    [ "$status" -eq 78 ]
    says "this machine's clock shows 2014-"
    [ ! -e new ]
}
