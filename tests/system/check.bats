#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# tsa check: each fault of a configuration and of what it names, told with its place, and all of them at once.

load lab

setup_file() { lab_start; }
teardown_file() { lab_stop; }

setup() {
    cd "$BATS_TEST_TMPDIR" || return 1
    cp "$LAB"/*.pem "$LAB"/*.key "$LAB/tsa.conf" .
    chmod 600 ./*.key
}

# expect CODE TEXT...: what check says of tsa.conf
expect() {
    local code=$1 text
    shift
    run "$TSA" check -c tsa.conf
    [ "$status" -eq "$code" ] || { echo "exit code $status"; echo "$output"; return 1; }
    for text in "$@"; do
        [[ "$output" == *"$text"* ]] || { echo "not said: $text"; echo "$output"; return 1; }
    done
}

# number of lines of a kind in the last output
count() { grep -c "^$1: " <<< "$output" || true; }

change() { sed -i "$1" tsa.conf; }

clock() { change "s#^clock = .*#clock = { $1 };#"; }
unit() { change "s#policy = #$1 policy = #"; }

FAKES=
teardown() {
    for pid in $FAKES; do kill "$pid" 2> /dev/null || true; done
}

# fake COMMAND...: in the background until the test ends; its first line comes to the file said
fake() {
    : > said
    python3 -B "$@" > said 2> fake.log 3>&- &
    FAKES="$FAKES $!"
}

# await FILE: has contents
await() {
    local tries=200
    until [ -s "$1" ]; do
        [ $((tries -= 1)) -gt 0 ] || { echo "nothing in $1"; cat fake.log; return 1; }
        sleep 0.05
    done
}

@test "a good one: 0, and the unproven clock is told" {
    expect 0 "tsa.conf: good, 0 errors" 'warning: clock.source is "system"'
    [ "$(count error)" -eq 0 ]
    # Nothing was made.
    [ ! -e ledger ]
    [ ! -e run ]
}

@test "faults of the file: 78, with line and all at once" {
    cat > tsa.conf << 'EOF'
listem = "127.0.0.1:3161";
node = 40000;
units = (
    {
        name = "a/b";
        key = "tsa.key";
        chain = "chain.pem";
        policy = "not one";
    }
);
EOF
    expect 78 "error: tsa.conf:1: unknown setting \`listem'; did you mean \`listen'?" "error: tsa.conf:2: \`node' is 40000" \
        "error: tsa.conf:5: \`units[0].name'" "error: tsa.conf:8: \`units[0].policy'"
    [ "$(count error)" -eq 4 ]
}

@test "an included file is told by its own name and line" {
    echo 'nod = 1;' > more.conf
    echo '@include "more.conf"' >> tsa.conf
    expect 78 "more.conf:1: unknown setting \`nod'"
}

@test "no file, a folder, bad syntax" {
    run "$TSA" check -c none.conf
    [ "$status" -eq 78 ]
    [[ "$output" == *"none.conf"* ]]
    run "$TSA" check -c .
    [ "$status" -eq 78 ]
    echo 'listen = ( ;' > tsa.conf
    expect 78 "tsa.conf:1:"
}

@test "the key: missing, open to others, not a key, of another certificate" {
    rm tsa.key
    expect 1 "error: unit lab: can not open the key tsa.key: No such file"
    [ "$(count error)" -eq 1 ]
    cp "$LAB/tsa.key" . && chmod 644 tsa.key
    expect 1 "mode 0644" "chmod 600"
    [ "$(count error)" -eq 1 ]
    echo nonsense > tsa.key && chmod 600 tsa.key
    expect 1 "error: unit lab: tsa.key: this is no private key"
    [ "$(count error)" -eq 1 ]
    cp codesign.key tsa.key
    expect 1 "does not belong to the certificate"
    [ "$(count error)" -eq 1 ]
    rm tsa.key && mkdir tsa.key
    expect 1 "is no file"
}

@test "certificates: missing, empty, not for timestamps, broken chain, another root" {
    rm chain.pem
    expect 1 "chain.pem"
    [ "$(count error)" -eq 1 ]
    : > chain.pem
    expect 1 "chain.pem holds no certificate"
    cp codesign.pem chain.pem && cp codesign.key tsa.key
    expect 1 "timeStamping"
    cp "$LAB/tsa.key" . && cp "$LAB/chain.pem" .
    openssl x509 -in chain.pem -out chain.pem.1 && mv chain.pem.1 chain.pem
    expect 1 "was not issued by the root"
    cp "$LAB/chain.pem" .
    openssl req -x509 -newkey rsa:2048 -nodes -keyout other.key -subj '/CN=Other' -days 30 -out root.pem 2> /dev/null
    expect 1 "was not issued by the root"
}

@test "dates: expired, not valid yet, soon over" {
    [ -z "${TSA_SANITIZED-}" ] || skip "faketime and sanitizers do not go together"
    command -v faketime > /dev/null || skip "faketime is not installed (conf/install-deps test)"
    run faketime '2060-01-01' "$TSA" check -c tsa.conf
    [ "$status" -eq 1 ]
    [[ "$output" == *"expired on"* ]]
    run faketime '2001-01-01' "$TSA" check -c tsa.conf
    [ "$status" -eq 1 ]
    [[ "$output" == *"is valid from"* ]]
    local end
    end=$(date -u -d "$(openssl x509 -in chain.pem -noout -enddate | cut -d= -f2) - 5 days" '+%Y-%m-%d %H:%M:%S')
    run faketime "$end" "$TSA" check -c tsa.conf
    [[ "$output" == *"warning: "*"expires in"* ]]
}

@test "folders: the ledger's is a file, or can not be made" {
    touch ledger
    expect 1 "error: ledger.dir: ledger is no folder"
    rm ledger
    change 's#dir = "ledger"#dir = "no/such/ledger"#'
    expect 1 "error: ledger.dir: neither no/such/ledger nor the folder above is there"
    [ "$(count error)" -eq 1 ]
}

@test "a disk that is full is told" {
    [ "$(id -u)" -eq 0 ] || skip "mounts need root"
    mkdir small
    mount -t tmpfs -o size=1m none small 2> /dev/null || skip "no tmpfs here"
    change 's#dir = "ledger"#dir = "small/ledger"#'
    run "$TSA" check -c tsa.conf
    umount small
    [ "$status" -eq 1 ]
    [[ "$output" == *"error: ledger.dir: small/ledger has room for"* ]]
}

@test "accounts that are not there are told where they count" {
    change 's#front = "60931"#front = "no-such-account"#'
    if [ "$(id -u)" -eq 0 ]; then
        expect 1 "error: users.front: there is no account \`no-such-account'" "systemd-sysusers"
        [ "$(count error)" -eq 1 ]
        change 's#front = "no-such-account"#front = "root"#'
        expect 0 "warning: users.front is root"
    else
        expect 0
    fi
}

@test "an example policy outside the lab is told" {
    [ -z "${TSA_SANITIZED-}" ] || skip "once is enough"
    openssl req -x509 -newkey rsa:3072 -nodes -keyout r.key -subj '/CN=Own Root' -days 4000 -out root.pem 2> /dev/null
    openssl req -newkey rsa:3072 -nodes -keyout tsa.key -subj '/CN=Own TSA' -out tsa.csr 2> /dev/null
    printf 'extendedKeyUsage=critical,timeStamping\nkeyUsage=critical,digitalSignature\nbasicConstraints=CA:false\n' > ext
    openssl x509 -req -in tsa.csr -CA root.pem -CAkey r.key -days 400 -extfile ext -out chain.pem 2> /dev/null
    chmod 600 tsa.key
    expect 0 "warning: unit lab: policy 2.999.3161.1 is of the arc of examples"
}

@test "TLS: files, their rights, whether they belong together, dates" {
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout tls.key -out tls.pem -days 90 -subj /CN=x 2> /dev/null
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout other.key -out short.pem -days 5 -subj /CN=x 2> /dev/null
    chmod 600 tls.key other.key
    echo 'tls = { listen = "127.0.0.1:0"; certificate = "tls.pem"; key = "tls.key"; };' >> tsa.conf
    expect 0 "good, 0 errors"
    chmod 640 tls.key
    expect 1 "error: tls.key: tls.key has mode 0640: others may read it; chmod 600 tls.key"
    chmod 600 tls.key
    change 's/key = "tls.key"/key = "other.key"/'
    expect 1 "error: tls: tls.pem, other.key: "
    [ "$(count error)" -eq 1 ]
    change 's/certificate = "tls.pem"/certificate = "short.pem"/'
    expect 0 "warning: tls.certificate: short.pem expires in " " days: renew it"
    change 's/certificate = "short.pem"/certificate = "none.pem"/'
    expect 1 "error: tls.certificate: can not open none.pem"
    if [ -z "${TSA_SANITIZED-}" ] && command -v faketime > /dev/null; then
        change 's/certificate = "none.pem"/certificate = "short.pem"/'
        run faketime "$(date -u -d '10 days' '+%Y-%m-%d %H:%M:%S')" "$TSA" check -c tsa.conf
        [ "$status" -eq 1 ]
        [[ "$output" == *"error: tls.certificate: short.pem expired on"* ]]
    fi
    change '/^tls = /d'
    change 's/policy = /client_certificate = true; policy = /'
    expect 78 "tls.client_ca"
}

@test "the record's folder has other uses: foreseen as a start refuses it" {
    [ "$(id -u)" -eq 0 ] || skip "nothing is given away but by root"
    mkdir other
    touch other/records other/somebodys
    change 's|dir = "ledger"|dir = "other"|'
    expect 1 "error: ledger.dir: other holds somebodys, which is no part of a record"
    [ "$(count error)" -eq 1 ]
    rm other/somebodys
    expect 0
}

@test "fewer files may be open than connections are wished for" {
    [ "$(id -u)" -ne 0 ] || command -v setpriv > /dev/null || skip "no setpriv here"
    local as=()
    if [ "$(id -u)" -eq 0 ]; then
        chmod 755 "$BATS_RUN_TMPDIR" "$BATS_FILE_TMPDIR" . 2> /dev/null
        chown -R 65534:65534 .
        as=(setpriv --reuid 65534 --regid 65534 --clear-groups)
        "${as[@]}" test -x "$TSA" || skip "the program lies where only root can reach it"
    fi
    run "${as[@]}" bash -c 'ulimit -n 256; exec "$TSA" check -c tsa.conf'
    [ "$status" -eq 0 ]
    [[ "$output" == *"warning: limits.connections is "*", but only 256 files may be open here"* ]]
}

@test "several faults at once: each is told once" {
    rm tsa.key
    rm root.pem
    touch ledger
    expect 1 "tsa.key" "root.pem" "ledger"
    [ "$(count error)" -eq 3 ]
}

@test "a start refuses what check refuses, with the same words" {
    chmod 644 tsa.key
    run "$TSA" run -c tsa.conf
    [ "$status" -eq 78 ]
    [[ "$output" == *"mode 0644"* ]]
    [ ! -e run ]
    run "$TSA" run -c none.conf
    [ "$status" -eq 78 ]
}

@test "a folder with other uses is not given to the issuer's account" {
    [ "$(id -u)" -eq 0 ] || skip "nothing is given away but by root"
    mkdir other
    touch other/records other/somebodys
    change 's|dir = "ledger"|dir = "other"|'
    run timeout 10 "$TSA" run -c tsa.conf
    [ "$status" -eq 78 ]
    [[ "$output" == *"other holds somebodys, which is no part of a record"* ]]
    [ "$(stat -c %u other other/records other/somebodys | sort -u)" = 0 ]
    # What a record left behind belongs to it.
    rm other/somebodys
    mkdir other/lost+found
    change 's#127.0.0.1:3161#127.0.0.1:0#'
    "$TSA" run -c tsa.conf 2> err 3>&- &
    local pid=$! i
    for i in $(seq 200); do
        if grep -q 'ready on' err; then break; fi
        sleep 0.05
    done
    kill -TERM $pid
    wait $pid
    [ "$(stat -c %u other/records)" = 60932 ]
}

@test "a start does not read keys before the roles do, and still says which one is wrong" {
    change 's#127.0.0.1:3161#127.0.0.1:0#'
    cp codesign.key tsa.key
    run timeout 20 "$TSA" run -c tsa.conf
    [ "$status" -eq 78 ]
    [[ "$output" == *"tsa.key is not the key of the certificate in chain.pem"* ]]
    [[ "$output" == *"the issuer can not start"* ]]
}

@test "chronyd is asked: silent, unsynchronised, alone with itself, good, not good enough" {
    clock 'source = "chrony"; chrony = "127.0.0.1:9";'
    expect 0 'warning: clock.source "chrony": the clock'"'"'s source does not answer' "is chronyd running" "conf/chrony.conf"
    [ "$(cat /proc/sys/net/ipv4/ip_unprivileged_port_start)" -le 9 ] || refute grep -q "may take port" <<< "$output"
    echo '{"leap": 3}' > says.json
    fake "$TSA_SOURCE/tests/tools/fake_chronyd.py" says.json
    await said
    clock "source = \"chrony\"; chrony = \"127.0.0.1:$(cat said)\";"
    expect 0 'warning: clock.source "chrony": the clock is not synchronised' "chronyc sources" \
        "warning: clock.chrony: every account of this machine may take port $(cat said)"
    echo '{"refid": "0x7f7f0101"}' > new && mv new says.json
    expect 0 'warning: clock.source "chrony": the clock'"'"'s source follows nothing but itself' "take \`local' out"
    echo '{"offset": 0.004}' > new && mv new says.json
    unit 'accuracy = "1 s";'
    expect 0 "note: clock: chrony 192.0.2.1 says that it is wrong by at most 4."
    refute grep -q "would refuse" <<< "$output"
    refute grep -q "issue nothing" <<< "$output"
    echo '{"offset": 0.6}' > new && mv new says.json
    expect 0 "warning: it would issue nothing now: the clock may be wrong by 600" "ms, unit lab declares 1 s" \
        "tsa.conf: good, and yet it would issue nothing now, 0 errors"
    # Another unit bears it.
    cp tsa.conf kept.conf
    change 's#^);#, { name = "b"; key = "tsa.key"; chain = "chain.pem"; policy = "2.999.1"; accuracy = "5 s"; } );#'
    expect 0 "warning: unit lab: its tokens claim an accuracy of 1 s, and the clock may be wrong by 600" "it would refuse" "tsa.conf: good, 0 errors"
    cp kept.conf tsa.conf
    # Without an accuracy nobody would see it, and at ten seconds it ends there too.
    change 's/accuracy = "1 s";//'
    expect 0 "tsa.conf: good, 0 errors"
    refute grep -q "declare no accuracy" <<< "$output"
    echo '{"offset": 1.5}' > new && mv new says.json
    expect 0 "warning: unit lab: the clock may be wrong by 1.5" "declare no accuracy" "tsa.conf: good, 0 errors"
    echo '{"offset": 1800}' > new && mv new says.json
    expect 0 "warning: it would issue nothing now: the clock may be wrong by 30" "and 10 s are the most where no accuracy is declared"
    # Asked by tsa check alone: a start has its clock role for that.
    clock 'source = "system"; chrony = "127.0.0.1:9";'
    expect 0 "warning: clock.chrony is set, and nobody asks there"
}

@test "time servers are asked: good, lying, silent, and names that nobody knows" {
    echo '{"servers": [{"address": "127.0.0.1"}, {"address": "127.0.0.1"}, {"address": "127.0.0.1"}, {"address": "127.0.0.1"}, {"address": "127.0.0.1"}]}' > sntp.json
    fake "$TSA_SOURCE/tests/tools/fake_sntp.py" sntp.json ready
    await ready
    local servers
    servers=$(sed '4q' ready | sed 's/.*/{ address = "&"; }/' | paste -s -d,)
    clock "source = \"sntp\"; servers = ( $servers );"
    expect 0 "note: clock: sntp" "says that it is wrong by at most"
    refute grep -q 'warning: clock.servers' <<< "$output"
    jq -c '.servers[1].offset = 3600 | .servers[2].drop = true' sntp.json > new && mv new sntp.json
    clock "source = \"sntp\"; servers = ( $servers, { address = \"$(sed -n '5s/.*:/localhost:/p' ready)\"; } );"
    expect 0 "warning: clock.servers: $(sed -n 2p ready): it says otherwise than the majority" \
        "warning: clock.servers: $(sed -n 3p ready): it does not answer"
    [ "$(grep -c '^warning: clock.servers' <<< "$output")" -eq 2 ]
    # Named twice it is counted once: or one that lies could be a majority by itself.
    clock "source = \"sntp\"; servers = ( $servers, { address = \"$(sed -n '1s/.*:/localhost:/p' ready)\"; } );"
    expect 0 "localhost:$(sed -n '1s/.*://p' ready) is not asked: it is the same server as $(sed -n 1p ready)" \
        'warning: clock.source "sntp": '
    # Two of four are half, which is no majority.
    clock "source = \"sntp\"; servers = ( $servers );"
    expect 0 'warning: clock.source "sntp": '
    # Beside another source they are a second opinion.
    clock "source = \"chrony\"; chrony = \"127.0.0.1:9\"; servers = ( $servers );"
    expect 0 'warning: clock.source "chrony": ' "warning: clock.servers: $(sed -n 3p ready): it does not answer"
    clock "source = \"sntp\"; servers = ( $servers, { address = \"no-such-host.invalid\"; } );"
    expect 0 "warning: tsa.conf:" "no-such-host.invalid can not be resolved"
    clock 'source = "sntp"; servers = ( { address = "127.0.0.1:9"; }, { address = "a.invalid"; }, { address = "b.invalid"; } );'
    expect 1 "error: tsa.conf:" "b.invalid can not be resolved" "the addresses of 1 of 3 are known"
}

