"""Python runs this at its start where the folder is on PYTHONPATH: it notes whom the process calls or looks up."""

import os
import sys

WATCHED = {"socket.connect", "socket.sendto", "socket.sendmsg", "socket.getaddrinfo", "socket.gethostbyname",
           "socket.gethostbyaddr"}  # fmt: skip
NOTES = os.open(os.environ["WATCH_NOTES"], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)


def note(event: str, given: tuple[object, ...]) -> None:
    if event in WATCHED:
        place = given[1] if event in ("socket.connect", "socket.sendto", "socket.sendmsg") else given[0]
        host = place[0] if isinstance(place, tuple) else place  # of a Unix socket it is a path
        os.write(NOTES, f"{event}\t{host}\n".encode())


sys.addaudithook(note)
