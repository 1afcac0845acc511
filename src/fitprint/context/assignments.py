"""Values that stand beside the name of a secret: in assignments, arguments, mappings and calls of
any language, in settings and headers.

First the names of a line are found, then behind each its value is read, no further than to where
the next name begins, unless it is itself a literal. What a line leaves open (a bracket, a quote, a
name without its value) goes on in the next.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from fitprint.context.secret_names import is_harmless, is_secret_name, is_strong_name, words_of
from fitprint.context.secret_places import CALL, CONNECT, LOGON, PLACES, SQL, TARGETS
from fitprint.context.secret_shapes import is_words

__all__ = ["Open", "Span", "continued", "secrets_of"]

Span = tuple[int, int]

_HEAD = re.compile(
    r"""(?<![\w.-])(?P<name>[\w.-]+)(?P<close>\\{0,8}["'`]?)\]?[ \t]{0,16}"""
    r"""(?P<sign>=>|:=|<-|<<<|(?:\+|\?\??|\|\|)?=(?!=)|[=!]={1,2}|:(?!//|[:-])|,)"""
)
_ENTRY = re.compile(
    r"""(?i)(?<![\w.-])(?:name|key)["']?[ \t]{0,8}[:=][ \t]{0,8}["']?(?P<name>[\w.-]+)"""
)
_ENTRY_VALUE = re.compile(r"""(?i)(?<![\w.-])value["']?[ \t]{0,8}[:=][ \t]{0,8}""")
_ELEMENT = re.compile(r"<(?P<name>[\w.:-]{1,100})>(?P<value>[^<>\r\n]+)</")
_NAMED_ELEMENT = re.compile(
    r"""(?:name|key)=["'](?P<name>[\w.:-]{1,100})["'][^<>]{0,100}>(?P<value>[^<>\r\n]+)</"""
)
_CHAIN = re.compile(
    r"""(?:[\w.]{1,100}(?:\[[^\[\]\s]{0,60}\])?[ \t]{0,8}=[ \t]{0,8}){1,4}(?=[rbufRBUF]{0,2}["'])"""
)
_NAMED_DEFAULT = re.compile(
    r"(?:default|fallback|value)[ \t]{0,8}=[ \t]{0,8}(?=[rbufRBUF]{0,2}[\"'])"
)
_TAG = re.compile(r"!{1,2}(?P<tag>[A-Za-z][\w:/-]{0,60})[ \t]{1,8}(?=\S)")
# words of a program before a name and a colon
_STATEMENTS = frozenset("and case class elif if in is lambda not or while with".split())
_REFERENCES = frozenset(
    "env findinmap getatt importvalue join lookup ref secret select sub".split()
)
# A name and a text behind it without any sign: of the C preprocessor, of Lisp.
_SIGNLESS = re.compile(
    r"""(?:\#[ \t]{0,8}define[ \t]{1,8}|(?<![\w:)]):)(?P<name>[A-Za-z][\w-]{0,100})[ \t]{1,8}(?=["'])"""  # noqa: E501
)
_EXPANSION = re.compile(r"""\$\{(?P<name>\w{1,100}):?[-=](?P<value>[^\s{}$"'`]{1,200})\}""")
_DEFAULT = re.compile(r"(?<![\w.])default[ \t]{0,8}=[ \t]{0,8}")
_TOKEN = re.compile(
    r"""(?P<space>\s+)|(?P<quote>(?P<prefix>(?:[rbufRBUF]{1,2}(?=\\{0,8}["']))?)(?P<mark>\\{0,8}(?:"{3}|'{3}|["'`])))"""
    r"""|(?P<word>[\w.]+)|(?P<sign>\\+|[^\w\s])"""
)
_BEGINS_LITERAL = re.compile(r"""[rbufRBUF]{0,2}["'`]|\(""")
_BODY = {mark: re.compile(rf"[^{mark}\\]*(?:\\.[^{mark}\\]*)*", re.DOTALL) for mark in "\"'`"}
_SPACE = re.compile(r"[ \t]*")
_BARE = re.compile(r"""[^\s"'`(),;&\[\]{}|<>\\]+""")
_HEADER_VALUE = re.compile(r"""[^"'`\r\n]+""")
_SCHEME = re.compile(
    r"""(?i)(?:(?:bearer|basic|digest|token|apikey|negotiate)[ \t]{1,8})?(?P<value>[^\s"'`,;]+)"""
)
_BLOCK = re.compile(r"[|>][-+0-9]{0,3}[ \t]*(?=[\r\n])")
_COMMAND_BEHIND = re.compile(r"[ \t]{1,8}[\w./$\"'-]")  # DB_PASSWORD=x psql
_SETTING_BEHIND = re.compile(r"[ \t]{1,8}\w{1,40}=(?!=)")  # password=x host=y
_ATTRIBUTE = re.compile(r"[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)+\Z")
_CONSTANT = re.compile(r"[A-Z]+(?:_[A-Z0-9]+)+\Z")
_STEPS = 400  # words of values on one line; what stands behind them is replaced unread
_TYPES = frozenset(
    "any bool bytes dict float int list object optional set str string tuple union".split()
)
# what a line may have before a setting
_LEADING = frozenset(("", "-", "+", "export", "set", "setenv", "env", "ENV", "ARG", "$"))
# What may stand before a literal that is a part of the value.
_OPERATORS = frozenset(("", "quote", "+", "or", "and", "else", "|", "?", ":", "(", "[", "{", ","))
_JOINING = frozenset(("or", "and", "if", "else", "in", "is", "not"))
# Calls that only dress a literal up, and functions to which a name and its value are given.
_DRESSING = frozenset(
    (
        "Field Secret Some b64decode b64encode bytearray bytes field from fromhex quote "
        "quote_plus str"
    ).split()
)
_SETTING = frozenset(
    (
        "addHeader add_header define get getenv get_env header pop put putenv set setHeader "
        "setProperty set_header setdefault setenv"
    ).split()
)
_SETTING_OF = frozenset(("__setattr__", "setattr", "setitem"))  # given an object first
_LOOK_BACK = 80  # characters in which a function stands before its arguments
_DECLARING = frozenset(("add_argument", "option", "Option"))
# a word behind these is one that is compared, or any argument
_DOUBTFUL = frozenset(("?", "==", "===", "!=", "!=="))
_HEADERS = frozenset(("authorization", "cookie", "proxy-authorization", "set-cookie"))
_MAPPINGS = frozenset(("passwords", "secrets", "tokens", "keys"))  # from names to secrets


@dataclass(slots=True)
class Open:
    """A value that is being read: what it is called, the brackets and the quote that stand open,
    and what came last.
    """

    name: str
    sign: str = "="
    quoted: bool = False  # whether the name is in quotes
    tight: bool = False  # whether no space stands around the sign
    brackets: list[str] = field(default_factory=list)
    mark: str = ""  # that closes the literal
    formatted: bool = False
    last: str = ""
    indent: int = -1  # of the line that begins a block of YAML
    place: int = -1  # of the one argument that is the value
    commas: int = 0  # of the call
    steps: int = 0  # words that have been read of the line
    names: tuple[str, ...] = ()  # that are given as many values
    below: int = -1  # the indent of a line that is a name and a colon
    prose: bool = False  # whether the line is a message, in which no variables stand

    @property
    def reads(self) -> bool:
        """Tell whether a literal that stands here is the value, or a part of it."""
        kind = self.brackets[-1] if self.brackets else ""
        if kind == "arguments":
            return False
        if kind == "dressing":
            return self.last in ("(", "default", "quote")
        if kind == "call":
            here = self.place in (-1, self.commas)
            return self.last == "key" or (
                here and self.last in ((",", "quote") if self.place else ("(", "quote"))
            )
        if kind == "targets":
            return self.last in _OPERATORS and is_secret_name(self.name)
        return self.last in _OPERATORS

    @property
    def is_new(self) -> bool:
        return not (self.brackets or self.mark or self.last)


def secrets_of(line: str, *, prose: bool = False) -> tuple[list[Span], Open | None]:
    """Return where the secrets of a line, or of a piece of one, stand, and what it leaves open.

    In ``prose``, such as the message of an error, a bare word behind ``password=`` is the password,
    whatever follows.
    """
    spans: list[Span] = []
    left = several = None
    unpacked: list[Span] = []
    steps = 0
    heads = sorted(_heads(line), key=lambda head: head[1])
    for match in TARGETS.finditer(line) if "," in line else ():
        found, several = _unpacked(line, match)
        if found is not None:
            unpacked += found
            heads = [head for head in heads if not match.start() <= head[0] < match.end()]
    ends = [head[0] for head in heads[1:]]
    for (start, at, value), end in zip(heads, [*ends, len(line)], strict=False):
        left = None
        if not spans or start >= spans[-1][1]:  # else it is inside a secret
            value.steps, value.prose = steps, prose
            left = _read(line, at, max(at, end), value, spans)
            steps = value.steps
    if "</" in line:
        spans += [
            match.span("value")
            for pattern in (_ELEMENT, _NAMED_ELEMENT)
            for match in pattern.finditer(line)
            if _is_element(match)
        ]
    if "/" in line and "@" in line:
        spans += [
            match.span("value")
            for match in LOGON.finditer(line)
            if not is_harmless("password", match["value"])
        ]
    if "${" in line:
        spans += [match.span("value") for match in _EXPANSION.finditer(line) if _is_element(match)]
    return spans + unpacked, left or several


def continued(line: str, value: Open) -> tuple[list[Span], Open | None]:
    """Return where the secrets of a value stand that the line before left open, and what stays
    open.
    """
    spans: list[Span] = []
    value.steps = 0
    start = 1 if line[:1] in ("+", "-") else 0  # of a patch
    text = line[start:].strip()
    if value.indent >= 0:
        inside = not text or _indent(line) > value.indent
        return [
            _stripped(line, start, len(line))
        ] if text and inside else [], value if inside else None
    if value.sign == "entry":
        match = _ENTRY_VALUE.search(line, 0, 100)
        if match is None or line[start : match.start()].strip(" \t\"'"):
            return [], None
        start, value.sign = match.end(), ":"
        return spans, _read(line, start, len(line), value, spans)
    if value.is_new and not _BEGINS_LITERAL.match(text):
        return _below(line, start, value), None
    return spans, _scan(line, start, len(line), value, spans)


def _below(line: str, start: int, value: Open) -> list[Span]:
    """Return the one word that YAML has below its name."""
    span = _stripped(line, start, len(line))
    text = line[slice(*span)]
    match = _BARE.fullmatch(text)
    plain = not text.isalpha() and text[-1:] != ":" and _ATTRIBUTE.match(text) is None
    if (
        0 <= value.below < _indent(line)
        and (is_strong_name(value.name) or "_" in value.name)
        and match is not None
        and len(text) >= 4
        and plain
        and not is_harmless(value.name, text)
    ):
        return [span]
    return []


def _unpacked(line: str, match: re.Match[str]) -> tuple[list[Span] | None, Open | None]:
    """Return the secrets among the values that several names are given, and what stays open; None
    where the values are not as many as the names.
    """
    names = tuple(name.strip() for name in match["names"].split(","))
    if not any(map(is_secret_name, names)):
        return None, None
    spans: list[Span] = []
    value = Open(names[0], brackets=["targets"], last="(", names=names)
    left = _scan(line, match.end(), len(line), value, spans)
    if match["open"]:
        whole = left is not None or value.commas + (value.last != ",") == len(names)
        return (spans, left) if whole or not value.brackets else (None, None)
    if value.brackets[:1] != ["targets"] or value.last == "," or value.commas + 1 != len(names):
        return None, None
    value.brackets, value.names = value.brackets[1:], ()
    return spans, value if value.brackets or value.mark else None


def _heads(line: str) -> Iterator[tuple[int, int, Open]]:
    """Yield for each name of a secret where it begins, where its value does, and what is known of
    that.
    """
    for match in _HEAD.finditer(line):
        name, sign = match["name"], match["sign"]
        if not is_secret_name(name.removeprefix("-D")) or (
            sign in _DOUBTFUL and not is_strong_name(name)
        ):
            continue
        tight = line[match.start("sign") - 1 : match.start("sign")] not in (" ", "\t")
        value = Open(name, sign, bool(match["close"]), tight)
        if sign != ",":
            yield match.start(), match.end(), value
        elif match["close"]:
            yield from _given(line, match, value)
    if "(" in line:
        for match in CONNECT.finditer(line):
            yield match.start(), match.end(), Open("password")
        for match in CALL.finditer(line):
            place = PLACES.get(match["call"], -1)
            kind = "dressing" if not place and "." not in match["call"] else "call"
            yield (
                match.start(),
                match.end(),
                Open("password", "call", brackets=[kind], last="(", place=place),
            )
    if "'" in line:
        for match in SQL.finditer(line):
            yield match.start(), match.end(), Open("password")
    for match in _SIGNLESS.finditer(line):
        if is_secret_name(match["name"]) and is_strong_name(match["name"]):
            yield match.start(), match.end(), Open(match["name"])
    for match in _ENTRY.finditer(line):
        if is_secret_name(match["name"]):
            value = Open(match["name"], "entry")
            found = _ENTRY_VALUE.search(line, match.end(), match.end() + 64)
            yield (found or match).start(), found.end() if found else len(line), value


def _given(line: str, match: re.Match[str], value: Open) -> Iterator[tuple[int, int, Open]]:
    """Yield the value that is given to a function behind its name, or behind a flag in a list."""
    function, first = _function(line, match.start() - len(match["close"]))
    later = not first and function in _SETTING
    if not first and function not in _DECLARING and function not in _SETTING_OF and not later:
        function = None
    if function in _DECLARING:
        found = _DEFAULT.search(line, match.end(), match.end() + 256)
        if found is not None:
            yield found.start(), found.end(), value
    elif function is not None or value.name.startswith("--"):
        sure = function in _SETTING_OF or (
            function in _SETTING and (first or is_strong_name(value.name))
        )
        value.sign = "," if sure else "?"
        begin = _SPACE.match(line, match.end()).end()  # type: ignore[union-attr]
        named = _NAMED_DEFAULT.match(line, begin) if sure else None
        yield match.start(), named.end() if named else match.end(), value


def _function(line: str, at: int) -> tuple[str | None, bool]:
    """Return the function among whose arguments the text at ``at`` stands, and whether it is the
    first of them.
    """
    first, depth = True, 0
    for position in range(at - 1, max(-1, at - _LOOK_BACK), -1):
        sign = line[position]
        if sign in ")]}":
            depth += 1
        elif sign in "([{" and depth:
            depth -= 1
        elif sign == "(":
            end = position
            while position > 0 and (line[position - 1].isalnum() or line[position - 1] == "_"):
                position -= 1  # noqa: PLW2901 - the loop ends here
            return line[position:end], first
        elif sign in "[{":
            return None, first
        elif not depth and (sign == "," or not (sign.isspace() or sign in "rbufRBUF")):
            first = False
    return None, first


def _is_element(match: re.Match[str]) -> bool:
    return (
        is_secret_name(match["name"])
        and not is_harmless(match["name"], match["value"])
        and "{" not in match["value"]
    )


def _read(line: str, at: int, end: int, value: Open, spans: list[Span]) -> Open | None:
    """Read the value that begins at ``at``, note its secrets, and return it if the line leaves it
    open.
    """
    begin = _SPACE.match(line, at).end()  # type: ignore[union-attr]  # it always matches
    value.tight = value.tight and begin == at
    behind = line[begin : begin + 2].strip()
    if not behind and value.sign == ":" and not value.quoted:
        before = line[max(0, at - 200) : at].rpartition(value.name)[0]
        if before.split()[-1:] and before.split()[-1].lstrip("+-") in _STATEMENTS:
            return None
        value.below = _indent(line) if not before.strip(" \t+-") else -1
    if not behind or (behind == "\\" and not line[begin + 1 :].strip()):
        return value if value.sign not in _DOUBTFUL else None
    tag = _TAG.match(line, begin) if value.sign == ":" else None
    if tag is not None:
        if tag["tag"].lower() in _REFERENCES:
            return None
        begin = tag.end()
    if value.sign == "=" and value.is_new:
        chain = _CHAIN.match(line, begin)
        begin = chain.end() if chain else begin
    if value.sign == ":" and _BLOCK.match(line, begin):
        value.indent = _indent(line)
        return value
    if value.is_new:
        first = _TOKEN.match(line, begin)
        if first is not None and first["quote"] is None:
            if value.sign in (",", "?"):
                return None
            span = _bare(line, begin, value)
            if span is not None:
                spans.append(span)
                return None
    return _scan(line, begin, max(begin, end), value, spans)


def _scan(line: str, at: int, end: int, value: Open, spans: list[Span]) -> Open | None:
    """Read an expression up to its end, or to ``end``: note the literals that are the value, step
    over those that are not.
    """
    if value.mark:
        at = _literal(line, at, len(line), value, spans, reads=True)
    while at < end and not value.mark:
        token = _TOKEN.match(line, at, end)
        if token is None:  # pragma: no cover - every character begins a word
            return None
        value.steps += 1
        if value.steps > _STEPS:
            spans.append(_stripped(line, at, len(line)))
            return None
        at = token.end()
        kind, text = token.lastgroup, token[0]
        if kind == "space":
            if "\n" in text and not value.brackets:
                return None
        elif kind == "quote":
            value.mark, value.formatted = token["mark"], "f" in token["prefix"].lower()
            reads = value.reads
            at = _literal(line, at, len(line) if reads else end, value, spans, reads=reads)
        elif kind == "word":
            if value.last == "quote" and not value.brackets and text not in _JOINING:
                return None
            value.last = text
        else:
            if not _step(line, at, text, value):
                return value if text[0] == "\\" and not line[at:].strip() else None
            if text == "#" and line[at - 2 : at - 1] in (" ", "\t", "\n", ""):
                break
    return value if (value.brackets or value.mark) and end == len(line) else None


def _step(line: str, at: int, sign: str, value: Open) -> bool:
    """Take a sign of an expression into account; return False where it ends the value."""
    following, before = line[at : at + 1], line[at - 2 : at - 1]
    deep = bool(value.brackets)
    if sign in ("(", "[", "{"):
        value.brackets.append(_bracket(sign, value))
        value.last = sign
        return True
    if sign in (")", "]", "}"):
        kind = value.brackets.pop() if deep else ""
        value.last = sign
        return deep and kind not in ("call", "targets")
    if sign == "=":
        if following == "=" or before in ("=", "!", "<", ">"):
            value.last = "=="
        elif value.brackets == ["targets"]:  # arguments, and no values of names
            value.brackets = []
            return False
        elif deep:
            value.last = value.last if value.last in ("default", "key") else "="
        elif value.sign == ":":  # what was read is the type
            value.sign, value.last = "=", ""
        else:
            return False
        return True
    if sign == ":" and value.last != "quote" and not deep:
        return False
    if sign == "|" and following != "|" and before != "|":
        value.last = "type"
        return deep or value.sign == ":"
    value.last = sign
    if sign == "," and value.brackets in (["call"], ["targets"]):
        value.commas += 1
        value.name = (*value.names, value.name)[min(value.commas, len(value.names))]
    return deep or (sign not in (",", ";", "#", "&", ">") and sign[0] != "\\")


def _bracket(sign: str, value: Open) -> str:
    if value.last not in _OPERATORS or value.last == "quote":
        dressing = sign == "(" and value.last.rpartition(".")[2] in _DRESSING
        return "dressing" if dressing else "arguments"
    if (
        sign == "{"
        and words_of(value.name)[-1:] != []
        and words_of(value.name)[-1] not in _MAPPINGS
    ):
        return "arguments"
    if value.brackets[-1:] == ["targets"] and not is_secret_name(value.name):
        return "arguments"
    if value.brackets and value.brackets[-1] in ("arguments", "call"):
        return "arguments"
    return sign


def _literal(
    line: str, start: int, end: int, value: Open, spans: list[Span], *, reads: bool
) -> int:
    """Step over a literal whose text begins at ``start``, note it if it is a secret, and return
    where it ends.
    """
    mark = value.mark
    if len(mark) == 1:
        # it always matches
        stop = _BODY[mark].match(line, start, end).end()  # type: ignore[union-attr]
    else:
        stop = line.find(mark, start, end)
    closed = 0 <= stop < end and line.startswith(mark, stop)
    if not closed:
        stop = end
    if reads and not (
        line[stop + len(mark) :].lstrip(" \t").startswith(":") and value.brackets[-1:] == ["{"]
    ):
        span = _stripped(line, start, stop)
        if span[0] < span[1] and _is_secret(value, line[slice(*span)]):
            spans.append(span)
    goes_on = not closed and (
        mark[-3:] in ('"""', "'''")
        or line[start:stop].endswith(("\\\n", "\\\r\n"))
        or line[-1:] not in ("\n", "\r")
    )
    value.last = "quote"
    if not goes_on:
        value.mark = ""
    return stop + len(mark) if closed else end


def _is_secret(value: Open, text: str) -> bool:
    name = value.name
    if not is_strong_name(name) and (len(text) < 4 or " " in text):
        return False
    if (
        (value.formatted and "{" in text)
        or (value.mark == "`" and "${" in text)
        or _CONSTANT.match(text)
        or text.lower() in name.lower()
    ):
        return False
    if value.sign in _DOUBTFUL and (text.startswith("-") or text.isalpha()):
        return False
    inner = "," in value.last and value.brackets not in ([], ["targets"])
    return not is_harmless("password" if inner else name, text)


def _stripped(line: str, start: int, end: int) -> Span:
    """Return the span without the space at its ends."""
    text = line[start:end]
    return start + len(text) - len(text.lstrip()), start + len(text.rstrip())


def _bare(line: str, at: int, value: Open) -> Span | None:
    """Return where a value without quotes stands (``.env``, YAML, a header, the query of an
    address), if it is a secret.
    """
    name, begins = (
        value.name,
        line[: min(at, 200)].partition(value.name)[0].lstrip("+-").strip() in _LEADING,
    )
    if name.lower() in _HEADERS:
        return _header(line, at, value)
    match = _BARE.match(line, at)
    if match is None:
        return None
    bare, behind = match[0], line[match.end() : match.end() + 50]
    variable = bare.isidentifier() or _ATTRIBUTE.match(bare) is not None
    if (variable and behind[:1] in ("(", "[")) or _ATTRIBUTE.match(bare) or is_harmless(name, bare):
        return None
    if (len(bare) < 4 and not is_strong_name(name)) or _is_code(value, bare, behind):
        return None
    if begins and not variable:
        behind = line[at:].split(maxsplit=1)[0]
        return at, at + len(behind if name.isupper() else re.split("[,;]", behind, maxsplit=1)[0])
    return match.span()


def _header(line: str, at: int, value: Open) -> Span | None:
    scheme = _SCHEME.match(line, at)
    if scheme is None:
        return None
    text = scheme["value"]
    variable = (
        text.isidentifier()
        and not any(map(str.isdigit, text))
        and (text.islower() or _is_code(value, text, line[scheme.end() : scheme.end() + 50]))
    )
    if variable or is_harmless("password", text):
        return None
    end = _HEADER_VALUE.match(line, scheme.start("value")).end()  # type: ignore[union-attr]
    return _stripped(line, scheme.start("value"), end)


def _indent(line: str) -> int:
    text = line[1:] if line[:1] in ("+", "-") else line
    return len(text) - len(text.lstrip())


def _is_code(value: Open, bare: str, behind: str) -> bool:
    """Tell variables and types of a program, and prose, from a value without quotes."""
    if not any(map(str.isalnum, bare)):
        return True
    if not bare.isidentifier():
        return False
    if is_secret_name(bare) or bare.lower() in words_of(value.name):
        return True
    if value.prose and value.tight and value.sign == "=" and is_strong_name(value.name):
        return False
    if (
        len(bare) >= 12
        and any(map(str.isdigit, bare))
        and any(map(str.isalpha, bare))
        and not is_words(bare)
    ):
        return False
    tight = value.tight and value.sign == "="
    if tight and (
        _SETTING_BEHIND.match(behind)
        or ((value.name.isupper() or value.name[0] == "-") and _COMMAND_BEHIND.match(behind))
    ):
        return False
    if behind.lstrip(" \t")[:1] not in ("", "&", ";", "#", '"', "'", "\r", "\n", "\\"):
        return True
    if value.sign == ":":
        return value.quoted or bare.lower() in _TYPES or (bare[0].isupper() and bare[1:].islower())
    return not tight
