"""Validation of a user's own `prometheus.yml`, as far as Prometheus 3 certainly refuses it.  Pure.

Keys below the top level are judged only where the version is known that reads them: another may know more.

Source: github.com/prometheus/prometheus at v3.14.0, config/config.go, model/relabel/relabel.go, cmd/promtool;
github.com/prometheus/common, model/time.go and config/http_config.go.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, TypeAlias

from attrs import frozen

from ocisidecar.spec.suggestions import did_you_mean
from ocisidecar.spec.validate.re2 import re2_problem

Steps: TypeAlias = tuple[str, ...]
"""Keys and indices, one below the other."""
Fault: TypeAlias = tuple[Steps, str]
Section: TypeAlias = Mapping[str, Any]


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_LIMITS: Final = _words(
    "body_size_limit sample_limit target_limit label_limit label_name_length_limit label_value_length_limit "
    "keep_dropped_targets"
)
_SCRAPING: Final = _LIMITS | _words(
    "scrape_interval scrape_timeout scrape_protocols scrape_failure_log_file metric_name_validation_scheme "
    "metric_name_escaping_scheme scrape_native_histograms convert_classic_histograms_to_nhcb "
    "always_scrape_classic_histograms extra_scrape_metrics"
)
_HTTP: Final = _words(
    "basic_auth authorization oauth2 bearer_token bearer_token_file tls_config follow_redirects enable_http2 "
    "proxy_url no_proxy proxy_from_environment proxy_connect_header http_headers"
)
_TOP: Final = _words(
    "global runtime alerting rule_files scrape_config_files scrape_configs storage tracing remote_write "
    "remote_read otlp"
)
_GLOBAL: Final = _SCRAPING | _words("evaluation_interval rule_query_offset query_log_file external_labels")
_JOB: Final = (
    _SCRAPING
    | _HTTP
    | _words(
        "job_name honor_labels honor_timestamps track_timestamps_staleness params fallback_scrape_protocol "
        "metrics_path scheme enable_compression native_histogram_bucket_limit native_histogram_min_bucket_factor "
        "static_configs relabel_configs metric_relabel_configs"
    )
)
_STATIC: Final = _words("targets labels")
_RELABEL: Final = _words("source_labels separator regex modulus target_label replacement action")
_ACTIONS: Final = _words(
    "replace keep drop hashmod labelmap labeldrop labelkeep lowercase uppercase keepequal dropequal"
)
_WITH_TARGET: Final = _words("replace hashmod lowercase uppercase keepequal dropequal")
_PROTOCOLS: Final = _words(
    "PrometheusProto PrometheusText0.0.4 PrometheusText1.0.0 OpenMetricsText0.0.1 OpenMetricsText1.0.0"
)
_GROUP: Final = _words("name interval query_offset limit labels rules")
_RULE: Final = _words("record alert expr for keep_firing_for labels annotations")
_OF_ALERTS: Final = ("for", "keep_firing_for", "annotations")
_METRIC: Final = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*", re.ASCII)
_DISCOVERY: Final = "_sd_configs"
_DURATION: Final = re.compile(
    r"(?=.)" + "".join(rf"(?:(\d{{1,18}}){unit})?" for unit in ("y", "w", "d", "h", "m", "s", "ms")), re.ASCII
)
_SECONDS: Final = (365 * 86400, 7 * 86400, 86400, 3600, 60, 1, 0.001)
_SIZE: Final = re.compile(r"\d+(?:\.\d+)?(?:[KMGTPE]?i?B)", re.ASCII)
_LABEL: Final = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*", re.ASCII)
_RULE_FILES: Final = re.compile(r"[^*]*(\*[^/]*)?")
_DEFAULT_INTERVAL: Final = 60.0
_LONGEST_SHOWN: Final = 40
_DURATIONS: Final = _words("scrape_interval scrape_timeout evaluation_interval rule_query_offset")
_TIMES: Final = _words("refresh_interval remote_timeout")


@frozen
class Version:
    """What is known of the Prometheus that reads the file.

    Attributes:
        is_known: whether it is the one whose keys this module knows.
        minor: of version 3; None if it is not known.
    """

    is_known: bool
    minor: int | None = None

    @property
    def has_retention(self) -> bool:
        """Whether the file may set the retention; 3.5 refuses it."""
        return self.minor is None or self.minor > 5  # noqa: PLR2004 - a version


def config_faults(document: Any, version: Version) -> Iterator[Fault]:
    """Yield what Prometheus refuses in a parsed configuration; an empty one is valid."""
    if document is None:
        return
    if not isinstance(document, Mapping):
        yield (), f"must be a mapping with keys such as scrape_configs, got {_kind(document)}"
        return
    yield from _unknown(document, _TOP, (), is_certain=True)
    overall = document.get("global") or {}
    if isinstance(overall, Mapping):
        yield from _global(overall, version)
    else:
        yield ("global",), f"must be a mapping, got {_kind(overall)}"
    interval = _seconds(overall.get("scrape_interval")) if isinstance(overall, Mapping) else None
    jobs = list(_sections(document, "scrape_configs"))
    yield from _lists(document, (), "scrape_configs", "remote_write", "remote_read", "rule_files")
    for steps, job in jobs:
        yield from _job(job, steps, interval or _DEFAULT_INTERVAL, version)
    yield from _repeated([(steps, job.get("job_name")) for steps, job in jobs], "job_name", "scrape job")
    for key in ("remote_write", "remote_read"):
        yield from _remotes(document, key, version)
    yield from _rules(document)
    yield from _retention(document, version)
    yield from _deep(document, ())


def _global(overall: Section, version: Version) -> Iterator[Fault]:
    yield from _unknown(overall, _GLOBAL, ("global",), is_certain=version.is_known)
    yield from _timing(overall, ("global",), _DEFAULT_INTERVAL)
    yield from _labels(overall.get("external_labels"), ("global", "external_labels"))


def _job(job: Section, steps: Steps, interval: float, version: Version) -> Iterator[Fault]:
    named = {key: value for key, value in job.items() if not str(key).endswith(_DISCOVERY)}
    yield from _unknown(named, _JOB, steps, is_certain=version.is_known)
    if not job.get("job_name"):
        yield steps, "needs a job_name"
    yield from _timing(job, steps, interval)
    protocol = job.get("fallback_scrape_protocol")
    if protocol is not None and str(protocol) not in _PROTOCOLS:
        guess = did_you_mean(str(protocol), _PROTOCOLS)
        yield (*steps, "fallback_scrape_protocol"), f"{_shown(protocol)} is no protocol of Prometheus{guess}"
    yield from _lists(job, steps, "static_configs", "relabel_configs", "metric_relabel_configs")
    for key in ("relabel_configs", "metric_relabel_configs"):
        for below, rule in _sections(job, key):
            yield from _relabel(rule, (*steps, *below), version)
    for below, group in _sections(job, "static_configs"):
        yield from _static(group, (*steps, *below), is_relabelled=bool(job.get("relabel_configs")), version=version)


def _static(group: Section, steps: Steps, *, is_relabelled: bool, version: Version) -> Iterator[Fault]:
    yield from _unknown(group, _STATIC, steps, is_certain=version.is_known)
    yield from _labels(group.get("labels"), (*steps, "labels"))
    targets = group.get("targets")
    if targets is not None and not isinstance(targets, list):
        yield (*steps, "targets"), f"must be a list of host:port, got {_kind(targets)}"
    for index, target in enumerate(targets if isinstance(targets, list) else ()):
        if isinstance(target, str) and "/" in target and not is_relabelled:
            yield (
                (*steps, "targets", str(index)),
                f"{_shown(target)} must be host:port: give scheme and metrics_path to the job",
            )


def _relabel(rule: Section, steps: Steps, version: Version) -> Iterator[Fault]:
    yield from _unknown(rule, _RELABEL, steps, is_certain=version.is_known)
    action = str(rule.get("action", "replace")).lower()
    if action not in _ACTIONS:
        yield (*steps, "action"), f"{_shown(action)} is no relabel action{did_you_mean(action, _ACTIONS)}"
    elif action in _WITH_TARGET and not rule.get("target_label"):
        yield steps, f"the action {action} needs a target_label"
    if action == "hashmod" and not rule.get("modulus"):
        yield steps, "the action hashmod needs a modulus"
    forbidden = _forbidden(action) & rule.keys()
    if forbidden:
        yield steps, f"the action {action} does not take {', '.join(sorted(forbidden))}"
    regex = rule.get("regex")
    if regex is not None and (problem := re2_problem(str(regex))):
        yield (*steps, "regex"), f"is no regular expression of Prometheus: it {problem}"


def relabel_faults(rule: Section) -> Iterator[Fault]:
    """Yield what the known version refuses in one relabelling rule."""
    yield from _relabel(rule, (), Version(is_known=True))


def _forbidden(action: str) -> frozenset[str]:
    if action in {"labeldrop", "labelkeep"}:
        return _RELABEL - {"regex", "action", "separator", "replacement"}
    return frozenset({"modulus"}) if action in {"keepequal", "dropequal"} else frozenset()


def _remotes(document: Section, key: str, version: Version) -> Iterator[Fault]:
    found = list(_sections(document, key))
    for steps, remote in found:
        if not remote.get("url"):
            yield steps, "needs a url"
        for below, rule in _sections(remote, "write_relabel_configs"):
            yield from _relabel(rule, (*steps, *below), version)
    yield from _repeated([(steps, one.get("name")) for steps, one in found], "name", f"entry of {key}")


def _rules(document: Section) -> Iterator[Fault]:
    for key in ("rule_files", "scrape_config_files"):
        files = document.get(key)
        for index, file in enumerate(files if isinstance(files, list) else ()):
            if not isinstance(file, str) or not _RULE_FILES.fullmatch(file):
                yield (key, str(index)), f"{_shown(file)} must be a path with `*` in its last part only"


def rule_file_faults(document: Any, version: Version) -> Iterator[Fault]:
    """Yield what Prometheus refuses in a parsed file with rules, expressions apart; an empty one is valid.

    Source: github.com/prometheus/prometheus, model/rulefmt/rulefmt.go.
    """
    if document is None:
        return
    if not isinstance(document, Mapping):
        yield (), f"must be a mapping with the key groups, got {_kind(document)}"
        return
    yield from _unknown(document, frozenset({"groups"}), (), is_certain=version.is_known)
    yield from _lists(document, (), "groups")
    groups = list(_sections(document, "groups"))
    yield from _repeated([(steps, group.get("name")) for steps, group in groups], "name", "group")
    for steps, group in groups:
        yield from _unknown(group, _GROUP, steps, is_certain=version.is_known)
        if not group.get("name"):
            yield steps, "needs a name"
        yield from _times(group, steps, "interval", "query_offset")
        yield from _lists(group, steps, "rules")
        for below, rule in _sections(group, "rules"):
            yield from _rule(rule, (*steps, *below), version)


def _rule(rule: Section, steps: Steps, version: Version) -> Iterator[Fault]:
    yield from _unknown(rule, _RULE, steps, is_certain=version.is_known)
    record, alert = rule.get("record"), rule.get("alert")
    if bool(record) is bool(alert):
        yield steps, "needs either record or alert"
    elif record:
        if not _METRIC.fullmatch(str(record)):
            yield (*steps, "record"), f"{_shown(record)} is no name of a metric"
        for key in _OF_ALERTS:
            if rule.get(key):
                yield (*steps, key), "is of rules with alert"
    if not str(rule.get("expr") or "").strip() and rule.get("expr") != 0:
        yield steps, "needs an expr"
    yield from _times(rule, steps, "for", "keep_firing_for")
    for key in ("labels", "annotations"):
        yield from _labels(rule.get(key), (*steps, key))


def _times(section: Section, steps: Steps, *keys: str) -> Iterator[Fault]:
    for key in keys:
        if section.get(key) is not None and _seconds(section[key]) is None:
            yield (*steps, key), _no_duration(section[key])


def _retention(document: Section, version: Version) -> Iterator[Fault]:
    steps: Steps = ("storage", "tsdb", "retention")
    section: Any = document
    for step in steps:
        section = section.get(step) if isinstance(section, Mapping) else None
    if not isinstance(section, Mapping):
        return
    if not version.has_retention:
        yield steps, "is refused by this version: use the flags --storage.tsdb.retention.time and .size"
    elif "time" in section and _seconds(section["time"]) is None:
        yield (*steps, "time"), _no_duration(section["time"])
    size = section.get("size")
    if size is not None and not (size == 0 or _SIZE.fullmatch(str(size))):
        yield (*steps, "size"), f"{_shown(size)} must be a number with a unit: B, KB, MB, GB, TB, PB or EB"


def _timing(section: Section, steps: Steps, interval: float) -> Iterator[Fault]:
    seconds = {}
    for key in sorted(_DURATIONS & section.keys()):
        value = section[key]
        seconds[key] = _seconds(value)
        if seconds[key] is None and value is not None:
            yield (*steps, key), _no_duration(value)
    timeout, own = seconds.get("scrape_timeout"), seconds.get("scrape_interval") or interval
    if timeout is not None and timeout > own:
        yield (*steps, "scrape_timeout"), f"is longer than the scrape_interval, {own:g} s"


def _deep(value: Any, steps: Steps) -> Iterator[Fault]:
    """Yield wrong durations of what may be anywhere, such as a discovery's refresh_interval."""
    items: list[tuple[str, Any]] = []
    if isinstance(value, Mapping):
        items = [(str(key), one) for key, one in value.items()]
    elif isinstance(value, list):
        items = [(str(index), one) for index, one in enumerate(value)]
    for key, one in items:
        if key in _TIMES and one is not None and _seconds(one) is None:
            yield (*steps, key), _no_duration(one)
        yield from _deep(one, (*steps, key))


