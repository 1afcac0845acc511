"""Secrets among the words of a command: behind flags with secret names, and where known programs
take theirs.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from fitprint.context.secret_names import is_harmless, is_secret_name

__all__ = ["PROGRAMS", "secret_words"]

# By program the flags that a secret follows: apart or attached, only attached (+), as
# `user:password` (:) or `user%password` (%).
_FLAGS = {
    "curl": "-u: --user: -U: --proxy-user: --login:",
    "http": "-a: --auth:",
    "https": "-a: --auth:",
    "sshpass": "-p",
    "mongo": "-p",
    "mongosh": "-p",
    "mongodump": "-p",
    "mongorestore": "-p",
    "cqlsh": "-p",
    "redis-cli": "-a",
    **dict.fromkeys(
        (
            "ldapadd",
            "ldapcompare",
            "ldapdelete",
            "ldapmodify",
            "ldapmodrdn",
            "ldapsearch",
            "ldapwhoami",
        ),
        "-w",
    ),
    "ldappasswd": "-w -s -a",
    "mosquitto_pub": "-P",
    "mosquitto_sub": "-P",
    "twine": "-p",
    "sqlcmd": "-P",
    "bcp": "-P",
    "snowsql": "-p",
    "ssh-keygen": "-N -P",
    "smbclient": "-U%",
    "zip": "-P",
    "unzip": "-P",
    "mysql": "-p+",
    "mysqldump": "-p+",
    "mysqladmin": "-p+",
    "mariadb": "-p+",
    "7z": "-p+",
    "7za": "-p+",
    "rar": "-p+",
    "unrar": "-p+",
}
# These, behind one of their words.
_INNER = {
    **{(program, "login"): "-p" for program in ("docker", "podman", "helm", "az", "oc")},
    ("openssl", "enc"): "-k -K",
    ("openssl", "dgst"): "-hmac",
}
# before `name=value`
_GIVING = frozenset("-D -e --build-arg --env --from-literal --set --set-string -v".split())
_NAMING = frozenset(("nmcli", "rclone"))  # programs that take names and their values by turns
# these are given `user/password@database`
_SLASHED = frozenset(("expdp", "impdp", "sqlldr", "sqlplus"))
# their `login` is given a key
_KEYED = frozenset(("comet", "kaggle", "neptune", "swanlab", "vault", "wandb"))
# before a name and its value
_SETTERS = frozenset(("%env", "%set_env", "ARG", "ENV", "config", "set", "setenv", "setx"))
PROGRAMS = frozenset(
    (
        *_FLAGS,
        *(program for program, _ in _INNER),
        *_KEYED,
        *_NAMING,
        *_SLASHED,
        *_SETTERS,
        "htpasswd",
        "isql",
        "kubectl",
        "wpa_passphrase",
    )
)
_KEY_LENGTH = 16


def secret_words(words: Sequence[str], program: str = "") -> Iterator[tuple[int, int]]:
    """Return for each secret the position of its word, and where in that word it begins.

    Args:
        words: of one or of several commands.
        program: whose flags are meant until the words name one.
    """
    return (
        (at, start)
        for at, start in _candidates(words, program)
        if not is_harmless("password", words[at][start:])
    )


def _candidates(words: Sequence[str], program: str) -> Iterator[tuple[int, int]]:
    flags = _FLAGS.get(program, "").split()
    for position, word in enumerate(words):
        name = word.rpartition("/")[2]
        before = words[position - 1] if position else ""
        if name in PROGRAMS and name not in _SETTERS and not before.startswith("-"):
            program, flags = name, _FLAGS.get(name, "").split()
        flags = _INNER.get((program, word), "").split() or flags
        yield from _flagged(words, position, flags)
        if word.startswith("pass:") and before.startswith("-pass"):
            yield position, 5
        if before == "login" and program in _KEYED:
            yield from (
                (at, 0)
                for at in range(position, len(words))
                if len(words[at]) >= _KEY_LENGTH and words[at].isalnum()
            )
        if (
            before == "htpasswd"
            and word.startswith("-")
            and "b" in word
            and position + 3 < len(words)
        ):
            yield position + 3, 0
        if before == "wpa_passphrase" and position + 1 < len(words):
            yield position + 1, 0
        if before == "isql" and position + 2 < len(words):
            yield position + 2, 0
        if before == "unseal" and program == "vault" and not word.startswith("-"):
            yield position, 0
        if program in _SLASHED and not word.startswith(("@", "-", "/")):
            yield from _slashed(position, word)
        sets = (
            before in _SETTERS
            or program in _NAMING
            or (before.startswith("-") and words[max(0, position - 2)] in _SETTERS)
        )
        if (
            sets
            and is_secret_name(word)
            and position + 1 < len(words)
            and _is_value(words[position + 1])
        ):
            yield position + 1, 0
        given, sign, _ = word.partition("=")
        if before in _GIVING and sign and is_secret_name(given):
            yield position, len(given) + 1


def _flagged(
    words: Sequence[str], position: int, flags: Sequence[str]
) -> Iterator[tuple[int, int]]:
    word = words[position]
    for known in flags:
        flag, how = known.rstrip("+:%"), known[-1] if known[-1] in "+:%" else ""
        if word == flag and how != "+" and position + 1 < len(words):
            at, start = position + 1, 0
        elif word.startswith(f"{flag}=") and flag.startswith("--"):
            at, start = position, len(flag) + 1
        elif word.startswith(flag) and word != flag and not flag.startswith("--"):
            at, start = position, len(flag)
        else:
            continue
        value = words[at][start:]
        if how in (":", "%"):
            user, sign, value = value.partition(how)
            start += len(user) + 1
            # user and group, an address
            if not sign or (user.isdigit() and value.isdigit()) or value.startswith("//"):
                continue
        if not value.startswith("-"):
            yield at, start


def _slashed(position: int, word: str) -> Iterator[tuple[int, int]]:
    user, sign, password = word.partition("/")
    if sign and ("@" in password or not {"/", "."} & set(password)):
        yield position, len(user) + 1


def _is_value(word: str) -> bool:
    return not word.isalpha() and not word.startswith("-")
