"""Foreign files are first read by a process that may die of it."""

import importlib
import os
import select
import subprocess
import sys
from multiprocessing import spawn

import pytest

from fitprint.errors import FitprintError, IntegrityError
from fitprint.models import trials
from fitprint.models.directory import pack
from fitprint.models.loading import load_directory, open_directory
from fitprint.models.trust import Trust

MODULE = """
import os, signal, sys, threading, time
from pathlib import Path
from fitprint.errors import IntegrityError
from fitprint.models.flavor import Flavor, FlavorEntry

if sys.argv == ["fitprint-trial"]:
    os.cpu_count = lambda: 64

class Brittle(Flavor):
    name = "brittle"
    packages = ("string",)

    def accepts(self, model):
        return isinstance(model, str)

    def save(self, model, directory):
        (directory / "model.txt").write_text(model)
        return FlavorEntry(options={}, serialization="text", safe=True)

    def trial(self, directory, options):
        return self.predict_odd

    def load(self, directory, options, trust):
        text = (directory / "model.txt").read_text()
        with (directory.parent / "readers").open("a") as file:
            file.write(f"{os.getpid()} ")
        if text == "crash":
            os.kill(os.getpid(), signal.SIGSEGV)
        if text == "hang":
            while True:
                pass
        if text == "raise":
            raise IntegrityError("it is damaged")
        if text == "unlimited":
            bytearray(1 << 40)
        if text == "threads":
            threading.stack_size(8 << 20)
            enough = threading.Event()
            pool = [threading.Thread(target=enough.wait) for _ in range(8 * os.cpu_count())]
            for each in pool:
                each.start()
            enough.set()
            for each in pool:
                each.join()
        return text

    def predict_odd(self, model, signature):
        if model == "crash later":
            os.abort()
        raise ValueError(model)
"""


@pytest.fixture
def flavor(tmp_path, monkeypatch):
    """A flavor that another process can import, and which crashes for some files."""
    (tmp_path / "modules").mkdir()
    (tmp_path / "modules" / f"brittle_{tmp_path.name}.py").write_text(MODULE)
    monkeypatch.syspath_prepend(tmp_path / "modules")
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setattr(trials, "_passed", set())
    monkeypatch.setattr(trials, "_trial_process", process := trials.TrialProcess())
    yield importlib.import_module(f"brittle_{tmp_path.name}").Brittle()
    process.close()


def packed(text, folder, flavor):
    pack(text, folder / "model", flavors=[flavor])
    return folder / "model"


def readers(folder):
    return (folder / "readers").read_text().split()


@pytest.mark.parametrize("text", ["crash", "crash later"])
def test_fault_2_a_crash_is_an_error_here(tmp_path, flavor, text):
    """Of reading as of predicting: this process never reads the file."""
    with pytest.raises(IntegrityError, match=r'died \(SIG(SEGV|ABRT)\).*name "brittle" in trust'):
        load_directory(packed(text, tmp_path, flavor), [flavor])
    assert str(os.getpid()) not in readers(tmp_path)


def test_fault_2_a_hang_is_an_error_here(tmp_path, flavor, monkeypatch):
    """After a while, which is bounded."""
    monkeypatch.setattr(trials, "SECONDS", 1)
    with pytest.raises(IntegrityError, match="did not come to an end within 1 s"):
        load_directory(packed("hang", tmp_path, flavor), [flavor])


def test_fault_2_errors_are_those_of_reading(tmp_path, flavor):
    """An exception in the other process is raised here, with its type and text."""
    with pytest.raises(IntegrityError, match=r"^it is damaged$"):
        load_directory(packed("raise", tmp_path, flavor), [flavor])
    assert str(os.getpid()) not in readers(tmp_path)


def test_fault_2_memory_is_bounded(tmp_path, flavor):
    """A file that asks for more than the machine has is refused."""
    with pytest.raises(FitprintError, match="MemoryError"):
        load_directory(packed("unlimited", tmp_path, flavor), [flavor])


@pytest.mark.skipif(sys.platform != "linux", reason="memory is bounded elsewhere in other ways")
def test_a_framework_may_start_its_threads_on_a_machine_of_many_cores(tmp_path, flavor):
    """Eight for each core, as JAX does, take more addresses than a small machine's trial may."""
    assert load_directory(packed("threads", tmp_path, flavor), [flavor]) == "threads"


