"""What is said to the programs that bring models to their places, and what becomes of what they
say. The programs only note how they were called.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import fitprint

DIGEST = f"sha256:{'0123456789abcdef' * 4}"
IMAGE = f"registry.test/team/churn@{DIGEST}"
URI = "models:/churn/1"

Command = Callable[..., tuple[int, str, str]]


@pytest.fixture
def model(register: Callable[..., int]) -> int:
    """A registered model."""
    return register("churn")


class TestKubernetes:
    """kubectl applies a folder, and waits."""

    apply = ("deploy", "apply", "kubernetes", URI, "--option", f"image={IMAGE}")

    def test_it_applies_the_folder_and_waits_for_the_pods(
        self, model: int, programs: Any, command: Command, place: Path
    ) -> None:
        programs.make("kubectl")
        words = ["--option", "namespace=shop", "--option", "context=lab", "-o", "k8s"]
        assert 0 == command(*self.apply, *words)[0]
        where = ["--context=lab", "--namespace=shop"]
        assert [
            [*where, "apply", "--filename=k8s"],
            [*where, "rollout", "status", "deployment/churn", "--timeout=300s"],
        ] == programs.calls("kubectl")
        assert {"deployment.yaml", "service.yaml"} <= {each.name for each in place.glob("k8s/*")}

    def test_status_counts_pods(self, model: int, programs: Any, command: Command) -> None:
        found = {
            "spec": {
                "replicas": 3,
                "template": {"spec": {"containers": [{"image": IMAGE}]}},
            },
            "status": {"readyReplicas": 2},
        }
        programs.make("kubectl", {"get": {"out": json.dumps(found)}})
        command(*self.apply)
        status, output, _ = command("deploy", "status", "kubernetes", "models:/churn")
        assert 0 == status
        assert f"2 of 3 pods are ready, with {IMAGE}" in output

    def test_delete_names_what_is_ours(self, model: int, programs: Any, command: Command) -> None:
        programs.make("kubectl")
        command(*self.apply)
        assert 0 == command("deploy", "delete", "kubernetes", "models:/churn")[0]
        call = programs.calls("kubectl")[-1]
        assert "app.kubernetes.io/instance=churn" in call[2]
        assert "delete" == call[0]

    def test_fault_9_without_kubectl_nothing_is_recorded(
        self, model: int, programs: Any, command: Command
    ) -> None:
        status, _, errors = command(*self.apply)
        assert 2 == status
        assert "there is no kubectl here; install it" in errors
        assert {} == dict(fitprint.get_registered_model("churn").aliases)

    def test_fault_9_a_cluster_that_refuses_is_quoted(
        self, model: int, programs: Any, command: Command
    ) -> None:
        programs.make("kubectl", {"apply": {"status": 1, "err": "Unauthorized"}})
        status, _, errors = command(*self.apply)
        assert 1 == status
        assert "kubectl failed with status 1: Unauthorized; `kubectl config" in errors
        assert {} == dict(fitprint.get_registered_model("churn").aliases)

    def test_of_a_long_quotation_whole_lines_are_kept(
        self, model: int, programs: Any, command: Command
    ) -> None:
        said = "\n".join(f"line {number}" for number in range(1000))
        programs.make("kubectl", {"apply": {"status": 1, "err": said}})
        _, _, errors = command(*self.apply)
        assert re.search(r"status 1: \.\.\. line \d{3}\n", errors)
        assert "line 999; `kubectl config" in errors


def test_kserve_waits_until_it_is_ready(model: int, programs: Any, command: Command) -> None:
    state = {
        "status": {"url": "http://churn.test", "conditions": [{"type": "Ready", "status": "True"}]}
    }
    programs.make("kubectl", {"get": {"out": json.dumps(state)}})
    assert 0 == command("deploy", "apply", "kserve", URI, "--option", f"image={IMAGE}")[0]
    assert ["wait", "--for=condition=Ready", "inferenceservice/churn", "--timeout=300s"] == (
        programs.calls("kubectl")[-1]
    )
    _, output, _ = command("deploy", "status", "kserve", "models:/churn")
    assert "is ready at http://churn.test" in output


@pytest.mark.parametrize(
    "said",
    [
        '[{"Service": "serve", "State": "running"}]\n',
        '{"Service": "serve", "State": "running"}\n',
    ],
)
def test_compose_is_brought_up_and_asked(
    said: str, model: int, programs: Any, command: Command
) -> None:
    """Its versions print a list, or an object in each line."""
    programs.make("podman", {"ps": {"out": said}})
    assert (
        0 == command("deploy", "apply", "compose", URI, "--option", f"image={IMAGE}", "-o", "c")[0]
    )
    (call,) = programs.calls("podman")
    assert "compose --file c/compose.yaml --project-name churn up --detach".split() == call[:7]
    _, output, _ = command("deploy", "status", "compose", "models:/churn")
    assert "serve is running" in output


def test_systemd_gets_an_environment_and_a_unit_and_keeps_the_one_before(
    model: int,
    register: Callable[..., int],
    programs: Any,
    command: Command,
    place: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What serves has a folder of its own, so the way back builds nothing; what else lies there is
    not ours to remove.
    """
    theirs = place / "srv/churn/data/table.csv"
    theirs.parent.mkdir(parents=True)
    theirs.touch()
    monkeypatch.setenv("XDG_CONFIG_HOME", str(place / "config"))
    programs.make("uv")
    programs.make("systemctl")
    register("churn", accuracy=0.5)
    register("churn", accuracy=0.6)
    units = place / "config/systemd/user"
    served = []
    for version in (1, 2, 3):
        option = f"place={place}/srv"
        assert (
            0
            == command(
                "deploy", "apply", "systemd", f"models:/churn/{version}", "--option", option
            )[0]
        )
        text = (units / "churn.service").read_text()
        served.append(Path(text.partition("ExecStart=")[2].partition("/venv/")[0]))
    assert ["show", "restart", "enable", "daemon-reload"][1:] == [
        call[1] for call in reversed(programs.calls("systemctl")[-3:])
    ]
    assert sorted([*served[1:], theirs.parent]) == sorted((place / "srv/churn").iterdir())
    assert (served[2] / "files/model/MLmodel").is_file()
    built = len(programs.calls("uv"))
    assert 0 == command("deploy", "rollback", "systemd", "models:/churn")[0]
    assert str(served[1]) in (units / "churn.service").read_text()
    assert built == len(programs.calls("uv"))
    assert 0 == command("deploy", "delete", "systemd", "models:/churn")[0]
    assert [] == list(units.iterdir())
    assert [theirs.parent] == list((place / "srv/churn").iterdir())
    assert theirs.is_file()


