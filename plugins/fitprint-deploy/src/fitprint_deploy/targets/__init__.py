"""Where models serve: images, a host by compose or systemd, Kubernetes, KServe."""

from __future__ import annotations
