"""What targets render: the same bytes for the same release, whole, and sound by others' rules."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from fitprint.hooks.targets import Release, Rendering, Target
from fitprint_deploy.errors import DeployError
from fitprint_deploy.targets.compose import ComposeTarget
from fitprint_deploy.targets.image import ImageTarget
from fitprint_deploy.targets.kserve import KServeTarget
from fitprint_deploy.targets.kubernetes import KubernetesTarget
from fitprint_deploy.targets.systemd import SystemdTarget

DIGEST = f"sha256:{'0123456789abcdef' * 4}"
IMAGE = f"registry.test/team/churn@{DIGEST}"
BASE = f"python@{DIGEST}"

ALL: list[tuple[Target, Mapping[str, str]]] = [
    (ImageTarget(), {"base": BASE}),
    (ComposeTarget(), {"image": IMAGE, "port": "9000"}),
    (SystemdTarget(), {"place": "/srv/models"}),
    (KubernetesTarget(), {"image": IMAGE, "namespace": "shop", "secret": "churn-token"}),
    (KServeTarget(), {"image": IMAGE, "replicas": "0"}),
]
NAMES = [target.name for target, _ in ALL]


def whole(rendering: Rendering) -> str:
    """Return all files as one text, as the golden files have them."""
    return "".join(f"==> {path}\n{text}" for path, text in rendering.files.items())


@pytest.mark.parametrize(("target", "options"), ALL, ids=NAMES)
def test_the_same_release_gives_the_bytes_of_the_golden_files(
    target: Target, options: Mapping[str, str], releases: Callable[..., Release]
) -> None:
    """A change of what is rendered is seen in the files beside this test."""
    rendering = target.render(releases(options=options))
    assert rendering.digest == target.render(releases(options=dict(options))).digest
    golden = Path(__file__).parent / "golden" / f"{target.name}.txt"
    assert golden.read_text(encoding="utf-8") == whole(rendering)


@pytest.mark.parametrize(("target", "options"), ALL, ids=NAMES)
def test_what_is_rendered_is_sound(
    target: Target, options: Mapping[str, str], releases: Callable[..., Release]
) -> None:
    assert [] == list(target.validate(target.render(releases(options=options))))


@pytest.mark.parametrize(("target", "options"), ALL, ids=NAMES)
def test_another_model_gives_other_bytes(
    target: Target, options: Mapping[str, str], releases: Callable[..., Release]
) -> None:
    one = target.render(releases(options=options))
    other = target.render(releases(options=options, digest=f"sha256:{'cd' * 32}"))
    assert one.digest != other.digest


def test_kubernetes_own_schemas_judge_manifests(releases: Callable[..., Release]) -> None:
    """A field that Kubernetes does not know is a problem, with its file."""
    pytest.importorskip("kubernetes_validate")
    target = KubernetesTarget()
    rendering = target.render(releases(options={"image": IMAGE}))
    service = yaml.safe_load(str(rendering.files["service.yaml"]))
    service["spec"]["colour"] = "blue"
    broken = type(rendering)(rendering.release, {"service.yaml": yaml.safe_dump(service)})
    (problem,) = target.validate(broken)
    assert problem.startswith("service.yaml: ")
    assert "colour" in problem


@pytest.mark.parametrize(
    ("target", "options", "told"),
    [
        (ImageTarget(), {}, "base is NAME@sha256:DIGEST, and it is missing"),
        (ImageTarget(), {"base": "python:3.12"}, "not 'python:3.12'"),
        (ImageTarget(), {"base": BASE, "trust": "a b"}, "trust is names"),
        (KubernetesTarget(), {}, "fitprint image build models:/churn/3"),
        (KubernetesTarget(), {"image": "churn:3"}, "not 'churn:3'"),
        (KubernetesTarget(), {"image": IMAGE, "replicas": "none"}, "replicas is a whole number"),
        (KubernetesTarget(), {"image": IMAGE, "replicas": "0"}, "from 1 on"),
        (
            KubernetesTarget(),
            {"image": IMAGE, "replicas": "5", "max-replicas": "2"},
            "max-replicas is 2, less than replicas, 5",
        ),
        (KubernetesTarget(), {"image": IMAGE, "namespace": "a: b"}, "namespace is letters"),
        (ComposeTarget(), {"image": IMAGE, "port": "99999"}, "port is below 65536"),
        (SystemdTarget(), {}, "place is the folder"),
        (SystemdTarget(), {"place": "/srv/../etc"}, "not '/srv/../etc'"),
        (SystemdTarget(), {"place": "/srv/a b"}, "not '/srv/a b'"),
    ],
)
def test_fault_9_options_that_make_no_sense_are_told(
    target: Target, options: Mapping[str, str], told: str, releases: Callable[..., Release]
) -> None:
    with pytest.raises(DeployError, match=_literal(told)):
        target.render(releases(options=options))


def test_text_of_the_record_is_never_syntax(releases: Callable[..., Release]) -> None:
    """A model's name may have quotes and dollars; they stay text everywhere."""
    odd = 'a"; $HOME: %n'
    release = releases(model=odd, uri=f"models:/{odd}/3", options={"base": BASE})
    text = str(ImageTarget().render(release).files["Dockerfile"])
    assert 'fitprint.model="a\\"; \\$HOME: %n"' in text
    unit = SystemdTarget().render(
        releases(uri=f"models:/{odd}/3", options={"place": "/srv/models"})
    )
    assert 'Description=models:/a"; $HOME: %%n/3' in str(unit.files["churn.service"])
    content = KubernetesTarget().render(releases(uri=f"models:/{odd}/3", options={"image": IMAGE}))
    pod = yaml.safe_load(str(content.files["deployment.yaml"]))["spec"]["template"]
    assert f"models:/{odd}/3" == pod["metadata"]["annotations"]["fitprint/uri"]


