"""The settings template, which is generated from the table of variables."""

from __future__ import annotations

from pathlib import Path

from ocisidecar.settings import template
from ocisidecar.settings.env_file import read_env_file
from ocisidecar.settings.table import variables
from ocisidecar.settings.unused import UNUSED

TEMPLATE = Path(__file__).parent.parent.parent / "scripts" / "oci-monitoring.env.template"


def test_the_template_is_made_from_the_table(request):
    """The shipped file equals the one made from the table (`pytest --update-golden` writes it)."""
    if request.config.getoption("--update-golden"):
        TEMPLATE.write_text(template(), encoding="utf-8")
    assert TEMPLATE.read_text(encoding="utf-8") == template()


def test_every_variable_is_in_it():
    """The template assigns each variable once, and explains each unused one."""
    file = read_env_file(template())
    assert [one.name for one in file.assignments] == list(variables())
    assert file.errors == ()
    assert [name for name in UNUSED if f"\n# {name}: " not in template()] == []


def test_lines_fit():
    """Lines of the template are not wider than those of the sources."""
    assert max(map(len, template().splitlines())) <= 116
