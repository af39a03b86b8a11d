"""A tag of ours that is lost or overwritten replaces nothing: the plan shows it, and the apply writes it again."""

from __future__ import annotations

import pytest
from attrs import evolve

from ocisidecar import Action
from ocisidecar.resources.kinds import KINDS
from ocisidecar.state.identity import TAG_DIGEST, TAG_PARTS
from tests.promises.test_going import EVERYTHING, KEYS, PUBLIC
from tests.readers import reader_of

LOST = {
    "the digest": {TAG_DIGEST: None},
    "an overwritten digest": {TAG_DIGEST: "mine"},
    "the digest and what it covers": {TAG_DIGEST: None, TAG_PARTS: None},
}


def retag(provisioner, changes):
    """Change our tags of all resources by hand; None removes one."""
    reader = reader_of(provisioner, "shop")
    for key, (live,) in reader.snapshot().of("shop").items():
        kind = KINDS[key.kind]
        tags = {name: value for name, value in {**live.tags, **changes}.items() if value is not None}
        fields = {**{name: live.body[name] for name in kind.repeated & live.body.keys()}, "freeformTags": tags}
        reader.caller.call(kind.client, f"update_{kind.noun}", *kind.path_of(live), fields)
    provisioner.emulator.clock.advance(60)  # an instance that is changed is UPDATING at first


def test_every_kind_is_tried():
    """The specs below have a resource of every kind but agents, which bring their tags, and keys without tags."""
    kinds = {key.partition("/")[0] for key in KEYS} | {"subscription"}
    assert kinds == KINDS.keys() - {"management-agent", "management-agent-install-key"}


@pytest.mark.parametrize("key", ["vcn/main", "log-group/main"])
def test_a_place_that_has_lost_all_our_tags_is_told_before_there_is_a_second_one(provisioner, key):
    """The plan warns that what stays lies in another resource, and names the call that takes that over again."""
    made = provisioner.apply(EVERYTHING).resources
    assert not any("is created, but" in one for one in provisioner.plan(EVERYTHING).warnings)
    reader = reader_of(provisioner, "shop")
    (live,) = next(found for one, found in reader.snapshot().of("shop").items() if str(one) == key)
    kind = KINDS[live.key.kind]
    fields = {**{name: live.body[name] for name in kind.repeated & live.body.keys()}, "freeformTags": {}}
    reader.caller.call(kind.client, f"update_{kind.noun}", *kind.path_of(live), fields)
    provisioner.emulator.clock.advance(60)
    (told,) = [one for one in provisioner.plan(EVERYTHING).warnings if "is created, but" in one]
    assert told.startswith(f"{key} is created, but ")
    assert told.endswith(f'first take it over with adopt(spec, {{"{key}": "{live.id}"}})')
    provisioner.apply(provisioner.adopt(EVERYTHING, {key: live.id}))
    assert not provisioner.plan(EVERYTHING).changes
    assert provisioner.get("shop").resources == made


@pytest.mark.parametrize("spec", [EVERYTHING, PUBLIC], ids=["private", "public"])
@pytest.mark.parametrize("name", LOST)
def test_a_lost_tag_is_written_again(provisioner, writes, name, spec):
    """Every kind of resource stays, and is updated once; then there is nothing to do."""
    made = provisioner.apply(spec).resources
    retag(provisioner, LOST[name])
    plan = provisioner.plan(spec)
    if TAG_PARTS in LOST[name]:  # what nothing shows of an instance is not known then
        assert {str(step.key) for step in plan.changes if step.action is not Action.UPDATE} == {
            "container-instance/web-0"
        }
        assert set(provisioner.apply(plan).resources.items()) ^ set(made.items())
        assert len(provisioner.emulator.live()["container-instance"]) == 1
    else:
        assert {step.action for step in plan.steps} == {Action.UPDATE}
        assert all("the content matches the spec" in step.reason for step in plan.steps)
        writes()
        assert provisioner.apply(plan).resources == made
        assert all(operation.startswith("update_") for operation in writes())
    assert {key: live for key, live in provisioner.get("shop").resources.items() if "instance" not in key} == {
        key: live for key, live in made.items() if "instance" not in key
    }
    assert not provisioner.plan(spec).changes


@pytest.mark.parametrize("name", LOST)
def test_a_changed_spec_still_replaces_what_has_lost_its_tag(provisioner, name):
    """Another image and another address range are changes, whatever became of the tags."""
    provisioner.apply(EVERYTHING)
    retag(provisioner, LOST[name])
    changed = evolve(
        EVERYTHING,
        instances=[EVERYTHING.instances[0].with_image("fra.ocir.io/acme/web:2")],
        network=evolve(EVERYTHING.effective_network, cidr_block="10.7.0.0/16"),
    )
    replaced = {str(step.key) for step in provisioner.plan(changed).steps if step.action is Action.REPLACE}
    assert replaced >= {"vcn/main", "subnet/main", "container-instance/web-0"}
    provisioner.apply(changed)
    assert not provisioner.plan(changed).changes


def test_the_plan_tells_what_was_lost(provisioner):
    """The printed plan names the tag and says that it is written again."""
    provisioner.apply(EVERYTHING)
    retag(provisioner, LOST["the digest"])
    assert "ocisidecar-digest" in str(provisioner.plan(EVERYTHING))
    assert "is lost; the content matches the spec" in str(provisioner.plan(EVERYTHING))
