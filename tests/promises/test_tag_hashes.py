"""Hashes in tags tell nobody a secret, and what earlier versions wrote is replaced in place."""

from __future__ import annotations

import base64
import hashlib
import json

import pytest

from ocisidecar import Action, DeploymentSpec, InstanceSpec, VolumeSpec
from ocisidecar.resources.container_instance import compose_at
from ocisidecar.resources.kinds import KINDS
from ocisidecar.state.identity import TAG_DIGEST, TAG_PARTS, tags_for
from ocisidecar.wire import Key
from tests.readers import reader_of

KEY = Key("container-instance", "web-0")
FILES = {
    "a file named like a secret": ("config", "pin", "{}"),
    "a volume named like a secret": ("secrets", "value", "{}"),
    "a file that is nothing but a number": ("config", "value", "{}\n"),
    "a pair in a file": ("config", "app.ini", "[door]\npin = {}\nlevel = 1\n"),
    "a mapping in YAML": ("config", "app.yml", "door:\n  pin: {}\n"),
    "a mapping in JSON": ("config", "app.json", '{{"pin": "{}"}}'),
    "an address": ("config", "app.conf", "url redis://app:{}@cache:6379\n"),
}


def spec_with(pin: str, volume: str, path: str, content: str, level: str = "1") -> DeploymentSpec:
    text = content.format(pin).replace("level = 1", f"level = {level}")
    web = InstanceSpec("web", image_url="docker.io/acme/web:1.4").with_volume(
        VolumeSpec.config_file(volume, {path: text}), mount_path="/etc/door"
    )
    return DeploymentSpec("web", [web])


def tags_of(provisioner):
    (live,) = reader_of(provisioner, "web").snapshot().of("web")[KEY]
    return live.tags


@pytest.mark.parametrize("kind", FILES)
def test_no_pin_can_be_guessed_from_the_tags(provisioner, kind):
    """The tags of all 10,000 PINs are the same, so that none of them can be told from the tags."""
    provisioner.apply(spec_with("4711", *FILES[kind]))
    before = tags_of(provisioner)
    assert {TAG_DIGEST, TAG_PARTS} <= before.keys()
    assert not provisioner.plan(spec_with("0815", *FILES[kind])).changes
    plan = provisioner.plan(spec_with("4711", *FILES[kind]))
    assert any("looks like a secret" in warning for warning in plan.warnings)


def test_the_rest_of_a_file_with_a_secret_is_still_compared(provisioner):
    """A change beside the secret replaces the instance."""
    kind = FILES["a pair in a file"]
    provisioner.apply(spec_with("4711", *kind))
    plan = provisioner.plan(spec_with("4711", *kind, level="2"))
    assert {str(step.key): step.action for step in plan.changes} == {str(KEY): Action.REPLACE}


def test_files_without_a_secret_are_hashed_as_before(provisioner):
    """What is no secret enters the hash byte for byte, as in earlier versions."""
    provisioner.apply(spec_with("", "config", "app.toml", "level = 1\n"))
    content = {"config/app.toml": base64.b64encode(b"level = 1\n").decode()}
    hashed = hashlib.sha256(json.dumps(content, separators=(",", ":")).encode()).hexdigest()[:8]
    assert f"config={hashed}" in tags_of(provisioner)[TAG_PARTS]


@pytest.mark.parametrize("kind", FILES)
def test_tags_of_earlier_versions_are_written_again_and_nothing_is_replaced(provisioner, writes, kind):
    """A deployment whose tags hold the hash of a secret is kept, and one update removes the hash."""
    spec = spec_with("4711", *FILES[kind])
    made = provisioner.apply(spec).resources
    site = reader_of(provisioner, "web").site
    former = compose_at(site, spec, spec.instances[0], replica=0).former_sections
    assert former is not None
    now = tags_of(provisioner)
    earlier = tags_for(site.identity, KEY, former, hidden={})
    before = {TAG_DIGEST: earlier[TAG_DIGEST], TAG_PARTS: _with_config_of(now, earlier)}
    retag_instance(provisioner, before)
    plan = provisioner.plan(spec)
    assert {str(step.key): step.action for step in plan.changes} == {str(KEY): Action.UPDATE}
    assert "by an earlier version" in str(plan)
    writes()
    assert provisioner.apply(plan).resources == made
    assert writes() == ["update_container_instance"]
    assert tags_of(provisioner) == now
    assert not provisioner.plan(spec).changes


def _with_config_of(now, earlier):
    config = next(part for part in earlier[TAG_PARTS].split(",") if part.startswith("config="))
    return ",".join(config if part.startswith("config=") else part for part in now[TAG_PARTS].split(","))


def retag_instance(provisioner, changes):
    reader = reader_of(provisioner, "web")
    (live,) = reader.snapshot().of("web")[KEY]
    kind = KINDS["container-instance"]
    reader.caller.call(
        kind.client, f"update_{kind.noun}", *kind.path_of(live), {"freeformTags": {**live.tags, **changes}}
    )
    provisioner.emulator.clock.advance(60)
