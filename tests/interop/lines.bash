# SPDX-License-Identifier: Apache-2.0
#
# The lines that `tsa lab` prints, typed as printed, in $WORKDIR, a folder that holds what they call the user's own.

# lines_setup, in setup_file or setup: makes WORKDIR, with driver.sys and app.jar
lines_setup() {
    export WORKDIR=${BATS_TEST_TMPDIR:-$BATS_FILE_TMPDIR}/work
    mkdir "$WORKDIR"
    cp "$DRIVER" "$WORKDIR/driver.sys"
    chmod 644 "$WORKDIR/driver.sys"
    (cd "$WORKDIR" && echo content > data && python3 -m zipfile -c app.jar data)
}

# lines PATTERN: the printed commands that match
lines() {
    sed -n 's/^  \([a-z/(].*\)$/\1/p' "$LAB.log/out" | grep -E "$1"
}

# type_lines PATTERN AT-LEAST [CODE]: runs each in order, shows the one that fails; CODE: this exit code is good too
type_lines() {
    local line code count=0
    cd "$WORKDIR" || return 1
    while read -r line; do
        code=0
        bash -c "$line" > line.log 2>&1 < /dev/null || code=$?
        [ "$code" -eq 0 ] || [ "$code" -eq "${3:-0}" ] || { echo "failed ($code): $line"; cat line.log; return 1; }
        count=$((count + 1))
    done < <(lines "$1")
    [ "$count" -ge "$2" ] || { echo "only $count lines match $1"; return 1; }
}
