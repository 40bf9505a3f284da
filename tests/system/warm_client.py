"""Has a command run by ``warm_start``'s server: ``python warm_client.py SOCKET ARGUMENTS``.

It is the child that a test waits for: it hands over its streams, folder, environment and umask,
passes signals on, and ends as the command ended. Imports nothing that is slow.
"""

import json
import os
import signal
import socket
import sys


def call(path: str, arguments: list[str]) -> int:
    """Have the server run the command; gives its status, as ``os.waitpid`` does."""
    umask = os.umask(0)
    os.umask(umask)
    command = [arguments, os.getcwd(), dict(os.environ), umask]  # noqa: PTH109  pathlib takes longer to load than all the rest
    body = json.dumps(command).encode()
    with socket.socket(socket.AF_UNIX) as server:
        server.connect(path)
        socket.send_fds(server, [len(body).to_bytes(4, "big")], [0, 1, 2])
        server.sendall(body)
        pid = int.from_bytes(server.recv(4), "big")
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, lambda caught, _: os.kill(pid, caught))
        return int.from_bytes(server.recv(4), "big")


def end_like(status: int) -> None:
    """End this process as the command ended: by its exit code or by its signal."""
    if os.WIFSIGNALED(status):
        number = os.WTERMSIG(status)
        if number != signal.SIGKILL:
            signal.signal(number, signal.SIG_DFL)
        os.kill(os.getpid(), number)
    sys.exit(os.waitstatus_to_exitcode(status))


if __name__ == "__main__":
    end_like(call(sys.argv[1], sys.argv[2:]))
