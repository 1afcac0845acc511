"""SageMaker: an endpoint, which changes to a new configuration while the old one answers."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from fitprint.arguments import shown
from fitprint.hooks.targets import Release, Rendering, Target
from fitprint_deploy.errors import DeployError, TargetRefusedError
from fitprint_deploy.options import count_of, image_of, word_of

__all__ = ["SageMakerTarget"]

_ROLE = re.compile(r"arn:[a-z-]+:iam::\d{12}:role/[\w+=,.@/-]+")
_PAUSE, _LOOKS = 15, 120  # seconds, and how often: half an hour
_KEY = 12  # digits of a digest
_CALLS = {
    "model.json": "CreateModel",
    "endpoint-config.json": "CreateEndpointConfig",
    "endpoint.json": "CreateEndpoint",
}
# all traffic at once to new instances, which answer before the old ones are given back
_BLUE_GREEN = {
    "BlueGreenUpdatePolicy": {
        "TrafficRoutingConfiguration": {"Type": "ALL_AT_ONCE", "WaitIntervalInSeconds": 60},
        "TerminationWaitInSeconds": 60,
    }
}


class SageMakerTarget(Target):
    """A model and a configuration of their own for each rendering, and an endpoint that is led to
    it. The files are the requests of SageMaker's interface.
    """

    name = "sagemaker"
    options = {  # noqa: RUF012 - never changed
        "image": "in ECR, as NAME@sha256:DIGEST, from `fitprint image build`",
        "role": "which the endpoint takes on, as arn:aws:iam::ACCOUNT:role/NAME",
        "region": "by default that of the AWS configuration",
        "instance": "ml.m5.large by default",
        "count": "of instances; 1 by default",
    }

    def render(self, release: Release) -> Rendering:
        role = release.options.get("role", "")
        if not _ROLE.fullmatch(role):
            raise DeployError(
                f"the option role is arn:aws:iam::ACCOUNT:role/NAME, not {shown(role)}"
            )
        about = [
            {"Key": f"fitprint:{key}", "Value": value}
            for key, value in (("digest", release.digest), ("run", release.run))
            if value
        ]
        variant = {
            "VariantName": "serve",
            "InstanceType": word_of(release, "instance", "ml.m5.large"),
            "InitialInstanceCount": count_of(release, "count", 1),
            "InitialVariantWeight": 1.0,
        }
        model = {
            "PrimaryContainer": {"Image": image_of(release)},
            "ExecutionRoleArn": role,
            "EnableNetworkIsolation": True,
            "Tags": about,
        }
        told = json.dumps([model, variant], sort_keys=True)
        name = f"{release.name}-{hashlib.sha256(told.encode()).hexdigest()[:_KEY]}"
        requests: dict[str, dict[str, Any]] = {
            "model.json": {"ModelName": name, **model},
            "endpoint-config.json": {
                "EndpointConfigName": name,
                "ProductionVariants": [{**variant, "ModelName": name}],
                "Tags": about,
            },
            "endpoint.json": {"EndpointName": release.name, "EndpointConfigName": name},
        }
        files = {path: json.dumps(each, indent=2) + "\n" for path, each in requests.items()}
        return Rendering(release, files)

    def validate(self, rendering: Rendering) -> Sequence[str]:
        if find_spec("botocore") is None:
            return ()
        from botocore.session import get_session
        from botocore.validate import ParamValidator

        known = get_session().get_service_model("sagemaker")
        found = []
        for path, call in _CALLS.items():
            content = json.loads(str(rendering.files[path]))
            report = ParamValidator().validate(content, known.operation_model(call).input_shape)
            if report.has_errors():
                found.append(f"{path}: {report.generate_report()}")
        return found

    def apply(self, rendering: Rendering, folder: Path) -> Mapping[str, str]:  # noqa: ARG002
        model, config, endpoint = (json.loads(str(rendering.files[path])) for path in _CALLS)
        name, place = config["EndpointConfigName"], endpoint["EndpointName"]
        with _client(rendering.release) as client:
            if _found(client.describe_model, ModelName=name) is None:
                client.create_model(**model)
            if _found(client.describe_endpoint_config, EndpointConfigName=name) is None:
                client.create_endpoint_config(**config)
            there = _found(client.describe_endpoint, EndpointName=place)
            if there is None:
                client.create_endpoint(**endpoint)
            elif there["EndpointConfigName"] != name:
                client.update_endpoint(**endpoint, DeploymentConfig=_BLUE_GREEN)
            client.get_waiter("endpoint_in_service").wait(
                EndpointName=place, WaiterConfig={"Delay": _PAUSE, "MaxAttempts": _LOOKS}
            )
            now = client.describe_endpoint(EndpointName=place)
        if now["EndpointConfigName"] != name:
            raise TargetRefusedError(
                f"SageMaker went back to {now['EndpointConfigName']}: "
                f"{now.get('FailureReason') or 'the log of the endpoint says why'}"
            )
        return {"image": rendering.release.options["image"], "endpoint": now["EndpointArn"]}

    def status(self, release: Release) -> str:
        with _client(release) as client:
            found = _found(client.describe_endpoint, EndpointName=release.name)
        if found is None:
            return "there is none"
        return f"{found['EndpointStatus']}, with {found['EndpointConfigName']}"

    def delete(self, release: Release) -> None:
        with _client(release) as client:
            found = _found(client.describe_endpoint, EndpointName=release.name)
            if found is not None:
                name = found["EndpointConfigName"]
                client.delete_endpoint(EndpointName=release.name)
                client.delete_endpoint_config(EndpointConfigName=name)
                client.delete_model(ModelName=name)


@contextmanager
def _client(release: Release) -> Iterator[Any]:
    """Give SageMaker's client; what it raises inside the block becomes ours.

    Raises:
        DeployError: boto3, a region or credentials are missing.
        TargetRefusedError: SageMaker says no.
    """
    try:
        import boto3
        from botocore.exceptions import (
            BotoCoreError,
            ClientError,
            NoCredentialsError,
            NoRegionError,
            WaiterError,
        )
    except ImportError:
        raise DeployError("SageMaker is reached by boto3: pip install boto3") from None
    try:
        yield boto3.client("sagemaker", region_name=word_of(release, "region") or None)
    except NoRegionError:
        raise DeployError("no region is set: --option region=NAME, or AWS_DEFAULT_REGION") from None
    except NoCredentialsError:
        raise DeployError(
            "there are no credentials for AWS: `aws configure`, or set AWS_ACCESS_KEY_ID and "
            "AWS_SECRET_ACCESS_KEY"
        ) from None
    except (ClientError, WaiterError) as error:
        raise TargetRefusedError(f"SageMaker refused: {error}") from None
    except BotoCoreError as error:
        raise DeployError(f"SageMaker cannot be reached: {error}") from None


def _found(describe: Any, **name: str) -> Any:
    """Return what SageMaker has under a name; None if it has nothing."""
    from botocore.exceptions import ClientError

    try:
        return describe(**name)
    except ClientError as error:
        if "could not find" in str(error).lower():
            return None
        raise
