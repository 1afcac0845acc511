"""A program that trains, to be killed at any moment: `python worker.py SAYINGS SEED`.

Whatever it records it says afterwards in the file SAYINGS, a line each, so that somebody else knows
what must be there. What it was about to record when it was killed, it has not said.
"""

from __future__ import annotations

import json
import os
import random
import sys

import fitprint
from fitprint.errors import RegistryUnreachableError


class Adds:
    """A model."""

    def __init__(self, number: int) -> None:
        self.number = number

    def predict(self, rows: list[int]) -> list[int]:
        """Return the rows, each a little more."""
        return [row + self.number for row in rows]


def main(sayings: str, seed: str) -> None:
    """Record runs until somebody ends this."""
    chance = random.Random(seed)
    file = os.open(sayings, os.O_WRONLY | os.O_APPEND | os.O_CREAT)

    def say(**fact: object) -> None:
        os.write(file, f"{json.dumps(fact)}\n".encode())

    fitprint.configure(context=False, notice=False, registry_wait=2)
    for number in range(10**9):
        with fitprint.start_run(f"{seed}-{number}", experiment=chance.choice(["a", "b"])) as run:
            say(run=run.id)
            run.log_param("number", number)
            say(run=run.id, param=number)
            for step in range(chance.randrange(400)):
                run.log_metric("loss", 1 / (step + 1), step=step)
                say(run=run.id, step=step)
            if chance.random() < 0.3:
                text = str(chance.random()) * chance.choice([1, 1000, 20_000])
                run.log_text(text, "notes/text.txt")
                say(run=run.id, text=text[:20], size=len(text))
            if chance.random() < 0.2:
                run.log_model(Adds(number))
                say(run=run.id, model=number)
                try:
                    version = fitprint.register_model(run, "adds")
                    say(run=run.id, version=version.version)
                except RegistryUnreachableError:
                    say(run=run.id, asked=True)  # it is registered later
        say(run=run.id, ended=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
