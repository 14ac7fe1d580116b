#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""tsclient against two others over every sample: what the samples' manifest says, and what osslsigncode judges.

    differential.py SAMPLES manifest          every fact of the manifest, in `show` and in `verify`
    differential.py SAMPLES OSSLSIGNCODE...   the verdicts on files, signatures and timestamps, for each version given

$TSCLIENT is the program. Everything is judged as of one day, so that the same files give the same verdicts next year.
Where tsclient says something else, a row of differential_table says why; a difference without a row fails, and so does
a row without a difference.
"""
import base64
import json
import os
import re
import subprocess
import sys
import tempfile
import time

import differential_manifest
from differential_table import DAY, MANIFEST_ROWS, OSSLSIGNCODE_ROWS, VERSIONS, Case, Comparison

DAY_SECONDS = 1795132800
SYSTEM = "/etc/ssl/certs/ca-certificates.crt"
KERNEL_ROOT = "Microsoft Code Verification Root"


def run_text(*arguments):
    """(exit code, output, what is on standard error)"""
    run = subprocess.run(arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=60, check=False)
    return run.returncode, run.stdout.decode("utf-8", "replace"), run.stderr.decode("utf-8", "replace")


class Client:
    """tsclient, and how long it took at most."""

    def __init__(self):
        self.slowest = (0.0, "")

    def ask(self, *arguments):
        """(exit code, object) of one file."""
        start = time.monotonic()
        code, text, errors = run_text(os.environ["TSCLIENT"], *arguments)
        self.slowest = max(self.slowest, (time.monotonic() - start, " ".join(arguments)))
        try:
            return code, json.loads(text)
        except ValueError:
            sys.exit(f"{arguments}: exit {code}: {text} {errors}")

    def show(self, path):
        return self.ask("show", "--json", path)

    def verify(self, path, ca, *more):
        return self.ask("verify", "--json", "--at", DAY, "--ca", ca, *more, path)


# ---- the manifest ----------------------------------------------------------------------------------


def told(signature):
    """What `show` says of one signature, in the manifest's terms."""
    stamp = signature["timestamp"] or {}
    stamp_cert = stamp.get("certificate") or {}
    cert = signature["certificate"] or {}
    as_it_is = ("signer", "issuer", "nested", "entry", "content", "detached", "file_digest", "digest")
    return {
        **{key: signature[key] for key in as_it_is},
        "not_before": cert.get("not_before", "")[:10],
        "not_after": cert.get("not_after", "")[:10],
        "key": cert.get("key"),
        "stamp_kind": stamp.get("kind"),
        "stamp_time": re.sub(r"\.\d+Z", "Z", stamp["time"]) if stamp else None,  # the manifest has whole seconds
        "stamp_digest": stamp.get("signer_digest"),
        "authority": stamp.get("authority"),
        "authority_end": stamp_cert["not_after"][:10] if stamp_cert else None,
    }


# What `verify` says of a signature or a timestamp that is not whole, whatever chains and old digests are worth.
INTEGRITY = {
    "digest-mismatch",
    "page-hash-mismatch",
    "bad-signature",
    "bad-timestamp",
    "malformed",
    "content-missing",
    "unsigned",
}


def compare_judgement(comparison, sample, judged):
    """With nobody to trust, what is left of the judgement is what the file itself shows."""
    for expected, signature in zip(sample.signatures, judged["signatures"]):
        reasons = set(signature["reasons"])
        stamped = expected["stamp_kind"] is not None
        rows = [
            ("integrity", sorted(reasons & INTEGRITY), expected["wrong"]),
            ("untrusted signer", "untrusted-root" in reasons, True),
            ("untrusted timestamp", "untrusted-tsa" in reasons, stamped),
            ("not timestamped", "not-timestamped" in reasons, not stamped),
        ]
        for what, ours, theirs in rows:
            comparison.fact(what, Case(judged, signature, ours, theirs, ""))


def traits(shown, judged):
    """The manifest's letters for a file."""
    signatures = shown["signatures"]
    kinds = [(signature["timestamp"] or {}).get("kind") for signature in signatures] or [None]
    issuers = [cert["issuer"] for signature in signatures for cert in signature["certificates"] if cert]
    broken = {"digest-mismatch", "bad-signature", "malformed"} & set(judged["reasons"])
    letters = {
        "a": "authenticode" in kinds,
        "b": "rfc3161" in kinds,
        "c": None in kinds,
        "d": len(signatures) > 1,
        "e": any(signature["certificate"]["not_after"] < DAY for signature in signatures),
        "f": KERNEL_ROOT in issuers,
        "g": any(signature["page_hashes"] for signature in signatures),
        "h": bool(broken),
    }
    return sorted(letter for letter, holds in letters.items() if holds)