@test "the kernel is asked, and what it does not know is told" {
    clock 'source = "kernel";'
    run "$TSA" check -c tsa.conf
    [ "$status" -eq 0 ]
    # Whatever keeps the clock of this machine: one of the three is so.
    [[ "$output" == *'warning: clock.source "kernel": '* || "$output" == *"warning: clock.source: the kernel says"* ||
        "$output" == *"note: clock: kernel says that it is wrong by at most"* ]]
}

@test "the list of leap seconds: missing, empty, no list, expired, good" {
    local seconds
    clock 'source = "kernel"; leap_list = "leaps";'
    expect 0 "warning: tsa.conf:" "clock.leap_list: " "leaps: No such file" "install tzdata"
    echo 'nothing of this kind' > leaps
    expect 0 "warning: clock.leap_list: leaps is not a list of leap seconds"
    printf '#@\t3692217600\n3644697600\t36\n' > leaps
    expect 0 "warning: clock.leap_list: leaps has known nothing since 2017-01-01T00:00:00Z" "bring tzdata up to date"
    seconds=$(($(date +%s) + 2208988800 + 100 * 86400))
    printf '#@\t%d\n3644697600\t36\n3692217600\t37\n' "$seconds" > leaps
    expect 0
    [[ "$output" != *leap_list* ]]
    clock 'source = "kernel"; leap_list = "";'
    expect 0 "warning: clock.leap_list is empty"
    # Where nothing is proven nothing is said.
    clock 'source = "system"; leap_list = "";'
    expect 0
    [[ "$output" != *leap_list* ]]
}

