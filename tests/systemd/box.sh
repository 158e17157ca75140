#!/usr/bin/env bash
# A throwaway machine: a real systemd as PID 1 of its own namespaces, over an overlay of this machine's root. What is
# installed or written inside stays over its reboots and is gone when it stops; nothing outside is touched. The network is
# this machine's. Needs root, util-linux, systemd and dbus.
# HURACAN_BOX_ROOT names another root than this machine's, such as an Ubuntu that debootstrap put into a folder.
#   box.sh start DIR [OWNER]   make and boot it; it stops by itself when the process OWNER ends
#   box.sh run DIR CMD...      run CMD inside, with the environment that was given to box.sh
#   box.sh crash DIR           end every process inside at once, as a power cut does
#   box.sh boot DIR            boot it again, with the files that it had
#   box.sh stop DIR            end it and drop its files
# Known limits: the memory controller is not available inside (MemoryMax= is accepted, not enforced).
set -euo pipefail

self="$(realpath -- "${BASH_SOURCE[0]}")"
readonly self

die() {
  printf 'box.sh: %s\n' "$*" >&2
  exit 1
}

is_alive() { [[ -s "$1" && -d "/proc/$(cat "$1")" ]]; }

# The files live in memory, in a mount namespace that a sleeping process keeps: no mount of them is seen outside. A cgroup
# of its own keeps two boxes from ending each other's units.
keep_files() {
  local dir="$1" owner="$2"
  mount -t tmpfs -o size=75% tmpfs "$dir/files"
  mkdir -p "$dir/files"/{upper,work,root} "$dir/cgroup"
  mount -t cgroup2 cgroup2 "$dir/cgroup"
  mkdir -p "$dir/cgroup/huracan-box-$$"
  printf '%s' "$$" >"$dir/holder"
  while [[ -d "/proc/$owner" ]]; do sleep 2; done
  end_processes "$dir"
}

# Becomes PID 1 of the box, from inside the namespace that keeps its files.
become_systemd() {
  local dir="$1" root="$1/files/root"
  mount -t overlay overlay -o "lowerdir=${HURACAN_BOX_ROOT:-/},upperdir=$dir/files/upper,workdir=$dir/files/work" "$root"
  mount -t proc proc "$root/proc"
  mount -t sysfs sysfs "$root/sys"
  mount --rbind /dev "$root/dev"
  mount --make-rslave "$root/dev"
  mount -t cgroup2 cgroup2 "$root/sys/fs/cgroup"
  mount -t tmpfs tmpfs "$root/run"
  mount -t tmpfs tmpfs "$root/tmp"
  cd "$root"
  # The machine's own services would take its ports a second time.
  find etc/systemd/system/{multi-user,timers,sockets}.target.wants -type l ! -name 'huracan*' -delete 2>/dev/null || true
  mkdir -p run/outside
  pivot_root . run/outside
  # What is left of this machine's mounts would be in reach of every unit.
  umount -l /run/outside
  # As systemd itself does where it is in no container; without it credentials reach no unit.
  mount --make-rshared /
  exec env -i container=box PATH=/usr/sbin:/usr/bin:/sbin:/bin setsid \
    /lib/systemd/systemd --system --log-target=journal --show-status=no </dev/null >/dev/null 2>&1
}

boot() {
  local dir="$1" holder outside child
  is_alive "$dir/holder" || die "$dir is not started"
  holder="$(cat "$dir/holder")"
  rm -f "$dir/pid"
  # shellcheck disable=SC2016
  nsenter -t "$holder" --mount bash -c '
    echo $$ >"$1/cgroup/huracan-box-$2/cgroup.procs"
    exec unshare --mount --propagation private --pid --uts --ipc --cgroup --fork --kill-child bash "$3" become_systemd "$1"
  ' box "$dir" "$holder" "$self" </dev/null >/dev/null 2>"$dir/boot.log" &
  outside=$!
  for _ in {1..100}; do
    child="$(pgrep -P "$outside" || true)"
    if [[ -n "$child" && "$(cat "/proc/$child/comm" 2>/dev/null)" == systemd ]]; then
      printf '%s' "$child" >"$dir/pid"
      break
    fi
    sleep 0.1
  done
  [[ -s "$dir/pid" ]] || die "systemd did not start: $(cat "$dir/boot.log")"
  wait_until_up "$dir"
}

wait_until_up() {
  local state=unknown
  for _ in {1..300}; do
    state="$(inside "$1" systemctl is-system-running 2>/dev/null || true)"
    [[ "$state" == running || "$state" == degraded ]] && return 0
    sleep 0.1
  done
  die "systemd does not come up: $state"
}

inside() {
  local dir="$1"
  shift
  nsenter -t "$(cat "$dir/pid")" --pid --mount --uts --ipc --cgroup "$@"
}

# The end of a namespace's PID 1 ends all of its processes.
end_processes() {
  local pid
  is_alive "$1/pid" || return 0
  pid="$(cat "$1/pid")"
  kill -9 "$pid" 2>/dev/null || true
  for _ in {1..100}; do
    [[ -d "/proc/$pid" ]] || break
    sleep 0.05
  done
  rm -f "$1/pid"
}

start() {
  local dir owner
  mkdir -p "$1/files"
  dir="$(realpath "$1")" owner="${2:-1}"
  ! is_alive "$dir/holder" || die "$dir is started already"
  rm -f "$dir/holder"
  unshare --mount --propagation private bash "$self" keep_files "$dir" "$owner" </dev/null >/dev/null 2>"$dir/keep.log" &
  for _ in {1..100}; do
    [[ -s "$dir/holder" ]] && break
    sleep 0.05
  done
  is_alive "$dir/holder" || die "no file system for the box: $(cat "$dir/keep.log")"
  boot "$dir"
}

stop() {
  local dir="$1" holder
  end_processes "$dir"
  is_alive "$dir/holder" || return 0
  holder="$(cat "$dir/holder")"
  # What systemd left of its cgroups, from the leaves up.
  nsenter -t "$holder" --mount find "$dir/cgroup/huracan-box-$holder" -depth -type d -exec rmdir {} + 2>/dev/null || true
  kill "$holder"
  rm -f "$dir/holder"
}

verb="${1:-}" box="${2:-}"
[[ -n "$box" ]] || die "usage: box.sh start|run|crash|boot|stop DIR [CMD...]"
shift 2
case "$verb" in
  start) start "$box" "$@" ;;
  run) inside "$box" "$@" ;;
  crash) end_processes "$box" ;;
  boot) boot "$(realpath "$box")" ;;
  stop) stop "$box" ;;
  keep_files | become_systemd) "$verb" "$box" "$@" ;;
  *) die "usage: box.sh start|run|crash|boot|stop DIR [CMD...]" ;;
esac
