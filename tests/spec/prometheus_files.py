"""Configurations of Prometheus 3.5 that it takes, and that it refuses with what is said about each."""

from __future__ import annotations

JOB = "scrape_configs:\n- job_name: app\n  static_configs: [{targets: ['127.0.0.1:80']}]\n"
RELABEL = "scrape_configs:\n- job_name: app\n  relabel_configs:\n  - {{{}}}\n"

GOOD: dict[str, str] = {
    "empty": "",
    "comment": "# nothing yet\n",
    "job": JOB,
    "global": "global: {scrape_interval: 1m30s, scrape_timeout: 0, external_labels: {a: b}}\n" + JOB,
    "long-timeout": "global: {scrape_interval: 2m}\nscrape_configs:\n- {job_name: a, scrape_timeout: 90s}\n",
    "own-interval": "scrape_configs:\n- {job_name: a, scrape_interval: 1h, scrape_timeout: 30m}\n",
    "discovery": "scrape_configs:\n- job_name: a\n  dns_sd_configs: [{names: [x], refresh_interval: 5s}]\n"
    "  kubernetes_sd_configs: [{role: pod}]\n",
    "files": "scrape_configs:\n- job_name: a\n  file_sd_configs: [{files: ['/targets/*.json']}]\n",
    "fallback": "scrape_configs:\n- {job_name: a, fallback_scrape_protocol: PrometheusText0.0.4}\n",
    "credentials": "scrape_configs:\n- job_name: a\n  basic_auth: {username: u, password_file: /p}\n",
    "url-by-relabelling": RELABEL.format("target_label: __address__, replacement: 'a:80'")
    + "  static_configs: [{targets: ['http://a/b']}]\n",
    "remote-write": "remote_write:\n- {url: 'http://a/w', name: a, remote_timeout: 30s}\n- {url: 'http://b/w'}\n",
    "named-groups": RELABEL.format("regex: '(?P<host>[^:]+):(\\d+)', target_label: x"),
    "quoted-regex": RELABEL.format("regex: '\\Q(a\\E|(?i:b)|[[:alpha:]]|[])]{2,3}?', target_label: x"),
    "labeldrop": RELABEL.format("action: labeldrop, regex: 'a|b'"),
    "flag-in-the-middle": RELABEL.format("regex: 'a(?i)b\\pL\\z', target_label: x"),
    "upper-case-action": RELABEL.format("action: KEEP, source_labels: [a], regex: b"),
    "anchors": "scrape_configs:\n- &a {job_name: a}\n- {<<: *a, job_name: b}\n",
    "rules": "rule_files: ['/etc/rules/*.yml']\n" + JOB,
    "literal-braces": RELABEL.format("regex: 'a{,2}b{x}', target_label: x"),
}
BAD: dict[str, tuple[str, str]] = {
    "no-mapping": ("- job_name: a\n", "must be a mapping with keys such as scrape_configs, got a list"),
    "malformed": ("scrape_configs: [\n", "line 2, column 1: "),
    "twice": (JOB + JOB, "line 4, column 1: "),
    "key": (
        "scrape_config: []\n",
        "line 1, column 1: scrape_config: is no key of Prometheus, did you mean 'scrape_co",
    ),
    "global-key": ("global:\n  scrape_intervall: 5s\n", "line 2, column 3: global.scrape_intervall: is no key"),
    "job-key": ("scrape_configs:\n- job_name: a\n  scrape_timout: 5s\n", "did you mean 'scrape_timeout'?"),
    "retention": ("storage: {tsdb: {retention: {time: 1d}}}\n", "is refused by this version: use the flags"),
    "no-unit": (
        "global: {scrape_interval: 15}\n",
        "global.scrape_interval: 15 is no duration: write it with units",
    ),
    "wrong-unit": ("global: {evaluation_interval: 15sec}\n", "'15sec' is no duration"),
    "wrong-order": ("global: {scrape_interval: 30s1m}\n", "'30s1m' is no duration"),
    "long-timeout": (
        "scrape_configs:\n- {job_name: a, scrape_timeout: 2m}\n",
        "longer than the scrape_interval, 60 s",
    ),
    "no-name": ("scrape_configs:\n- {metrics_path: /m}\n", "line 2, column 3: scrape_configs[0]: needs a job_name"),
    "same-name": (
        "scrape_configs:\n- job_name: a\n- job_name: a\n",
        "line 3, column 3: scrape_configs[1].job_name: 'a' is the name of another scrape job too",
    ),
    "no-list": ("scrape_configs: {job_name: a}\n", "scrape_configs: must be a list, got a mapping"),
    "no-job": ("scrape_configs: [a]\n", "scrape_configs[0]: must be a mapping, got a text"),
    "target": (
        "scrape_configs:\n- job_name: a\n  static_configs:\n  - targets: ['http://a:80/m']\n",
        "line 4, column 15: scrape_configs[0].static_configs[0].targets[0]: 'http://a:80/m' must be host:port",
    ),
    "targets": (
        "scrape_configs:\n- job_name: a\n  static_configs: [{targets: 'a:80'}]\n",
        "must be a list of host:port",
    ),
    "protocol": (
        "scrape_configs:\n- {job_name: a, fallback_scrape_protocol: Text}\n",
        "is no protocol of Prometheus",
    ),
    "refresh": (
        "scrape_configs:\n- job_name: a\n  dns_sd_configs: [{names: [x], refresh_interval: soon}]\n",
        "'soon' is no",
    ),
    "lookahead": (RELABEL.format("regex: '(?!a)b', target_label: x"), "it looks neither ahead nor back"),
    "reference": (RELABEL.format("regex: '(a)\\1', target_label: x"), "has \\1, which RE2 does not know"),
    "parenthesis": (RELABEL.format("regex: '(a', target_label: x"), "has a ( without a )"),
    "closing": (RELABEL.format("regex: 'a)', target_label: x"), "has a ) without a ("),
    "class": (RELABEL.format("regex: '[a', target_label: x"), "has a [ without a ]"),
    "star": (RELABEL.format("regex: 'x|*.json', target_label: x"), "there is nothing before *"),
    "possessive": (RELABEL.format("regex: 'a++', target_label: x"), "repeats a repetition"),
    "count": (RELABEL.format("regex: 'a{2000}', target_label: x"), "repeats wrongly: {2000}"),
    "flag": (RELABEL.format("regex: '(?x)a', target_label: x"), "has the flags of (?x)"),
    "escape": (RELABEL.format("regex: 'a\\Z', target_label: x"), "has \\Z, which RE2 does not know"),
    "action": (RELABEL.format("action: kepp, regex: a"), "'kepp' is no relabel action, did you mean 'keep'?"),
    "no-target-label": (RELABEL.format("regex: a"), "the action replace needs a target_label"),
    "no-modulus": (RELABEL.format("action: hashmod, target_label: a"), "needs a modulus"),
    "labeldrop-with-source": (
        RELABEL.format("action: labeldrop, source_labels: [a], regex: a"),
        "the action labeldrop does not take source_labels",
    ),
    "no-url": ("remote_write: [{name: a}]\n", "remote_write[0]: needs a url"),
    "same-remote": (
        "remote_write: [{url: 'http://a', name: a}, {url: 'http://b', name: a}]\n",
        "another entry of rem",
    ),
    "rule-path": ("rule_files: ['/etc/*/a.yml']\n", "must be a path with `*` in its last part only"),
    "labels": ("global: {external_labels: [a]}\n", "must be a mapping of label names, got a list"),
}

