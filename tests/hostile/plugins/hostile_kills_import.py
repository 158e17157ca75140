"""Kills its process group while it is imported."""

import os
import signal

os.killpg(0, signal.SIGKILL)
