"""What looks like a secret in texts: by the name beside it, or by its own shape.

The one rule for all that others may read: variables, arguments, addresses, health checks, tags, texts for people
and the hashes in tags.
"""

from __future__ import annotations

import base64
import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from itertools import accumulate
from typing import Final

from ocisidecar.spec.secret_names import is_address_name, is_harmless, is_secret_name

MASK: Final = "…"
"""Stands for a secret in a text."""

_SCHEME: Final = r"(?<![a-z0-9])[a-z][a-z0-9+.-]{0,30}://"
_HOST: Final = r"[\w.-]{1,255}"
_SHAPES: Final[Sequence[tuple[str, str]]] = (
    # A colon behind the host is a port: http://host:80/path@x has no password.
    (
        "a password in an address",
        rf"(?i)(?:{_SCHEME}|(?<![^\s=\"'])//)[^\s/?#@:\"']{{0,256}}:(?!\d{{1,5}}(?:[/?#,]|$))(?P<secret>[^\s\"'<>]{{1,1024}})@(?=[\w.\[(])",
    ),
    ("a key in an address", rf"(?i){_SCHEME}(?P<secret>(?=[a-z_-]*\d)[\w-]{{16,256}})@(?=[\w.\[])"),
    (
        "a password in an address",
        (
            r"(?i)(?<![^\s=,;\"'(<\[])(?!(?:mailto|e?mail|sips?|xmpp|acct|owner|contact|user|group|domain|serviceaccount):"
            rf"[^\s@:]{{1,256}}@{_HOST}(?:[\s,\"')>\]]|$))"
            rf"[\w.%+-]{{1,256}}:(?P<secret>[^\s@/:\"']{{1,256}})@(?!sha\d+:)(?={_HOST}(?:[:/?(,\s\"')>\]]|$)|\()"
        ),
    ),
    ("a private key", r"-----BEGIN [A-Z0-9 ]*PRIVATE KEY[A-Z ]*-----(?P<secret>[^-]+)"),
    ("a private key", r"(?P<secret>AGE-SECRET-KEY-1\w+)"),
    (
        "a token",
        (
            r"(?<![A-Za-z0-9])(?P<secret>gh[pousr]_\w{10,}|github_pat_\w{10,}|glpat-[\w-]{10,}|glsa_\w{10,}|"
            r"xox[abeoprs]-[\w-]{8,}|xapp-[\w-]{8,}|(?:AKIA|ASIA)[0-9A-Z]{12,}|sk-(?:[a-z0-9]{1,12}-){0,4}\w{16,}|"
            r"[sr]k_(?:live|test)_\w{8,}|whsec_\w{10,}|AIza[\w-]{30,}|ya29\.[\w-]{10,}|npm_\w{20,}|pypi-AgE\w+|"
            r"dop_v1_\w{20,}|SG\.[\w-]{16,}\.[\w-]{16,}|hf_\w{20,}|hv[sb]\.[\w-]{10,}|shpat_\w{16,}|"
            r"dckr_pat_[\w-]{10,}|NRAK-\w{16,}|eyJ[\w-]{6,}\.eyJ[\w-]{4,}(?:\.[\w-]*)?)"
        ),
    ),
    ("a token", r"(?<![A-Za-z0-9])(?:bot)?(?P<secret>\d{8,12}:AA[\w-]{30,})"),
    ("a password in an address", r"(?i)\bjdbc:oracle:\w+:[\w$#]{1,128}/(?P<secret>[^\s@/\"']{1,256})@"),
    ("a pre-authenticated request", r"(?i)\bobjectstorage\.[\w.-]+/p/(?P<secret>[\w~.+=-]{8,})/n/"),
    ("a token", r"(?i)\bBearer\s+(?P<secret>[\w.~+/=-]{8,})"),
    (
        "a password",
        r"\b[Bb]asic\s+(?P<secret>(?=[a-z]*[A-Z0-9+/=])(?:[A-Za-z0-9+/]{4}){2,}[A-Za-z0-9+/]{0,3}={0,2})(?![\w-])",
    ),
    ("a webhook", r"(?i)hooks\.slack\.com/(?:services|workflows)/(?P<secret>[^\s\"']+)"),
    ("a webhook", r"(?i)events\.(?:eu\.)?pagerduty\.com/integration/(?P<secret>[^\s/\"']+)"),
    ("a webhook", r"(?i)\boffice(?:365)?\.com/webhook(?:b2)?/(?P<secret>[^\s\"']+)"),
    ("a webhook", r"(?i)discord(?:app)?\.com/api/webhooks/(?P<secret>[^\s\"']+)"),
)
"""What it is, and the pattern of it."""
_PATTERNS: Final = tuple((what, re.compile(pattern)) for what, pattern in _SHAPES)
_ENCODED: Final = re.compile(r"LS0tLS1CRUdJTi[A-Za-z0-9+/]+={0,2}")
"""A PEM block in base64."""
_VALUE: Final = r"(?:[bru]{0,2}\"(?P<double>[^\"]*)\"|[bru]{0,2}'(?P<single>[^']*)'|(?P<bare>[^\s\"'{}\[\]]+))"
_PAIR: Final = re.compile(
    r"(?<![\w.-])-{0,2}(?P<name>[A-Za-z_][\w.-]{0,127})"
    r"(?:[\"']?=|\s{1,8}=\s{0,8}(?=[bru]{0,2}[\"'])|[\"']\s{0,8}:\s{0,8})"
    rf"(?={_VALUE})"
)
_OPTION: Final = re.compile(rf"(?<!\S)--?(?P<name>[A-Za-z][\w.-]{{0,127}})\s{{1,8}}(?!-)(?={_VALUE})")
_HEADER: Final = re.compile(
    rf"(?<![\w.-])(?P<name>[A-Za-z]\w*(?:-\w+)+|Authorization|Cookie):\s{{1,8}}(?={_VALUE})", re.IGNORECASE
)
_PROGRAMS: Final = tuple(
    re.compile(rf"(?<![\w-]){pattern}")
    for pattern in (
        r"curl\s(?:[^|;&\n]{0,400}\s)?(?:-u|--user|--proxy-user)[\s=]{0,8}[\"']?[^\s:\"'$]{1,256}:(?P<secret>[^\s\"'|;&]+)",
        r"redis-cli\s(?:[^|;&\n]{0,400}\s)?(?:-a|--pass)[\s=]{1,8}[\"']?(?P<secret>[^\s\"'|;&]+)",
        r"(?:mysql|mysqldump|mysqladmin|mariadb)\s(?:[^|;&\n]{0,400}\s)?-p[\"']?(?P<secret>[^\s\"'|;&]+)",
        r"-pass(?:in|out)?\s{1,8}[\"']?pass:(?P<secret>[^\s\"'|;&]+)",
    )
)
"""Options whose short names mean a password with these programs only."""
_INTERPRETER: Final = re.compile(r"(?:.*/)?(?:python|pypy|node|nodejs|deno|bun|ruby|perl|php)[\d.]*")
_CODE: Final = re.compile(
    r"(?m)^\s*(?:import|from|const|let|var|def|class|use|require)\s|;\s*import\s|\b(?:print|puts|require|console\.log)\(|"
    r"\bdef \w+\(|=>"
)
"""What only a program in Python, JavaScript or Ruby has, where literals are in quotes and other words are names."""
_LINE: Final = re.compile(
    r"^[ \t]*(?:- )?(?P<name>[A-Za-z_][\w.-]{0,127})"
    r"(?:(?::[ \t]+|[ \t]*=[ \t]*)(?P<rest>[^\s\"'][^\r\n]*)|[ \t]+(?P<bare>[^\s#\"'=:]\S*)[ \t;]*$)",
    re.MULTILINE,
)
"""The value is looked ahead at, because it may hold pairs of its own."""