RULE = "groups:\n- name: a\n  rules:\n  - {{{}}}\n"
GOOD_RULES: dict[str, str] = {
    "empty": "",
    "record": RULE.format("record: 'a:b', expr: sum(up), labels: {c: d}"),
    "number": RULE.format("record: a, expr: 0"),
    "alert": RULE.format(
        "alert: A b, expr: up == 0, for: 5m, keep_firing_for: 1m, annotations: {s: '{{ $value }}'}"
    ),
    "times": "groups: [{name: a, interval: 30s, query_offset: 1m, limit: 3, rules: []}, {name: b}]\n",
}
BAD_RULES: dict[str, tuple[str, str]] = {
    "no-mapping": ("- a\n", "must be a mapping with the key groups, got a list"),
    "key": ("group: []\n", "line 1, column 1: group: is no key of Prometheus, did you mean 'groups'?"),
    "no-name": ("groups: [{rules: []}]\n", "groups[0]: needs a name"),
    "same-name": ("groups: [{name: a}, {name: a}]\n", "'a' is the name of another group too"),
    "interval": ("groups: [{name: a, interval: 5}]\n", "5 is no duration"),
    "neither": (RULE.format("expr: up"), "line 4, column 5: groups[0].rules[0]: needs either record or alert"),
    "both": (RULE.format("record: a, alert: b, expr: up"), "needs either record or alert"),
    "no-expr": (RULE.format("record: a"), "needs an expr"),
    "rule-key": (RULE.format("alert: a, expr: up, fro: 5m"), "did you mean 'for'?"),
    "for": (RULE.format("alert: a, expr: up, for: 5 minutes"), "'5 minutes' is no duration"),
    "for-of-record": (RULE.format("record: a, expr: up, for: 5m"), "for: is of rules with alert"),
    "name": (RULE.format("record: 'a b{', expr: up"), "'a b{' is no name of a metric"),
    "labels": (RULE.format("alert: a, expr: up, labels: [a]"), "must be a mapping of label names"),
}
