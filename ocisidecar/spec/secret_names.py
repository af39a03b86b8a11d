"""Which names stand beside secrets, and which values are none although their name is a secret's."""

from __future__ import annotations

import itertools
import re
from typing import Final


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_WORD: Final = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")

_SECRET_ENDS: Final = (
    *("password", "passwords", "passwd", "passphrase", "passcode", "pwd", "pass", "htpasswd", "masterauth"),
    *("secret", "secrets", "credential", "credentials", "token", "tokens", "authorization", "webhook"),
    *("apikey", "apikeys", "secretkey", "accesskey", "privatekey", "authkey", "masterkey", "signingkey"),
    *("encryptionkey", "sshkey", "dsn", "connectionstring", "connstr"),
)
"""Ends of words anywhere in a name: PGPASSWORD and REQUIREPASS are found, PASSENGER and TOKENIZER are not."""
_OTHER_ENDS: Final = _words("bypass compass encompass overpass surpass trespass underpass oldpwd")
_SECRET_LAST: Final = _words("auth cookie pin jwt otp salt bearer key keys pw psk sig cred creds passwort")
"""Words that mean a secret only at the end of a name: REDISCLI_AUTH, but not AUTH_URL."""
_KEYS_TO: Final = _words("api secret access private encryption signing master")
"""What a key is for whose name may go on: SECRET_KEY_BASE."""
_HARMLESS_KEYS: Final = _words(
    "public pub sort sorting sorted partition primary foreign cache routing hot shard object index group "
    "row map dict translation message registry unique lookup range hash idempotency locale config feature "
    "answer issue project tag label metric dimension join candidate record entry field column any home "
    "escape enter return authorized known allowed zone time date event topic stream bucket"
)
"""What a key is of that opens nothing."""
_FACTS: Final = _words(
    "file files path paths dir directory folder id ids name names ttl timeout expiry expiration expires "
    "expire lifetime age length len size count limit seconds minutes hours days ms min max enabled "
    "disabled required optional type types kind algorithm alg policy header headers issuer audience scope "
    "scopes uri url endpoint host hostname port region prefix suffix version parameter field class "
    "provider mode method format encoding rotation interval budget location mount arn ocid strength "
    "validator validators hasher hashers usage rate through manager store backend engine source driver "
    "plugin service server status state level role roles group groups user users username"
)
"""Last words of names for what only describes a secret: PASSWORD_FILE, TOKEN_TTL."""
_FLAGS: Final = _words(
    "no without disable enable skip allow require use ask prompt read show print is has max min num"
)
"""First words of names for whether and how many: ALLOW_EMPTY_PASSWORD, MAX_TOKENS."""
_SERVERS: Final = _words(
    "database db redis mongo mongodb postgres postgresql pg mysql mariadb amqp rabbitmq broker celery "
    "cache jdbc sqlalchemy clickhouse elasticsearch connection conn smtp"
)
_PHRASES: Final = ("connection string", "connection strings", "conn string", "conn str", "data source name")

_MODES: Final = re.compile(
    r"true|false|yes|no|on|off|[01]|none|null|never|always|enabled?|disabled?|basic|digest|bearer|oauth2?|oidc|ldap|"
    r"saml|jwt|iam|kerberos|ntlm|md5|trust|peer|scram-sha-\d+|(instance|resource)_principal|api_?key",
    re.IGNORECASE,
)
_ELSEWHERE: Final = re.compile(
    r"\$\{?\w+(:?[-?][^}]*)?\}?|\$+\(.*|`.*|%\w+%|\{\{.*|<[^<>]*>|\*+|…|(SecretRef|Plain)\b.*|"
    r"(ocid1\.|arn:|vault:|env:|file:)\S+|(os|self|this|sys|process|config|settings|args|request|env)\.\w.*|\w[\w.]*\(.*"
)
_PATH: Final = re.compile(
    r"(/[\w.@-]{1,40}){2,}/?|\.{0,2}/[\w./-]+\.[a-z]{2,6}|[\w-]{1,80}\.(pem|key|crt|cer|json|ya?ml)"
)


def is_secret_name(name: str) -> bool:
    """Return whether what has this name, e.g. of a variable, an option or a header, is commonly a secret."""
    words = [word.lower() for word in _WORD.findall(name)]
    while words and words[-1].isdigit():
        words.pop()
    if not words or words[0] in _FLAGS or name == "PWD":
        return False
    if is_address_name(name) or ("webhook" in words and words[-1] in {"url", "uri"}):
        return True
    if words[-1] in _FACTS:
        return False
    if words[-1] in {"key", "keys"} and (len(words) == 1 or words[-2] in _HARMLESS_KEYS):
        return False
    return words[-1] in _SECRET_LAST or any(_is_secret_word(word) for word in words) or _has_key_to(words)


def is_address_name(name: str) -> bool:
    """Return whether what has this name is an address that commonly holds a password: DATABASE_URL, SENTRY_DSN."""
    words = [word.lower() for word in _WORD.findall(name)]
    if not words:
        return False
    is_url = words[-1] in {"url", "uri"} and not _SERVERS.isdisjoint(words)
    is_connection = any(f" {phrase} " in f" {' '.join(words)} " for phrase in _PHRASES)
    return is_url or is_connection or words[-1].endswith(("dsn", "connectionstring", "connstr"))


def is_harmless(value: str) -> bool:
    """Return whether a value is no secret whatever its name: empty, a mode, a path, or a reference to elsewhere."""
    text = value.strip()
    return re.search(r"\w", text) is None or any(pattern.fullmatch(text) for pattern in (_MODES, _ELSEWHERE, _PATH))


def _is_secret_word(word: str) -> bool:
    return word.endswith(_SECRET_ENDS) and word not in _OTHER_ENDS


def _has_key_to(words: list[str]) -> bool:
    return any(word in {"key", "keys"} and before in _KEYS_TO for before, word in itertools.pairwise(words))
