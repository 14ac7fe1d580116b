# SPDX-License-Identifier: Apache-2.0
"""Shows that explain.py finds what is wrong: octets of stamped files are changed, one at a time, and signatures are built anew wrongly.

usage: explain_refuses.py, in the environment of every_sample.py. What is no part of a timestamp or its certificates (those openssl
judges) must be refused wherever it is changed.
"""
import os
import pathlib
import sys

import every_sample
from explain import Wanted, explain
from signed_file import Node, SignedFile, element

FLIPPED = ["signserver/HelloPE-signed.exe", "uthenticode/pegoat-authenticode-nested.exe", "softether-wfp-x86/inf.cat"]
BUILT = "softether-wfp-x86/inf.cat"  # two signatures, and the whole file is one element
NEAR = 6      # octets around each range are all tried,
STRIDE = 211  # of the others each so many'th


class Case:
    """A sample with both its base and what it is with timestamps of that kind."""

    def __init__(self, name, option):
        self.option = option
        self.sample = every_sample.Sample(f"{name}{option}", pathlib.Path(os.environ["TSA_SAMPLES"]) / name, [])
        self.sample.make_base()
        self.stamped = self.sample.stamp(option, range(len(self.sample.authorities)))

    def explain(self, octets):
        checker = every_sample.Checker(self.sample.folder, self.sample.authorities, with_openssl=False)
        kinds = {i: every_sample.KINDS[self.option] for i in range(len(self.sample.authorities))}
        return explain(self.sample.base, octets, Wanted(kinds, checker))

    def is_refused(self, octets):
        try:
            self.explain(octets)
        except Exception:  # a reader that stumbles has refused as well
            return True
        return False


def places_of(case):
    """What to change: all near the ranges that are explained, and a part of the others."""
    ranges = case.explain(case.stamped)
    judged_elsewhere, near = set(), set()
    for r in ranges:
        if r.kind in ("attribute", "certificates"):
            judged_elsewhere.update(range(*r.after))
        near.update(range(r.after[0] - NEAR, r.after[0] + NEAR), range(r.after[1] - NEAR, r.after[1] + NEAR))
    near.update(range(0, len(case.stamped), STRIDE))
    return sorted(near & set(range(len(case.stamped))) - judged_elsewhere)


def flip_all(case):
    places = places_of(case)
    taken = []
    for at in places:
        octets = bytearray(case.stamped)
        octets[at] ^= 1
        if not case.is_refused(bytes(octets)):
            taken.append(f"{case.sample.name}: a changed octet at {at} is taken: {case.stamped[at - 8:at + 8].hex(' ')}")
    return len(places), taken


# ---- built wrongly ----

def rebuilt(node, changes):
    """The element with others in the place of those that stand at the keys of changes; all lengths above in their shortest form."""
    if node.at in changes:
        return changes[node.at]
    if not any(node.at < at < node.end for at in changes):
        return node.bytes()
    return element(node.tag, *(rebuilt(child, changes) for child in node.children()))


def long_form(node):
    """The same contents behind a length that is one octet too long."""
    octets = node.len.to_bytes((node.len.bit_length() + 7) // 8 + 1, "big")
    return bytes([node.tag, 0x80 | len(octets)]) + octets + node.contents()


def wrong_ones(case):
    """(what is wrong, the file) of a catalog with two signatures."""
    read = SignedFile(case.stamped)
    root = Node(case.stamped, 0, len(case.stamped))
    (signed, signer), (inner_signed, inner_signer) = read.signatures[:2]
    stamp, inner_stamp = signer.stamps()[0].node, inner_signer.stamps()[0].node
    attributes = [attribute.node for attribute in signer.attributes()]
    certificates = signed.certificate_nodes()
    stranger = inner_signed.certificate_nodes()[0]

    def changed(node, octets):
        return rebuilt(root, {node.at: octets})

    def with_certificates(*nodes):
        return changed(signed.certificates, element(0xA0, *(node.bytes() for node in nodes)))

    yield "nothing changed", case.stamped
    yield "the file of before", case.sample.base
    yield "a timestamp twice", changed(stamp, stamp.bytes() * 2)
    yield "a timestamp gone", changed(inner_stamp, b"")
    yield "the other signature's timestamp", changed(stamp, inner_stamp.bytes())
    yield "attributes in another order", changed(signer.unsigned, element(0xA1, *(node.bytes() for node in reversed(attributes))))
    yield "an attribute more", changed(stamp, stamp.bytes() + element(0x30, element(6, b"\x2a\3"), element(0x31, b"\5\0")))
    yield "a certificate twice", with_certificates(*certificates, certificates[-1])
    yield "a certificate gone", with_certificates(*certificates[1:])
    yield "certificates in another order", with_certificates(certificates[-1], *certificates[:-1])
    yield "a certificate that nothing needs", with_certificates(*certificates, stranger)
    yield "a length that is not the shortest", changed(signed.signer_infos, long_form(signed.signer_infos))
    yield "octets behind the end", case.stamped + b"\0"


def build_all(case):
    taken = []
    num = 0
    for what, octets in wrong_ones(case):
        num += 1
        is_right = what == "nothing changed"
        if case.is_refused(octets) == is_right or (octets == case.stamped) != is_right:
            taken.append(f"{case.sample.name}: {what} is {'refused' if is_right else 'taken'}")
    return num, taken


def main():
    tried, problems = [], []
    for option in every_sample.KINDS:
        cases = {name: Case(name, option) for name in FLIPPED}
        for num, taken in [flip_all(case) for case in cases.values()] + [build_all(cases[BUILT])]:
            tried.append(num)
            problems += taken
    print(f"summary: {sum(tried)} wrong files, each refused")
    for problem in problems:
        print(problem)
    sys.exit(1 if problems or min(tried) < 10 else 0)


if __name__ == "__main__":
    main()
