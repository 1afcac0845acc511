import string
import threading

import pytest

from fitprint.models.unpicklable import part_at_fault


class Model:
    def __init__(self, **attributes):
        self.__dict__.update(attributes)


class Moody:
    def __reduce__(self):
        raise RuntimeError("not now")


def lock():
    return threading.Lock()


@pytest.mark.parametrize(
    ("model", "told"),
    [
        (Model(a=1, b=lock()), "model.b, a lock"),
        (
            Model(steps=[("a", 1), ("b", Model(c={"d": lock()}))]),
            "model.steps[1][1].c['d'], a lock",
        ),
        (Model(a=Moody()), "model.a, a Moody"),
        ({"a": [1, (item for item in "")]}, "model['a'][1], a generator"),
        (lock(), None),
        (Model(a=1), None),
    ],
)
def test_innermost_part_is_named(model, told):
    """With the path to it from the model."""
    assert told == part_at_fault(model)


def test_models_that_are_part_of_themselves_end():
    """A cycle is not followed forever."""
    model = Model(a=string.Template("x"))
    model.me = model
    model.lock = lock()

    assert "model.lock, a lock" == part_at_fault(model)
