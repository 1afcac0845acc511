"""Finding plugins, and calling their hooks so that none of them can break the rest.

Discovery happens at first use. A plugin is a module that an entry point of the group ``fitprint``
names; built-in plugins are named here and register through the same hooks.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cached_property, partial
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from typing import Any

import pluggy

from fitprint.errors import PluginError
from fitprint.hooks import specs
from fitprint.platform.processes import at_fork
from fitprint.settings import CORE_SETTINGS, load_settings
from fitprint.versions import headers

__all__ = ["SETTLED_FIRST", "Found", "Hooks", "built_in", "find_plugins", "hooks", "reset"]

GROUP = "fitprint"
_BASES = {  # what is registered derives from these; named, for they lie in higher layers
    "register_artifact_stores": "fitprint.hooks.openers.Opener",
    "register_carriers": "fitprint.carriers.Carrier",
    "register_deploy_targets": "fitprint.hooks.targets.Target",
    "register_executors": "fitprint.hooks.executors.Executor",
    "register_flavors": "fitprint.models.flavor.Flavor",
    "register_frameworks": "fitprint.autologging.framework.Framework",
    "register_importers": "fitprint.copying.origin.Importer",
    "register_metrics": "fitprint.hooks.metrics.Metric",
    "register_project_runners": "fitprint.hooks.runners.Runner",
    "register_stores": "fitprint.hooks.openers.Opener",
    "register_watchers": "fitprint.hooks.watchers.Watcher",
}
# told by one process, so that a text that is ever new fills neither memory nor screen
_MOST_PROBLEMS = 1000
BUILT_IN = {"core": "fitprint.builtin"}
SETTLED_FIRST = [
    setting for setting in CORE_SETTINGS if setting.name in ("disable_plugins", "strict")
]


@dataclass(frozen=True, slots=True)
class Found:
    """A plugin that was found: its name, distribution, version, and what went wrong with it ("" if
    nothing).
    """

    name: str
    distribution: str
    version: str
    problem: str = ""


class Hooks:
    """All plugins of this process, and guarded calls of their hooks. Safe from any thread.

    Args:
        disabled: globs of plugin names that are not loaded.
        strict: raise what plugins raise.
        extra: more plugins, by name, as if they were installed (for tests).
    """

    def __init__(
        self,
        *,
        disabled: Iterable[str] = (),
        strict: bool = False,
        extra: Mapping[str, Any] | None = None,
    ) -> None:
        self.strict = strict
        # name, what named it, problem
        self._looked_at: list[tuple[str, EntryPoint | None, str]] = []
        self._told: set[tuple[str, str]] = set()
        self._registered: dict[str, Any] = {}
        self._lock = threading.RLock()
        self._manager = pluggy.PluginManager("fitprint")
        self._manager.add_hookspecs(specs)
        self._disabled = disabled = tuple(disabled)
        failures: list[tuple[str, BaseException]] = []
        for name, module in BUILT_IN.items():
            self._add(name, lambda module=module: import_module(module), None, failures)  # type: ignore[misc]
        for name, plugin in (extra or {}).items():
            self._add(name, lambda plugin=plugin: plugin, None, failures)  # type: ignore[misc]
        for point in entry_points(group=GROUP):
            if not self.leaves_out(point.name):
                self._add(point.name, point.load, point, failures)
        for name, error in failures:
            self.problem(
                f"the plugin {name!r} cannot be used: {type(error).__name__}: {error}", name, error
            )

    def _add(
        self,
        name: str,
        load: Callable[[], Any],
        point: EntryPoint | None,
        failures: list[tuple[str, BaseException]],
    ) -> None:
        problem = ""
        try:
            if self._manager.has_plugin(name):
                raise PluginError(f"two plugins are named {name!r}; uninstall one of them")
            plugin = load()
            self._manager.register(plugin, name)
            self._check_names(plugin)
        except (Exception, SystemExit) as error:  # noqa: BLE001 - a plugin may fail in any way
            problem = f"{type(error).__name__}: {error}"
            failures.append((name, error))
            if (
                self._manager.has_plugin(name)
                and self._manager.get_plugin(name) is not None
                and not isinstance(error, PluginError)
            ):
                self._manager.unregister(name=name)
        self._looked_at.append((name, point, problem))

    @cached_property
    def found(self) -> list[Found]:
        """All plugins that were found.

        To read of which distributions they are takes longer than to load them.
        """
        return [
            Found(name, *_distribution(name, point), problem)
            for name, point, problem in self._looked_at
        ]

    def _check_names(self, plugin: Any) -> None:
        """Report hooks that do not exist, which pluggy would silently accept."""
        import difflib

        for name in dir(plugin):
            if (
                self._manager.parse_hookimpl_opts(plugin, name) is not None
                and name not in specs.__all__
            ):
                near = difflib.get_close_matches(name, specs.__all__, n=1)
                advice = f"; did you mean {near[0]!r}?" if near else ""
                raise PluginError(
                    f"it implements {name!r}, which is not a hook of fitprint{advice}"
                )

    def leaves_out(self, name: str) -> bool:
        """Tell whether the user has disabled plugins of this name."""
        return any(fnmatchcase(name, glob) for glob in self._disabled)

    def folders(self) -> tuple[str, ...]:
        """Return the folders of fitprint and of the plugins whose packages are named after it, each
        with a separator at its end.
        """
        modules = [
            plugin for plugin in self._manager.get_plugins() if getattr(plugin, "__path__", None)
        ]
        named = [module for module in modules if module.__name__.startswith("fitprint_")]
        # as tracebacks name files
        own = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))  # noqa: PTH100, PTH120
        return tuple(
            os.path.join(folder, "")  # noqa: PTH118
            for folder in (own, *(path for module in named for path in module.__path__))
        )

    # -- calling -----------------------------------------------------------------------------------

    def _answers(
        self, hook: str, arguments: Mapping[str, Any], read: Callable[[Any], Any]
    ) -> Iterable[tuple[str, Any]]:
        """Call each implementation by itself and read its answer, so that one that fails costs the
        others nothing.
        """
        for implementation in getattr(self._manager.hook, hook).get_hookimpls():
            try:
                answer = read(
                    implementation.function(*(arguments[name] for name in implementation.argnames))
                )
            except Exception as error:  # noqa: BLE001 - a plugin may fail in any way
                problem = (
                    f"the hook {hook} of the plugin {implementation.plugin_name!r} failed: "
                    f"{type(error).__name__}: {error}"
                )
                self.problem(problem, implementation.plugin_name, error)
            else:
                yield implementation.plugin_name, answer

    def registered(self, hook: str) -> dict[str, Any]:
        """Return everything that a ``register_*`` hook brought, by key.

        A key that two plugins claim goes to the first, with a report.
        """
        with self._lock:
            if hook not in self._registered:
                merged: dict[str, tuple[str, Any]] = {}
                for plugin, answer in self._answers(
                    hook, {}, partial(_by_key, base=_BASES.get(hook, "builtins.object"))
                ):
                    for key, item in answer:
                        if key in merged:
                            clash = (
                                f"{hook}: {key!r} comes from both plugins {merged[key][0]!r} "
                                f"and {plugin!r}; uninstall or disable one"
                            )
                            self.problem(clash, plugin, PluginError(clash))
                        else:
                            merged[key] = (plugin, item)
                self._registered[hook] = {key: item for key, (_, item) in merged.items()}
            result: dict[str, Any] = self._registered[hook]
            return result

    def ask_each(self, hook: str, question: Callable[[Any], Any]) -> Iterator[Any]:
        """Yield what each item says that a ``register_*`` hook brought.

        One that fails is told, and costs the others nothing.
        """
        for name, item in self.registered(hook).items():
            try:
                yield question(item)
            except Exception as error:  # noqa: BLE001 - a plugin may fail in any way
                self.problem(f"{name} failed: {type(error).__name__}: {error}", name, error)

    def collect(self, hook: str, **arguments: Any) -> dict[str, Any]:
        """Return the merged mappings of a ``collect_*`` hook."""
        merged: dict[str, Any] = {}
        for _, answer in self._answers(hook, arguments, lambda answer: dict(answer or {})):
            merged.update(answer)
        return merged

    def decide(self, hook: str, **arguments: Any) -> Iterator[tuple[str, str]]:
        """Yield which plugins say no by a ``decide_*`` hook, and why. One that fails says no."""
        for implementation in getattr(self._manager.hook, hook).get_hookimpls():
            try:
                answer = implementation.function(
                    *(arguments[name] for name in implementation.argnames)
                )
            except Exception as error:  # noqa: BLE001 - a plugin may fail in any way
                answer = f"it failed: {type(error).__name__}: {error}"
            if answer is not None:
                yield implementation.plugin_name, str(answer)

    def notify(self, hook: str, **arguments: Any) -> None:
        """Call an ``on_*`` hook."""
        for _ in self._answers(hook, arguments, lambda _: None):
            pass

    def problem(self, problem: str, source: str, error: BaseException | None = None) -> None:
        """Report a problem of fitprint's own, once; raise it instead where ``strict`` is on."""
        if self.strict and error is not None:
            raise error
        with self._lock:
            if (source, problem) in self._told or len(self._told) >= _MOST_PROBLEMS:
                return
            self._told.add((source, problem))
        for implementation in self._manager.hook.on_problem.get_hookimpls():
            arguments = {"problem": problem, "source": source}
            try:
                implementation.function(*(arguments[name] for name in implementation.argnames))
            except Exception:  # noqa: BLE001, S110
                # a reporter that fails has nobody left to report to
                pass


