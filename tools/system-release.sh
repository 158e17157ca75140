# shellcheck shell=bash
# What an installation consists of besides folders: the command, releases, settings, units. Sourced by system.sh.

# ------------------------------------------------------------------------------------------------------------ as huracan

# Run a command as user huracan (with become=yes: in place of this shell), with the credentials that its services get.
# They lie in a file system of this process alone, in memory, which goes when the process does. With switch=yes it gets
# the one alone that names the workspace, if there is such: who stops trading waits for no secret and is stopped by none.
# With lenient=yes a sealed one that cannot be opened is left out, unless it says where the data is.
as_huracan() {
  local names='*'
  local enter=(env -u XDG_RUNTIME_DIR -u DBUS_SESSION_BUS_ADDRESS HOME=/var/lib/huracan USER=huracan LOGNAME=huracan
    setpriv --reuid=huracan --regid=huracan --init-groups --inh-caps=-all --no-new-privs --)
  [[ -z "${stay_root:-}" ]] || enter=(env)
  [[ -z "${switch:-}" ]] || names='[Ww][Oo][Rr][Kk][Ss][Pp][Aa][Cc][Ee]'
  if [[ -z "$(find /etc/huracan/credentials /etc/huracan/credentials.encrypted -type f -name "$names" 2>/dev/null)" ]]; then
    ${become:+exec} "${enter[@]}" "$@"
    return
  fi
  mkdir -p /run/huracan-credentials
  # shellcheck disable=SC2016
  ${become:+exec} unshare --mount --propagation slave sh -euc '
    lenient="$1" names="$2" folder=/run/huracan-credentials
    shift 2
    mount -t tmpfs -o mode=0700,size=4m huracan-credentials "$folder"
    find /etc/huracan/credentials -type f -name "$names" ! -name ".*" -exec cp -t "$folder" {} +
    for sealed in /etc/huracan/credentials.encrypted/$names; do
      [ -f "$sealed" ] || continue
      name="${sealed##*/}"
      why="$(systemd-creds --name= decrypt "$sealed" "$folder/$name" 2>&1 >/dev/null)" && continue
      printf "huracan: %s cannot be opened and is left out: %s\n" "$sealed" "$(printf %s "$why" | tail -n 1)" >&2
      rm -f "$folder/$name"
      case "$lenient:$(printf %s "$name" | tr "[:upper:]" "[:lower:]")" in
        :* | yes:workspace | yes:database)
          echo "huracan: nothing is done without it: seal it anew with systemd-creds, or remove it" >&2
          exit 2
          ;;
      esac
    done
    chown -R huracan:huracan "$folder"
    find "$folder" -type f -exec chmod 0400 {} +
    export CREDENTIALS_DIRECTORY="$folder"
    exec "$@"' sh "${lenient:-}" "$names" "${enter[@]}" "$@"
}

print_wrapper() {
  cat <<'TEXT'
#!/usr/bin/env bash
# The command huracan. For root it works as user huracan, so that no file of root's appears in the workspace; only
# `huracan units` stays root, for it writes to /etc/systemd. What stops and starts trading and the schedule gets no
# secrets. Made by install.sh of Huracan; an upgrade writes it anew.
set -euo pipefail

TEXT
  declare -f as_huracan
  cat <<'TEXT'

word="" skip=""
for argument in "$@"; do
  if [[ -n "$skip" ]]; then
    skip=""
  elif [[ "$argument" == -c || "$argument" == --config ]]; then
    skip=yes
  elif [[ "$argument" != -* ]]; then
    word="$argument"
    break
  fi
done
if ((EUID != 0)); then
  exec /opt/huracan/current/bin/huracan "$@"
fi
case "$word" in
  units) stay_root=yes ;;
  kill | pause | resume) switch=yes ;;
esac
become=yes lenient=yes
as_huracan /opt/huracan/current/bin/huracan "$@"
TEXT
}

# write_file FILE OWNER:GROUP MODE: what comes from stdin, whole or not at all.
write_file() {
  local half="$1.new"
  (umask 077 && cat >"$half")
  chown "$2" -- "$half"
  chmod "$3" -- "$half"
  mv -fT -- "$half" "$1"
}

write_wrapper() { print_wrapper | write_file "$wrapper" root:root 755; }

ensure_wrapper() {
  [[ -x "$wrapper" && "$(cat "$wrapper")" == "$(print_wrapper)" ]] || change "write the command $wrapper" write_wrapper
}

# A comfort, so never an error.
write_completion() {
  local script
  script="$(as_huracan "$current/bin/huracan" completion bash 2>/dev/null)" || return 0
  printf '# %s\n%s\n' "$1" "$script" | write_file "$completion" root:root 644
}

# Where bash completes words at all, it completes ours. Another release, or other plugins in packages.txt, has another name.
ensure_completion() {
  [[ -d "${completion%/*}" && -x "$current/bin/huracan" ]] || return 0
  [[ "$(head -n 1 "$completion" 2>/dev/null)" == "# $1" ]] || change "write $completion" write_completion "$1"
}

