# SPDX-License-Identifier: Apache-2.0
#
# A real unsigned kernel driver (PE .sys) out of Debian's libwine, which tests/run fetches into the build tree.

# driver_find sets and exports DRIVER, or skips the file visibly.
driver_find() {
    DRIVER=$(find "${TSA_INPUTS:-$TSA_BUILD/../inputs}" -name '*.sys' -size +10k 2> /dev/null | sort | head -n 1)
    [ -n "$DRIVER" ] || skip "no .sys file: run tests/run, which fetches libwine's"
    export DRIVER
}