def listed(catalog, sample):
    """By which digests the list of a catalog has the file, as the manifest writes it."""
    members = {(member["algorithm"], member["digest"]) for member in catalog["catalog"]["members"]}
    found = [alg for alg, digest in sorted(sample.digests().items()) if (alg, digest) in members]
    return f"listed ({', '.join(found)})" if found else "NOT listed"


class Manifest:
    def __init__(self, folder, nobody):
        self.comparison = Comparison("the manifest", MANIFEST_ROWS)
        self.client = Client()
        self.nobody = nobody
        self.samples = differential_manifest.load(folder)

    def compare_extra(self, sample, shown, judged):
        """The clauses about a file; those that nobody says of it must not hold either."""
        stamps = [stamp for signature in shown["signatures"] for stamp in signature["timestamps"]]
        pages = [signature["page_hashes"] for signature in shown["signatures"] if signature["page_hashes"]]
        nested = [signature for signature in shown["signatures"] if signature["nested"]]
        whole = "page-hash-mismatch" not in judged["reasons"]
        ours = set()
        if any(stamp["attribute_certificate"] for stamp in stamps):
            ours.add("token carries a [1] attribute certificate")
        if any(stamp["form"] == "bare-digest" for stamp in stamps):
            ours.add("counter-signature RSA block is the bare digest (no DigestInfo)")
        if pages and whole:
            ours.add(f"page hashes recomputed: {pages[0]['digest']}, {pages[0]['entries']} entries, all match")
        if any(signature["detached"] and signature["content"] == "data" for signature in nested):
            ours.add(
                "nested SignedData is detached, content type pkcs7-data, "
                "messageDigest over the whole encoding of the outer CTL"
            )
        theirs = {clause for clause in sample.extra if ".cat: " not in clause}
        self.comparison.fact("notes", Case(judged, None, sorted(ours), sorted(theirs), ""))

    def compare_catalogs(self, sample):
        """Found in the list by us, and by `verify --catalog`."""
        for clause in sample.extra:
            name, found, theirs = clause.partition(".cat: ")
            if not found:
                continue
            catalog = os.path.join(os.path.dirname(sample.path), name + ".cat")
            _, shown = self.client.show(catalog)
            self.comparison.fact(f"in {name}.cat", Case(shown, None, listed(shown, sample), theirs, ""))
            _, judged = self.client.verify(sample.path, self.nobody, "--catalog", catalog)
            best = "sha256" if "sha256" in theirs else "sha1"
            expected = None if theirs == "NOT listed" else (best, sample.digests()[best])
            member = judged.get("member")
            ours = member and (member["digest"], member["value"])
            self.comparison.fact(f"verify --catalog {name}.cat", Case(judged, None, ours, expected, ""))
            missing = "not-in-catalog" in judged["reasons"]
            self.comparison.fact(f"not in {name}.cat", Case(judged, None, missing, expected is None, ""))

    def compare(self, sample):
        code, shown = self.client.show(sample.path)
        verify_code, judged = self.client.verify(sample.path, self.nobody)
        facts = [
            ("format", shown["format"], sample.format),
            ("exit of show", code, 0 if sample.format else 1),
            ("exit of verify", verify_code, 1),  # nobody is trusted
            ("unsigned", "unsigned" in shown["reasons"], sample.format is not None and sample.is_unsigned),
            ("unsupported", "unsupported-format" in judged["reasons"], sample.format is None),
        ]
        for what, ours, theirs in facts:
            self.comparison.fact(what, Case(shown, None, ours, theirs, ""))
        self.compare_catalogs(sample)
        if sample.format is None:
            return
        self.comparison.fact("signatures", Case(shown, None, len(shown["signatures"]), len(sample.signatures), ""))
        for expected, signature in zip(sample.signatures, shown["signatures"]):
            for key, ours in told(signature).items():
                self.comparison.fact(key, Case(shown, signature, ours, expected[key], ""))
        compare_judgement(self.comparison, sample, judged)
        self.comparison.fact("traits", Case(judged, None, traits(shown, judged), sorted(sample.traits), ""))
        self.compare_extra(sample, shown, judged)

    def run(self):
        for sample in self.samples:
            self.comparison.num_files += 1
            self.compare(sample)
        print(f"slowest answer: {self.client.slowest[0]:.3f} s ({self.client.slowest[1]})")
        return self.comparison.end()


# ---- osslsigncode ----------------------------------------------------------------------------------


def word(text, label):
    """The verdict behind a label: ok, failed, or none where it was not judged."""
    match = re.search(rf"^{label}: (ok|failed)", text, re.MULTILINE)
    return match[1] if match else "none"


