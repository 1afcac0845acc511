"""What importing a SQLite file of MLflow takes, made by MLflow's own client: 1000 runs with 200 000
points, 50 of them with a registered version.
"""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

RUNS, POINTS, VERSIONS = 1000, 200, 50


def _fill(uri: str, folder: Path) -> None:
    from mlflow import MlflowClient
    from mlflow.entities import Metric, Param

    client = MlflowClient(tracking_uri=uri, registry_uri=uri)
    experiment = client.create_experiment("bench", artifact_location=(folder / "files").as_uri())
    client.create_registered_model("churn")
    for number in range(RUNS):
        run = client.create_run(experiment, run_name=f"run-{number}").info.run_id
        metrics = [Metric("loss", 1 / (step + 1), step, step) for step in range(POINTS)]
        client.log_batch(run, metrics, [Param("lr", str(number))])
        if number < VERSIONS:
            client.log_text(run, "flavors: {}\n", "model/MLmodel")
            client.create_model_version("churn", f"runs:/{run}/model", run)
        client.set_terminated(run)


def mlflow_import() -> dict[str, float]:
    """Seconds of the first import, and of one that finds everything there."""
    os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"
    with TemporaryDirectory() as name:
        folder = Path(name)
        uri = f"sqlite:///{folder / 'mlflow.db'}"
        _fill(uri, folder)
        import fitprint

        fitprint.configure(home=str(folder / "home"))
        began = time.perf_counter()
        done = fitprint.import_from("mlflow", uri)
        first = time.perf_counter() - began
        assert len(done.added) == RUNS, done
        began = time.perf_counter()
        assert not fitprint.import_from("mlflow", uri).added
        return {"first": first, "again": time.perf_counter() - began}


if __name__ == "__main__":
    print(json.dumps({"mlflow_import": mlflow_import}[sys.argv[1]]()))
