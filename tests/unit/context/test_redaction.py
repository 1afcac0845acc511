"""Secrets go, everything else stays. No secret here is real: each is put together from parts or
made of example text.
"""

from __future__ import annotations

import random
import re
import runpy
import string
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fitprint.context.redaction import (
    REDACTED,
    is_secret_name,
    redact_argv,
    redact_mapping,
    redact_text,
    redact_url,
)

CORPUS = runpy.run_path(str(Path(__file__).with_name("corpus.py")))
MARKED = re.compile("«[^»]*»")
# What means something to a rule: names, signs, quotes, brackets, the beginnings of known shapes.
PIECES = [
    *"\\ ' \" ` ( ) [ ] { } = : , ; # + - & | ? @ / . < > $ % ~ _".split(),
    *" \t \n \r\n \n+ \n- \n\t \u2028 \0 \u00df \U0001f511".split(" "),
    *"a A 0 x1 abcd1 hunter2 None f b r or if else default key value name".split(),
    *(
        "password token API_KEY secret auth Authorization cookie pwd pw --token -p -u bob:pw "
        "curl mysql docker login machine"
    ).split(),
    *(
        "password = ",
        "token: ",
        "d['api_key'] = '",
        'secret = """',
        "auth=(",
        "getenv('DB_PASS', '",
        "bearer ",
        "://u:p@h",
        "?sig=abcdefgh",
        "\\n",
    ),
    *(
        "-----BEGIN RSA PRIVATE KEY-----",
        "-----END RSA PRIVATE KEY-----",
        "@@ ",
        "eyJhbGciOi.",
        "sk-",
        "ghp_",
        "a1B2c3D4e5F6g7H8i9J0k1L2",
        "[redacted]",
    ),
]
TEXT = st.lists(st.sampled_from(PIECES) | st.text(max_size=3), max_size=40).map("".join)
RANDOM = "a1B2c3D4e5F6g7H8i9J0k1L2m3N4"
SECRET_NAMES = (
    "API_KEY api-key apiKey apikey OPENAI_API_KEY WANDB_API_KEY AWS_SECRET_ACCESS_KEY "
    "aws_session_token secret secret_key client_secret password dbPassword db_pass PGPASSWORD "
    "passwd pwd passphrase token TOKEN HF_TOKEN hf-token access_token refresh_token auth_token "
    "github_pat GITHUB_PAT credentials private_key ssh_key authorization bearer cookie jwt "
    "account_key encryption_key access_tokens password2 password_2 DB_PASSWORD_1 MY_TOKEN_1 TOKEN2 "
    "hf_token2 api_key_2 OPENAI_API_KEY_10 secret1"
).split()
ORDINARY_NAMES = (
    "key keys sort_key primary_key foreign_key dict_key keyboard monkey tokenizer tokenizer_name "
    "max_tokens num_tokens n_tokens max_new_tokens pad_token eos_token bos_token unk_token "
    "mask_token special_tokens token_dim token_ids image_token_id tokens_per_second page_token "
    "author authors authenticator password_file token_path api_key_env ssh_key_path forward_pass "
    "passes passenger compass compassion path pattern pat patience batch epoch learning_rate "
    "secretary random_state secret_name credentials_file token1 token_2 max_tokens_2 key1 sha256 "
    "password_file2 pad_token_1 v2"
).split()
SECRETS = [
    "ghp_" + "a1B2" * 9,
    "github_pat_" + "11ABCDE0" * 4,
    "glpat-" + "x1y2z3w4" * 3,
    "AKIA" + "IOSFODNN7EXAMPLE",
    "xoxb-" + "123456789012-abcdefghijkl",
    "hf_" + "aBcDeFgHiJ" * 3,
    "sk-" + "abcd1234" * 5,
    "sk-proj-" + "abcd1234_" * 5,
    "sk-ant-api03-" + "abcd1234_" * 5,
    "sk_live_" + "abcd1234" * 3,
    "AIza" + "SyA1234567" * 4,
    "npm_" + "abcd1234" * 5,
    "pypi-" + "AgEIcHlwaS" * 6,
    "eyJhbGciOiJIUzI1NiJ9." + "eyJzdWIiOiIxMjM0In0." + "c2lnbmF0dXJl",
    "SG." + "a1b2c3d4e5f6g7h8" + "." + "a1b2c3d4e5f6g7h8",
    RANDOM,
]
LINES = [
    ('password = "hunter2"', "hunter2"),
    ("password: hunter2x", "hunter2x"),
    ("PASSWORD=hunter", "hunter"),
    ("export DB_PASSWORD=hunter2 # now", "hunter2"),
    ('+    api_key="zzz9",', "zzz9"),
    ('{"token": "abc12345", "n": 1}', "abc12345"),
    ("def connect(password: str = 'abc1'):", "abc1"),
    (r'    "api_key = \"abc9\"\n",', "abc9"),
    ("secret := 'x9y8z7'", "x9y8z7"),
    ("{:secret => 'x9y8z7'}", "x9y8z7"),
    ("postgresql://user:pw@host/db", "pw"),
    ("redis://:s3cr3t@cache:6379/0", "s3cr3t"),
    ("https://x-access-token:abcdef@github.com/a/b.git", "abcdef"),
    ("https://abcdefghijklmnopqrst0123@host/repo", "abcdefghijklmnopqrst0123"),
    ("https://host/path?token=abc123&page=2", "abc123"),
    ("https://bucket/x?X-Amz-Signature=a&AccessKey=abcd1234", "abcd1234"),
    ("https://hooks.slack.com/services/T000/B000/abcdef", "T000/B000/abcdef"),
    ('-H "Authorization: Bearer abcdefghijkl1234567890"', "abcdefghijkl1234567890"),
    ("mysql --password hunter2 --host h", "hunter2"),
    ("AccountKey=abcd/efgh+123==;EndpointSuffix=core", "abcd/efgh+123=="),
]
INNOCENT = [
    "commit 3f20aad0f3b1a60653ac96c58c019a86901ed08d",
    "digest sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    "id 123e4567-e89b-12d3-a456-426614174000 and 0190A2B3C4D5E6F708192A3B4C5D6E7F",
    'integrity "sha512-47DEQpj8HBSaTImW5JCeuQeRkm5NMpJWZG3hSuFUa1b2c3d4"',
    "index 1a2b3c4..5d6e7f8 100644",
    "@@ -10,7 +10,9 @@ def fit(self, X, y, sample_weight=None):",
    "RandomForestClassifierWithManyWords12",
    "Meta-Llama-3-70B-Instruct-AWQ-INT4-v2",
    "Mean_Acc1298_Mean_Mem40_MFCC_7",
    "checkpoints/resnet50_a1_0-14fe96d1.pth",
    "s3://bucket/Data/Train2024/Part0001/File_0001.parquet",
    "a/very/long/path/To/Some/File2/with/Many3/parts/Inside4",
    "0x8CB91E82A3386D280F5D6F7E50E641DF152F7109ED5456B3",
    "token = tokens[position]",
    "token = token.strip()",
    "if token == 'with':",
    "max_tokens=512, pad_token='[PAD]'",
    "password = getpass()",
    'password = os.environ["PASSWORD"]',
    "password=settings.database.password",
    "connect(user=user, password=password)",
    "connect(password=pw, user=user)",
    "    password: str | None = None",
    "    api_key: Optional[str] = None,",
    "        token: The token to be parsed.",
    'API_KEY_NAME = "OPENAI_API_KEY"',
    'SECRET = "MY_SECRET_VARIABLE"',
    'password = ""',
    "password = None",
    "token: ${TOKEN}",
    'key="value"',
    "git@github.com:owner/name.git and ssh://git@host/x",
    "https://user@host/path",
    "https://user:@host and {scheme}://{user}:{password}@{host}",
    "auth: basic",
    "<div class='sk-toggleable__label-arrow sk-estimator-doc-link'>",
    "learning_rate=0.001 n_estimators=100 random_state=42",
]


