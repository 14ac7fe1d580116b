#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""
Requests per CPU-second of the server beside the private-key operation that bounds them.

The server runs with a key of each kind; wrk loads it; the CPU time of its whole process tree (user and system) is read before and
after. In the same rounds `openssl speed -multi` measures raw signatures per CPU-second on all processors. Rounds alternate, medians
are printed. Figures of one machine are for ratios, not for promises: nothing passes or fails here.

    tests/bench/throughput.py [--tsa build/release/tsa] [--keys rsa2048,rsa3072,p256] [--rounds 5] [--seconds 4]
"""
import argparse
import os
import pathlib
import re
import resource
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
TOP = HERE.parent.parent
KEYS = {
    "rsa2048": (["-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"], "rsa2048"),
    "rsa3072": (["-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:3072"], "rsa3072"),
    "rsa4096": (["-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:4096"], "rsa4096"),
    "p256": (["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"], "ecdsap256"),
    "p384": (["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-384"], "ecdsap384"),
}
CONF = """
listen = [ "127.0.0.1:0" ];
run_dir = "{dir}/run";
node = 1;
fronts = {fronts};
signers = {signers};
users = {{ front = ""; issuer = ""; clock = ""; }};
log = {{ level = "notice"; }};
clock = {{ source = "system"; }};
ledger = {{ dir = "{dir}/ledger"; }};
units = ( {{
    name = "bench"; key = "{dir}/tsa.key"; chain = "{dir}/tsa.pem"; root = "{dir}/root.pem";
    protocols = [ "rfc3161", "authenticode" ]; policy = "1.3.6.1.4.1.32473.1"; accuracy = "1 s";
}} );
"""


def openssl(*args):
    subprocess.run(["openssl", *args], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def make_authority(folder, key_args, fronts, signers):
    ext = folder / "ext"
    ext.write_text("basicConstraints=critical,CA:FALSE\nkeyUsage=critical,digitalSignature\nextendedKeyUsage=critical,timeStamping\n")
    openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", str(folder / "ca.key"), "-out", str(folder / "root.pem"),
            "-subj", "/CN=Bench Root", "-days", "30")
    openssl("genpkey", *key_args, "-out", str(folder / "tsa.key"))
    os.chmod(folder / "tsa.key", 0o600)
    openssl("req", "-new", "-key", str(folder / "tsa.key"), "-subj", "/CN=Bench TSA", "-out", str(folder / "csr"))
    openssl("x509", "-req", "-in", str(folder / "csr"), "-CA", str(folder / "root.pem"), "-CAkey", str(folder / "ca.key"),
            "-CAcreateserial", "-days", "20", "-extfile", str(ext), "-out", str(folder / "tsa.pem"))
    (folder / "ledger").mkdir()
    (folder / "run").mkdir()
    (folder / "tsa.conf").write_text(CONF.format(dir=folder, fronts=fronts, signers=signers))


class Server:
    def __init__(self, tsa, folder):
        self.log = open(folder / "log", "wb")
        self.process = subprocess.Popen([tsa, "run", "-c", str(folder / "tsa.conf")], stderr=self.log)
        deadline = time.monotonic() + 10
        while not (found := re.search(r"ready on (\S+)\"", (folder / "log").read_text())):
            if self.process.poll() is not None or time.monotonic() > deadline:
                sys.exit("the server did not get ready; its log:\n" + (folder / "log").read_text())
            time.sleep(0.002)
        self.url = f"http://{found[1]}/"

    def pids(self):
        pid = self.process.pid
        children = pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        return [pid, *map(int, children)]

    def cpu_seconds(self):
        ticks = 0
        for pid in self.pids():
            fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
            ticks += int(fields[11]) + int(fields[12])
        return ticks / os.sysconf("SC_CLK_TCK")

    def memory_kib(self):
        """Proportional set size of all roles: shared pages are counted once."""
        total = 0
        for pid in self.pids():
            found = re.search(r"^Pss:\s+(\d+)", pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text(), re.M)
            total += int(found[1])
        return total

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(10)


def load(server, args, kind):
    before = server.cpu_seconds()
    out = subprocess.run(["wrk", "-t1", f"-c{args.connections}", f"-d{args.seconds}s", "-s", str(HERE / "query.lua"), server.url,
                          "--", kind, "nocert" if args.nocert else "cert"], check=True, capture_output=True, text=True).stdout
    used = server.cpu_seconds() - before
    found = re.search(r"RESULT granted=(\d+) refused=(\d+) errors=(\d+) p50_us=(\d+) p99_us=(\d+)", out)
    granted, refused, errors, p50, p99 = map(int, found.groups())
    if refused or errors or not granted:
        sys.exit(f"{refused} refused, {errors} errors, {granted} granted: no figure\n{out}")
    return granted / used, granted / args.seconds, p50, p99


def raw(algorithm, seconds):
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    out = subprocess.run(["openssl", "speed", "-mr", "-seconds", str(seconds), "-multi", str(os.cpu_count()), algorithm],
                         check=True, capture_output=True, text=True).stdout
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    # The sum of the processes: signatures and verifications a second; half of the time goes to each.
    line = [text for text in out.splitlines() if re.match(r"\+F[24]:", text)][-1]
    per_second = float(line.split(":")[3])
    per_second = 1 / per_second if per_second < 1 else per_second
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return per_second * 2 * seconds / cpu


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tsa", default=str(TOP / "build/release/tsa"))
    parser.add_argument("--keys", default="rsa2048,p256")
    parser.add_argument("--kinds", default="rfc3161")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=4)
    parser.add_argument("--connections", type=int, default=64)
    parser.add_argument("--fronts", type=int, default=1)
    parser.add_argument("--signers", type=int, default=0)
    parser.add_argument("--nocert", action="store_true")
    args = parser.parse_args()
    if not shutil.which("wrk"):
        sys.exit("wrk is not installed: conf/install-deps bench")
    for key in args.keys.split(","):
        with tempfile.TemporaryDirectory() as name:
            folder = pathlib.Path(name)
            make_authority(folder, KEYS[key][0], args.fronts, args.signers)
            started = time.monotonic()
            server = Server(args.tsa, folder)
            ready_ms = (time.monotonic() - started) * 1000
            idle_kib = server.memory_kib()
            raws, rates = [], {kind: [] for kind in args.kinds.split(",")}
            for _ in range(args.rounds):
                raws.append(raw(KEYS[key][1], args.seconds))
                for kind, list_of in rates.items():
                    list_of.append(load(server, args, kind))
            server.stop()
        limit = statistics.median(raws)
        print(f"{key}: raw {limit:,.0f} signatures per CPU-second; ready after {ready_ms:.0f} ms; {idle_kib / 1024:.1f} MiB idle")
        for kind, list_of in rates.items():
            per_cpu = statistics.median(row[0] for row in list_of)
            wall, p50, p99 = (statistics.median(row[i] for row in list_of) for i in (1, 2, 3))
            print(f"  {kind}: {per_cpu:,.0f} requests per CPU-second = {per_cpu / limit:.2f} of raw; "
                  f"{wall:,.0f} requests/s, p50 {p50 / 1000:.2f} ms, p99 {p99 / 1000:.2f} ms ({args.connections} connections)")


if __name__ == "__main__":
    main()
