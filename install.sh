#!/usr/bin/env bash
# Installs Huracan: into .venv beside this file for the demo night and the tests, or as services of the whole machine.
# Can be run again at any time.
set -euo pipefail

root="$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd -P)"
readonly root
readonly venv="$root/.venv"
readonly python="$venv/bin/python"

usage() {
  cat <<'TEXT'
usage: ./install.sh demo [DIR]   install, then play one night on the simulated exchange in DIR (default: ./demo)
       ./install.sh test         install with what the tests need, then run all checks and the whole test suite
       ./install.sh --help       print this

as root, on Debian 12 or Ubuntu 24.04 and newer:
       ./install.sh install [--settings FILE]   install as services of systemd, or mend what is not as it should be
       ./install.sh upgrade [--now]             install this checkout beside what runs, test it, switch; go back if it fails
       ./install.sh uninstall [--purge]         remove services and program; --purge: models, ledger and settings as well
With --dry-run they say what they would do, and touch nothing. See docs/how-to/install.md.

For demo and test, everything goes into .venv beside this file, at the versions of constraints.txt; only PyPI is needed. What the system
lacks (Python 3.11 or newer with venv, libgomp1; for the tests PostgreSQL, ShellCheck and, in CI, OpenSSH) is installed
with apt-get when this runs as root. Otherwise the command to type is printed. Nothing else of the system is touched.

environment: PYTHON   the Python to build .venv with (default: the first good one of python3, python3.14 ... python3.11)
TEXT
}

say() { printf 'install.sh: %s\n' "$*" >&2; }

die() {
  say "$@"
  exit 1
}

# ------------------------------------------------------------------------------------------------------ system packages

apt_update() {
  DEBIAN_FRONTEND=noninteractive apt-get update -qq </dev/null >&2 || say "apt-get update failed; trying with the lists at hand"
}

apt_install() {
  say "installing $* with apt-get"
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" </dev/null >&2
}

may_use_apt() { ((EUID == 0)) && command -v apt-get >/dev/null; }

# --------------------------------------------------------------------------------------------------------------- Python

