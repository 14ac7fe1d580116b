#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""
What an authority still does when ten times as much is asked of it as it can sign.

In each round first the peak: clients that ask again as soon as they are answered. Then, on the same server, requests on a fixed schedule at a
multiple of that peak, whatever comes back (tests/tools/load). Told are the tokens a second beside the peak, how long those waited that got none
(503), and the memory of each role before (after a first short flood), at its greatest, and after. On a machine with few processors the
generator and the signers share them: CPU times are told too. Nothing passes or fails here.

    tests/bench/overload.py [--tsa build/release/tsa] [--key rsa4096] [--factor 10] [--seconds 8] [--json]
"""
import argparse
import json
import pathlib
import re
import resource
import statistics
import subprocess
import sys
import tempfile
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import throughput  # noqa: E402  (the authority and its server)


def roles_of(server):
    """{role: pid} of the server's processes."""
    found = {}
    for pid in server.pids():
        words = pathlib.Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
        role = next((word.decode()[1:] for word in words if word.startswith(b"@")), "parent")
        found[role if role not in found else f"{role}-{pid}"] = pid
    return found


def rss_kib(pid):
    return int(re.search(r"^VmRSS:\s+(\d+)", pathlib.Path(f"/proc/{pid}/status").read_text(), re.M)[1])


class Memory(threading.Thread):
    """Looks at every role twice a second."""

    def __init__(self, roles):
        super().__init__(daemon=True)
        self.roles, self.ended = roles, threading.Event()
        self.before = {role: rss_kib(pid) for role, pid in roles.items()}
        self.most = dict(self.before)

    def run(self):
        while not self.ended.wait(0.5):
            for role, pid in self.roles.items():
                self.most[role] = max(self.most[role], rss_kib(pid))

    def stop(self):
        self.ended.set()
        self.join()
        after = {role: rss_kib(pid) for role, pid in self.roles.items()}
        return {role: {"before_kib": self.before[role], "most_kib": max(self.most[role], after[role]), "after_kib": after[role]}
                for role in self.roles}


def load(args, url, seconds, *more):
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    command = [args.load, url, "--seconds", str(seconds), "--kind", args.kind, "--timeout", "30", *more]
    result = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    result["generator_cpu_s"] = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return result


def loaded(args, server, *more):
    before = server.cpu_seconds()
    result = load(args, server.url, args.seconds, *more)
    result["server_cpu_s"] = server.cpu_seconds() - before
    result["per_cpu_second"] = result["granted"] / result["server_cpu_s"]
    return result


def measure(args, folder):
    throughput.make_authority(folder, throughput.KEYS[args.key][0], args.fronts, args.signers)
    conf = folder / "tsa.conf"
    conf.write_text(conf.read_text() + "clients = { connections = 0; rate = 0; };\n" + args.conf + "\n")
    server = throughput.Server(args.tsa, folder)
    flood = ["--connections", str(args.connections), "--check"]
    flood += ["--per-connection", str(args.per_connection)] if args.per_connection else []
    peaks, overs = [], []
    try:
        warm = load(args, server.url, 1, "--connections", str(args.clients))
        # So that "before" has what a first flood leaves in pools.
        load(args, server.url, 2, "--rate", str(args.rate or warm["goodput"] * args.factor), *flood)
        memory = Memory(roles_of(server))
        memory.start()
        for _ in range(args.rounds):
            peaks.append(loaded(args, server, "--connections", str(args.clients)))
            rate = args.rate or statistics.median(peak["goodput"] for peak in peaks) * args.factor
            overs.append(loaded(args, server, "--rate", str(rate), *flood))
        time.sleep(1)
        return {"key": args.key, "peaks": peaks, "rate": rate, "overs": overs, "memory": memory.stop()}
    finally:
        server.stop()


