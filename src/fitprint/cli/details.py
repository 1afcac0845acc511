"""One run in full: as text, with a section for each kind of fact, and as fields."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from fitprint import clock
from fitprint.cli.grid import Column, render
from fitprint.cli.sparklines import sparkline
from fitprint.cli.terminal import Terminal
from fitprint.entities import Artifact, Dataset, RunRecord
from fitprint.errors import FitprintError
from fitprint.ids import short_id
from fitprint.recording.run import Run
from fitprint.views.fields import run_fields, timestamp
from fitprint.views.ranking import own_metric, ranked_metrics
from fitprint.views.wording import age, clean, duration, moment, number, size, value_text

__all__ = ["run_details", "sections"]

_CURVE = 32
_MOST_POINTS = 1_000_000  # of a curve that is drawn
_MUCH = 1 << 20  # bytes read or written that are worth a word
_ABSURD = 1 << 60  # seconds or bytes that no run uses: a fact from elsewhere may be any number
_MOST_FIELDS = 8  # columns of a signature that are spelled out
# What fits a screen:
_METRICS = 12
_PARAMS = 16
_LATER = 60.0  # seconds
_FOLDERS = 10  # files and folders at the top
_TRACEBACK = 12  # lines, the last ones
# that matter where one looks at a run; all of them are in its environment.json
_PACKAGES = frozenset(
    (
        "catboost fitprint imbalanced-learn jax keras lightgbm lightning numpy pandas polars "
        "pyarrow scikit-learn scipy statsmodels tensorflow torch transformers xgboost"
    ).split()
)


def run_details(run: Run) -> dict[str, Any]:
    """Return what ``show --json`` prints of a run."""
    record = run.record
    return run_fields(record) | {
        "params": run.params,
        "provenance": {key: param.provenance for key, param in record.params.items()},
        "deleted_time": timestamp(record.deleted_time),
        "children": [child.id for child in run.children()],
        "environment": run.environment,
        "documents": dict(record.documents),
    }


def sections(run: Run, terminal: Terminal, *, whole: bool) -> Iterator[tuple[str, list[str]]]:
    """Yield title and lines of every section that has something to say: as much as fits a screen,
    or the ``whole`` of it.
    """
    record = run.record
    report = (
        run.capture
        if whole
        else {name: run.capture[name] for name in ("skipped", "failed") if run.capture.get(name)}
    )
    yield "", _head(run, record, terminal)
    styled: dict[str, Callable[[], list[str]]] = {
        "Metrics": lambda: _metrics(run, record, terminal, whole=whole),
        "Parameters": lambda: _params(record, terminal, whole=whole),
    }
    parts: dict[str, Callable[[], Sequence[str]]] = {
        "Note": lambda: str(record.documents.get("note", "")).splitlines(),
        "Tags": lambda: [f"{key} = {value}" for key, value in sorted(record.tags.items())],
        "Data": lambda: [
            line for dataset in record.datasets for line in _dataset(run, dataset, whole=whole)
        ],
        "Models": lambda: [
            line
            for model in record.models
            for line in _model(record.id, model.path, model.flavor, model.facts)
        ],
        "Artifacts": lambda: _tree(record.artifacts) if whole else _folders(record.artifacts),
        "Environment": lambda: _environment(run.environment, run.seeds, whole=whole),
        "Capture": lambda: _capture(report),
        "Warnings": lambda: _warnings(run.capture),
        "Failure": lambda: _failure(record, whole=whole),
    }
    for title, told in styled.items():
        if lines := told():
            yield title, lines
    for title, tell in parts.items():
        if lines := _told(tell):
            yield title, lines


def _told(tell: Callable[[], Sequence[str]]) -> list[str]:
    """Return a section of facts that may come from elsewhere: their form is anybody's, and none of
    them steers a terminal.
    """
    try:
        return [clean(line) for line in tell()]
    except (TypeError, ValueError, KeyError, AttributeError, OverflowError) as error:
        return [
            clean(f"cannot be shown: it does not have the form that fitprint writes: {error!r}")
        ]


def _head(run: Run, record: RunRecord, terminal: Terminal) -> list[str]:
    now = clock.now()
    status = terminal.style(
        terminal.status_sign(record.status) + record.status, terminal.status_style(record.status)
    )
    end = now if record.end_time is None else record.end_time
    lines = [
        f"{terminal.style(clean(record.name), 'bold')}  {status}",
        f"id          {record.id}",
        f"experiment  {clean(record.experiment)}",
        f"kind        {clean(record.kind)}",
        f"started     {moment(record.start_time)} ({age((now - record.start_time) / 1e6)} ago)",
        (
            f"took        {duration((end - record.start_time) / 1e6)}"
            f"{' so far' if record.end_time is None else ''}"
        ),
    ]
    if added := _later(record, record.last_time):
        lines.append(f"added to    {added}")
    if used := _usage(run.usage):
        lines.append(f"used        {used}")
    if record.parent_id:
        lines.append(f"parent      {record.parent_id}")
    children = run.children()
    if children:
        counts: dict[str, int] = {}
        for child in children:
            counts[child.status] = counts.get(child.status, 0) + 1
        told = ", ".join(f"{count} {name}" for name, count in sorted(counts.items()))
        lines.append(f"children    {len(children)} ({told})")
    if record.deleted_time is not None:
        lines.append(
            f"in trash    since {moment(record.deleted_time)}; "
            f"`fitprint restore {short_id(record.id)}` takes it back"
        )
    return lines


def _later(record: RunRecord, time: int) -> str:
    """Return how long after the end of the run something was added, or "" if that was no later than
    the scores that a program computes of a model that it has just trained.
    """
    if record.end_time is None or time - record.end_time <= _LATER * 1e6:
        return ""
    return f"{age((time - record.end_time) / 1e6)} after its end"


def _usage(used: Mapping[str, Any]) -> str:
    """Return what the run used, in a line; what is not worth a word is left out."""
    told = {
        name: float(value)
        for name, value in used.items()
        if isinstance(value, (int, float)) and 0 <= value < _ABSURD
    }
    parts = [f"{duration(told['cpu_seconds'])} of CPU"] if "cpu_seconds" in told else []
    if "children_cpu_seconds" in told:
        parts.append(f"{duration(told['children_cpu_seconds'])} in other processes")
    if "peak_memory" in told:
        parts.append(
            f"{size(int(max(told['peak_memory'], told.get('children_peak_memory', 0))))} of memory "
            "at most"
        )
    for name, verb in (("read_bytes", "read from disk"), ("written_bytes", "written to disk")):
        if told.get(name, 0) >= _MUCH:
            parts.append(f"{size(int(told[name]))} {verb}")
    return ", ".join(parts)


def _metrics(run: Run, record: RunRecord, terminal: Terminal, *, whole: bool) -> list[str]:
    """Return the metrics, that by which the run is judged first."""
    if not record.metrics:
        return []
    own = own_metric(record)
    ranked = [*([] if own is None else [own]), *ranked_metrics([record]), *sorted(record.metrics)]
    every = list(dict.fromkeys(ranked))
    keys = every if whole else every[:_METRICS]
    found = [record.metrics[key] for key in keys]
    curves = [summary.count > 1 for summary in found]
    columns = [
        Column("metric", [clean(key) for key in keys]),
        Column(
            "last",
            [number(summary.last) for summary in found],
            right=True,
            styles=["yellow"] * len(keys),
        ),
        Column(
            "best",
            _where(curves, [number(summary.best) for summary in found]),
            1,
            right=True,
            styles=["bold"] * len(keys),
        ),
        Column(
            "at step", _where(curves, [str(summary.best_step) for summary in found]), 3, right=True
        ),
        Column("goal", _where(curves, [summary.goal for summary in found]), 4),
        Column("points", [str(summary.count) for summary in found], 2, right=True),
        Column("", [_curve(run, key, terminal) for key in keys], 5, most=_CURVE),
    ]
    if any(added := [_later(record, summary.last_time) for summary in found]):
        columns.append(Column("added", added, 2))
    return [*render(columns, terminal)[0].splitlines(), *_left(len(every) - len(keys), "metric")]


def _left(count: int, what: str) -> list[str]:
    return [f"... {count} more {what}{'' if count == 1 else 's'}; --all shows all"] if count else []


def _where(wanted: Sequence[bool], cells: Sequence[str]) -> list[str]:
    return [cell if each else "" for each, cell in zip(wanted, cells, strict=True)]


def _curve(run: Run, key: str, terminal: Terminal) -> str:
    if not 1 < run.record.metrics[key].count <= _MOST_POINTS:
        return ""
    return sparkline(
        run.history(key, max_points=4 * _CURVE).value, _CURVE, unicode=terminal.unicode
    )


def _params(record: RunRecord, terminal: Terminal, *, whole: bool) -> list[str]:
    """Return what the user set first, then what the framework chose; of defaults only the number,
    unless the whole is asked for.
    """
    if not record.params:
        return []
    ranks = {"set": 0, "config": 1, "resolved": 2, "default": 3}
    every = sorted(record.params.items(), key=lambda item: (ranks[item[1].provenance], item[0]))
    params = (
        every if whole else [item for item in every if item[1].provenance != "default"][:_PARAMS]
    )
    styles = ["dim" if param.provenance == "default" else "" for _, param in params]
    columns = [
        Column("parameter", [clean(key) for key, _ in params], styles=styles),
        Column("value", [value_text(param.value) for _, param in params], styles=styles),
        Column(
            "",
            [_provenance(param.provenance, param.spilled) for _, param in params],
            1,
            styles=["dim"] * len(params),
        ),
    ]
    lines = render(columns, terminal, most=100)[0].splitlines() if params else []
    defaults = len(every) - len(params) if len(params) < _PARAMS else 0
    if defaults:
        return [*lines, f"{defaults} {'default' if defaults == 1 else 'defaults'}; --all shows all"]
    return [*lines, *_left(len(every) - len(params), "parameter")]


def _provenance(provenance: str, spilled: str | None) -> str:
    return provenance + (f", whole in the artifact {clean(spilled)}" if spilled else "")


def _dataset(run: Run, dataset: Dataset, *, whole: bool) -> Iterator[str]:
    facts = dataset.facts
    shape = "×".join(map(str, facts["shape"])) if facts.get("shape") else ""
    kind = clean(str(facts.get("dtype") or facts.get("type") or ""))
    words = [clean(dataset.name), clean(dataset.role), shape, kind, dataset.digest[:19]]
    yield "  ".join(word for word in words if word)
    if not whole:
        return
    try:
        columns = run.profile(dataset.name, dataset.role).get("columns", ())
    except FitprintError:  # its bytes are elsewhere, or have changed: the facts are still true
        return
    for column in columns[:_MOST_FIELDS]:
        yield f"  {clean(str(column['name'])) or 'values'}: {_profile(column)}"
    if len(columns) > _MOST_FIELDS:
        yield f"  ... {len(columns) - _MOST_FIELDS} more"


def _profile(column: Mapping[str, Any]) -> str:
    """Return in a few words what the values of a column were like."""
    count, quantiles, top = column["count"], column.get("quantiles"), column.get("top")
    words = [str(column["type"])]
    if quantiles:
        least, middle, most = quantiles[0], quantiles[len(quantiles) // 2], quantiles[-1]
        shown = (lambda value: moment(int(value))) if column["type"] == "time" else number
        words.append(f"{shown(least)} to {shown(most)}, median {shown(middle)}")
    elif top:
        words.append(", ".join(f"{value} {share / count:.0%}" for value, share in top[:3]))
    if column["missing"]:
        words.append(f"{column['missing'] / count:.0%} missing")
    return ", ".join(words)


def _model(run_id: str, path: str, flavor: str, facts: Mapping[str, Any]) -> Iterator[str]:
    told = [
        flavor,
        str(facts.get("class", "")),
        str(facts.get("serialization", "")),
        size(facts["size"]) if "size" in facts else "",
    ]
    yield f"{clean(path)}  {'  '.join(clean(word) for word in told if word)}"
    signature = facts.get("signature") or {}
    for side in ("inputs", "outputs"):
        if signature.get(side):
            yield f"  {side:8}{_schema(signature[side])}"
    needs = [str(name) for name in facts.get("needs", ())]
    trust = f", trust={clean(str(needs))}" if needs else ""
    yield f'  load it  fitprint.load_model("runs:/{short_id(run_id)}/{clean(path)}"{trust})'


def _schema(schema: Mapping[str, Any]) -> str:
    fields = [
        (
            f"{'' if field['name'] is None else clean(str(field['name'])) + ': '}"
            f"{clean(str(field['type']))}"
            f"{list(field['shape']) if 'shape' in field else ''}{'?' if field['nullable'] else ''}"
        )
        for field in schema["fields"]
    ]
    more = [f"... {len(fields) - _MOST_FIELDS} more"] if len(fields) > _MOST_FIELDS else []
    return f"{schema['container']}({', '.join(fields[:_MOST_FIELDS] + more)})"


def _tree(artifacts: Sequence[Artifact]) -> list[str]:
    lines: list[str] = []
    folder: tuple[str, ...] = ()
    for artifact in sorted(artifacts, key=lambda artifact: artifact.path.split("/")):
        *parents, name = map(clean, artifact.path.split("/"))
        shared = 0
        while shared < min(len(folder), len(parents)) and folder[shared] == parents[shared]:
            shared += 1
        lines += [f"{'  ' * depth}{parents[depth]}/" for depth in range(shared, len(parents))]
        lines.append(f"{'  ' * len(parents)}{name}  {size(artifact.size)}")
        folder = tuple(parents)
    return lines


def _folders(artifacts: Sequence[Artifact]) -> list[str]:
    """Return in a line what lies at the top: files with their size, folders with the number of
    their files.
    """
    counts: dict[str, int] = {}
    for artifact in artifacts:
        name, sign, _ = artifact.path.partition("/")
        counts[name + sign] = counts.get(name + sign, 0) + 1
    told = [
        f"{name} ({count})" if name.endswith("/") else name
        for name, count in sorted(counts.items())
    ]
    more = [f"... {len(told) - _FOLDERS} more"] if len(told) > _FOLDERS else []
    return ["  ".join(map(clean, [*told[:_FOLDERS], *more]))] if told else []


def _environment(facts: Mapping[str, Any], seeds: Mapping[str, Any], *, whole: bool) -> list[str]:
    process, python, git = _part(facts, "process"), _part(facts, "python"), _part(facts, "git")
    packages, hardware = _part(facts, "packages"), _part(facts, "hardware")
    versions, cpu = _part(packages, "installed"), _part(hardware, "cpu")
    pools = _part(facts, "threads").get("pools") or ()
    names = [
        name
        for name in packages.get("imported") or ()
        if name in versions and (whole or name in _PACKAGES)
    ]
    told: dict[str, str] = {
        "command": " ".join(map(str, process.get("command") or ())),
        "user": f"{process['user']} on {process.get('host')}" if process.get("user") else "",
        "python": f"{python.get('implementation', '')} {python.get('version', '')}".strip(),
        "packages": ", ".join(f"{name} {versions[name]}" for name in names),
        "git": _commit(git),
        "script": str(_part(git, "script").get("path") or ""),
        "cpu": f"{cpu.get('model')}, {cpu.get('usable')} of {cpu.get('count')} usable"
        if cpu
        else "",
        "memory": size(_part(hardware, "memory").get("total") or 0)
        if _part(hardware, "memory").get("total")
        else "",
        "threads": ", ".join(f"{pool.get('library')} {pool.get('threads')}" for pool in pools),
        "seeds": ", ".join(f"{name} {str(seed)[:19]}" for name, seed in seeds.items()),
        "gpu": ", ".join(str(gpu.get("model", "unknown")) for gpu in hardware.get("gpus") or ()),
    }
    shown = (
        told
        if whole
        else {name: told[name] for name in ("command", "python", "packages", "git", "gpu")}
    )
    return [f"{name:10}{clean(value)}" for name, value in shown.items() if value]


def _part(facts: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    part = facts.get(name)
    return part if isinstance(part, Mapping) else {}


def _commit(git: Mapping[str, Any]) -> str:
    if not git.get("commit"):
        return ""
    changes = " with uncommitted changes" if git.get("dirty") else ""
    return f"{str(git['commit'])[:12]}{changes} ({git.get('branch') or 'no branch'})"


def _capture(report: Mapping[str, Any]) -> list[str]:
    if not report:
        return []
    function = (
        f"{clean(str(report.get('framework', '')))} {clean(str(report.get('function', '')))}"
    ).strip()
    lines = [f"{function}, {report.get('cost_ms', 0)} ms"] if function else []
    for name in ("captured", "skipped", "failed"):
        content = report.get(name)
        if isinstance(content, Mapping):
            lines += [
                f"{name}: {clean(str(key))}: {clean(str(value))}" for key, value in content.items()
            ]
        elif content:
            lines.append(f"{name}: {', '.join(clean(str(item)) for item in content)}")
    return lines


def _warnings(report: Mapping[str, Any]) -> list[str]:
    return [
        f"{clean(str(warning.get('category')))}: {clean(str(warning.get('message')))}"
        f"{' (raised by fitprint)' if warning.get('raised_by') else ''}"
        for warning in report.get("warnings", ())
    ]


def _failure(record: RunRecord, *, whole: bool) -> list[str]:
    failure = record.documents.get("failure")
    texts = [
        record.error or "",
        str(failure.get("error", "")) if isinstance(failure, Mapping) else "",
    ]
    lines = [clean(line) for text in texts for line in text.splitlines()]
    cut = 0 if whole else max(0, len(lines) - _TRACEBACK)
    return [*([f"... {cut} more lines; --all shows all"] if cut else []), *lines[cut:]]
