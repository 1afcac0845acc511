import sys
from importlib import metadata

from fitprint.models.requirements import requirements


def test_modules_become_pinned_distributions():
    """Submodules count for their package, whose distribution may have another name."""
    expected = [f"{name}=={metadata.version(name)}" for name in ("pluggy", "pytest")]

    assert expected == requirements(["pytest", "pluggy._hooks", "_pytest.python", "pluggy"])


def test_what_is_in_no_distribution_is_left_out():
    """The standard library, the script, and modules that nobody installed."""
    assert [] == requirements(["os.path", "__main__", "no_such_module", "builtins", sys.modules[__name__].__name__])
