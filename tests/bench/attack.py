#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""
What slow clients, idle crowds and floods beyond its descriptors cost an authority, and those who ask as they should beside them.

Makes a lab of its own for each row. The figures of one machine are for ratios, not for promises: nothing passes or fails here; the bounds that
must hold are in tests/system/{slow,idle,flood}.bats. A quiet machine with two processors or more is wanted: clients run beside the server.

    tests/bench/attack.py [--tsa build/release/tsa] [--tools build/release/tests/tools] [-n 5000] [--rate 50]
"""
import argparse
import json
import pathlib
import resource
import signal
import subprocess
import sys
import tempfile
import time

TOP = pathlib.Path(__file__).resolve().parent.parent.parent
CROWD = TOP / "tests/system/crowd.py"
PATIENT = 'deadlines = { header = "1 min"; keep_alive = "5 min"; write = "1 min"; };\n'
SLOW = ["header", "body", "chunks", "read", "both", "silent", "greed"]
IDLE = ["looked", "half", "silent"]
FLOODS = ["silent", "looked", "read"]


class Lab:
    """An authority with a text before its configuration, and a limit on its descriptors."""

    def __init__(self, args, folder, text, limit=None):
        self.args, self.folder = args, folder
        (folder / "tsa.conf").write_text('clients = { connections = 0; };\nlog = { access = false; };\n' + text + args.conf)
        self.log = open(folder / "log", "ab")
        # The limit of a child is set between fork and exec; its roles inherit it.
        self.process = subprocess.Popen([args.tsa, "lab", "--dir", folder, "--listen", "127.0.0.1:0"], stdout=subprocess.PIPE, stderr=self.log,
                                        text=True, preexec_fn=limit and (lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit))))
        if not (first := self.process.stdout.readline()).startswith("ready "):
            sys.exit(f"the authority did not get ready: {(folder / 'log').read_text()}")
        self.url = first.split()[1]
        children = pathlib.Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
        self.fronts = [pid for pid in children if "@front" in pathlib.Path(f"/proc/{pid}/cmdline").read_text()]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.send_signal(signal.SIGTERM)
        self.process.communicate(timeout=20)

    def cpu(self):
        ticks = 0
        for pid in self.fronts:
            fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
            ticks += int(fields[11]) + int(fields[12])
        return ticks

    def crowd(self, *args):
        return subprocess.Popen([sys.executable, "-B", CROWD, args[0], self.url, *map(str, args[1:])], stdout=subprocess.PIPE, text=True)

    def load(self, seconds):
        done = subprocess.run([f"{self.args.tools}/load", self.url, "--rate", str(self.args.rate), "--seconds", str(seconds), "--per-connection", "1"],
                              capture_output=True, text=True, check=True)
        return json.loads(done.stdout)


def result(process):
    return json.loads(process.communicate()[0])


def table(rows):
    widths = [max(len(str(row[i])) for row in rows) for i in range(len(rows[0]))]
    for row in rows:
        print("  ".join(str(cell).ljust(width) if i == 0 else str(cell).rjust(width) for i, (cell, width) in enumerate(zip(row, widths))).rstrip())
    print(flush=True)


def seconds(figures, name="max"):
    return f"{figures[name] / 1000:.1f}" if figures else "-"


def slow(args, folder):
    """Each kind alone; beside it, clients that ask as they should."""
    rows = [("slow clients", "num", "over", "told s", "gone s", "cpu %", "asked", "lost", "p50 ms", "alone", "p99 ms", "alone", "ratio")]
    for kind in SLOW:
        num = min(args.number, 50) if kind == "greed" else args.number
        with Lab(args, folder, "") as lab:
            lab.load(1)
            alone = lab.load(5)
            crowd, before = lab.crowd("slow", "-n", num, "--kinds", kind, "--seconds", 25), lab.cpu()
            beside = lab.load(12)
            used = (lab.cpu() - before) / 12
            told = result(crowd)["kinds"][kind]
        fast, slower = alone["latency_ms"]["granted"], beside["latency_ms"]["granted"]
        rows.append((kind, told["tried"], told["left"] + told["failed"], seconds(told["told"]), seconds(told["gone"]), f"{used:.0f}", beside["due"],
                     beside["due"] - beside["granted"], f"{slower['p50']:.1f}", f"{fast['p50']:.1f}", f"{slower['p99']:.1f}", f"{fast['p99']:.1f}",
                     f"{slower['p99'] / fast['p99']:.1f}"))
    table(rows)


def idle(args, folder):
    rows = [("idle connections", "num", "held", "s to open", "bytes each", "cpu %", "new p50 ms", "new p99 ms", "new lost")]
    for kind in IDLE:
        with Lab(args, folder, f"limits = {{ connections = {2 * args.number + 1000}; }};\n" + PATIENT) as lab:
            told = result(lab.crowd("idle", "-n", 2 * args.number, "--kinds", kind, "--pid", ",".join(lab.fronts)))
        rows.append((kind, 2 * args.number, told["held"], told["opened_s"], told["bytes_each"], told["cpu_percent"], told["fresh_ms"]["p50"],
                     told["fresh_ms"]["p99"], told["fresh_lost"]))
    table(rows)


def flood(args, folder):
    rows = [("flood, 256 descriptors", "num", "cpu %", "lines of log", "then asked", "lost", "first ms", "max ms")]
    for kind in FLOODS:
        with Lab(args, folder, PATIENT, limit=256) as lab:
            lines = (folder / "log").read_text().count("\n")
            crowd = lab.crowd("slow", "-n", args.number, "--kinds", kind, "--seconds", 8)
            time.sleep(4)
            before = lab.cpu()
            time.sleep(4)
            used = (lab.cpu() - before) / 4
            crowd.communicate()
            then = result(lab.crowd("ask", "--rate", 20, "--seconds", 2))
            lines = (folder / "log").read_text().count("\n") - lines
        rows.append((kind, args.number, f"{used:.1f}", lines, then["sent"], then["sent"] - then["granted"], then["first_ms"], then["ms"]["max"]))
    table(rows)


def make(args, folder):
    """The first start makes keys, certificates and the configuration, which is returned."""
    with subprocess.Popen([args.tsa, "lab", "--dir", folder, "--listen", "127.0.0.1:0"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                          text=True) as process:
        first = process.stdout.readline()
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=20)
    if not first.startswith("ready "):
        sys.exit("the authority did not get ready")
    return (folder / "tsa.conf").read_text()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tsa", default=str(TOP / "build/release/tsa"))
    parser.add_argument("--tools", default=str(TOP / "build/release/tests/tools"))
    parser.add_argument("-n", "--number", type=int, default=5000)
    parser.add_argument("--rate", type=int, default=50)
    parser.add_argument("--only", choices=("slow", "idle", "flood"))
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        args.conf = make(args, folder)
        for run in (slow, idle, flood):
            if args.only in (None, run.__name__):
                run(args, folder)


if __name__ == "__main__":
    main()
