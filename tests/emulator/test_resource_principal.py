"""Files in which containers find who they are."""

from __future__ import annotations

import stat
import threading

import pytest
from cryptography.hazmat.primitives import serialization

from ocisidecar.emulator.resource_principal import DIRECTORY, PrincipalFiles, variables
from ocisidecar.emulator.signature import fingerprint


@pytest.fixture
def files(tmp_path):
    """Files without content yet."""
    return PrincipalFiles(tmp_path / "pod")


def read(files):
    """Return what a container reads where the variables say: token and private key."""
    told = variables("eu-frankfurt-1", "http://10.0.0.1:1")
    names = ("OCI_RESOURCE_PRINCIPAL_RPST", "OCI_RESOURCE_PRINCIPAL_PRIVATE_PEM")
    token, key = ((files.directory / told[name].removeprefix(f"{DIRECTORY}/")).read_bytes() for name in names)
    return token.decode(), serialization.load_pem_private_key(key, None)


def test_the_token_is_the_one_that_was_issued_for_the_key(files):
    """Each renewal brings both anew; of the former ones the last stay, for who is just reading them."""
    seen = []
    for _ in range(3):
        files.renew(fingerprint)
        token, key = read(files)
        assert token == fingerprint(key.public_key())
        seen.append(token)
    assert len(set(seen)) == 3
    assert len([path for path in files.directory.iterdir() if not path.is_symlink()]) == 2


def test_every_user_id_can_read_them_and_none_can_write(files):
    """Containers choose their user ids; what they may not do is change the files."""
    files.renew(fingerprint)
    for path in (files.directory, *files.directory.rglob("*")):
        mode = path.stat().st_mode
        assert mode & stat.S_IROTH
        assert not mode & (stat.S_IWOTH | stat.S_IWGRP)


def test_a_reader_always_finds_a_whole_pair_of_files(files):
    """While they are renewed neither is missing or half written."""
    files.renew(fingerprint)
    latest, is_over = files.directory / "latest", threading.Event()
    found = []

    def look():
        while not is_over.is_set():
            found.append(len((latest / "session_token").read_text()))

    reader = threading.Thread(target=look)
    reader.start()
    for _ in range(5):
        files.renew(fingerprint)
    is_over.set()
    reader.join()
    assert set(found) == {len("00:" * 16) - 1}
