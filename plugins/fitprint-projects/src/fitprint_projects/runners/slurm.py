"""Slurm: the command is a batch job."""

from __future__ import annotations

import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fitprint.access import make_folder
from fitprint.hooks.runners import Job, JobStatus, Prepared, Runner
from fitprint_projects.errors import ProjectError
from fitprint_projects.runners.processes import cancelled, started, waited

__all__ = ["SlurmRunner"]

# The script has no text of the user's: the command is its arguments, and sbatch hands on variables.
_SCRIPT = '#!/bin/bash\nexec "$@"\n'
_PENDING = {"PENDING", "CONFIGURING", "REQUEUED", "SUSPENDED"}


@dataclass
class _Submitted:
    """A job of Slurm's, and the sbatch that waits for it."""

    process: subprocess.Popen[bytes]
    id: str
    output: Path


class SlurmRunner(Runner):
    """Hands the command to ``sbatch``, and waits for it. The folder of the code and the home must
    lie on a disk that the nodes share.
    """

    name = "slurm"
    options = {  # noqa: RUF012 - never changed
        name: f"as for sbatch --{name}"
        for name in (
            "account constraint cpus-per-task gpus gres mem nodes partition qos reservation time"
        ).split()
    }

    def prepare(self, job: Job) -> Prepared:
        sbatch = shutil.which("sbatch")
        if sbatch is None:
            raise ProjectError("there is no sbatch here; run this where Slurm is installed")
        output = job.home / "jobs" / f"{job.run}.log"
        words = [sbatch, "--parsable", "--wait", "--export=ALL", f"--job-name={_plain(job.name)}"]
        words += [f"--chdir={job.folder}", f"--output={output}", "--open-mode=append"]
        words += [f"--{name}={value}" for name, value in job.options.items()]
        return Prepared([*words, "SCRIPT", *job.command], job, {"SCRIPT": _SCRIPT})

    def submit(self, prepared: Prepared) -> Any:
        job = prepared.job
        output = job.home / "jobs" / f"{job.run}.log"
        make_folder(output.parent)
        with tempfile.TemporaryDirectory(prefix="fitprint-slurm-") as folder:
            script = Path(folder) / "job.sh"
            script.write_text(prepared.files["SCRIPT"], encoding="utf-8")
            at = list(prepared.command).index("SCRIPT")
            command = [*prepared.command[:at], str(script), *prepared.command[at + 1 :]]
            process = started(command, job.folder, job.variables, stdout=subprocess.PIPE)
            assert process.stdout is not None
            line = process.stdout.readline().decode("utf-8", "replace")
        # sbatch says the number when it has read the script
        number = re.match(r"\d+", line)
        if number is None:
            with process:
                status = waited(process)
            raise ProjectError(f"sbatch refused the job (status {status}); it has said why")
        return _Submitted(process, number[0], output)

    def wait(self, handle: _Submitted) -> int:
        with handle.process:
            return waited(handle.process)

    def status(self, handle: _Submitted) -> JobStatus:
        status = handle.process.poll()
        if status is not None:
            return "FINISHED" if status == 0 else "FAILED"
        squeue = shutil.which("squeue")
        if squeue is None:
            return "RUNNING"
        done = subprocess.run(
            [squeue, "--noheader", f"--jobs={handle.id}", "--format=%T"],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        return "PENDING" if done.stdout.strip() in _PENDING else "RUNNING"

    def cancel(self, handle: _Submitted) -> None:
        scancel = shutil.which("scancel")
        if scancel is not None:
            subprocess.run([scancel, handle.id], timeout=60, check=False)
        cancelled(handle.process)

    def logs(self, handle: _Submitted) -> Iterable[str]:
        if not handle.output.is_file():
            return ()
        return handle.output.read_text(encoding="utf-8", errors="replace").splitlines()


def _plain(name: str) -> str:
    return re.sub(r"[^A-Za-z0-9._-]", "-", name)[:100]
