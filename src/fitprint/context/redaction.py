"""Secrets taken out of command lines, variables, URLs and source text.

Three rules, each of them enough: the name beside the value is that of a secret, the value has the shape of a known
kind of secret, or it looks drawn at random. What is taken out is replaced by ``[redacted]``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

__all__ = ["REDACTED", "is_secret_name", "redact_argv", "redact_mapping", "redact_text", "redact_url"]

REDACTED = "[redacted]"

_LONE = frozenset(
    "apikey auth authorization bearer cookie credential credentials creds jwt pass passcode passphrase passwd password passwords "
    "pat pgpassword privatekey pwd secret secrets".split()
)
_BEFORE_KEY = frozenset(
    "access account api auth client consumer deploy encryption license master private secret service shared signing ssh".split()
)
# Words that make a "token" one of a language model's vocabulary, or a number of them.
_VOCABULARY = frozenset(
    (
        "audio bos budget cached cls completion continuation count cursor dim drop embedding end eos eot extra first id ids image "
        "input keep last len length limit mask max min n new next num number of out output pad page per prompt rate reasoning sep "
        "size special start stop suppress tgt total type types unk valid video vocab word"
    ).split()
)
# Last words that make a name speak of a secret instead of holding one.
_DESCRIBING = frozenset(
    (
        "class dir env expiry failure file id len length manager method mode name path policy prefix provider rate scheme size "
        "strategy ttl type url var"
    ).split()
)
_PLURAL = frozenset({"access", "api", "auth", "bearer", "refresh", "secret"})  # before "tokens" that are secrets
_TYPES = frozenset("any bool bytes dict float int list object optional set str string tuple union".split())
_CONSTANT = re.compile(r"[A-Z]+(?:_[A-Z0-9]+)+\Z")
_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+")
_HARMLESS = re.compile(
    r"(?i)(?:none|null|true|false|yes|no|on|off|auto|\[redacted\]|\*+|x+|\.\.\.|<[^>]*>|\{+[^}]*\}+|\$\{?\w+.*|%\w+%|env:.*)\Z"
)
_NUMBER = re.compile(r"[-+]?[0-9]*\.?[0-9]+(?:e[-+]?[0-9]+)?\Z", re.IGNORECASE)

_KNOWN = re.compile(
    r"(?<![A-Za-z0-9])(?:"
    r"gh[pousr]_[A-Za-z0-9]{20,}|github_pat_[A-Za-z0-9_]{20,}|gl(?:pat|dt|ft|rt|soat)-[\w-]{16,}"  # GitHub, GitLab
    r"|(?:AKIA|ASIA|ABIA|ACCA)[A-Z0-9]{16}(?![A-Za-z0-9])"  # Amazon
    r"|xox[a-z]-[\w-]{10,}|xapp-[\w-]{10,}"  # Slack
    r"|hf_[A-Za-z0-9]{20,}|api_org_[A-Za-z0-9]{20,}"  # Hugging Face
    r"|sk-(?:[a-z]+[0-9]*-){0,3}(?=[\w-]*[0-9])[A-Za-z0-9_]{16,}[\w-]*"  # OpenAI, Anthropic
    r"|[rsp]k_(?:live|test)_[A-Za-z0-9]{16,}|whsec_[A-Za-z0-9+/=]{16,}"  # Stripe
    r"|AIza[\w-]{30,}|ya29\.[\w.-]{16,}|GOCSPX-[\w-]{16,}"  # Google
    r"|npm_[A-Za-z0-9]{30,}|pypi-[\w-]{40,}|dckr_pat_[\w-]{16,}|nvapi-[\w-]{20,}|gsk_[A-Za-z0-9]{20,}|r8_[A-Za-z0-9]{20,}|dapi[0-9a-f]{32}"
    r"|SG\.[\w-]{16,}\.[\w-]{16,}|dop_v1_[0-9a-f]{40,}|sq0[a-z]{3}-[\w-]{20,}|wandb_v1_\w{20,}"
    r"|eyJ[\w-]{8,}\.[\w-]{8,}(?:\.[\w-]*)?"  # JSON web tokens
    r")"
)
_WEBHOOK = re.compile(r"(https://(?:hooks\.slack\.com/(?:services|workflows)|discord(?:app)?\.com/api/webhooks)/)[\w/-]+")
_HEADER = re.compile(r"(?i)\b(bearer|basic|digest|token)(\s+)([A-Za-z0-9._~+/-]{16,}=*)")
_USERINFO = re.compile(r"(?i)\b([a-z][a-z0-9+.-]*://)([^\s/@:\"'<>]*)(:)?([^\s/\"'<>]*?)@(?=[^\s@/\"']+)")
_PAIR = re.compile(
    r"""(?<![\w.-])(?P<open>\\*["']?)(?P<name>[A-Za-z][\w.-]*)(?P=open)(?:\s*:\s*[A-Za-z][\w.\[\] |]*?(?=\s*=\s*["']))?"""
    r"""(?P<sign>\s*(?:=>|:=|=(?!=)|:(?!//|:))\s*)"""
    r"""(?:(?P<prefix>[rbuf]{0,2})(?P<quote>\\*["'])(?P<quoted>(?:(?!(?P=quote))(?:\\.|.))*)(?P=quote)"""
    r"""|(?P<bare>[^\s"'`(),;&\[\]{}|<>\\]+)(?P<call>[(\[]?))"""
)
_STEMS = re.compile(r"(?i)auth|bearer|cookie|cred|jwt|key|pass|pat|pwd|secret|token")
_FLAG = re.compile(r"(?P<flag>(?<![\w-])--?(?P<name>[A-Za-z][\w.-]*)\s+)(?P<quote>[\"']?)(?P<value>[^\s\"'-][^\s\"']*)(?P=quote)")
_ATTRIBUTE = re.compile(r"[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)+\Z")
_PEM_BEGIN = re.compile(r"-----BEGIN [A-Z0-9 ]*PRIVATE KEY(?: BLOCK)?-----")
_PEM = re.compile(
    r"(-----BEGIN [A-Z0-9 ]*PRIVATE KEY(?: BLOCK)?-----)(?:(?!-----END).)*[A-Za-z0-9+/=](?:(?!-----END).)*(-----END|\Z)", re.DOTALL
)
_PEM_BODY = re.compile(r"([ +-]?[ \t\"']*)([A-Za-z0-9+/=]+|[A-Za-z-]+: [^\r\n]*|)((?:\\n)?[\"',\\ \t]*\r?\n?)\Z")
_CANDIDATE = re.compile(r"(?<![A-Za-z0-9+/_=-])[A-Za-z0-9+/_-]{24,}={0,2}(?![A-Za-z0-9+/_=-])")
_SEPARATORS = re.compile(r"[-_/+.]+")
_SEGMENT = re.compile(r"[0-9]*(?:[A-Z]?[a-z]*|[A-Z]*)[0-9]*\Z")
_HASH = re.compile(r"(?i)(?:sha|md)[0-9]{1,3}[-:=]")
_UPPER, _LOWER, _DIGIT = "ABCDEFGHIJKLMNOPQRSTUVWXYZ", "abcdefghijklmnopqrstuvwxyz", "0123456789"
_CLASSES = str.maketrans({**dict.fromkeys(_UPPER, "u"), **dict.fromkeys(_LOWER, "l"), **dict.fromkeys(_DIGIT, "d")})
_TEXT_LIMIT = 4096  # characters of a line; longer ones are data, in which names mean nothing


def is_secret_name(name: str) -> bool:
    """Tell whether a variable, flag or key of this name holds a secret: ``API_KEY``, ``--hf-token``, ``dbPassword``.

    Names of a language model's tokens (``max_tokens``, ``pad_token``, ``tokenizer``) are none.
    """
    words = [word.lower() for word in _WORD.findall(name)]
    for position, word in enumerate(words):
        before = words[position - 1] if position else ""
        if word == "pat" and not before:
            continue  # a pattern
        if word in _LONE and not (word in ("auth", "pass", "pat") and len(words) > position + 1 and words[-1] not in _LONE):
            if word == "pass" and before and before not in ("user", "db", "my", "admin", "ftp", "smtp", "mail", "root", "redis", "mysql"):
                continue  # forward_pass, single_pass
            return words[-1] not in _DESCRIBING
        if word in ("key", "keys") and before in _BEFORE_KEY:
            return words[-1] not in _DESCRIBING - {"id"}
        if word == "token" and not _VOCABULARY.intersection(words):
            return position == len(words) - 1 or words[position + 1] in ("value", "secret", "key")
        if word == "tokens" and before in _PLURAL:
            return position == len(words) - 1
    return False


def redact_argv(argv: Sequence[str]) -> list[str]:
    """Return the arguments of a command, secrets replaced: ``--token X``, ``--token=X``, ``api_key=X``, URLs, known shapes."""
    redacted: list[str] = []
    follows = False  # whether the flag before names a secret
    for argument in argv:
        if follows and not argument.startswith("-") and not _is_harmless("password", argument):
            redacted.append(REDACTED)
            follows = False
            continue
        name, sign, value = argument.partition("=")
        bare = name.lstrip("-+")
        follows = not sign and argument.startswith("-") and is_secret_name(bare)
        if sign and re.fullmatch(r"[\w.@/-]+", bare) and is_secret_name(bare) and not _is_harmless(bare, value):
            redacted.append(f"{name}={REDACTED}")
        else:
            redacted.append(redact_text(argument))
    return redacted


def redact_mapping(variables: Mapping[str, str]) -> dict[str, str]:
    """Return variables with the values of those that hold secrets replaced."""
    return {
        name: REDACTED if is_secret_name(name) and not _is_harmless(name, value) else redact_text(value)
        for name, value in variables.items()
    }


def redact_url(url: str) -> str:
    """Return the URL without its password, and without secrets in its query; a lone long user name is a token, too."""
    return redact_text(url)


def redact_text(text: str) -> str:
    """Return text (source, a patch, a log) with each secret replaced and all else, line breaks included, as it was.

    Of an assignment such as ``password = "..."`` the literal value goes; calls, attributes and variables
    (``os.environ["TOKEN"]``, ``settings.password``) stay. Of private keys the lines between the marks go.
    """
    if "\n" not in text:
        return _redacted_line(_PEM.sub(rf"\1{REDACTED}\2", text))
    lines = text.splitlines(keepends=True)
    if "-----BEGIN " in text:
        _redact_keys(lines)
    return "".join(map(_redacted_line, lines))


def _redact_keys(lines: list[str]) -> None:
    """Replace the lines of private keys, which a patch or a string may have marks around, in place."""
    inside = False
    for position, line in enumerate(lines):
        if _PEM_BEGIN.search(line):
            lines[position] = _PEM.sub(rf"\1{REDACTED}\2", line)
            inside = "-----END " not in line
        elif inside:
            body = _PEM_BODY.match(line)
            inside = body is not None
            if body is not None and body[2]:
                lines[position] = f"{body[1]}{REDACTED}{body[3]}"


def _redacted_line(line: str) -> str:
    if "://" in line:
        line = _USERINFO.sub(_redacted_userinfo, line)
        line = _WEBHOOK.sub(rf"\1{REDACTED}", line)
    line = _KNOWN.sub(REDACTED, line)
    if len(line) <= _TEXT_LIMIT and _STEMS.search(line):
        line = _HEADER.sub(_redacted_header, line)
        line = _PAIR.sub(_redacted_pair, line)
        line = _FLAG.sub(_redacted_flag, line)
    return _CANDIDATE.sub(_redacted_random, line)


def _redacted_userinfo(match: re.Match[str]) -> str:
    scheme, user, colon, password = match[1], match[2], match[3], match[4]
    if colon and password and not _is_harmless("password", password):
        return f"{scheme}{user}:{REDACTED}@"
    if not colon and len(user) >= 20:
        return f"{scheme}{REDACTED}@"
    return match[0]


def _redacted_header(match: re.Match[str]) -> str:
    random = any(map(str.isdigit, match[3])) or (match[1].lower() in ("bearer", "basic") and match[3].lower() != match[3])
    return f"{match[1]}{match[2]}{REDACTED}" if random else match[0]


def _redacted_pair(match: re.Match[str]) -> str:
    name, value = match["name"], match["quoted"]
    if not is_secret_name(name):
        return match[0]
    grammar = not _LONE.intersection(word.lower() for word in _WORD.findall(name))  # a parser's tokens and a table's keys are short
    if grammar and (len(value or match["bare"]) < 4 or " " in (value or "")):
        return match[0]
    if value is None:
        value, start = match["bare"], match.start("bare")
        if match["call"] or _ATTRIBUTE.match(value) or _is_harmless(name, value) or _is_code(match):
            return match[0]
    else:
        start = match.start("quoted")
        formatted = "f" in (match["prefix"] or "") and "{" in value
        if formatted or _is_harmless(name, value) or _CONSTANT.match(value) or value.lower() in name.lower():
            return match[0]
    start -= match.start()
    return match[0][:start] + REDACTED + match[0][start + len(value) :]


def _is_code(match: re.Match[str]) -> bool:
    """Tell variables and types of a program, and prose, from a value without quotes (``.env``, YAML, a URL's query)."""
    name, sign, bare = match["name"], match["sign"], match["bare"]
    if not any(map(str.isalnum, bare)):
        return True
    if not bare.isidentifier():
        return False
    if is_secret_name(bare) or bare.lower() in (word.lower() for word in _WORD.findall(name)):
        return True
    if len(bare) >= 12 and any(map(str.isdigit, bare)) and any(map(str.isalpha, bare)) and not _is_words(bare):
        return False
    rest = match.string[match.end() :].lstrip(" \t")
    if rest[:1] not in ("", "&", ";", "#", '"', "'", "\r", "\n"):
        return True
    if sign.strip() == ":":
        return bool(match["open"]) or bare.lower() in _TYPES or (bare[0].isupper() and bare[1:].islower())
    return sign != sign.strip()


def _redacted_flag(match: re.Match[str]) -> str:
    if not is_secret_name(match["name"]) or _is_harmless("password", match["value"]):
        return match[0]
    return f"{match['flag']}{match['quote']}{REDACTED}{match['quote']}"


def _redacted_random(match: re.Match[str]) -> str:
    before = match.string[max(0, match.start() - 8) : match.start()]
    return match[0] if _HASH.search(before + match[0][:8]) or not _looks_random(match[0]) else REDACTED


def _looks_random(text: str) -> bool:
    """Tell random letters from words: they mix upper case, lower case and digits, and change between them all the time.

    Hexadecimal digests and UUIDs have one case only; words, paths and names in CamelCase change seldom.
    """
    letters = [letter for letter in text if letter.isalnum()]
    kinds = "".join(letters).translate(_CLASSES)
    if text.startswith("0x") or not {"u", "l", "d"} <= set(kinds) or kinds.count("d") < 2 or len(kinds) < 20 or _is_words(text):
        return False
    changes = sum(first != second for first, second in zip(kinds, kinds[1:], strict=False))  # noqa: RUF007 - `pairwise` is no faster here
    return changes >= 0.42 * len(kinds) and len(set(letters)) >= 0.4 * min(len(letters), 40)


def _is_words(text: str) -> bool:
    """Tell several words with numbers, such as ``Mean_Acc1298_Mem40``."""
    segments = _SEPARATORS.split(text)
    return len(segments) > 1 and all(map(_SEGMENT.match, segments))


def _is_harmless(name: str, value: str) -> bool:
    """Tell values that are no secret whatever their name: nothing, a switch, a variable, a number of tokens, a kind of ``auth``."""
    value = value.strip().strip("\"'")
    if not value or _HARMLESS.match(value):
        return True
    words = {word.lower() for word in _WORD.findall(name)}
    if not any(map(str.isalnum, value)):
        return True
    if _LONE.intersection(words) == {"auth"} and not words & {"token", "key"}:
        return value.isalpha()
    return not _LONE.intersection(words) and _NUMBER.match(value) is not None
