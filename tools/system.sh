# shellcheck shell=bash
# What `./install.sh install`, `upgrade` and `uninstall` do. Sourced by install.sh, which brings say, die, find_python and
# the like. Every step looks first and acts only where something differs, so that a run which was killed at any point is
# mended by the next one.

readonly home=/opt/huracan
readonly releases="$home/releases"
readonly current="$home/current"
readonly etc=/etc/huracan
readonly data=/var/lib/huracan
readonly secrets=/run/huracan-credentials # where the command has its own file system for them
readonly wrapper=/usr/local/bin/huracan
readonly completion=/usr/share/bash-completion/completions/huracan
readonly journal="$home/upgrade-under-way"
readonly database_copy="$home/before-upgrade/huracan.db"
readonly built=huracan-release # the file that says that a release is complete

# shellcheck source=tools/system-release.sh
source "$root/tools/system-release.sh"
# shellcheck source=tools/system-upgrade.sh
source "$root/tools/system-upgrade.sh"

dry_run="" run_now="" purge="" settings_file="" become="" base="" changes=0

# change WHAT COMMAND...: do it and say so, or with --dry-run only say it.
change() {
  local what="$1"
  shift
  changes=$((changes + 1))
  if [[ -n "$dry_run" ]]; then
    printf 'would %s\n' "$what"
  else
    say "$what"
    "$@"
  fi
}

# would WHAT: a step of --dry-run that cannot be looked at before the ones above were taken.
would() { change "$1" die "this was only to be said: $1"; }

# refuse CODE WHY...
refuse() {
  say "${@:2}"
  exit "$1"
}

# -------------------------------------------------------------------------------------------------------------- arguments

read_options() {
  local verb="$1"
  shift
  while (($#)); do
    case "$verb $1" in
      *" --dry-run") dry_run=yes ;;
      "upgrade --now") run_now=yes ;;
      "uninstall --purge") purge=yes ;;
      "install --settings")
        (($# > 1)) || refuse 2 "--settings needs a file, as in: ./install.sh install --settings settings.yaml"
        settings_file="$2"
        shift
        ;;
      *) refuse 2 "$verb does not know $1; see ./install.sh --help" ;;
    esac
    shift
  done
  [[ -z "$settings_file" || -r "$settings_file" ]] || refuse 2 "$settings_file cannot be read; name a settings file"
}

# ------------------------------------------------------------------------------------------------------------- the machine

# Units are written to the rules of these; elsewhere they might start and protect less than they say.
require_distribution() {
  local id version
  # shellcheck source=/dev/null
  id="$(. /etc/os-release 2>/dev/null && printf '%s' "${ID:-}")"
  # shellcheck source=/dev/null
  version="$(. /etc/os-release 2>/dev/null && printf '%s' "${VERSION_ID:-0}")"
  case "$id" in
    debian) dpkg --compare-versions "$version" ge 12 && return 0 ;;
    ubuntu) dpkg --compare-versions "$version" ge 24.04 && return 0 ;;
  esac
  die "this is ${id:-no known system} $version; services need Debian 12 or Ubuntu 24.04 and newer." \
    "\`./install.sh demo\` works on any Linux"
}

require_systemd() {
  local version
  [[ -d /run/systemd/system ]] ||
    die "systemd does not run here, so there is nothing to install services in; \`./install.sh demo\` needs none"
  version="$(systemctl --version | sed -n '1s/^systemd \([0-9]*\).*/\1/p')"
  ((version >= 251)) || die "systemd $version is too old, 251 is needed for its credentials: upgrade the system first"
}

require_machine() {
  require_systemd
  ((EUID == 0)) || die "this needs root: sudo ./install.sh $1"
  require_distribution
}

# The lock goes when this process does, however it ends.
take_turn() {
  [[ -z "$dry_run" ]] || return 0
  exec {turn}>/run/huracan-install.lock
  flock --nonblock "$turn" || refuse 5 "another install.sh is at work; wait for it to end"
}

