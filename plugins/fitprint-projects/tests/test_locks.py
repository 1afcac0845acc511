"""What an environment holds is recorded with the files that it came from, and goes out again."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

import fitprint
from fitprint.cli import main
from fitprint_projects.environments import building, collecting
from fitprint_projects.environments.building import provide
from fitprint_projects.environments.files import installed_files
from fitprint_projects.environments.wanted import Wanted, read_wanted

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib


@pytest.fixture
def cache(wheels, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the folder for environments; uv knows digests of the wheels that it is told of."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "fitprint" / "environments"


def digest_of(wheels, name: str) -> str:
    return hashlib.sha256((wheels.folder / name).read_bytes()).hexdigest()


def pylock_of(wheels, **files: str) -> str:
    """Return a lock of bean 1.0 with these files and digests; two underscores are a dash."""
    listed = ", ".join(
        f"{{ path = '{wheels.folder}/{name.replace('__', '-')}.whl', hashes = {hashes} }}"
        for name, hashes in files.items()
    )
    return (
        'lock-version = "1.0"\ncreated-by = "test"\n[[packages]]\nname = "bean"\n'
        f'version = "1.0"\nwheels = [{listed}]\n'
    )


def folder_of(tmp_path: Path, *tags: str) -> Path:
    """Return a folder with a package that has these tags."""
    about = tmp_path / "site" / "bean-1.0.dist-info"
    about.mkdir(parents=True)
    (about / "WHEEL").write_text("".join(f"Tag: {tag}\n" for tag in tags))
    return tmp_path / "site"


def lock(*names: str) -> str:
    wheels = "".join(
        f"  {{ url = 'https://example.org/a/{name}', hashes = {{ sha256 = '{number:064}' }} }},\n"
        for number, name in enumerate(names)
    )
    return f"[[packages]]\nname = 'Bean'\nversion = '1.0'\nwheels = [\n{wheels}]\n"


def test_the_file_is_the_one_with_the_tags_of_what_is_installed(tmp_path):
    """Of the files for all platforms, by each of the tags that its name stands for."""
    names = [
        "bean-1.0-cp312-cp312-manylinux_2_17_x86_64.manylinux2014_x86_64.whl",
        "bean-1.0-cp313-cp313-manylinux_2_17_x86_64.manylinux2014_x86_64.whl",
        "bean-1.0-cp313-cp313-win_amd64.whl",
    ]
    tags = ("cp313-cp313-manylinux_2_17_x86_64", "cp313-cp313-manylinux2014_x86_64")
    folder = folder_of(tmp_path, *tags)
    assert {"bean": {"file": names[1], "sha256": f"{1:064}"}} == installed_files(
        lock(*names), folder
    )


@pytest.mark.parametrize(
    ("tag", "names"),
    [
        ("cp313-cp313-linux_x86_64", ["bean-1.0-cp313-cp313-win_amd64.whl"]),
        ("py3-none-any", ["bean-1.0-1-py3-none-any.whl", "bean-1.0-2-py3-none-any.whl"]),
        ("py3-none-any", []),
    ],
)
def test_where_that_does_not_tell_nothing_is_said(tmp_path, tag, names):
    """One that was built here, one of two builds, one without files."""
    assert {} == installed_files(lock(*names), folder_of(tmp_path, tag))


def test_one_that_was_built_has_the_file_of_its_source(tmp_path):
    text = (
        "[[packages]]\nname = 'bean'\nversion = '1.0'\n"
        "sdist = { url = 'https://example.org/bean-1.0.tar.gz', "
        f"hashes = {{ sha256 = '{7:064}' }} }}"
    )
    assert {"bean": {"file": "bean-1.0.tar.gz", "sha256": f"{7:064}"}} == installed_files(
        text, folder_of(tmp_path, "cp313-cp313-linux_x86_64")
    )


def test_a_file_with_another_digest_is_not_installed(cache, wheels, tmp_path):
    right = digest_of(wheels, "bean-1.0-py3-none-any.whl")
    name = "bean__1.0__py3__none__any"
    project = tmp_path / "project"
    project.mkdir()
    for digest in (right, right[::-1]):
        text = pylock_of(wheels, **{name: f"{{ sha256 = '{digest}' }}"})
        (project / "pylock.toml").write_text(text)
        if digest == right:
            built = provide(read_wanted(project))
            assert {"file": "bean-1.0-py3-none-any.whl", "sha256": right} == built.files["bean"]
        else:
            with pytest.raises(building.UnbuildableError, match="Hash mismatch"):
                provide(read_wanted(project))


def test_a_run_records_its_lock_and_it_goes_out_again(cache, wheels, made, home, capsys):
    """Without the address of the registry; what has no digest is named."""
    right = digest_of(wheels, "bean-1.0-py3-none-any.whl")
    pylock = pylock_of(wheels, bean__1_0="{}").replace("bean-1_0", "bean-1.0-py3-none-any")
    project = made().write(
        t__py="import bean",
        pylock__toml=pylock.replace("hashes = {}", f"hashes = {{ sha256 = '{right}' }}"),
    )
    assert 0 == main(["run", str(project.folder), "-e", "t.py", "--env", "uv", "--name", "a"])
    said = json.loads(fitprint.get_run("a").read("packages.lock.json"))
    file = "bean-1.0-py3-none-any.whl"
    entry = {"name": "bean", "version": "1.0", "file": file, "sha256": right}
    assert {"version": 1, "packages": [entry]} == said
    assert str(wheels.folder) not in json.dumps(said)
    capsys.readouterr()

    assert 0 == main(["env", "lock", "a"])
    told = capsys.readouterr()
    assert (f"bean==1.0 \\\n    --hash=sha256:{right}\n", "") == (told.out, told.err)

    assert 0 == main(["env", "lock", "a", "--format", "pylock.toml", "-o", "out.toml"])
    (package,) = tomllib.loads(Path("out.toml").read_text())["packages"]
    assert ("bean", "1.0") == (package["name"], package["version"])

    fitprint.configure(context=False)
    with fitprint.start_run("b") as run:
        about = {"packages": {"installed": {"bean": "2.0"}}}
        run.log_dict(about, "environment.json")
    assert 0 == main(["env", "lock", "b"])
    told = capsys.readouterr()
    assert "bean==2.0\n" == told.out
    assert "no digest is known of bean" in told.err
    with fitprint.start_run("c"):
        pass
    assert 1 == main(["env", "lock", "c"])
    assert "were not recorded" in capsys.readouterr().err


# -- removing --------------------------------------------------------------------------------------


def aged(built, days: float) -> None:
    when = time.time() - 86400 * days
    os.utime(built.folder / "fitprint-environment.json", (when, when))


def test_what_is_not_used_is_removed(cache, capsys):
    """One that was used lately stays; one that was removed is built again."""
    old, new = (provide(Wanted("requirements", f"bean=={each}")) for each in ("1.0", "2.0"))
    aged(old, 31)
    aged(new, 29)
    assert 0 == main(["env", "gc", "--dry-run"])
    told = capsys.readouterr()
    assert f"{old.folder}  unused for 31 days" in told.out
    assert str(new.folder) not in told.out
    assert 1 == main(["env", "gc"])  # nobody is there to be asked
    assert old.folder.exists()
    assert 0 == main(["env", "gc", "--yes"])
    assert (False, True) == (old.folder.exists(), new.folder.exists())
    assert not provide(Wanted("requirements", "bean==1.0")).was_there


def test_a_use_is_remembered(cache):
    wanted = Wanted("requirements", "bean==1.0")
    aged(provide(wanted), 90)
    assert provide(wanted).was_there
    assert [] == list(collecting.unused(1))


def test_what_is_in_use_stays(cache, capsys):
    built = provide(Wanted("requirements", "bean==1.0"))
    aged(built, 90)
    program = "print('there', flush=True); input()"
    pipe = subprocess.PIPE
    with subprocess.Popen([built.python, "-c", program], stdin=pipe, stdout=pipe) as process:
        assert b"there" in process.stdout.readline()
        found = list(collecting.unused(30))
        process.communicate(b"\n")
    assert [] == found
    (found,) = collecting.unused(30)
    with building.locked(built.folder.with_name(f"{built.key}.lock"), 0, lambda: None):
        assert 1 == main(["env", "gc", "--yes"])
    assert "stays: a process uses it" in capsys.readouterr().err
    assert built.folder.exists()
    assert collecting.remove(found)


def test_what_was_left_half_built_is_removed(cache):
    left = cache / f"{'0' * 64}.tmp.1"
    left.mkdir(parents=True)
    os.utime(left, (0, 0))
    assert 0 == main(["env", "gc", "--yes"])
    assert not left.exists()
