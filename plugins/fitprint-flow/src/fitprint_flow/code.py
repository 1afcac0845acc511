"""What the code of a step is: the function, and all of the same project that it uses."""

from __future__ import annotations

import ast
import hashlib
import importlib
import importlib.util
import linecache
import os
import sys
import sysconfig
from collections.abc import Iterable, Iterator
from functools import lru_cache, partial
from itertools import islice
from types import CodeType, FunctionType, MethodType, ModuleType
from typing import Any

__all__ = ["Code", "CodeReader"]

_STANDARD = os.path.join(sysconfig.get_paths()["stdlib"], "")  # noqa: PTH118
_LAYERS = 50  # functions around a function
_MOST_PARTS = 1000  # of a list or an object that are looked at
_HOLDERS = ("__func__", "func", "fget", "fset", "fdel")  # where methods of a class lie
_PLAIN = (bool, int, float, complex, str, bytes, type(None))


class Code:
    """Digests of functions, classes and constants by name, and packages with their versions."""

    def __init__(self) -> None:
        self.parts: dict[str, str] = {}
        self.packages: dict[str, str] = {}


class CodeReader:
    """Looks at the code of functions, at each once; for as long as nothing is edited."""

    def __init__(self) -> None:
        self._known: dict[Any, Code] = {}
        self._files: dict[str, _File] = {}

    def read(self, function: Any) -> Code:
        """Return what a function consists of.

        Comments, formatting and docstrings do not count, nor does the mark of
        :func:`fitprint_flow.step`. What counts: the function, functions and classes of the same
        project that it names (and theirs), module constants that it names, and the versions of the
        packages that any of these names.
        """
        if function not in self._known:
            code = self._known[function] = Code()
            # of what lies in a package, its name and the package's version are all
            code.parts[f"{_spoken(function.__module__ or '')}.{function.__qualname__}"] = ""
            self._see("", function, code, ())
        return self._known[function]

    def _add(self, item: Any, code: Code) -> None:
        """Take a function with all that is wrapped around it, or a class."""
        name = f"{_spoken(item.__module__)}.{item.__qualname__}"
        if isinstance(item, type):
            self._add_class(name, item, code)
            return
        layer: Any = item
        for depth in range(_LAYERS):
            if isinstance(layer, FunctionType):
                part = f"{name} wrapped {depth} times" if depth else name
                if code.parts.get(part):
                    return
                code.parts[part] = "seen"  # a function may call itself
                code.parts[part] = _digest(self._normal(layer))
                self._look_around(layer, code)
            for value in list(getattr(layer, "registry", {}).values()):  # of singledispatch
                self._see(f"{name}.{getattr(value, '__qualname__', '')}", value, code, ())
            inner = getattr(layer, "__wrapped__", None) or getattr(layer, "__func__", None)
            if inner is None:
                return
            layer = inner

    def _add_class(self, name: str, item: type, code: Code) -> None:
        if code.parts.get(name):
            return
        code.parts[name] = "seen"
        functions = []
        told = []
        for key, value in sorted(vars(item).items()):
            found = [
                part
                for part in (value, *(getattr(value, each, None) for each in _HOLDERS))
                if isinstance(part, FunctionType)
            ]
            functions += found
            if not found and not (key.startswith("__") and key.endswith("__")):
                self._see(f"{name}.{key}", value, code, ())
            told += [f"{key} {self._normal(each)}" for each in found]
        code.parts[name] = _digest(*told)
        for base in item.__bases__:
            self._see(base.__name__, base, code, ())
        for function in functions:
            self._look_around(function, code)

    def _look_around(self, function: FunctionType, code: Code) -> None:
        names = frozenset(_names(function.__code__))
        for name in sorted(names & function.__globals__.keys()):
            value = function.__globals__[name]
            self._see(f"{_spoken(function.__module__)}.{name}", value, code, names)
        for name, cell in zip(
            function.__code__.co_freevars, function.__closure__ or (), strict=True
        ):
            try:
                value = cell.cell_contents
            except ValueError:  # it is bound later
                continue
            self._see(f"{function.__qualname__}.{name}", value, code, names)
        for module in sorted(set(_imports(function.__code__))):
            self._see_import(module, code, names)

    def _see(self, name: str, value: Any, code: Code, names: Any) -> None:
        """Take what a name of a function leads to."""
        if isinstance(value, ModuleType):
            self._see_module(value, code, names)
        elif isinstance(value, (FunctionType, MethodType, type)) or hasattr(value, "__wrapped__"):
            module = sys.modules.get(value.__module__ or "")
            if module is not None and _is_own(module):
                self._add(value, code)
            else:
                _see_package((value.__module__ or "").partition(".")[0], code)
        elif _is_plain(value):
            code.parts[name] = _digest(_plain(value))
        elif isinstance(value, partial):
            self._see_all(name, (value.func, value.args, value.keywords), code)
        elif isinstance(value, (list, tuple)):
            self._see_all(name, value, code)
        elif isinstance(value, dict):
            code.parts[name] = _digest(_plain([key for key in value if _is_plain(key)]))
            self._see_all(name, value.values(), code)
        elif _is_own(sys.modules.get(type(value).__module__, sys)):
            self._add(type(value), code)
            if not code.parts.get(name):  # an object may hold itself
                code.parts[name] = "seen"
                self._see_all(name, getattr(value, "__dict__", {}).values(), code)
        else:
            _see_package((type(value).__module__ or "").partition(".")[0], code)

    def _see_all(self, name: str, values: Iterable[Any], code: Code) -> None:
        for place, value in enumerate(islice(values, _MOST_PARTS)):
            self._see(f"{name}[{place}]", value, code, ())

    def _see_module(self, module: ModuleType, code: Code, names: Any) -> None:
        if not _is_own(module):
            _see_package(module.__name__.partition(".")[0], code)
            return
        for name in sorted(names & vars(module).keys()):
            value = vars(module)[name]
            if value is not module:
                self._see(f"{module.__name__}.{name}", value, code, names if name else ())

    def _see_import(self, name: str, code: Code, names: Any) -> None:
        top = name.partition(".")[0]
        if top in sys.stdlib_module_names:
            return
        if name not in sys.modules and not _belongs_to_project(top):
            _see_package(top, code)
            return
        try:
            self._see_module(importlib.import_module(name), code, names)
        except Exception:  # noqa: BLE001 - it fails when the step runs, and is told there
            code.parts[name] = "missing"

    def _normal(self, function: FunctionType) -> str:
        """Return the text of a function without what does not count.

        The file may have been edited since the function was imported; what runs is what was. So
        its text stands for a function only where it gives the same byte code.
        """
        about = function.__code__
        file = self._file(about.co_filename, function)
        found = [
            node
            for node in file.nodes.get(about.co_firstlineno, ())
            if getattr(node, "name", "<lambda>") == about.co_name
        ]
        if not found or _bytecode(about) not in file.compiled(about):
            texts = [repr(_bytecode(about))]  # edited, typed at a prompt, or made by a program
        else:
            texts = [ast.dump(node) for node in found]
        # defaults were computed when it was imported, whatever the text says now
        defaults = [*(function.__defaults__ or ()), *(function.__kwdefaults__ or {}).values()]
        told = [_plain(each) if _is_plain(each) else type(each).__name__ for each in defaults]
        return " ".join([*texts, *told])

    def _file(self, file: str, function: FunctionType) -> _File:
        if file not in self._files:
            linecache.checkcache(file)
            text = "".join(linecache.getlines(file, function.__globals__))
            nodes: dict[int, list[ast.AST]] = {}
            code: CodeType | None = None
            try:
                tree = ast.parse(text)
                code = compile(tree, file, "exec", dont_inherit=True)
            except (SyntaxError, ValueError):
                tree = ast.Module([], [])
            for node in ast.walk(tree):
                if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)):
                    decorators = getattr(node, "decorator_list", [])
                    first = min([node.lineno, *(each.lineno for each in decorators)])
                    nodes.setdefault(first, []).append(node)
            for node in ast.walk(tree):
                _strip(node)
            self._files[file] = _File(nodes, code)
        return self._files[file]


