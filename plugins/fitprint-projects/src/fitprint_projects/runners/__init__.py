"""Where projects run: on this machine, in a container, on Slurm, on Kubernetes."""

from __future__ import annotations
