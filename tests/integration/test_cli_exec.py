"""``fitprint exec`` and ``python -m fitprint SCRIPT``: the script cannot tell the difference."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
import zipapp

import pytest

FACTS = """
import os, sys
print(sys.argv, __name__, __file__, sys.path[0], sorted(globals()), __spec__ and __spec__.name, __package__, __doc__)
print(type(__loader__).__name__, sys.modules["__main__"].__dict__ is globals(), __builtins__ is sys.modules["builtins"], os.getcwd())
"""  # noqa: E501
SCRIPTS = {
    "facts": FACTS,
    "docstring": '"""Says what it is."""\n' + FACTS,
    "future": "from __future__ import annotations\nx: undefined = 1\nprint(__annotations__)",
    "output": (
        "import sys\nprint('out')\nprint('err', file=sys.stderr)\nsys.stdout.write('no newline')"
    ),
    "input": "print(input()[::-1])",
    "exit 3": "import sys; sys.exit(3)",
    "exit none": "raise SystemExit",
    "exit text": "import sys; sys.exit('no data')",
    "exit hard": "import os; print('lost', flush=True); os._exit(5)",
    "exit in thread": (
        "import threading, sys\n"
        "t = threading.Thread(target=sys.exit, args=(9,)); t.start(); t.join(); "
        "print('on')"
    ),
    "error": "def deep():\n    1 / 0\ndeep()",
    "error chained": (
        "try:\n    {}['a']\nexcept KeyError as error:\n    raise ValueError('bad') from error"
    ),
    "error in class": "class E(Exception):\n    def __str__(self): return 'mine'\nraise E",
    "error group": "class Loud(BaseException): pass\nraise Loud('x')",
    "syntax": "x = = 1",
    "indentation": "def f():\nreturn 1",
    "not utf-8": b"# -*- coding: latin-1 -*-\nprint(len('\xe4\xf6'))",
    "excepthook": (
        "import sys\n"
        "sys.excepthook = lambda kind, error, trace: print('mine', kind, "
        "trace.tb_lineno)\n"
        "1 / 0"
    ),
    "broken excepthook": (
        "import sys\ndef hook(*what): raise RuntimeError('hook')\nsys.excepthook = hook\n1 / 0"
    ),
    "interrupt": "import atexit\natexit.register(print, 'bye')\nraise KeyboardInterrupt",
    "atexit": (
        "import atexit\natexit.register(print, 'second')\natexit.register(print, 'first')\n1 / 0"
    ),
    "pickle": (
        "import pickle\n"
        "class A: pass\n"
        "print(type(pickle.loads(pickle.dumps(A()))) is A, A.__module__)"
    ),
    "neighbour": "import neighbour\nprint(neighbour.VALUE)",
    "last": (
        "import atexit, sys\natexit.register(lambda: print(sys.last_type, sys.last_value))\n1 / 0"
    ),
    "spawn": """
