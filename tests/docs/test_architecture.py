"""The shape of the code, kept by tests rather than by memory."""

from __future__ import annotations

import ast
import json
import os
import re
import subprocess
import sys
from fnmatch import fnmatch
from pathlib import Path

import pytest

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ROOT = Path(__file__).parents[2]
MOST_LINES = 600
NO_NOUNS = {
    "base",
    "common",
    "helper",
    "helpers",
    "misc",
    "shared",
    "stuff",
    "tools",
    "util",
    "utils",
}
# What the first `autolog()` or `start_run()` may load, and `import fitprint` must not.
HEAVY = set(
    (
        "asyncio ctypes decimal email http importlib.metadata inspect joblib logging lzma "
        "multiprocessing numpy pandas pluggy scipy skops sklearn socket sqlite3 ssl subprocess "
        "tempfile tomllib unittest urllib.request wrapt zlib"
    ).split()
)


def sources() -> dict[str, Path]:
    """Return every module of ours by its dotted name."""
    found = {}
    for base in (ROOT / "src", *sorted((ROOT / "plugins").glob("*/src"))):
        for path in sorted(base.rglob("*.py")):
            parts = path.relative_to(base).with_suffix("").parts
            found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


SOURCES = sources()
MODULES = pytest.mark.parametrize("module", SOURCES)