class _File:
    """A file as it is now: its functions by their first lines, and what they compile to."""

    def __init__(self, nodes: dict[int, list[ast.AST]], code: CodeType | None) -> None:
        self.nodes = nodes
        self._code = code

    def compiled(self, about: CodeType) -> list[tuple[Any, ...]]:
        """Return the byte code of the functions that begin where this one does."""
        found = []
        waiting = [] if self._code is None else [self._code]
        while waiting:
            code = waiting.pop()
            if (code.co_name, code.co_firstlineno) == (about.co_name, about.co_firstlineno):
                found.append(_bytecode(code))
            waiting += [each for each in code.co_consts if isinstance(each, CodeType)]
        return found


def _strip(node: ast.AST) -> None:
    """Take out of a definition what does not count."""
    if not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
        return
    if not isinstance(node, ast.ClassDef):
        node.decorator_list = []  # what they wrapped around the function is looked at by itself
    first = node.body[0]
    if (
        isinstance(first, ast.Expr)
        and isinstance(first.value, ast.Constant)
        and isinstance(first.value.value, str)
    ):
        node.body = node.body[1:] or [ast.Pass()]


def _names(code: CodeType) -> Iterator[str]:
    yield from code.co_names
    for each in code.co_consts:
        if isinstance(each, CodeType):
            yield from _names(each)


