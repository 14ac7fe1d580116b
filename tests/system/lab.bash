# SPDX-License-Identifier: Apache-2.0
#
# A whole authority for a test file: `load lab` (from tests/interop: `load ../system/lab`), then lab_start in setup_file
# and lab_stop in teardown_file. Sets and exports LAB (its folder), URL (http://127.0.0.1:PORT/), LAB_PID (the parent).

# lab_start [ARG...]: further arguments go to `tsa lab`. Fails with the log when it is not ready within 20 s.
lab_start() {
    export LAB="${LAB:-$BATS_FILE_TMPDIR/lab}"
    mkdir -p "$LAB.log"
    : > "$LAB.log/out"
    # 3>&- : bats waits for whoever holds its descriptor 3.
    "$TSA" lab --dir "$LAB" --listen 127.0.0.1:0 "$@" > "$LAB.log/out" 2>> "$LAB.log/err" 3>&- &
    export LAB_PID=$!
    lab_wait_ready
}

lab_wait_ready() {
    local tries=400
    until grep -q '^ready http' "$LAB.log/out"; do
        if ! kill -0 "$LAB_PID" 2>/dev/null || [ $((tries -= 1)) -le 0 ]; then
            echo "the authority did not get ready:" >&2
            tail -n 40 "$LAB.log/err" "$LAB.log/out" >&2
            return 1
        fi
        sleep 0.05
    done
    URL=$(sed -n '1s/^ready //p' "$LAB.log/out")
    export URL
}

# lab_stop ends it by SIGTERM and fails when it does not end, or when one of its parts did not end well.
lab_stop() {
    [ -n "${LAB_PID:-}" ] || return 0
    kill -TERM "$LAB_PID" 2>/dev/null
    lab_await_end "$LAB_PID" && lab_ended_well "$LAB.log/err"
}

# lab_ended_well LOG: no part had to be killed at the end, and no sanitizer has found anything.
lab_ended_well() {
    ! grep -E 'did not end well|AddressSanitizer|LeakSanitizer|runtime error:' "$1" >&2
}

# setup_file and teardown_file run in other shells than the test, so `wait` can not be used: look at the process itself.
lab_await_end() {
    local tries=200
    while kill -0 "$1" 2>/dev/null && [ -e "/proc/$1/stat" ] && [ "$(cut -d' ' -f3 < "/proc/$1/stat")" != Z ]; do
        [ $((tries -= 1)) -gt 0 ] || { echo "process $1 does not end" >&2; return 1; }
        sleep 0.05
    done
}

# lab_roles prints "ROLE PID" of each living role (front, issuer, clock).
lab_roles() {
    local pid role
    for pid in $(pgrep -P "$LAB_PID"); do
        role=$(tr '\0' ' ' < "/proc/$pid/cmdline" | grep -o '@[a-z]*' | head -n 1)
        [ -n "$role" ] && echo "${role#@} $pid"
    done
}

# lab_pid ROLE
lab_pid() {
    lab_roles | awk -v role="$1" '$1 == role { print $2; exit }'
}

# refute COMMAND...: fails when it succeeds (a plain `! command` in the middle of a test would be passed over).
refute() {
    if "$@"; then
        echo "did not fail: $*" >&2
        return 1
    fi
}