@pytest.mark.parametrize("name", SECRET_NAMES)
def test_names_of_secrets_are_known(name):
    """Whatever the spelling."""
    assert is_secret_name(name)


@pytest.mark.parametrize("name", ORDINARY_NAMES)
def test_ordinary_names_are_left_alone(name):
    """Keys of tables, tokens of language models and words that only look alike."""
    assert not is_secret_name(name)


@pytest.mark.parametrize("secret", SECRETS)
@pytest.mark.parametrize(
    "around", ["{}", 'x = "{}"', "run --name {} --n 3", "+call('{}')", "https://host/{}/x"]
)
def test_known_and_random_shapes_go_wherever_they_stand(secret, around):
    """The shape alone is enough, without a name."""
    text = around.format(secret)
    redacted = redact_text(text)
    assert secret not in redacted
    assert REDACTED in redacted


@pytest.mark.parametrize(("line", "secret"), LINES)
def test_values_beside_secret_names_go(line, secret):
    """The value goes, and nothing but the value."""
    assert redact_text(line) == line.replace(secret, REDACTED)


@pytest.mark.parametrize("line", INNOCENT)
def test_innocent_text_stays(line):
    """Hashes, ids, paths, names, code and prose are no secrets."""
    assert redact_text(line) == line


def test_most_random_keys_are_found():
    """Of keys drawn from letters and digits, hardly one in a hundred passes; digests and words
    never go.
    """
    draw = random.Random(0)
    letters = string.ascii_letters + string.digits
    keys = ["".join(draw.choices(letters, k=40)) for _ in range(1000)]
    assert sum(redact_text(key) == key for key in keys) <= 10
    digests = ["".join(draw.choices("0123456789abcdef", k=40)) for _ in range(1000)]
    assert all(redact_text(digest) == digest for digest in digests)


