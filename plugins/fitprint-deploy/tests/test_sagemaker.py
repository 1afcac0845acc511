"""SageMaker, against a mock of the cloud, and against botocore's own description of it."""

from __future__ import annotations

import json
import types
from collections.abc import Callable, Iterator
from typing import Any

import pytest

import fitprint
from fitprint.hooks.targets import Release
from fitprint_deploy.errors import DeployError
from fitprint_deploy.targets.sagemaker import SageMakerTarget

boto3 = pytest.importorskip("boto3")
moto = pytest.importorskip("moto")

IMAGE = f"123456789012.dkr.ecr.eu-west-1.amazonaws.com/churn@sha256:{'0123456789abcdef' * 4}"
ROLE = "arn:aws:iam::123456789012:role/serve"
OPTIONS = {"image": IMAGE, "role": ROLE, "region": "eu-west-1"}
WORDS = [word for key, value in OPTIONS.items() for word in ("--option", f"{key}={value}")]

Command = Callable[..., tuple[int, str, str]]


@pytest.fixture(autouse=True)
def _own_session(monkeypatch: pytest.MonkeyPatch) -> None:
    """boto3's session keeps the credentials that it found first."""
    monkeypatch.setattr(boto3, "DEFAULT_SESSION", None)


@pytest.fixture
def cloud(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A client of the mock, and `updates`: an endpoint's updates, which the mock does not know;
    they are taken, and the next look at the endpoint sees them.
    """
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "x")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "y")
    monkeypatch.delenv("AWS_PROFILE", raising=False)
    updates: list[dict[str, Any]] = []

    def update(params: dict[str, Any], **_: Any) -> Any:
        updates.append(json.loads(params["body"]))
        return types.SimpleNamespace(status_code=200), {"EndpointArn": "arn"}

    def describe(parsed: dict[str, Any], **_: Any) -> None:
        if updates and "EndpointConfigName" in parsed:
            parsed["EndpointConfigName"] = updates[-1]["EndpointConfigName"]

    with moto.mock_aws():
        boto3.setup_default_session()
        events = boto3.DEFAULT_SESSION.events
        events.register("before-call.sagemaker.UpdateEndpoint", update)
        events.register("after-call.sagemaker.DescribeEndpoint", describe)
        yield types.SimpleNamespace(
            client=boto3.client("sagemaker", region_name="eu-west-1"), updates=updates
        )


def test_what_is_rendered_is_what_the_interface_takes(releases: Callable[..., Release]) -> None:
    target = SageMakerTarget()
    rendering = target.render(releases(options=OPTIONS))
    assert rendering.digest == target.render(releases(options=dict(OPTIONS))).digest
    assert [] == list(target.validate(rendering))
    files = {**rendering.files, "endpoint.json": '{"EndpointName": 3}'}
    (problem,) = target.validate(type(rendering)(rendering.release, files))
    assert problem.startswith("endpoint.json: ")


def test_an_endpoint_is_made_then_led_to_a_new_configuration_and_back(
    cloud: Any, register: Callable[..., int], command: Command
) -> None:
    """Each version has a model and a configuration of its own; the first ones are still there for
    the way back.
    """
    register("churn", accuracy=0.5)
    register("churn", accuracy=0.6)
    assert 0 == command("deploy", "apply", "sagemaker", "models:/churn/1", *WORDS)[0]
    assert 0 == command("deploy", "apply", "sagemaker", "models:/churn/1", *WORDS)[0]
    assert [] == cloud.updates
    first = cloud.client.describe_endpoint(EndpointName="churn")["EndpointConfigName"]
    assert 0 == command("deploy", "apply", "sagemaker", "models:/churn/2", *WORDS)[0]
    (update,) = cloud.updates
    assert first != update["EndpointConfigName"]
    assert "BlueGreenUpdatePolicy" in update["DeploymentConfig"]
    configs = cloud.client.list_endpoint_configs()["EndpointConfigs"]
    assert {first, update["EndpointConfigName"]} == {each["EndpointConfigName"] for each in configs}
    assert 0 == command("deploy", "rollback", "sagemaker", "models:/churn")[0]
    assert first == cloud.updates[-1]["EndpointConfigName"]
    status, output, _ = command("deploy", "status", "sagemaker", "models:/churn")
    assert 0 == status
    assert f"InService, with {first}" in output
    assert 0 == command("deploy", "delete", "sagemaker", "models:/churn")[0]
    assert [] == cloud.client.list_endpoints()["Endpoints"]


@pytest.mark.parametrize(
    ("removed", "told"),
    [
        (("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"), "there are no credentials for AWS"),
        (("region",), "no region is set: --option region=NAME"),
    ],
)
def test_fault_9_missing_credentials_are_told_with_the_remedy(
    removed: tuple[str, ...],
    told: str,
    register: Callable[..., int],
    command: Command,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Any,
) -> None:
    for name in ("AWS_DEFAULT_REGION", "AWS_REGION", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "x")
        if name in removed:
            monkeypatch.delenv(name)
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.setenv(name, str(tmp_path / "none"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    register("churn")
    options = {key: value for key, value in OPTIONS.items() if key not in removed}
    words = [word for key, value in options.items() for word in ("--option", f"{key}={value}")]
    status, _, errors = command("deploy", "apply", "sagemaker", "models:/churn/1", *words)
    assert 2 == status
    assert told in errors
    assert {} == dict(fitprint.get_registered_model("churn").aliases)


def test_fault_9_a_role_that_is_none_is_told(releases: Callable[..., Release]) -> None:
    with pytest.raises(DeployError, match="role is arn:aws:iam"):
        SageMakerTarget().render(releases(options={**OPTIONS, "role": "serve"}))
