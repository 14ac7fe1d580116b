# SPDX-License-Identifier: Apache-2.0
"""Stamps every signed file of a folder of samples with both protocols, and explains every octet that differs.

usage: every_sample.py [NAME...]    (all, or these of the list)
Environment: TSCLIENT; TSA_SAMPLES (its MANIFEST.json says what is signed and what is broken); LAB_URL and LAB_CA (a real authority),
LIAR_URL and LIAR_CA (tests/tools/lying_tsa: a timestamp of any time, for certificates that are expired today); OSSLSIGNCODES (programs,
apart by spaces); the folder to work in is the current one.

The old timestamps of a file are taken off first: that is the base. A stamped file must be the base but for what explain.py allows, its
timestamps must verify with openssl's ts and cms, and `remove` must give the base back, octet for octet.
"""
import collections
import concurrent.futures
import hashlib
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import time
import traceback

from explain import Wanted, explain, issuers_upward
from signed_file import (DATA, MESSAGE_DIGEST, OCTET_STRING, SEQUENCE, SET, SIGNED_DATA, SIGNING_TIME, COUNTER_SIGNATURE, DIGESTS,
                         SignedData, SignedFile, Signer, TST_INFO, element, oid_bytes, oid_text, root_of, seconds_of)

DAY = 86400
KINDS = {"-t": "authenticode", "--tr": "rfc3161"}
LEAST_FILES = 55  # the folder that these tests were made with has 57

# Where `remove` of a stamped file can not give the base back: file -> why. The rules for what it gives are in Sample.restored.
CHECKSUMS = {
    "ventoy/grubia32.efi": "its CheckSum is wrong and not zero: nobody is helped by putting a wrong one back",
}
UNCOUNTED = {
    "authenticode-rs/tiny64.signed.efi": "dwLength leaves out the padding, which can not be seen where the stamped entry needs none",
    "debian/fbx64.efi.signed": "the same",
    "go-efilib/mock.efi.signed": "the same",
    "ventoy/grubia32.efi": "the same",
}

# These osslsigncodes take no dwLength that leaves out the padding.
ROUND_ALONE = {"2.5"}
# What osslsigncode can not read, stamped or not: (version, file) -> why.
PKCX = "four octets before the signature: it knows .p7x inside of packages alone"
ENTRIES = "it takes two entries in the certificate table for a corrupted one"
DETACHED = "it dies of a detached signature nested in a catalog"
UNREADABLE = {
    ("2.9", "signify/AppxSignature.p7x"): PKCX,
    ("2.5", "signify/AppxSignature.p7x"): PKCX,
    ("2.9", "jsign/fbx64-signed-by-sbsign.efi"): ENTRIES,
    ("2.5", "jsign/fbx64-signed-by-sbsign.efi"): ENTRIES,
    ("2.9", "debian/shimx64.efi.signed"): ENTRIES,
    ("2.5", "debian/shimx64.efi.signed"): ENTRIES,
    ("2.5", "softether-wfp-x86/inf.cat"): DETACHED,
    ("2.5", "softether-wfp-x86/inf2.cat"): DETACHED,
}

Tally = collections.Counter


class Failed(Exception):
    pass


def demand(condition, what):
    if not condition:
        raise Failed(what)


# ---- programs ----

def run(*args, expect=None):
    done = subprocess.run([str(a) for a in args], capture_output=True, timeout=120, check=False)
    text = done.stdout.decode("utf-8", "replace") + done.stderr.decode("utf-8", "replace")
    if expect is not None and done.returncode != expect:
        raise Failed(f"{' '.join(map(str, args))}: exit code {done.returncode}, not {expect}\n{text[-2000:]}")
    return done.returncode, text


def tsclient(*args, expect=0):
    return run(os.environ["TSCLIENT"], *args, expect=expect)


