import importlib
import sys
from importlib import metadata

from fitprint.models.requirements import _all_distributions, requirements


def test_modules_become_pinned_distributions():
    """Submodules count for their package, whose distribution may have another name."""
    expected = [f"{name}=={metadata.version(name)}" for name in ("pluggy", "pytest")]

    assert expected == requirements(["pytest", "pluggy._hooks", "_pytest.python", "pluggy"])


def test_what_is_in_no_distribution_is_left_out():
    """The standard library, the script, and modules that nobody installed."""
    assert [] == requirements(
        ["os.path", "__main__", "no_such_module", "builtins", sys.modules[__name__].__name__]
    )


def test_fault_13_a_distribution_of_another_name_is_found_beside_its_package(tmp_path, monkeypatch):
    """All that is installed is not looked through for it."""
    (tmp_path / "wide").mkdir()
    (tmp_path / "wide" / "__init__.py").touch()
    for name in ("wide_cpu-1.2.dist-info", "wide_other-3.dist-info"):
        (tmp_path / name).mkdir()
    (tmp_path / "wide_cpu-1.2.dist-info" / "RECORD").write_text("wide/__init__.py,,\n")
    (tmp_path / "wide_other-3.dist-info" / "RECORD").write_text("other/__init__.py,,\n")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setitem(sys.modules, "wide", importlib.import_module("wide"))

    _all_distributions.cache_clear()
    assert ["wide-cpu==1.2"] == requirements(["wide.parts", "no_such_module"], thorough=False)
    assert _all_distributions.cache_info().misses == 0
