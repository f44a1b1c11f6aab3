#!/usr/bin/env bash
# A "host" for tests and demonstrations: network, mount, uts and process namespaces of its own on this machine.
# Its uplink ends in a bridge inside another namespace, so nothing it sends leaves the machine, and it has no way out.
# Everything in it dies with its first process; `down` leaves nothing behind.
#
#   test-host.sh up DIR [NUMBER]     makes the host; NUMBER (1-200, default 1) is its last address byte: 198.51.100.NUMBER
#   test-host.sh exec DIR COMMAND…   runs a command inside
#                                    environment TEST_HOST_FABRIC: a bridge namespace that several hosts share
#   test-host.sh down DIR            ends it and removes DIR
set -euo pipefail

usage() { sed -n '2,10s/^# \{0,1\}//p' "$0" >&2; exit 2; }
[ $# -ge 2 ] || usage
verb=$1 dir=$2
shift 2

# Names that tell two copies apart: the folder's name is unique, so what is derived from it is too.
name=th$(printf '%s' "$dir" | cksum | cut -d' ' -f1)
fabric=${TEST_HOST_FABRIC:-${name}f}

inside='
  set -e
  dir=$1 name=$2
  hostname "$name"
  mount --make-rprivate /
  mount -t proc proc /proc
  # Folders that programs expect under their usual names, private to this host. Bound, not tmpfs: the outside reaches the sockets in run.
  for path in /etc/cni /etc/calico /etc/containers /etc/docker /var/lib/docker /var/lib/cni /var/lib/calico /var/lib/containers /var/lib/containerd /usr/lib/calico /opt/cni /opt/calico /run; do
    mkdir -p "$path" "$dir/root$path"
    mount --bind "$dir/root$path" "$path"
  done
  mkdir -p /run/lock /run/netns
  # sysfs of this network namespace, with the cgroup tree left in sight: runtimes need it.
  mkdir -p "$dir/cgroup"
  mount --rbind /sys/fs/cgroup "$dir/cgroup"
  mount -t sysfs sysfs /sys
  mount --rbind "$dir/cgroup" /sys/fs/cgroup
  umount -l "$dir/cgroup"
  ip link set lo up
  sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1
  touch "$dir/ready"
  # First process of the host: reaps what is left to it, ends when it is told to.
  trap "exit 0" TERM
  while :; do sleep 3600 & wait $! || true; done
'

up() {
  local number=${1:-1}
  [ ! -e "$dir/init.pid" ] || { echo "test-host: $dir is up already" >&2; exit 1; }
  mkdir -p "$dir"
  if [ ! -e "/run/netns/$fabric" ]; then
    ip netns add "$fabric"
    [ -n "${TEST_HOST_FABRIC:-}" ] || echo "$fabric" >"$dir/fabric"
    ip -n "$fabric" link add br0 type bridge
    ip -n "$fabric" link set br0 up
    ip -n "$fabric" link set lo up
    ip -n "$fabric" addr add 198.51.100.254/24 dev br0
    ip -n "$fabric" -6 addr add 2001:db8::fe/64 dev br0 nodad
  fi
  setsid unshare --mount --uts --net --pid --ipc --fork --kill-child --propagation private \
    bash -c "$inside" test-host "$dir" "$name" >"$dir/init.log" 2>&1 </dev/null &
  local outer=$!
  echo "$outer" >"$dir/outer.pid"
  local tries=0
  until [ -e "$dir/ready" ]; do
    tries=$((tries + 1))
    if [ $tries -gt 200 ] || ! kill -0 "$outer" 2>/dev/null; then
      cat "$dir/init.log" >&2
      echo "test-host: it did not come up" >&2
      down
      exit 1
    fi
    sleep 0.05
  done
  local init
  init=$(ps -o pid= --ppid "$outer" | head -n 1 | tr -d ' ')
  echo "$init" >"$dir/init.pid"
  ip link add "${name:0:12}u" netns "$fabric" type veth peer name eth0 netns "$init"
  ip -n "$fabric" link set "${name:0:12}u" master br0 up
  nsenter -t "$init" -n -- sh -e -c "
    ip link set eth0 up
    ip addr add 198.51.100.$number/24 dev eth0
    ip -6 addr add 2001:db8::$number/64 dev eth0 nodad
  "
}

run() {
  [ -e "$dir/init.pid" ] || { echo "test-host: $dir is not up" >&2; exit 1; }
  exec nsenter -t "$(cat "$dir/init.pid")" -m -u -n -p -i -- "$@"
}

down() {
  if [ -e "$dir/outer.pid" ]; then
    local outer init
    outer=$(cat "$dir/outer.pid")
    init=$(cat "$dir/init.pid" 2>/dev/null || true)
    # The kernel ends every process of the namespace with its first one.
    [ -z "$init" ] || kill -KILL "$init" 2>/dev/null || true
    kill -KILL "$outer" 2>/dev/null || true
    local tries=0
    while kill -0 "$outer" 2>/dev/null && [ $tries -lt 100 ]; do tries=$((tries + 1)); sleep 0.05; done
  fi
  if [ -e "$dir/fabric" ]; then ip netns del "$(cat "$dir/fabric")" 2>/dev/null || true; fi
  ip netns exec "$fabric" true 2>/dev/null && ip -n "$fabric" link del "${name:0:12}u" 2>/dev/null || true
  # Control groups of containers that died with the host.
  find /sys/fs/cgroup -depth -type d -path "*/$name/*" -exec rmdir {} + 2>/dev/null || true
  find /sys/fs/cgroup -depth -type d -name "$name" -exec rmdir {} + 2>/dev/null || true
  rm -rf --one-file-system "$dir"
}

case $verb in
  up) up "$@" ;;
  exec) [ $# -ge 1 ] || usage; run "$@" ;;
  name) echo "$name" ;;
  down) down ;;
  *) usage ;;
esac