class Authority:
    """Where to ask for a timestamp within the validity of a certificate: the lab today, the liar for another time."""

    def __init__(self, window):
        now = int(time.time())
        self.is_lab = window[0] + DAY < now < window[1] - DAY
        self.at = None if self.is_lab else (window[0] + window[1]) // 2
        self.url = os.environ["LAB_URL"] if self.is_lab else f"{os.environ['LIAR_URL']}at/{self.at}"
        self.ca = os.environ["LAB_CA" if self.is_lab else "LIAR_CA"]

    def stamp(self, option, path, *args, expect=0):
        skew = [] if self.is_lab else ["--allow-clock-skew", "4000000000s"]
        return tsclient("stamp", option, self.url, "--ca", self.ca, "--retry", 0, *skew, *args, path, expect=expect)

    def is_right(self, seconds):
        return abs(seconds - time.time()) < 600 if self.is_lab else seconds == self.at


# ---- one timestamp ----

class Checker:
    """Is a timestamp the right one? Imprint or message digest by hashlib, the rest by openssl against the authority's root alone."""

    def __init__(self, folder, authorities, with_openssl=True):
        self.folder = folder
        self.authorities = authorities
        self.openssl = (lambda *args: run("openssl", *args, expect=0)) if with_openssl else lambda *args: None
        self.num = 0

    def __call__(self, index, signer, attribute, signed):
        self.num += 1
        authority = self.authorities[index]
        value = attribute.values()[0]
        if attribute.type == COUNTER_SIGNATURE:
            seconds = self.legacy(signer, Signer(value), signed, authority)
        else:
            seconds = self.token(signer, value, authority)
        demand(authority.is_right(seconds), f"signature {index}: its timestamp is of {seconds}, not {authority.at}")

    def token(self, signer, value, authority):
        signed = SignedData(value)
        demand(signed.content_type() == TST_INFO, "the token holds no TSTInfo")
        info = root_of(signed.content().contents()).children()
        algorithm, imprint = info[2].children()
        name = DIGESTS[oid_text(algorithm.children()[0])]
        demand(imprint.contents() == hashlib.new(name, signer.signature).digest(), "the imprint is not the signature's")
        token, data = self.write("token", value.bytes()), self.write("data", signer.signature)
        seconds = seconds_of(info[4])
        self.openssl("ts", "-verify", "-in", token, "-token_in", "-data", data, "-CAfile", authority.ca, "-attime", seconds)
        return seconds

    def legacy(self, signer, stamp, signed, authority):
        demand(stamp.signed_value(MESSAGE_DIGEST).contents() == hashlib.new(stamp.digest, signer.signature).digest(),
               "the message digest is not the signature's")
        seconds = seconds_of(stamp.signed_value(SIGNING_TIME))
        # the authority's reply, put together again
        algorithms = element(SET, stamp.node.children()[2].bytes())
        content = element(SEQUENCE, oid_bytes(DATA), element(0xA0, element(OCTET_STRING, signer.signature)))
        certificates = signed.certificates.bytes()
        body = element(SEQUENCE, b"\2\1\1", algorithms, content, certificates, element(SET, stamp.node.bytes()))
        cms = self.write("cms", element(SEQUENCE, oid_bytes(SIGNED_DATA), element(0xA0, body)))
        self.openssl("cms", "-verify", "-binary", "-inform", "DER", "-in", cms, "-CAfile", authority.ca, "-purpose", "timestampsign",
                     "-attime", seconds, "-out", os.devnull)
        return seconds

    def write(self, name, octets):
        path = self.folder / name
        path.write_bytes(octets)
        return path


# ---- osslsigncode ----

def interesting(text):
    return "; ".join(re.findall(r"^.*(?:rror|ailed|orrupted|imestamp|nsupported).*$", text, re.M))[:600]


