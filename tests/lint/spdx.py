# SPDX-License-Identifier: Apache-2.0
"""Every source, script, build file, unit and configuration names its licence within its first three lines."""
import os

import tree

LINE = "SPDX-License-Identifier: Apache-2.0"
ENDS = (".c", ".h", ".sh", ".bash", ".py", ".awk", ".bats", ".cmake", ".conf", ".service", ".socket", ".target",
        ".sysusers", ".tmpfiles", ".yml", ".yaml")
NAMES = ("CMakeLists.txt", ".clang-format", ".clang-tidy", ".editorconfig", ".gitignore")


def wants(root, path):
    if path.endswith(ENDS) or os.path.basename(path) in NAMES:
        return True
    with open(os.path.join(root, path), "rb") as stream:
        return stream.read(2) == b"#!"


def main():
    root = tree.root_of_arguments()
    paths = [path for path in tree.files(root) if wants(root, path)]
    complaints = []
    for path in paths:
        if not any(LINE in line for line in tree.lines(root, path)[:3]):
            complaints.append(f"{path}:1: no line '{LINE}'")
    tree.verdict("spdx", len(paths), complaints)


main()