import multiprocessing
def work(x): return x * x, __name__
if __name__ == "__main__":
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        print(pool.map(work, [3]))
""",
    "warning": "import warnings\nwarnings.simplefilter('always')\nwarnings.warn('careful')",
    "broken pipe": "import os, signal, sys\nos.close(1)\nprint('x' * 100_000, flush=True)",
}


@pytest.fixture
def folder(tmp_path):
    """A folder with a module beside the script."""
    (tmp_path / "place").mkdir()
    (tmp_path / "place" / "neighbour.py").write_text("VALUE = 42")
    return tmp_path / "place"


def run(folder, *words, **environment):
    """Run Python with these words; return exit status, output and error output."""
    inherited = {
        name: value for name, value in os.environ.items() if not name.startswith("FITPRINT_")
    }
    ours = {
        "FITPRINT_HOME": str(folder.parent / "home"),
        "FITPRINT_NOTICE": "false",
        "FITPRINT_CONTEXT": "false",
    }
    done = subprocess.run(
        [sys.executable, *words],
        cwd=folder,
        env=inherited | ours | environment,
        input=b"abc\n",
        capture_output=True,
        check=False,
        timeout=120,
    )
    return done.returncode, done.stdout, done.stderr


@pytest.mark.parametrize("name", SCRIPTS)
def test_a_script_runs_as_under_python(folder, name):
    """The same exit status, output, tracebacks: byte for byte, through both doors."""
    source = SCRIPTS[name]
    (folder / "s.py").write_bytes(source if isinstance(source, bytes) else source.encode())
    expected = run(folder, "s.py", "--lr", "0.1", "-m", "--sort", "-x")
    assert expected == run(
        folder, "-m", "fitprint", "exec", "s.py", "--lr", "0.1", "-m", "--sort", "-x"
    )
    assert expected == run(folder, "-m", "fitprint", "s.py", "--lr", "0.1", "-m", "--sort", "-x")


@pytest.mark.parametrize(
    "path", ["./s.py", "../place/s.py", "deep/s.py", "deep/link.py", "{folder}/s.py", "no_suffix"]
)
def test_a_script_knows_where_it_lies(folder, path):
    """Its file, its folder in the import path, also through links."""
    (folder / "deep").mkdir()
    for file in ("s.py", "deep/s.py", "no_suffix"):
        (folder / file).write_text(FACTS)
    (folder / "deep" / "link.py").symlink_to(folder / "s.py")
    path = path.format(folder=folder)
    assert run(folder, path, "a") == run(folder, "-m", "fitprint", "exec", path, "a")
    assert run(folder, path, "a") == run(folder, "-m", "fitprint", path, "a")


@pytest.mark.parametrize("name", ["facts", "exit 3", "error", "interrupt", "spawn"])
@pytest.mark.parametrize("module", ["s", "package.inner"])
def test_a_module_runs_as_under_python(folder, name, module):
    """``-m`` through both doors, also inside a package."""
    (folder / "package").mkdir()
    (folder / "package" / "__init__.py").write_text("")
    for file in ("s.py", "package/inner.py"):
        (folder / file).write_text(SCRIPTS[name])
    expected = run(folder, "-m", module, "a", "-b")
    assert expected == run(folder, "-m", "fitprint", "exec", "-m", module, "a", "-b")
    assert expected == run(folder, "-m", "fitprint", "-m", module, "a", "-b")


@pytest.mark.parametrize("module", ["nope", "package", "package.nope"])
def test_a_module_that_is_not_there_is_told_as_under_python(folder, module):
    """In the interpreter's own words."""
    (folder / "package").mkdir()
    (folder / "package" / "__init__.py").write_text("")
    assert run(folder, "-m", module, "a") == run(
        folder, "-m", "fitprint", "exec", "-m", module, "a"
    )


def test_a_folder_or_an_archive_runs_as_under_python(folder):
    """Whatever has a ``__main__``."""
    (folder / "app").mkdir()
    (folder / "app" / "__main__.py").write_text(FACTS)
    zipapp.create_archive(folder / "app", folder / "app.pyz")
    for path in ("app", "app.pyz"):
        assert run(folder, path, "a") == run(folder, "-m", "fitprint", "exec", path, "a")


def test_a_script_that_is_not_there_is_told(folder):
    """One line, status 1."""
    status, out, err = run(folder, "-m", "fitprint", "exec", "nope.py")
    assert (1, b"") == (status, out)
    assert err.startswith(b"fitprint: there is no script 'nope.py'")
    assert 1 == err.count(b"\n")


def test_a_wrong_setting_is_told_before_the_script_begins(folder):
    """Nothing ran."""
    (folder / "s.py").write_text("print('ran')")
    status, out, err = run(folder, "-m", "fitprint", "exec", "s.py", FITPRINT_STOER="x")
    assert (1, b"") == (status, out)
    assert b"did you mean 'store'?" in err


def test_a_signal_ends_the_script_as_under_python(folder):
    """The shell sees the same."""
    (folder / "s.py").write_text("import time\nprint('ready', flush=True)\ntime.sleep(60)")
    for ending in (signal.SIGINT, signal.SIGTERM, signal.SIGKILL):
        codes = []
        for words in (["s.py"], ["-m", "fitprint", "exec", "s.py"]):
            process = subprocess.Popen(
                [sys.executable, *words],
                cwd=folder,
                env={**os.environ, "FITPRINT_HOME": str(folder.parent / "home")},
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
            )
            assert process.stdout is not None
            process.stdout.readline()
            process.send_signal(ending)
            process.communicate(timeout=60)
            codes.append(process.returncode)
        assert [-ending] * 2 == codes