class Oss:
    def __init__(self, program):
        self.program = program
        self.version = re.search(r"osslsigncode (\d+\.\d+)", run(program, "--version")[1]).group(1)
        self.ignore = ["-ignore-crl"] if "-ignore-crl" in run(program, "verify", "--help")[1] else []

    def problem(self, path, ca, times, is_pe):
        """What it has against the file's digests and timestamps; None: nothing. Chains of signers are not its matter here."""
        _, text = run(self.program, "verify", *self.ignore, "-CAfile", "signers.pem", "-TSA-CAfile", ca, "-in", path)
        parts = re.split(r"^Signature Index: \d+.*$", text, flags=re.M)[1:]
        if len(parts) != len(times):
            return f"tells of {len(parts)} signatures, not {len(times)}: {interesting(text)}"
        if re.search("digest failure|signature failure|MISMATCH", text):
            return "finds something wrong: " + interesting(text)
        missing = collections.Counter(time.strftime("%b %e %H:%M:%S %Y GMT", time.gmtime(at)) for at in times)
        for part in parts:
            current = re.search(r"^Current message digest +: (\w+)", part, re.M)
            calculated = re.search(r"^Calculated message digest +: (\w+)", part, re.M)
            if is_pe and not (current and calculated and current.group(1) == calculated.group(1)):
                return "calculates another message digest"
            if not re.search(r"^Timestamp Server Signature verification: ok", part, re.M):
                return "does not verify the timestamp: " + interesting(part)
            told = re.search(r"(?:Timestamp time|The signature is timestamped): (.*GMT)", part)
            missing[told and told.group(1)] -= 1
        return f"tells other times: {missing}" if any(missing.values()) else None


# ---- one file ----

def window_of(signed, signer):
    """The validity of the certificate that signed."""
    found = [c for c in signed.all_certificates() if signer.is_by(c)]
    demand(found, "the signer's certificate is not in the file")
    return found[0].from_, found[0].to


def authorities_for(signed_file):
    """One for all signatures where their certificates were valid at one time, else one each."""
    windows = [window_of(*pair) for pair in signed_file.signatures]
    common = max(w[0] for w in windows), min(w[1] for w in windows)
    if common[0] + 2 * DAY < common[1]:
        return [Authority(common)] * len(windows)
    return [Authority(window) for window in windows]


