# SPDX-License-Identifier: Apache-2.0
"""Two answers to one question: equal, or different for a reason that stands in a row, or wrong.

A difference without a row is a complaint, and so is a row that nothing needs any more.
"""
import collections

DAY = "2026-11-20T00:00:00Z"  # as of which everything is judged
VERSIONS = ("2.5", "2.9")  # of osslsigncode, for which the rows were made

# file and signature are tsclient's objects (signature None: the fact is the file's), text is all that the other printed.
Case = collections.namedtuple("Case", "file signature ours theirs text")
# may_rest: only roots of the system's store bring it out, and which those are is not ours to say.
Row = collections.namedtuple("Row", "what ours theirs when why versions may_rest", defaults=[VERSIONS, False])

# ---- why tsclient says something else --------------------------------------------------------------


def named(*names):
    return lambda case: case.file["file"].endswith(names)


def says(words):
    return lambda case: words in case.text


def is_bare(case):
    return case.signature["timestamp"]["form"] == "bare-digest"


def is_judged_now(case):
    """A signature that they judge without its timestamp, or a file that has no other."""
    signatures = [case.signature] if case.signature else case.file["signatures"]
    return bool(signatures) and all(
        signature["timestamp"]
        and signature["timestamp"]["form"] == "bare-digest"
        and signature["certificate"]["not_after"] < DAY
        for signature in signatures
    )


def one_is_good(case):
    return any(signature["verdict"] != "bad" for signature in case.file["signatures"])


def has_entries(case):
    return any(signature["entry"] for signature in case.file["signatures"])


def is_nested_in_catalog(case):
    return case.signature["nested"] and case.file["format"] == "cat"


P7X = "the digests of a package stand in its signature, and the package is not there to compare: a warning"
SBSIGN = "both signatures have an entry of the certificate table; the manifest calls both w0"
MANIFEST_ROWS = [
    Row("integrity", ["content-missing"], [], named("AppxSignature.p7x"), P7X),
    Row("entry", 1, 0, named("fbx64-signed-by-sbsign.efi"), SBSIGN),
]

BARE = "VeriSign's and Symantec's old authorities signed a bare digest: libcrypto fails it, Windows took it for years"
ALL = "they take a file when one of its signatures is good; here every one must be, as `signtool verify /all` has it"
EXPIRED = "without the bare digest's timestamp they judge an expired certificate as of now"
CHANGED = "where the file's digest differs they judge no further"
ENTRIES = "several entries in the certificate table: they judge no such file, Windows reads each"
PACKAGE = "they read packages, not the signature that was taken out of one"
NO_ROOT = "the anchor is no root: here whatever was given is trusted, there only what is self-signed"
CATALOG = "2.5 names the nested signature of a catalog and judges it no further; 2.9 does"
MADE_ELSEWHERE = "2.5 calls invalid what sbsign and pesign made; 2.9 judges it"
OSSLSIGNCODE_ROWS = [
    Row("timestamp", "ok", "failed", is_bare, BARE),
    Row("signature", "ok", "failed", is_judged_now, EXPIRED, may_rest=True),
    Row("file", "ok", "failed", is_judged_now, EXPIRED, may_rest=True),
    Row("file", "failed", "ok", one_is_good, ALL),
    Row("signature", "failed", "none", says("MISMATCH!!!"), CHANGED),
    Row("timestamp", "ok", "none", says("MISMATCH!!!"), CHANGED),
    Row("timestamp", "failed", "none", says("MISMATCH!!!"), CHANGED),
    Row("file", "ok", "failed", has_entries, ENTRIES),
    Row("signature", "ok", "none", has_entries, ENTRIES),
    Row("timestamp", "ok", "none", has_entries, ENTRIES),
    Row("file", "ok", "failed", named("AppxSignature.p7x"), PACKAGE, may_rest=True),
    Row("signature", "ok", "none", named("AppxSignature.p7x"), PACKAGE, may_rest=True),
    Row("timestamp", "ok", "none", named("AppxSignature.p7x"), PACKAGE, may_rest=True),
    Row("signature", "failed", "none", named("AppxSignature.p7x"), PACKAGE),
    Row("timestamp", "failed", "none", named("AppxSignature.p7x"), PACKAGE),
    Row("file", "ok", "failed", says("unable to get issuer certificate"), NO_ROOT),
    Row("signature", "ok", "failed", says("unable to get issuer certificate"), NO_ROOT),
    Row("signature", "failed", "none", is_nested_in_catalog, CATALOG, ("2.5",)),
    Row("timestamp", "failed", "none", is_nested_in_catalog, CATALOG, ("2.5",)),
    Row("timestamp", "ok", "none", is_nested_in_catalog, CATALOG, ("2.5",), may_rest=True),
    Row("signature", "failed", "none", says("Invalid signature"), MADE_ELSEWHERE, ("2.5",)),
]


class Comparison:
    """Counts what was compared, and explains what differs by the rows."""

    def __init__(self, name, rows):
        self.name = name
        self.rows = rows
        self.used = [0] * len(rows)
        self.num_files = 0
        self.num_facts = 0
        self.num_explained = 0
        self.complaints = []

    def explain(self, what, case):
        for index, row in enumerate(self.rows):
            if row.what == what and row.ours == case.ours and row.theirs == case.theirs and row.when(case):
                self.used[index] += 1
                return True
        return False

    def fact(self, what, case):
        """One fact; case holds both answers."""
        self.num_facts += 1
        if case.ours == case.theirs:
            return
        if self.explain(what, case):
            self.num_explained += 1
            return
        index = "" if case.signature is None else f" signature {case.signature['index']}"
        self.complaints.append(f"{case.file['file']}{index}: {what}: {case.ours!r}, {self.name} says {case.theirs!r}")

    def end(self):
        """Prints the summary; true when nothing is unexplained and no row is stale."""
        stale = [row for row, used in zip(self.rows, self.used) if not used and not row.may_rest]
        for complaint in self.complaints:
            print(complaint)
        for row in stale:
            print(f"{self.name}: nothing needs this row any more: {row.what} {row.ours!r} {row.theirs!r} ({row.why})")
        print(
            f"{self.name}: {self.num_files} files, {self.num_facts} facts compared, {self.num_explained} differences "
            f"explained by {len(self.rows)} rows, {len(self.complaints)} not explained"
        )
        return self.num_files > 0 and not stale and not self.complaints