is_new_enough() { "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; }
can_make_venv() { "$1" -c 'import ensurepip, venv' >/dev/null 2>&1; }

# Print the first Python that is new enough and can make virtual environments.
find_python() {
  local candidate
  for candidate in ${PYTHON:+"$PYTHON"} python3 python3.14 python3.13 python3.12 python3.11; do
    if command -v "$candidate" >/dev/null && is_new_enough "$candidate" && can_make_venv "$candidate"; then
      command -v "$candidate"
      return 0
    fi
  done
  return 1
}

# Print the newest versioned Python that apt offers, for systems whose python3 is too old (Ubuntu 22.04).
newest_offered() {
  local version
  for version in 3.14 3.13 3.12 3.11; do
    if [[ -n "$(apt-cache policy "python$version-venv" 2>/dev/null | sed -n 's/^ *Candidate: *\([0-9].*\)/\1/p')" ]]; then
      printf 'python%s\n' "$version"
      return 0
    fi
  done
  return 1
}

packages_for_python() {
  local newest
  if command -v python3 >/dev/null && is_new_enough python3; then
    # Debian's venv needs ensurepip of exactly this Python.
    printf 'python3-venv'
  elif command -v python3 >/dev/null && newest="$(newest_offered)"; then
    printf '%s %s-venv' "$newest" "$newest"
  else
    printf 'python3 python3-venv'
  fi
}

require_python() {
  local found newest
  local -a packages
  if found="$(find_python)"; then
    printf '%s\n' "$found"
    return 0
  fi
  if may_use_apt; then
    apt_update
    read -ra packages <<<"$(packages_for_python)"
    apt_install "${packages[@]}" || die "apt-get could not install ${packages[*]}"
    if ! found="$(find_python)" && newest="$(newest_offered)"; then
      apt_install "$newest" "$newest-venv" || die "apt-get could not install $newest"
      found="$(find_python)" || true
    fi
    [[ -n "$found" ]] || die "this system offers no Python 3.11 or newer; install one and set PYTHON=/path/to/python"
    printf '%s\n' "$found"
    return 0
  fi
  say "Python 3.11 or newer with venv is missing. Type this, then start again:"
  die "  sudo apt-get update && sudo apt-get install -y $(packages_for_python)"
}

require_libgomp() {
  "$1" -c 'import ctypes; ctypes.CDLL("libgomp.so.1")' >/dev/null 2>&1 && return 0
  if may_use_apt; then
    apt_update
    apt_install libgomp1 || die "apt-get could not install libgomp1, which LightGBM needs"
    return 0
  fi
  say "libgomp.so.1 is missing, LightGBM needs it. Type this, then start again:"
  die "  sudo apt-get update && sudo apt-get install -y libgomp1"
}

# ---------------------------------------------------------------------------------------------------- virtual environment

# Say what an up-to-date installation was made from: any change of it means installing again.
fingerprint() {
  {
    cat "$root/pyproject.toml" "$root/constraints.txt"
    printf '%s %s ' "$root" "$1"
    "$python" --version
  } | sha256sum | cut -d' ' -f1
}

# A virtual environment cannot be moved: one that was made in another folder is made anew.
venv_is_good() {
  [[ -x "$python" ]] && is_new_enough "$python" && "$python" -m pip --version >/dev/null 2>&1 || return 1
  [[ ! -f "$venv/huracan-home" || "$(cat "$venv/huracan-home")" == "$root" ]]
}

# install_package WHAT: "" for running, "[test]" for the tests. A stamp per set makes the second call quick.
install_package() {
  local stamp base
  base="$(require_python)"
  require_libgomp "$base"
  if ! venv_is_good; then
    say "making $venv with $base"
    "$base" -m venv --clear "$venv"
    printf '%s\n' "$root" >"$venv/huracan-home"
  fi
  stamp="$venv/huracan-installed${1//[^a-z]/-}"
  if [[ -f "$stamp" && "$(cat "$stamp")" == "$(fingerprint "$1")" ]]; then
    return 0
  fi
  say "installing Huracan and what it needs from PyPI (some minutes the first time)"
  (cd -- "$root" && "$python" -m pip install --quiet --disable-pip-version-check --use-pep517 --no-compile \
    -c constraints.txt -e ".$1") || die "pip could not install; see above. Is PyPI reachable from here?"
  # pip would do it on one processor. The tests leave it to what they load, which is less than half of all.
  [[ -n "$1" ]] || "$python" -m compileall -qq -j 0 "$venv/lib" || true
  fingerprint "$1" >"$stamp"
}

# ---------------------------------------------------------------------------------------------------------------- demo

write_demo_settings() {
  cat >"$1.tmp" <<'TEXT'
# The demo night: a simulated exchange, no account, key or network. See etc/settings.yaml for everything there is.
workspace: .
exchange: {name: simulated}
universe: {quote: USDT, top: 20}
candles: {timeframe: 1h, days: 730}
training: {mode: hybrid}
TEXT
  mv -- "$1.tmp" "$1"
}

demo() {
  local folder="${1:-demo}" code=0
  install_package ""
  mkdir -p -- "$folder"
  folder="$(cd -- "$folder" && pwd -P)"
  [[ -e "$folder/settings.yaml" ]] || write_demo_settings "$folder/settings.yaml"
  "$python" -m huracan -c "$folder/settings.yaml" run nightly || code=$?
  if ((code == 4)); then
    # Nothing to do: today's night was played already. Show what came of it.
    "$python" -m huracan -c "$folder/settings.yaml" results
    code=0
  fi
  ((code != 0 && code != 3)) || say "look around with: $(printf '%q' "$venv/bin/huracan") -c $(printf '%q' "$folder/settings.yaml") status"
  return "$code"
}

# ---------------------------------------------------------------------------------------------------------------- tests

has_sshd() { [[ -x /usr/sbin/sshd ]] || command -v sshd >/dev/null; }

# The package opens port 22 where systemd runs: a machine that somebody works on is asked first.
may_install_sshd() { [[ -n "${CI:-}" || ! -d /run/systemd/system ]]; }

has_postgresql() { command -v initdb >/dev/null || compgen -G '/usr/lib/postgresql/*/bin/initdb' >/dev/null; }

install_test_tools() {
  local missing=()
  has_postgresql || missing+=(postgresql)
  command -v shellcheck >/dev/null || missing+=(shellcheck)
  compgen -G '/usr/lib/*/libpangoft2-1.0.so.0' >/dev/null || missing+=(libpangoft2-1.0-0)
  # Ubuntu 22.04 has it in another package.
  # shellcheck source=/dev/null
  [[ "$(. /etc/os-release 2>/dev/null && printf '%s %s' "${ID:-}" "${VERSION_ID:-}")" == "ubuntu 22.04" ]] ||
    compgen -G '/usr/lib/*/libharfbuzz-subset.so.0' >/dev/null || missing+=(libharfbuzz-subset0)
  command -v pdftotext >/dev/null || missing+=(poppler-utils)
  compgen -G '/usr/lib/*/faketime/libfaketimeMT.so.1' >/dev/null || missing+=(libfaketime)
  # The tests of the services boot a systemd of their own; somebody's machine gets none from us.
  if [[ -n "${CI:-}" ]]; then
    [[ -x /lib/systemd/systemd ]] || missing+=(systemd)
    command -v dbus-daemon >/dev/null || missing+=(dbus)
    command -v pkaction >/dev/null || missing+=(polkitd)
  fi
  if ! has_sshd; then
    if may_install_sshd; then
      missing+=(openssh-server)
    else
      say "not installed: openssh-server. The tests of the SFTP store are left out; to have it: sudo apt-get install -y openssh-server"
    fi
  fi
  ((${#missing[@]})) || return 0
  if may_use_apt; then
    apt_update
    apt_install "${missing[@]}" || say "apt-get could not install ${missing[*]}"
  else
    say "not installed: ${missing[*]}. What needs them is left out; to have it: sudo apt-get install -y ${missing[*]}"
  fi
}

step() {
  say "$*"
  "$@"
}

run_tests() {
  local failed="" aside=()
  install_test_tools
  install_package "[test]"
  cd -- "$root"
  export PATH="$venv/bin:$PATH"
  # Where it is set (some images do), each of the thousand processes that the tests start compiles all of Huracan anew.
  unset PYTHONDONTWRITEBYTECODE
  trap 'kill $(jobs -p) 2>/dev/null || true' EXIT # where a step fails, nothing goes on behind
  beside mypy
  step ruff check .
  step ruff format --check .
  step lint-imports
  if command -v shellcheck >/dev/null; then
    step shellcheck -x -a install.sh .ci/run tests/systemd/box.sh
  fi
  # One real systemd for all of them, so one after the other; they wait more than they work.
  (($#)) || beside python -m pytest -q -m "systemd and not soak" tests/systemd
  # Neighbours stay together, so what a module prepares is prepared once.
  step python -m pytest -q -n 3 --dist worksteal -m "not soak and not systemd" "$@" || failed=yes
  end_of_those_beside || failed=yes
  [[ -z "$failed" ]] || die "not everything passed; see above"
}

# Run a command beside what follows; what it says is shown when it has ended.
beside() {
  local log
  log="$(mktemp)"
  say "beside the rest: $*"
  "$@" >"$log" 2>&1 &
  aside+=("$! $log $*")
}

# Wait for all that runs beside, show what it said, and fail where one of them did.
end_of_those_beside() {
  local each pid log command code=0
  for each in "${aside[@]}"; do
    read -r pid log command <<<"$each"
    wait "$pid" || code=1
    say "$command"
    cat -- "$log" >&2
    rm -f -- "$log"
  done
  return "$code"
}

main() {
  case "${1:-}" in
    demo)
      (($# <= 2)) || { usage >&2; exit 2; }
      demo "${2:-}"
      ;;
    test)
      shift
      run_tests "$@"
      ;;
    install | upgrade | uninstall)
      # shellcheck source=tools/system.sh
      source "$root/tools/system.sh"
      system_main "$@"
      ;;
    -h | --help | help) usage ;;
    *)
      usage >&2
      exit 2
      ;;
  esac
}

main "$@"
