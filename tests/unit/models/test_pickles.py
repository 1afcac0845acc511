import collections
import copyreg
import datetime as dt
import decimal
import os
import pickle
import string

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from fitprint.errors import FitprintError, IntegrityError, UntrustedModelError
from fitprint.models import pickles
from fitprint.models.opcodes import Name, scan
from fitprint.models.reader import Reader
from fitprint.models.trust import Trust


class Bomb:
    """Makes a folder when it is unpickled."""

    def __init__(self, path):
        self.path = str(path)

    def __reduce__(self):
        return os.mkdir, (self.path,)


PLAIN = [
    {"a": [1, 2.5, None, True], "b": ("x", b"y", {1, 2}, frozenset({3}))},
    collections.OrderedDict(a=1),
    collections.defaultdict(list, a=[1]),
    dt.datetime(2024, 1, 2, tzinfo=dt.timezone.utc),
    decimal.Decimal("1.5"),
    bytearray(b"abc"),
    slice(1, 2),
    int,
]


@pytest.mark.parametrize("protocol", [4, 5])
@pytest.mark.parametrize("value", PLAIN, ids=repr)
def test_plain_values_need_no_trust(value, protocol):
    """Built-in types come back equal."""
    assert value == pickles.load(pickle.dumps(value, protocol=protocol), Trust(), "model.pkl")


@pytest.mark.parametrize("protocol", range(6))
def test_code_never_runs_before_it_is_trusted(tmp_path, protocol):
    """A pickle that calls something is refused by name, in every protocol, and nothing has
    happened.
    """
    target = tmp_path / "made"

    with pytest.raises(UntrustedModelError, match=r"\.mkdir"):
        pickles.load(pickle.dumps([1, Bomb(target)], protocol=protocol), Trust(), "model.pkl")

    assert not target.exists()


def test_trusted_code_runs(tmp_path):
    """The caller's names open the way."""
    target = tmp_path / "made"

    pickles.load(pickle.dumps(Bomb(target)), Trust([f"{os.mkdir.__module__}.mkdir"]), "model.pkl")

    assert target.is_dir()


def test_classes_load_once_they_are_named():
    """A class that is not built in is refused, and loads when it is named."""
    data = pickle.dumps(string.Template("$x"))

    with pytest.raises(UntrustedModelError, match=r'trust=\["string.Template"\]'):
        pickles.load(data, Trust(), "model.pkl")
    assert "1" == pickles.load(data, Trust(["string.Template"]), "model.pkl").substitute(x=1)


@pytest.mark.parametrize(
    "data",
    [
        b"cos\nsystem\n(S'true'\ntR.",
        b"(S'true'\nios\nsystem\n.",
        b"(cos\nsystem\nS'true'\no.",
        b"c__builtin__\neval\n(S'1'\ntR.",
        b"cbuiltins\ngetattr\n(cbuiltins\nint\nS'real'\ntR.",
        b"\x80\x04\x8c\x02os\x94\x8c\x06system\x94\x93\x8c\x04true\x85R.",
        b"\x80\x04\x8c\x02os\x94\x8c\x06system\x940\x8c\x01x0h\x00h\x01\x93\x8c\x04true\x85R.",
        b"\x80\x04\x8c\x08builtins\x8c\x0cint.__call__\x93.",
        b"\x80\x02\x82\x01.",
    ],
    ids=[
        "global",
        "inst",
        "obj",
        "python 2 eval",
        "getattr",
        "stack global",
        "memo",
        "attribute of a harmless type",
        "extension",
    ],
)
def test_every_way_to_a_name_is_seen(data):
    """Whichever operation looks the name up."""
    with pytest.raises(UntrustedModelError):
        pickles.load(data, Trust(), "model.pkl")


def test_changing_a_class_is_refused():
    """A pickle may fill what it makes, not what it looks up."""
    data = b"\x80\x04ccollections\nOrderedDict\nN}\x8c\x04keyscbuiltins\nlist\ns\x86b."

    with pytest.raises(UntrustedModelError, match=r"collections\.OrderedDict"):
        pickles.load(data, Trust(), "model.pkl")


def test_calling_what_a_call_gave_is_refused():
    """Only names are called, never what the pickle put together."""
    data = b"\x80\x04cbuiltins\nint\n)R)R."

    assert {Name("builtins", "int")} == scan(data).odd


