"""Signers for every authentication method, and the errors of wrong credentials."""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
from pathlib import Path

import oci
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from ocisidecar.clock import VirtualClock
from ocisidecar.credentials import load_credentials
from ocisidecar.errors import ConfigError

from .conftest import PASS_PHRASE, TENANCY, USER, call, issue_token, jwt_of, pem_of


@pytest.mark.usefixtures("registered_key")
def test_a_files_api_key_signs_calls_that_the_service_accepts(entries, write_config, environment, emulator):
    """The service accepts calls signed with the profile of ~/.oci/config."""
    file = write_config(DEFAULT=entries)
    credentials = load_credentials(environment=environment | {"OCISIDECAR_COMPARTMENT_ID": "ocid1.compartment.x"})
    assert call(credentials, emulator) == 200
    assert credentials.source == f"profile DEFAULT of {file}"
    assert (credentials.region, credentials.tenancy_id) == ("eu-frankfurt-1", TENANCY)
    assert (credentials.user_id, credentials.compartment_id) == (USER, "ocid1.compartment.x")


@pytest.mark.usefixtures("registered_key")
@pytest.mark.parametrize("pass_phrase", [None, PASS_PHRASE])
def test_a_mappings_api_key_signs_calls(entries, environment, emulator, pair, pass_phrase):
    """A key in the mapping signs calls, encrypted or not, and no file is read."""
    pem = pem_of(pair.private, pass_phrase)
    config = {**entries, "key_content": pem, "key_file": "/absent", "pass_phrase": pass_phrase}
    credentials = load_credentials(config, environment=environment)
    assert call(credentials, emulator) == 200
    assert credentials.source == "config"


def test_the_emulators_own_configuration_is_accepted(emulator, environment):
    """The emulator accepts the configuration that it hands out, as a mapping or through variables."""
    by_mapping = load_credentials(emulator.oci_config, environment=environment)
    by_variables = load_credentials(environment=environment | emulator.environment)
    assert call(by_mapping, emulator) == call(by_variables, emulator) == 200
    assert by_variables.compartment_id == emulator.compartment_id


def test_nothing_of_the_credentials_shows_a_secret(entries, environment, pair):
    """Neither repr nor client_config holds key or pass phrase."""
    config = {**entries, "key_content": pair.encrypted_pem, "pass_phrase": PASS_PHRASE}
    credentials = load_credentials(config, environment=environment)
    shown = repr(credentials) + repr(credentials.client_config)
    assert PASS_PHRASE not in shown
    assert "PRIVATE KEY" not in shown


def test_a_short_region_code_is_expanded_and_a_fingerprint_lowered(entries, environment, pair):
    """FRA becomes eu-frankfurt-1, and an upper-case fingerprint becomes lower-case."""
    config = {**entries, "region": "FRA", "fingerprint": pair.fingerprint.upper()}
    credentials = load_credentials(config, environment=environment)
    assert credentials.region == "eu-frankfurt-1"
    assert credentials.client_config["fingerprint"] == pair.fingerprint


