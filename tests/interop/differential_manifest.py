# SPDX-License-Identifier: Apache-2.0
"""What MANIFEST.json of the samples says of a file, as facts.

Its authors took signatures apart with a program of their own and wrote the findings down for people:

    signer <issuer>; file digest/signer digest; cert FROM to TO [key] [**what is wrong**]; KIND TIME (digest, TSA to END)

with "nested", "nested1" or "w0" before a signature that is not the only one, and <br> between two. Whatever does not
read as that is an error: a fact that nobody understood would be a fact that nobody checked.
"""
import hashlib
import json
import os
import re
import struct

SIGNATURE = re.compile(
    r"(?:(?P<place>nested\d*|w\d+) )?(?P<signer>.+) <(?P<issuer>.+)>; (?P<covered>\w+)/(?P<digest>\w+); "
    r"cert (?P<not_before>[\d-]+) to (?P<not_after>[\d-]+)(?: (?P<key>(?:rsa|ec)\d+))?"
    r"(?P<wrong>(?: \*\*[^*]+\*\*)*); "
    r"(?:no timestamp|"
    r"(?P<kind>PKCS9|RFC3161) (?P<time>\S+) \((?P<stamp_digest>\w+), (?P<authority>.+) to (?P<end>[\d-]+)\))"
)
KINDS = {"PKCS9": "authenticode", "RFC3161": "rfc3161", None: None}
FORMATS = {"PE": "pe", "catalog": "cat", "P7X": "p7"}  # the others are of no format that is read
WRONG = {"file digest differs": "digest-mismatch", "messageDigest differs": "bad-signature"}


def parse_signature(text):
    match = SIGNATURE.fullmatch(text)
    if not match:
        raise ValueError(f"not understood: {text}")
    place = match["place"] or ""
    covered = match["covered"]
    return {
        "signer": match["signer"],
        "issuer": match["issuer"],
        "nested": int(place.startswith("nested")),
        "entry": int(place[1:]) if place.startswith("w") else 0,
        "content": {"CTL": "catalog", "detached": "data"}.get(covered, "authenticode"),
        "detached": covered == "detached",
        "file_digest": None if covered in ("CTL", "detached") else covered,
        "digest": match["digest"],
        "not_before": match["not_before"],
        "not_after": match["not_after"],
        "key": match["key"] or "rsa2048",  # what is usual is not written down
        "wrong": sorted(WRONG[word] for word in re.findall(r"\*\*([^*]+)\*\*", match["wrong"])),
        "stamp_kind": KINDS[match["kind"]],
        "stamp_time": match["time"],
        "stamp_digest": match["stamp_digest"],
        "authority": match["authority"],
        "authority_end": match["end"],
    }


class Sample:
    """One file of the manifest."""

    def __init__(self, folder, entry):
        self.name = entry["file"]
        self.path = os.path.join(folder, self.name)
        self.type = entry["type"]
        self.format = FORMATS.get(self.type.split()[0])
        self.traits = set(entry["traits"].strip("-"))
        self.extra = [clause for clause in entry["extra"].split("; ") if clause]
        self.is_unsigned = entry["sigs"] == "unsigned"
        self.signatures = []
        if entry["sigs"] not in ("unsigned", "-"):
            self.signatures = [parse_signature(text) for text in entry["sigs"].split("<br>")]

    def digests(self):
        """{algorithm: hex} of the file as a catalog lists it."""
        with open(self.path, "rb") as stream:
            data = stream.read()
        if self.type.startswith("PE "):
            data = image(data)
        return {alg: hashlib.new(alg, data).hexdigest() for alg in ("sha1", "sha256")}


def image(data):
    """The octets of a PE file that Authenticode's digest covers."""
    e = struct.unpack_from("<I", data, 0x3C)[0]
    directory = e + 152 + (16 if struct.unpack_from("<H", data, e + 24)[0] == 0x20B else 0)
    at, size = struct.unpack_from("<II", data, directory)
    end = at if size else len(data)
    covered = data[: e + 88] + data[e + 92 : directory] + data[directory + 8 : end]
    return covered + bytes(-end % 8)


def load(folder):
    with open(os.path.join(folder, "MANIFEST.json"), encoding="utf-8") as stream:
        return [Sample(folder, entry) for entry in json.load(stream)["files"]]
