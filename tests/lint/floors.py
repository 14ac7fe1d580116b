# SPDX-License-Identifier: Apache-2.0
"""Who may include whom.

The tree is built in floors: a file includes its own folder and the floors before it. The front parses
hostile bytes and the issuer holds the key, so issuer, clock and front never include each other; file
formats see only the wire formats. Unit tests see what their folder sees, fuzzers and tools everything.
Also: includes are written from the top of the tree, and a .c file includes its own header first.
"""
import os
import re

import tree

# Folder -> folders that it may include, beside itself.
SEES = {}
SEES["tsa/wire"] = []
SEES["tsa/base"] = ["tsa/wire"]
SEES["certs"] = ["tsa/base"] + SEES["tsa/base"]
SEES["tsa/role"] = ["certs"] + SEES["certs"]
SEES["tsa/issuer"] = ["tsa/role"] + SEES["tsa/role"]
SEES["tsa/clock"] = ["tsa/role"] + SEES["tsa/role"]
SEES["tsa/http"] = ["tsa/role"] + SEES["tsa/role"]
SEES["tsa/front"] = ["tsa/http"] + SEES["tsa/http"]
SEES["tsa/parent"] = ["tsa/issuer", "tsa/clock", "tsa/front"] + SEES["tsa/front"]
SEES["tsa/cmd"] = ["tsa/parent"] + SEES["tsa/parent"]
SEES["tsa"] = ["tsa/cmd"] + SEES["tsa/cmd"]
SEES["tsclient/container"] = ["tsa/wire"]
SEES["tsclient/package"] = ["tsclient/container", "certs", "tsa/base", "tsa/wire"]
SEES["tsclient/judge"] = ["tsclient/container", "certs", "tsa/base", "tsa/wire"]
SEES["tsclient/report"] = ["tsclient/judge"] + SEES["tsclient/judge"]
SEES["tsclient"] = ["tsclient/report", "tsclient/package"] + SEES["tsclient/report"]

# Foreign header -> folders whose code may use it. What is not listed (libc, OpenSSL) is free.
SERVER = ["tsa/role", "tsa/issuer", "tsa/clock", "tsa/http", "tsa/front", "tsa/parent", "tsa/cmd"]
FOREIGN = [
    (r"event2?/|event\.h", SERVER),
    (r"libconfig\.h", ["tsa/base"]),
    (r"seccomp\.h", ["tsa/role"]),
    (r"llhttp", ["tsa/http"]),
    (r"curl/", ["tsclient"]),
    (r"jansson\.h", ["tsclient", "tsclient/report", "tsa/parent", "tsa/cmd"]),
    (r"cmocka\.h", []),
]

INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]')


def mirrored(path):
    """The folder whose floor counts for a file: unit tests stand where their source stands."""
    folder = os.path.dirname(path)
    prefix = "tests/unit/"
    if not folder.startswith(prefix):
        return folder
    folder = folder[len(prefix):]
    while folder and folder not in SEES:
        folder = os.path.dirname(folder)
    return folder


def check_own(root, path, line, target):
    """An include in quotes."""
    if target.startswith(".") or "/../" in target or "/" not in target:
        return f'{path}:{line}: "{target}" is not written from the top of the tree'
    if not os.path.isfile(os.path.join(root, target)):
        return f'{path}:{line}: "{target}" is not in the tree'
    folder = os.path.dirname(target)
    in_tests = path.startswith("tests/")
    if folder.startswith("tests/") or folder == "tests":
        return None if in_tests else f'{path}:{line}: "{target}": only tests include tests'
    if in_tests and not path.startswith("tests/unit/"):
        return None
    here = mirrored(path)
    if folder != here and folder not in SEES.get(here, []):
        return f'{path}:{line}: {here} may not see {folder} ("{target}")'
    return None


def check_foreign(path, line, target):
    """An include in angle brackets."""
    if target.split("/")[0] in ("tsa", "tsclient", "certs", "tests"):
        return f"{path}:{line}: <{target}>: headers of the tree stand in quotes"
    if path.startswith("tests/"):
        return None
    for pattern, folders in FOREIGN:
        if re.match(pattern, target) and os.path.dirname(path) not in folders:
            return f"{path}:{line}: {os.path.dirname(path)} may not use <{target}>"
    return None


def check_first(root, path, includes):
    header = path[:-2] + ".h"
    if not path.endswith(".c") or not os.path.isfile(os.path.join(root, header)):
        return None
    if includes and includes[0][1:] == ('"', header):
        return None
    return f'{path}:1: its own header "{header}" must be its first include'


def main():
    root = tree.root_of_arguments()
    complaints = []
    paths = tree.c_files(root)
    for path in paths:
        includes = []
        for number, text in enumerate(tree.lines(root, path), 1):
            match = INCLUDE.match(text)
            if match:
                includes.append((number, match.group(1), match.group(2)))
        if not path.startswith("tests/") and os.path.dirname(path) not in SEES:
            complaints.append(f"{path}:1: no floor is known for this folder")
        for number, mark, target in includes:
            if mark == '"':
                complaints.append(check_own(root, path, number, target))
            else:
                complaints.append(check_foreign(path, number, target))
        complaints.append(check_first(root, path, includes))
    tree.verdict("floors", len(paths), [c for c in complaints if c])


main()
