"""What looks like a secret is refused wherever OCI would show it, and masked wherever people would read it."""

from __future__ import annotations

from typing import Any

import pytest
from attrs import evolve

from ocisidecar.spec import (
    AlarmSpec,
    DeploymentSpec,
    HealthCheck,
    InstanceSpec,
    Plain,
    ScrapeTarget,
    SidecarSpec,
)
from ocisidecar.spec.secret_names import is_secret_name
from ocisidecar.spec.secret_texts import is_secret, masked, masked_arguments, masked_content, secret_in
from ocisidecar.spec.validate.spec import validate

WEB = InstanceSpec("web", image_url="nginx:1.27")
SHOP = DeploymentSpec("shop", [WEB])
HUNTER = "hunter2"


def words(text: str) -> list[str]:
    return text.split()


SECRET_NAMES = words("""
    PASSWORD DB_PASSWORD PGPASSWORD DB_PASS MYSQL_PWD DATABASE_URL SENTRY_DSN SLACK_WEBHOOK_URL REDISCLI_AUTH
    ENCRYPTION_KEY SIGNING_KEY SECRET_KEY_BASE CONNECTION_STRING DATA_SOURCE_NAME OPENAI_KEY API_KEY APIKEY apiKey
    AWS_SECRET_ACCESS_KEY TOKEN github_token accessToken GITHUB_TOKEN_2 CLIENT_SECRET SECRET SECRETS SMTP_PASSWD
    KEY_PASSPHRASE SSH_KEY PRIVATE_KEY CREDENTIALS AZURE_CREDENTIAL REDIS_URL MONGO_URI SQLALCHEMY_DATABASE_URI
    AMQP_URL ConnectionStrings__Default AZURE_STORAGE_CONNECTION_STRING RABBITMQ_ERLANG_COOKIE JWT BASIC_AUTH
    DBPASS REQUIREPASS spring.datasource.password requirepass PIN Authorization X-Api-Key X-Auth-Token Cookie
    Proxy-Authorization MASTER_KEY LICENSE_KEY FERNET_KEY STORAGE_ACCOUNT_KEY API_TOKENS DISCORD_WEBHOOK
""")
OTHER_NAMES = words("""
    KEYBOARD AUTHOR PUBLIC_KEY PASSENGER TOKENIZER MONKEY DB_PASSWORD_FILE MAX_TOKENS TOKEN_TTL PWD OLDPWD PATH
    COMPASS BYPASS AUTHORITY AUTH_URL AUTH_ENABLED SECRET_NAME SECRET_ID KEY_ID PASSWORD_MIN_LENGTH SORT_KEY
    CACHE_KEY_PREFIX TURKEY HOTKEY DONKEY PASSIVE PASS_THROUGH TOKENIZERS_PARALLELISM MAX_NEW_TOKENS SSH_PUBLIC_KEY
    COOKIE_DOMAIN AUTHENTICATION_BACKENDS KEYSTONE KEYCLOAK_URL GF_AUTH_ANONYMOUS_ENABLED HOSTNAME URL LOG_LEVEL
    PASSWORD_POLICY NO_PASSWORD SECRETARY CREDENTIALS_FILE GF_SECURITY_ADMIN_PASSWORD__FILE DATA_SOURCE_URI
    COMPASSION TOKEN_URL ALLOW_EMPTY_PASSWORD WEBHOOK_PORT X-Request-Id Accept DATABASE_HOST OAUTH_CLIENT_ID PINNED
""")


@pytest.mark.parametrize("name", SECRET_NAMES)
def test_names_of_secrets(name: str):
    """What programs commonly read secrets from is known by its name."""
    assert is_secret_name(name)
    assert is_secret(name, HUNTER)


@pytest.mark.parametrize("name", OTHER_NAMES)
def test_names_that_only_resemble_those_of_secrets(name: str):
    """A name that only contains the letters of such a word, or describes a secret, is none of a secret."""
    assert not is_secret_name(name)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("TOKEN", ""),
        ("AUTH", "basic"),
        ("REQUIRE_PASSWORD", "yes"),
        ("DB_PASSWORD", "${DB_PASSWORD}"),
        ("DB_PASSWORD", "$(cat /run/secrets/db)"),
        ("DB_PASSWORD", "ocid1.vaultsecret.oc1.fra.a"),
        ("GOOGLE_APPLICATION_CREDENTIALS", "/etc/gcp/key.json"),
        ("SSL_KEY", "/certs/tls.key"),
        ("DATABASE_URL", "sqlite:///var/db.sqlite3"),
        ("DATABASE_URL", "postgres://10.0.0.5:5432/shop?sslmode=require"),
        ("DATABASE_URL", "postgres://app@10.0.0.5/shop"),
        ("REDIS_URL", "redis://127.0.0.1:6379/0"),
        ("CONNECTION_STRING", "Server=db;Database=shop;Integrated Security=true"),
        ("KAFKA_DSN", "broker:9092"),
    ],
)
def test_values_that_are_no_secret_whatever_their_name(name: str, value: str):
    """Modes, paths, references and addresses without a password are no secrets."""
    assert not is_secret(name, value)


