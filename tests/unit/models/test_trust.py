import pytest

from fitprint.errors import FitprintError, UntrustedModelError
from fitprint.models.trust import Trust


def test_named_names_pass():
    """What the caller names is trusted."""
    Trust(["a.B", "c.D"], "runs:/1/model").require(["a.B"], "model.pkl")


def test_refusal_holds_the_exact_call():
    """The call in the text names what was given and what is missing."""
    with pytest.raises(UntrustedModelError) as caught:
        Trust(["a.B"], "runs:/1/model").require(["c.D", "a.B"], "model.pkl")

    assert 'fitprint.load_model("runs:/1/model", trust=["a.B", "c.D"])' in str(caught.value)
    assert "model.pkl" in str(caught.value)


def test_refusal_marks_what_can_run_anything():
    """Some names are as good as giving the keys away; the refusal says which."""
    with pytest.raises(UntrustedModelError, match=r"posix\.system +<- can run any code"):
        Trust().require(["posix.system", "mine.Model"], "model.pkl")


def test_one_name_may_stand_alone():
    """A single name is not taken for a list of letters."""
    assert frozenset({"a.B"}) == Trust("a.B").names


@pytest.mark.parametrize("given", [True, 7, [int], [None]])
def test_anything_but_names_is_refused(given):
    """There is no way to trust everything."""
    with pytest.raises(FitprintError, match="names of types"):
        Trust(given)


def test_names_are_exact():
    """A package's name trusts nothing in it."""
    with pytest.raises(UntrustedModelError):
        Trust(["package", "package.*"]).require(["package.Class"], "model.pkl")