@pytest.mark.parametrize("sign", ["", "+", "-", " "])
def test_private_keys_go_and_lines_stay(sign):
    """The lines between the marks go, also in a patch; their number and all around them stay."""
    lines = [
        "before",
        "-----BEGIN RSA PRIVATE KEY-----",
        "Proc-Type: 4,ENCRYPTED",
        "MIIEabc+/=",
        "xyz",
        "-----END RSA PRIVATE KEY-----",
        "after = 1",
    ]
    expected = [
        line if position in (0, 1, 5, 6) else REDACTED for position, line in enumerate(lines)
    ]
    assert redact_text("\n".join(sign + line for line in lines)) == "\n".join(
        sign + line for line in expected
    )


def test_a_private_key_on_one_line_goes():
    """As JSON and variables have it."""
    text = r'"-----BEGIN PRIVATE KEY-----\nMIIEabc\n-----END PRIVATE KEY-----\n", 1'
    assert (
        redact_text(text)
        == f'"-----BEGIN PRIVATE KEY-----{REDACTED}-----END PRIVATE KEY-----\\n", 1'
    )


def test_an_open_private_key_does_not_take_the_rest():
    """Where the end is missing, what is no part of a key stays."""
    text = "-----BEGIN PRIVATE KEY-----\nMIIEabc\ndef f(x):\n    return x\n"
    assert (
        redact_text(text) == f"-----BEGIN PRIVATE KEY-----\n{REDACTED}\ndef f(x):\n    return x\n"
    )


def test_line_breaks_are_kept():
    """The text keeps its lines, whatever ends them."""
    assert redact_text("a\r\npassword='x1'\r\n\nb") == f"a\r\npassword='{REDACTED}'\r\n\nb"


@pytest.mark.parametrize(
    ("argv", "expected"),
    [
        (["train.py", "--token", "abc"], ["train.py", "--token", REDACTED]),
        (["train.py", "--token=abc", "--n", "3"], ["train.py", f"--token={REDACTED}", "--n", "3"]),
        (
            ["train.py", "--api-key", "abc", "data.csv"],
            ["train.py", "--api-key", REDACTED, "data.csv"],
        ),
        (
            ["train.py", "model.api_key=abc", "lr=0.1"],
            ["train.py", f"model.api_key={REDACTED}", "lr=0.1"],
        ),
        (["train.py", "+db.password=a=b"], ["train.py", f"+db.password={REDACTED}"]),
        (["train.py", "--token", "--verbose"], ["train.py", "--token", "--verbose"]),
        (
            ["train.py", "--max-tokens", "512", "--tokenizer", "bert"],
            ["train.py", "--max-tokens", "512", "--tokenizer", "bert"],
        ),
        (["train.py", "postgresql://u:pw@h/d"], ["train.py", f"postgresql://u:{REDACTED}@h/d"]),
        (["python", "-c", "login(token='abc12')"], ["python", "-c", f"login(token='{REDACTED}')"]),
        (
            ["train.py", '{"token": "abc12", "lr": 1}'],
            ["train.py", f'{{"token": "{REDACTED}", "lr": 1}}'],
        ),
        (
            ["train.py", "--store", "sqlite:///x.db", "-v"],
            ["train.py", "--store", "sqlite:///x.db", "-v"],
        ),
    ],
)
def test_command_lines(argv, expected):
    """Flags with their values apart or together, settings, URLs and code."""
    assert redact_argv(argv) == expected


def test_variables():
    """The name decides, and the shape of the value."""
    given = {"HF_TOKEN": "abc", "OMP_NUM_THREADS": "4", "PROXY": "http://u:pw@h", "X": RANDOM}
    assert redact_mapping(given) == {
        "HF_TOKEN": REDACTED,
        "OMP_NUM_THREADS": "4",
        "PROXY": f"http://u:{REDACTED}@h",
        "X": REDACTED,
    }


