"""Ownership of resources: the tags that are the only state, and the retry tokens that make creates idempotent.

Tags are free-form, because every kind has them and they need no set-up in the tenancy.  A tag alone proves
nothing: `owner` also requires that the key parses and names the kind of the tagged resource, and that the
deployment's suffix is that of this region and compartment.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from itertools import accumulate

from attrs import evolve, field, frozen

from ocisidecar.wire import Body, Key, Ref, Text

TAG_DEPLOYMENT = "ocisidecar-deployment"
TAG_KEY = "ocisidecar-key"
TAG_DIGEST = "ocisidecar-digest"
TAG_PARTS = "ocisidecar-parts"
OWN_TAGS = (TAG_DEPLOYMENT, TAG_KEY, TAG_DIGEST, TAG_PARTS)

_DIGEST_HEX_DIGITS = 16
_PART_HEX_DIGITS = 8
_TAG_VALUE_LIMIT = 256
_NAME_CHARACTERS = 4
_DOUBT = "?"
_USES, _NAMES = "of", "tags"
"""Entries of the parts tag that are not the hash of a section."""


@frozen
class Identity:
    """A deployment's identity: tenancy, region, compartment and name.

    `subject` is who deploys it, as policy statements say that; it is not part of what identifies it.
    """

    tenancy_id: str
    region: str
    compartment_id: str
    name: str
    subject: str = field(default="group <your group>", eq=False, repr=False)

    @property
    def suffix(self) -> str:
        """Eight hex digits of region and compartment, for names that are unique in a tenancy."""
        return _hash(f"{self.region}\n{self.compartment_id}", _PART_HEX_DIGITS)

    @property
    def tag(self) -> str:
        """Value of the deployment tag."""
        return f"{self.name}.{self.suffix}"

    def sibling(self, name: str) -> Identity:
        """Return the identity of another deployment in the same region and compartment."""
        return evolve(self, name=name)


def owner(identity: Identity, kind: str, tags: Mapping[str, str]) -> tuple[str, Key] | None:
    """Return the deployment name and key that `tags` prove, or None when they prove nothing.

    `identity` gives region and compartment; its name is ignored.
    """
    name, _, suffix = tags.get(TAG_DEPLOYMENT, "").rpartition(".")
    key = Key.parse(tags.get(TAG_KEY, ""))
    if not name or suffix != identity.suffix or key is None or key.kind != kind:
        return None
    return name, key


def tags_for(
    identity: Identity,
    key: Key,
    sections: Mapping[str, Body],
    *,
    hidden: Mapping[str, Body],
    uses: tuple[str, ...] = (),
    names: Iterable[str] = (),
) -> dict[str, str]:
    """Return our free-form tags for the resource `key`.

    Args:
        identity: the deployment's.
        key: of the resource.
        sections: its replace-only content, by section.
        hidden: what can be changed in place but no list shows; None for what is not wanted.
        uses: shared deployments that it depends on, so that those can list their users.
        names: of the tags that the spec sets, to distinguish them from those of others.
    """
    parts = [f"{_USES}={name}" for name in sorted(uses)]
    parts += _hashes({name: value for name, value in hidden.items() if value is not None})
    if recorded := "".join(sorted({_recorded(name) for name in names})):
        parts.append(f"{_NAMES}={recorded}")
    parts += _hashes(sections)
    return {
        TAG_DEPLOYMENT: identity.tag,
        TAG_KEY: str(key),
        TAG_DIGEST: digest(sections),
        TAG_PARTS: _fitting(parts),
    }


def digest(sections: Mapping[str, Body]) -> str:
    """Return the hash of everything that can only be changed by replacing the resource."""
    return _hash(_canonical(sections), _DIGEST_HEX_DIGITS)


def changed_sections(before: Mapping[str, str], after: Mapping[str, str]) -> tuple[str, ...]:
    """Return the names of the sections that differ between two sets of our tags, sorted."""
    old, new = _parts(before), _parts(after)
    return tuple(sorted(name for name in old.keys() | new.keys() if old.get(name) != new.get(name)))


def records(tags: Mapping[str, str], name: str, body: Body) -> bool:
    """Return whether our `tags` record exactly this content of a section."""
    return _parts(tags).get(name) == _section_hash(body)


def unlike_record(tags: Mapping[str, str], sections: Mapping[str, Body], hidden: Iterable[str]) -> bool:
    """Return whether our `tags` record other replace-only content than `sections`, as far as they record it."""
    recorded = {name: value for name, value in _parts(tags).items() if name not in hidden}
    return any(name not in sections or value != _section_hash(sections[name]) for name, value in recorded.items())


def unrecorded(tags: Mapping[str, str], sections: Iterable[str]) -> tuple[str, ...]:
    """Return the names of sections that our `tags` do not record, sorted: they did not fit, or the tag is lost."""
    return tuple(sorted(set(sections) - _parts(tags).keys()))


def was_set(tags: Mapping[str, str], name: str) -> bool:
    """Return whether `tags`, ours, record that we set the tag `name` on the resource."""
    return _recorded(name) in _recorded_in(tags)


def in_doubt(tags: Mapping[str, str], names: Iterable[str], *, coming: Mapping[str, str]) -> dict[str, str]:
    """Return `tags` in which these sections are marked as unknown, so that they differ from anything wanted.

    They are written before a change that takes several requests, so that the next plan finds an interrupted one.
    Names of tags that the change sets, as our tags after it record them (`coming`), are recorded too: whatever
    follows can then remove those that were set already.
    """
    doubted = dict.fromkeys(sorted(names), _DOUBT)
    parts = [f"{name}={value}" for name, value in doubted.items()]
    if recorded := "".join(sorted(_recorded_in(tags) | _recorded_in(coming))):
        parts.append(f"{_NAMES}={recorded}")
    parts += [f"{name}={value}" for name, value in _entries(tags) if name not in {*doubted, _NAMES}]
    return {**tags, TAG_PARTS: _fitting(parts)}


def used_deployments(tags: Mapping[str, str]) -> tuple[str, ...]:
    """Return the shared deployments that the tagged resource uses."""
    return tuple(value for name, value in _entries(tags) if name == _USES)


def retry_token(identity: Identity, key: Key, content: str, placement: str, generation: int) -> str:
    """Return the `opc-retry-token` (40 characters, OCI allows 64) of the create of `key` in this generation.

    The same inputs always give the same token: a rerun after a lost answer gets the resource that the first run
    created, and concurrent runs share one set of resources.
    """
    seed = [identity.tenancy_id, identity.region, identity.compartment_id, identity.name, str(key)]
    return _hash("\n".join([*seed, content, placement, str(generation)]), 40)


def _fitting(parts: Sequence[str]) -> str:
    """Return the first parts that fit into a tag; the last ones are sections, which the digest covers too."""
    ends = accumulate(len(part) + 1 for part in parts)
    return ",".join(part for part, end in zip(parts, ends, strict=True) if end - 1 <= _TAG_VALUE_LIMIT)


def _parts(tags: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in _entries(tags) if name not in {_USES, _NAMES}}


def _entries(tags: Mapping[str, str]) -> list[tuple[str, str]]:
    pairs = (part.partition("=") for part in tags.get(TAG_PARTS, "").split(",") if part)
    return [(name, value) for name, _, value in pairs]


def _hashes(bodies: Mapping[str, Body]) -> list[str]:
    return [f"{name}={_section_hash(bodies[name])}" for name in sorted(bodies)]


def _section_hash(body: Body) -> str:
    return _hash(_canonical(body), _PART_HEX_DIGITS)


def _recorded_in(tags: Mapping[str, str]) -> set[str]:
    recorded = next((value for part, value in _entries(tags) if part == _NAMES), "")
    starts = range(0, len(recorded), _NAME_CHARACTERS)
    return {recorded[start : start + _NAME_CHARACTERS] for start in starts}


def _recorded(name: str) -> str:
    """Return four characters for a name: 24 bits, so that the names of others rarely collide with it."""
    return base64.urlsafe_b64encode(hashlib.sha256(name.encode()).digest())[:_NAME_CHARACTERS].decode()


def _canonical(body: Body) -> str:
    return json.dumps(body, sort_keys=True, separators=(",", ":"), default=_symbolic)


def _symbolic(value: object) -> object:
    if isinstance(value, Ref | Text):
        return str(value)
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError(f"{type(value).__name__} has no wire form")


def _hash(text: str, hex_digits: int) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:hex_digits]