SHAPES = [
    "redis://:hunter2@cache:6379",
    "postgresql+psycopg://app:hunter2@db/shop",
    "http://u:p%40ss/w0rd@host/path",
    "http://u:p@ss@host/",
    "amqps://u:hunter2@[fd00::1]:5671/",
    "u:hunter2@db.example:3306",
    "app:hunter2@tcp(10.0.0.5:3306)/shop",
    "https://0123456789abcdef0123456789abcdef@o1.ingest.sentry.io/2",
    "-----BEGIN RSA PRIVATE KEY-----\nMIIE\n-----END RSA PRIVATE KEY-----",
    "-----BEGIN PRIVATE KEY-----\\nMIIE\\n-----END PRIVATE KEY-----",
    "-----BEGIN OPENSSH PRIVATE KEY-----\nb3Bl",
    "LS0tLS1CRUdJTiBSU0EgUFJJVkFURSBLRVktLS0tLQpNSUlFCi0tLS0t",
    "ghp_0123456789abcdefABCDEF0123456789abcd",
    "github_pat_11ABCDEFG0123456789",
    "glpat-0123456789abcdefghij",
    "xoxb-123456789012-abcdefghijkl",
    "AKIAIOSFODNN7EXAMPLE",
    "sk-0123456789abcdefghijkl",
    "sk-proj-0123456789abcdefghij",
    "sk_live_0123456789abcdef",
    "AIzaSyA0123456789abcdefghijklmnopqrstuv",
    "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln",
    "Bearer 0123456789abcdef",
    "Basic dXNlcjpodW50ZXIy",
    "https://hooks.slack.com/services/T00000000/B00000000/XXXXXXXXXXXXXXXX",
    '{"url": "redis://u:hunter2@cache:6379/0"}',
]
NO_SHAPES = [
    "http://host:8080/path@x",
    "http://127.0.0.1:9090",
    "git@github.com:acme/shop.git",
    "mailto:me@example.com",
    "owner:me@example.com",
    "nginx:1.27@sha256:" + "0" * 64,
    "serviceAccount:x@project.iam.gserviceaccount.com",
    "postgres://app:${PGPASSWORD}@db/shop",
    "-----BEGIN CERTIFICATE-----\nMIIE\n-----END CERTIFICATE-----",
    "-----BEGIN PUBLIC KEY-----\nMIIE\n-----END PUBLIC KEY-----",
    "task-0123456789abcdefghijkl",
    "Basic authentication is required",
    "Bearer token",
    "2026-11-30T12:00:00Z",
    "redis://a:6379,redis://b:6379",
    "10.0.0.5:5432/shop?sslmode=disable",
    "http://127.0.0.1:9090/federate?match%5B%5D=%7Bjob%21%3D%22%22%7D",
    "ocid1.vaultsecret.oc1.eu-frankfurt-1.amaaaaaa0123456789",
    "it costs 3 @ 5:00",
]


@pytest.mark.parametrize("text", SHAPES)
def test_secrets_are_known_by_their_shape(text: str):
    """Addresses with a password, private keys and known tokens are secrets wherever they stand."""
    assert secret_in(text)
    assert secret_in(f"a {text} b")
    shown = masked(f"<{text}>")
    assert "…" in shown
    assert not secret_in(shown)
    assert "hunter2" not in shown


@pytest.mark.parametrize("text", NO_SHAPES)
def test_texts_that_only_resemble_secrets(text: str):
    """Ports, image digests, mail addresses, public keys and references are no secrets."""
    assert secret_in(text) is None
    assert masked(text) == text