@test "a clock service that is not there is told, and what is no file" {
    clock 'source = "system"; file = "none/clock";'
    expect 1 "error: clock.file: can not open none/clock: No such file or directory; start the clock service first (tsa clock run"
    [ "$(count error)" -eq 1 ]
    mkdir none none/clock
    expect 1 "error: clock.file: none/clock is not a clock file"
    rmdir none/clock
    head -c 4096 tsa.key > none/clock
    expect 1 "error: clock.file: none/clock is not a clock file"
    # What a start would refuse: others could say how wrong the clock is.
    head -c 4096 /dev/zero > none/clock
    expect 0 "warning: clock.file: nothing stands in none/clock yet, and no token is issued until it does" \
        "tsa.conf: good, and yet it would issue nothing now, 0 errors"
    # One that has died: its last record is there, and has expired.
    clock 'source = "system"; file = "clock";'
    "$TSA" clock run -c tsa.conf 2> clock.err 3>&- &
    FAKES="$FAKES $!"
    live() { ! "$TSA" check -c tsa.conf | grep "clock.file"; }
    for _ in {1..100}; do [ -e clock ] && live && break; sleep 0.1; done
    expect 0 "tsa.conf: good, 0 errors"
    kill "${FAKES##* }"
    sleep 3.5
    expect 0 "warning: clock.file: clock was last written " " ago, and no token is issued until it is again" "systemctl status tsa-clock" \
        "good, and yet it would issue nothing now"
    clock 'source = "system"; file = "none/clock";'
    chmod 666 none/clock
    expect 1 "error: clock.file: none/clock has mode 0666" "chmod go-w none/clock"
}

