# SPDX-License-Identifier: Apache-2.0
"""How long functions and files are, and how many parameters functions take.

Limits: 80 lines a function (signature to closing brace), 700 a file, 5 parameters; and the median of
all functions outside tests at most 15. Relies on the tree's format: a brace alone in column 0 opens a
function, one in column 0 closes it.
"""
import os
import re
import statistics

import tree

MAX_FUNCTION = 80
MAX_FILE = 700
MAX_PARAMETERS = 5
LIBC = {"copy_file_range"}  # stands before libc's in a test, with libc's parameters
MAX_MEDIAN = 15
MIN_FOR_MEDIAN = 20


def signature_start(text, brace):
    """Index of the first line of the signature whose opening brace stands on line index brace."""
    start = brace
    while start > 0:
        above = text[start - 1]
        if not above.strip() or above.startswith(("}", "#", "/*", " */", "//")) or above.endswith((";", "*/")):
            break
        start -= 1
    return start


def count_parameters(signature):
    """Commas of the first bracket of a signature that hold parameters apart; None if it has no bracket."""
    signature = re.sub(r"__attribute__\s*\(\(.*?\)\)", "", signature)
    depth = 0
    commas = 0
    inside = ""
    for char in signature:
        if char == ")":
            depth -= 1
            if depth == 0:
                break
        if depth > 0:
            inside += char
            commas += char == "," and depth == 1
        if char == "(":
            depth += 1
    if inside.strip() in ("", "void"):
        return 0
    return commas + 1


def functions(text):
    """(first line number, number of lines, number of parameters, name) of each function."""
    brace = None
    for index, line in enumerate(text):
        if line == "{":
            brace = index
        elif line.startswith("}") and brace is not None:
            start = signature_start(text, brace)
            signature = " ".join(text[start:brace])
            name = re.search(r"(\w+)\s*\(", signature)
            yield start + 1, index - start + 1, count_parameters(signature), name.group(1) if name else "?"
            brace = None


def main():
    root = tree.root_of_arguments()
    complaints = []
    by_folder = {}
    paths = tree.c_files(root)
    for path in paths:
        text = tree.lines(root, path)
        if len(text) > MAX_FILE:
            complaints.append(f"{path}:{MAX_FILE}: {len(text)} lines, more than {MAX_FILE}")
        for number, length, parameters, name in functions(text):
            folder = "tests" if path.startswith("tests/") else os.path.dirname(path)
            by_folder.setdefault(folder, []).append(length)
            if length > MAX_FUNCTION:
                complaints.append(f"{path}:{number}: {name} has {length} lines, more than {MAX_FUNCTION}")
            if parameters > MAX_PARAMETERS and name not in LIBC:
                complaints.append(f"{path}:{number}: {name} takes {parameters} parameters, more than {MAX_PARAMETERS}")
    for folder, lengths in sorted(by_folder.items()):
        print(f"{folder}: {len(lengths)} functions, median {statistics.median(lengths):g}, longest {max(lengths)}")
    code = [length for folder, lengths in by_folder.items() if folder != "tests" for length in lengths]
    if len(code) >= MIN_FOR_MEDIAN:
        print(f"all but tests: {len(code)} functions, median {statistics.median(code):g}, longest {max(code)}")
        if statistics.median(code) > MAX_MEDIAN:
            complaints.append(f"the median function is longer than {MAX_MEDIAN} lines")
    tree.verdict("sizes", len(paths), complaints)


main()