class TestPackages:
    """What an image installs."""

    def wheels(self, folder: Path, *names: str) -> str:
        folder.mkdir()
        for name in names:
            (folder / f"{name}-py3-none-any.whl").write_bytes(name.encode())
        return str(folder)

    def test_without_hashes_the_recorded_versions_are_constraints(
        self, releases: Callable[..., Release]
    ) -> None:
        rendering = ImageTarget().render(releases(options={"base": BASE}))
        assert "joblib==1.4.2\nscipy==1.14.1\n" == rendering.files["constraints.txt"]
        assert any("no hashes" in note for note in rendering.notes)

    def test_a_folder_of_wheels_is_the_lock(
        self, releases: Callable[..., Release], tmp_path: Path
    ) -> None:
        """All of it is required by its hash, and nothing else may come."""
        have = ("fitprint-0.1.0", "fitprint_serve-0.1.0", "fitprint_sklearn-0.1.0")
        more = ("numpy-2.1.0", "scikit_learn-1.5.2", "joblib-1.4.2")
        options = {"base": BASE, "wheels": self.wheels(tmp_path / "wheels", *have, *more)}
        rendering = ImageTarget().render(releases(options=options))
        lines = str(rendering.files["requirements.txt"]).splitlines()
        assert 12 == len(lines)
        assert "joblib==1.4.2 \\" == lines[6]
        assert lines[7].startswith("    --hash=sha256:")
        assert "--require-hashes --no-index" in str(rendering.files["Dockerfile"])
        bill = json.loads(str(rendering.files["sbom.cdx.json"]))
        assert all(each["hashes"] for each in bill["components"])
        assert [] == list(rendering.notes)

    @pytest.mark.parametrize(
        ("names", "told"),
        [
            ((), "has no wheels"),
            (("numpy-2.1.0", "numpy-2.2.0"), "numpy in two versions, 2.1.0 and 2.2.0"),
            (("numpy-2.1.0",), "pip download --only-binary :all: --dest"),
            (("fitprint-0.0.9",), "fitprint==0.1.0, and"),
        ],
    )
    def test_fault_9_a_folder_that_does_not_do_is_told(
        self, names: tuple[str, ...], told: str, releases: Callable[..., Release], tmp_path: Path
    ) -> None:
        folder = self.wheels(tmp_path / "wheels", *names)
        with pytest.raises(DeployError, match=_literal(told)):
            ImageTarget().render(releases(options={"base": BASE, "wheels": folder}))

    def test_the_list_of_contents_is_accepted_by_the_schema_of_cyclonedx(
        self, releases: Callable[..., Release]
    ) -> None:
        validation = pytest.importorskip("cyclonedx.validation.json")
        schema = pytest.importorskip("cyclonedx.schema")
        rendering = ImageTarget().render(releases(options={"base": BASE}))
        judge = validation.JsonStrictValidator(schema.SchemaVersion.V1_5)
        assert judge.validate_str(str(rendering.files["sbom.cdx.json"])) is None

    def test_fault_9_a_requirement_without_a_version_is_told(
        self, releases: Callable[..., Release]
    ) -> None:
        with pytest.raises(DeployError, match="names no version"):
            ImageTarget().render(releases(requirements=("numpy>=2",), options={"base": BASE}))


class TestEntry:
    """The program with which a container begins."""

    @pytest.mark.parametrize(
        ("given", "variables", "expected"),
        [
            ([], {"PORT": "8080"}, ["--port", "8080", "--trust", "my.Model"]),
            (["serve"], {"PORT": "8080"}, ["--port", "8080", "--trust", "my.Model", "--insecure"]),
            (
                ["--timeout", "5"],
                {"PORT": "8080", "AIP_HTTP_PORT": "7080"},
                ["--port", "7080", "--trust", "my.Model", "--timeout", "5"],
            ),
        ],
    )
    def test_it_takes_the_word_serve_and_options(
        self,
        given: list[str],
        variables: Mapping[str, str],
        expected: list[str],
        releases: Callable[..., Release],
        tmp_path: Path,
    ) -> None:
        options = {"base": BASE, "trust": "my.Model"}
        rendering = ImageTarget().render(releases(options=options))
        # `python -m fitprint` finds this module first, and it prints what it gets
        (tmp_path / "fitprint.py").write_text("import sys; print(*sys.argv[1:])\n")
        (tmp_path / "serve.py").write_text(str(rendering.files["serve.py"]))
        done = subprocess.run(
            [sys.executable, "serve.py", *given],
            cwd=tmp_path,
            env={**variables, "PYTHONPATH": str(tmp_path)},
            capture_output=True,
            text=True,
            check=True,
        )
        beginning = "serve /opt/ml/model --host 0.0.0.0".split()
        assert [*beginning, *expected] == done.stdout.split()


def test_kserve_gets_what_its_controller_looks_for(releases: Callable[..., Release]) -> None:
    """The container's name, and a port of HTTP, are KServe's; the rest is a pod's."""
    rendering = KServeTarget().render(releases(options={"image": IMAGE, "replicas": "0"}))
    content: dict[str, Any] = yaml.safe_load(str(rendering.files["inferenceservice.yaml"]))
    assert ("serving.kserve.io/v1beta1", "InferenceService") == (
        content["apiVersion"],
        content["kind"],
    )
    predictor = content["spec"]["predictor"]
    (container,) = predictor["containers"]
    assert (0, 10, "kserve-container", IMAGE) == (
        predictor["minReplicas"],
        predictor["maxReplicas"],
        container["name"],
        container["image"],
    )
    assert [{"name": "http1", "containerPort": 8080, "protocol": "TCP"}] == container["ports"]


def _literal(text: str) -> str:
    return re.escape(text)