# -------------------------------------------------------------------------------------------------------------- releases

# What a release has beyond what Huracan cannot do without; more stands in packages.txt.
readonly extras=audit,pdf,postgresql,s3,sftp

# A release is named by what it is made from: the same checkout is the same release, and is built once.
release_name() {
  local version stamp
  version="$(sed -n 's/^version = "\(.*\)"/\1/p' "$root/pyproject.toml")"
  stamp="$(
    cd -- "$root"
    {
      find daemon plugins pyproject.toml constraints.txt -type f ! -path '*/__pycache__/*' -print0 |
        LC_ALL=C sort -z | xargs -0 sha256sum
      printf '%s\n' "$extras"
      cat "$etc/packages.txt" 2>/dev/null || true
      "${base:-true}" -VV
    } | sha256sum | cut -c1-10
  )"
  printf '%s-%s\n' "$version" "$stamp"
}

installed_release() { basename -- "$(readlink -- "$current" 2>/dev/null)"; }

# Say what the libraries of a release are made from.
libraries() {
  {
    sed '/^version = /d' "$root/pyproject.toml"
    printf '%s\n' "$extras"
    cat "$root/constraints.txt" "$etc/packages.txt" 2>/dev/null || true
    "$base" -VV
  } | sha256sum | cut -d' ' -f1
}

# Where all libraries are the same as those that run now, they are copied from there: seconds instead of minutes. Fails
# where they are not, or where they could not all be copied.
copy_libraries() {
  local packages
  [[ "$(sed -n 2p "$current/$built" 2>/dev/null)" == "$(libraries)" ]] &&
    packages="$("$1/bin/python" -c 'import sysconfig; print(sysconfig.get_path("purelib"))')" &&
    cp -a --reflink=auto -- "$current${packages#"$1"}/." "$packages/" &&
    "$1/bin/python" -m pip uninstall --quiet --yes huracan-engine
}

pip_install() {
  local folder="$1"
  shift
  "$folder/bin/python" -m pip install --quiet --disable-pip-version-check --no-input --use-pep517 --no-compile \
    -c "$root/constraints.txt" "$@" >&2 || die "pip could not build $folder; see above. Is PyPI reachable from here?"
}