def _imports(code: CodeType) -> Iterator[str]:
    """Yield the modules that a function imports when it runs."""
    import dis

    for instruction in dis.get_instructions(code):
        if instruction.opname == "IMPORT_NAME":
            yield str(instruction.argval)
    for each in code.co_consts:
        if isinstance(each, CodeType):
            yield from _imports(each)


def _bytecode(code: CodeType) -> tuple[Any, ...]:
    constants = tuple(
        _bytecode(each) if isinstance(each, CodeType) else _plain(each) for each in code.co_consts
    )
    # the higher flags tell with which future features it was compiled
    flags = code.co_flags & 0x3FF
    kinds = (code.co_argcount, code.co_posonlyargcount, code.co_kwonlyargcount, flags)
    names = (code.co_names, code.co_varnames, code.co_freevars, code.co_cellvars)
    return code.co_code, names, kinds, constants


def _is_plain(value: Any) -> bool:
    if isinstance(value, _PLAIN):
        return True
    if isinstance(value, (list, tuple, set, frozenset)):
        return all(map(_is_plain, value))
    return isinstance(value, dict) and all(map(_is_plain, [*value, *value.values()]))


def _plain(value: Any) -> str:
    """Return a text of a constant, the same in each process."""
    if isinstance(value, (set, frozenset)):
        return f"{{{', '.join(sorted(map(_plain, value)))}}}"
    if isinstance(value, (list, tuple)):
        return f"{type(value).__name__}({', '.join(map(_plain, value))})"
    if isinstance(value, dict):
        return f"{{{', '.join(f'{_plain(key)}: {_plain(each)}' for key, each in value.items())}}}"
    return repr(value)


def _digest(*texts: str) -> str:
    return hashlib.sha256("\n".join(texts).encode("utf-8", "surrogatepass")).hexdigest()


def _spoken(module: str) -> str:
    """Return the name of a module, the same whether it is run or imported, also by a process that
    multiprocessing started.
    """
    is_run = module in ("__main__", "__mp_main__")
    file = getattr(sys.modules.get(module), "__file__", None) if is_run else None
    return module if file is None else os.path.basename(file).removesuffix(".py")  # noqa: PTH119


def _is_own(module: ModuleType) -> bool:
    """Tell whether a module is the project's own, and may be edited any day."""
    if module.__name__.partition(".")[0] in ("fitprint", "fitprint_flow"):
        return False
    if module.__name__ == "__main__":
        return True
    file = getattr(module, "__file__", None)
    if file is None:  # a namespace package, or made by a program
        return not hasattr(module, "__spec__") or module.__spec__ is None
    return _is_own_file(file)


@lru_cache(maxsize=4096)
def _is_own_file(file: str) -> bool:
    path = os.path.abspath(file)  # noqa: PTH100 - links stay as they are
    inside = (f"{os.sep}{name}{os.sep}" in path for name in ("site-packages", "dist-packages"))
    return path.endswith(".py") and not any(inside) and not path.startswith(_STANDARD)


def _belongs_to_project(top: str) -> bool:
    """Tell whether a module that is not imported yet is the project's own."""
    try:
        spec = importlib.util.find_spec(top)
    except (ImportError, ValueError):
        return False
    return spec is not None and spec.origin is not None and _is_own_file(spec.origin)


def _see_package(top: str, code: Code) -> None:
    if not top or top in sys.stdlib_module_names or top == "__main__":
        return
    found = _version(top)
    if found is not None:
        code.packages[found[0]] = found[1]


@lru_cache(maxsize=1024)
def _version(top: str) -> tuple[str, str] | None:
    """Return distribution and version of a package, imported yet or not."""
    from fitprint.models.requirements import requirements

    found = requirements([top])
    if not found:
        return None
    name, _, version = found[0].partition("==")
    return name, version
