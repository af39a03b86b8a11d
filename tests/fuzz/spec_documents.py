"""Spec documents at random, from the spec's own fields: most values fit, and some have another type."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from random import Random
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin

from attrs import NOTHING, has

from ocisidecar.spec import DeploymentSpec, InstanceSpec, SidecarSpec
from ocisidecar.spec.preset_registry import find_preset, preset_names
from ocisidecar.spec.structure import parameters_of, ways_of
from tests.fuzz import mutations

FITTING: Mapping[str, Sequence[Any]] = {
    "name": ("web", "db", "a-1"),
    "image_url": ("docker.io/acme/web:1.4", "fra.ocir.io/acme/a@sha256:" + "0" * 64, "app"),
    "shape": ("CI.Standard.E4.Flex", "CI.Standard.A1.Flex"),
    "mount_path": ("/logs", "/data", "/"),
    "path": ("/health", "/etc/a.conf"),
    "ocpus": (1, 2, 0.5),
    "memory_in_gbs": (1, 4, 16),
    "port": (80, 8080, 65535),
    "replicas": (0, 1, 3),
    "severity": ("CRITICAL", "INFO"),
    "cidr": ("0.0.0.0/0", "10.0.0.0/16"),
    "cidr_block": ("10.0.0.0/16", "10.0.0.0/24"),
    "subnet_id": ("ocid1.subnet.oc1.fra.aaaa",),
    "compartment_id": ("ocid1.compartment.oc1..aaaa",),
    "secret_id": ("ocid1.vaultsecret.oc1.fra.aaaa",),
    "query": ("CpuUtilization[1m].mean() > 80", "absent()"),
    "url": ("https://example.com/hook", "http://127.0.0.1:9100/metrics"),
    "email": ("a@example.com",),
    "duration": ("5m", "PT5M"),
    "run_as_user": (1000, 0),
}
"""Values that pass validation, by the name of the field."""
USUAL: Mapping[Any, Sequence[Any]] = {
    str: ("web", "/logs", "10.0.0.0/24", "${NAME}", "${NAME:-x}", "${HALF}", "5m", "a b", "8080", "$$"),
    int: (0, 1, 80, 9090, 100_000),
    float: (0.5, 1, 4.0),
    bool: (True, False),
    bytes: ("a: 1\n", {"base64": "AAE="}, {"file": "a.conf"}),
    Path: ("a.conf",),
}
ODD_SHARE = 0.02
USED_SHARE = 0.3
DEEPEST = 7


def document(chance: Random) -> Any:
    """Return the document of a deployment, or of an instance alone."""
    made = _fields(chance, InstanceSpec if chance.random() < 0.4 else DeploymentSpec, 0)
    if chance.random() < 0.1 and isinstance(made, dict):
        made["x-anything"] = mutations.value(chance)
    return made


def _fields(chance: Random, make: Any, depth: int, share: float = USED_SHARE) -> dict[str, Any]:
    return {
        name: _value(chance, hint, name, depth)
        for name, (hint, default) in parameters_of(make).items()
        if default is NOTHING or (depth < DEEPEST and chance.random() < share)
    }


def _value(chance: Random, hint: Any, name: str, depth: int) -> Any:
    if chance.random() < ODD_SHARE:
        return mutations.value(chance)
    if name in FITTING and chance.random() < 0.9:
        return chance.choice(FITTING[name])
    if hint is SidecarSpec and chance.random() < 0.8:
        return _preset(chance, depth)
    origin, options = get_origin(hint), get_args(hint)
    if origin is Literal:
        return chance.choice(options)
    if origin in {Union, UnionType}:
        return _value(chance, chance.choice([one for one in options if one is not NoneType]), name, depth)
    if origin is Mapping:
        keys = {chance.choice(["A", "NAME", "web", "/x"]) for _ in range(chance.randint(0, 2))}
        return {key: _value(chance, options[1], "", depth + 1) for key in sorted(keys)}
    if origin in {tuple, Sequence}:
        return [_value(chance, options[0], "", depth + 1) for _ in range(chance.choice([0, 1, 1, 2]))]
    return _part(chance, hint, depth) if has(hint) else chance.choice(USUAL.get(hint, ("web", 1)))


def _preset(chance: Random, depth: int) -> Any:
    name = chance.choice(preset_names())
    if chance.random() < 0.4:
        return name
    return {"preset": name, **_fields(chance, find_preset(name), depth + 1, 0.15)}


def _part(chance: Random, cls: Any, depth: int) -> Any:
    ways = ways_of(cls)
    if not ways or chance.random() < 0.05:
        return _fields(chance, cls, depth + 1)
    way = chance.choice(list(ways))
    return {way: _fields(chance, ways[way], depth + 1)} if chance.random() < 0.8 else way
