"""P1 to P8: what importing a plugin does, and what its module holds."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from types import ModuleType

from huracan import API_VERSION
from huracan.plugin.manager import Plugins
from huracan.plugin.status import PluginStatus
from huracan.testing.plugin_rules.probing import Probed, Step, probe
from huracan.testing.plugin_rules.subject import HOOKS, Subject
from huracan.testing.rules import NotAskedError, Rule

__all__ = ["HEAVY", "IMPORTED", "LIBRARIES", "importing_rules"]

HEAVY = (
    "boto3", "botocore", "cassandra", "catboost", "ccxt", "dask", "dropbox", "google", "httpx", "jax", "lightgbm",
    "matplotlib", "numba", "numpy", "optuna", "pandas", "paramiko", "plotly", "polars", "pyarrow", "ray", "requests",
    "scipy", "sklearn", "statsmodels", "talib", "telegram", "tensorflow", "torch", "transformers", "weasyprint",
    "xgboost",
)  # fmt: skip
"""Libraries that cost the daemon and every command their time and memory where a hook loads them."""

LIBRARIES = (
    *HEAVY, "aiohttp", "alembic", "apscheduler", "asyncio", "jinja2", "psutil", "pydantic", "pydantic_settings", "rich",
    "sqlalchemy", "ssl", "yaml",
)  # fmt: skip
"""What the import of a plugin must not load: ``huracan --help`` imports every plugin."""

IMPORTED = frozenset({"__future__", "collections.abc", "typing", "huracan", "huracan.types"})
"""What a plugin's own module may import outside of its functions."""

ASKED_OFTEN = frozenset(HOOKS) - {
    "huracan_universe_rules", "huracan_features", "huracan_trainers", "huracan_gates", "huracan_exports",
    "huracan_backup_sources", "huracan_report_sections",
}  # fmt: skip
"""Hooks that the command line or the daemon asks: what they load, print or touch they do there. The others are asked
in the process of a job."""


def importing_rules(subject: Subject, import_seconds: float, answer_seconds: float) -> Iterator[Rule]:
    """Yield P1 to P8, in order."""
    check = _Check(subject, import_seconds, answer_seconds)
    yield "P1", "can be imported", check.imports
    yield "P2", "is imported at once", check.imports_at_once
    yield "P3", "prints nothing", check.prints_nothing
    yield "P4", "loads no library", check.loads_no_library
    yield "P5", "touches nothing", check.touches_nothing
    yield "P6", "its module holds hooks only", check.holds_hooks_only
    yield "P7", "hooks are hooks", check.hooks_are_hooks
    yield "P8", "says its API", check.says_its_api


class _Check:
    def __init__(self, subject: Subject, import_seconds: float, answer_seconds: float) -> None:
        self._subject, self._import_seconds, self._answer_seconds = subject, import_seconds, answer_seconds

    @cached_property
    def _probed(self) -> Probed:
        name = self._subject.module_name
        if name is None:
            raise NotAskedError("it is no installed plugin, and no other process can import it")
        limit = self._import_seconds + self._answer_seconds
        return probe(name, sorted(ASKED_OFTEN), LIBRARIES, limit)

    @property
    def _imported(self) -> Step:
        return self._probed.steps.get("import", Step())

    def imports(self) -> str | None:
        if self._subject.module_name is not None:
            probed, step = self._probed, self._imported
            if step.error:
                self._subject.unusable = f"importing it raises {step.error}"
            elif step.seconds is None:
                self._subject.unusable = f"importing it does not end well: {probed.ended}"
            elif probed.ended:
                self._subject.hanging = {probed.last: probed.ended}
            if self._subject.unusable:
                return self._subject.unusable
        try:
            _ = self._subject.module
        except NotAskedError as error:
            return str(error)
        return None

    def imports_at_once(self) -> str | None:
        seconds = self._imported.seconds
        if seconds is None or self._subject.unusable:
            raise NotAskedError("it cannot be imported")
        limit = self._import_seconds
        return f"importing it takes {seconds:.1f} s, longer than {limit:g} s" if seconds > limit else None

    def prints_nothing(self) -> str | None:
        said = self._probed.printed
        if self._subject.unusable:
            raise NotAskedError("it cannot be imported")
        return f"it prints {said[:200]!r} while it is imported or asked" if said else None

    def loads_no_library(self) -> str | None:
        if self._subject.unusable:
            raise NotAskedError("it cannot be imported")
        found = []
        if self._imported.loaded:
            found.append(f"importing it loads {', '.join(self._imported.loaded)}")
        for hook, step in self._probed.steps.items():
            heavy = [each for each in step.loaded if each in HEAVY and hook != "import"]
            if heavy:
                found.append(f"{hook} loads {', '.join(heavy)}")
        return f"{'; '.join(found)}: import it where it is used" if found else None

    def touches_nothing(self) -> str | None:
        if self._subject.unusable:
            raise NotAskedError("it cannot be imported")
        return "; ".join(f"it {each}" for each in self._probed.touched) or None

    def holds_hooks_only(self) -> str | None:
        odd = list(_odd_lines(self._subject.module))
        return "; ".join(odd[:5]) or None

    def hooks_are_hooks(self) -> str | None:
        module = self._subject.module
        named = dict(inspect.getmembers(module, callable))
        hooks = {name: each for name, each in named.items() if name.startswith("huracan_")}
        if not hooks:
            return "it implements no hook"
        for name, function in hooks.items():
            if name not in HOOKS:
                return f"{name} is no hook of Huracan"
            if not hasattr(function, "huracan_impl"):
                return f"{name} is not marked with @hookimpl"
            if inspect.signature(function).parameters:
                return f"{name} takes arguments; hooks of Huracan take none"
        return None

    def says_its_api(self) -> str | None:
        module = self._subject.module
        if not hasattr(module, "HURACAN_API"):
            return f"its module does not say HURACAN_API = {API_VERSION}, the contract that it is made for"
        (info,) = Plugins([self._subject.entry]).infos()
        return info.error if info.status is PluginStatus.INCOMPATIBLE else None


def _odd_lines(module: ModuleType) -> Iterator[str]:
    """Yield what stands in a plugin's main file and belongs into another one."""
    try:
        path = Path(inspect.getfile(module))
        tree = ast.parse(path.read_bytes())
    except (TypeError, OSError, SyntaxError):
        raise NotAskedError("its source cannot be read") from None
    for node in tree.body:
        if (what := _oddity(node)) is not None:
            yield f"{path.name} line {node.lineno}: {what}"


def _oddity(node: ast.stmt) -> str | None:
    match node:
        case ast.Expr(value=ast.Constant()) | ast.Assign() | ast.AnnAssign() if not _calls(node):
            return None
        case ast.Import(names=names):
            odd = sorted({each.name for each in names} - IMPORTED)
            return f"imports {', '.join(odd)}; import it inside the function" if odd else None
        case ast.ImportFrom(module=name, level=level):
            shown = f"{'.' * level}{name or ''}"
            return None if shown in IMPORTED else f"imports {shown}; import it inside the function"
        case ast.If(test=ast.Name(id="TYPE_CHECKING")):
            return None
        case ast.FunctionDef(name=name):
            private = name.startswith(("huracan_", "_"))
            return None if private else f"{name} is neither a hook nor a private helper of one; move it"
        case ast.ClassDef(name=name):
            return f"class {name}; move it to a module of its own"
    return f"{type(node).__name__.lower()}: the module does something while it is imported"


def _calls(node: ast.stmt) -> bool:
    return any(isinstance(each, ast.Call) for each in ast.walk(node))
