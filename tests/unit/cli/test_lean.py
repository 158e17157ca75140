"""A daemon without OpenSSL: smaller, and nobody misses it."""

from __future__ import annotations

import subprocess
import sys

LOOK = """
import sys
from huracan.lean import import_core
import_core()
print("libcrypto" in open("/proc/self/maps").read(), "huracan.daemon" in sys.modules)
import hashlib, ssl
print(ssl.create_default_context().verify_mode.name, hashlib.sha256(b"huracan").hexdigest()[:8])
"""


def look(code: str) -> list[str]:
    done = subprocess.run([sys.executable, "-P", "-c", code], capture_output=True, text=True, check=True)
    return done.stdout.splitlines()


def test_the_core_is_loaded_without_openssl_and_a_plugin_that_imports_ssl_gets_it() -> None:
    without, with_it = look(LOOK)
    assert without == "False True"
    assert with_it == "CERT_REQUIRED 6eded4e4"


def test_what_is_loaded_already_stays() -> None:
    code = "import ssl, sys\nfrom huracan.lean import without_openssl\n"
    [known] = look(f"{code}with without_openssl(): print(sys.modules['ssl'] is ssl)")
    assert known == "True"


def test_it_is_the_same_command() -> None:
    done = subprocess.run(
        [sys.executable, "-P", "-m", "huracan.lean", "--version"], capture_output=True, text=True, check=True
    )
    assert done.stdout.startswith("huracan ")
