"""The system's lock on an open file; it ends when the handle is closed or its process ends, however that ends."""

from __future__ import annotations

import os
import sys

# Windows lets nobody read a locked byte; this one lies behind everything that is written.
_LOCKED_BYTE = 1 << 20

if sys.platform == "win32":
    import msvcrt

    def lock_handle(handle: int, *, wait: bool = False) -> None:
        """Lock the file. Raises OSError when another handle has it (with ``wait`` after ten seconds)."""
        place = os.lseek(handle, 0, os.SEEK_CUR)
        os.lseek(handle, _LOCKED_BYTE, os.SEEK_SET)
        msvcrt.locking(handle, msvcrt.LK_LOCK if wait else msvcrt.LK_NBLCK, 1)
        os.lseek(handle, place, os.SEEK_SET)

else:
    import fcntl

    def lock_handle(handle: int, *, wait: bool = False) -> None:
        """Lock the file. Raises OSError when another handle has it, and none with ``wait``, which waits for it."""
        # Not lockf: its locks end when any handle of the file is closed, and do not keep threads apart.
        fcntl.flock(handle, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
