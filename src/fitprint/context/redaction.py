"""Secrets taken out of command lines, variables, URLs and source text.

Three rules, each of them enough: the name beside the value is that of a secret, the value has the
shape of a known kind of secret, or it looks drawn at random. What is taken out is replaced by
``[redacted]``.

All of it takes time in proportion to the text, and no call into a regular expression sees more than
some thousand characters: another thread never waits long for this one.
"""

from __future__ import annotations

import hashlib
import os
import re
from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from itertools import accumulate

from fitprint.context.assignments import Open, Span, continued, secrets_of
from fitprint.context.commands import PROGRAMS, secret_words
from fitprint.context.secret_names import is_harmless, is_secret_name
from fitprint.context.secret_shapes import REDACTED, without_shapes

__all__ = [
    "REDACTED",
    "is_secret_name",
    "redact_argv",
    "redact_mapping",
    "redact_text",
    "redact_url",
    "word_digest",
]

_MOST = 2048  # characters of a line in which names mean something; longer ones are data
# lines with words of secrets that are read; a text with more of them is no source of a program
_MOST_MARKED = 12_000
_ROUNDS = 4
_INDENT = 4  # of source in a traceback
_BLOCK = 8192  # characters of the lines that are looked at together
# Parts of words without which no name, header or command on a line is one of a secret's.
_STEMS = (
    *(
        "auth bearer cookie cred csrf curl fernet identified jwt key ldap login mariadb mongo "
        "mysql pass phrase pw redis-cli secret"
    ).split(),
    *"connect create_superuser create_user hmac mnemonic mosquitto_ pepper psk".split(),
    *"sessionid smbclient sqlldr sqlplus token twine unseal webhook".split(),
    *(
        "backup_code conn_str connection_str ftp( ftp_tls( kinit mfa_seed openssl otp_seed "
        "recovery_code stripe_sk unlock_code"
    ).split(),
    *(
        "url.create(",
        "bcp ",
        "conn ",
        "pdp ",
        "helm ",
        "http -a",
        "https -a",
        "isql ",
        "snowsql ",
        "sqlcmd ",
        "ssh-keygen ",
        "sudo -s",
    ),
    *("pat=", "pat:", "pat ", "pat\t", "pat'", 'pat"', "pat\\", "zip -", "rar -", "7z ", "7za "),
)
_HEADER = re.compile(r"(?i)(?<!\w)(bearer|basic|digest|token)(\s{1,8})([A-Za-z0-9._~+/-]{16,}=*)")
_FLAG = re.compile(
    r"(?P<flag>(?<![\w.-])--?(?P<name>[A-Za-z][\w.-]*)\s{1,16})(?P<quote>[\"']?)(?P<value>[^\s\"'-][^\s\"']*)(?P=quote)"
)
_PROGRAM = re.compile(
    rf"(?<![\w.-])(?:{'|'.join(map(re.escape, sorted(PROGRAMS)))})(?=[\"']?[\s,])"
)
# A text that is written to the standard input of what asks for a password.
_PIPED = re.compile(
    r"""(?<![\w.-])(?:echo|printf)[ \t]{1,8}(?:-n[ \t]{1,8})?["']?(?P<value>[^\s"'|&;<>]{1,200})["']?[ \t]{0,8}\|[ \t]{0,8}"""  # noqa: E501
    r"""(?:sudo[ \t]{1,8}-S|kinit|su\b|[\w ./-]{1,80}--password-stdin|cryptsetup|openssl|gpg)"""
)
_SHELL_WORD = re.compile(r"\[redacted\]|[^\s\"'`,\[\]()|;&<>]+")
_BREAK = re.compile(r"[\s,;]")
_WORD = re.compile(r"\S+")
_NETRC = ("account", "default", "login", "machine", "password")
_KAGGLE = re.compile(r"""["']key["']\s{0,8}:\s{0,8}["'](?P<value>[0-9A-Za-z]{20,})["']""")
_BEGIN, _END = "-----BEGIN ", "-----END"
_BREAKS = "\r\n\v\f\x1c\x1d\x1e\x85\u2028\u2029"
_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
_BASE64, _NAME = _LETTERS + "+/=", _LETTERS + "_.@/-"


def word_digest(word: str) -> str:
    """Return what stands for a word of a command in the variable ``FITPRINT_WITHHELD``."""
    return hashlib.sha256(word.encode("utf-8", "surrogateescape")).hexdigest()[:16]