def _by_key(answer: Any, base: str) -> list[tuple[str, Any]]:
    """Return what was registered, each with its key.

    Raises:
        TypeError: something does not derive from ``base``, and would lack members that others rely
            on.
    """
    items = (
        list(answer.items())
        if isinstance(answer, Mapping)
        else [(item.name, item) for item in answer or ()]
    )
    for _, item in items:
        if base not in {f"{each.__module__}.{each.__qualname__}" for each in type(item).__mro__}:
            raise TypeError(f"a {type(item).__qualname__} does not derive from {base}")
    return items


def _distribution(name: str, point: EntryPoint | None) -> tuple[str, str]:
    if point is None or point.dist is None:
        return ("fitprint" if name in BUILT_IN else "", "")
    fields = headers(point.dist)
    return (fields.get("name", [""])[0], fields.get("version", [""])[0])


def built_in(hook: str) -> list[Any]:
    """Return what fitprint itself brings for a ``register_*`` hook: what must be known before
    plugins are looked for.
    """
    return [item for module in BUILT_IN.values() for item in getattr(import_module(module), hook)()]


_hooks: Hooks | None = None
_hooks_lock = threading.RLock()


def hooks(**options: Any) -> Hooks:
    """Return the plugins of this process, found at the first call; ``options`` are those of
    :class:`Hooks`.
    """
    global _hooks
    with _hooks_lock:
        if _hooks is None:
            _hooks = Hooks(**options)
        return _hooks


def find_plugins(call: Mapping[str, Any] | None = None) -> Hooks:
    """Return the plugins of this process, as two settings say which are settled before the names of
    the others are known.

    Args:
        call: settings that are given in code.
    """
    first = load_settings(SETTLED_FIRST, call=call, pass_over=True)
    return hooks(disabled=first["disable_plugins"], strict=first["strict"])


def _after_fork_in_child() -> None:
    """Another thread of the parent may have held a lock,
    and does not exist here to give it back.
    """
    global _hooks_lock
    _hooks_lock = threading.RLock()
    if _hooks is not None:
        _hooks._lock = threading.RLock()  # noqa: SLF001 - part of the class


at_fork(after_in_child=_after_fork_in_child)


def reset(replacement: Hooks | None = None) -> None:
    """Forget the plugins, or use these instead (for tests)."""
    global _hooks
    with _hooks_lock:
        _hooks = replacement