def secret_in(text: str) -> str | None:
    """Return in words what secret a text holds by its shape, wherever it stands; None if it holds none."""
    return next((what for what, _, _ in _shaped(text)), None)


def is_secret(name: str, value: str) -> bool:
    """Return whether `value` is a secret, given the name of the variable, option, header or parameter."""
    if is_harmless(value) or not is_secret_name(name):
        return False
    return not is_address_name(name) or not _is_open_address(value)


def secret_arguments(arguments: Sequence[str]) -> Iterator[tuple[int, str]]:
    """Yield (index, what it is) of the arguments of a command line that hold a secret."""
    to_programs = frozenset(_passwords_to_programs(arguments))
    for index, argument in enumerate(arguments):
        found = next(_spans(argument, is_code=_is_code(arguments, index)), None)
        before = arguments[index - 1] if index else ""
        if found is not None:
            yield index, found[0]
        elif index in to_programs:
            yield index, "a password"
        elif _is_option(before) and not argument.startswith("-") and is_secret(before, argument):
            yield index, f"the value of {before}"


def masked(text: str) -> str:
    """Return a text for people with `…` in place of what looks like a secret."""
    return _without(text, _spans(text))


def masked_arguments(arguments: Sequence[object]) -> tuple[object, ...]:
    """Return arguments for people, with `…` in place of what looks like a secret."""
    texts = [argument if isinstance(argument, str) else "" for argument in arguments]
    alone = {index for index, _ in secret_arguments(texts)}
    return tuple(
        (masked(one) if masked(one) != one else MASK) if index in alone and isinstance(one, str) else one
        for index, one in enumerate(arguments)
    )


