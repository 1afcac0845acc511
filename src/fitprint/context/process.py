"""The process that trains: its command, Python, user, host, and where it runs."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path
from typing import Any

from fitprint.context.redaction import redact_argv, redact_mapping
from fitprint.platform.machine import c_library
from fitprint.platform.users import host_name, system, user_name
from fitprint.settings import find_project, working_folder

__all__ = ["VARIABLES", "describe_process", "describe_python"]

# Variables that decide what is computed, where and how fast; never all: others hold secrets and
# private matters.
VARIABLES = (
    "ACCELERATE_MIXED_PRECISION BLIS_NUM_THREADS CUBLAS_WORKSPACE_CONFIG CUDA_DEVICE_ORDER "
    "CUDA_LAUNCH_BLOCKING CUDA_VISIBLE_DEVICES GOTO_NUM_THREADS GROUP_RANK HF_DATASETS_OFFLINE "
    "HF_HUB_OFFLINE HIP_VISIBLE_DEVICES JAX_ENABLE_X64 JAX_PLATFORMS KERAS_BACKEND KMP_AFFINITY "
    "KMP_BLOCKTIME LOCAL_RANK LOCAL_WORLD_SIZE LOKY_MAX_CPU_COUNT MASTER_ADDR MASTER_PORT "
    "MKL_NUM_THREADS MKL_THREADING_LAYER NCCL_DEBUG NODE_RANK NUMBA_NUM_THREADS "
    "NUMEXPR_NUM_THREADS NVIDIA_TF32_OVERRIDE NVIDIA_VISIBLE_DEVICES OMP_NUM_THREADS OMP_PROC_BIND "
    "OMP_SCHEDULE OPENBLAS_CORETYPE OPENBLAS_NUM_THREADS PL_GLOBAL_SEED PL_SEED_WORKERS "
    "POLARS_MAX_THREADS PYTHONHASHSEED PYTHONOPTIMIZE PYTORCH_CUDA_ALLOC_CONF "
    "PYTORCH_ENABLE_MPS_FALLBACK RANK RAYON_NUM_THREADS ROCR_VISIBLE_DEVICES SCIPY_ARRAY_API "
    "SKLEARN_WORKING_MEMORY TF_CPP_MIN_LOG_LEVEL TF_CUDNN_DETERMINISTIC TF_DETERMINISTIC_OPS "
    "TF_ENABLE_ONEDNN_OPTS TF_FORCE_GPU_ALLOW_GROWTH TF_NUM_INTEROP_THREADS TF_NUM_INTRAOP_THREADS "
    "TF_USE_LEGACY_KERAS TOKENIZERS_PARALLELISM TORCH_LOGS TZ VECLIB_MAXIMUM_THREADS WORLD_SIZE "
    "XLA_FLAGS"
).split()

# By scheduler: variables by which its jobs are known, the one that is always there first.
_SCHEDULERS = {
    "slurm": (
        "SLURM_JOB_ID SLURM_JOB_NAME SLURM_JOB_PARTITION SLURM_ARRAY_JOB_ID "
        "SLURM_ARRAY_TASK_ID SLURM_PROCID SLURM_NTASKS"
    ),
    "pbs": "PBS_JOBID PBS_JOBNAME PBS_QUEUE PBS_ARRAY_INDEX",
    "lsf": "LSB_JOBID LSB_JOBNAME LSB_QUEUE LSB_JOBINDEX",
    "sge": "SGE_TASK_ID JOB_ID JOB_NAME QUEUE",
    "htcondor": "_CONDOR_JOB_AD CONDOR_JOB_ID",
    "kubernetes": "KUBERNETES_SERVICE_HOST POD_NAME POD_NAMESPACE JOB_COMPLETION_INDEX",
    "ray": "RAY_JOB_ID RAY_CLUSTER_NAME",
    "sagemaker": "TRAINING_JOB_NAME SM_CURRENT_HOST SM_NUM_GPUS",
    "vertex-ai": "CLOUD_ML_JOB_ID CLOUD_ML_PROJECT_ID",
    "azure-ml": "AZUREML_RUN_ID AZUREML_EXPERIMENT_ID",
    "aws-batch": "AWS_BATCH_JOB_ID AWS_BATCH_JOB_ATTEMPT AWS_BATCH_JOB_ARRAY_INDEX",
    "databricks": "DATABRICKS_RUNTIME_VERSION DB_CLUSTER_ID",
    "airflow": "AIRFLOW_CTX_DAG_ID AIRFLOW_CTX_TASK_ID AIRFLOW_CTX_DAG_RUN_ID",
    "github-actions": "GITHUB_RUN_ID GITHUB_WORKFLOW GITHUB_SHA",
    "gitlab-ci": "GITLAB_CI CI_PIPELINE_ID CI_JOB_ID CI_COMMIT_SHA",
    "jenkins": "JENKINS_URL BUILD_TAG",
}
_NOTEBOOKS = {
    "colab": "COLAB_RELEASE_TAG",
    "kaggle": "KAGGLE_KERNEL_RUN_TYPE",
    "databricks": "DATABRICKS_RUNTIME_VERSION",
    "vscode": "VSCODE_PID",
}


def describe_python() -> dict[str, Any]:
    """Return version, implementation, executable and build of the interpreter."""
    implementation = sys.implementation
    facts: dict[str, Any] = {
        "version": ".".join(map(str, sys.version_info[:3]))
        + _level(sys.version_info.releaselevel, sys.version_info.serial),
        "implementation": {"cpython": "CPython", "pypy": "PyPy"}.get(
            implementation.name, implementation.name
        ),
        "executable": Path(sys.executable).name if sys.executable else "",
        "build": sys.version,
        "platform": sys.platform,
        "virtual_environment": sys.prefix != sys.base_prefix,
        "flags": {
            name: int(getattr(sys.flags, name))
            for name in ("optimize", "dev_mode", "isolated", "utf8_mode", "hash_randomization")
        },
        "recursion_limit": sys.getrecursionlimit(),
    }
    gil = getattr(sys, "_is_gil_enabled", None)
    if gil is not None:
        facts["gil"] = bool(gil())
    return facts


def describe_process(script: Path | None = None) -> dict[str, Any]:
    """Return command line, script, folder, user, host, system, scheduler and variables of this
    process.

    Paths below the project are told relative to it, others below the home with ``~``.

    Args:
        script: the entry script, if there is one.
    """
    folder = working_folder()
    start = script.parent if script is not None else folder
    project = None if start is None else find_project(start)
    facts: dict[str, Any] = {
        "command": [_short(argument, project) for argument in redact_argv(list(sys.orig_argv))],
        "script": _short(str(script), project) if script is not None else None,
        "folder": None if folder is None else _short(str(folder), project),
        "project": None if project is None else project.name,
        "pid": os.getpid(),
        "parent_pid": os.getppid(),
        "user": user_name(),
        "host": host_name(),
        "system": {**system(), **_distribution()},
        "locale": {
            name: os.environ[name] for name in ("LC_ALL", "LC_CTYPE", "LANG") if name in os.environ
        },
        "encoding": sys.getfilesystemencoding(),
        "timezone": _timezone(),
        "variables": redact_mapping(
            {name: os.environ[name] for name in VARIABLES if name in os.environ}
        ),
    }
    hints = {"notebook": _notebook(), "container": _container(), "scheduler": _scheduler()}
    return {**facts, **{name: hint for name, hint in hints.items() if hint}}


def _level(level: str, serial: int) -> str:
    return {"alpha": f"a{serial}", "beta": f"b{serial}", "candidate": f"rc{serial}"}.get(level, "")


def _short(text: str, project: Path | None) -> str:
    """Return a path relative to the project, or to the user's home; anything else as it is."""
    if not text.startswith("/"):
        return text
    for start, shown in ((str(project or "/"), "."), (os.path.expanduser("~"), "~")):  # noqa: PTH111 - `Path.home()` may raise
        if start != "/" and text == start:
            return shown
        if start != "/" and text.startswith(f"{start}/"):
            return text[len(start) + 1 :] if shown == "." else shown + text[len(start) :]
    return text


