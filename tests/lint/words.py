# SPDX-License-Identifier: Apache-2.0
"""Words that have no place in the tree.

Marks of unfinished work, paths of somebody's own machine, and pointers into documents that a reader of
the tree does not have. Patterns are put together from pieces, so that this file passes its own check.
"""
import re

import tree

MARKS = "|".join(("TO" "DO", "FIX" "ME", "XX" "X", "HA" "CK"))
PLACES = "|".join(("wo" "rk", "ho" "me", "Us" "ers", "ro" "ot"))
RULES = [
    (re.compile(rf"\b({MARKS})\b"), "a mark of unfinished work"),
    (re.compile(rf"(?<![\w.$}}/-])/({PLACES})/\w"), "a path of somebody's own machine"),
    (re.compile(r"/tmp/\w*_jo" r"bs"), "a path of somebody's own machine"),
    (re.compile(r"\b(?!VERSION|TIMEOUT)[A-Z]{6,}(\.md)?,? (§ ?)?[A-Z0-9]{1,2}\.[0-9]"), "a document outside the tree"),
]


def main():
    root = tree.root_of_arguments()
    complaints = []
    paths = [path for path in tree.files(root) if path != "LICENSE"]
    for path in paths:
        for number, text in enumerate(tree.lines(root, path), 1):
            for pattern, why in RULES:
                match = pattern.search(text)
                if match:
                    complaints.append(f"{path}:{number}: '{match.group(0)}' is {why}")
    tree.verdict("words", len(paths), complaints)


main()
