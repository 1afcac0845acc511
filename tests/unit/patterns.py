"""Measure how the time of every regular expression of ours grows with its text. Run as a script;
prints one line per fault.
"""

from __future__ import annotations

import ast
import importlib
import re
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

if sys.version_info >= (3, 11):
    from re import _constants as codes
    from re import _parser as parser
else:
    import sre_constants as codes
    import sre_parse as parser

ROOT = Path(__file__).parents[2]
FUNCTIONS = ("match", "fullmatch", "search", "sub", "split", "findall", "finditer")
MOST = 1 << 14  # characters, about
SECONDS = 0.004  # below this a time says nothing
GROWTH = 3.0  # for twice the text; what is linear has 2, what is quadratic 4
ALPHABET = {codes.CATEGORY_DIGIT: "1", codes.CATEGORY_SPACE: " \t", codes.CATEGORY_WORD: "a_1"}


def patterns() -> Iterator[tuple[str, re.Pattern[Any], set[str]]]:
    """Yield every pattern that stands in our sources, where it stands, and how it is used."""
    for base in (ROOT / "src", *sorted((ROOT / "plugins").glob("*/src"))):
        for path in sorted(base.rglob("*.py")):
            source = path.read_text(encoding="utf-8")
            if "import re\n" not in source:
                continue
            place = path.relative_to(base).as_posix()
            is_core = base == ROOT / "src"
            yield from literal(place, source, is_core=is_core)
            if is_core:
                yield from compiled(place, source)


def literal(
    place: str, source: str, *, is_core: bool
) -> Iterator[tuple[str, re.Pattern[Any], set[str]]]:
    """Yield patterns that are written where they are used, or are compiled in a function; of
    plugins, whose modules may need a framework, also those that a module keeps by a name.
    """
    tree = ast.parse(source)
    top = {
        id(node): ast.unparse(statement.targets[0])
        for statement in tree.body
        if isinstance(statement, ast.Assign)
        for node in ast.walk(statement)
    }
    for node in ast.walk(tree):
        if not (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Attribute)
            and ast.unparse(node.func.value) == "re"
        ):
            continue
        if (
            (is_core and id(node) in top)
            or not node.args
            or not isinstance(node.args[0], ast.Constant)
            or node.func.attr not in (*FUNCTIONS, "compile")
        ):
            continue
        flags = (
            eval(ast.unparse(node.args[1]), {"re": re})
            if node.func.attr == "compile" and len(node.args) > 1
            else 0
        )
        uses = {node.func.attr} if node.func.attr != "compile" else {"fullmatch", "match"}
        if id(node) in top:
            uses = used(top[id(node)], source)
        yield f"{place}:{node.lineno}", re.compile(node.args[0].value, flags), uses


def compiled(place: str, source: str) -> Iterator[tuple[str, re.Pattern[Any], set[str]]]:
    """Yield patterns that a module keeps by a name."""
    module = importlib.import_module(
        place.removesuffix(".py").removesuffix("/__init__").replace("/", ".")
    )
    for name, value in vars(module).items():
        several = list(value.values()) if isinstance(value, dict) else [value]
        for pattern in several:
            if isinstance(pattern, re.Pattern):
                yield f"{place}:{name}", pattern, used(name, source)


def used(name: str, source: str) -> set[str]:
    """Return how the pattern of a name is used in its module."""
    found = set(re.findall(rf"\b{name}(?:\[\w+\])?\.({'|'.join(FUNCTIONS)})\b", source))
    return found or {"search"}


def least(tree: Any) -> str:
    """Return a short text that the parsed pattern matches, where it is easy to see."""
    text = ""
    for code, argument in tree:
        if code is codes.LITERAL:
            text += chr(argument)
        elif code in (codes.IN, codes.NOT_LITERAL, codes.ANY):
            text += letters([(code, argument)])[:1]
        elif code is codes.SUBPATTERN:
            text += least(argument[3])
        elif code is codes.BRANCH:
            text += least(argument[1][0])
        elif code in REPEATS:
            text += least(argument[2]) * argument[0]
    return text