class TestImage:
    """Images are built, and pushed, by what is here."""

    build = ("image", "build", URI, "--option")
    base = f"base=python@{DIGEST}"

    def test_it_is_built_by_the_first_tool(
        self, model: int, programs: Any, command: Command
    ) -> None:
        programs.make("buildah", {"build": {"files": {"iidfile": f"{DIGEST}\n"}}})
        programs.make("podman")
        status, output, _ = command(*self.build, self.base, "-o", "folder")
        assert (0, DIGEST) == (status, output.strip())
        (call,) = programs.calls("buildah")
        created = fitprint.get_model_version(URI).record.created // 1_000_000
        assert ["build", "--layers", "--format=docker", f"--timestamp={created}"] == call[:4]
        assert ["--tag=localhost/churn:1", "folder"] == call[-2:]

    def test_what_is_pushed_is_named_by_its_digest(
        self, model: int, programs: Any, command: Command
    ) -> None:
        other = f"sha256:{'ab' * 32}"
        says = {
            "build": {"files": {"iidfile": DIGEST}},
            "push": {"files": {"digestfile": other}},
        }
        programs.make("podman", says)
        words = ["--option", "tag=registry.test:5000/churn:1", "--option", "push=yes"]
        status, output, _ = command(*self.build, self.base, *words, "--engine", "podman")
        assert (0, f"registry.test:5000/churn@{other}") == (status, output.strip())

    def test_a_base_by_its_tag_is_resolved_before_anything_is_rendered(
        self, model: int, programs: Any, command: Command
    ) -> None:
        programs.make("skopeo", {"inspect": {"out": f"{DIGEST}\n"}})
        render = ("deploy", "render", "image", URI, "--option", "base=python:3.12-slim")
        status, output, _ = command(*render)
        assert 0 == status
        assert f"FROM python@{DIGEST} AS build" in output
        (call,) = programs.calls("skopeo")
        assert "docker://python:3.12-slim" == call[-1]

    @pytest.mark.parametrize(
        ("words", "says", "expected", "told"),
        [
            ([], None, 2, "there is no buildah or docker or podman here; install one"),
            (["--engine", "docker"], {}, 2, "there is no docker here"),
            (["--option", "tag=-x"], {}, 2, "tag is the name of an image"),
            ([], {"build": {"status": 125, "err": "no space left"}}, 1, "no space left"),
            (
                ["--option", "push=yes"],
                {
                    "build": {"files": {"iidfile": DIGEST}},
                    "push": {"status": 1, "err": "unauthorized: authentication required"},
                },
                1,
                "authentication required; log in with `buildah login`",
            ),
        ],
    )
    def test_fault_9_no_tool_and_tools_that_fail_are_told_with_the_remedy(
        self,
        words: list[str],
        says: Any,
        expected: int,
        told: str,
        model: int,
        programs: Any,
        command: Command,
    ) -> None:
        if says is not None:
            programs.make("buildah", says)
        status, _, errors = command(*self.build, self.base, *words)
        assert expected == status
        assert told in errors

    def test_fault_9_without_a_tool_the_digest_of_the_base_is_asked_for(
        self, model: int, programs: Any, command: Command
    ) -> None:
        status, _, errors = command("deploy", "render", "image", URI)
        assert 2 == status
        assert "say the digest of the base yourself: --option base=docker.io/" in errors
