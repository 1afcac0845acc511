"""Process, packages, hardware, and all sections together."""

from __future__ import annotations

import gc
import json
import os
import random
import subprocess
import sys
import warnings
from pathlib import Path
from types import SimpleNamespace

import pytest

from fitprint.context import collect, packages
from fitprint.context.hardware import describe_hardware
from fitprint.context.packages import describe_packages
from fitprint.context.process import describe_process, describe_python


def write(root, files):
    for path, text in files.items():
        file = root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)


def test_all_sections_are_json():
    """Six sections, none failed."""
    facts = json.loads(json.dumps(collect({"code_patch": False})))
    assert sorted(facts) == ["git", "hardware", "packages", "process", "python", "threads"]
    assert [name for name, section in facts.items() if "error" in section] == []


def test_a_section_fails_alone(monkeypatch):
    """The error stands in its section, the others are whole."""

    def fail():
        raise OSError("no such thing")

    monkeypatch.setattr(packages, "describe_packages", fail)
    facts = collect({})
    assert facts["packages"] == {"error": "OSError: no such thing"}
    assert facts["python"]["version"]


def test_nothing_global_changes(capfd):
    """Environment, folder, filters, random state, signals and output are as before."""
    import signal

    def state():
        return (
            dict(os.environ),
            Path.cwd(),
            list(warnings.filters),
            random.getstate(),
            signal.getsignal(signal.SIGCHLD),
            sys.path[:],
        )

    before = state()
    collect({})
    assert state() == before
    assert capfd.readouterr() == ("", "")