def _distribution() -> dict[str, str]:
    facts = {}
    names = [
        line.partition("=")[2].strip('"')
        for line in _lines("/etc/os-release")
        if line.startswith("PRETTY_NAME=")
    ]
    if names:
        facts["distribution"] = names[0]
    libc = c_library()
    return {**facts, "libc": libc} if libc else facts


def _timezone() -> dict[str, Any]:
    local = time.localtime()
    return {"name": local.tm_zone, "offset_minutes": local.tm_gmtoff // 60}


def _notebook() -> str:
    if "ipykernel" not in sys.modules and "google.colab" not in sys.modules:
        return "ipython" if hasattr(sys, "ps1") and "IPython" in sys.modules else ""
    return next(
        (name for name, variable in _NOTEBOOKS.items() if variable in os.environ), "jupyter"
    )


def _container() -> str:
    if "KUBERNETES_SERVICE_HOST" in os.environ:
        return "kubernetes"
    for mark, name in (
        ("/.dockerenv", "docker"),
        ("/run/.containerenv", "podman"),
        ("/singularity", "singularity"),
    ):
        if Path(mark).exists():
            return name
    if "APPTAINER_CONTAINER" in os.environ or "SINGULARITY_CONTAINER" in os.environ:
        return "apptainer"
    text = " ".join(_lines("/proc/1/cgroup"))
    return next((name for name in ("docker", "kubepods", "containerd", "lxc") if name in text), "")


def _scheduler() -> dict[str, Any]:
    """Return the scheduler's name and its variables; the innermost, which is listed first, where
    there are several.
    """
    for name, variables in _SCHEDULERS.items():
        first, *others = variables.split()
        if first in os.environ:
            return {
                "name": name,
                **redact_mapping(
                    {key: os.environ[key] for key in (first, *others) if key in os.environ}
                ),
            }
    return {}


def _lines(path: str) -> list[str]:
    try:
        return Path(path).read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return []