def redact_argv(argv: Sequence[str]) -> list[str]:
    """Return the arguments of a command, secrets replaced: ``--token X``, ``--token=X``,
    ``-u user:X``, URLs, known shapes, and what whoever started this process says is secret.
    """
    told = os.environ.get("FITPRINT_WITHHELD", "").split()
    if told:
        argv = [REDACTED if word_digest(word) in told else word for word in argv]
    words = dict(secret_words(argv, "curl"))
    redacted: list[str] = []
    follows = False  # whether the flag before names a secret
    for position, argument in enumerate(argv):
        if follows and not argument.startswith("-") and not is_harmless("password", argument):
            redacted.append(REDACTED)
            follows = False
            continue
        name, sign, value = argument.partition("=")
        bare = name.lstrip("-+")
        follows = not sign and argument.startswith("-") and is_secret_name(bare)
        if position in words:
            redacted.append(argument[: words[position]] + REDACTED)
        elif (
            sign and not bare.strip(_NAME) and is_secret_name(bare) and not is_harmless(bare, value)
        ):
            redacted.append(f"{name}={REDACTED}")
        else:
            redacted.append(redact_text(argument))
    return redacted


def redact_mapping(variables: Mapping[str, str]) -> dict[str, str]:
    """Return variables with the values of those that hold secrets replaced."""
    return {
        name: REDACTED
        if is_secret_name(name) and not is_harmless(name, value)
        else redact_text(value)
        for name, value in variables.items()
    }


def redact_url(url: str) -> str:
    """Return the URL without its password, and without secrets in its query; a lone long user name
    is a token, too.
    """
    return redact_text(url)


def redact_text(text: str, *, messages: bool = False) -> str:
    """Return text (source, a patch, a log) with each secret replaced and all else, line breaks
    included, as it was.

    Of an assignment such as ``password = "..."`` the literal value goes, also where it stands in
    the lines below; calls, attributes and variables (``os.environ["TOKEN"]``,
    ``settings.password``) stay. Of private keys the lines between the marks go.

    A line of more than 2048 characters is data. Where a word of a secret or an address stands in
    it, all behind its first part is replaced; otherwise known and random shapes are. Where more
    than 12 000 lines have words of secrets, the lines behind are replaced.

    Args:
        text: the text.
        messages: it is a traceback, a log or a warning: only lines that are indented by four are
            source, all others are prose.
    """
    lines = text.splitlines(keepends=True)
    if _BEGIN in text:
        _redact_keys(lines)
    return "".join(_redacted_lines(lines, messages))


def _redacted_lines(lines: Sequence[str], messages: bool) -> Iterator[str]:
    left: Open | None = None  # a value that began in the lines before
    read = 0  # lines that had words of secrets
    for first, last in _blocks(lines):
        if read > _MOST_MARKED:
            yield from (_replaced(line) for line in lines[first:last])
            continue
        if len(lines[first]) > _MOST:
            left = None
            yield _redacted_data(lines[first], messages)
            continue
        block = without_shapes("".join(lines[first:last])).splitlines(keepends=True)
        marked = _marked(block)
        read += len(marked)
        for number, line in enumerate(block):
            # the lines behind belong elsewhere
            if left is not None and line.startswith(("@@ ", "diff --git ")):
                left = None
            if left is not None:
                spans, left = continued(line, left)
                line = _without(line, spans)  # noqa: PLW2901 - step by step
            if number in marked:
                near = lines[max(0, first + number - 3) : first + number + 3]
                line, begun = _redacted_names(line, near, prose=messages and not _is_source(line))  # noqa: PLW2901
                left = begun or left
            yield line


def _replaced(line: str) -> str:
    body = line.rstrip(_BREAKS)
    return f"{REDACTED if body.strip() else body}{line[len(body) :]}"


def _blocks(lines: Sequence[str]) -> Iterator[tuple[int, int]]:
    """Yield the bounds of lines that are looked at together; a long line stands alone."""
    first = size = 0
    for number, line in enumerate(lines):
        if number > first and size + len(line) > _BLOCK:
            yield first, number
            first, size = number, 0
        size += len(line) if len(line) <= _MOST else 2 * _BLOCK
    if lines:
        yield first, len(lines)


def _marked(lines: Sequence[str]) -> set[int]:
    """Return the numbers of the lines in which a stem stands."""
    lowered = [line.lower() for line in lines]
    ends = list(accumulate(map(len, lowered)))
    text = "".join(lowered)
    marked = set()
    for stem in _STEMS:
        at = text.find(stem)
        while at >= 0:
            number = bisect_right(ends, at)
            marked.add(number)
            at = text.find(stem, ends[number])
    return marked


def _is_source(line: str) -> bool:
    """Tell a line of a traceback that shows source, also in a group of exceptions,
    from a message.
    """
    return len(line) - len(line.lstrip(" |")) >= _INDENT


def _redacted_names(line: str, near: Sequence[str], *, prose: bool) -> tuple[str, Open | None]:
    """Return the line without what stands beside names, and what it leaves open."""
    left = None
    # until nothing changes: where a value was, another may be seen to begin
    for _ in range(_ROUNDS):
        before = line
        line = _HEADER.sub(_redacted_header, line)
        spans, left = secrets_of(line, prose=prose)
        line = _FLAG.sub(_redacted_flag, _without(line, spans))
        line = _without(line, [*_command_spans(line), *_file_spans(line, near)])
        if line == before:
            break
        line = without_shapes(line)
    return line, left


