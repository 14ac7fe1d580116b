# SPDX-License-Identifier: Apache-2.0
"""What the lint scripts share: which files belong to the tree, how to read them, how to end.

A script collects complaints as "file:line: text" and ends with verdict(): 0 when there is none,
1 with one line each otherwise. Looking at nothing is a failure too: it would hide a wrong path.
"""
import os
import sys

SKIPPED = {".git", "build", "lab", "__pycache__", "vectors", "corpus"}
C_FILES = (".c", ".h")


def files(root):
    """Paths below root, sorted, relative, without builds, version control and binary vectors."""
    found = []
    for folder, subfolders, names in os.walk(root):
        subfolders[:] = sorted(d for d in subfolders if d not in SKIPPED)
        for name in names:
            path = os.path.join(folder, name)
            if os.path.isfile(path) and not os.path.islink(path):
                found.append(os.path.relpath(path, root))
    return sorted(found)


def c_files(root):
    return [path for path in files(root) if path.endswith(C_FILES)]


def lines(root, path):
    """The lines of a text file, without line ends; a binary file has none."""
    with open(os.path.join(root, path), "rb") as stream:
        data = stream.read()
    if b"\0" in data:
        return []
    return data.decode("utf-8", "replace").splitlines()


def root_of_arguments():
    if len(sys.argv) != 2 or not os.path.isdir(sys.argv[1]):
        sys.exit(f"usage: {sys.argv[0]} FOLDER")
    return sys.argv[1]


def verdict(what, num_seen, complaints):
    for complaint in complaints:
        print(complaint)
    if num_seen == 0:
        print(f"{what}: nothing to look at")
        sys.exit(1)
    print(f"{what}: {num_seen} seen, {len(complaints)} complaints")
    sys.exit(1 if complaints else 0)