def test_regions_of_the_region_metadata_variable_are_known(tmp_path, entries):
    """A region that the SDK learns from OCI_REGION_METADATA is accepted, as by the SDK."""
    metadata = {
        "realmKey": "oc99",
        "realmDomainComponent": "example.com",
        "regionKey": "mrs2",
        "regionIdentifier": "xx-mars-1",
    }
    program = (
        "import json, os, sys; from ocisidecar.credentials import load_credentials;"
        "print(load_credentials(json.loads(sys.argv[1]), environment=os.environ).region)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, json.dumps({**entries, "region": "mrs2"})],
        env=os.environ | {"HOME": str(tmp_path), "OCI_REGION_METADATA": json.dumps(metadata)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "xx-mars-1\n"


def test_a_default_realm_admits_any_region(entries, environment):
    """With OCI_DEFAULT_REALM the SDK derives endpoints for regions that it does not know."""
    config = {**entries, "region": "xx-moon-1"}
    credentials = load_credentials(config, environment=environment | {"OCI_DEFAULT_REALM": "example.com"})
    assert credentials.region == "xx-moon-1"


def test_importing_credentials_does_not_import_the_sdk():
    """Importing the package does not load the SDK."""
    program = "import sys, ocisidecar.credentials; print('oci' in sys.modules, 'cryptography' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "False False\n"


class TestRefusedApiKeys:
    """Wrong API keys are refused before any call."""

    def test_missing_entries_are_named_all_at_once(self, write_config, refusal):
        """One error names all missing entries and their variables."""
        file = write_config(DEFAULT={"tenancy": TENANCY})
        assert refusal() == (
            f"profile DEFAULT of {file} has no user, fingerprint, key_file, region: add them (`oci setup "
            "config` of oci-cli does), or set OCI_CLI_USER, OCI_CLI_FINGERPRINT, OCI_CLI_KEY_FILE, OCI_CLI_REGION."
        )

    @pytest.mark.parametrize(
        ("change", "expected"),
        [
            ({"user": "ada"}, "user 'ada' (config) must be an OCID such as ocid1.user.oc1..aaaa."),
            ({"tenancy": USER}, "must be an OCID such as ocid1.tenancy.oc1..aaaa."),
            (
                {"region": "eu-frankfurt1"},
                "region 'eu-frankfurt1' (config) is unknown to the OCI SDK (did you mean eu-frankfurt-1",
            ),
            ({"region": "qqqqqq"}, "region 'qqqqqq' (config) is unknown to the OCI SDK: a region newer than"),
            ({"key_file": "~/absent.pem"}, "key_file (config)"),
            ({"key_file": "~/absent.pem"}, "absent.pem does not exist: name the file of the private key"),
            ({"key_file": "~/.oci"}, "cannot be read (Is a directory)"),
            ({"fingerprint": "00:11"}, "fingerprint 00:11 (config) does not match the key in"),
        ],
    )
    def test_a_wrong_entry_is_named_with_what_is_expected(self, entries, refusal, change, expected):
        """The message contains the entry, its source and the remedy."""
        assert expected in refusal({**entries, **change})

    def test_the_keys_own_fingerprint_is_told(self, entries, refusal, pair, other_pair):
        """The error about a wrong fingerprint contains the right one."""
        message = refusal({**entries, "fingerprint": other_pair.fingerprint})
        assert f"fingerprint {other_pair.fingerprint} (config) does not match the key" in message
        assert f"fingerprint is {pair.fingerprint}: write that" in message

    @pytest.mark.parametrize(
        ("kind", "pass_phrase", "expected"),
        [
            ("blank", None, "is not PEM text"),
            ("snowman", None, "is not PEM text"),
            ("public", None, "is a public key"),
            ("truncated", None, "cannot be decoded"),
            ("unsupported", None, "cannot be decoded"),
            ("elliptic", None, "is not an RSA key"),
            ("encrypted", None, "is encrypted: give pass_phrase in the profile, or OCI_CLI_PASSPHRASE."),
            ("encrypted", "wrong", "is encrypted, and pass_phrase (config) does not decrypt it"),
            ("encrypted", "\N{SNOWMAN}", "is encrypted, and pass_phrase (config) does not decrypt it"),
        ],
    )
    def test_a_wrong_key_is_told_apart(self, refuse_key, kind, pass_phrase, expected):
        """The message says what is wrong with the key."""
        assert f"the key in config {expected}" in refuse_key(kind, pass_phrase)

    def test_a_pass_phrase_for_a_plain_key_is_no_error(self, entries, environment):
        """A pass phrase for an unencrypted key, inherited from DEFAULT, is ignored."""
        assert load_credentials({**entries, "pass_phrase": PASS_PHRASE}, environment=environment)


@pytest.fixture
def refuse_key(entries, refusal, pair):
    """Loads a key that must be refused and returns the message."""
    encoding, private_format = serialization.Encoding, serialization.PrivateFormat.PKCS8
    curve = ec.generate_private_key(ec.SECP256R1())
    der = curve.private_bytes(encoding.DER, private_format, serialization.NoEncryption())
    p_256, unknown = bytes.fromhex("2a8648ce3d030107"), bytes.fromhex("2a8648ce3d03017f")
    body = base64.b64encode(der.replace(p_256, unknown)).decode()
    public_format = serialization.PublicFormat.SubjectPublicKeyInfo
    texts = {
        "blank": " ",
        "snowman": "\N{SNOWMAN}",
        "public": pair.public.public_bytes(encoding.PEM, public_format).decode(),
        "truncated": pair.pem[:600] + "\n-----END PRIVATE KEY-----",
        "unsupported": f"-----BEGIN PRIVATE KEY-----\n{body}\n-----END PRIVATE KEY-----\n",
        "elliptic": pem_of(curve),
        "encrypted": pair.encrypted_pem,
    }

    def refuse(kind, pass_phrase):
        return refusal({**entries, "key_content": texts[kind], "pass_phrase": pass_phrase})

    return refuse


class TestAuthWords:
    """Selection of the authentication method."""

    @pytest.mark.parametrize("variable", ["OCISIDECAR_AUTH", "OCI_CLI_AUTH"])
    def test_a_variable_chooses(self, refusal, environment, variable):
        """Without the argument the variable selects the method."""
        environment[variable] = "resource_principal"
        assert "auth resource_principal needs OCI_RESOURCE_PRINCIPAL_VERSION" in refusal()

    def test_the_argument_beats_the_variables(self, entries, environment):
        """The argument selects an API key although a variable selects another method."""
        environment |= {"OCISIDECAR_AUTH": "resource_principal"}
        assert load_credentials(entries, auth="api_key", environment=environment).user_id == USER

    def test_an_unknown_word_is_answered_with_the_nearest(self, refusal):
        """The error lists the known methods and suggests the nearest one."""
        assert refusal(auth="instance-principals") == (
            "auth 'instance-principals' (the argument auth) is unknown (did you mean instance_principal, "
            "resource_principal?): it must "
            "be one of api_key, security_token, instance_principal, resource_principal."
        )

    @pytest.mark.parametrize("word", ["instance_obo_user", "oke_workload_identity", "pkcs11"])
    def test_other_words_of_oci_cli_say_what_to_do_instead(self, refusal, word):
        """For oci-cli's other methods the error names the SDK's signer, which exists if its extra is there."""
        message = refusal(auth=word)
        assert f"auth {word} (the argument auth) is not supported by name" in message
        name = message.split("oci.auth.signers.")[1].split("(")[0]
        assert hasattr(oci.auth.signers, name)

    def test_cloud_shells_profile_is_not_taken_for_the_instances(self, refusal):
        """instance_principal with a delegation token is refused, because it means a user and not the instance."""
        config = {"authentication_type": "instance_principal", "delegation_token_file": "/etc/oci/delegation_token"}
        assert "auth instance_obo_user (config) is not supported by name" in refusal(config)

    def test_a_profile_can_choose(self, refusal):
        """authentication_type in a profile selects the method."""
        assert "auth resource_principal needs" in refusal({"authentication_type": "resource_principal"})

    def test_a_signer_excludes_auth(self, refusal):
        """A signer together with auth is refused."""
        assert "signer and auth were both given" in refusal(signer=object(), auth="api_key")


@pytest.fixture
def session_entries(entries, home, emulator, pair):
    """A profile as `oci session authenticate` writes it."""
    token_file = home / ".oci" / "token"
    token_file.write_text(issue_token(emulator, pair.public) + "\n")
    del entries["user"]
    return {**entries, "security_token_file": "~/.oci/token"}


@pytest.fixture
def session_file(session_entries, write_config):
    """A configuration file with that profile."""
    return write_config(WORK=session_entries)


class TestSessionTokens:
    """The token of `oci session authenticate`."""

    @pytest.mark.parametrize("auth", [None, "security_token"])
    def test_it_signs_calls_that_the_service_accepts(self, session_file, environment, emulator, auth):
        """A profile with a token and without a user needs no auth; the user is unknown."""
        credentials = load_credentials(profile="WORK", auth=auth, environment=environment)
        assert call(credentials, emulator) == 200
        assert (credentials.user_id, credentials.tenancy_id) == (None, TENANCY)
        assert credentials.source == f"profile WORK of {session_file}"

    def test_the_key_may_stand_in_the_mapping(self, session_entries, environment, emulator, pair):
        """key_content gives the key of a token too."""
        config = {**session_entries, "key_content": pair.encrypted_pem, "pass_phrase": PASS_PHRASE}
        assert call(load_credentials(config, environment=environment), emulator) == 200

    def test_a_refreshed_token_is_taken_up(self, session_entries, environment, emulator, home, other_pair):
        """A new token, even with a new key, is used from the next call on."""
        credentials = load_credentials(session_entries, environment=environment)
        (home / ".oci" / "token").write_text(issue_token(emulator, other_pair.public, seconds=7200))
        (home / ".oci" / "key.pem").write_text(other_pair.pem)
        before = credentials.signer.api_key
        credentials.signer.refresh_security_token()
        assert call(credentials, emulator) == 200
        assert credentials.signer.api_key != before

    @pytest.mark.parametrize("text", [None, "", "half.a"])
    def test_a_torn_file_is_no_news(self, session_entries, environment, emulator, home, text):
        """While the token's file is half-written or missing, the current token stays in use."""
        credentials = load_credentials(session_entries, environment=environment)
        path = home / ".oci" / "token"
        path.unlink()
        if text is not None:
            path.write_text(text)
        assert call(credentials, emulator) == 200

    def test_it_expires_with_a_command_that_helps(self, session_entries, environment, emulator):
        """After the expiry a call is refused before it is sent."""
        clock = VirtualClock()
        credentials = load_credentials(session_entries, environment=environment, clock=clock)
        clock.advance(3601)
        with pytest.raises(ConfigError, match=r"expired at .* UTC: run `oci session authenticate --profile-name"):
            call(credentials, emulator)
        assert not emulator.requests

    @pytest.mark.parametrize(
        ("text", "expected"),
        [
            (None, "security_token_file (config)"),
            (None, "token does not exist: run `oci session authenticate --profile-name DEFAULT --region"),
            ("no token", "does not contain a token (a JWT): run `oci session authenticate"),
            ("e30.W10.c2VjcmV0LXNlYWw", "does not contain a token (a JWT): run `oci session authenticate"),
            ("e30.e3.c2VjcmV0LXNlYWw", "does not contain a token (a JWT): run `oci session authenticate"),
            (jwt_of({"exp": 1000}), "expired at 1970-01-01 00:16 UTC: run `oci session authenticate"),
            (jwt_of({"exp": -1e300}), "expired: run `oci session authenticate"),
        ],
    )
    def test_a_wrong_token_is_refused_without_being_shown(self, session_entries, refusal, home, text, expected):
        """A missing, malformed or expired token is refused with the command that makes a new one."""
        path = home / ".oci" / "token"
        path.unlink()
        if text is not None:
            path.write_text(text)
        assert expected in refusal(session_entries)

    def test_missing_entries_are_named_all_at_once(self, refusal):
        """For a token the error names a token's missing entries, not an API key's."""
        assert refusal({"security_token_file": "x"}) == "config has no tenancy, region, key_file: add them."

    def test_a_token_without_expiry_is_left_to_the_service(self, session_entries, environment, home):
        """A token without an expiry is accepted."""
        (home / ".oci" / "token").write_text(jwt_of({}))
        assert load_credentials(session_entries, environment=environment)


class TestGivenSigners:
    """A signer of the SDK that the caller passes."""

    @pytest.mark.usefixtures("registered_key")
    def test_an_api_keys_signer_says_who_it_is(self, environment, emulator, pair):
        """With an API key's signer only the region must be given, and ~/.oci/config is not read."""
        signer = oci.signer.Signer(TENANCY, USER, pair.fingerprint, None, private_key_content=pair.pem)
        credentials = load_credentials(signer=signer, region="lhr", environment=environment)
        assert call(credentials, emulator) == 200
        assert (credentials.user_id, credentials.region) == (USER, "uk-london-1")
        assert credentials.source == "the Signer given"

    def test_a_token_signer_takes_the_rest_from_the_configuration(self, environment, emulator, pair):
        """With a SecurityTokenSigner tenancy and region come from the configuration."""
        signer = oci.auth.signers.SecurityTokenSigner(issue_token(emulator, pair.public), pair.private)
        config = {"tenancy": TENANCY, "region": "fra"}
        credentials = load_credentials(config, signer=signer, environment=environment)
        assert call(credentials, emulator) == 200
        assert (credentials.tenancy_id, credentials.user_id) == (TENANCY, None)

    def test_what_a_principals_signer_knows_counts(self, environment, emulator, pair):
        """A principal's signer gives tenancy and region."""
        token = issue_token(emulator, pair.public, res_tenant=TENANCY)
        signer = oci.auth.signers.EphemeralResourcePrincipalSigner(token, pair.pem, region="eu-frankfurt-1")
        credentials = load_credentials(signer=signer, environment=environment)
        assert call(credentials, emulator) == 200
        assert (credentials.tenancy_id, credentials.region) == (TENANCY, "eu-frankfurt-1")

    @pytest.mark.parametrize(
        ("options", "missing"), [({}, "region"), ({"region": "fra"}, "tenancy"), ({"region": "nowhere"}, "tenancy")]
    )
    def test_what_nobody_says_is_asked_for(self, refusal, pair, options, missing):
        """The error names what the signer does not know and the caller did not give."""
        signer = oci.auth.signers.SecurityTokenSigner(jwt_of({}), pair.private)
        assert f"the signer does not say its {missing}: give it" in refusal(signer=signer, **options)

    def test_what_the_sdk_insists_on_is_asked_for(self, refusal):
        """With another signer the entries that the SDK's clients check are required."""
        message = refusal({"tenancy": TENANCY, "region": "fra"}, signer=object())
        assert message == (
            "the SDK takes a object only with a right fingerprint and user: give that with config={...}."
        )


class TestResourcePrincipals:
    """Resource principals, from the variables that the platform injects into a container."""

    @pytest.fixture
    def injected(self, environment, emulator, pair, tmp_path):
        """The variables of a container instance, with token and key in files."""
        token = issue_token(emulator, pair.public, res_tenant=TENANCY, res_compartment="ocid1.compartment.oc1..c")
        (tmp_path / "session_token").write_text(token)
        (tmp_path / "private_key").write_text(pair.pem)
        environment |= {
            "OCI_RESOURCE_PRINCIPAL_VERSION": "2.2",
            "OCI_RESOURCE_PRINCIPAL_RPST": str(tmp_path / "session_token"),
            "OCI_RESOURCE_PRINCIPAL_PRIVATE_PEM": str(tmp_path / "private_key"),
            "OCI_RESOURCE_PRINCIPAL_REGION": "fra",
        }
        return environment

    def test_its_files_sign_calls_that_the_service_accepts(self, injected, emulator):
        """Tenancy and compartment come from the token, without a configuration file."""
        credentials = load_credentials(auth="resource_principal", environment=injected)
        assert call(credentials, emulator) == 200
        assert (credentials.region, credentials.tenancy_id) == ("eu-frankfurt-1", TENANCY)
        assert credentials.compartment_id == "ocid1.compartment.oc1..c"
        assert credentials.source == "the resource principal of this container"

    def test_inline_values_serve_too(self, injected, emulator, tmp_path, pair):
        """The variables may contain token and key, the key encrypted."""
        injected |= {
            "OCI_RESOURCE_PRINCIPAL_RPST": (tmp_path / "session_token").read_text(),
            "OCI_RESOURCE_PRINCIPAL_PRIVATE_PEM": pair.encrypted_pem,
            "OCI_RESOURCE_PRINCIPAL_PRIVATE_PEM_PASSPHRASE": PASS_PHRASE,
        }
        credentials = load_credentials(auth="resource_principal", environment=injected)
        assert call(credentials, emulator) == 200

    def test_rotated_files_are_read_again_when_the_service_refuses(self, injected, emulator, tmp_path, other_pair):
        """A call whose token the service refuses succeeds with the new token of the file."""
        credentials = load_credentials(auth="resource_principal", environment=injected)
        emulator.reset()
        (tmp_path / "session_token").write_text(issue_token(emulator, other_pair.public))
        (tmp_path / "private_key").write_text(other_pair.pem)
        assert call(credentials, emulator) == 200
        assert [request.status for request in emulator.requests] == [401, 200]

    def test_the_region_falls_back(self, injected, refusal, metadata):
        """Without the variable the region is the argument, OCI_REGION or the metadata service's, in that order."""
        del injected["OCI_RESOURCE_PRINCIPAL_REGION"]
        assert "the resource principal does not say its region" in refusal(auth="resource_principal")

        def region(**more):
            return load_credentials(auth="resource_principal", environment=injected | more).region

        assert region(OCI_METADATA_BASE_URL=metadata.metadata_url) == "us-ashburn-1"
        assert region(OCI_REGION="phx") == "us-phoenix-1"
        assert region(OCI_REGION="phx", OCI_CLI_REGION="lhr") == "uk-london-1"

    @pytest.mark.usefixtures("injected")
    def test_a_token_without_tenancy_needs_one(self, refusal, emulator, pair, tmp_path):
        """A token without a tenancy makes the tenancy required."""
        (tmp_path / "session_token").write_text(issue_token(emulator, pair.public))
        assert "has no tenancy: add it" in refusal(auth="resource_principal")

    @pytest.mark.parametrize(
        ("change", "expected"),
        [
            (
                {"OCI_RESOURCE_PRINCIPAL_VERSION": "", "OCI_RESOURCE_PRINCIPAL_RPST": ""},
                "needs OCI_RESOURCE_PRINCIPAL_VERSION, OCI_RESOURCE_PRINCIPAL_RPST, which the platform sets",
            ),
            ({"OCI_RESOURCE_PRINCIPAL_VERSION": "1.1"}, "is 1.1, but only 2.2 is supported by name"),
            (
                {"OCI_RESOURCE_PRINCIPAL_RPST": "/absent"},
                "the file in OCI_RESOURCE_PRINCIPAL_RPST, /absent does not",
            ),
            (
                {"OCI_RESOURCE_PRINCIPAL_RPST": "junk"},
                "OCI_RESOURCE_PRINCIPAL_RPST does not contain a token (a JWT)",
            ),
            ({"OCI_RESOURCE_PRINCIPAL_RPST": jwt_of({"exp": 1})}, "expired at 1970-01-01 00:00 UTC: restart the"),
            (
                {"OCI_RESOURCE_PRINCIPAL_PRIVATE_PEM": "junk"},
                "the key in OCI_RESOURCE_PRINCIPAL_PRIVATE_PEM is not PEM",
            ),
            ({"OCI_RESOURCE_PRINCIPAL_PRIVATE_PEM_PASSPHRASE": "x"}, "the SDK cannot read such a key"),
        ],
    )
    def test_what_is_wrong_is_named(self, injected, refusal, change, expected):
        """Each variable is checked before any call, and the error names it."""
        injected |= change
        assert expected in refusal(auth="resource_principal")


class TestInstancePrincipals:
    """Instance principals, from the metadata and the auth service."""

    def test_it_signs_calls_that_the_service_accepts(self, environment, metadata, emulator):
        """The certificate is exchanged for a token, and region and tenancy come from the instance."""
        credentials = load_credentials(auth="instance_principal", environment=environment | metadata.environment)
        assert call(credentials, emulator) == 200
        assert (credentials.region, credentials.tenancy_id) == ("us-ashburn-1", TENANCY)
        assert credentials.source == "the instance principal of this machine"
        assert metadata.paths.count("/v1/x509") == 1

    def test_the_region_can_be_another(self, environment, metadata):
        """The argument overrides the instance's region."""
        environment |= metadata.environment
        credentials = load_credentials(auth="instance_principal", region="fra", environment=environment)
        assert credentials.region == "eu-frankfurt-1"

    @pytest.mark.parametrize("url", ["http://127.0.0.1:9/opc/v2", "http://127.0.0.1:x", "nowhere"])
    def test_elsewhere_it_is_refused_at_once(self, environment, refusal, url):
        """Without a metadata service one attempt is made, and the error says what the method is for."""
        environment["OCI_METADATA_BASE_URL"] = url
        assert refusal(auth="instance_principal") == (
            "auth instance_principal works on OCI compute instances only: no metadata service answered at "
            f"{url} within 2 s; elsewhere use another auth."
        )

    def test_another_clouds_metadata_service_is_not_oracles(self, environment, metadata, refusal):
        """A metadata service that does not answer 200 is not used."""
        environment |= metadata.environment
        metadata.metadata_status = 404
        assert "works on OCI compute instances only" in refusal(auth="instance_principal")

    @pytest.mark.parametrize(
        "url", ["http://192.0.2.1/v1/x509", "http://127.evil.example/v1/x509", "HTTP://a", "a"]
    )
    def test_only_an_encrypted_auth_service_is_asked(self, environment, metadata, refusal, url):
        """Another machine's endpoint without encryption is refused, and nothing is sent."""
        environment |= {**metadata.environment, "OCI_CLI_FEDERATION_ENDPOINT": url}
        message = refusal(auth="instance_principal")
        assert message.startswith(f"the federation endpoint {url!r} (OCI_CLI_FEDERATION_ENDPOINT) is not encrypted")
        assert "/v1/x509" not in metadata.paths

    @pytest.mark.parametrize(
        ("change", "expected"),
        [({"federation_status": 401}, "(401 NotAuthorized)"), ({"token": lambda _: "junk"}, "(DecodeError)")],
    )
    def test_a_refusing_auth_service_is_named(self, environment, metadata, refusal, change, expected):
        """The error contains the endpoint and its answer, and no certificate or key."""
        environment |= metadata.environment
        for name, value in change.items():
            setattr(metadata, name, value)
        message = refusal(auth="instance_principal")
        assert f"the instance principal got no token from {metadata.federation_endpoint} {expected}" in message


class TestFormsOfKeys:
    """Keys in the forms in which secret stores and CI systems pass them on."""

    FORMS = {  # noqa: RUF012
        "as it is": lambda pem: pem,
        "escaped": lambda pem: pem.replace("\n", "\\n"),
        "escaped CR LF": lambda pem: pem.replace("\n", "\\r\\n"),
        "escaped twice": lambda pem: pem.replace("\n", "\\\\n"),
        "base64, escaped": lambda pem: base64.encodebytes(pem.encode()).decode().replace("\n", "\\r\\n"),
        "JSON": json.dumps,
        "tabs": lambda pem: pem.replace("\n", "\t"),
        "CR LF": lambda pem: pem.replace("\n", "\r\n"),
        "blanks": lambda pem: pem.replace("\n", " "),
        "one line": lambda pem: pem.replace("\n", ""),
        "quotes": lambda pem: f'"{pem}"',
        "quotes, escaped": lambda pem: "'" + pem.replace("\n", "\\n") + "'",
        "base64": lambda pem: base64.b64encode(pem.encode()).decode(),
        "base64 in lines": lambda pem: base64.encodebytes(pem.encode()).decode(),
        "base64 of CR LF": lambda pem: base64.b64encode(pem.replace("\n", "\r\n").encode()).decode(),
        "label": lambda pem: pem + "OCI_API_KEY\n",
        "indented": lambda pem: "\n".join(f"    {line}" for line in pem.splitlines()),
        "mark": lambda pem: "\ufeff" + pem,
    }

    @pytest.mark.parametrize("form", FORMS)
    @pytest.mark.parametrize("kind", ["PKCS8", "TraditionalOpenSSL"])
    @pytest.mark.parametrize("pass_phrase", [None, PASS_PHRASE])
    def test_are_all_read(self, entries, environment, pair, form, kind, pass_phrase):
        """Every form of PKCS#8 and PKCS#1, encrypted or not, is the same key, as content and as file."""
        lock = (
            serialization.BestAvailableEncryption(pass_phrase.encode())
            if pass_phrase
            else serialization.NoEncryption()
        )
        private_format = getattr(serialization.PrivateFormat, kind)
        pem = pair.private.private_bytes(serialization.Encoding.PEM, private_format, lock).decode()
        text = self.FORMS[form](pem)
        Path(environment["HOME"], ".oci/key.pem").write_text(text)
        locked = {"pass_phrase": pass_phrase} if pass_phrase else {}
        for given in ({"key_content": text}, {}):
            made = load_credentials({**entries, **given, **locked}, environment=environment)
            assert made.client_config["fingerprint"] == pair.fingerprint

    def test_of_openssh_are_named(self, entries, pair, refusal):
        """A key in the format of OpenSSH is refused with the command that converts it."""
        openssh = serialization.PrivateFormat.OpenSSH
        pem = pair.private.private_bytes(serialization.Encoding.PEM, openssh, serialization.NoEncryption()).decode()
        assert "ssh-keygen -p -m PEM" in refusal({**entries, "key_content": pem})

    def test_that_others_may_read_are_warned_about(self, entries, environment, home, caplog):
        """A key file that other users may read is named once; one of the owner alone is not."""
        key = home / ".oci/key.pem"
        key.chmod(0o644)
        load_credentials(entries, environment=environment)
        key.chmod(0o600)
        load_credentials(entries, environment=environment)
        assert caplog.messages == [f"config: other users may read this private key: `chmod 600 {key}`"]


class TestProfilesOfOciCli:
    """Profiles mean what they mean to oci-cli."""

    def test_a_session_beside_a_user_in_default_is_a_session(
        self, entries, session_entries, write_config, environment
    ):
        """The user that [DEFAULT] lends to every profile does not make a session an API key."""
        write_config(DEFAULT={**entries, "user": USER}, SESSION=session_entries)
        assert load_credentials(profile="SESSION", environment=environment).user_id is None
        assert load_credentials(environment=environment).user_id == USER

    def test_other_entries_of_default_are_inherited(self, entries, write_config, environment):
        """A profile with a key of its own takes region and tenancy from [DEFAULT], also beside a session there."""
        own = {name: entries[name] for name in ("user", "fingerprint", "key_file")}
        shared = {"tenancy": TENANCY, "region": "eu-frankfurt-1", "security_token_file": "~/.oci/none"}
        write_config(DEFAULT=shared, ADA=own)
        assert load_credentials(profile="ADA", environment=environment).user_id == USER

    @pytest.mark.parametrize("is_named", [True, False])
    def test_the_default_profile_of_its_settings_counts(self, entries, write_config, environment, home, is_named):
        """`default_profile` of oci_cli_rc is used where nothing names a profile."""
        write_config(DEFAULT={"tenancy": "x"}, ADA=entries)
        rc = home / ("rc" if is_named else ".oci/oci_cli_rc")
        rc.write_text("[OCI_CLI_SETTINGS]\ndefault_profile=ADA\n")
        variables = {**environment, **({"OCI_CLI_RC_FILE": str(rc)} if is_named else {})}
        assert load_credentials(environment=variables).user_id == USER
        with pytest.raises(ConfigError, match="profile DEFAULT"):
            load_credentials(profile="DEFAULT", environment=variables)
