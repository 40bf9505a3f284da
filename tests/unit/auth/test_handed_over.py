"""Secrets of containers are taken as they are; a file of the user's own is held to what the user can mend."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from sfsync.auth.handed_over import Mount, SecretFile, is_handed_over, mount_of
from sfsync.auth.own_file import UnusableFileError, read_own

US, OURS, OTHERS, ROOT = 1000, 2000, 3000, 0
HOME = Path("/home/app")
KUBERNETES = Mount(Path("/etc/sfsync/keys"), "tmpfs", is_read_only=True)
DOCKER = Mount(Path("/run/secrets"), "tmpfs", is_read_only=False)
COMPOSE = Mount(Path("/run/secrets/token"), "ext4", is_read_only=True)
AT_HOME = Mount(Path("/home"), "ext4", is_read_only=False)


def file(mount: Mount | None, mode: int, *, owner: int = ROOT, group: int = ROOT, **more: bool):
    folder = HOME if mount in (AT_HOME, None) else mount.point
    return SecretFile(folder / "token", mode, owner, group, mount, **more)


TAKEN = {
    "Kubernetes with fsGroup": file(KUBERNETES, 0o440, group=OURS),
    "Kubernetes without": file(KUBERNETES, 0o444),
    "Kubernetes, run as the owner": file(KUBERNETES, 0o440, owner=US),
    "Docker Swarm": file(DOCKER, 0o444),
    "Docker Compose: a file of the host's": file(COMPOSE, 0o644, owner=OTHERS),
    "root's, for our group": file(AT_HOME, 0o440, group=OURS),
    "root's, for our group, where no mount is known": file(None, 0o640, group=OURS),
}

REFUSED = {
    "world-readable at home": file(AT_HOME, 0o644, owner=US),
    "group-readable at home": file(AT_HOME, 0o640, owner=US, group=OURS),
    "root's, readable by all, at home": file(AT_HOME, 0o444),
    "root's, for another group": file(AT_HOME, 0o440, group=OTHERS),
    "writable by the group": file(KUBERNETES, 0o460, group=OURS),
    "writable by all": file(DOCKER, 0o446),
    "in memory, where others may put files": file(DOCKER, 0o444, is_crowded=True),
    "in memory, somebody's": file(DOCKER, 0o444, owner=OTHERS),
    "in the machine's own memory": file(Mount(Path("/run"), "tmpfs", is_read_only=False), 0o444),
    "in /tmp": file(Mount(Path("/tmp"), "tmpfs", is_read_only=False), 0o444),
    "on a machine that is read-only altogether": file(Mount(Path("/"), "ext4", is_read_only=True), 0o444),
    "in a home that is read-only": file(Mount(Path("/home"), "nfs", is_read_only=True), 0o644, owner=US),
    "where no mount is known": file(None, 0o444),
}  # fmt: skip


@pytest.mark.parametrize("name", TAKEN)
def test_what_was_handed_over_is_taken(name: str) -> None:
    assert is_handed_over(TAKEN[name], US, {OURS}, HOME)


@pytest.mark.parametrize("name", REFUSED)
def test_what_others_can_read_or_replace_is_refused(name: str) -> None:
    assert not is_handed_over(REFUSED[name], US, {OURS}, HOME)


def test_roots_own_open_file_is_refused_to_root_too() -> None:
    assert not is_handed_over(file(AT_HOME, 0o640), ROOT, {ROOT}, Path("/root"))


MOUNTS = r"""
22 27 0:21 / / rw,relatime - overlay overlay rw
30 22 0:30 / /run rw,nosuid - tmpfs tmpfs rw
31 30 0:31 / /run/my\040secrets ro,relatime shared:5 - tmpfs tmpfs rw,size=1024k
32 22 0:32 / /run/my\040secrets/over rw - ext4 /dev/sda1 ro
"""


@pytest.mark.parametrize(
    ("path", "point", "read_only"),
    [
        ("/etc/key", "/", False),
        ("/run/key", "/run", False),
        ("/run/my secrets/key", "/run/my secrets", True),
        ("/run/my secrets/over/key", "/run/my secrets/over", True),
        ("/run/my secretsX/key", "/run", False),
    ],
)
def test_a_file_lies_on_the_nearest_mount(path: str, point: str, read_only: bool) -> None:
    found = mount_of(Path(path), MOUNTS)
    assert (found.point, found.is_read_only) == (Path(point), read_only)


MOUNTED = """
import sys
from pathlib import Path
from sfsync.auth.own_file import read_own
print(read_own(Path(sys.argv[1])))
"""


def may_mount() -> bool:
    if os.geteuid() != 0:
        return False
    return subprocess.run(["unshare", "-m", "true"], check=False).returncode == 0


@pytest.mark.skipif(not may_mount(), reason="may not mount")
@pytest.mark.parametrize("options", ["ro", "rw"])
def test_a_secret_on_a_real_mount_is_read(tmp_path: Path, options: str) -> None:
    folder = tmp_path / "secrets"
    folder.mkdir()
    script = (
        f"mount -t tmpfs -o mode=755 tmpfs {folder} && echo the-key > {folder}/key && chmod 444 {folder}/key"
        f" && mount -o remount,{options} {folder} && {sys.executable} -c '{MOUNTED}' {folder}/key"
    )
    done = subprocess.run(
        ["unshare", "-m", "sh", "-c", script],
        capture_output=True,
        text=True,
        env=os.environ | {"HOME": "/root"},
        check=False,
    )
    assert done.stdout.strip() == "the-key", done.stderr


def test_the_same_file_without_a_mount_is_refused(tmp_path: Path) -> None:
    key = tmp_path / "key"
    key.write_text("the-key")
    key.chmod(0o444)
    with pytest.raises(UnusableFileError, match="0444"):
        read_own(key)