# Print a Python that services may run: one below a home is hidden from them, whatever its permissions.
system_python() {
  local found prefix
  found="$(find_python)" || return 1
  prefix="$("$found" -c 'import sys; print(sys.base_prefix)')"
  [[ "$prefix" != /root/* && "$prefix" != /home/* ]] ||
    die "$found lies in a home, where services cannot see it; set PYTHON to one in /usr or leave it empty"
  printf '%s\n' "$found"
}

is_offered() { [[ "$(apt-cache policy "$1" 2>/dev/null)" == *"Candidate: "[0-9]* ]]; }

missing_packages() {
  system_python >/dev/null || packages_for_python
  [[ "$(ldconfig -p)" == *libgomp.so.1* ]] || printf ' libgomp1'
  # Reports as PDF: WeasyPrint sets their lines with Pango, and keeps of a font what they need with HarfBuzz.
  [[ "$(ldconfig -p)" == *libpangoft2-1.0.so.0* ]] || printf ' libpangoft2-1.0-0'
  [[ "$(ldconfig -p)" == *libharfbuzz-subset.so.0* ]] || printf ' libharfbuzz-subset0'
  command -v dbus-daemon >/dev/null || printf ' dbus'
  if ! command -v pkaction >/dev/null; then
    # Ubuntu 22.04 still has it under its old name.
    if is_offered polkitd; then printf ' polkitd'; else printf ' policykit-1'; fi
  fi
}

install_packages() {
  local -a packages
  apt_update
  read -ra packages <<<"$(missing_packages)"
  apt_install "${packages[@]}" || die "apt-get could not install ${packages[*]}"
}

ensure_packages() {
  local missing
  missing="$(missing_packages)"
  [[ -z "$missing" ]] || change "install the packages ${missing# }" install_packages
  base="$(system_python)" || [[ -n "$dry_run" ]] || die "this system offers no Python 3.11 or newer in /usr"
  # 0.105 takes no rules that look at the unit; giving more than that is not ours to do.
  if command -v pkaction >/dev/null && [[ "$(pkaction --version)" == *" 0.105"* ]]; then
    say "this polkit (0.105) is too old to let the daemon start its units: set the scheduler to timers in $etc/settings.yaml"
  fi
}

ensure_user() {
  getent group huracan >/dev/null || change "make the group huracan" groupadd --system huracan
  getent passwd huracan >/dev/null || change "make the user huracan" \
    useradd --system --gid huracan --home-dir "$data" --no-create-home --shell /usr/sbin/nologin --comment Huracan huracan
}

ensure_folder() {
  local path="$1" owner="$2" mode="$3"
  [[ "$(stat -Lc '%U:%G %a' "$path" 2>/dev/null)" == "$owner $mode" ]] ||
    change "make the folder $path ($owner, $mode)" install -d -o "${owner%:*}" -g "${owner#*:}" -m "$mode" -- "$path"
}

ensure_folders() {
  ensure_folder "$home" root:root 755
  ensure_folder "$releases" root:root 755
  ensure_folder "$home/before-upgrade" huracan:huracan 700
  ensure_folder "$etc" root:root 755
  # Written to by `huracan dropbox login`, which works as huracan; for services all of /etc is read-only. The group, in
  # which trading users are, may not: settings say which programs run.
  ensure_folder "$etc/conf.d" huracan:huracan 2750
  ensure_folder "$etc/credentials" root:root 700
  ensure_folder "$etc/credentials.encrypted" root:root 700
  ensure_folder "$data" huracan:huracan 750
}

# --------------------------------------------------------------------------------------------------------------- install

system_install() {
  local name installed exchange="" workspace database
  ensure_packages
  ensure_user
  mend_interrupted_upgrade
  name="$(release_name)"
  installed="$(installed_release)"
  [[ -z "$installed" || "$installed" == "$name" ]] ||
    refuse 1 "$installed is installed, this checkout is $name: type sudo ./install.sh upgrade"
  ensure_folders
  ensure_release "$name"
  ensure_wrapper
  ensure_settings
  [[ ! -f "$releases/$name/$built" || ! -f "$etc/settings.yaml" ]] || read_settings "$name"
  [[ -n "$installed" ]] || change "make $name the installed release" switch_to "$name"
  ensure_units
  ensure_completion "$name"
  finish_install "$name"
}

finish_install() {
  [[ -z "$dry_run" ]] || return 0
  prune_releases
  if [[ -z "$exchange" ]]; then
    say "$1 is in place, but nothing runs yet: choose an exchange in $etc/settings.yaml, then type: sudo ./install.sh install"
  elif runs_well; then
    ((changes)) || say "nothing to do: $1 is installed and runs"
    ((!changes)) || say "$1 is installed and runs; look with: sudo huracan status, sudo huracan doctor"
  else
    die "$1 is installed, but does not run as it should"
  fi
}

# ------------------------------------------------------------------------------------------------------------- uninstall

remove_units() {
  # A release that no longer works must not keep its units alive.
  [[ ! -x "$current/bin/huracan" || ! -x "$wrapper" ]] || units remove || say "\`huracan units remove\` failed; removing by hand"
  stop_services 2>/dev/null || true
  systemctl disable --quiet huracan.target 2>/dev/null || true
  unit_files | xargs -0r rm -f --
  find /etc/systemd/system -depth -type d -name 'huracan*' -empty -delete
  rm -rf -- /run/huracan
  systemctl daemon-reload
  systemctl reset-failed 'huracan*' 2>/dev/null || true
}

remove_user() {
  ! getent passwd huracan >/dev/null || userdel huracan
  ! getent group huracan >/dev/null || groupdel huracan
}

# A workspace that is a link, a mount, or holds one, may lie beside what others keep there: only what is huracan's goes.
purge_data() {
  local target
  target="$(realpath -m -- "$data")"
  if [[ ! -L "$data" ]] && ! mountpoint --quiet -- "$data" && rm -rf --one-file-system -- "$data" 2>/dev/null; then
    return 0
  fi
  if getent passwd huracan >/dev/null; then
    find "$target" -mindepth 1 -user huracan -delete 2>/dev/null || true
  fi
  [[ ! -L "$data" ]] || rm -f -- "$data"
  if [[ -d "$target" ]] && ! rmdir -- "$target" 2>/dev/null; then
    # The number of a user who is gone may be given to another one.
    find "$target" -user huracan -exec chown root:root -- {} + 2>/dev/null || true
    say "left: $target, which is a mount or holds what is not huracan's"
  fi
}

system_uninstall() {
  [[ -z "$(unit_files | tr '\0' ' ')" ]] || change "stop the services and remove the units" remove_units
  [[ ! -e "$wrapper" ]] || change "remove the command $wrapper" rm -f -- "$wrapper"
  [[ ! -e "$completion" ]] || change "remove $completion" rm -f -- "$completion"
  [[ ! -d "$secrets" ]] || change "remove $secrets" rm -rf -- "$secrets"
  [[ ! -e "$home" ]] || change "remove $home" rm -rf -- "$home"
  if [[ -n "$purge" ]]; then
    [[ ! -e "$etc" ]] || change "remove $etc" rm -rf -- "$etc"
    [[ ! -e "$data" && ! -L "$data" ]] || change "remove $data with all models, champions and the ledger" purge_data
    ! getent passwd huracan >/dev/null || change "remove the user and group huracan" remove_user
  fi
  [[ -z "$dry_run" ]] || return 0
  ((changes)) || say "nothing to do: Huracan is not installed"
  [[ -n "$purge" || ! -e "$data" ]] || say "kept: $data, $etc and the user huracan (--purge removes them too)"
}

system_main() {
  read_options "$@"
  export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root
  unset "${!HURACAN_@}"
  umask 022
  require_machine "$1"
  take_turn
  "system_$1"
}
