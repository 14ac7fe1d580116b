# SPDX-License-Identifier: Apache-2.0
#
# A real unsigned kernel driver (PE .sys) out of Debian's libwine, which tests/run fetches into the build tree.

load ../system/skip

# driver_find sets and exports DRIVER, or has the file skipped visibly and fails.
driver_find() {
    DRIVER=$(find "${TSA_INPUTS:-$TSA_BUILD/../inputs}" -name '*.sys' -size +10k 2> /dev/null | sort | head -n 1)
    export DRIVER
    [ -n "$DRIVER" ] || { skip_file "no .sys file: run tests/run, which fetches libwine's"; return 1; }
}