REPEATS = (
    codes.MAX_REPEAT,
    codes.MIN_REPEAT,
    *([codes.POSSESSIVE_REPEAT] if hasattr(codes, "POSSESSIVE_REPEAT") else []),
)


def letters(tree: Any) -> str:
    """Return letters that a set may be made of, those of the pattern itself first."""
    found: list[str] = []
    for code, argument in tree:
        if code is codes.LITERAL:
            found.append(chr(argument))
        elif code is codes.RANGE:
            found += [chr(argument[0]), chr(argument[1])]
        elif code is codes.CATEGORY:
            found += ALPHABET.get(argument, "%")
        elif (
            code is codes.NOT_LITERAL
            or code is codes.ANY
            or (code is codes.IN and argument[0][0] is codes.NEGATE)
        ):
            pattern = re.compile(
                f"[^{re.escape(chr(argument))}]" if code is codes.NOT_LITERAL else "."
            )
            excluded = letters(argument[1:]) if code is codes.IN else ""
            found += [
                letter
                for letter in "a1 \\'\"=:/."
                if pattern.match(letter) and letter not in excluded
            ]
        elif code is codes.IN:
            found += letters(argument)
    return "".join(dict.fromkeys(found))


def pumps(tree: Any, before: str = "") -> Iterator[tuple[str, str]]:
    """Yield for each repeat the text that leads to it, and texts that it may repeat."""
    for position, (code, argument) in enumerate(tree):
        lead = before + least(tree[:position])
        if code in REPEATS and argument[1] > 9:
            body = argument[2]
            singles = (
                letters(body[0:1])
                if len(body) == 1 and body[0][0] in (codes.IN, codes.ANY, codes.NOT_LITERAL)
                else ""
            )
            yield from ((lead, pump) for pump in dict.fromkeys((least(body), *singles[:8])) if pump)
            yield from pumps(body, lead)
            yield from deeper(body, lead)
        elif code in REPEATS:
            yield from pumps(argument[2], lead)
        elif code is codes.SUBPATTERN:
            yield from pumps(argument[3], lead)
        elif code is codes.BRANCH:
            for branch in argument[1]:
                yield from pumps(branch, lead)
        elif code in (codes.ASSERT, codes.ASSERT_NOT) and argument[0] > 0:
            yield from pumps(argument[1], lead)


def deeper(tree: Any, lead: str) -> Iterator[tuple[str, str]]:
    """Yield the literals of a repeat's branches as things to repeat."""
    for code, argument in tree:
        if code is codes.BRANCH:
            for branch in argument[1]:
                yield lead, least(branch)
                yield lead, least(branch[:1])
                yield from deeper(branch, lead)
        elif code is codes.SUBPATTERN:
            yield from deeper(argument[3], lead)


