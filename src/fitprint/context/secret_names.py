"""Which names are those of secrets, and which values beside such a name are none."""

from __future__ import annotations

import re

__all__ = ["is_harmless", "is_secret_name", "is_strong_name", "words_of"]

_LONE = frozenset(
    (
        "apikey auth authorization bearer cookie cred credential credentials creds csrftoken "
        "jsessionid jwt keypass pass passcode passphrase passwd password passwords pat pgpassword "
        "phpsessid privatekey psk pwd secret secrets sessionid unseal"
    ).split()
)
_LONE_ENDINGS = (
    "apitoken",
    "appsecret",
    "authtoken",
    "accesstoken",
    "clientsecret",
    "passphrase",
    "passwd",
    "password",
    "secretkey",
)
_BEFORE_PASS = frozenset(
    (
        "admin amqp ansible become bind db elastic email ftp git http imap ipmi jdbc jenkins "
        "keystore kibana ldap mail mariadb mongo mqtt mssql my mysql neo4j pg postgres proxy "
        "rabbitmq redis root sa sftp smb smtp ssh store sudo superuser truststore user "
        "vnc vpn wifi wlan"
    ).split()
)
# Words before "key" that make it one to a door: kinds of access, and services that hand out keys.
_BEFORE_KEY = frozenset(
    (
        "access account activation aes api auth client consumer cookie crypt decryption deploy "
        "encryption fernet gpg hmac jwt license master private rsa secret service shared signing "
        "ssh subscription symmetric unseal vault wallet webhook anthropic azure claude cohere "
        "comet datadog deepgram deepseek fireworks flickr gemini github gitlab groq hf huggingface "
        "kaggle langchain langfuse langsmith mailgun mistral neptune newrelic ngc openai "
        "openrouter perplexity pinecone qdrant replicate sendgrid sentry serpapi serper slack "
        "stripe tavily together twilio voyage wandb weaviate xai"
    ).split()
)
_BEFORE_CONSTANT_KEY = frozenset(
    "admin app aws cosmos function google host maps read sa session storage user write".split()
)
# The last two words of constants that hold a secret.
_CONSTANT_ENDS = frozenset(
    tuple(ends.split("_"))
    for ends in (
        "connection_string connection_str conn_str otp_seed totp_seed mfa_seed stripe_sk "
        "unlock_code recovery_code recovery_codes backup_codes id_token"
    ).split()
)
# Words that are a secret at the end of a name only: `cred_mass` and `psk_order` are numbers.
_LAST = frozenset(("cred", "psk", "unseal"))
_BEHIND_CRED = frozenset(("b", "base", "json", "value"))
_PASSES = frozenset(
    (
        "all backward band by dry first forward full high last low multi one pre second single two"
    ).split()
)
# Words that make a "token" one of a language model's vocabulary, or a number of them.
_VOCABULARY = frozenset(
    (
        "audio bos budget cached cls completion continuation count cursor dim drop embedding end "
        "eos eot extra first id ids image input keep last len length limit mask max min n new next "
        "num number of oov out output pad page per prompt rate reasoning sep size special start "
        "stop suppress tgt total type types unk valid video vocab word"
    ).split()
)
# Last words that make a name speak of a secret instead of holding one.
_DESCRIBING = frozenset(
    (
        "age arn backend backends callback class column description dir domain enabled endpoint "
        "env error example exists expiry failure field fields file flow format function group "
        "handler hashers header headers help hint host httponly id input invalid label len length "
        "location manager message method missing mode name names path pattern placeholder policy "
        "port prefix prompt provider rate ref regex required reset role route samesite scheme "
        "scope scopes secure server size status strategy strength template title ttl type uri url "
        "urls user validator validators var version"
    ).split()
)
# before "tokens" that are secrets
_PLURAL = frozenset({"access", "api", "auth", "bearer", "refresh", "secret"})
_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+")
_MOST = 100  # characters of a name; what it holds is said at its end
_HARMLESS = re.compile(
    r"(?i:none|null|nil|undefined|true|false|yes|no|on|off|auto|\[redacted\]|\*+|x+|\.\.\.|<[^>]*>|\{[^}]*\}+|%\w+%|env:.*|\$env:.*)\Z"
    r"|\$(?:[A-Z_][A-Z0-9_]*(?![A-Za-z0-9_]).*|[a-z_]+|\{.*|\(.*)\Z"
    r"|(?i:(?:bearer|basic|digest|token)\s?(?:%s|\{[^}]*\}|\$\{?\w+\}?)?)\Z",
    re.DOTALL,
)
_NUMBER = re.compile(r"[-+]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:e[-+]?[0-9]+)?\Z", re.IGNORECASE)


