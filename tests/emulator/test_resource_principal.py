"""The files of a resource principal's token and key."""

from __future__ import annotations

import shutil
import stat
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization

from ocisidecar.emulator.resource_principal import (
    DIRECTORY,
    PrincipalFiles,
    environment_variables,
    private_directory,
)
from ocisidecar.emulator.signature import fingerprint


@pytest.fixture
def files(tmp_path):
    """Files without content yet."""
    return PrincipalFiles(tmp_path / "pod")


def read(files):
    """Return the token and the private key from the files that the variables name."""
    variables = environment_variables("eu-frankfurt-1", "http://10.0.0.1:1")
    names = ("OCI_RESOURCE_PRINCIPAL_RPST", "OCI_RESOURCE_PRINCIPAL_PRIVATE_PEM")
    token, key = ((files.directory / variables[name].removeprefix(f"{DIRECTORY}/")).read_bytes() for name in names)
    return token.decode(), serialization.load_pem_private_key(key, None)


def test_the_token_is_the_one_that_was_issued_for_the_key(files):
    """Each renewal replaces token and key; the previous pair stays for readers that have opened it."""
    seen = []
    for _ in range(3):
        files.renew(fingerprint)
        token, key = read(files)
        assert token == fingerprint(key.public_key())
        seen.append(token)
    assert len(set(seen)) == 3
    assert len([path for path in files.directory.iterdir() if not path.is_symlink()]) == 2


def test_every_user_id_can_read_them_and_none_can_write(files):
    """The files are readable for all user ids and writable for none."""
    files.renew(fingerprint)
    for path in (files.directory, *files.directory.rglob("*")):
        mode = path.stat().st_mode
        assert mode & stat.S_IROTH
        assert not mode & (stat.S_IWOTH | stat.S_IWGRP)


def test_a_reader_always_finds_a_whole_pair_of_files(files):
    """Neither file is missing or incomplete during a renewal."""
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


def test_a_renewal_that_failed_is_made_up_for(files):
    """A renewal creates the directory again after a cleaner of temporary files removed it."""
    files.renew(fingerprint)
    shutil.rmtree(files.directory)
    files.renew(fingerprint)
    token, key = read(files)
    assert token == fingerprint(key.public_key())


def test_keys_of_a_killed_process_are_removed(monkeypatch, tmp_path):
    """A new emulator removes the directories of dead processes; those of living ones stay and are private."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    program = (
        "import sys\n"
        "from ocisidecar.emulator.resource_principal import private_directory\n"
        "directory = private_directory()\n"
        "print(directory.name, flush=True)\n"
        "sys.stdin.readline()\n"
    )
    command = [sys.executable, "-c", program]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env={"TMPDIR": str(tmp_path)}
    ) as process:
        theirs = Path(process.stdout.readline().strip())
        with private_directory() as mine:
            assert stat.S_IMODE(Path(mine).stat().st_mode) == 0o700
            assert theirs.is_dir()
        process.kill()
    assert theirs.is_dir()
    with private_directory() as mine:
        assert [str(path) for path in tmp_path.iterdir()] == [mine]
