#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""
An authority on a socket that outlives it, as under systemd: started again and again, told to reload again and again, with good and with bad
configurations, while clients ask. What came of it is printed as JSON.

  restart.py run --lab DIR --into DIR     clients on kept and on new connections; every token must stand in the record, once
  restart.py mutate --lab DIR             configurations with random edits: taken over, or refused with a reason, and tokens are issued after each

DIR is what `tsa lab` has made, and nobody runs on it. Environment: TSA, TSA_TOOLS.
"""
import argparse
import collections
import json
import os
import pathlib
import random
import re
import signal
import socket
import subprocess
import sys
import time

import crowd

TSA = os.environ.get("TSA", "tsa")
TOOLS = pathlib.Path(os.environ.get("TSA_TOOLS", "."))
SOCKET = 3  # where a service looks for the first one
PLACE = re.compile(r"tsa\.conf:\d+:")
GOOD = [
    "limits = { queue = 2000; };", "deadlines = { body = \"9 s\"; };", "log = { level = \"notice\"; };", "limits = { pipeline = 5; };",
    "clients = { connections = 0; burst = 7; };", "signers = 2;", "fronts = 2;", "signers = 1; fronts = 2;",
]
# What is wrong, and what must be told of it.
BAD = [
    ("limits = { queue = 2000;", PLACE), ("limts = { };", PLACE), ("fronts = 65;", PLACE), ("fronts = \"two\";", PLACE),
    ("deadlines = { header = \"5 parsecs\"; };", PLACE), ("clients = { deny = ( \"127.0.0.1/33\" ); };", PLACE),
    ("tls = { certificate = \"gone.pem\"; key = \"gone.key\"; };", re.compile("gone|tls")),
    ("units = ( );", PLACE), ("\x00", PLACE), ("@include \"gone.conf\"", PLACE),
]
CLIENTS = "clients = { connections = 0; };"


class Service:
    """The socket, and the authority that runs on it now."""

    def __init__(self, lab):
        self.lab = lab
        self.conf = lab / "tsa.conf"
        self.base = re.sub(r"(?m)^\s*#.*\n", "", self.conf.read_text())
        self.socket = socket.socket()
        self.socket.bind(("127.0.0.1", 0))
        self.socket.listen(4096)
        self.address = self.socket.getsockname()
        self.url = f"http://127.0.0.1:{self.address[1]}/"
        self.log = open(lab / "restart.log", "ab")
        self.process = None

    def start(self):
        def place():
            os.dup2(self.socket.fileno(), SOCKET)
            os.set_inheritable(SOCKET, True)  # dup2 of a descriptor to itself does not

        # LISTEN_PID is the number of the process that the shell becomes.
        self.process = subprocess.Popen(["/bin/sh", "-c", 'LISTEN_PID=$$ LISTEN_FDS=1 exec "$0" run -c "$1"', TSA, str(self.conf)],
                                        stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log, close_fds=False, preexec_fn=place)

    def status(self):
        done = subprocess.run([TSA, "status", "--run", str(self.lab / "run"), "--json"], capture_output=True, text=True, check=False)
        return json.loads(done.stdout) if done.stdout.startswith("{") else {}

    def await_ready(self, seconds=60):
        end = time.monotonic() + seconds
        while not self.status().get("ready"):
            if self.process.poll() is not None or time.monotonic() > end:
                sys.exit(f"the authority did not get ready: see {self.lab}/restart.log")
            time.sleep(0.02)

    def await_quiet(self, seconds=60):
        """What it says of itself once no reload is on its way."""
        end = time.monotonic() + seconds
        while (status := self.status()).get("reload", {}).get("running", True):
            if time.monotonic() > end:
                sys.exit(f"a reload does not end: {status}")
            time.sleep(0.01)
        return status

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(30)

    def reload(self):
        """Exit code and what was told."""
        done = subprocess.run([TSA, "reload", "--run", str(self.lab / "run"), "--wait"], capture_output=True, check=False, timeout=120)
        return done.returncode, (done.stdout + done.stderr).decode("latin-1")


# ---- run ------------------------------------------------------------------------------------------------

class Trouble:
    """Restarts and reloads, each held to what must come of it."""

    def __init__(self, service, rng):
        self.service, self.rng = service, rng
        self.took = collections.defaultdict(list)
        self.wrong = []

    def write(self, text):
        self.service.conf.write_text(text + "\n" + self.service.base)

    def expect(self, truth, what):
        if not truth:
            self.wrong.append(what)

    def restart(self):
        self.write(CLIENTS)
        code = self.service.stop()
        self.expect(code == 0, f"ended by SIGTERM with {code}")
        self.service.start()
        self.service.await_ready()

    def good(self):
        text = self.rng.choice(GOOD)
        self.write(text if text.startswith("clients") else CLIENTS + text)
        code, told = self.service.reload()
        self.expect(code == 0, f"{text}: refused: {told}")

    def bad(self):
        text, reason = self.rng.choice(BAD)
        before = self.service.await_quiet().get("generation")
        self.write(text)
        code, told = self.service.reload()
        self.expect(code == 1 and reason.search(told), f"{text}: {code}, {told}")
        after = self.service.status().get("generation")
        self.expect(before == after, f"{text}: generation {before} became {after}")

    def hangup(self):
        """Nobody waits for the end of this one; it may be good or bad."""
        before = self.service.await_quiet().get("reload")
        self.write(CLIENTS if self.rng.random() < 0.5 else self.rng.choice(BAD)[0])
        self.service.process.send_signal(signal.SIGHUP)
        end = time.monotonic() + 10
        while self.service.status().get("reload") == before and time.monotonic() < end:
            time.sleep(0.01)
        self.expect(time.monotonic() < end, "SIGHUP: nothing has begun")

    def do(self, deed):
        begin = time.monotonic()
        getattr(self, deed)()
        self.took[deed].append(time.monotonic() - begin)

    def tell(self):
        return {"wrong": self.wrong, "ms": {deed: crowd.figures(took) for deed, took in self.took.items()},
                "num": {deed: len(took) for deed, took in self.took.items()}}


class Load:
    def __init__(self, service, args, per_connection):
        self.kept = args.into / f"kept-{per_connection}"
        self.kept.mkdir(parents=True)
        self.errors = open(args.into / f"load-{per_connection}.err", "wb")
        self.process = subprocess.Popen(
            ["nice", "-n", "5", TOOLS / "load", service.url, "--rate", str(args.rate / 2), "--seconds", "86400", "--timeout", "60",
             "--connections", "4000", "--per-connection", str(per_connection), "--check", "--keep", self.kept],
            stdout=subprocess.PIPE, stderr=self.errors)

    def end(self):
        self.process.send_signal(signal.SIGTERM)
        return json.loads(self.process.communicate(timeout=120)[0])


def lines_of(*command, stdin=None):
    return subprocess.run(command, stdin=stdin, stdout=subprocess.PIPE, text=True, check=True).stdout.splitlines()


def serials_held(folders):
    held = []
    for folder in folders:
        files = sorted(str(path) for path in folder.glob("*.tsr"))
        for i in range(0, len(files), 1000):
            held += [line.split()[1] for line in lines_of(TOOLS / "tsr_list", *files[i:i + 1000]) if line.startswith("granted ")]
    return held


def check_record(lab, folders):
    held = serials_held(folders)
    recorded = [record["serial"] for record in map(json.loads, lines_of(TOOLS / "ledger_dump", lab / "ledger")) if "serial" in record]
    return {"held": len(held), "recorded": len(recorded), "held_twice": len(held) - len(set(held)),
            "recorded_twice": len(recorded) - len(set(recorded)), "not_recorded": len(set(held) - set(recorded))}


def run(args):
    """Both kinds of clients ask from the begin to the end; what happens to the authority is spread evenly over that time."""
    rng, service = random.Random(args.seed), Service(args.lab)
    trouble = Trouble(service, rng)
    reloads = [("good", "bad", "good", "hangup")[i % 4] for i in range(args.reloads)]
    deeds = ["restart"] * args.restarts + reloads
    rng.shuffle(deeds)
    trouble.write(CLIENTS)
    service.start()
    service.await_ready()
    start, seconds = time.monotonic(), (args.requests + 10) / args.rate
    loads = {"kept": Load(service, args, 50), "new": Load(service, args, 1)}
    for i, deed in enumerate(deeds):
        time.sleep(max(0, start + (i + 0.5) * seconds / len(deeds) - time.monotonic()))
        trouble.do(deed)
    time.sleep(max(0, start + seconds - time.monotonic()))
    told = {name: load.end() for name, load in loads.items()}
    code = service.stop()
    trouble.expect(code == 0, f"ended with {code}")
    return {"requests": sum(one["due"] for one in told.values()), "granted": sum(one["granted"] for one in told.values()),
            "seconds": round(time.monotonic() - start, 1), "trouble": trouble.tell(),
            "record": check_record(args.lab, [load.kept for load in loads.values()]), "load": told}


# ---- mutate ---------------------------------------------------------------------------------------------

def mutate(rng, text):
    data = bytearray(text.encode())
    for _ in range(rng.choice((1, 1, 2, 4))):
        at = rng.randrange(len(data))
        octet = rng.choice((rng.randrange(32, 127), rng.randrange(256), rng.choice(b'"{};=,()0123456789')))
        deed = rng.randrange(5)
        if deed == 4 and (digits := [i for i, c in enumerate(data) if c in b"0123456789"]):
            data[rng.choice(digits)] = rng.choice(b"0123456789")
        elif deed == 0:
            data[at] = octet
        elif deed == 1:
            data.insert(at, octet)
        elif deed == 2:
            del data[at:at + rng.choice((1, 1, 8))]
        else:
            data[at:at] = data[at:at + rng.randrange(1, 40)]
    return bytes(data)


# Settings of every kind, so that there is something to spoil.
MUCH = """
node = 1; fronts = 1; signers = 2;
log = { level = "info"; form = "text"; access = false; };
clients = { deny = ( "192.0.2.1" ); connections = 0; rate = 0; burst = 100; proxies = ( "192.0.2.2" ); };
limits = { request_line = "2 KiB"; head = "8 KiB"; fields = 64; body = "16 KiB"; pipeline = 8; requests = 1000; connections = 10000; queue = 1024; };
deadlines = { handshake = "5 s"; header = "5 s"; body = "10 s"; write = "10 s"; keep_alive = "30 s"; connection = "10 min"; queue = "5 s"; };
"""


def mutate_all(args):
    """Each edit alone, from the same text."""
    service = Service(args.lab)
    good = MUCH + service.base
    service.conf.write_text(good)
    service.start()
    service.await_ready()
    told, wrong = collections.Counter(), []

    def expect(truth, i, text, what):
        if not truth:
            wrong.append({"number": i, "what": what, "text": text.decode("latin-1")})

    for i in range(args.first, args.first + args.number):
        text = mutate(random.Random(f"{args.seed}-{i}"), good)
        service.conf.write_bytes(text)
        before = service.status().get("generation")
        code, said = service.reload()
        after = service.status().get("generation")
        sentence = [line for line in said.splitlines() if "not done; what runs" not in line and len(line.split()) > 5]
        if code == 0:
            told["taken"] += 1
            expect(before != after, i, text, f"taken, but generation {before} is {after}")
        else:
            told["refused with a line" if PLACE.search(said) else "refused with a sentence"] += 1
            expect(code == 1 and before == after, i, text, f"refused with {code}, generation {before} is {after}: {said}")
            expect(PLACE.search(said) or sentence, i, text, f"refused without a reason: {said}")
            if args.show and not PLACE.search(said):
                print(said, file=sys.stderr)
        try:
            reply = crowd.ask(service.address)
            expect(reply.status == 200 and crowd.is_granted(reply.body), i, text, f"then answered {reply.status}: {reply.body[:200]}; {said}")
        except OSError as e:
            expect(False, i, text, f"then not answered: {e}; {said}")
    service.conf.write_text(good)
    code, said = service.reload()
    if code != 0:
        wrong.append({"number": -1, "what": f"the good one is refused at the end: {said}", "text": good})
    if (code := service.stop()) != 0:
        wrong.append({"number": -1, "what": f"ended with {code}", "text": ""})
    return {"told": told, "wrong": wrong}


def main():
    crowd.raise_limit()
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(required=True)
    sub = commands.add_parser("run", help=run.__doc__)
    sub.add_argument("--into", type=pathlib.Path, required=True, help="folder for what the clients get")
    sub.add_argument("--requests", type=int, default=3000)
    sub.add_argument("--rate", type=float, default=150)
    sub.add_argument("--restarts", type=int, default=2)
    sub.add_argument("--reloads", type=int, default=6)
    sub.set_defaults(run=run)
    sub = commands.add_parser("mutate", help=mutate_all.__doc__)
    sub.add_argument("-n", "--number", type=int, default=50)
    sub.add_argument("--first", type=int, default=0)
    sub.add_argument("--show", action="store_true", help="what is told without a line number")
    sub.set_defaults(run=mutate_all)
    for sub in commands.choices.values():
        sub.add_argument("--lab", type=pathlib.Path, required=True)
        sub.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    print(json.dumps(args.run(args)))


if __name__ == "__main__":
    main()
