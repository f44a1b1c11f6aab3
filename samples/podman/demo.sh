#!/usr/bin/env bash
# Three podman containers on two Calico networks, and where Docker is installed two of its containers and two tasks of a Mesos agent, in a
# host of their own: who may talk to whom, and why not.
# Run by `./build.sh demo`; CALICO_PUBLISH names the folder with the built programs.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
programs=${CALICO_PUBLISH:-$here/../../artifacts/publish}
host=$here/../test-host/test-host.sh
dir=$(mktemp -d "${TMPDIR:-/var/tmp}/calico-demo.XXXXXX")
started=$(date +%s%N)

bold='' dim='' green='' red='' plain=''
if [ -t 1 ]; then bold=$'\e[1m' dim=$'\e[2m' green=$'\e[32m' red=$'\e[31m' plain=$'\e[0m'; fi

step() { printf '\n%s%s%s\n' "$bold" "$*" "$plain"; }
show() { printf '%s  $ %s%s\n' "$dim" "$*" "$plain"; in_host "$@" | sed 's/^/    /'; }
in_host() { "$host" exec "$dir" env PATH="$programs/bin:$programs/host:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin" \
  CONTAINERS_CONF=/etc/containers/demo.conf CALICO_PLUGIN_DIR="$programs/plugins" "$@"; }

# Nothing of the demo is left behind, however it ends.
end() {
  code=$?
  trap - EXIT INT TERM
  if [ $code -ne 0 ]; then
    printf '\n%sthe demo failed%s; the host said:\n' "$red" "$plain" >&2
    tail -n 20 "$dir/host.log" >&2 2>/dev/null || true
  fi
  "$host" down "$dir" || true
  wait 2>/dev/null || true
  exit $code
}
trap end EXIT
trap 'exit 130' INT TERM

step "1  A host of its own: network, mount and process namespaces, an uplink that ends inside this machine"
"$host" up "$dir" 11
in_host ip -brief address show dev eth0 | sed 's/^/    /'

step "2  calico-host starts: embedded store, no server to install"
begin=$(date +%s%N)
"$host" exec "$dir" env PATH="/usr/sbin:/usr/bin:/sbin:/bin:$PATH" NO_DEFAULT_POOLS=true NODENAME=demo CALICO_PLUGIN_DIR="$programs/plugins" \
  ${DOTNET_ROOT:+DOTNET_ROOT="$DOTNET_ROOT"} "$programs/host/calico-host" >"$dir/host.log" 2>&1 &
calico=$!
in_host calicoctl status --wait 10s >/dev/null
printf '    ready after %d ms\n' $((($(date +%s%N) - begin) / 1000000))

step "3  Two IP pools, and a CNI network on each"
sed 's/^/    /' "$here/pools.yaml"
in_host tee /etc/calico/pools.yaml <"$here/pools.yaml" >/dev/null
show calicoctl apply -f /etc/calico/pools.yaml
for network in blue green; do
  show calico-host cni install --network $network --pool $network
done

step "4  Three containers: web and shop on blue, other on green"
in_host tee /etc/containers/demo.conf >/dev/null <<CONF
[containers]
cgroupns = "host"
[engine]
cgroup_manager = "cgroupfs"
events_logger = "file"
runtime = "runc"
[network]
network_backend = "cni"
cni_plugin_dirs = ["/opt/cni/bin", "/usr/lib/cni"]
network_config_dir = "/etc/cni/net.d"
CONF
in_host tee /etc/containers/policy.json >/dev/null <<<'{"default":[{"type":"insecureAcceptAnything"}]}'
in_host sh -ec 'mkdir -p /run/box/bin /run/box/www; cp /bin/busybox /run/box/bin/; ln -s busybox /run/box/bin/sh; echo "hello from web" >/run/box/www/index.html
  tar -C /run/box -c . | podman import -q - localhost/box' >/dev/null
