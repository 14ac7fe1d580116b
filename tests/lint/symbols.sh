#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# usage: symbols.sh ARCHIVE... | symbols.sh --instrumented (is skipped: 77)
# The libraries of the formats are bytes in, bytes out: no writable data (a mutable global would make a
# parse depend on the one before), and no call that
# prints, logs, opens, reads the clock, starts a thread or ends the process.
# nm alone calls relocated constant tables "d"; the section tells them apart.
set -eu
[ "${1-}" != --instrumented ] || {
    echo "symbols: skipped, an instrumented build has data of its own"
    exit 77
}
[ $# -gt 0 ] || { echo "usage: symbols.sh ARCHIVE..."; exit 1; }
status=0

for archive in "$@"; do
    nm -f sysv "$archive" >/dev/null || exit 1
    nm -f sysv "$archive" | awk -F'|' -v archive="$archive" '
        NF < 7 { next }
        {
            name = $1; class = $3; section = $7
            gsub(/ /, "", name); gsub(/ /, "", class); gsub(/ /, "", section)
            seen++
        }
        class ~ /^[bBdDcCsSgG]$/ && section !~ /^\.data\.rel\.ro/ {
            printf "%s: %s is writable data (%s)\n", archive, name, section; bad++
        }
        class == "U" {
            gsub(/^__/, "", name); gsub(/_chk$/, "", name)
            if (name ~ /^(v?f?printf|v?dprintf|puts|fputs|putchar|fputc|putc|fwrite|perror|v?syslog|BIO_printf)$/ ||
                name ~ /^(open|open64|openat|fopen|fopen64|read|write|socket|connect|send|recv|getenv)$/ ||
                name ~ /^(time|clock_gettime|gettimeofday|localtime|localtime_r|pthread_.*|thrd_.*|exit|_exit|signal)$/) {
                printf "%s: calls %s\n", archive, name; bad++
            }
        }
        END {
            if (!seen) { printf "%s: no symbols at all\n", archive; bad++ }
            printf "symbols: %s: %d seen, %d complaints\n", archive, seen, bad
            exit bad > 0
        }' || status=1
done
exit $status
