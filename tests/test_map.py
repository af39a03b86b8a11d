"""ARCHITECTURE.md as a map: paths exist, packages are complete, and behaviours have a file."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "ocisidecar"
TEXT = (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8")

BEHAVIOURS = {
    "409 on the deletion of a subnet is repeated": "client/retry.py",
    "the rules of a network security group are compared": "resources/nsg.py",
    "the log line with the nonce is sent": "verify/log_probe.py",
    "a kind of resource is added": "resources/kinds.py",
    "a sidecar preset is added": "spec/presets/",
    "Ctrl-C during an apply": "apply/executor.py",
    "how often is polled": "apply/waiter.py",
    "a vault secret's content is read": "observe/vault_secrets.py",
    "exit codes of the command line": "cli/exit_codes.py",
    "429 slows the client down": "client/rate_limit.py",
    "verify decides whether a port can be probed from here": "verify/http_probe.py",
    "a variable of the settings file becomes a field of a spec": "settings/table.py",
    "the JUnit report": "views/junit.py",
    "exit code 137 of a container is explained": "observe/container_exit_codes.py",
    "the next availability domain is tried": "apply/recovery.py",
    "the retry token of a create": "state/identity.py",
    "a rolling update's order": "plan/operations.py",
    "a failed rollout goes back": "plan/roll_back.py",
    "the tags of others survive an update": "resources/update.py",
    "an OOM kill of a real container is detected": "engine/out_of_memory.py",
    "the policy of a deployment": "resources/access.py",
    "which profile of the configuration file counts": "credentials/loading.py",
    "the emulator refuses what a policy does not allow": "emulator/access.py",
    "a fault is injected": "emulator/faults.py",
    "a price, a part": "cost/prices.py",
    "the images of `docker/` are built": "images/build.py",
    "what an interrupted Ctrl-C leaves of a pod": "engine/uninterrupted.py",
}
"""Questions that a newcomer asks → the file that a row of the table `Where to change what` names."""


def section(title: str) -> str:
    """Return the text below a heading."""
    return TEXT.partition(f"\n## {title}\n")[2].partition("\n## ")[0]


def named_paths() -> set[str]:
    """Return every path that the page names: between backticks, or first in a line of a drawing."""
    code = re.findall(r"```\n(.*?)```", TEXT, re.DOTALL)
    drawn = [line.split()[0].rstrip(",") for block in code for line in block.splitlines() if line.strip()]
    inline = re.findall(r"`([^`\s]+)`", TEXT)
    return {name for name in (*drawn, *inline) if re.fullmatch(r"[\w./-]+(\.py|\.md|\.sh|/)", name)}


@pytest.mark.parametrize("name", sorted(named_paths()))
def test_every_path_on_the_map_exists(name: str):
    """Every path that ARCHITECTURE.md names exists below the repository or the package."""
    programs = [ROOT / f"docker/{one}-forwarder/{one}_forwarder" for one in ("log", "metrics")]
    assert any((base / name).exists() for base in (ROOT, PACKAGE, *programs)), f"{name} is not there"


def test_the_map_names_enough_paths():
    """The pattern for paths matches more than 80 of them."""
    assert len(named_paths()) > 80


def test_every_package_is_on_the_map():
    """The table of packages lists exactly the packages that exist."""
    listed = set(re.findall(r"^\| `([\w]+)/` \|", section("Packages"), re.MULTILINE))
    packages = {path.parent.name for path in PACKAGE.glob("*/__init__.py")}
    assert listed == packages


def test_every_top_level_module_is_on_the_map():
    """ARCHITECTURE.md mentions every module beside the packages."""
    modules = {path.stem for path in PACKAGE.glob("*.py")} - {"__init__", "__main__"}
    assert {name for name in modules if f"`{name}.py`" not in TEXT and f"`ocisidecar.{name}`" not in TEXT} == set()


@pytest.mark.parametrize(("behaviour", "path"), BEHAVIOURS.items())
def test_a_newcomer_finds_each_behaviour(behaviour: str, path: str):
    """The table `Where to change what` names the file in which the behaviour lives."""
    assert f"`{path}`" in section("Where to change what"), f"{behaviour}: no row names {path}"


def test_our_own_words_are_few():
    """The glossary has 10 to 15 entries."""
    rows = re.findall(r"^\| (?!word|---)", section("Words"), re.MULTILINE)
    assert 10 <= len(rows) <= 15