def grows(function: Callable[[Any], Any], make: Callable[[int], Any], most: int = MOST) -> float:
    """Return by how much the time grows when the text is doubled again and again; infinity for what
    is long on a few characters.
    """
    for size in range(8, 64, 4):
        if min(cost(function, make(size)) for _ in range(2)) > SECONDS:
            return float("inf")
    size = 64
    while size <= most:
        if cost(function, make(size)) > SECONDS:
            growth = min(
                best(function, make(more)) / best(function, make(more // 2))
                for more in (size, 2 * size)
            )
            if growth > GROWTH:
                return growth
        size *= 2
    return 2.0


def best(function: Callable[[Any], Any], text: Any) -> float:
    """Return the time that a call takes when the machine is not busy with other things."""
    return min(cost(function, text) for _ in range(5))


def cost(function: Callable[[Any], Any], text: Any) -> float:
    start = time.process_time()
    function(text)
    return time.process_time() - start


def steps(function: Callable[[Any], Any], text: Any) -> int:
    """Return how many functions, ours and those of the interpreter, are called."""
    number = 0

    def count(_frame: Any, _event: str, _argument: Any) -> None:
        nonlocal number
        number += 1

    sys.setprofile(count)
    try:
        function(text)
    finally:
        sys.setprofile(None)
    return number


def families(pattern: re.Pattern[Any]) -> Iterator[tuple[str, Callable[[int], str]]]:
    """Yield functions that make texts of about any length of the pattern's own words."""
    found = dict.fromkeys(pumps(parser.parse(pattern.pattern, pattern.flags)))
    for lead, pump in ((lead, pump) for lead, pump in found if pump):
        for end in ("", "\0", "\n!"):
            yield (
                f"{lead!r} + n * {pump!r} + {end!r}",
                lambda n, a=lead, b=pump, c=end: a + b * (n // len(b)) + c,
            )
        unit = lead + pump * 2
        yield f"n * {unit!r}", lambda n, unit=unit: unit * (n // len(unit))


def faults() -> Iterator[str]:
    for place, pattern, uses in patterns():
        text = isinstance(pattern.pattern, str)
        for use in sorted(uses):
            call = getattr(pattern, use)
            run = {
                "sub": lambda t, c=call: c(lambda match: match[0], t),
                "finditer": lambda t, c=call: list(c(t)),
            }.get(use, call)
            for told, make in families(pattern):
                growth = grows(run, make if text else lambda n, m=make: m(n).encode("latin-1"))
                if growth > GROWTH:
                    yield f"{place} {use}: grows by {growth:.1f} when {told} is doubled"
                    break


def redactions() -> Iterator[str]:
    """Yield how the redaction of text grows too fast,
    for texts of words that mean something to it.
    """
    from fitprint.context.redaction import redact_text

    heads = (
        "",
        "password: '",
        'secret = """',
        "auth = (",
        'token=\\"',
        "curl -u a:",
        "-----BEGIN RSA PRIVATE KEY-----",
        "https://a:",
        "PASSWORD=",
    )
    units = (
        *(
            "\\",
            "'",
            '"',
            "`",
            "(",
            "[",
            "{",
            ")",
            " ",
            "=",
            ":",
            ",",
            "a",
            "a ",
            "0",
            "\n",
            "\n ",
            "aA1",
            "-",
            ".",
            "/",
            "%",
            "@",
            "\t=",
            "\\\\'",
            "password",
            "\u00df",
        ),
        *(
            "password=",
            "password='",
            'password="',
            "password=(",
            "token, ",
            "('token', '",
            "--token ",
            "-p ",
            "pwd=f(",
            "{'key': ",
            "eyJa-",
            "sk-",
            "://",
            "://a:",
        ),
        *(
            "login(",
            "name: token ",
            "<token>",
            "password: |\n ",
            "password = (\n",
            "a='\n",
            "machine a\n",
            "bearer ",
            "x@",
            "?sig=",
            "pass: '\\",
            "curl -u ",
            "user, password = ",
            "password, a = 'b', ",
            "(a, password) values (",
            "password = a = ",
            "password: !vault ",
            "password:\n  a1b2\n",
            "connect('h', 'sa', ",
            "conn a/b@",
            "%26sig=",
        ),
    )
    for head in heads:
        for unit in units:
            # a function of a pair
            make = lambda n, head=head, unit=unit: head + unit * (n // len(unit))  # noqa: E731
            growth = steps(redact_text, make(MOST // 2)) / steps(redact_text, make(MOST // 4))
            if growth > GROWTH:
                yield f"redact_text: grows by {growth:.1f} when {head!r} + n * {unit!r} is doubled"


if __name__ == "__main__":
    for fault in (*faults(), *redactions()):
        print(fault)
    print(f"{len(list(patterns()))} patterns")