def test_urls():
    """Password and query go, host and path stay."""
    assert (
        redact_url("https://user:pw@host/a?sig=1&api_key=abc1")
        == f"https://user:{REDACTED}@host/a?sig=1&api_key={REDACTED}"
    )


def test_redaction_is_settled():
    """What is redacted once does not change when it is redacted again."""
    for line, _ in LINES:
        once = redact_text(line)
        assert redact_text(once) == once


def unmarked(text):
    """Return a text of the corpus, and what is to become of it."""
    return text.replace("«", "").replace("»", ""), MARKED.sub(REDACTED, text)


@pytest.mark.parametrize("text", CORPUS["TEXTS"])
def test_fault_4_secrets_of_texts_go(text):
    """The value goes, and nothing but the value; a second time changes nothing."""
    given, expected = unmarked(text)
    assert redact_text(given) == expected
    assert redact_text(expected) == expected


@pytest.mark.parametrize("text", CORPUS["HARMLESS"])
def test_fault_4_look_alikes_stay(text):
    """Code of every day keeps every byte, also as lines of a patch."""
    assert redact_text(text) == text
    patch = "".join(f"+{line}" for line in text.splitlines(keepends=True))
    assert redact_text(patch) == patch


@pytest.mark.parametrize("command", CORPUS["COMMANDS"])
def test_fault_4_secrets_of_commands_go(command):
    """Behind flags with secret names, and behind those of known programs."""
    given, expected = unmarked(command)
    assert redact_argv(given.split(" ")) == expected.split(" ")


@pytest.mark.parametrize("command", CORPUS["HARMLESS_COMMANDS"])
def test_fault_4_other_commands_stay(command):
    """Ports, users, patterns and paths are no secrets."""
    assert redact_argv(command.split()) == command.split()


@pytest.mark.parametrize("name", CORPUS["VARIABLES"])
def test_fault_4_secret_variables_go(name):
    """Whoever hands the secret out."""
    assert redact_mapping({name: "hunter-2x.org/abc"}) == {name: REDACTED}


@pytest.mark.parametrize("name", CORPUS["HARMLESS_VARIABLES"])
def test_fault_4_other_variables_stay(name):
    """Those that only sound alike."""
    assert redact_mapping({name: "hunter-2x"}) == {name: "hunter-2x"}


@given(TEXT)
def test_fault_11_any_text_is_redacted(text):
    """Nothing raises, lines stay lines, and a second time changes nothing."""
    redacted = redact_text(text)
    assert len(redacted.splitlines()) == len(text.splitlines())
    assert redact_text(redacted) == redacted


@given(st.lists(TEXT, max_size=6))
def test_fault_11_any_command_is_redacted(argv):
    """Nothing raises, arguments stay arguments, and a second time changes nothing."""
    redacted = redact_argv(argv)
    assert len(redacted) == len(argv)
    assert redact_argv(redacted) == redacted


def test_fault_4_very_many_lines_with_words_of_secrets_cost_no_more():
    """A text of nothing else is read up to a bound; what stands behind is replaced,
    line by line.
    """
    line = "password = (\n"
    text = line * 12_100 + "weights = 3\n" * 2000 + "'swordfish77'\n"
    redacted = redact_text(text).splitlines()
    assert len(text.splitlines()) == len(redacted)
    assert redacted[:12_000] == [line.rstrip()] * 12_000
    assert "swordfish77" not in redacted[-1]


def test_fault_4_a_text_with_few_of_them_is_read_to_its_end():
    """However long it is."""
    text = "x = 1\n" * 30_000 + "password = 'swordfish77'\nlast = 2\n"
    assert redact_text(text).endswith(f"password = '{REDACTED}'\nlast = 2\n")


def test_a_long_line_without_names_keeps_its_data():
    """Numbers stay, whatever their number; what is known by its shape goes."""
    numbers = ", ".join(map(str, range(20_000)))
    assert redact_text(f"x = [{numbers}]\n") == f"x = [{numbers}]\n"
    assert redact_text(f"{numbers} {RANDOM} {numbers}\n") == f"{numbers} {REDACTED} {numbers}\n"


def test_a_long_line_with_names_is_cut():
    """Behind the first part nothing stays; neither do words that are longer than a part."""
    line = f"x = 1, {'y, ' * 1000} password = '{'hunter2 ' * 1000}'\n"
    redacted = redact_text(f"a\n{line}b\n")
    assert redacted.startswith("a\nx = 1, y, y, ")
    assert redacted.endswith(f"{REDACTED}\nb\n")
    assert "hunter2" not in redacted
    assert redact_text("x = " + "Ab1" * 9000) == f"x = {REDACTED}"