class Sample:
    def __init__(self, name, source, osses):
        self.name = name
        self.folder = pathlib.Path(name.replace("/", "_"))
        self.folder.mkdir()
        self.osses = osses
        self.tally = Tally()
        self.used = set()  # rows of the tables
        self.path = self.folder / source.name
        shutil.copyfile(source, self.path)
        self.found = self.path.read_bytes()

    def read(self):
        return self.path.read_bytes()

    def put(self, octets):
        self.path.write_bytes(octets)

    def explained(self, before, after, wanted):
        self.tally.update(r.kind for r in explain(before, after, wanted))
        if not wanted.foreign:
            self.tally["stamps"] += wanted.check.num
            self.tally["of another time"] += 0 if self.authorities[0].is_lab else wanted.check.num

    def checker(self):
        return Checker(self.folder, self.authorities)

    def by_a_detour(self, kinds):
        """Wanted of a file that had other timestamps between the base and now."""
        return Wanted(kinds, self.checker(), detour=True, may_round=self.name in UNCOUNTED)

    def refuses_today(self):
        """A timestamp of today is of no use to a certificate that has expired."""
        if not self.authorities[0].is_lab:
            _, text = tsclient("stamp", "--tr", os.environ["LAB_URL"], "--ca", os.environ["LAB_CA"], self.path, expect=1)
            demand("outside the validity" in text and self.read() == self.base, f"an expired signer: {text}")

    def run_all(self):
        self.make_base()
        self.refuses_today()
        everything = range(len(self.authorities))
        for option, kind in KINDS.items():
            stamped = self.stamp(option, everything)
            self.ask_oss(stamped)
            self.remove(everything)
            if len(everything) > 1:
                self.each_alone(option, kind, stamped)
        for first, second in (("-t", "--tr"), ("--tr", "-t")):
            self.other_kind(first, second)
        shutil.rmtree(self.folder)

    def make_base(self):
        before = SignedFile(self.found)
        tsclient("remove", self.path)
        self.base = self.read()
        base = SignedFile(self.base)
        demand(not any(base.stamps()), "a timestamp is left")
        stamped = {i: kinds[0] for i, kinds in enumerate(before.stamps()) if kinds}
        demand(stamped or self.base == self.found, "nothing to remove, and yet changed")
        self.explained(self.base, self.found, Wanted(stamped, lambda *_: None, foreign=True))
        self.authorities = authorities_for(base)

    def stamp_at(self, option, indexes, *args):
        if len(set(self.authorities)) == 1 and len(indexes) == len(self.authorities):
            self.authorities[0].stamp(option, self.path, *args)
            return
        for i in indexes:
            self.authorities[i].stamp(option, self.path, "--tp", i, *args)

    def stamp(self, option, indexes):
        """Stamps the base and explains the outcome by it."""
        self.stamp_at(option, indexes)
        stamped = self.read()
        self.explained(self.base, stamped, Wanted({i: KINDS[option] for i in indexes}, self.checker()))
        return stamped

    def remove(self, indexes):
        one = ["--tp", indexes[0]] if len(indexes) != len(self.authorities) else []
        stamped = self.read()
        tsclient("remove", *one, self.path)
        expected, removed = self.restored(stamped), self.read()
        demand(removed == expected, f"remove does not give the base back: {first_difference(expected, removed)}")
        self.put(self.base)

    def restored(self, stamped):
        """What `remove` has to make of a stamped file: the base, but for the rows of the tables."""
        pe = SignedFile(self.base).pe
        octets = bytearray(self.base)
        for new, old in zip(SignedFile(stamped).pe.entries, pe.entries) if pe else ():
            if old.is_pkcs7 and old.counts_padding() is False:
                demand(self.name in UNCOUNTED, "its dwLength leaves out the padding")
                self.used.add(("UNCOUNTED", self.name))
                if new.element.end % 8 == 0:
                    octets[old.at:old.at + 4] = (old.counted + -old.counted % 8).to_bytes(4, "little")
        if pe and pe.checksum() not in (0, pe.right_checksum()):
            demand(self.name in CHECKSUMS, "its checksum is wrong")
            self.used.add(("CHECKSUMS", self.name))
        elif octets == self.base:
            return self.base
        at = pe.checksum_at
        octets[at:at + 4] = SignedFile(bytes(octets)).pe.right_checksum().to_bytes(4, "little")
        return bytes(octets)

    def each_alone(self, option, kind, stamped):
        indexes = range(len(self.authorities))
        for i in indexes:
            self.stamp_one(option, i)
            self.remove([i])
            self.put(stamped)
            tsclient("remove", "--tp", i, self.path)
            self.explained(self.base, self.read(), self.by_a_detour({j: kind for j in indexes if j != i}))
            self.put(self.base)

    def stamp_one(self, option, i):
        self.authorities[i].stamp(option, self.path, "--tp", i)
        self.explained(self.base, self.read(), Wanted({i: KINDS[option]}, self.checker()))

    def other_kind(self, first, second):
        """Never both on one signature: told and left, or replaced."""
        everything = range(len(self.authorities))
        self.stamp_at(first, everything)
        stamped = self.read()
        for authority in set(self.authorities):
            _, text = authority.stamp(second, self.path, expect=2)
            demand("--replace" in text, f"does not say what to do: {text}")
            demand(self.read() == stamped, "a file with a timestamp of the other kind was changed")
        self.stamp_at(second, everything, "--replace")
        self.explained(self.base, self.read(), self.by_a_detour({i: KINDS[second] for i in everything}))
        tsclient("remove", self.path)
        self.explained(self.base, self.read(), self.by_a_detour({}))
        self.put(self.base)

    def ask_oss(self, stamped):
        times = [authority.at for authority in self.authorities]
        if None in times:
            times = stamped_times(SignedFile(stamped))
        for oss in self.osses:
            problem = oss.problem(self.path, self.authorities[0].ca, times, self.path.read_bytes()[:2] == b"MZ")
            row = (oss.version, self.name)
            self.used.add(("UNREADABLE", row))
            if row in UNREADABLE or (oss.version in ROUND_ALONE and not is_round(SignedFile(stamped))):
                demand(problem, f"osslsigncode {oss.version} accepts it now: its row in the table is stale")
            else:
                demand(not problem, f"osslsigncode {oss.version}: {problem}")
                self.tally["verified by osslsigncode"] += 1


