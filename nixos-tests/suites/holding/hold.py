"""Holds whoever opens one of these files, until this process ends: hold.py FILE...

The kernel asks whoever watches a file with fanotify whether it may be opened, and lets it
be opened once nobody is there to answer. Tells systemd when it watches, and when somebody
is held.
"""

import ctypes
import os
import signal
import socket
import sys

FAN_CLASS_CONTENT = 0x4
FAN_MARK_ADD = 0x1
FAN_OPEN_PERM = 0x10000
AT_FDCWD = -100
EVENT = 24

libc = ctypes.CDLL(None, use_errno=True)


def checked(result):
    if result < 0:
        raise OSError(ctypes.get_errno(), "fanotify")
    return result


def tell(state):
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.sendto(state.encode(), os.environ["NOTIFY_SOCKET"])


watch = checked(libc.fanotify_init(FAN_CLASS_CONTENT, os.O_RDONLY))
for file in sys.argv[1:]:
    mask = ctypes.c_uint64(FAN_OPEN_PERM)
    checked(libc.fanotify_mark(watch, FAN_MARK_ADD, mask, AT_FDCWD, os.fsencode(file)))
tell("READY=1")
os.read(watch, EVENT)
tell("STATUS=held")
signal.pause()