def test_nothing_heavy_is_imported():
    """No framework, no numpy, no subprocess of Python, and no metadata parser comes with it."""
    code = (
        "import sys; from fitprint.context import collect; collect({});"
        "print(sorted({'numpy', 'pandas', 'importlib.metadata', 'email', 'asyncio', 'json', "
        "'platform', 'pynvml'} & set(sys.modules)))"
    )
    # -S: without the site module, whose .pth files may import anything
    finished = subprocess.run(
        [sys.executable, "-S", "-c", code],
        env={"PYTHONPATH": ":".join(sys.path), "PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
        check=True,
    )
    assert finished.stdout == "[]\n"


def test_files_are_closed():
    """Neither files nor processes are left behind."""
    collect({})
    gc.collect()
    before = len(list(Path("/proc/self/fd").iterdir()))
    collect({})
    gc.collect()
    assert len(list(Path("/proc/self/fd").iterdir())) == before


def test_python_is_described():
    """Version and implementation are those of this interpreter."""
    facts = describe_python()
    assert facts["version"].startswith(".".join(map(str, sys.version_info[:3])))
    assert facts["implementation"] == "CPython"


def test_the_process_is_described_relative_to_the_project(tmp_path, monkeypatch):
    """Paths inside the project have no machine in them."""
    project = tmp_path / "project"
    write(project, {"pyproject.toml": "", "src/train.py": "", "data/x.csv": ""})
    monkeypatch.chdir(project / "src")
    monkeypatch.setattr(
        sys,
        "orig_argv",
        [
            "python",
            str(project / "src/train.py"),
            "--data",
            str(project / "data/x.csv"),
            "--token",
            "abc",
        ],
    )
    facts = describe_process(project / "src" / "train.py")
    assert (facts["script"], facts["folder"], facts["project"]) == (
        "src/train.py",
        "src",
        "project",
    )
    assert facts["command"] == [
        "python",
        "src/train.py",
        "--data",
        "data/x.csv",
        "--token",
        "[redacted]",
    ]
    assert (facts["pid"], facts["host"]) == (os.getpid(), os.uname().nodename)


def test_only_known_variables_are_told(monkeypatch):
    """What nobody asked for stays with the user."""
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0,1")
    monkeypatch.setenv("PYTHONHASHSEED", "7")
    monkeypatch.setenv("MY_PRIVATE_MATTER", "private")
    facts = describe_process()
    assert (facts["variables"]["CUDA_VISIBLE_DEVICES"], facts["variables"]["PYTHONHASHSEED"]) == (
        "0,1",
        "7",
    )
    assert "private" not in json.dumps(facts)


def test_a_scheduler_is_recognized(monkeypatch):
    """The job's own names are told."""
    monkeypatch.setenv("SLURM_JOB_ID", "4711")
    monkeypatch.setenv("SLURM_JOB_NAME", "train")
    facts = describe_process()
    assert facts["scheduler"] == {
        "name": "slurm",
        "SLURM_JOB_ID": "4711",
        "SLURM_JOB_NAME": "train",
    }


def test_a_notebook_is_recognized(monkeypatch):
    """By the kernel that is loaded."""
    monkeypatch.setitem(sys.modules, "ipykernel", SimpleNamespace())
    monkeypatch.delenv("COLAB_RELEASE_TAG", raising=False)
    assert describe_process()["notebook"] in ("jupyter", "kaggle", "databricks", "vscode")


def test_packages_are_found_by_their_folders(tmp_path, monkeypatch):
    """Names are normalized, the first on the path counts, and developed packages have their version
    inside.
    """
    first, second = tmp_path / "first", tmp_path / "second"
    write(
        first,
        {
            "scikit_learn-1.9.1.dist-info/RECORD": (
                "sklearn/__init__.py,,\n"
                "sklearn/base.py,,\n"
                "scikit_learn-1.9.1.dist-info/METADATA,,\n"
            ),
            "PyYAML-6.0.dist-info/top_level.txt": "_yaml\nyaml\n",
            "zope.interface-5.0-py3.11-linux-x86_64.egg-info/PKG-INFO": "",
            "mine.egg-info/PKG-INFO": (
                "Metadata-Version: 2.1\nName: mine\nVersion: 0.3.dev1\n\nVersion: no\n"
            ),
            "single-2.0.dist-info/RECORD": "single_file.py,,\nsingle-2.0.dist-info/METADATA,,\n",
            "notes.txt": "",
            "broken.dist-info/x": "",
        },
    )
    write(second, {"scikit_learn-0.1.dist-info/RECORD": "", "other-1.0rc1.dist-info/METADATA": ""})
    monkeypatch.setattr(sys, "path", [str(first), str(second), str(tmp_path / "missing")])
    for name in ("sklearn", "yaml", "single_file", "mine"):
        monkeypatch.setitem(sys.modules, name, SimpleNamespace())
    facts = describe_packages()
    assert facts["installed"] == {
        "mine": "0.3.dev1", "other": "1.0rc1", "pyyaml": "6.0", "scikit-learn": "1.9.1",
        "single": "2.0", "zope-interface": "5.0",
    }  # fmt: skip
    assert facts["imported"] == ["mine", "pyyaml", "scikit-learn", "single"]


def test_packages_agree_with_the_standard_library():
    """The fast way finds what ``importlib.metadata`` finds."""
    from importlib.metadata import distributions

    expected = {}
    for distribution in distributions():
        name = distribution.metadata["Name"].lower().replace("_", "-").replace(".", "-")
        expected.setdefault(name, distribution.version)
    assert describe_packages()["installed"] == dict(sorted(expected.items()))


def test_hardware_is_read_from_the_kernel(tmp_path):
    """Processor, memory, the tightest limit of the groups, and each GPU."""
    write(
        tmp_path,
        {
            "proc/cpuinfo": (
                "processor\t: 0\n"
                "model name\t: Fast CPU\n"
                "flags\t\t: fpu avx2 avx512f\n"
                "\n"
                "processor\t: 1\n"
                "model name\t: Other\n"
            ),
            "proc/meminfo": "MemTotal:       2048 kB\nMemAvailable:   1024 kB\nSwapTotal: 0 kB\n",
            "proc/self/cgroup": "0::/jobs/one\n",
            "sys/fs/cgroup/jobs/cpu.max": "150000 100000\n",
            "sys/fs/cgroup/jobs/one/cpu.max": "max 100000\n",
            "sys/fs/cgroup/jobs/one/memory.max": "1048576\n",
            "proc/driver/nvidia/gpus/0000:01:00.0/information": (
                "Model: \t\t NVIDIA A100\nIRQ: 1\nGPU UUID: \t GPU-abc\n"
            ),
            "sys/module/nvidia/version": "550.1\n",
            "sys/class/kfd/kfd/topology/nodes/0/properties": "simd_count 0\n",
            "sys/class/kfd/kfd/topology/nodes/1/properties": (
                "simd_count 304\ngfx_target_version 90402\n"
            ),
            "sys/class/kfd/kfd/topology/nodes/1/name": "mi300\n",
        },
    )
    facts = describe_hardware(str(tmp_path))
    assert (facts["cpu"]["model"], facts["cpu"]["features"], facts["cpu"]["count"]) == (
        "Fast CPU",
        ["avx2", "avx512f"],
        os.cpu_count(),
    )
    assert facts["memory"] == {"total": 2048 * 1024, "available": 1024 * 1024, "swap": 0}
    assert facts["limits"] == {"cpus": 1.5, "memory": 1048576}
    assert [gpu["model"] for gpu in facts["gpus"]] == ["NVIDIA A100", "mi300"]
    assert facts["gpu_driver"] == "550.1"


def test_the_first_control_groups_are_read_too(tmp_path):
    """Version one has a folder for each controller."""
    write(
        tmp_path,
        {
            "proc/self/cgroup": "4:memory:/job\n3:cpu,cpuacct:/job\n1:name=systemd:/x\n",
            "sys/fs/cgroup/memory/job/memory.limit_in_bytes": "4096\n",
            "sys/fs/cgroup/memory/memory.limit_in_bytes": "9223372036854771712\n",
            "sys/fs/cgroup/cpu,cpuacct/job/cpu.cfs_quota_us": "200000\n",
            "sys/fs/cgroup/cpu,cpuacct/job/cpu.cfs_period_us": "100000\n",
        },
    )
    assert describe_hardware(str(tmp_path))["limits"] == {"memory": 4096, "cpus": 2.0}


def test_a_machine_without_these_files_is_described(tmp_path):
    """Nothing of the kernel's files is needed."""
    facts = describe_hardware(str(tmp_path))
    assert facts["cpu"]["count"] == os.cpu_count()
    assert facts["memory"]["total"] > 0


@pytest.mark.parametrize(
    ("visible", "expected"),
    [("1", [False, True]), ("0,1", [True, True]), ("", [False, False]), ("GPU-b", [False, True])],
)
def test_visible_gpus_are_marked(tmp_path, monkeypatch, visible, expected):
    """By number or by the beginning of the identifier."""
    for position, letter in enumerate("ab"):
        write(
            tmp_path,
            {
                (f"proc/driver/nvidia/gpus/000{position}/information"): (
                    f"Model: A\nGPU UUID: GPU-{letter}cdef\n"
                )
            },
        )
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    assert [gpu["visible"] for gpu in describe_hardware(str(tmp_path))["gpus"]] == expected


def test_a_loaded_nvml_is_asked(tmp_path, monkeypatch):
    """What the program has loaded knows the memory, too."""
    nvml = SimpleNamespace(
        nvmlDeviceGetCount=lambda: 1,
        nvmlDeviceGetHandleByIndex=lambda index: index,
        nvmlDeviceGetName=lambda handle: b"A100",
        nvmlDeviceGetUUID=lambda handle: "GPU-1",
        nvmlDeviceGetMemoryInfo=lambda handle: SimpleNamespace(total=80),
    )
    monkeypatch.setitem(sys.modules, "pynvml", nvml)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    assert describe_hardware(str(tmp_path))["gpus"] == [
        {"model": "A100", "uuid": "GPU-1", "memory": 80}
    ]
