# SPDX-License-Identifier: Apache-2.0
#
# For tests with many clients: `load lab`, then `load crowd`. TSA_LONG=1 makes the crowds as large as they are promised to be borne, and
# prints their figures; the bounds on time are strict there, and wide in the normal run, where others run beside.

# lab_with TEXT [ARG...]: an authority whose configuration begins with TEXT; the first call makes the lab
lab_with() {
    local text=$1
    shift
    LAB=${LAB:-$BATS_FILE_TMPDIR/lab}
    if [ ! -e "$LAB.conf" ]; then
        lab_start || return 1
        lab_stop || return 1
        cp "$LAB/tsa.conf" "$LAB.conf"
        : > "$LAB.log/err"
    fi
    { printf '%s\n' "$text"; cat "$LAB.conf"; } > "$LAB/tsa.conf"
    lab_start "$@"
}

# lab_with_limit NUM TEXT: the same, with so many descriptors for each of its processes
lab_with_limit() {
    local program=$TSA limit=$BATS_FILE_TMPDIR/limit rc=0
    printf '#!/bin/sh\nulimit -n %s\nexec "%s" "$@"\n' "$1" "$program" > "$limit"
    chmod +x "$limit"
    TSA=$limit lab_with "$2" || rc=$?
    return $rc
}

lab_status() { "$TSA" status -c "$LAB/tsa.conf" --json; }
lab_fronts() { lab_roles | awk '$1 == "front" { print $2 }' | paste -sd,; }
is_long() { [ -n "${TSA_LONG-}" ]; }
is_strict() { is_long && [ -z "${TSA_SANITIZED-}" ]; }

# long_or LONG SHORT prints one of them
long_or() { if is_long; then echo "$1"; else echo "$2"; fi; }

# crowd ARG...: tests/system/crowd.py, which leaves the processors to others
crowd() { nice -n 5 python3 -B "$TSA_SOURCE/tests/system/crowd.py" "$@"; }

# load_for SECONDS RATE FILE [ARG...]: clients that ask as they should; all must be answered, see all_granted
load_for() {
    local seconds=$1 rate=$2 file=$3
    shift 3
    "$TSA_TOOLS/load" "$URL" --rate "$rate" --seconds "$seconds" "$@" > "$file" 2> "$file.told"
}

# holds FILE EXPRESSION...: each is true of the JSON object in FILE
holds() {
    local file=$1 expression
    shift
    for expression in "$@"; do
        jq -e "$expression" "$file" > /dev/null || { echo "not so: $expression"; cat "$file"; return 1; }
    done
}

# all_granted FILE: of load
all_granted() { holds "$1" '.due > 0 and .granted == .due' || { cat "$1.told"; return 1; }; }

# figure TEXT: in the log of the test, and in the long form on the screen
figure() {
    echo "$*"
    ! is_long || echo "# $*" >&3
}

# cpu_percent SECONDS: of all fronts together
cpu_percent() {
    local before after
    before=$(cpu_ticks)
    sleep "$1"
    after=$(cpu_ticks)
    awk -v ticks=$((after - before)) -v hz="$(getconf CLK_TCK)" -v seconds="$1" 'BEGIN { print 100 * ticks / hz / seconds }'
}
cpu_ticks() {
    local pid sum=0
    for pid in $(lab_fronts | tr , ' '); do
        sum=$((sum + $(sed 's/.*) //' "/proc/$pid/stat" | awk '{ print $12 + $13 }')))
    done
    echo "$sum"
}

# less A B: of numbers with a fraction
less() { awk -v a="$1" -v b="$2" 'BEGIN { exit !(a < b) }' || { echo "$1 is not less than $2"; return 1; }; }