build_release() {
  local folder="$1" wanted=("${root}[$extras]") packages=()
  [[ ! -f "$etc/packages.txt" ]] || packages=(-r "$etc/packages.txt")
  rm -rf -- "$folder"
  "$base" -m venv --without-pip "$folder"
  if copy_libraries "$folder"; then
    # What it needs is there, so nothing is worked out anew. A package of the owner's may be a folder whose needs changed.
    pip_install "$folder" --no-deps "${wanted[@]}"
    wanted=()
  else
    "$folder/bin/python" -Im ensurepip --upgrade --default-pip >/dev/null
  fi
  ((${#wanted[@]} + ${#packages[@]} == 0)) || pip_install "$folder" "${wanted[@]}" "${packages[@]}"
  # pip would do it on one processor. What was copied is compiled already. Some packages bring files that are no Python of
  # this version: they stay as they are.
  find "$folder/lib" -name '*.py' -newer "$folder/pyvenv.cfg" |
    "$folder/bin/python" -m compileall -qq -j 0 -i - || true
  sync -f "$folder" # the mark must not outlive a power cut that the files did not
  printf '%s\n' "${folder##*/}" "$(libraries)" | write_file "$folder/$built" root:root 644
}

ensure_release() {
  [[ -f "$releases/$1/$built" ]] || change "build $releases/$1 (from PyPI, some minutes)" build_release "$releases/$1"
}

switch_to() {
  ln -sfn -- "releases/$1" "$current.new"
  mv -fT -- "$current.new" "$current"
}

# Keep what runs, what ran before it, and nothing else.
prune_releases() {
  local keep before folder
  keep="$(installed_release)"
  before="$(cat "$home/previous" 2>/dev/null || true)"
  for folder in "$releases"/*/; do
    folder="${folder%/}"
    [[ "${folder##*/}" == "$keep" || "${folder##*/}" == "$before" || ! -d "$folder" ]] ||
      change "remove the old release ${folder##*/}" rm -rf -- "$folder"
  done
}

# -------------------------------------------------------------------------------------------------------------- settings

first_settings() {
  cat <<'TEXT'
# This machine's settings. Choose where candles come from: take the "#" from one of these two lines (the second is a
# made-up market, to look around in). Then: sudo ./install.sh install
#exchange: {name: ccxt, id: binance}
#exchange: {name: simulated}

workspace: /var/lib/huracan
control_socket: /run/huracan/control.sock

TEXT
  cat "$root/etc/settings.yaml"
}

write_settings() {
  if [[ -n "$settings_file" ]]; then cat -- "$settings_file"; else first_settings; fi |
    write_file "$etc/settings.yaml" root:huracan 640
}

ensure_settings() {
  if [[ ! -f "$etc/settings.yaml" ]]; then
    change "write $etc/settings.yaml${settings_file:+ from $settings_file}" write_settings
  elif [[ -n "$settings_file" ]] && ! cmp -s -- "$settings_file" "$etc/settings.yaml"; then
    refuse 2 "$etc/settings.yaml exists and is not $settings_file; edit the one in $etc, or remove it first"
  fi
}

# describe_settings RELEASE: print the workspace, the SQLite file ("" for another database) and the exchange ("" for none).
describe_settings() {
  as_huracan "$releases/$1/bin/python" -IB - <<'PYTHON'
import os
import sys

from huracan.config import RawSettings
from huracan.errors import HuracanError
from huracan.store.engine import parse_url, sqlite_file

try:
    raw = RawSettings.read(None, os.environ)
    core = raw.core()
    url = parse_url(core.database or f"sqlite:///{core.workspace / 'huracan.db'}")
except HuracanError as error:
    sys.exit(str(error))
exchange = raw.values.get("exchange")
print(core.workspace, sqlite_file(url) or "", (isinstance(exchange, dict) and exchange.get("name")) or "", sep="\n")
PYTHON
}

# Fill workspace, database and exchange, or say why these settings cannot be used.
read_settings() {
  local lines
  lines="$(describe_settings "$1")" || refuse 2 "these settings cannot be used; mend them, then start again"
  { read -r workspace && IFS= read -r database && IFS= read -r exchange; } <<<"$lines" || true
  [[ "$workspace" == "$data" ]] ||
    refuse 2 "workspace is $workspace; services work in $data: leave the setting out (a link or mount there may lead elsewhere)"
}

# ----------------------------------------------------------------------------------------------------------------- units

# What `huracan units` wrote, by its mark; what the owner laid beside it (systemctl edit) is not ours to remove.
unit_files() {
  # shellcheck disable=SC2016 # the mark has these letters
  grep -rlZ --include='*huracan*' --include='*.conf' 'Rendered by `huracan units`' \
    /etc/systemd/system /etc/sysusers.d /etc/tmpfiles.d /etc/polkit-1/rules.d 2>/dev/null || true
}

# stdin is closed: nothing in here may wait for an answer.
units() { "$wrapper" units "$@" </dev/null >&2; }

install_units() {
  local enabled=""
  if [[ "$1" == start ]]; then
    units install
  else
    ! systemctl is-enabled --quiet huracan.target 2>/dev/null || enabled=yes
    units install --no-start
    # With no exchange each night would fail: the machine's next start must not begin one.
    [[ -n "$exchange" && -n "$enabled" ]] || systemctl disable --quiet huracan.target
  fi
}

units_are_good() {
  local said
  said="$("$wrapper" units install --dry-run --json </dev/null)" || return 1
  "$base" -c 'import json, sys; sys.exit(bool(json.load(sys.stdin)["changes"]))' <<<"$said" || return 1
  if [[ -n "$exchange" ]]; then
    systemctl is-enabled --quiet huracan.target && systemctl is-active --quiet huracan.target
  elif systemctl is-enabled --quiet huracan.target 2>/dev/null; then
    return 1
  fi
}

ensure_units() {
  if [[ -n "$dry_run" && ! -x "$current/bin/huracan" ]]; then
    would "install the units, and start huracan.target if an exchange is chosen"
  elif ! units_are_good; then
    if [[ -n "$exchange" ]]; then
      change "install the units, enable and start huracan.target" install_units start
    else
      change "install the units without starting them, for no exchange is chosen" install_units stay
    fi
  fi
}

# Units of ours that do not stand as they should. A job that failed is the night's business, not this script's.
unwell() {
  systemctl is-active --quiet huracan.target || printf 'huracan.target\n'
  systemctl list-units --plain --no-legend --full --state=failed,activating 'huracan*.service' |
    sed -n 's/^\([^ ]*\) .*/\1/p' | sed -e '/^huracan-job@/d' -e '/^huracan-failed@/d'
}

# A daemon that falls over at once is found on the second look.
runs_well() {
  for _ in {1..20}; do
    [[ -z "$(unwell)" ]] && break
    sleep 1
  done
  [[ -n "$(unwell)" ]] || sleep 3
  if [[ -n "$(unwell)" ]]; then
    say "not active: $(unwell | tr '\n' ' ')(see: journalctl -u UNIT)"
    return 1
  fi
  as_huracan "$current/bin/huracan" status >/dev/null
}

our_processes() { pgrep -u huracan -f '^/opt/huracan/(current|releases)/'; }

# The units, and what somebody typed: a night by hand must not work on a database that changes under it.
stop_services() {
  local -a processes
  systemctl stop 'huracan*' huracan.target
  systemctl reset-failed 'huracan*' 2>/dev/null || true
  mapfile -t processes < <(our_processes)
  ((${#processes[@]})) || return 0
  kill "${processes[@]}" 2>/dev/null || true
  for _ in {1..60}; do
    [[ -n "$(our_processes)" ]] || return 0
    sleep 0.5
  done
  mapfile -t processes < <(our_processes)
  kill -9 "${processes[@]}" 2>/dev/null || true
}