def masked_content(names: Iterable[str], content: bytes) -> bytes:
    """Return a file's content with `…` in place of what looks like a secret.

    All of it is masked when the names, those of file and volume, are a secret's, or when it is nothing but a PIN.
    """
    words = [part for name in names for part in name.split("/")]
    text = content.decode("utf-8", errors="surrogateescape")
    is_pin = re.fullmatch(r"\s*\d{4,12}\s*", text) is not None
    if is_pin or any(is_secret_file(word) for word in words):
        return MASK.encode() if text.strip() else content
    return _without(text, (*_spans(text), *_lines(text))).encode("utf-8", errors="surrogateescape")


def is_secret_file(name: str) -> bool:
    """Return whether a file of this name is commonly a secret: `db-password`, `tls.key`, `.pgpass`, `id_rsa`."""
    stem, _, ending = name.rpartition(".")
    if ending.lower() in {"key", "p12", "pfx", "jks", "keystore", "pgpass", "netrc", "htpasswd"}:
        return not stem.lower().endswith(("pub", "public"))
    if re.fullmatch(r"id_(rsa|dsa|ecdsa|ed25519)", name):
        return True
    return ending.lower() not in {"conf", "cfg", "ini", "yml", "yaml", "toml", "xml"} and is_secret_name(
        stem or name
    )


def _shaped(text: str) -> Iterator[tuple[str, int, int]]:
    for what, pattern in _PATTERNS:
        for found in pattern.finditer(text):
            if not is_harmless(found["secret"]):
                yield what, *found.span("secret")
    for found in _ENCODED.finditer(text):
        if "PRIVATE KEY" in _decoded(found[0]):
            yield "a private key", *found.span()


def _spans(text: str, *, is_code: bool = False) -> Iterator[tuple[str, int, int]]:
    """Yield (what it is, start, end) of the secrets in a text of names and values, such as an argument."""
    yield from _shaped(text)
    for pattern in (_PAIR, _OPTION, _HEADER):
        yield from _named(pattern, text, is_code=is_code)


def _is_code(arguments: Sequence[str], index: int) -> bool:
    """Return whether an argument is a program in a language that has its literals in quotes."""
    is_inline = index > 0 and arguments[index - 1] in {"-c", "-e", "-r", "--eval"}
    is_interpreted = any(_INTERPRETER.fullmatch(one) for one in arguments[:index])
    return (is_inline and is_interpreted) or _CODE.search(arguments[index]) is not None


def _passwords_to_programs(arguments: Sequence[str]) -> Iterator[int]:
    text, starts = " ".join(arguments), [0, *accumulate(len(one) + 1 for one in arguments)]
    for pattern in _PROGRAMS:
        for found in pattern.finditer(text):
            if not is_harmless(found["secret"]):
                yield bisect_right(starts, found.start("secret")) - 1


def _lines(text: str) -> Iterator[tuple[str, int, int]]:
    return _named(_LINE, text)


def _named(pattern: re.Pattern[str], text: str, *, is_code: bool = False) -> Iterator[tuple[str, int, int]]:
    for found in pattern.finditer(text):
        group = next(
            group for group in ("double", "single", "bare", "rest") if found.groupdict().get(group) is not None
        )
        first = re.split(r"[&;,]", found[group])[0].rstrip(")]}:")
        if not (is_code and group == "bare") and is_secret(found["name"], first):
            yield f"the value of {found['name']}", *found.span(group)


def _without(text: str, spans: Iterable[tuple[str, int, int]]) -> str:
    kept, end = [], 0
    for _, start, stop in sorted(spans, key=lambda span: span[1:]):
        if stop > end:
            kept += [text[end : max(start, end)], MASK] if start >= end else []
            end = stop
    return "".join((*kept, text[end:]))


def _is_option(argument: str) -> bool:
    return re.fullmatch(r"--?[A-Za-z][\w.-]*", argument) is not None


def _is_open_address(value: str) -> bool:
    """Return whether an address or connection string holds no password."""
    if next(_spans(value), None) is not None or re.match(r"https?://[^/]*@", value):
        return False
    return re.search(r"://|=|:\d+(/|$)|^\w+:\w", value) is not None


def _decoded(text: str) -> str:
    try:
        return base64.b64decode(text.rstrip("=")[: len(text.rstrip("=")) // 4 * 4]).decode("latin-1")
    except ValueError:
        return ""
