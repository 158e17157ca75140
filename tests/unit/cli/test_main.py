"""The command line as a person or a program meets it: help, mistakes, bugs, exit codes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from huracan.cli import commands
from huracan.cli.failures import guarded
from huracan.cli.help import EXIT_CODES
from huracan.errors import ExitCode, LockedError, StopRequested, TryAgainError
from huracan.types import Command

Run = Callable[..., "subprocess.CompletedProcess[str]"]

FORBIDDEN = (
    "alembic", "apscheduler", "lightgbm", "numpy", "polars", "psutil", "pydantic", "pydantic_settings", "rich",
    "sqlalchemy", "talib", "yaml", "huracan.cli.run", "huracan.cli.status", "huracan.app", "huracan.config",
    "huracan.store", "huracan.logs", "asyncio", "jinja2", "huracan.authoring",
)  # fmt: skip


def test_help_lists_every_command_and_every_exit_code(huracan: Run) -> None:
    done = huracan("--help")
    assert done.returncode == 0
    for command in commands.BUILT_IN:
        assert f"  {command.name}" in done.stdout
        assert command.help in done.stdout
    for code, text in EXIT_CODES.items():
        assert f"{int(code):>3}  {text}" in done.stdout
    assert "not working" not in done.stdout


def test_help_loads_no_library_and_no_command() -> None:
    code = (
        "import sys\nfrom huracan.cli.main import main\nmain(['--help'])\n"
        f"print([name for name in {FORBIDDEN!r} if name in sys.modules], file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True)
    assert done.stderr.strip() == "[]"


def test_every_exit_code_has_a_meaning() -> None:
    assert set(ExitCode) <= set(EXIT_CODES)


@pytest.mark.parametrize("command", commands.BUILT_IN, ids=lambda command: command.name)
def test_every_command_explains_itself(huracan: Run, command: Command) -> None:
    done = huracan(command.name, "--help")
    assert done.returncode == 0
    assert f"usage: huracan {command.name}" in done.stdout
    assert "--config" in done.stdout


def test_no_command_prints_the_help_and_is_a_mistake(huracan: Run) -> None:
    done = huracan()
    assert done.returncode == 2
    assert "usage: huracan" in done.stderr
    assert done.stdout == ""


def test_the_version_is_printed(huracan: Run) -> None:
    from huracan import __version__

    assert huracan("--version").stdout == f"huracan {__version__}\n"


def test_a_misspelt_command_is_told_the_nearest_one(huracan: Run) -> None:
    done = huracan("sttus")
    assert done.returncode == 2
    assert done.stderr == "huracan: there is no command `sttus`; did you mean `status`?\n"


def test_a_wrong_option_is_one_line_and_exit_code_2(huracan: Run) -> None:
    done = huracan("history", "--limit", "none")
    assert done.returncode == 2
    assert done.stderr == (
        "huracan: argument --limit: 'none' is not a whole number of at least 1; see `huracan history --help`\n"
    )


def test_common_options_are_understood_before_and_after_the_command(huracan: Run, settings_file: Path) -> None:
    second = settings_file.with_name("more.yaml")
    second.write_text("logging: {level: warning}\n", "utf-8")
    done = huracan("-c", str(settings_file), "settings", "show", "--json", "-c", str(second))
    assert done.returncode == 0, done.stderr
    values = {entry["name"]: entry for entry in json.loads(done.stdout)["settings"]}
    assert values["exchange.name"]["value"] == "simulated"
    assert values["logging.level"]["value"] == "warning"
    assert values["logging.level"]["origin"] == f"{second}:1"


def test_a_missing_settings_file_is_one_line_and_with_json_an_object(huracan: Run) -> None:
    done = huracan("-c", "gone.yaml", "settings", "show", "--json")
    assert done.returncode == 2
    assert done.stderr == "huracan: gone.yaml: cannot be read: No such file or directory\n"
    assert json.loads(done.stdout) == {
        "error": {
            "kind": "SettingsError",
            "message": "gone.yaml: cannot be read: No such file or directory",
            "exit_code": 2,
        }
    }


# ------------------------------------------------------------------------------------------------- commands of plugins


def test_a_plugins_command_is_listed_with_its_owner_and_runs(
    huracan: Run, stranger_path: str, mishap_path: str, settings_file: Path
) -> None:
    both = os.pathsep.join([stranger_path, mishap_path])
    listed = huracan("--help", PYTHONPATH=both).stdout
    assert "show how long the last nights took [plugin stranger]" in listed
    assert "say hello, or fail [plugin mishap]" in listed
    assert huracan("mishap", "--name", "Ada", PYTHONPATH=both).stdout == "hello Ada\n"
    told = huracan("-c", str(settings_file), "stranger", "--json", PYTHONPATH=both)
    assert json.loads(told.stdout) == {"nights": []}


def test_plugins_only_set_but_empty_loads_none(huracan: Run, stranger_path: str) -> None:
    help_text = huracan("--help", PYTHONPATH=stranger_path, HURACAN_PLUGINS_ONLY="").stdout
    assert "[plugin" not in help_text
    only = huracan("--help", PYTHONPATH=stranger_path, HURACAN_PLUGINS_ONLY="stranger").stdout
    assert only.count("[plugin") == 1


def test_the_command_of_a_plugin_that_is_switched_off_is_refused(
    huracan: Run, stranger_path: str, settings_file: Path
) -> None:
    settings_file.write_text("plugins: {disable: [stranger]}\n", "utf-8")
    done = huracan("-c", str(settings_file), "stranger", PYTHONPATH=stranger_path)
    assert done.returncode == 2
    assert "belongs to plugin stranger, which the settings switch off" in done.stderr


def test_a_plugin_cannot_take_the_name_of_a_built_in_command(huracan: Run, tmp_path: Path) -> None:
    _install(tmp_path, "thief", 'Command("status", "mine now", "thief.status")')
    done = huracan("--help", PYTHONPATH=str(tmp_path))
    assert "mine now" not in done.stdout
    assert "plugin thief: its command status is refused, huracan has one of that name" in done.stdout


def test_two_strangers_with_one_command_name_both_lose_it(huracan: Run, tmp_path: Path) -> None:
    _install(tmp_path, "first", 'Command("both", "from first", "first.both")')
    _install(tmp_path, "second", 'Command("both", "from second", "second.both")')
    done = huracan("--help", PYTHONPATH=str(tmp_path))
    assert "from first" not in done.stdout
    assert "from second" not in done.stdout
    assert "the command both of plugin first is refused, plugin second has one of that name" in done.stdout


def test_a_plugin_that_cannot_be_imported_is_named_and_stops_nothing(huracan: Run, tmp_path: Path) -> None:
    _install(tmp_path, "broken", "")
    (tmp_path / "broken" / "__init__.py").write_text("raise SystemExit('bye')\n", "utf-8")
    done = huracan("--help", PYTHONPATH=str(tmp_path))
    assert done.returncode == 0
    assert "plugin broken (broken): bad-import: SystemExit: bye" in done.stdout
    assert done.stderr == ""


def _install(folder: Path, name: str, command: str) -> None:
    (folder / name).mkdir()
    (folder / name / "__init__.py").write_text(
        "from huracan import hookimpl\nfrom huracan.types import Command\n\n"
        f"@hookimpl\ndef huracan_commands():\n    return [{command}]\n",
        "utf-8",
    )
    metadata = folder / f"{name}-1.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n", "utf-8")
    (metadata / "entry_points.txt").write_text(f"[huracan]\n{name} = {name}\n", "utf-8")


# ----------------------------------------------------------------------------------------------------- what goes wrong


def test_a_mistake_inside_a_command_is_one_line(huracan: Run, mishap_path: str) -> None:
    done = huracan("mishap", "--fail", "usage", PYTHONPATH=mishap_path)
    assert done.returncode == 2
    assert done.stderr == "huracan: the plugin does not know what to do; say --name\n"


def test_a_bug_prints_a_traceback_and_exit_code_1(huracan: Run, mishap_path: str) -> None:
    done = huracan("mishap", "--fail", "bug", PYTHONPATH=mishap_path)
    assert done.returncode == 1
    assert "Traceback" in done.stderr
    assert "RuntimeError: the plugin stumbled" in done.stderr


def test_ctrl_c_is_130_without_a_traceback(huracan: Run, mishap_path: str) -> None:
    done = huracan("mishap", "--fail", "interrupt", PYTHONPATH=mishap_path)
    assert done.returncode == 130
    assert "Traceback" not in done.stderr


def test_a_reader_that_goes_away_is_no_error(stranger_path: str) -> None:
    command = f'"{sys.executable}" -m huracan --help | true; echo "${{PIPESTATUS[0]}}"'
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "0"
    assert done.stderr == ""


@pytest.mark.parametrize("command", ["plugins", "status"])
def test_a_reader_of_a_table_that_goes_away_is_no_error(command: str, settings_file: Path) -> None:
    line = f'"{sys.executable}" -m huracan -c "{settings_file}" {command} | true; echo "${{PIPESTATUS[0]}}"'
    done = subprocess.run(["bash", "-c", line], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "0"
    assert done.stderr == ""


def test_a_closed_output_is_no_bug(settings_file: Path) -> None:
    line = f'"{sys.executable}" -m huracan -c "{settings_file}" status >&-'
    done = subprocess.run(["bash", "-c", line], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_a_terminal_without_unicode_gets_what_it_can_show(huracan: Run, settings_file: Path) -> None:
    settings_file.write_text("workspace: ./caf\u00e9\n", "utf-8")
    done = huracan("-c", str(settings_file), "status", PYTHONIOENCODING="ascii")
    assert (done.returncode, done.stderr) == (0, "")
    assert "caf?" in done.stdout


@pytest.mark.parametrize(
    "arguments",
    [("history", "--limit", "9" * 30), ("results", "--date", "x"), ("run", "nightly", "--as-of", "0001-01-01")],
)
def test_an_odd_value_of_an_option_is_no_bug(huracan: Run, settings_file: Path, arguments: tuple[str, ...]) -> None:
    done = huracan("-c", str(settings_file), *arguments)
    assert done.returncode in (0, 2)
    assert "Traceback" not in done.stderr
    assert "fromisoformat" not in done.stderr


@pytest.mark.parametrize(
    ("raised", "code"), [(LockedError("held"), 5), (TryAgainError("away"), 75), (StopRequested(), 130)]
)
def test_every_kind_of_error_has_its_exit_code(
    raised: BaseException, code: int, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail() -> int:
        raise raised

    assert guarded(fail, as_json=False) == code
    assert capsys.readouterr().err.startswith("huracan: ")


def test_secrets_are_masked_in_the_traceback_of_a_bug(capsys: pytest.CaptureFixture[str]) -> None:
    from huracan import logs

    logs.register_secret("s3cr3t-token")

    def fail() -> int:
        raise RuntimeError("cannot send with s3cr3t-token")

    assert guarded(fail, as_json=True) == 1
    shown = capsys.readouterr()
    assert "s3cr3t-token" not in shown.err + shown.out
    assert json.loads(shown.out)["error"]["exit_code"] == 1


def test_a_database_in_memory_is_refused_before_a_night_begins(huracan: Run, settings_file: Path) -> None:
    done = huracan("-c", str(settings_file), "run", "nightly", HURACAN_DATABASE="sqlite://")
    assert (done.returncode, done.stdout) == (2, "")
    assert "lost between processes" in done.stderr