def test_lookup_itself_refuses_what_the_list_missed(tmp_path):
    """The list before is for the message; the look-up is what holds."""
    unpickler = Reader(
        pickle.dumps(Bomb(tmp_path / "made")), Trust(), "model.pkl", pickles.is_harmless
    )

    with pytest.raises(UntrustedModelError):
        unpickler.load()
    assert not (tmp_path / "made").exists()


def test_extension_registry_is_no_way_in():
    """Codes that a process registered are names too."""
    copyreg.add_extension("string", "Template", 240)
    try:
        data = pickle.dumps(string.Template("x"), protocol=2)
        with pytest.raises(UntrustedModelError):
            pickles.load(data, Trust(), "model.pkl")
    finally:
        copyreg.remove_extension("string", "Template", 240)


@given(st.data())
def test_damaged_bytes_are_refused(data):
    """A truncated pickle is damaged, wherever it ends."""
    whole = pickle.dumps({"a": [1.5, "x"] * 5, "b": decimal.Decimal(1)})
    cut = data.draw(st.integers(0, len(whole) - 1))

    with pytest.raises(IntegrityError, match=r"model\.pkl of URI is damaged"):
        pickles.load(whole[:cut], Trust(), "model.pkl")


@given(st.binary(max_size=60))
@example(b"\x80\x06\x88.")  # of a protocol to come
def test_arbitrary_bytes_do_no_harm(data):
    """Noise is damaged, refused, or a plain value."""
    try:
        pickles.load(data, Trust(), "model.pkl")
    except FitprintError:
        pass


def test_honest_picklers_look_honest():
    """No ordinary object is taken for an odd one."""
    values = [*PLAIN, string.Template("x"), os.getcwd, os.path.join, dt.timedelta(1)]

    assert set() == scan(pickle.dumps(values)).odd


def test_code_inside_of_a_pickle_is_one_name():
    """Whoever brings code can do anything; there is no use in naming the rest."""
    data = b"\x80\x04ccloudpickle.cloudpickle\n_make_function\ncposix\nsystem\n\x86."

    assert ["cloudpickle"] == pickles.needs(scan(data).names)
    with pytest.raises(UntrustedModelError, match=r'trust=\["cloudpickle"\]'):
        pickles.load(data, Trust(), "model.pkl")


def test_what_cannot_be_pickled_is_said():
    """The error names the class."""
    with pytest.raises(FitprintError, match="a generator cannot be pickled"):
        pickles.dump(x for x in ())


_COPIES = b"\x80\x04C\xff" + b"x" * 255 + b"\x940(" + b"cbuiltins\nbytearray\nh\0\x85R" * 3 + b"l."


@pytest.mark.parametrize(
    "data",
    {
        "a UUID that hashes tuples": b"}cuuid\nUUID\n)\x81}X\x03\0\0\0int(NtsbK\x01s.",
        "a number of a Decimal": (
            b"cbuiltins\nint\ncdecimal\nDecimal\nX\x0a\0\0\x001e99999999\x85R\x85R."
        ),
        "a slow codec": b"cbuiltins\nbytes\nX\x03\0\0\0abcX\x08\0\0\0punycode\x86R.",
        "a key of one tuple many times": b"}(NNNNNNNNt\x940(" + b"h\0" * 200 + b"tK\x01s.",
    }.items(),
    ids=lambda item: item[0],
)
def test_small_files_do_not_take_the_process_with_them(data: tuple[str, bytes]):
    """What would overflow the stack, or take hours, is refused before it begins."""
    with pytest.raises(IntegrityError, match="no honest pickle"):
        pickles.load(b"\x80\x04" + data[1], Trust(), "model.pkl")


def test_what_is_copied_again_and_again_is_refused(monkeypatch: pytest.MonkeyPatch):
    """A small file cannot fill the memory."""
    assert len(pickles.load(_COPIES, Trust(), "model.pkl")) == 3
    monkeypatch.setattr("fitprint.models.reader._COPIED", 600 - 64 * len(_COPIES))
    with pytest.raises(IntegrityError, match="again and again"):
        pickles.load(_COPIES, Trust(), "model.pkl")