TRAINING = """
import sys
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression
X, y = load_iris(return_X_y=True)
LogisticRegression(C=0.25, max_iter=500).fit(X, y)
if sys.argv[1:] == ["fail"]:
    LogisticRegression(C=-1).fit(X, y)
"""


def test_training_is_recorded_without_any_edit(folder):
    """A run with its parameters; the listing shows it."""
    (folder / "train.py").write_text(TRAINING)
    assert (0, b"", b"") == run(folder, "-m", "fitprint", "exec", "train.py")
    status, out, _ = run(folder, "-m", "fitprint", "ls", "--json", "-q", "params.C = 0.25")
    assert 0 == status
    assert b'"name": "LogisticRegression"' in out


def test_training_that_fails_is_recorded_and_fails(folder):
    """The same traceback as without us, and a run that says FAILED."""
    (folder / "train.py").write_text(TRAINING)
    plain, recorded = (
        run(folder, "train.py", "fail"),
        run(folder, "-m", "fitprint", "exec", "train.py", "fail"),
    )
    assert (1, b"") == plain[:2] == recorded[:2]
    assert plain[2].splitlines()[-1] == recorded[2].splitlines()[-1]
    assert b"cli/" not in recorded[2]
    _, out, _ = run(folder, "-m", "fitprint", "ls", "--json", "-q", "status = 'FAILED'")
    assert b'"C": -1' in out


def test_the_notice_is_shown_once_and_can_be_switched_off(folder):
    """On standard error, where runs are."""
    (folder / "s.py").write_text(
        "import fitprint\nfor _ in range(3):\n    with fitprint.start_run(): pass"
    )
    _, out, err = run(folder, "-m", "fitprint", "exec", "s.py", FITPRINT_NOTICE="true")
    assert (b"", 1) == (out, err.count(b"fitprint: recorded in"))


def test_the_notice_names_the_store_that_was_chosen(folder):
    """With what another program must be told to find it; the home where that is enough."""
    script = (
        "import fitprint\n"
        "fitprint.configure(store='sqlite:///team.db', home='here')\n"
        "with fitprint.start_run(): pass"
    )
    (folder / "s.py").write_text(script)
    _, _, err = run(folder, "s.py", FITPRINT_NOTICE="true")
    store = f"sqlite:///{folder}/team.db"
    assert (
        f"recorded in {store} (list runs with `FITPRINT_HOME={folder}/here FITPRINT_STORE={store} "
        "fitprint ls`)"
    ) in err.decode()
    (folder / "s.py").write_text("import fitprint\nwith fitprint.start_run(): pass")
    _, _, err = run(folder, "s.py", FITPRINT_NOTICE="true")
    assert f"recorded in {folder.parent}/home (list runs with `fitprint ls`)" in err.decode()


def test_a_run_that_is_left_open_ends_as_the_script_does(folder):
    """FAILED with the traceback of the user, where the script raises."""
    (folder / "s.py").write_text(
        "import fitprint\nfitprint.start_run('open')\nraise ValueError('bad')"
    )
    began = time.time()
    assert 1 == run(folder, "-m", "fitprint", "exec", "s.py")[0]
    _, out, _ = run(folder, "-m", "fitprint", "show", "open")
    text = out.decode()
    assert "FAILED" in text
    assert "ValueError: bad" in text
    assert "fitprint/cli" not in text
    assert time.time() - began < 60


def test_what_a_script_prints_is_recorded_where_that_is_asked_for(folder):
    """It is printed as under ``python``, with the traceback at the end, and a reader finds it with
    the run.
    """
    (folder / "s.py").write_text(
        "import fitprint, sys\n"
        "fitprint.start_run('a')\n"
        "print('one')\n"
        "print('two', file=sys.stderr)\n"
        "1 / 0\n"
    )
    expected = run(folder, "s.py")
    assert expected == run(folder, "-m", "fitprint", "exec", "--console", "s.py")
    told = run(
        folder,
        "-c",
        "import fitprint\n"
        "for line in fitprint.get_run('@last').console: print(line.stream, line.text)",
    )[1]
    lines = told.decode().splitlines()
    assert ["stdout one", "stderr two", "stderr Traceback (most recent call last):"] == lines[:3]
    assert "stderr ZeroDivisionError: division by zero" == lines[-1]
