"""Secrets that are known by their shape, without a name: keys of known kinds, passwords in
addresses, letters drawn at random.

Each pattern takes time in proportion to the text: what may repeat stands between things that it
cannot be, or is bounded.
"""

from __future__ import annotations

import re

from fitprint.context.secret_names import is_harmless

__all__ = ["REDACTED", "is_words", "without_passwords", "without_shapes"]

REDACTED = "[redacted]"

# By what they begin with, or have in them.
_KINDS = {
    **dict.fromkeys(("ghp_", "gho_", "ghu_", "ghs_", "ghr_"), r"gh[pousr]_[A-Za-z0-9]{20,}"),
    "github_pat_": r"github_pat_[A-Za-z0-9_]{20,}",
    **dict.fromkeys(
        ("glpat-", "gldt-", "glft-", "glrt-", "glsoat-"), r"gl(?:pat|dt|ft|rt|soat)-[\w-]{16,}"
    ),
    **dict.fromkeys(
        ("AKIA", "ASIA", "ABIA", "ACCA"), r"A(?:KI|SI|BI|CC)A[A-Z0-9]{16}(?![A-Za-z0-9])"
    ),
    **dict.fromkeys(("xox", "xapp-"), r"(?:xox[a-z]|xapp)-[\w-]{10,}"),  # Slack
    "hf_": r"hf_[A-Za-z0-9]{20,}",
    "api_org_": r"api_org_[A-Za-z0-9]{20,}",
    # OpenAI, Anthropic
    "sk-": r"(?<![_-])sk-(?:[a-z]{1,12}[0-9]{0,3}-){0,3}(?=[\w-]{0,64}[0-9])[A-Za-z0-9_]{16,}[\w-]*",  # noqa: E501
    **dict.fromkeys(("k_live_", "k_test_"), r"[rsp]k_(?:live|test)_[A-Za-z0-9]{16,}"),  # Stripe
    "whsec_": r"whsec_[A-Za-z0-9+/=]{16,}",
    "AIza": r"AIza[\w-]{30,}",  # Google
    "ya29.": r"ya29\.[\w.-]{16,}",
    "GOCSPX-": r"GOCSPX-[\w-]{16,}",
    "npm_": r"npm_[A-Za-z0-9]{30,}",
    "pypi-": r"pypi-[\w-]{40,}",
    "dckr_pat_": r"dckr_pat_[\w-]{16,}",
    "nvapi-": r"nvapi-[\w-]{20,}",
    "gsk_": r"gsk_[A-Za-z0-9]{20,}",
    "r8_": r"r8_[A-Za-z0-9]{20,}",
    "dapi": r"dapi[0-9a-f]{32}",
    "SG.": r"SG\.[\w-]{16,}\.[\w-]{16,}",
    "dop_v1_": r"dop_v1_[0-9a-f]{40,}",
    "sq0": r"sq0[a-z]{3}-[\w-]{20,}",
    "wandb_v1_": r"wandb_v1_\w{20,}",
    "xai-": r"xai-\w{20,}",
    "pplx-": r"pplx-\w{20,}",
    "lsv2_": r"lsv2_[a-z]{2}_\w{20,}",  # LangSmith
    "pcsk_": r"pcsk_\w{20,}",  # Pinecone
    "tvly-": r"tvly-[\w-]{20,}",
    "glsa_": r"glsa_\w{20,}",
    "hvs.": r"hvs\.[\w-]{20,}",
    "shp": r"shp(?:at|ss|ca|pa)_[0-9a-fA-F]{32}",
    "ATATT": r"ATATT[\w=-]{20,}",
    "AGE-SECRET-KEY-1": r"AGE-SECRET-KEY-1[A-Z0-9]{20,}",
    ":AA": r"[0-9]{8,10}:AA[\w-]{32,34}(?![\w-])",  # Telegram
    "eyJ": r"(?<![_-])eyJ[\w-]{8,}\.[\w-]{8,}(?:\.[\w-]*)?",  # JSON web tokens
}
_KNOWN = re.compile(rf"(?<![A-Za-z0-9])(?:{'|'.join(dict.fromkeys(_KINDS.values()))})")
_WEBHOOK = re.compile(
    r"(https://(?:hooks\.slack\.com/(?:services|workflows)|discord(?:app)?\.com/api/webhooks)/)[\w/-]+"
)
_AUTHORITY = re.compile(r"[^\s/\"'<>`]*")
_UNTIL_SPACE = re.compile(r"[^\s\"'<>`]{0,256}")  # of an address whose password has a slash
_SIGNATURE = re.compile(
    r"(?i)((?:[?&;]|%26|\\u0026)(?:q-)?(?:sig|signature|hmac)(?:=|%3D)"
    r"|(?<![\w-])x-[a-z]{2,8}-signature(?:[\"']?[ \t]{0,4}[=:][ \t]{0,4}[\"']?|%3D))"
    r"(?!\[redacted\])(?:[^\s&\"'`<>#\\%]|%(?!26)){8,}"
)
_CANDIDATE = re.compile(r"(?<![A-Za-z0-9+/_=-])[A-Za-z0-9+/_-]{24,}={0,2}(?![A-Za-z0-9+/_=-])")
_SEPARATORS = re.compile(r"[-_/+.]+")
_SEGMENT = re.compile(r"[0-9]*(?:(?:[A-Z]?[a-z]+|[A-Z]+)[0-9]*)?\Z")
_HASH = re.compile(r"(?i)(?:sha|md)[0-9]{1,3}[-:=]")
_UPPER, _LOWER, _DIGIT = "ABCDEFGHIJKLMNOPQRSTUVWXYZ", "abcdefghijklmnopqrstuvwxyz", "0123456789"
_CLASSES = str.maketrans(
    {**dict.fromkeys(_UPPER, "u"), **dict.fromkeys(_LOWER, "l"), **dict.fromkeys(_DIGIT, "d")}
)
_TOKEN_LENGTH = 20  # of a user's name that stands in an address without a password