def words_of(name: str) -> list[str]:
    """Return the words of a name in lower case, whatever its spelling: ``dbPassword`` is ``db`` and
    ``password``.
    """
    return [word.lower() for word in _WORD.findall(name[-_MOST:])]


def is_secret_name(name: str) -> bool:
    """Tell whether a variable, flag or key of this name holds a secret: ``API_KEY``,
    ``--hf-token``, ``dbPassword``.

    Names of a language model's tokens (``max_tokens``, ``pad_token``, ``tokenizer``) are none.
    """
    words = words_of(name)
    constant = name.isupper()
    if words[-1:] and words[-1].isdigit():  # one of several: PASSWORD_2
        words = words[:-1]
        if words == ["token"] and not constant:
            return False  # the first and the second word of a text
    if constant and (
        tuple(words[-2:]) in _CONSTANT_ENDS or words[-1:] in (["mnemonic"], ["pepper"])
    ):
        return True
    for position, word in enumerate(words):
        before = words[position - 1] if position else ""
        last = position == len(words) - 1
        if word == "pat" and not before:
            continue  # a pattern
        if (
            word in _LAST
            and not last
            and not (word == "cred" and _BEHIND_CRED.issuperset(words[-1:]))
        ):
            continue
        if word == "psk" and before.isdigit():
            continue  # a modulation
        if _is_lone(word) and not (
            word in ("auth", "pass", "pat") and not last and not _is_lone(words[-1])
        ):
            if (
                word == "pass"
                and before
                and before not in _BEFORE_PASS
                and (not constant or before in _PASSES)
            ):
                continue  # forward_pass, single_pass
            return words[-1] not in _DESCRIBING
        if word in ("key", "keys") and (
            before in _BEFORE_KEY or (constant and before in _BEFORE_CONSTANT_KEY)
        ):
            return words[-1] not in _DESCRIBING - {"id"}
        if word.endswith("key") and word[:-3] in _BEFORE_KEY:
            return last
        if word == "token" and not _VOCABULARY.intersection(words):
            return last or words[position + 1] in ("value", "secret", "key")
        if word == "tokens" and before in _PLURAL:
            return last
        if word == "pw" and (not before or before in _BEFORE_PASS):
            return last
        if word.endswith("pw") and word[:-2] in _BEFORE_PASS:
            return last
        if word == "webhook":
            return last or words[-1] in ("url", "uri")
        if word == "phrase" and before in ("seed", "recovery"):
            return last
    return False


def is_strong_name(name: str) -> bool:
    """Tell whether a secret's name has a word that means nothing else: a parser's tokens and a
    table's keys are other things, too.
    """
    return any(map(_is_lone, words_of(name)))


def _is_lone(word: str) -> bool:
    return (
        word in _LONE
        or word.endswith(_LONE_ENDINGS)
        or (word.endswith("pass") and word[:-4] in _BEFORE_PASS)
    )


def is_harmless(name: str, value: str) -> bool:
    """Tell values that are no secret whatever their name.

    Nothing, a switch, a variable, a number of tokens, a kind of ``auth``, a folder.
    """
    value = value.strip().strip("\"'")
    if not any(map(str.isalnum, value)) or _HARMLESS.match(value):
        return True
    words = set(words_of(name))
    if words <= {"pwd", "oldpwd"} and value[0] in "/~.":
        return True
    lone = {word for word in words if _is_lone(word)}
    if lone == {"auth"} and not words & {"token", "key"}:
        return value.isalpha() and (value.islower() or value.isupper() or value.istitle())
    if lone and lone <= _LAST and _NUMBER.match(value):
        return len(value) < 8 or not value.isdigit()
    if words & {"webhook"} and not lone:
        return len(value) < 12
    return not lone and _NUMBER.match(value) is not None