def _labels(labels: Any, steps: Steps) -> Iterator[Fault]:
    if labels is not None and not isinstance(labels, Mapping):
        yield steps, f"must be a mapping of label names, got {_kind(labels)}"
    for name, value in labels.items() if isinstance(labels, Mapping) else ():
        if isinstance(value, Mapping | list):
            yield (*steps, str(name)), f"must be a text, got {_kind(value)}"


def _lists(section: Section, steps: Steps, *keys: str) -> Iterator[Fault]:
    for key in keys:
        value = section.get(key)
        if value is not None and not isinstance(value, list):
            yield (*steps, key), f"must be a list, got {_kind(value)}"
        for index, entry in enumerate(value if isinstance(value, list) and key != "rule_files" else ()):
            if not isinstance(entry, Mapping):
                yield (*steps, key, str(index)), f"must be a mapping, got {_kind(entry)}"


def _sections(section: Section, key: str) -> Iterator[tuple[Steps, Section]]:
    value = section.get(key)
    for index, entry in enumerate(value if isinstance(value, list) else ()):
        if isinstance(entry, Mapping):
            yield (key, str(index)), entry


def _unknown(section: Section, known: frozenset[str], steps: Steps, *, is_certain: bool) -> Iterator[Fault]:
    for key in section if is_certain else ():
        if key not in known:
            yield (*steps, str(key)), f"is no key of Prometheus{did_you_mean(str(key), known)}"