def without_shapes(text: str) -> str:
    """Return some lines with each secret that is known by its shape replaced."""
    if "&" in text or "?" in text or "ignature" in text or "%26" in text:
        text = _SIGNATURE.sub(rf"\1{REDACTED}", text)
    if "://" in text:
        text = without_passwords(text)
        text = _WEBHOOK.sub(rf"\1{REDACTED}", text)
    if any(begin in text for begin in _KINDS):
        text = _KNOWN.sub(REDACTED, text)
    return _CANDIDATE.sub(_redacted_random, text)


def without_passwords(line: str) -> str:
    """Return the line with the passwords of addresses replaced, and user names that are tokens."""
    parts = []
    done = 0
    at = line.find("://")
    while at >= 0:
        start = at + 3
        end = _AUTHORITY.match(line, start).end()  # type: ignore[union-attr]  # it always matches
        userinfo, sign, host = line[start:end].rstrip("@").rpartition("@")
        port = host.partition(":")[2]
        # the password has a slash
        if not sign and port and not port.isdigit() and port[0] not in "{$%":
            end = _UNTIL_SPACE.match(line, start).end()  # type: ignore[union-attr]
            userinfo, sign, host = line[start:end].rstrip("@").rpartition("@")
        if sign and host:
            user, colon, password = userinfo.partition(":")
            if colon and not is_harmless("password", password):
                parts += [line[done:start], user, ":", REDACTED]
                done = start + len(userinfo)
            elif not colon and len(user) >= _TOKEN_LENGTH and not is_harmless("password", user):
                parts += [line[done:start], REDACTED]
                done = start + len(userinfo)
        at = line.find("://", max(end, done))
    return "".join([*parts, line[done:]])


def _redacted_random(match: re.Match[str]) -> str:
    before = match.string[max(0, match.start() - 8) : match.start()]
    return (
        match[0] if _HASH.search(before + match[0][:8]) or not _looks_random(match[0]) else REDACTED
    )


def _looks_random(text: str) -> bool:
    """Tell random letters from words: they mix upper case, lower case and digits, and change
    between them all the time.

    Hexadecimal digests and UUIDs have one case only; words, paths and names in CamelCase change
    seldom.
    """
    letters = [letter for letter in text if letter.isalnum()]
    kinds = "".join(letters).translate(_CLASSES)
    if (
        text.startswith("0x")
        or not {"u", "l", "d"} <= set(kinds)
        or kinds.count("d") < 2
        or len(kinds) < 20
        or is_words(text)
    ):
        return False
    changes = sum(first != second for first, second in zip(kinds, kinds[1:], strict=False))  # noqa: RUF007 - `pairwise` is no faster here
    return changes >= 0.42 * len(kinds) and len(set(letters)) >= 0.4 * min(len(letters), 40)


def is_words(text: str) -> bool:
    """Tell several words with numbers, such as ``Mean_Acc1298_Mem40``."""
    segments = _SEPARATORS.split(text)
    return len(segments) > 1 and all(map(_SEGMENT.match, segments))