cgroup=$("$host" name "$dir")
run() { # name network command…
  local begin name=$1 network=$2
  shift 2
  begin=$(date +%s%N)
  in_host podman run -d --cgroup-parent="/$cgroup" --name "$name" --network "$network" localhost/box "$@" >/dev/null
  printf '    podman run --network %-5s --name %-5s  %4d ms   %s\n' "$network" "$name" $((($(date +%s%N) - begin) / 1000000)) \
    "$(in_host podman exec "$name" /bin/busybox ip -o -4 addr show dev eth0 | awk '{print $4}')"
}
run web blue /bin/busybox httpd -f -p 80 -h /www
run shop blue /bin/busybox sleep 3600
run other green /bin/busybox sleep 3600
show calicoctl get workloadendpoints -o wide

step "5  Who may talk to whom: members of one network may, others may not"
web=$(in_host podman exec web /bin/busybox ip -o -4 addr show dev eth0 | awk '{sub("/.*", "", $4); print $4}')
failed=0 engine=podman
ask() { # container expected
  local from=$1 expected=$2 answer
  # nc, not wget: Debian's static busybox cannot look up names and its wget dies of it.
  answer=$(printf 'GET / HTTP/1.0\r\n\r\n' | in_host "$engine" exec -i "$from" /bin/busybox nc -w 2 "$web" 80 2>/dev/null | tail -n 1 || true)
  if [ "$answer" = "hello from web" ]; then
    printf '    %s%-5s -> web   %s%s\n' "$green" "$from" "$answer" "$plain"
    [ "$expected" = may ] || failed=1
  else
    printf '    %s%-5s -> web   no answer%s\n' "$red" "$from" "$plain"
    [ "$expected" = not ] || failed=1
  fi
}
ask shop may
ask other not
[ $failed = 0 ] || { echo "    that is not what the policy says" >&2; exit 1; }

step "6  A policy turns it round: on blue's port 80, green may and blue may not"
settle() { # container expected: a change of the store is in force some milliseconds later
  local try
  for try in 1 2 3 4 5 6 7 8 9 10; do
    failed=0
    ask "$@" >"$dir/answer"
    [ $failed = 0 ] && break
  done
  cat "$dir/answer"
  [ $failed = 0 ] || { echo "    that is not what the policy says" >&2; exit 1; }
}
sed 's/^/    /' "$here/policy.yaml"
in_host tee /etc/calico/policy.yaml <"$here/policy.yaml" >/dev/null
show calicoctl diff -f /etc/calico/policy.yaml
show calicoctl apply -f /etc/calico/policy.yaml
settle other may
settle shop not
show calicoctl explain --from shop --to web --port 80

step "7  What stands in the kernel"
show ip route show proto 80
printf '\n    packets dropped, by reason\n'
in_host calicoctl drops | sed 's/^/    /'

step "8  Docker on the same host: the same pools, the same policy, by label"
dockerd=''
if [ -x /usr/sbin/dockerd ] && [ -x /usr/bin/docker ]; then
  in_host dockerd -H unix:///run/docker.sock --cgroup-parent="/$cgroup" --userland-proxy=false >"$dir/dockerd.log" 2>&1 &
  dockerd=$!
  for try in $(seq 100); do
    if in_host docker version >/dev/null 2>&1; then break; fi
    if [ "$try" = 100 ] || ! kill -0 $dockerd 2>/dev/null; then tail -n 5 "$dir/dockerd.log" >&2; exit 1; fi
    sleep 0.1
  done
  in_host sh -c 'tar -C /run/box -c . | docker import - localhost/box' >/dev/null
  show docker network create -d calico --ipam-driver calico-ipam store
  show docker run -d --name till --network store --label org.projectcalico.label.green=yes localhost/box /bin/busybox sleep 3600
  show docker run -d --name cat --network store localhost/box /bin/busybox sleep 3600
  engine=docker
  settle till may
  settle cat not
  show calicoctl get workloadendpoints -A -o wide
