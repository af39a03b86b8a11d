"""The images of others that presets run and that our own images are built on: one table, and when it was looked at.

Whoever looks at it again moves each row to a version that its project supports, and `LOOKED_AT` to the day.  The
`source` of a row says where its facts are from; what no source confirms is None, or says UNCONFIRMED.
"""

from __future__ import annotations

from datetime import date

from attrs import field, frozen

LOOKED_AT = date(2026, 11, 30)
LOOK_AGAIN_AFTER_DAYS = 90


@frozen
class ThirdPartyImage:
    """An image that others publish.

    Attributes:
        repository: with its registry.
        tag: of the version that was looked at.
        licence: of the program, not of everything beside it in the image: an SPDX expression; `LicenseRef-` where
            SPDX has no name for it.  Source: the LICENSE file of its project.
        released: day of the version's release.
        supported_until: last day on which its project mends security faults of this line of versions.
        source: of these facts.
        note: on what the next version changes.
    """

    repository: str
    tag: str
    licence: str = field(kw_only=True)
    released: date | None = field(kw_only=True, default=None)
    supported_until: date | None = field(kw_only=True, default=None)
    source: str = field(kw_only=True)
    note: str = field(kw_only=True, default="")

    @property
    def url(self) -> str:
        """Repository and tag, as specs and Dockerfiles name the image."""
        return f"{self.repository}:{self.tag}"


