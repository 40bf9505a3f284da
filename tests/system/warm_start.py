"""The installed command, started from an interpreter that has loaded it already.

Most of the half second that a command takes is the loading of its modules. A server loads them once
per worker, and forks a process for each command: with its caller's standard streams, folder,
environment and umask, through the same entry. ``warm_client`` stands between it and the test.

What is about the start itself, a terminal, a process list or a kill runs ``sfsync`` as it is
installed.
"""

import atexit
import gc
import importlib
import json
import os
import pkgutil
import select
import signal
import socket
import subprocess
import sys
import time
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory, mkdtemp
from typing import NoReturn

# What a command loads in the middle of its work, because not every command needs it.
LOADED_WHEN_NEEDED = (
    "encodings.utf_8_sig", "idna", "keyring", "platformdirs", "pydantic.type_adapter", "rich.console",
    "rich.progress", "rich.table", "simple_salesforce",
)  # fmt: skip
CLIENT = str(Path(__file__).with_name("warm_client.py"))


@cache
def warm_sfsync() -> list[str]:
    """The words that start a command; the server is started with the first, and ends with this process."""
    path = Path(mkdtemp(prefix="sfsync-warm-")) / "socket"
    server = subprocess.Popen(
        [sys.executable, __file__, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=_plain()
    )  # fmt: skip
    assert server.stdin is not None
    assert server.stdout is not None
    assert server.stdout.readline() == b"ready\n"

    def end() -> None:
        server.stdin.close()
        server.stdout.close()
        server.wait()
        path.unlink()
        path.parent.rmdir()

    atexit.register(end)
    return [sys.executable, "-I", "-S", CLIENT, str(path)]


def _plain() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith("SFSYNC_")}


def serve(path: str) -> None:
    """Give every client its process, until stdin ends."""
    load()
    gc.collect()
    gc.freeze()
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for an attendant
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(path)
        listener.listen(32)
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        while listener in select.select([listener, sys.stdin], [], [])[0]:
            client, _ = listener.accept()
            if os.fork() == 0:
                listener.close()
                attend(client)
            client.close()


def load() -> None:
    """Load every module of sfsync and build its commands, as the first command would."""
    import sfsync
    from sfsync.cli.app import command_tree

    for module in pkgutil.walk_packages(sfsync.__path__, "sfsync."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)
    for module in LOADED_WHEN_NEEDED:
        importlib.import_module(module)
    command_tree()
    read_a_configuration()


def read_a_configuration() -> None:
    """The first one that is read builds what checks a configuration; the next ones have it."""
    from sfsync.config.file import example_config, load_config

    with TemporaryDirectory() as folder:
        path = Path(folder) / "sfsync.yaml"
        path.write_text(example_config(), encoding="utf-8")
        load_config(path, {"SFSYNC_CLIENT_ID": "an app"}, "default")


def attend(client: socket.socket) -> None:
    """Start the command, tell the client its process and how it ended; a client that is gone ends it."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    size, streams, _, _ = socket.recv_fds(client, 4, 3)
    body = b""
    while len(body) < int.from_bytes(size, "big"):
        body += client.recv(1 << 16)
    pid = os.fork()
    if pid == 0:
        client.close()
        become(streams, *json.loads(body))
        return
    client.sendall(pid.to_bytes(4, "big"))
    ended = os.pidfd_open(pid)
    if ended not in select.select([ended, client], [], [])[0]:
        os.kill(pid, signal.SIGKILL)
    _, status = os.waitpid(pid, 0)
    try:
        client.sendall(status.to_bytes(4, "big"))
    finally:
        os._exit(0)


def become(
    streams: list[int], arguments: list[str], folder: str, environ: dict[str, str], umask: int
) -> None:
    """Be the command: what follows in this process is what ``sfsync`` does when it is started."""
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
        os.close(stream)
    sys.stdin = os.fdopen(0, encoding="utf-8")
    sys.stdout = os.fdopen(1, "w", encoding="utf-8")
    sys.stderr = os.fdopen(2, "w", encoding="utf-8", errors="backslashreplace")
    os.chdir(folder)
    os.umask(umask)
    os.environ.clear()
    os.environ.update(environ)
    time.tzset()  # as a process that starts reads it
    sys.argv = ["sfsync", *arguments]
    from sfsync.cli.entry import main

    try:
        main()
    except SystemExit as ended:
        end(ended.code)


def end(code: object) -> NoReturn:
    """End as Python does, but leave the memory as it is: to tidy what the server loaded takes longer than most commands."""
    assert code is None or isinstance(code, int), code
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code or 0)


if __name__ == "__main__":
    serve(sys.argv[1])