def _redacted_data(line: str, messages: bool) -> str:
    """Return a long line, taken in pieces that end where a word does; a word that is longer than a
    piece is replaced.
    """
    body = line.rstrip(_BREAKS)
    text = body.lower()
    named = "://" in text or any(stem in text for stem in _STEMS)
    parts = []
    at = 0
    while at < len(body):
        end = (
            len(body)
            if len(body) - at <= _MOST
            else max(body.rfind(sign, at, at + _MOST) for sign in " \t,;") + 1
        )
        if end <= at:
            parts.append(REDACTED)
            end = _end_of_word(body, at)
        else:
            parts += _redacted_lines([body[at:end]], messages)
        if named and end < len(body):
            parts.append(REDACTED)
            break
        at = end
    return "".join([*parts, line[len(body) :]])


def _end_of_word(text: str, at: int) -> int:
    while at < len(text):
        found = _BREAK.search(text, at, at + _MOST)
        if found is not None:
            return found.start()
        at += _MOST
    return len(text)


def _redact_keys(lines: list[str]) -> None:
    """Replace the lines of private keys, which a patch or a string may have marks around,
    in place.
    """
    inside = False
    for position, line in enumerate(lines):
        begin = line.find(_BEGIN)
        mark = line.find("-----", begin + len(_BEGIN)) if begin >= 0 else -1
        if mark >= 0 and "PRIVATE KEY" in line[begin:mark]:
            mark += 5
            end = line.find(_END, mark)
            inside = end < 0
            stop = len(line) if inside else end
            if any(map(str.isalnum, line[mark:stop].replace("\\n", "").replace("\\r", ""))):
                stop = len(line.rstrip(_BREAKS)) if inside else end
                lines[position] = f"{line[:mark]}{REDACTED}{line[stop:]}"
        elif inside:
            start = 1 if line[:1] in ("+", "-", " ") and not line.startswith("-----") else 0
            core = line[start:].strip(" \t\r\n\"',\\").removesuffix("\\n").removesuffix("\\r")
            inside = not core.strip(_BASE64) or (
                ": " in core and not core.partition(": ")[0].strip(_NAME)
            )
            if inside and core:
                at = line.index(core, start)
                lines[position] = f"{line[:at]}{REDACTED}{line[at + len(core) :]}"


def _without(line: str, spans: Sequence[Span]) -> str:
    """Return the line with these parts of it replaced."""
    parts = []
    done = 0
    for start, end in sorted(spans):
        if start >= done and line[start:end] != REDACTED:
            parts += [line[done:start], REDACTED]
            done = end
    return "".join([*parts, line[done:]]) if parts else line


def _redacted_header(match: re.Match[str]) -> str:
    random = any(map(str.isdigit, match[3])) or (
        match[1].lower() in ("bearer", "basic") and match[3].lower() != match[3]
    )
    return f"{match[1]}{match[2]}{REDACTED}" if random else match[0]


def _redacted_flag(match: re.Match[str]) -> str:
    if match["name"] == "login":
        user, sign, password = match["value"].partition(":")
        if not sign or user.isdigit() or is_harmless("password", password):
            return match[0]
        return f"{match['flag']}{match['quote']}{user}:{REDACTED}{match['quote']}"
    if not is_secret_name(match["name"]) or is_harmless("password", match["value"]):
        return match[0]
    return f"{match['flag']}{match['quote']}{REDACTED}{match['quote']}"


def _command_spans(line: str) -> Iterator[Span]:
    """Yield the secrets in a command, which may be written as text or as a list of words."""
    yield from (
        match.span("value")
        for match in _PIPED.finditer(line)
        if "|" in line and not is_harmless("password", match["value"])
    )
    found = _PROGRAM.search(line)
    if found is None:
        return
    words = list(_SHELL_WORD.finditer(line, found.start()))
    for position, start in secret_words([word[0] for word in words]):
        begin, end = words[position].start() + start, words[position].end()
        quote = line[words[position].start() - 1 : words[position].start()]
        closing = line.find(quote, begin) if quote in ("'", '"') and quote else -1
        yield begin, closing if closing >= 0 else end


def _file_spans(line: str, near: Sequence[str]) -> Iterator[Span]:
    """Yield the secrets in the files of known programs: ``.netrc`` and ``kaggle.json``."""
    for match in _KAGGLE.finditer(line):
        if any("username" in other for other in near):
            yield match.span("value")
    if "password" not in line or not line.lstrip("+- \t").startswith(_NETRC):
        return
    words = list(_WORD.finditer(line))
    names = [word[0].lstrip("+-") for word in words]
    names = names[names[0] == "" :]
    words = words[len(words) - len(names) :]
    if "password" not in names[:-1] or names[0] not in _NETRC:
        return
    value = words[names.index("password") + 1]
    if is_harmless("password", value[0]):
        return
    others = [word for other in near for word in other[:200].lstrip("+-").split()[:1]]
    if {"machine", "login", "default"}.intersection([*names[:-2], *others]):
        yield value.span()
