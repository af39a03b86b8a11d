"""Validators of single fields, declared beside them: `field(metadata=validated(between(1, 64, unit="GB")))`.

A validator takes a value of the right type, never None, and returns None, or a message with the expected and the
given value.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from attrs import frozen

Validator: TypeAlias = Callable[[Any], str | None]

Problem: TypeAlias = tuple[str, str]
"""The path of a problem, below the checked part, and its message."""

FIELD_VALIDATORS = "ocisidecar.validators"
ELEMENT_VALIDATORS = "ocisidecar.element_validators"
NAME_VALIDATORS = "ocisidecar.name_validators"


def validated(
    *validators: Validator, each: tuple[Validator, ...] = (), names: tuple[Validator, ...] = ()
) -> Mapping[str, object]:
    """Return field metadata: validators of the whole value, of `each` element, and of the `names` in a mapping."""
    return {FIELD_VALIDATORS: validators, ELEMENT_VALIDATORS: each, NAME_VALIDATORS: names}


def between(low: float, high: float, *, unit: str = "") -> Validator:
    """Demand a number within both bounds."""
    return lambda value: (
        None if low <= value <= high else f"must be {low:g} to {high:g}{_after(unit)}, got {value:g}"
    )


def above(low: float, *, unit: str = "") -> Validator:
    """Demand a number greater than `low`."""
    return lambda value: None if value > low else f"must be more than {low:g}{_after(unit)}, got {value:g}"


def at_least(low: float, *, unit: str = "") -> Validator:
    """Demand a number not smaller than `low`."""
    return lambda value: None if value >= low else f"must be at least {low:g}{_after(unit)}, got {value:g}"


def count(low: int, high: int, *, unit: str) -> Validator:
    """Demand so many elements."""
    return lambda value: (
        None if low <= len(value) <= high else f"must hold {low} to {high} {unit}, got {len(value)}"
    )


def length(low: int, high: int) -> Validator:
    """Demand so many characters."""
    return lambda value: (
        None if low <= len(value) <= high else f"must be {low} to {high} characters, got {len(value)}"
    )


def matches(pattern: str, expectation: str) -> Validator:
    """Demand that the whole text matches; `expectation` says in words what that means."""
    compiled = re.compile(pattern)
    return lambda value: None if compiled.fullmatch(value) else f"must be {expectation}, got {value!r}"


@frozen
class Ocid:
    """Demands the OCID of one of the resource types; where the spec is deployed is checked by `misplaced`.

    Attributes:
        kinds: the resource types.
        otherwise: validates what does not begin like an OCID, where a field takes something else too.

    Source: Oracle Cloud Identifiers, "ocid1.<resource type>.<realm>.[region][.future use].<unique id>".
    """

    kinds: tuple[str, ...]
    otherwise: Validator | None = None

    def __call__(self, value: str) -> str | None:
        """Return what is wrong with a value."""
        if self.otherwise is not None and not value.startswith("ocid1."):
            return self.otherwise(value)
        pattern = rf"ocid1\.({'|'.join(self.kinds)})\.[a-z0-9-]+\.[a-zA-Z0-9._-]*\.[a-zA-Z0-9._-]+"
        example = " or ".join(f"ocid1.{kind}.…" for kind in self.kinds)
        return None if re.fullmatch(pattern, value) else f"must be an OCID ({example}), got {value!r}"


def ocid(*kinds: str, otherwise: Validator | None = None) -> Ocid:
    """Demand the OCID of one of the resource types, e.g. `ocid("subnet")`; see `Ocid`."""
    return Ocid(kinds, otherwise)


def cidr(shortest: int, longest: int) -> Validator:
    """Demand an IPv4 network in CIDR notation whose prefix length lies within both bounds."""

    def validator(value: str) -> str | None:
        try:
            network = ipaddress.IPv4Network(value)
        except ValueError as error:
            return f"must be an IPv4 CIDR block such as 10.0.0.0/16, got {value!r} ({error})"
        if "/" in value and shortest <= network.prefixlen <= longest:
            return None
        return f"must have a prefix length of /{shortest} to /{longest}, got {value!r}"

    return validator


VCN = "vcn"
"""As a source of traffic: every address of the deployment's VCN."""

_ANY_CIDR = cidr(0, 32)


def vcn_or_cidr(value: str) -> str | None:
    """Demand the word for the VCN or an IPv4 network in CIDR notation."""
    problem = None if value == VCN else _ANY_CIDR(value)
    return problem and f"must be {VCN!r} or an IPv4 CIDR block such as 203.0.113.0/24, got {value!r}"


def ip_address(value: str) -> str | None:
    """Demand an IPv4 or IPv6 address."""
    try:
        ipaddress.ip_address(value)
    except ValueError:
        return f"must be an IP address, got {value!r}"
    return None


def duration(low: str, high: str) -> Validator:
    """Demand an ISO 8601 duration of days, hours, minutes and seconds within both bounds, e.g. `PT5M`."""
    shortest, longest = _seconds(low), _seconds(high)

    def validator(value: str) -> str | None:
        seconds = _seconds(value)
        if seconds is not None and shortest is not None and longest is not None and shortest <= seconds <= longest:
            return None
        return f"must be an ISO 8601 duration of {low} to {high}, got {value!r}"

    return validator