@test "accuracy: claimed without proof, proven and not claimed, eaten by rounding" {
    unit 'accuracy = "1 s";'
    expect 0 'warning: unit lab: its tokens claim an accuracy of 1 s, and with clock.source = "system" nothing proves it'
    clock 'source = "kernel";'
    expect 0
    [[ "$output" != *"claim an accuracy"* && "$output" != *rounding* ]]
    change 's/accuracy = "1 s"/accuracy = "600 ms"/'
    expect 0 "warning: unit lab: of its accuracy of 600 ms the rounding of times to 0 digits takes 500 ms, so that the clock may be wrong by 100 ms at most"
    unit 'time_digits = 3;'
    expect 0
    [[ "$output" != *rounding* ]]
    change 's/accuracy = "600 ms";//'
    expect 0 "note: unit lab: the time is proven, and its tokens say nothing of it"
    unit 'accuracy = "1500 us";'
    expect 0
    refute grep -q "two looks" <<< "$output"
    clock 'source = "chrony"; chrony = "127.0.0.1:9";'
    expect 0 "warning: unit lab: of its accuracy of 1.5 ms much is needed for what chronyd may do between two looks"
    change 's/accuracy = "1500 us";//'
    unit 'accuracy = "500 us";'
    expect 78 "error: tsa.conf:" "units[0].accuracy" "rounded by up to 0.5 ms"
}

