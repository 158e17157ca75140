# shellcheck shell=bash
# From one release to the next, and back where the next does not work. Sourced by system.sh.

# --------------------------------------------------------------------------------------------------------------- upgrade

# As the owner of the database: SQLite makes files beside it, and they must not be root's.
copy_database() {
  [[ -n "$1" && -f "$1" ]] || return 0
  as_huracan "$base" -IB - "$1" "$database_copy" <<'PYTHON'
import os
import sqlite3
import sys

source, copy = sys.argv[1:]
half = sqlite3.connect(f"{copy}.half")
sqlite3.connect(source, timeout=30).backup(half)
half.close()
os.replace(f"{copy}.half", copy)
PYTHON
}

# Put the copy back where the schema was changed; one transaction of SQLite, so whole or not at all.
restore_database() {
  [[ -n "$1" && -f "$database_copy" ]] || return 0
  as_huracan "$base" -IB - "$1" "$database_copy" <<'PYTHON'
import sqlite3
import sys

live, copy = (sqlite3.connect(name, timeout=30) for name in sys.argv[1:])


def schema(database):
    return database.execute("SELECT * FROM alembic_version").fetchall()


try:
    unchanged = schema(live) == schema(copy)
except sqlite3.DatabaseError:
    unchanged = False
if not unchanged:
    copy.backup(live)
PYTHON
}

migrate_database() {
  as_huracan "$releases/$1/bin/python" -IB - <<'PYTHON'
import os
import sys

from huracan.app import open_application
from huracan.errors import HuracanError

try:
    open_application(None, dict(os.environ)).store.close()
except HuracanError as error:
    sys.exit(str(error))
PYTHON
}

# What would otherwise fail after the old release was stopped.
try_release() {
  local command="$releases/$1/bin/huracan" failed=""
  as_huracan "$command" settings show >/dev/null || failed="does not start, or does not accept these settings"
  if [[ -z "$failed" ]] && as_huracan "$command" self-test --help >/dev/null 2>&1; then
    as_huracan "$command" self-test --quick >&2 || failed="does not pass its self-test"
  fi
  [[ -n "$failed" ]] || return 0
  rm -rf -- "${releases:?}/$1"
  die "$1 $failed; nothing was changed, $2 goes on"
}

schemas() { find "$releases/$1"/lib/python*/site-packages/huracan/store/migrations/versions -name '[0-9]*.py' -printf '%f\n' | sort; }

# Only SQLite is copied here; a server's database is its owner's to save.
require_copied_database() {
  [[ -n "$database" || "$(schemas "$1")" == "$(schemas "$2")" || -f "$etc/database-is-saved" ]] ||
    die "$2 changes the tables, and only SQLite is copied from here: save the database (pg_dump)," \
      "type \`sudo touch $etc/database-is-saved\`, then start again"
}

refuse_while_running() {
  local running
  running="$(as_huracan "$current/bin/huracan" status --json 2>/dev/null |
    "$base" -c 'import json, sys; print(json.load(sys.stdin)["running"] or "")' 2>/dev/null)" || return 0
  [[ -z "$running" || -n "$run_now" ]] ||
    refuse 5 "$running is under way; wait for its end, or end it (started again, it goes on where it was): ./install.sh upgrade --now"
}

put_back() {
  local -a line
  mapfile -t line <"$journal"
  stop_services || true
  switch_to "${line[0]}"
  restore_database "${line[2]}"
  if [[ "${line[3]}" == start ]]; then install_units start; else install_units stay; fi
  rm -rf -- "${releases:?}/${line[1]:?}"
  rm -f -- "$journal"
}

# Armed while the old release is stopped: whatever ends the script in between, error or signal, ends here.
put_back_on_exit() {
  local code=$? old new was exchange=known
  trap '' INT TERM HUP
  trap - EXIT
  [[ -f "$journal" ]] || exit "$code"
  { read -r old && read -r new && read -r _ && read -r was; } <"$journal"
  say "$new does not work; putting $old back"
  set +e # or the shell would ignore errors inside, and call half of it a success
  (
    set -e
    put_back
    [[ "$was" != start ]] || runs_well
  )
  code=$?
  ((code)) || refuse 1 "the upgrade to $new failed, see above; $old is back and as it was"
  refuse 1 "the upgrade to $new failed and $old could not be put back; type the command again, it begins with that"
}

close_upgrade() {
  printf '%s\n' "$1" | write_file "$home/previous" root:root 644
  rm -f -- "$journal" "$etc/database-is-saved"
}

# A machine that went down in the middle of an upgrade: finish it where the new release runs, else put the old one back.
mend_interrupted_upgrade() {
  local old new was exchange=known
  [[ -f "$journal" ]] || return 0
  { read -r old && read -r new && read -r _ && read -r was; } <"$journal"
  if [[ "$(installed_release)" == "$new" && "$was" == start ]] && runs_well; then
    change "finish the upgrade to $new that was interrupted" close_upgrade "$old"
  else
    change "put $old back, for the upgrade to $new was interrupted" put_back
  fi
}

upgrade_between() {
  local old="$1" new="$2" was=stay
  ! systemctl is-active --quiet huracan.target || was=start
  rm -f -- "$database_copy"
  printf '%s\n' "$old" "$new" "$database" "$was" | write_file "$journal" root:root 644
  trap 'exit 130' INT TERM HUP
  trap put_back_on_exit EXIT
  stop_services
  copy_database "$database"
  migrate_database "$new"
  switch_to "$new"
  write_wrapper
  install_units "$was"
  [[ "$was" != start ]] || runs_well
  trap - EXIT
  close_upgrade "$old"
  if [[ "$was" == start ]]; then say "$new is installed and runs; $old is kept beside it"; fi
  if [[ "$was" == stay ]]; then say "$new is installed; nothing ran before, so nothing was started"; fi
}

system_upgrade() {
  local old new workspace database exchange
  ensure_packages
  mend_interrupted_upgrade
  old="$(installed_release)"
  [[ -n "$old" ]] || die "Huracan is not installed here: type sudo ./install.sh install"
  new="$(release_name)"
  if [[ "$old" == "$new" ]]; then
    system_install # looks at all the rest
    return 0
  fi
  refuse_while_running
  ensure_folders
  ensure_release "$new"
  if [[ -n "$dry_run" ]]; then
    would "test $new, stop the services, copy the database, migrate it, start $new, and go back to $old if it does not run"
    return 0
  fi
  try_release "$new" "$old"
  read_settings "$new"
  require_copied_database "$old" "$new"
  refuse_while_running # building took its time
  change "upgrade from $old to $new" upgrade_between "$old" "$new"
  prune_releases
  ensure_completion "$new"
}
