#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# Restarts and reloads that no client notices, on a socket that outlives them, as under systemd: no request fails, no token lacks its record,
# no serial number is there twice; and whatever becomes of the configuration, tokens are issued. TSA_LONG=1: 100,000 requests over 20 restarts
# and 200 reloads, and 2,000 spoilt configurations; TSA_LONG_REQUESTS sets another number (of 100,000, with as many more restarts and reloads).

load lab
load crowd

setup_file() {
    export LAB=$BATS_FILE_TMPDIR/lab
    lab_start
    lab_stop
    quick_key
    sed 's/"tsa.key"/"quick.key"/; s/"chain.pem"/"quick-chain.pem"/' "$LAB/tsa.conf" > "$LAB.conf"
}

# An ECDSA key, so that what is seen is not how long a busy machine takes for RSA.
quick_key() {
    cd "$LAB" || return 1
    openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out quick.key
    chmod 600 quick.key
    printf '%s\n' basicConstraints=critical,CA:FALSE keyUsage=critical,digitalSignature extendedKeyUsage=critical,timeStamping > quick.ext
    openssl req -new -key quick.key -subj '/CN=Quick Timestamp Authority' -out quick.csr
    openssl x509 -req -in quick.csr -CA ca/timestamping.pem -CAkey ca/timestamping.key -set_serial 4711 -days 300 -extfile quick.ext \
        -out quick.pem 2> /dev/null
    cat quick.pem ca/timestamping.pem > quick-chain.pem
}

setup() {
    cd "$BATS_TEST_TMPDIR" || return 1
    cp "$LAB.conf" "$LAB/tsa.conf"
    : > "$LAB/restart.log"
}

restart() { python3 -B "$TSA_SOURCE/tests/system/restart.py" "$@"; }

# Roles that did not end by themselves, and what sanitizers say, stand in the log.
ended_well() { lab_ended_well "$LAB/restart.log" || { tail -n 40 "$LAB/restart.log"; return 1; }; }

@test "restarts and reloads under load, good and bad ones mixed: nothing fails, all is in the record" {
    local num times=1
    num=$(long_or "${TSA_LONG_REQUESTS:-100000}" 2400)
    if is_long && [ "$num" -gt 100000 ]; then times=$((num / 100000)); fi
    restart run --lab "$LAB" --into clients --requests "$num" --rate "$(long_or 500 120)" --restarts "$(long_or $((20 * times)) 2)" \
        --reloads "$(long_or $((200 * times)) 6)" > run.json
    figure "$(jq -c '{requests, granted, seconds, record, trouble}' run.json)"
    figure "$(jq -c '.load | map_values(.latency_ms.granted)' run.json)"
    holds run.json '.trouble.wrong == []' '.requests > 0 and .granted == .requests' \
        '.load.kept.failed.total == 0 and .load.new.failed.total == 0' '.load.kept.opened < .load.kept.due'
    holds run.json '.record.held == .granted' '.record.not_recorded == 0 and .record.held_twice == 0 and .record.recorded_twice == 0'
    ended_well
}

@test "a configuration with random edits is taken over or refused with a reason; tokens are issued after each" {
    restart mutate --lab "$LAB" --number "$(long_or 2000 60)" --seed "${TSA_SEED:-1}" > mutate.json
    figure "$(jq -c .told mutate.json)"
    holds mutate.json '.wrong == []' '.told["refused with a line"] > 10 and .told.taken > 0'
    ended_well
}
