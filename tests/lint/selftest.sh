#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# usage: selftest.sh CC; shows that each lint fails on what it is there to find, and passes a good tree.
# The bad trees are made here, in a folder of their own, so that the tree itself stays clean.
set -eu
cc=${1:?usage: selftest.sh CC}
lint=$(cd "$(dirname "$0")" && pwd)
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
num=0
spdx='SPDX-License-Identifier: Apache-2.0'

# A tree without a fault.
good() {
    rm -rf "$dir/t"
    mkdir -p "$dir/t/tsa/wire" "$dir/t/tsa/issuer" "$dir/t/tsa/front" "$dir/t/tsclient/container"
    for stem in tsa/wire/one tsa/issuer/two tsa/front/three tsclient/container/four; do
        name=$(basename "$stem")
        printf '/* %s */\nint %s_get(void);\n' "$spdx" "$name" >"$dir/t/$stem.h"
        printf '/* %s */\n#include "%s.h"\n\nint %s_get(void)\n{\n    return 1;\n}\n' "$spdx" "$stem" "$name" \
            >"$dir/t/$stem.c"
    done
    cp "$lint/../../.clang-format" "$dir/t/.clang-format"
    printf '#!/bin/sh\n# %s\ntrue\n' "$spdx" >"$dir/t/tool"
    chmod +x "$dir/t/tool"
}

run() {
    case $1 in
    *.py) python3 -B "$lint/$1" "$dir/t" ;;
    symbols.sh)
        rm -f "$dir/t.a"
        for source in "$dir"/t/tsa/wire/*.c; do
            "$cc" -O1 -fPIC -I"$dir/t" -c "$source" -o "$source.o" && ar rc "$dir/t.a" "$source.o"
        done
        "$lint/symbols.sh" "$dir/t.a"
        ;;
    *.sh) "$lint/$1" "$dir/t" ;;
    esac
}

passes() {
    num=$((num + 1))
    run "$1" >"$dir/out" 2>&1 && return
    rc=$?
    [ "$rc" -eq 77 ] && { echo "$1: skipped"; return; }
    echo "$1 must pass a good tree:"
    cat "$dir/out"
    exit 1
}

# fails LINT TEXT: it ends with 1 and says TEXT.
fails() {
    num=$((num + 1))
    rc=0
    run "$1" >"$dir/out" 2>&1 || rc=$?
    [ "$rc" -eq 77 ] && { echo "$1: skipped"; return; }
    if [ "$rc" -ne 1 ] || ! grep -qF -- "$2" "$dir/out"; then
        echo "$1 must fail and say '$2', but ended with $rc:"
        cat "$dir/out"
        exit 1
    fi
    good
}

add() { printf '%s\n' "$2" >>"$dir/t/$1"; }

repeat() { # repeat COUNT LINE
    awk -v n="$1" -v line="$2" 'BEGIN { for (i = 0; i < n; i++) print line }'
}

good
for name in floors.py sizes.py spdx.py words.py format.sh scripts.sh symbols.sh; do
    passes $name
done

add tsa/front/three.c '#include "tsa/issuer/two.h"';      fails floors.py 'tsa/front may not see tsa/issuer'
add tsa/wire/one.h '#include "tsa/front/three.h"';        fails floors.py 'tsa/wire may not see tsa/front'
add tsclient/container/four.c '#include "tsa/issuer/two.h"'; fails floors.py 'tsclient/container may not see'
add tsa/wire/one.c '#include "../wire/one.h"';            fails floors.py 'not written from the top'
add tsa/wire/one.c '#include "one.h"';                    fails floors.py 'not written from the top'
add tsa/wire/one.c '#include "tsa/wire/none.h"';          fails floors.py 'not in the tree'
add tsa/wire/one.c '#include <event2/event.h>';           fails floors.py 'may not use <event2/event.h>'
add tsa/wire/one.c '#include <tsa/wire/one.h>';           fails floors.py 'stand in quotes'
sed -i '2i #include <stdio.h>' "$dir/t/tsa/wire/one.c";   fails floors.py 'must be its first include'
mkdir -p "$dir/t/tests/unit/tsa/wire"
add tests/unit/tsa/wire/test_one.c '#include "tsa/front/three.h"'; fails floors.py 'tsa/wire may not see tsa/front'
mkdir -p "$dir/t/tsa/other"
add tsa/other/x.c 'int x;';                               fails floors.py 'no floor is known'
rm -rf "$dir/t/tsa" "$dir/t/tsclient";                    fails floors.py 'nothing to look at'

{ printf 'int one_long(void)\n{\n'; repeat 78 '    ;'; printf '}\n'; } >>"$dir/t/tsa/wire/one.c"
fails sizes.py 'one_long has 81 lines'
repeat 700 '/* */' >>"$dir/t/tsa/wire/one.c";             fails sizes.py 'more than 700'
printf 'int one_six(int a, int b, int c, int (*d)(int, int), int e,\n            int f)\n{\n    return 1;\n}\n' \
    >>"$dir/t/tsa/wire/one.c";                            fails sizes.py 'one_six takes 6 parameters'
for i in $(seq 30); do
    printf '\nint one_%s(void)\n{\n' "$i"; repeat 14 '    ;'; printf '}\n'
done >>"$dir/t/tsa/wire/one.c";                           fails sizes.py 'median function is longer'

sed -i 1d "$dir/t/tsa/wire/one.h";                        fails spdx.py 'tsa/wire/one.h:1:'
add script '#!/bin/sh';                                   fails spdx.py 'script:1:'
add CMakeLists.txt 'project(x)';                          fails spdx.py 'CMakeLists.txt:1:'

add tsa/wire/one.c "/* TO""DO later */";                  fails words.py 'unfinished work'
add tsa/wire/one.c "/* FIX""ME */";                       fails words.py 'unfinished work'
add notes.md "see /ho""me/me/notes";                      fails words.py "somebody's own machine"
add notes.md "in /wo""rk/place";                          fails words.py "somebody's own machine"
add notes.md "/tmp/some_jo""bs.0/x";                      fails words.py "somebody's own machine"
add notes.md "as the HANDBO""OK 3.4 says";                fails words.py 'a document outside the tree'

add tsa/wire/one.c 'int  one_bad ( void );';              fails format.sh 'tsa/wire/one.c: '

add tool 'if true; then';                                 fails scripts.sh 'tool: '
chmod -x "$dir/t/tool";                                   fails scripts.sh 'tool: is not executable'

add tsa/wire/one.c 'int one_count;';                      fails symbols.sh 'one_count is writable data'
add tsa/wire/one.c 'int one_next(void); int one_next(void) { static int n = 7; return n++; }'
fails symbols.sh 'is writable data'
add tsa/wire/one.c 'static const char *const one_names[] = {"a"}; const char *one_name(int i); const char *one_name(int i) { return one_names[i]; }'
passes symbols.sh; good
add tsa/wire/one.c '#include <stdio.h>
void one_tell(int i); void one_tell(int i) { printf("%d", i); }'; fails symbols.sh 'calls printf'
add tsa/wire/one.c '#include <time.h>
long one_now(void); long one_now(void) { return time(0); }'; fails symbols.sh 'calls time'

echo "$num cases"