def python(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a fresh interpreter that finds our sources before anything installed."""
    paths = [str(ROOT / "src"), *map(str, sorted((ROOT / "plugins").glob("*/src")))]
    return subprocess.run(
        [sys.executable, *arguments],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(paths), **environment},
        capture_output=True,
        text=True,
        check=False,
    )


def public_names(path: Path) -> list[str] | None:
    """Return the literal `__all__` of a module, or None."""
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.Assign) and any(
            isinstance(target, ast.Name) and target.id == "__all__" for target in node.targets
        ):
            return list(ast.literal_eval(node.value))
    return None


def defines_public(path: Path) -> list[str]:
    """Return the public classes and functions that a module defines, implementations of hooks left
    out.
    """
    body = ast.parse(path.read_text(encoding="utf-8")).body
    found = [
        node
        for node in body
        if isinstance(node, (ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef))
    ]
    return [
        node.name
        for node in found
        if not node.name.startswith("_") and "hookimpl" not in map(ast.unparse, node.decorator_list)
    ]


def test_the_modules_are_found():
    """The search for modules finds the core and every plugin,
    so the tests below look at something.
    """
    packages = {name.split(".")[0] for name in SOURCES}
    assert packages == {
        "fitprint",
        *(path.name.replace("-", "_") for path in (ROOT / "plugins").iterdir() if path.is_dir()),
    }


@MODULES
def test_a_module_fits_in_a_head(module):
    """No module is longer than the limit."""
    lines = len(SOURCES[module].read_text(encoding="utf-8").splitlines())
    assert lines <= MOST_LINES, f"{module} has {lines} lines; split it by responsibility"


@MODULES
def test_a_module_is_named_after_what_it_is(module):
    """No module is a drawer for odds and ends."""
    assert not NO_NOUNS & {part.strip("_") for part in module.split(".")}


@MODULES
def test_a_module_says_what_it_is(module):
    """Every module begins with a docstring, unless it is an empty package."""
    tree = ast.parse(SOURCES[module].read_text(encoding="utf-8"))
    assert not tree.body or ast.get_docstring(tree)


@MODULES
def test_a_module_lists_its_public_names(module):
    """A module that defines public names lists them in `__all__` (ruff keeps the list sorted)."""
    path = SOURCES[module]
    if path.name != "__main__.py" and defines_public(path):
        assert public_names(path) is not None, f"{module} has no `__all__`"


# Forks for each module, as a new interpreter for each takes 0.2 s. What it prints is by module.
IMPORTS = """
import importlib, json, os, sys, traceback

faults = {}
for module in sys.argv[1:]:
    reading, writing = os.pipe()
    if os.fork():
        os.close(writing)
        with open(reading, encoding="utf-8") as said:
            faults[module] = said.read()
        if os.wait()[1]:
            faults[module] += "it ended the interpreter"
        continue
    with open(writing, "w", encoding="utf-8") as said:
        try:
            found = importlib.import_module(module)
            missing = [each for each in getattr(found, "__all__", ()) if not hasattr(found, each)]
            assert not missing, missing
        except BaseException:
            traceback.print_exc(file=said)
    os._exit(0)
print(json.dumps(faults))
"""


@pytest.fixture(scope="module")
def import_faults():
    """What went wrong when a module was imported into an interpreter that had imported nothing, by
    module.
    """
    done = python("-W", "error", "-c", IMPORTS, *SOURCES)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@MODULES
def test_a_module_can_be_imported_alone(module, import_faults):
    """Every module imports in a fresh interpreter, with warnings as errors, and brings every name
    in its `__all__`.
    """
    if module.startswith("fitprint_"):
        pytest.importorskip("sklearn")
    if module.startswith("fitprint.testing") or module.endswith("__main__"):
        pytest.importorskip("pytest")
    assert not import_faults[module]


def test_importing_the_core_loads_almost_nothing():
    """`import fitprint` loads no framework, no array or table library, no SQL layer, not even wrapt
    or pluggy.
    """
    bare = python("-c", "import sys; print(*sys.modules)").stdout.split()
    done = python("-W", "error", "-c", "import sys, fitprint; print(*sys.modules)")
    assert done.returncode == 0, done.stderr
    assert set() == (set(done.stdout.split()) - set(bare)) & HEAVY


def test_the_public_verbs_load_no_framework():
    """Looking up every public name loads no framework and no array or table library."""
    code = (
        "import sys, fitprint; [getattr(fitprint, n) for n in fitprint.__all__]; "
        "print(*sys.modules)"
    )
    assert public_names(ROOT / "src/fitprint/__init__.py"), (
        "fitprint/__init__.py lists no public names"
    )
    done = python("-W", "error", "-c", code)
    assert done.returncode == 0, done.stderr
    assert set() == set(done.stdout.split()) & {
        "joblib",
        "numpy",
        "pandas",
        "scipy",
        "skops",
        "sklearn",
    }


PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
CONTRACTS = PYPROJECT["tool"]["importlinter"]["contracts"]
# Beside its dependencies the core imports these, where somebody has them; `tomllib` is no standard
# module of Python 3.10.
OPTIONAL = {"cloudpickle", "mcp", "pytest", "tomllib", "typing_extensions", "yaml"}


def imported(path: Path) -> set[str]:
    """Return the modules that a module imports, anywhere in its text."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and not node.level:
            found |= {str(node.module), *(f"{node.module}.{alias.name}" for alias in node.names)}
    return found


def strangers(path: Path) -> set[str]:
    """Return what a module of the core imports that is neither its own, nor standard,
    nor admitted.
    """
    dependencies = {re.match(r"\w+", line)[0] for line in PYPROJECT["project"]["dependencies"]}
    return (
        {name.partition(".")[0] for name in imported(path)}
        - {"fitprint"}
        - sys.stdlib_module_names
        - dependencies
        - OPTIONAL
    )


def trespasses(module: str, path: Path) -> set[str]:
    """Return what a plugin's module imports although a contract of the core protects it from all
    but the module's likes.
    """
    closed = [
        protected
        for contract in CONTRACTS
        if contract["type"] == "protected"
        and not any(fnmatch(module, importer) for importer in contract["allowed_importers"])
        for protected in contract["protected_modules"]
    ]
    return {
        name
        for name in imported(path)
        if any(name == protected or name.startswith(f"{protected}.") for protected in closed)
    }


def test_the_core_imports_its_dependencies_alone():
    """No framework, no plugin, and no library of arrays or tables, but the standard library, its
    dependencies and what is optional.
    """
    core = {module: path for module, path in SOURCES.items() if module.split(".")[0] == "fitprint"}
    assert {} == {module: found for module, path in core.items() if (found := strangers(path))}


def test_plugins_keep_to_the_contracts_of_the_core():
    """What only one room of the core may import, no plugin imports; its `conformance` may import
    the kit.
    """
    plugins = {module: path for module, path in SOURCES.items() if module.startswith("fitprint_")}
    assert {} == {
        module: found for module, path in plugins.items() if (found := trespasses(module, path))
    }


def test_imports_are_seen_wherever_they_are(tmp_path):
    """At the top, inside a function, and of a submodule by `from`."""
    path = tmp_path / "toy.py"
    path.write_text(
        "import os, numpy\n"
        "def f():\n"
        "    from fitprint import testing\n"
        "    import wrapt.wrappers\n"
        "    import fitprint_xgboost\n"
    )
    assert {"numpy", "fitprint_xgboost"} == strangers(path)
    assert {"fitprint.testing", "wrapt.wrappers"} == trespasses("fitprint_toy.framework", path)
    assert {"wrapt.wrappers"} == trespasses("fitprint_toy.conformance", path)


def test_the_layers_have_no_exceptions():
    """The import contracts hold without an ignore list."""
    assert [] == [contract["name"] for contract in CONTRACTS if contract.get("ignore_imports")]


def test_the_layers_are_not_optional():
    """What is there is bound by the layers, so that a contract cannot rot."""
    lines = [
        line
        for contract in CONTRACTS
        if contract["type"] == "layers"
        for line in contract["layers"]
    ]
    names = [name.strip() for line in lines for name in line.split(":")]
    assert [] == [
        name for name in names if name.startswith("(") and f"fitprint.{name.strip('()')}" in SOURCES
    ]