else
  echo "    skipped: Docker is not installed (apt-get install docker.io)"
fi

step "9  A Mesos agent's tasks as well: one pool set, one policy, all nine directions"
pairs() { # name-of-container pid address, two of each kind
  local name
  for name in web shop; do echo "podman $(in_host podman inspect -f '{{.State.Pid}}' $name) $(in_host podman exec $name /bin/busybox ip -o -4 addr show dev eth0 | awk '{sub("/.*", "", $4); print $4}')"; done
  for name in till cat; do echo "docker $(in_host docker inspect -f '{{.State.Pid}} {{.NetworkSettings.Networks.store.IPAddress}}' $name)"; done
  for name in job1 job2; do echo "mesos $(in_host cat /run/calico-mesos-sample/$name.pid) $(in_host cat /run/calico-mesos-sample/$name.ip)"; done
}
if [ -n "$dockerd" ]; then
  in_host calico-host mesos install >/dev/null
  for task in job1 job2; do
    printf '    agent.sh launch %s batch   %s\n' "$task" "$(in_host "$here/../mesos/agent.sh" launch "$task" batch)"
  done
  sed 's/^/    /' "$here/pairs.yaml"
  in_host tee /etc/calico/pairs.yaml <"$here/pairs.yaml" >/dev/null
  show calicoctl apply -f /etc/calico/pairs.yaml
  pairs >"$dir/pairs"
  expected='podman no no yes docker yes no no mesos no yes yes' matrix=''
  for try in 1 2 3 4 5; do
    matrix=$(while read -r from pid own; do
      line=$from
      for to in podman docker mesos; do
        # The second of the receiving kind, so that a kind asks another one of itself.
        address=$(grep "^$to " "$dir/pairs" | tail -n 1 | cut -d' ' -f3)
        if in_host nsenter -t "$pid" -n /bin/busybox ping -c 1 -W 1 "$address" </dev/null >/dev/null 2>&1; then line="$line yes"; else line="$line no"; fi
      done
      echo "$line"
    done < <(awk '!seen[$1]++' "$dir/pairs"))
    [ "$(echo $matrix)" = "$expected" ] && break
  done
  printf '\n    %-12s %-10s %-10s %s\n' 'from / to' podman docker mesos
  printf '%s\n' "$matrix" | while read -r from a b c; do printf '    %-12s %-10s %-10s %s\n' "$from" "$a" "$b" "$c"; done
  [ "$(echo $matrix)" = "$expected" ] || { echo "    that is not what the policy says" >&2; exit 1; }
else
  echo "    skipped: Docker is not installed (apt-get install docker.io)"
fi

step "10  Gone again"
in_host podman rm -f -t 0 web shop other >/dev/null
if [ -n "$dockerd" ]; then
  for task in job1 job2; do in_host "$here/../mesos/agent.sh" cleanup "$task"; done
  in_host docker rm -f till cat >/dev/null
  in_host docker network rm store >/dev/null
  in_host sh -c 'kill -TERM $(cat /run/docker.pid)'
  wait "$dockerd" 2>/dev/null || true
fi
in_host calicoctl ipam check | head -n 1 | sed 's/^/    calicoctl ipam check: /'
in_host ip -brief link show type veth | grep cali | sed 's/^/    /' || echo "    no interface, no route, no address is left"
# Asked to stop, not killed: its rules would stay in the kernel, and go with the host.
in_host sh -c 'for p in /proc/[0-9]*; do case "$(readlink $p/exe)" in */calico-host) kill -TERM ${p#/proc/} ;; esac; done' || true
wait "$calico" 2>/dev/null || true
printf '\n%sthe demo took %d.%d s%s\n' "$dim" $((($(date +%s%N) - started) / 1000000000)) $((($(date +%s%N) - started) / 100000000 % 10)) "$plain"
