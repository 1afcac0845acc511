"""Commands: a template is taken apart first, and values are put into its parts afterwards, so that
no value is ever text of a shell.

A template without anything of a shell's becomes a list of arguments, which is executed. In one
that needs a shell, such as ``python a.py {x} | tee log``, a value is a positional parameter of the
shell's: ``{x}`` becomes ``"$1"``.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from fitprint_projects.errors import ProjectError

__all__ = ["command_of"]

# one brace, doubled; a name in braces; a brace that is neither
_BRACES = re.compile(r"\{\{|\}\}|\{([^{}]*)\}|[{}]")
_SHELL = frozenset("|&;<>()$`*?[~#!\n")
_SHELL_IN_DOUBLE = frozenset("$`")
_ASSIGNMENT = re.compile(r"[A-Za-z_]\w*=")
_BUILTINS = frozenset(
    (
        ". alias break case cd command declare echo eval exec exit export for function hash if let "
        "local printf pushd popd read readonly return set shift source test time trap type "
        "typeset ulimit umask unset until wait while [ [[ {"
    ).split()
)
# before which a shell takes a value for code, even one that is quoted
_EVALUATING = re.compile(
    r"\(\(|\[\[|<<|\$\[|\$'"
    r"|(?<![\w.-])(?:eval|let|declare|typeset|local|readonly|trap|source|unset|read|mapfile"
    r"|readarray|getopts|alias|printf\s+-v|wait\s+-\w*p)(?![\w.-])"
    r"|(?:^|[;&|(!{\n]|\b(?:then|do|else|elif|if|while|until|time|builtin|command)\b)[ \t]*\.\s"
    # a part of a variable, and one that another variable names
    r"|\$\{\{!|\$\{\{\w+(?:\[|:[^-=+?])"
    # the text that is piped into a shell
    r"|\|&?\s*(?:[^\s|;&()]*/)?(?:ba|da|z|k|a)?sh\s*(?:$|[;|&)\n]|-s?(?:$|[\s;|&)]))"
)
# the same in two parts, of which the second stands behind the first in one command or line: a test
# of a variable by its name, and an index
_EVALUATING_PARTS = (
    (re.compile(r"[;|&\n]"), re.compile(r"\btest\s|\[\s"), re.compile(r"\s-[vR]\s")),
    (re.compile(r"\n"), re.compile(r"(?:^|[\s;&|(])\w+\["), re.compile(r"\]\+?=")),
)
# programs with an option after which the next argument is code
_CODE_OPTION = re.compile(r"-(?!-)\w*(?:c\w*|[eEr])")
_VALUE_OPTION = re.compile(r"[-+](?!-)\w*[oOXW]")
_WITH_CODE = re.compile(
    r"(?:ba|da|z|k|a|fi)?sh|python[\d.]*|pypy[\d.]*|perl|ruby|node|php|R|Rscript"
)
# programs that give all their arguments to a shell
_WITH_SHELL = frozenset(("eval", "ssh", "su", "runuser", "watch", "parallel"))


class _Word(NamedTuple):
    """A word of a template: its parts, each with the quote around it ("" for none)."""

    parts: list[tuple[str, str]]


def command_of(
    template: str | Sequence[str],
    values: Mapping[str, str],
    further: Mapping[str, str],
    where: str,
) -> list[str]:
    """Return the arguments to execute.

    Args:
        template: a command as for a shell, or a list of arguments; ``{name}`` stands for a value.
        values: by name.
        further: of parameters that the template does not know: they follow as ``--name value``.
        where: what the template belongs to, for messages.

    Raises:
        ProjectError: it names what is no parameter, a quote is not closed, or a shell would read a
            value as code.
    """
    extra = [word for name, value in further.items() for word in (f"--{name}", value)]
    if not isinstance(template, str):
        _refuse_code(template, where)
        return [_filled(each, values, where) for each in template] + extra
    text = re.sub(r"\\\r?\n", "", template.strip())
    words, needs_shell = _words(text, where)
    if not words:
        raise ProjectError(f"{where} has an empty command")
    _refuse_code(_commands(words), where)
    if not needs_shell:
        return [
            "".join(_filled(part, values, where) for part, _ in word.parts) for word in words
        ] + extra
    return _shell(text, values, extra, where)


def _commands(words: Sequence[_Word]) -> list[str]:
    """Return the words of a template, and what stands between them in a shell as words, too."""
    found: list[str] = []
    for word in words:
        found.append("")
        for part, quote in word.parts:
            if not quote and part[0] in "|&;()`\n":
                found += [part[0], part[1:]]
            else:
                found[-1] += part
    return [word for word in found if word]


def _refuse_code(words: Sequence[str], where: str) -> None:
    """See that no value is put into what a program takes for code.

    Raises:
        ProjectError: one is, as in ``bash -c "echo {x}"``.
    """
    runs_shell = takes_code = False
    program = before = ""
    for word in words:
        name = word.rpartition("/")[2]
        if word in ("|", "&", ";", "(", ")", "`", "\n"):
            runs_shell = takes_code = False
            program = ""
        elif (takes_code or runs_shell) and any(
            match[1] is not None for match in _BRACES.finditer(word)
        ):
            raise ProjectError(
                f"{where}: its command puts a value into {word!r:.60}, which {program} takes for "
                "code; give the value as an argument of a script, or after the code"
                """, as in bash -c 'echo "$1"' bash {x}"""
            )
        elif program and not runs_shell and _CODE_OPTION.fullmatch(word):
            takes_code = True
        elif name in _WITH_SHELL:
            runs_shell, program = True, name
        elif _WITH_CODE.fullmatch(name):
            takes_code, program = False, name
        elif takes_code or not (word.startswith(("-", "+")) or _VALUE_OPTION.fullmatch(before)):
            takes_code, program = False, program if runs_shell else ""
        before = word


def _filled(text: str, values: Mapping[str, str], where: str) -> str:
    return "".join(
        piece if name is None else values[name] for piece, name in _pieces(text, values, where)
    )


def _pieces(text: str, values: Mapping[str, str], where: str) -> Iterator[tuple[str, str | None]]:
    """Yield the text between placeholders, and their names."""
    last = 0
    for match in _BRACES.finditer(text):
        yield text[last : match.start()], None
        last = match.end()
        if match[0] in ("{{", "}}"):
            yield match[0][0], None
        elif match[1] is None or match[1] not in values:
            known = ", ".join(values) or "none"
            raise ProjectError(
                f"{where}: {match[0]!r:.60} in its command is no parameter (there are: {known}); "
                "declare it, or write {{ and }} for braces of the command's own"
            )
        else:
            yield match[0], match[1]
    yield text[last:], None


def _words(text: str, where: str) -> tuple[list[_Word], bool]:
    """Return the words of a template as a POSIX shell takes them apart, and whether it takes a
    shell to make sense of them.
    """
    words: list[_Word] = []
    current: _Word | None = None
    needs_shell = False
    at = 0
    while at < len(text):
        sign = text[at]
        if sign in " \t\r":
            current, at = None, at + 1
            continue
        if sign in _SHELL:
            inside_word = sign in "#~!" and current is not None
            needs_shell = needs_shell or not inside_word
        if current is None:
            current = _Word([])
            words.append(current)
        if sign in "'\"":
            end = _closing(text, at)
            if end < 0:
                raise ProjectError(f"{where}: a quote ({sign}) of its command is not closed")
            inner = text[at + 1 : end]
            if sign == '"':
                needs_shell = needs_shell or not _SHELL_IN_DOUBLE.isdisjoint(inner)
                inner = re.sub(r'\\([\\"$`])', r"\1", inner)
            current.parts.append((inner, sign))
            at = end + 1
        elif sign == "\\":
            current.parts.append((text[at + 1 : at + 2], "\\"))
            at += 2
        else:
            end = at + 1
            while end < len(text) and text[end] not in " \t\r'\"\\" and text[end] not in _SHELL:
                end += 1
            current.parts.append((text[at:end], ""))
            at = end
    if words:
        first = "".join(part for part, _ in words[0].parts)
        needs_shell = (
            needs_shell or first in _BUILTINS or _ASSIGNMENT.match(words[0].parts[0][0]) is not None
        )
    return words, needs_shell


def _closing(text: str, at: int) -> int:
    """Return where the quote at this position is closed; -1 where it is not."""
    if text[at] == "'":
        return text.find("'", at + 1)
    end = at + 1
    while end < len(text) and text[end] != '"':
        end += 2 if text[end] == "\\" else 1
    return end if end < len(text) else -1


def _shell(text: str, values: Mapping[str, str], extra: list[str], where: str) -> list[str]:
    """Return a call of bash that gets the values as its positional parameters."""
    script: list[str] = []
    passed: list[str] = []
    numbers: dict[str, int] = {}
    quoted = _Quoted(text)
    at = 0
    for piece, name in _pieces(text, values, where):
        if name is None:
            script.append(piece)
        else:
            if quoted(at):
                raise ProjectError(
                    f"{where}: its command needs a shell, and {piece} stands in quotes there; "
                    "write it without quotes: the value is one word, whatever is in it"
                )
            if at and text[at - 1] == "$":
                raise ProjectError(f"{where}: write {piece} without the $ before it")
            if name not in numbers:
                passed.append(values[name])
                numbers[name] = len(passed)
            script.append(f'"${{{numbers[name]}}}"')
        # braces that were doubled are shorter in the piece
        at += len(piece) * (2 if name is None and piece in ("{", "}") else 1)
    if passed and (found := _evaluating(text)):
        raise ProjectError(
            f"{where}: its command has {found!r}, in which a shell reads values as "
            "code; put that part into a script of the project, and give it the values as arguments"
        )
    for word in extra:
        passed.append(word)
        script.append(f' "${{{len(passed)}}}"')
    return ["bash", "-c", "".join(script), "bash", *passed]


def _evaluating(text: str) -> str:
    """Return what makes a shell read values as code; "" where nothing does."""
    if match := _EVALUATING.search(text):
        return match[0].strip()
    for ends, begins, follows in _EVALUATING_PARTS:
        for part in ends.split(text):
            if (first := begins.search(part)) and follows.search(part, first.end() - 1):
                return first[0].strip()
    return ""


class _Quoted:
    """Tells of a position in a template whether it stands in quotes."""

    def __init__(self, text: str) -> None:
        self._starts: list[int] = []
        self._ends: list[int] = []
        at = 0
        while at < len(text):
            if text[at] == "\\":
                self._add(at + 1, at + 2)
                at += 2
            elif text[at] in "'\"":
                end = _closing(text, at)
                self._add(at, end)
                at = end + 1
            else:
                at += 1

    def _add(self, start: int, end: int) -> None:
        self._starts.append(start)
        self._ends.append(end)

    def __call__(self, at: int) -> bool:
        place = bisect_right(self._starts, at) - 1
        return place >= 0 and at < self._ends[place]
