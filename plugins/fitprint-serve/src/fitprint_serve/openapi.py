"""What the server says of itself: an OpenAPI document made of the signatures, and a page on which
people try it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from fitprint import __version__
from fitprint.data.schema import Schema
from fitprint_serve.examples import example_of, schema_of_field
from fitprint_serve.jsons import plain
from fitprint_serve.served import Served

__all__ = ["PAGE", "document"]


def document(models: Sequence[Served], *, token: bool) -> dict[str, Any]:
    """Return the OpenAPI document.

    Args:
        token: whether clients must show one.
    """
    paths: dict[str, Any] = {"/ping": {"get": _got("Whether the server answers.")}}
    for number, served in enumerate(models):
        for path in ([] if number else ["/invocations"]) + [f"/models/{served.name}/invocations"]:
            paths[path] = {"post": _asked(served, _mlflow(served))}
        paths[f"/v1/models/{served.name}:predict"] = {"post": _asked(served, _kserve(served))}
        paths[f"/v2/models/{served.name}"] = {"get": _got("What the model takes and gives.")}
    told: dict[str, Any] = {
        "openapi": "3.1.0",
        "info": {"title": ", ".join(each.name for each in models), "version": __version__},
        "paths": paths,
    }
    if token:
        told["components"] = {"securitySchemes": {"token": {"type": "http", "scheme": "bearer"}}}
        told["security"] = [{"token": []}]
    return told


def _got(summary: str) -> dict[str, Any]:
    return {"summary": summary, "responses": {"200": {"description": "yes"}}}


def _asked(served: Served, body: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "summary": f"Predictions of {served.name}.",
        "requestBody": {"required": True, "content": {"application/json": dict(body)}},
        "responses": {
            "200": {
                "description": "predictions",
                "content": {
                    "application/json": {
                        "schema": {
                            "type": "object",
                            "properties": {"predictions": {"type": "array"}},
                            "required": ["predictions"],
                        }
                    }
                },
            },
            "400": {"description": "The data do not fit; the message names column and row."},
            "413": {"description": "The body is too large, or has too many rows."},
            "429": {"description": "Too many requests wait; Retry-After says for how long to."},
            "504": {"description": "The answer was not there in time."},
        },
    }


def _mlflow(served: Served) -> dict[str, Any]:
    rows = _rows(served)
    key = "dataframe_records" if rows.get("items", {}).get("type") == "object" else "inputs"
    return _body(key, rows, example_of(served.predictor.signature))


def _kserve(served: Served) -> dict[str, Any]:
    return _body("instances", _rows(served), example_of(served.predictor.signature))


def _body(key: str, rows: Mapping[str, Any], example: Any) -> dict[str, Any]:
    schema = {"type": "object", "properties": {key: dict(rows)}, "required": [key]}
    return (
        {"schema": schema}
        if example is None
        else {"schema": schema, "example": {key: plain(example)}}
    )


def _rows(served: Served) -> dict[str, Any]:
    signature = served.predictor.signature
    schema: Schema | None = signature.inputs if signature is not None else None
    if schema is None:
        return {"type": "array"}
    if schema.container in {"table", "records"}:
        item: dict[str, Any] = {
            "type": "object",
            "properties": {str(field.name): schema_of_field(field) for field in schema.fields},
            "required": [str(field.name) for field in schema.fields if field.required],
        }
        return {"type": "array", "items": item}
    item = schema_of_field(schema.fields[0])
    for length in reversed(schema.fields[0].shape[1:]):
        item = {"type": "array", "items": item}
        if length >= 0:
            item |= {"minItems": length, "maxItems": length}
    return {"type": "array", "items": item}


PAGE = b"""<!doctype html>
<html lang="en"><meta charset="utf-8"><title>fitprint serve</title>
<style>
body { font: 16px sans-serif; max-width: 50em; margin: 2em auto; padding: 0 1em }
textarea { display: block; width: 100%; font: 14px monospace }
pre { white-space: pre-wrap; overflow-wrap: anywhere }
</style>
<h1>Try it</h1>
<p>There are also <a href="/openapi.json">/openapi.json</a> and <a href="/metrics">/metrics</a>.
<p><label>Token, if the server wants one <input id="token" type="password"></label>
<button id="load">Load</button>
<pre id="told"></pre>
<template><form><h2></h2><textarea rows="12"></textarea><button>Ask</button><pre></pre></form>
</template>
<script>
const element = id => document.getElementById(id);
async function ask(path, body) {
  const headers = { "content-type": "application/json" };
  if (element("token").value) headers.authorization = "Bearer " + element("token").value;
  return fetch(path, body === undefined ? { headers } : { method: "POST", headers, body });
}
async function load() {
  const answer = await ask("/openapi.json"), found = await answer.json();
  element("told").textContent = answer.ok ? "" : found.message;
  for (const form of [...document.forms]) form.remove();
  for (const [path, told] of Object.entries(found.paths ?? {})) if (told.post) {
    const form = document.querySelector("template").content.cloneNode(true).querySelector("form");
    const content = told.post.requestBody.content["application/json"];
    form.querySelector("h2").textContent = path;
    form.querySelector("textarea").value = JSON.stringify(content.example ?? {}, null, 1);
    form.addEventListener("submit", async event => {
      event.preventDefault();
      const answer = await ask(path, form.querySelector("textarea").value);
      form.querySelector("pre").textContent = answer.status + "\\n" + await answer.text();
    });
    document.body.append(form);
  }
}
element("load").addEventListener("click", load);
load();
</script></html>
"""
"""A page that loads nothing from elsewhere, and knows nothing of the models but what the document
tells those who may read it.
"""
