"""A change in place that was cut anywhere, and then the former spec: everything is as it was before the change."""

from __future__ import annotations

import pytest

from ocisidecar.resources.kinds import KINDS
from ocisidecar.wire import objects
from tests.campaign.scenarios import CHANGED, FULL
from tests.power_loss import cuts, provisioner, run_with_fuse
from tests.promises.test_crash_safety import emulator, requests_of
from tests.readers import reader_of

VOLATILE = frozenset({"timeLastModified", "timeUpdated", "etag"})


def before(one):
    one.apply(FULL)


def after(one):
    one.apply(CHANGED)


def shown(cloud):
    """Return all that can be read of the deployment, with its VNICs and security rules."""
    found = {}
    with provisioner(cloud) as one:
        reader = reader_of(one, "web")
        for key, (live,) in reader.snapshot().of("web").items():
            kind, caller = KINDS[key.kind], reader.caller
            body = kind.read(caller, reader.site, live.id, kind.parent_id(live.body)).body
            found[str(key)] = {name: value for name, value in body.items() if name not in VOLATILE}
            for vnic in objects(body.get("vnics")):
                found["vnic"] = caller.call("core.VirtualNetworkClient", "get_vnic", vnic["vnicId"]).body
            if key.kind == "network-security-group":
                rules = caller.pages(kind.client, "list_network_security_group_security_rules", live.id)
                found["rules"] = sorted(str(rule["description"]) for rule in rules)
    return found


@pytest.mark.parametrize("commits_last", [False, True], ids=["before sending", "after commit"])
def test_a_cut_change_is_reverted_by_the_former_spec(commits_last):
    """Wherever the change was cut, applying the former spec leaves nothing of it, and no change to plan."""
    total = requests_of(before, after)
    for whole in cuts(0, total, at_most=6):
        with emulator() as cloud:
            with provisioner(cloud) as one:
                before(one)
            expected = shown(cloud)
            run_with_fuse(cloud, after, whole, commits_last=commits_last)
            with provisioner(cloud) as one:
                before(one)
                assert shown(cloud) == expected, f"cut at request {whole} of {total}"
                assert not one.plan(FULL).changes
