#!/usr/bin/env bash
# Plays a Mesos agent for one task: as net-modules' module calls calico_mesos, or as the agent's own CNI isolator calls its plugin.
#
#   agent.sh launch NAME [NETGROUP…]     starts a task in a network namespace of its own, prints its address
#   agent.sh exec NAME COMMAND…          runs a command in the task's network
#   agent.sh cleanup NAME                ends it, in net-modules' order: the address first, then the container
#   agent.sh cni launch NAME             the same by Mesos' CNI isolator
#   agent.sh cni cleanup NAME
#
# CALICO_MESOS_DIR: where calico-host mesos install has laid things down (default /opt/calico/mesos).
set -euo pipefail

usage() { sed -n '2,10s/^# \{0,1\}//p' "$0" >&2; exit 2; }
dir=${CALICO_MESOS_DIR:-/opt/calico/mesos}
state=/run/calico-mesos-sample
way=net-modules
[ "${1:-}" != cni ] || { way=cni; shift; }
[ $# -ge 2 ] || usage
verb=$1 name=$2
shift 2
case "$name" in *[!A-Za-z0-9_-]*|'') echo "agent.sh: '$name' is no container id" >&2; exit 2 ;; esac
mkdir -p "$state"

# One call of net-modules' command; prints the reply, or fails with its error.
call() {
  local reply
  reply=$(printf '%s' "$1" | "$dir/calico_mesos") || { echo "calico_mesos: $reply" >&2; return 1; }
  printf '%s\n' "$reply"
}

start_task() {
  [ ! -e "$state/$name.pid" ] || { echo "agent.sh: $name runs already" >&2; exit 1; }
  unshare --net sh -c 'ip link set lo up; exec sleep 86400' </dev/null >/dev/null 2>&1 &
  local pid=$! tries=0
  # Until it is in a namespace of its own.
  while [ "$(readlink "/proc/$pid/ns/net")" = "$(readlink /proc/self/ns/net)" ]; do
    tries=$((tries + 1))
    [ $tries -lt 200 ] || { echo "agent.sh: the task did not start" >&2; exit 1; }
    sleep 0.02
  done
  echo "$pid" >"$state/$name.pid"
}

end_task() {
  kill -9 "$(cat "$state/$name.pid")" 2>/dev/null || true
  rm -f "$state/$name.pid" "$state/$name.ip" "$state/$name.conf"
}

cni() {
  CNI_COMMAND=$1 CNI_CONTAINERID=$name CNI_IFNAME=eth0 CNI_PATH=$dir/plugins CNI_NETNS=/proc/$(cat "$state/$name.pid")/ns/net \
    "$dir/plugins/calico" <"$state/$name.conf"
}

case "$way $verb" in
  'net-modules launch')
    start_task
    groups='' group=''
    for group in "$@"; do groups="$groups${groups:+,}\"$group\""; done
    uid=$(cat /proc/sys/kernel/random/uuid)
    host=$(hostname)
    # prepare: an address, before the task's process is told to go on.
    reply=$(call "{\"command\":\"allocate\",\"args\":{\"hostname\":\"$host\",\"num_ipv4\":1,\"num_ipv6\":0,\"uid\":\"$uid\",\"netgroups\":[$groups],\"labels\":[]}}") \
      || { end_task; exit 1; }
    ip=$(printf '%s' "$reply" | sed 's/.*"ipv4":\["\([^"]*\)".*/\1/')
    # isolate: the task's namespace gets its interface.
    call "{\"command\":\"isolate\",\"args\":{\"hostname\":\"$host\",\"container_id\":\"$name\",\"pid\":$(cat "$state/$name.pid"),\"ipv4_addrs\":[\"$ip\"],\"ipv6_addrs\":[],\"netgroups\":[$groups],\"labels\":[{\"key\":\"task\",\"value\":\"$name\"}]}}" >/dev/null \
      || { call "{\"command\":\"release\",\"args\":{\"ips\":[\"$ip\"]}}" >/dev/null; end_task; exit 1; }
    echo "$ip" | tee "$state/$name.ip" ;;
  'net-modules cleanup')
    call "{\"command\":\"release\",\"args\":{\"ips\":[\"$(cat "$state/$name.ip")\"]}}" >/dev/null
    call "{\"command\":\"cleanup\",\"args\":{\"hostname\":\"$(hostname)\",\"container_id\":\"$name\"}}" >/dev/null
    end_task ;;
  'cni launch')
    start_task
    # What the agent adds to the network's file: the task's NetworkInfo.
    sed "s|^{|{\"args\":{\"org.apache.mesos\":{\"network_info\":{\"name\":\"calico\",\"labels\":{\"labels\":[{\"key\":\"task\",\"value\":\"$name\"}]}}}},|" \
      "$dir/cni/calico.conf" >"$state/$name.conf"
    cni ADD || { end_task; exit 1; } ;;
  'cni cleanup')
    cni DEL
    end_task ;;
  'net-modules exec'|'cni exec')
    [ $# -ge 1 ] || usage
    exec nsenter --target "$(cat "$state/$name.pid")" --net -- "$@" ;;
  *) usage ;;
esac