@test "servers that nobody asks, and that are asked too seldom" {
    clock 'source = "system"; servers = ( { address = "127.0.0.1"; }, { address = "127.0.0.2"; }, { address = "127.0.0.3"; } );'
    expect 78 "error: tsa.conf:" "clock.servers" "nobody asks them"
    clock 'source = "sntp"; max_age = "60 s"; servers = ( { address = "127.0.0.1:9"; }, { address = "127.0.0.1:10"; }, { address = "127.0.0.1:11"; } );'
    expect 0 "warning: clock.max_age (60 s) is not longer than clock.poll (64 s)"
    change 's/max_age = "60 s";/poll = "1024 s";/'
    unit 'accuracy = "900 ms"; '
    expect 0 "warning: unit lab: from one question to the servers to the next (clock.poll, 17.07 min) the clock may go wrong by 256 ms (clock.drift, 250 ppm), and its accuracy leaves 400 ms in all"
    change 's/accuracy = "900 ms"/accuracy = "1200 ms"/'
    expect 0
    refute grep -q "go wrong by" <<< "$output"
}

@test "ordering is promised by one unit of a name alone" {
    unit 'ordering = true; time_digits = 3;'
    expect 0
    change 's#^);#, { name = "b"; key = "tsa.key"; chain = "chain.pem"; policy = "2.999.1"; } );#'
    expect 1 "error: units lab and b: both certificates have the same subject (TSA Lab Timestamp Authority), and lab promises ordering"
    [ "$(count error)" -eq 1 ]
    change 's/ordering = true;//'
    expect 0
}

@test "key_months: until when, soon, over, and longer than the certificate" {
    unit 'key_months = 15;'
    expect 0 "note: unit lab: by key_months = 15 its key signs until 20"
    # Lab time is a clock for the dates of the lab's certificates.
    run "$TSA" check -c tsa.conf --shift +440d
    [ "$status" -eq 0 ]
    [[ "$output" == *"warning: unit lab: by key_months = 15 its key signs until 20"* ]]
    run "$TSA" check -c tsa.conf --shift +470d
    [ "$status" -eq 1 ]
    [[ "$output" == *"error: unit lab: by key_months = 15 its key has signed nothing since 20"* ]]
    [ "$(count error)" -eq 1 ]
    change 's/key_months = 15/key_months = 600/'
    expect 0 "note: unit lab: key_months = 600 reaches beyond the end of the certificate"
}
