"""Train on several machines while PostgreSQL, the bucket and the programs fail at random; then look
whether all that was recorded is there, once.

    python tests/chaos/run.py --seconds 180 [--seed N]

The same seed has the same plan; what the machine makes of it differs. It exits with 1 and says what
is wrong if anything is.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

from fitprint_objectstore import server as s3
from fitprint_postgres import server as postgresql

WORKER = Path(__file__).parent / "worker.py"
HOMES = ("ada", "bob")  # machines, as far as records and files go
PROGRAMS = 4  # that train at a time
PATIENCE = 120  # seconds for what ends by itself


class Line:
    """A way to a server that can be cut: connections are refused, or are silent, or pass."""

    def __init__(self, host: str, port: int) -> None:
        self._there = (host, port)
        self.state = "open"
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port = self._listening.getsockname()[1]
        self._open: set[socket.socket] = set()
        threading.Thread(target=self._accept, daemon=True).start()

    def set(self, state: str) -> None:
        """Make it "open", "refused" or "silent"; connections that there are end."""
        self.state = state
        for each in list(self._open):
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)

    def _accept(self) -> None:
        while True:
            here, _ = self._listening.accept()
            if self.state == "refused":
                here.close()
                continue
            self._open.add(here)
            if self.state == "open":
                with suppress(OSError):
                    there = socket.create_connection(self._there)
                    self._open.add(there)
                    for pair in ((here, there), (there, here)):
                        threading.Thread(target=self._pass, args=pair, daemon=True).start()

    def _pass(self, source: socket.socket, target: socket.socket) -> None:
        with suppress(OSError):
            while data := source.recv(65536):
                target.sendall(data)
        for each in (source, target):
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
                each.close()
            self._open.discard(each)


class Team:
    """Programs that train, and the servers on which they record."""

    def __init__(self, folder: Path, chance: random.Random, resources: ExitStack) -> None:
        self.folder, self._chance = folder, chance
        self._database = postgresql.Server()
        resources.callback(self._database.remove)
        bucket = s3.Server()
        resources.callback(bucket.stop)
        bucket.ask("runs", "PUT")
        self.line = Line("127.0.0.1", int(bucket.endpoint.rpartition(":")[2]))
        self.environment = {
            **{name: value for name, value in os.environ.items() if "FITPRINT" not in name},
            **bucket.environment,
            "AWS_ENDPOINT_URL": f"http://127.0.0.1:{self.line.port}",
            "FITPRINT_STORE": self._database.uri(),
            "FITPRINT_ARTIFACTS": "s3://runs/team",
        }
        self._programs: list[subprocess.Popen[bytes]] = []
        self._started = 0
        self.done: Counter[str] = Counter()
        resources.callback(self.end)

    def train(self) -> None:
        """Start programs until there are enough."""
        self._programs = [each for each in self._programs if each.poll() is None]
        while len(self._programs) < PROGRAMS:
            self._started += 1
            name = f"program{self._started}"
            told = (self.folder / f"{name}.err").open("wb")
            with told:
                self._programs.append(
                    subprocess.Popen(
                        [sys.executable, str(WORKER), str(self.folder / f"{name}.said"), name],
                        env={
                            **self.environment,
                            "FITPRINT_HOME": str(self.folder / self._chance.choice(HOMES)),
                        },
                        stdout=told,
                        stderr=told,
                    )
                )

    def fail(self) -> None:
        """Let something go wrong, for a moment or for good."""
        act = self._chance.choice(
            ["kill", "kill", "interrupt", "stop", "restart", "crash", "refused", "silent"]
        )
        self.done[act] += 1
        if act in ("kill", "interrupt", "stop"):
            program = self._chance.choice(self._programs)
            program.send_signal(
                {"kill": signal.SIGKILL, "interrupt": signal.SIGINT, "stop": signal.SIGSTOP}[act]
            )
            if act == "stop":
                time.sleep(self._chance.uniform(0, 2))
                program.send_signal(signal.SIGCONT)
        elif act in ("restart", "crash"):
            self._database.stop("immediate" if act == "crash" else "fast")
            time.sleep(self._chance.uniform(0, 3))
            self._database.start()
        else:
            self.line.set(act)
            time.sleep(self._chance.uniform(0, 4))
            self.line.set("open")

    def end(self) -> None:
        """Kill all programs."""
        for program in self._programs:
            program.kill()
            program.wait()

    def settle(self) -> None:
        """Deliver what lies in the homes, as somebody would afterwards."""
        for home in HOMES:
            if (self.folder / home).exists():
                self.call(home, "sync")

    def call(self, home: str, *words: str) -> str:
        """Return what a command prints."""
        done = subprocess.run(
            [sys.executable, "-m", "fitprint", *words],
            env={**self.environment, "FITPRINT_HOME": str(self.folder / home)},
            capture_output=True,
            text=True,
            check=False,
            timeout=PATIENCE,
        )
        if done.returncode:
            raise RuntimeError(f"fitprint {' '.join(words)}: {done.stdout}{done.stderr}")
        return done.stdout


def wrong(team: Team) -> Iterator[str]:
    """Yield what is not as it was said to be, seen by somebody who has trained nothing."""
    os.environ.update(team.environment)
    import fitprint

    fitprint.configure(home=str(team.folder / "carol"), notice=False)
    said: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for file in sorted(team.folder.glob("*.said")):
        for line in file.read_text().splitlines():
            fact = json.loads(line)
            said[fact["run"]].append(fact)
    there = {run.id: run for run in fitprint.search_runs(max_results=10**6)}
    team.done["runs"], team.done["facts"] = len(said), sum(map(len, said.values()))
    yield from (f"run {run} is not there" for run in said.keys() - there.keys())
    numbers: dict[int, str] = {}
    for version in fitprint.search_model_versions("name = 'adds'", max_results=10**6):
        numbers[version.version] = version.run_id
    if sorted(numbers) != list(range(1, len(numbers) + 1)):
        yield f"versions are {sorted(numbers)}"
    for run_id in said.keys() & there.keys():
        facts = {key: fact[key] for fact in said[run_id] for key in fact}
        yield from (f"run {run_id}: {each}" for each in _wrong_run(there[run_id], facts))
        steps = [fact["step"] for fact in said[run_id] if "step" in fact]
        found = list(there[run_id].history("loss").step) if steps else []
        if found[: len(steps)] != steps or found[len(steps) :] not in ([], [len(steps)]):
            yield f"run {run_id}: {len(steps)} points were said, {len(found)} are there"
        if "version" in facts and numbers.get(facts["version"]) != run_id:
            yield f"run {run_id}: version {facts['version']} is another run's"
        if "asked" in facts and run_id not in numbers.values():
            yield f"run {run_id}: the version that was asked for is not there"
    copies = Counter(numbers.values())
    yield from (f"run {run} has {count} versions" for run, count in copies.items() if count > 1)


def _wrong_run(run: Any, facts: dict[str, Any]) -> Iterator[str]:
    statuses = ["FINISHED"] if "ended" in facts else ["KILLED", "FINISHED"]
    if run.status not in statuses:
        yield f"it is {run.status}, not {statuses[0]}"
    if "param" in facts and run.params.get("number") != facts["param"]:
        yield f"its parameter is {run.params.get('number')}, not {facts['param']}"
    if "text" in facts:
        text = run.read("notes/text.txt").decode()
        if (text[:20], len(text)) != (facts["text"], facts["size"]):
            yield f"its text is {text[:20]}, {len(text)} characters"
    if "model" in facts and not any(item.path.startswith("model/") for item in run.artifacts):
        yield "its model has no files"


def main() -> int:
    """Run what the command line asks for."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seconds", type=float, default=180.0, help="for how long things fail")
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    chance = random.Random(given.seed)
    with tempfile.TemporaryDirectory(prefix="fp-chaos-") as name, ExitStack() as resources:
        team = Team(Path(name), chance, resources)
        deadline = time.monotonic() + given.seconds
        while time.monotonic() < deadline:
            team.train()
            time.sleep(chance.uniform(0, 1.5))
            team.fail()
        team.end()
        team.settle()
        found = list(wrong(team))
        told = ", ".join(f"{count} {what}" for what, count in sorted(team.done.items()))
        print(f"{told}: {len(found)} wrong")
        print(*found[:50], sep="\n", end="\n" if found else "")
        for file in sorted(Path(name).glob("*.err")):
            if b"Traceback" in (text := file.read_bytes()) and b"KeyboardInterrupt" not in text:
                found.append(f"{file.name}: {text.decode()[-9000:]}")
                print(found[-1])
    return int(bool(found))


if __name__ == "__main__":
    sys.exit(main())