def _repeated(names: Sequence[tuple[Steps, Any]], key: str, what: str) -> Iterator[Fault]:
    counts = Counter(str(name) for _, name in names if name)
    seen: set[str] = set()
    for steps, name in names:
        if name and counts[str(name)] > 1 and str(name) in seen:
            yield (*steps, key), f"{_shown(name)} is the name of another {what} too"
        seen.add(str(name))


def _seconds(value: Any) -> float | None:
    """Return a duration in seconds; None if it is none."""
    found = _DURATION.fullmatch(str(value)) if isinstance(value, str | int) else None
    if found is None:
        return 0.0 if str(value) == "0" else None
    return sum(int(number or 0) * unit for number, unit in zip(found.groups(), _SECONDS, strict=True))


def _no_duration(value: Any) -> str:
    return f"{_shown(value)} is no duration: write it with units, as in 15s or 1m30s"


def _kind(value: Any) -> str:
    if value is None:
        return "nothing"
    names = {Mapping: "a mapping", list: "a list", str: "a text", bool: "a boolean"}
    return next((name for kind, name in names.items() if isinstance(value, kind)), "a number")


def _shown(value: Any) -> str:
    text = repr(value) if isinstance(value, str) else str(value)
    return text if len(text) <= _LONGEST_SHOWN else f"{text[:_LONGEST_SHOWN]}…"
