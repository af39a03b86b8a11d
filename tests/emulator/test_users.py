"""Users, their keys and capabilities, and groups of users."""

from __future__ import annotations


class TestOperator:
    def test_the_key_that_signs_is_listed(self, emulator, identity):
        """The operator's API keys hold the one of oci_config, and an added user's the one that it got."""
        for config in (emulator.oci_config, emulator.add_user("second")):
            (key,) = identity.list_api_keys(config["user"]).data
            assert key.fingerprint == config["fingerprint"]
            assert key.key_id == "/".join(config[name] for name in ("tenancy", "user", "fingerprint"))
            assert key.key_value.startswith("-----BEGIN PUBLIC KEY-----")

    def test_it_has_an_address_and_capabilities(self, emulator, identity):
        """The operator has an e-mail address and may have every kind of credential."""
        user = identity.get_user(emulator.oci_config["user"]).data
        assert user.email == "operator@example.com"
        assert user.capabilities.can_use_api_keys is True


def test_capabilities_can_be_changed(emulator, identity):
    """An update of capabilities changes those that it names."""
    user_id = emulator.oci_config["user"]
    changed = identity.update_user_capabilities(user_id, {"canUseSmtpCredentials": False}).data.capabilities
    assert (changed.can_use_smtp_credentials, changed.can_use_api_keys) == (False, True)


def test_users_live_in_the_tenancy(compartment, identity, refusal):
    """A user in a compartment below the tenancy is refused."""
    error = refusal(identity.create_user, {"compartmentId": compartment, "name": "a", "description": "a"})
    assert (error.status, error.message) == (400, "Tenant id is not equal to compartment id")