ARGUMENTS = [
    ["--token=hunter2"],
    ["--password", "hunter2"],
    ["-password=hunter2"],
    ["--db-password='hunter2'"],
    ["-Dspring.datasource.password=hunter2"],
    ["sh", "-c", "PGPASSWORD=hunter2 psql -h db"],
    ["sh", "-c", "app --api-key hunter2 --verbose"],
    ["--requirepass", "hunter2"],
    ["--header=X-Api-Key=hunter2"],
    ["--url", "http://db/?password=hunter2&x=1"],
    ["--redis.addr=redis://:hunter2@cache:6379"],
    ["--config", '{"password": "hunter2"}'],
    ["--dsn", "Server=db;Uid=app;Password=hunter2;"],
    ["--env", "DB_PASS=hunter2"],
    ["--masterauth", "hunter2"],
]


@pytest.mark.parametrize("arguments", ARGUMENTS, ids=" ".join)
@pytest.mark.parametrize("field", ["arguments", "command"])
def test_arguments_with_a_secret_are_refused(arguments: list[str], field: str):
    """A secret in a command line is a problem that names the argument; neither it nor the repr shows the secret."""
    spec = SHOP.with_instance(evolve(WEB, **{field: arguments}))
    problems = [str(problem) for problem in validate(spec)]
    assert problems
    assert all(problem.startswith(f'instances["web"].{field}[') for problem in problems)
    assert HUNTER not in " ".join(problems)
    assert HUNTER not in repr(spec)
    assert HUNTER not in str(masked_arguments(arguments))


@pytest.mark.parametrize(
    "arguments",
    [
        ["--password-file=/run/secrets/db", "--token-file", "/run/secrets/token"],
        ["--no-password", "db"],
        ["sh", "-c", 'app --token "$(cat /run/secrets/token)"'],
        ["sh", "-c", 'app --password "$DB_PASSWORD"'],
        ["--web.listen-address=0.0.0.0:9100", "--nginx.scrape-uri=http://127.0.0.1:80/stub_status"],
        ["--public-key=abc", "--sort-key", "name", "--max-tokens", "4096"],
        ["--password"],
        ["--token", "--verbose"],
        ["--auth=oauth2", "--author=me"],
        ["python3", "-c", "token = self.headers['Authorization']; client(token=os.environ['T'], key=load())"],
    ],
    ids=" ".join,
)
def test_arguments_without_a_secret_pass(arguments: list[str]):
    """Files, references, modes and options that only resemble those of secrets are no problems."""
    assert validate(SHOP.with_instance(evolve(WEB, arguments=arguments))) == ()


@pytest.mark.parametrize(
    ("place", "spec"),
    [
        ('environment_variables["CACHE"]', {"environment_variables": {"CACHE": "redis://:hunter2@cache"}}),
        ('environment_variables["X"]', {"environment_variables": {"X": '{"db": {"password": "hunter2"}}'}}),
        (
            'health_checks[0].headers["Authorization"]',
            {"health_checks": [HealthCheck.http(80, headers={"Authorization": HUNTER})]},
        ),
        (
            'health_checks[0].headers["X-Api-Key"]',
            {"health_checks": [HealthCheck.http(80, headers={"X-Api-Key": HUNTER})]},
        ),
        (
            'health_checks[0].headers["X"]',
            {"health_checks": [HealthCheck.http(80, headers={"X": "Basic dXNlcjpodW50ZXIy"})]},
        ),
        ("health_checks[0].path", {"health_checks": [HealthCheck.http(80, path="/health?token=hunter2")]}),
        ('scrape[0].parameters["token"]', {"scrape": ScrapeTarget(80, parameters={"token": HUNTER})}),
        ('freeform_tags["db"]', {"freeform_tags": {"db": "redis://:hunter2@cache"}}),
        ('freeform_tags["password"]', {"freeform_tags": {"password": HUNTER}}),
        ('defined_tags["ns"]["token"]', {"defined_tags": {"ns": {"token": HUNTER}}}),
    ],
)
def test_secrets_are_refused_wherever_oci_shows_them(place: str, spec: dict[str, Any]):
    """Each place of a container whose content OCI returns refuses a secret, by name and by shape."""
    instance = evolve(WEB, **spec)
    (problem,) = [str(problem) for problem in validate(SHOP.with_instance(instance))]
    assert problem.startswith(f'instances["web"].{place}: looks like a secret')
    assert HUNTER not in problem
    assert HUNTER not in repr(instance)