def judge(command, path):
    """(does the file verify, {(serial number of the signer, digest): (verdict, timestamp's verdict)}, all the text)

    Nested signatures come in another order than in the file, so they are told apart by what is in them.
    """
    code, text, errors = run_text(*command, path)
    signatures = {}
    for part in re.split(r"^Signature Index: ", text, flags=re.MULTILINE)[1:]:
        alg = re.search(r"Message digest algorithm *: (\w+)", part)
        serial = re.search(r"Signer's certificate:.*?Serial : ([0-9A-F]+)", part, re.DOTALL)
        if alg and serial:
            verdict = word(part, "Signature verification")
            key = (int(serial[1], 16), alg[1].lower())
            signatures[key] = (verdict, word(part, "Timestamp Server Signature verification"))
    return ("failed" if code else "ok"), signatures, text + errors


def verdicts(signature):
    """(signature, timestamp) in osslsigncode's words."""
    reasons = set(signature["reasons"])
    stamp = "none"
    if signature["timestamp"]:
        stamp = "failed" if reasons & {"bad-timestamp", "untrusted-tsa"} else "ok"
    return ("failed" if signature["verdict"] == "bad" else "ok"), stamp


class Osslsigncode:
    def __init__(self, folder, program, anchors):
        version = re.match(r"osslsigncode (\d+\.\d+)", run_text(program, "--version")[1])[1]
        self.is_known = version in VERSIONS
        rows = [row for row in OSSLSIGNCODE_ROWS if version in row.versions]
        self.comparison = Comparison(f"osslsigncode {version}", rows)
        self.folder = folder
        # 2.5 fetches no revocation lists and knows no option about them.
        offline = [] if version == "2.5" else ["-ignore-crl"]
        self.command = [program, "verify", *offline, "-time", str(DAY_SECONDS)]
        self.anchors = anchors
        self.client = Client()

    def compare(self, sample, our_anchors, their_anchors):
        """Both are the same certificates."""
        _, judged = self.client.verify(sample.path, our_anchors)
        files = ["-CAfile", their_anchors, "-TSA-CAfile", their_anchors]
        verdict, signatures, text = judge([*self.command, *files, "-in"], sample.path)
        ours = "failed" if judged["verdict"] == "bad" else "ok"
        self.comparison.fact("file", Case(judged, None, ours, verdict, text))
        for signature in judged["signatures"]:
            key = (int(signature["certificate"]["serial"], 16), signature["digest"])
            pairs = zip(("signature", "timestamp"), verdicts(signature), signatures.get(key, ("none", "none")))
            for what, our_word, their_word in pairs:
                self.comparison.fact(what, Case(judged, signature, our_word, their_word, text))

    def run(self):
        if not self.is_known:
            print(f"skipped: {self.comparison.name}: the rows were made for {' and '.join(VERSIONS)}")
            return True
        for sample in differential_manifest.load(self.folder):
            if sample.format is not None:
                self.comparison.num_files += 1
                for our_anchors, their_anchors in self.anchors:
                    self.compare(sample, our_anchors, their_anchors)
        return self.comparison.end()


# ---- anchors ---------------------------------------------------------------------------------------


def all_certificates(folder):
    """Every certificate of a folder in PEM."""
    blocks = []
    for name in sorted(os.listdir(folder)):
        with open(os.path.join(folder, name), "rb") as stream:
            data = stream.read()
        found = re.findall(rb"-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----", data, re.DOTALL)
        if not found:
            found = [b"-----BEGIN CERTIFICATE-----\n" + base64.encodebytes(data) + b"-----END CERTIFICATE-----"]
        blocks += found
    return b"\n".join(blocks) + b"\n"


def make_nobody(folder):
    """A root that signed nothing."""
    path = os.path.join(folder, "nobody.pem")
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"]
        + ["-subj", "/CN=Nobody", "-keyout", os.path.join(folder, "nobody.key"), "-out", path],
        stderr=subprocess.DEVNULL,
        check=True,
    )
    return path


def make_anchors(folder, temporary):
    """[(for tsclient, for osslsigncode)]: the samples' own certificates, and with them the system's."""
    trust = os.path.join(folder, "trust")
    own, both = (os.path.join(temporary, name) for name in ("trust.pem", "both.pem"))
    with open(own, "wb") as stream:
        stream.write(all_certificates(trust))
    pairs = [(trust, own)]
    if os.path.exists(SYSTEM):
        with open(both, "wb") as stream, open(SYSTEM, "rb") as system:
            stream.write(all_certificates(trust) + system.read())
        pairs.append((both, both))
    return pairs


def main():
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    folder = sys.argv[1]
    good = True
    with tempfile.TemporaryDirectory() as temporary:
        if sys.argv[2] == "manifest":
            good = Manifest(folder, make_nobody(temporary)).run()
        else:
            anchors = make_anchors(folder, temporary)
            for program in sys.argv[2:]:
                good &= Osslsigncode(folder, program, anchors).run()
    sys.exit(0 if good else 1)


main()