ALERTMANAGER = ThirdPartyImage(
    "quay.io/prometheus/alertmanager",
    "v0.34.0",
    licence="Apache-2.0",
    source=(
        "github.com/prometheus/alertmanager; the version as others pin it (github.com/tianon/dockerfiles, pull "
        "request 1365); the day, and that the tag is published, UNCONFIRMED"
    ),
)
BLACKBOX_EXPORTER = ThirdPartyImage(
    "quay.io/prometheus/blackbox-exporter",
    "v0.28.0",
    licence="Apache-2.0",
    source="github.com/prometheus/blackbox_exporter at v0.28.0; released in December 2025, the day UNCONFIRMED",
)
CADVISOR = ThirdPartyImage(
    "ghcr.io/google/cadvisor",
    "v0.60.5",
    licence="Apache-2.0",
    source="github.com/google/cadvisor at v0.60.5: since v0.53 images are published at ghcr.io; day UNCONFIRMED",
)
DEBIAN = ThirdPartyImage(
    "docker.io/library/debian",
    "13.7-slim",
    licence="LicenseRef-DFSG",  # each package has its own, all free by the Debian Free Software Guidelines
    supported_until=date(2028, 8, 9),
    source="Debian releases, trixie: three years of regular support; the tag as others pin it; day UNCONFIRMED",
)
GRAFANA = ThirdPartyImage(
    "docker.io/grafana/grafana",
    "12.4.12",
    licence="AGPL-3.0-only",
    source=(
        "Grafana documentation, 'Upgrade strategies': the last minor version of a major one is supported for 15 "
        "months, which for 12.4 end in 2027; the tag as others pin it; days UNCONFIRMED"
    ),
)
MANAGEMENT_AGENT = ThirdPartyImage(
    "container-registry.oracle.com/oci_observability_management/oci-management-agent",
    "1.13.0",
    licence="LicenseRef-Oracle",  # the terms that one accepts at its registry
    released=date(2026, 5, 8),
    source="github.com/oracle-quickstart/oci-kubernetes-monitoring, history of the chart",
)
MYSQLD_EXPORTER = ThirdPartyImage(
    "quay.io/prometheus/mysqld-exporter",
    "v0.20.0",
    licence="Apache-2.0",
    released=date(2026, 8, 12),
    source="github.com/prometheus/mysqld_exporter/releases",
    note="expands $NAME in an option file (issue 1004); pull request 1005 changes that after 0.20",
)
NGINX = ThirdPartyImage(
    "docker.io/library/nginx",
    "1.30.7-alpine",
    licence="BSD-2-Clause",
    released=date(2026, 11, 18),
    source=(
        "nginx.org security advisories: 1.30.7 mends CVE-2026-123007 and nine others; "
        "that the tag is published is UNCONFIRMED"
    ),
)
NGINX_EXPORTER = ThirdPartyImage(
    "docker.io/nginx/nginx-prometheus-exporter",
    "1.5.3",
    licence="Apache-2.0",
    source="github.com/nginx/nginx-prometheus-exporter at 1.5.3 (1.5.2 was retracted); day UNCONFIRMED",
)
NODE_EXPORTER = ThirdPartyImage(
    "quay.io/prometheus/node-exporter",
    "v1.12.1",
    licence="Apache-2.0",
    released=date(2026, 7, 14),
    source="github.com/prometheus/node_exporter/releases",
)
OTEL_COLLECTOR = ThirdPartyImage(
    "docker.io/otel/opentelemetry-collector-contrib",
    "0.165.0",
    licence="Apache-2.0",
    source=(
        "the Go modules of github.com/open-telemetry/opentelemetry-collector-contrib, which have this version; "
        "the day, and that the tag is published, UNCONFIRMED; no test runs it"
    ),
    note="every version before 1.0 may rename keys of the configuration",
)
POSTGRES_EXPORTER = ThirdPartyImage(
    "quay.io/prometheuscommunity/postgres-exporter",
    "v0.20.1",
    licence="Apache-2.0",
    source="github.com/prometheus-community/postgres_exporter/releases: 0.20.0 is of 2026-06-29; day UNCONFIRMED",
    note=(
        "0.20 renamed pg_replication_slot_* to pg_replication_slots_*; 0.21.0 (2026-11-17) warns about the "
        "variables DATA_SOURCE_URI and DATA_SOURCE_PASS_FILE, replaced by --datasource.uri and .pass-file in 0.22"
    ),
)
PROCESS_EXPORTER = ThirdPartyImage(
    "docker.io/ncabatoff/process-exporter",
    "0.8.7",
    licence="MIT",
    source=(
        "github.com/ncabatoff/process-exporter/releases: images have a tag with their version again since 0.8.7 "
        "(issue 339); that it has no `v`, and the day, UNCONFIRMED"
    ),
)
PROMETHEUS = ThirdPartyImage(
    "quay.io/prometheus/prometheus",
    "v3.13.4",
    licence="Apache-2.0",
    released=date(2026, 9, 29),
    supported_until=date(2027, 7, 31),
    source=(
        "github.com/prometheus/prometheus/releases; 3.13 has long-term support until July 2027 "
        "(gitlab.com/gitlab-org/omnibus-gitlab, merge request 9666)"
    ),
    note="other minor versions get no security fixes once the next one is out, after six weeks",
)
REDIS = ThirdPartyImage(
    "docker.io/library/redis",
    "8.0.6-alpine",
    licence="LicenseRef-RSALv2 OR SSPL-1.0 OR AGPL-3.0-only",
    source="Debian's redis 8.0.6; the tag as others pin it; day and end of support UNCONFIRMED",
)
REDIS_EXPORTER = ThirdPartyImage(
    "quay.io/oliver006/redis_exporter",
    "v1.88.0",
    licence="MIT",
    released=date(2026, 7, 23),
    source="github.com/oliver006/redis_exporter, tags",
)
STATSD_EXPORTER = ThirdPartyImage(
    "quay.io/prometheus/statsd-exporter",
    "v0.30.0",
    licence="Apache-2.0",
    source=(
        "github.com/prometheus/statsd_exporter, pull request 704 of 2026-05-28 prepares it; the day, and that the "
        "tag is published, UNCONFIRMED; no test runs it"
    ),
)

THIRD_PARTY_IMAGES = (
    ALERTMANAGER,
    BLACKBOX_EXPORTER,
    CADVISOR,
    DEBIAN,
    GRAFANA,
    MANAGEMENT_AGENT,
    MYSQLD_EXPORTER,
    NGINX,
    NGINX_EXPORTER,
    NODE_EXPORTER,
    OTEL_COLLECTOR,
    POSTGRES_EXPORTER,
    PROCESS_EXPORTER,
    PROMETHEUS,
    REDIS,
    REDIS_EXPORTER,
    STATSD_EXPORTER,
)


def reasons_to_look_again(today: date) -> list[str]:
    """Return why the table has to be looked at: its age, and versions whose support has ended."""
    found = []
    age_days = (today - LOOKED_AT).days
    if age_days > LOOK_AGAIN_AFTER_DAYS:
        found.append(f"the table of third-party images was last looked at {age_days} days ago, on {LOOKED_AT}")
    found += [
        f"{image.url} is supported until {image.supported_until} only"
        for image in THIRD_PARTY_IMAGES
        if image.supported_until is not None and image.supported_until < today
    ]
    return found