def absolute_path(value: str) -> str | None:
    """Demand an absolute, normalised path."""
    if re.fullmatch(r"(/[^/\0]+)+/?", value) and not {".", ".."} & set(value.split("/")):
        return None
    return f"must be an absolute path without '.' and '..', and not '/', got {value!r}"


def relative_path(value: str) -> str | None:
    """Demand a relative path that stays below where it starts."""
    if re.fullmatch(r"[^/\0]+(/[^/\0]+)*", value) and not {".", ".."} & set(value.split("/")):
        return None
    return f"must be a relative path without '.' and '..', got {value!r}"


RESOURCE_NAME = matches(r"[A-Za-z][A-Za-z0-9_-]{0,62}", "1 to 63 letters, digits, '-' and '_', the first a letter")
"""Names that become part of keys, tags, display names and some host names."""

PORT = between(1, 65535)
SHAPE_NAME = matches(r"[A-Za-z0-9][A-Za-z0-9._-]*", "a shape such as CI.Standard.E4.Flex")
DISPLAY_NAME = length(1, 255)
DNS_LABEL = matches(r"[A-Za-z][A-Za-z0-9]{0,14}", "1 to 15 letters and digits, the first a letter")
HOSTNAME_LABEL = matches(
    r"[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?", "a host name label: 1 to 63 letters, digits and inner '-'"
)
ENVIRONMENT_NAME = matches(r"[A-Za-z_][A-Za-z0-9_.-]*", "a name of letters, digits, '_', '.' and '-'")
_HOST_LABEL = r"[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?"
REGISTRY_HOST = matches(
    rf"({_HOST_LABEL}(\.{_HOST_LABEL})*|\[[0-9A-Fa-f:]+\])(:[0-9]+)?",
    "a registry's name such as fra.ocir.io, without scheme and path",
)
REPOSITORY_PATH = matches(r"[a-z0-9]+(([._]|__|-+|/)[a-z0-9]+)*", "lower-case words joined by '/', '-', '_' or '.'")
"""Source of both: github.com/distribution/reference, "domain" and "remote-name"."""
_LONGEST_IMAGE_NAME = 255
_LONGEST_TAG = 128
_TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*")
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128}")
_EXAMPLE_IMAGE = "an image reference such as fra.ocir.io/namespace/web:1.4"


def _image_name_problem(name: str) -> str | None:
    """Return what is wrong with a registry and a repository's path; with one word alone, that is the path."""
    first, slash, rest = name.partition("/")
    has_registry = bool(slash) and (bool({".", ":", "["} & set(first)) or first == "localhost")
    if has_registry and REGISTRY_HOST(first):
        return f"{first!r} is not a registry's name such as fra.ocir.io"
    path = rest if has_registry else name
    if REPOSITORY_PATH(path) is None:
        too_long = f"registry and path have {len(name)} characters, and {_LONGEST_IMAGE_NAME} at most are allowed"
        return too_long if len(name) > _LONGEST_IMAGE_NAME else None
    if REPOSITORY_PATH(path.lower()) is None:
        return f"registries take only lower case in {path!r}"
    return f"the path {path!r} is not lower-case words joined by '/', '-', '_' or '.'"


def image_reference(value: str) -> str | None:
    """Demand an image reference as registries and engines take it.

    Source: github.com/distribution/reference, "reference.go" and "regexp.go"; a first component is a registry where
    it has a dot or a port, or is localhost.
    """
    named, at, digest = value.partition("@")
    head, slash, last = named.rpartition("/")
    last, colon, tag = last.partition(":")
    problem = _image_name_problem(f"{head}{slash}{last}")
    if problem is None and colon and (not _TAG.fullmatch(tag) or len(tag) > _LONGEST_TAG):
        problem = f"the tag {tag!r} is not 1 to {_LONGEST_TAG} letters, digits, '_', '.' and '-'"
    if problem is None and at and not _DIGEST.fullmatch(digest):
        problem = f"the digest {digest!r} is not sha256: and 64 hexadecimal digits in lower case"
    return problem and f"must be {_EXAMPLE_IMAGE}, got {value!r}: {problem}"


def image_prefix(value: str) -> str | None:
    """Demand a registry with a path, below which images are; it may end in '/'."""
    problem = _image_name_problem(value.removesuffix("/") + "/x")
    expected = "a registry with a path, such as fra.ocir.io/namespace/path"
    return problem and f"must be {expected}, got {value!r}: {problem}"


def _after(unit: str) -> str:
    return f" {unit}" if unit else ""


def _seconds(value: str) -> int | None:
    found = re.fullmatch(r"P(?:(\d+)D)?(?:T(?=\d)(?:(\d+)H)?(?:(\d+)M)?(?:(\d+)S)?)?", value)
    if found is None or value == "P":
        return None
    days, hours, minutes, seconds = (int(part or 0) for part in found.groups())
    return ((days * 24 + hours) * 60 + minutes) * 60 + seconds
