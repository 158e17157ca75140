"""Hangs in its import, and listens to nobody."""

import contextlib
import time

while True:
    with contextlib.suppress(BaseException):
        time.sleep(60)
