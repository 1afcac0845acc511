"""What the code has, the documentation has, and the other way round."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path

import pytest

from fitprint import errors
from fitprint.cli.catalogue import all_commands
from fitprint.cli.command import parser_of
from fitprint.hooks import specs
from fitprint.recording.workspace import declared_settings

ROOT = Path(__file__).parents[2]
SOURCES = {
    path: path.read_text(encoding="utf-8")
    for path in (*ROOT.glob("src/**/*.py"), *ROOT.glob("plugins/*/src/**/*.py"))
}
TESTS = "\n".join(
    path.read_text(encoding="utf-8")
    for path in (*ROOT.glob("tests/**/*.py"), *ROOT.glob("plugins/*/tests/**/*.py"))
)

_spec = importlib.util.spec_from_file_location("generate", ROOT / "docs" / "generate.py")
assert _spec is not None
assert _spec.loader is not None
generate = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(generate)
PAGES = generate.pages()


def section(page: str, title: str) -> str:
    """Return what stands under a heading."""
    found = re.search(
        rf"^(#+) {re.escape(title)}\n(.*?)(?=^#|\Z)", PAGES[page], re.MULTILINE | re.DOTALL
    )
    assert found, f"{page} has no section {title!r}"
    return found[2].strip()


def sources_without(*names: str) -> str:
    """Return the code of all modules but these."""
    return "\n".join(text for path, text in SOURCES.items() if not str(path).endswith(names))


@pytest.mark.parametrize("hook", specs.__all__)
class TestHook:
    """What every hook has."""

    def test_is_documented_with_its_signature(self, hook):
        """Its section shows the signature as it is, and says more than nothing."""
        text = section("reference/hooks.md", hook)
        function = getattr(specs, hook)
        assert generate.heading(hook, function) in text
        assert generate.markdown(generate.inspect.getdoc(function)) in text
        assert function.__doc__

    def test_has_a_test(self, hook):
        """A test's name contains the hook's."""
        assert re.search(rf"def test_\w*{hook}", TESTS)

    def test_has_a_user(self, hook):
        """A plugin of this repository implements it."""
        assert re.search(rf"^\s*def {hook}\(", sources_without("hooks/specs.py"), re.MULTILINE)

    def test_is_called(self, hook):
        """Something calls it."""
        assert re.search(rf"""["'.]{hook}\b""", sources_without("hooks/specs.py", "cli/plugins.py"))


@pytest.mark.parametrize("setting", declared_settings(), ids=lambda setting: setting.name)
class TestSetting:
    """What every setting has."""

    def test_is_documented(self, setting):
        """The reference has a row with name, variable and one sentence."""
        row = next(
            line
            for line in PAGES["reference/settings.md"].splitlines()
            if line.startswith(f"| `{setting.name}` |")
        )
        assert setting.help.endswith(".")
        assert setting.help.replace("|", "\\|") in row

    def test_is_read(self, setting):
        """Something looks at it, so that setting it has an effect."""
        name = setting.name.rpartition(".")[2]
        uses = re.findall(rf"""["']{name}["']""", sources_without("fitprint/settings.py"))
        include = re.match(r"(include|exclude)_", name)
        assert uses or include


@pytest.mark.parametrize("error", errors.__all__)
class TestError:
    """What every error has."""

    def test_is_documented(self, error):
        """The reference says when it is raised."""
        assert section("reference/errors.md", error)

    def test_is_raised(self, error):
        """Something raises it, or derives from it."""
        text = "\n".join(SOURCES.values())
        assert re.search(rf"\b{error}\(", sources_without("fitprint/errors.py")) or re.search(
            rf"class \w+\({error}\)", text
        )


@pytest.mark.parametrize("command", all_commands().values(), ids=lambda command: command.name)
class TestCommand:
    """What every command has."""

    def test_is_documented(self, command):
        """Its section says what it does."""
        assert command.help.endswith(".")
        assert command.help in section("reference/commands.md", f"fitprint {command.name}")

    def test_every_argument_is_documented(self, command):
        """Each argument and option has a row that says something."""
        text = section("reference/commands.md", f"fitprint {command.name}")
        actions = [action for action in parser_of(command)._actions if action.dest != "help"]
        assert [] == [action.dest for action in actions if not action.help]
        assert [] == [
            action.dest
            for action in actions
            if generate.usage_of(action).replace("|", "\\|") not in text
        ]

    def test_has_a_test(self, command):
        """A test runs it."""
        assert re.search(rf"""["']{command.name}["']|fitprint {command.name}\b""", TESTS)


@pytest.mark.parametrize("cls", generate.conformance_classes(), ids=lambda cls: cls.__name__)
class TestConformance:
    """What every class of the kit has."""

    def test_every_check_is_documented(self, cls):
        """Each check has a promise, and a row with it."""
        text = section("reference/conformance.md", cls.__name__)
        assert [] == [
            check.__name__
            for check in generate.checks_of(cls)
            if not check.__doc__ or f"| `{check.__name__}` |" not in text
        ]

    def test_is_used_on_our_own(self, cls):
        """Something of ours is held against it."""
        uses = re.compile(rf"class \w+\({cls.__name__}\)")
        assert uses.search(sources_without()) or uses.search(TESTS)


def test_generated_pages_stand_in_the_contents():
    """Every generated page is reached from the site's contents."""
    contents = (ROOT / ".mkdocs.yml").read_text(encoding="utf-8")
    assert [] == [page for page in PAGES if f": {page}\n" not in contents]