def is_round(signed_file):
    return not any(entry.counted % 8 for entry in (signed_file.pe.entries if signed_file.pe else ()))


def stamped_times(signed_file):
    times = []
    for _, signer in signed_file.signatures:
        for stamp in signer.stamps():
            value = stamp.values()[0]
            if stamp.type == COUNTER_SIGNATURE:
                times.append(seconds_of(Signer(value).signed_value(SIGNING_TIME)))
            else:
                times.append(seconds_of(root_of(SignedData(value).content().contents()).children()[4]))
    return times


def first_difference(a, b):
    at = next((i for i, (x, y) in enumerate(zip(a, b)) if x != y), min(len(a), len(b)))
    return f"at {at} of {len(a)} and {len(b)}: {a[at:at + 24].hex(' ')} / {b[at:at + 24].hex(' ')}"


# ---- all of them ----

def stampable(samples):
    """The names of what is signed, not broken, and of a format that can be stamped."""
    rows = json.loads((samples / "MANIFEST.json").read_text())["files"]
    kinds = re.compile(r"PE |catalog$|P7X$")
    return [row["file"] for row in rows
            if kinds.match(row["type"]) and row["sigs"] != "unsigned" and "h" not in row["traits"]]


def one_file(name, samples, osses):
    sample = Sample(name, samples / name, osses)
    try:
        sample.run_all()
        return name, None, sample
    except Exception as e:  # whatever it is, it is this file's, and the others go on
        return name, f"{type(e).__name__}: {e}\n{''.join(traceback.format_tb(e.__traceback__))}", sample


def run_all(samples, some):
    osses = [Oss(program) for program in os.environ.get("OSSLSIGNCODES", "").split()]
    pathlib.Path("signers.pem").write_bytes(b"\n".join(path.read_bytes() for path in sorted((samples / "trust").glob("*.pem"))))
    tally, used, problems = Tally(), set(), []
    names = some or stampable(samples)
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        for name, problem, sample in pool.map(lambda n: one_file(n, samples, osses), names):
            tally.update(sample.tally)
            used |= sample.used
            if problem:
                problems.append(f"{name}: {problem}")
    print_summary(names, osses, tally)
    rows = {("CHECKSUMS", name) for name in CHECKSUMS} | {("UNCOUNTED", name) for name in UNCOUNTED} | {
        ("UNREADABLE", row) for row in UNREADABLE if row[0] in [oss.version for oss in osses]}
    problems += [] if some else [f"{row} of the table: stale, nothing used it" for row in sorted(rows - used, key=str)]
    if len(names) < LEAST_FILES and not some:
        problems.append(f"only {len(names)} files: the folder has lost some, or its list is read wrongly")
    for problem in problems:
        print(problem)
    return 1 if problems else 0


def print_summary(names, osses, tally):
    stamps, other, verified = (tally.pop(kind, 0) for kind in ("stamps", "of another time", "verified by osslsigncode"))
    print(f"summary: {len(names)} files; {stamps} timestamps checked, {other} of them within a validity that is over; "
          f"{sum(tally.values())} ranges explained: {', '.join(f'{n} {kind}' for kind, n in sorted(tally.items()))}; "
          f"{verified} files verified by osslsigncode {' and '.join(oss.version for oss in osses) or '(which is not here)'}")


def main():
    samples = pathlib.Path(os.environ["TSA_SAMPLES"])
    sys.exit(run_all(samples, sys.argv[1:]))


if __name__ == "__main__":
    main()