def test_a_trial_is_held_once(tmp_path, flavor):
    """For the same bytes; a program that comes later knows from a note of the user's."""
    folder = packed("good", tmp_path, flavor)
    assert load_directory(folder, [flavor]) == "good"
    assert load_directory(folder, [flavor]) == "good"
    trials._passed.clear()
    assert load_directory(folder, [flavor]) == "good"
    others = [reader for reader in readers(tmp_path) if reader != str(os.getpid())]
    assert (1, 4) == (len(others), len(readers(tmp_path)))


def test_notes_that_are_forged_count_for_nothing(tmp_path, flavor):
    """Only the user's key makes them."""
    folder = packed("crash", tmp_path, flavor)
    key = trials._key(folder, flavor, {}, Trust((), "model"))
    notes = tmp_path / "state" / "fitprint" / "tried"
    notes.mkdir(parents=True)
    (notes / key).write_text("0" * 128)
    with pytest.raises(IntegrityError, match="died"):
        load_directory(folder, [flavor])


def test_other_bytes_are_another_trial(tmp_path, flavor):
    """What one file was found to be says nothing of the next."""
    assert load_directory(packed("good", tmp_path, flavor), [flavor]) == "good"
    (tmp_path / "b").mkdir()
    with pytest.raises(IntegrityError, match="died"):
        load_directory(packed("crash", tmp_path / "b", flavor), [flavor])
    assert load_directory(packed("also good", tmp_path / "c", flavor), [flavor]) == "also good"


def test_own_recordings_need_none(tmp_path, flavor):
    """Neither do files that the caller vouches for, by the flavor's name."""
    folder = packed("crash later", tmp_path, flavor)
    own = Trust((), "model")
    own.own = True
    assert open_directory(folder, [flavor], own).model == "crash later"
    assert load_directory(folder, [flavor], ["brittle"]) == "crash later"
    assert {str(os.getpid())} == set(readers(tmp_path))


def test_the_directory_has_no_word_in_it(tmp_path, flavor):
    """Whatever it says of itself."""
    folder = packed("crash", tmp_path, flavor)
    (folder / "fitprint.json").unlink()
    (folder / "MLmodel").write_text(
        "flavors:\n  brittle: {own: true, trust: brittle, safe: true}\n"
    )
    with pytest.raises(IntegrityError, match="died"):
        load_directory(folder, [flavor])


def test_a_program_without_a_python_says_what_to_do(tmp_path, flavor, monkeypatch):
    """One that Python is embedded in: it must not be started anew."""
    monkeypatch.setattr(spawn, "get_executable", lambda: str(tmp_path / "program"))
    monkeypatch.setattr(sys, "_base_executable", "")
    monkeypatch.setattr(sys, "exec_prefix", str(tmp_path))
    with pytest.raises(
        FitprintError, match=r'multiprocessing\.set_executable does.*Name "brittle" in trust'
    ):
        load_directory(packed("good", tmp_path, flavor), [flavor])


@pytest.mark.skipif(
    not hasattr(os, "pidfd_open"), reason="only Linux tells of other processes' ends"
)
def test_a_program_is_not_run_again(tmp_path, flavor):
    """The other process imports the flavor, never the script that asked; and it ends with the
    program.
    """
    folder = packed("good", tmp_path, flavor)
    script = tmp_path / "script.py"
    script.write_text(
        f"import os, sys; sys.path.insert(0, {str(tmp_path / 'modules')!r})\n"
        f"from {type(flavor).__module__} import Brittle\n"
        "from fitprint.models.loading import load_directory\n"
        "from fitprint.models import trials\n"
        "from pathlib import Path\n"
        f"open({str(tmp_path / 'ran')!r}, 'a').write('x')\n"
        f"print(load_directory(Path({str(folder)!r}), [Brittle()]), "
        "trials._trial_process._process.pid)\n"
        "sys.stdout.flush(); os._exit(0)\n"
    )
    told = subprocess.run(
        [sys.executable, script], capture_output=True, text=True, check=True, timeout=120
    ).stdout.split()
    assert "good" == told[0]
    assert "x" == (tmp_path / "ran").read_text()
    assert _ends(int(told[1]))


def _ends(process):
    try:
        handle = os.pidfd_open(process)
    except ProcessLookupError:
        return True
    try:
        return bool(select.select([handle], [], [], 60)[0])
    finally:
        os.close(handle)


def test_trusted_code_may_be_known_here_alone(tmp_path, flavor):
    """What the caller trusts may only be found in the caller's program: then the other process has
    nothing to tell but a crash.
    """
    with pytest.raises(IntegrityError, match=r"^it is damaged$"):
        load_directory(packed("raise", tmp_path, flavor), [flavor], ["__main__.Layer"])
    assert str(os.getpid()) in readers(tmp_path)