def test_secrets_are_refused_in_texts_of_the_deployment():
    """Tags of the deployment and the texts of alarms are searched too."""
    alarm = AlarmSpec("a", namespace="n", query="m[1m].mean() > 1", body="ghp_0123456789abcdefABCDEF0123456789abcd")
    spec = evolve(SHOP, alarms=[alarm], freeform_tags={"a": "xoxb-123456789012-abcdefghijkl"})
    paths = [problem.path for problem in validate(spec)]
    assert 'freeform_tags["a"]' in paths
    assert 'alarms["a"].body' in paths


PRESETS = [
    SidecarSpec.redis_exporter(address="redis://:hunter2@cache:6379"),
    SidecarSpec.redis_exporter(address="rediss://u:hunter2@cache:6379"),
    SidecarSpec.mysql_exporter(address="u:hunter2@h:3306"),
    SidecarSpec.nginx_exporter(scrape_uri="http://u:hunter2@h/stub_status"),
    SidecarSpec.postgres_exporter(data_source_uri="u:hunter2@h:5432/shop"),
    SidecarSpec.postgres_exporter(data_source_uri="h:5432/shop?password=hunter2"),
    SidecarSpec.blackbox_exporter(targets=["http://u:hunter2@h/"]),
    SidecarSpec.blackbox_exporter(targets=["http://h/?token=hunter2"]),
    SidecarSpec.prometheus(remote_write=["https://u:hunter2@h/"]),
    SidecarSpec.prometheus(remote_write=["https://h/?api_key=hunter2"]),
    SidecarSpec.management_agent(response_file="x", scrape_url="http://u:hunter2@h/metrics"),
    SidecarSpec.management_agent(data_source="api", scrape_url="http://u:hunter2@h/metrics"),
]


@pytest.mark.parametrize("sidecar", PRESETS, ids=lambda one: one.name)
def test_presets_refuse_addresses_with_a_secret(sidecar: SidecarSpec):
    """No preset takes an address with a password or a token, and nothing shows it."""
    spec = SHOP.with_instance(WEB.with_sidecar(sidecar))
    problems = [str(problem) for problem in validate(spec, accepts_symbolic_images=True)]
    assert problems
    assert HUNTER not in " ".join(problems)
    assert HUNTER not in repr(spec)


def test_what_is_declared_plain_passes():
    """`Plain` is how a value is shown although it looks like a secret."""
    values = {"TOKEN": Plain(HUNTER), "CACHE": Plain("redis://:hunter2@cache")}
    spec = SHOP.with_instance(evolve(WEB, environment_variables=values))
    assert validate(spec) == ()
    assert HUNTER not in repr(spec)


@pytest.mark.parametrize(
    ("names", "content", "expected"),
    [
        (("config", "pin"), "4711", "…"),
        (("config", "value"), "4711\n", "…"),
        (("secrets", "value"), HUNTER, "…"),
        (("config", "db-password"), HUNTER, "…"),
        (("config", "certs/tls.key"), "abc", "…"),
        (("config", "app.ini"), "[db]\npassword = hunter2\nlevel = 1\n", "[db]\npassword = …\nlevel = 1\n"),
        (("config", "app.yml"), "db:\n  password: hunter2\n  pin: 4711\n", "db:\n  password: …\n  pin: …\n"),
        (("config", "app.json"), '{"password": "hunter2", "pin": 4711}', '{"password": "…", "pin": …}'),
        (("config", "a.ini"), "password = open sesame 4711\r\nlevel=1\r\n", "password = …\r\nlevel=1\r\n"),
        (("config", "a.toml"), 'password = "open sesame"\n', 'password = "…"\n'),
        (("config", "redis.conf"), "requirepass hunter2\nport 1\n", "requirepass …\nport 1\n"),
        (("config", "a.conf"), "url redis://u:hunter2@h;\n", "url redis://u:…@h;\n"),
        (("config", "nginx.conf"), "listen 80;\nlocation / { return 200; }\n", None),
        (("config", "app.toml"), "level = 'quiet'", None),
        (("config", "token-ttl.conf"), "ttl = 5", None),
        (("config", "index.html"), "<p>Password forgotten? Ask the author.</p>", None),
    ],
)
def test_what_is_masked_in_files_before_they_are_hashed(names: tuple[str, str], content: str, expected: str | None):
    """Of a file's content only what looks like a secret is masked; other content stays as it is, byte for byte."""
    assert masked_content(names, content.encode()) == (content if expected is None else expected).encode()


def test_masking_keeps_bytes_that_are_no_text():
    """Content that is not UTF-8 stays as it is."""
    assert masked_content(("config", "logo.png"), b"\xff\xfe\x00\x89") == b"\xff\xfe\x00\x89"