def summarise(found):
    """The figures that the promises are about, over all rounds."""
    peak = statistics.median(peak["goodput"] for peak in found["peaks"])
    over = statistics.median(over["goodput"] for over in found["overs"])
    per_cpu = [statistics.median(run["per_cpu_second"] for run in found[name]) for name in ("peaks", "overs")]
    found["summary"] = {
        "peak": peak, "goodput": over, "goodput_of_peak": over / peak, "per_cpu_second_of_peak": per_cpu[1] / per_cpu[0],
        "shed": sum(run["shed"] for run in found["overs"]), "granted": sum(run["granted"] for run in found["overs"]),
        "failed": sum(run["failed"]["total"] for run in found["overs"]),
        "refused_otherwise": sum(run["refused"]["total"] - run["shed"] for run in found["overs"]),
        "shed_p50_ms": statistics.median(run["latency_ms"]["shed"]["p50"] for run in found["overs"]),
        "shed_p99_ms": statistics.median(run["latency_ms"]["shed"]["p99"] for run in found["overs"]),
        "shed_max_ms": max(run["latency_ms"]["shed"]["max"] for run in found["overs"]),
        "granted_p50_ms": statistics.median(run["latency_ms"]["granted"]["p50"] for run in found["overs"]),
        "granted_p99_ms": statistics.median(run["latency_ms"]["granted"]["p99"] for run in found["overs"]),
        "generator_cpu_s": sum(run["generator_cpu_s"] for run in found["overs"]),
        "server_cpu_s": sum(run["server_cpu_s"] for run in found["overs"]),
    }
    return found


def tell(found):
    s = found["summary"]
    print(f"{found['key']}: peak {s['peak']:,.0f} tokens/s; at {found['rate']:,.0f} requests/s {s['goodput']:,.0f} = "
          f"{s['goodput_of_peak']:.2f} of it ({s['per_cpu_second_of_peak']:.2f} for each CPU-second of the server)")
    print(f"  shed {s['shed']:,}: p50 {s['shed_p50_ms']:.1f} ms, p99 {s['shed_p99_ms']:.1f} ms, max {s['shed_max_ms']:.1f} ms")
    print(f"  granted {s['granted']:,}: p50 {s['granted_p50_ms']:.0f} ms, p99 {s['granted_p99_ms']:.0f} ms; "
          f"failed {s['failed']}; refused otherwise {s['refused_otherwise']}")
    for role, kib in found["memory"].items():
        print(f"  {role}: {kib['before_kib'] / 1024:.1f} MiB before, {kib['most_kib'] / 1024:.1f} at most, {kib['after_kib'] / 1024:.1f} after")
    print(f"  CPU of the overload: server {s['server_cpu_s']:.1f} s, generator {s['generator_cpu_s']:.1f} s")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tsa", default=str(throughput.TOP / "build/release/tsa"))
    parser.add_argument("--load", help="the generator; else tests/tools/load beside tsa")
    parser.add_argument("--key", default="rsa4096", choices=throughput.KEYS)
    parser.add_argument("--kind", default="rfc3161")
    parser.add_argument("--factor", type=float, default=10)
    parser.add_argument("--rate", type=float, default=0, help="instead of a multiple of the peak")
    parser.add_argument("--seconds", type=float, default=8, help="of each of the two parts of a round")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--clients", type=int, default=64, help="for the peak")
    parser.add_argument("--connections", type=int, default=4000, help="for the overload, at most")
    parser.add_argument("--per-connection", type=int, default=0, help="requests on one connection; 0 = as the server likes")
    parser.add_argument("--fronts", type=int, default=1)
    parser.add_argument("--signers", type=int, default=0)
    parser.add_argument("--conf", default="", help="further lines of the configuration")
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    args.load = args.load or str(pathlib.Path(args.tsa).parent / "tests/tools/load")
    with tempfile.TemporaryDirectory() as name:
        found = summarise(measure(args, pathlib.Path(name)))
    if args.json:
        print(json.dumps(found))
    else:
        tell(found)


if __name__ == "__main__":
    main()
