using Calico.TestKit.Hosts;

namespace Calico.SystemTests.Docker;

/// <summary>Published ports with the real dockerd: who comes through, and that they go with their container whatever dies.</summary>
[TestFixture, Parallelizable]
public sealed class PublishedPortTests : DockerScene
{
    private const string Client = """
        import socket, sys
        kind, address, port = sys.argv[1], sys.argv[2], int(sys.argv[3])
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        try:
            s = socket.socket(family, socket.SOCK_DGRAM if kind == "udp" else socket.SOCK_STREAM)
            s.settimeout(1.5)
            s.connect((address, port))
            for _ in range(2 if kind == "udp" else 1):
                try:
                    s.send(b"?")
                    print(s.recv(64).decode().strip()); break
                except socket.timeout:
                    pass
        except OSError as e:
            print("no:", e.strerror or e, file=sys.stderr)
        """;

    private const string Server = """
        import socket, sys, threading
        def name(a):
            return a[0].replace("::ffff:", "")
        def tcp():
            s = socket.socket(socket.AF_INET6); s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1); s.bind(("::", 80)); s.listen(16)
            while True:
                c, a = s.accept(); c.send(name(a).encode()); c.close()
        def udp():
            s = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM); s.bind(("::", 53))
            while True:
                _, a = s.recvfrom(64); s.sendto(name(a).encode(), a)
        threading.Thread(target=tcp).start(); threading.Thread(target=udp).start()
        """;

    private static string Bind(int port) => $"import socket; s=socket.socket(); s.bind((\"0.0.0.0\",{port}))";

    private string Script(string name) => Path.Combine(Docker.Host.Folder, name);

    [OneTimeSetUp]
    public async Task MakeOutsideAsync()
    {
        await File.WriteAllTextAsync(Script("ask.py"), Client);
        await File.WriteAllTextAsync(Script("serve.py"), Server);
        // A machine beside the host.
        await Docker.Host.ShellAsync("""
            ip netns add outside; ip link add beside type veth peer name eth0 netns outside
            ip addr add 203.0.113.1/24 dev beside; ip addr add fd99::1/64 dev beside nodad; ip link set beside up
            ip -n outside addr add 203.0.113.2/24 dev eth0; ip -n outside addr add fd99::2/64 dev eth0 nodad
            ip -n outside link set eth0 up; ip -n outside link set lo up
            """);
    }

    private async Task<string> RunAsync(string name, string options, string network = "blue")
    {
        var id = await Docker.RunAsync(name, network, options);
        await ServeAsync(name);
        return id;
    }

    /// <summary>Serves ports 80 and 53 in a container's namespace, whose image has no such program.</summary>
    private async Task ServeAsync(string name)
    {
        var pid = await PidAsync(name);
        await Docker.Host.ShellAsync($"setsid nsenter -t {pid} -n python3 {Script("serve.py")} >/dev/null 2>&1 </dev/null & sleep 0.3");
    }

    private Task<string> PidAsync(string name) => Docker.DockerAsync($"inspect -f '{{{{.State.Pid}}}}' {name}");

    /// <summary>Whom the server saw; empty: nobody answered.</summary>
    private async Task<string> AskAsync(string address, int port, string from = "", string kind = "tcp") =>
        (await Docker.Host.ShellAsync($"{from} python3 {Script("ask.py")} {kind} {address} {port} 2>/dev/null")).Trim();

    private Task<string> OutsideAsync(string address, int port, string kind = "tcp") => AskAsync(address, port, "ip netns exec outside",
        kind);

    private async Task<string> FromAsync(string container, string address, int port, string kind = "tcp") =>
        await AskAsync(address, port, $"nsenter -t {await PidAsync(container)} -n", kind);

    private async Task<string> PortsOfAsync() =>
        await Docker.Host.ShellAsync($"curl -s --unix-socket /run/calico/host.sock "
            + $"http://x/endpoints | python3 -c \"import json,sys; print(*[p for e in json.load(sys.stdin) for p in e['ports']])\"");

    [Test]
    public async Task Ports_lead_from_outside_the_host_another_container_and_the_container_itself()
    {
        await Docker.CreateNetworkAsync("blue", "--ipv6 --subnet 10.81.0.0/24 --subnet fd81::/112");
        await Docker.CreateNetworkAsync("green", "--subnet 10.82.0.0/24");
        await RunAsync("web", "-p 8080:80 -p 127.0.0.1:8081:80 -p 203.0.113.1:8082:80 -p 5353:53/udp");
        await Docker.RunAsync("mate", "blue");
        await Docker.RunAsync("other", "green");
        var mate = await Docker.AddressInAsync("mate", "blue");
        await Assert.MultipleAsync(async () =>
        {
            Assert.That(await OutsideAsync("203.0.113.1", 8080), Is.EqualTo("203.0.113.2"), "the source stays");
            Assert.That(await OutsideAsync("fd99::1", 8080), Is.EqualTo("fd99::2"), "IPv6");
            Assert.That(await OutsideAsync("203.0.113.1", 5353, "udp"), Is.EqualTo("203.0.113.2"), "UDP");
            Assert.That(await OutsideAsync("203.0.113.1", 8082), Is.EqualTo("203.0.113.2"), "of one address");
            Assert.That(await OutsideAsync("203.0.113.1", 8081), Is.Empty, "of 127.0.0.1");
            Assert.That(await OutsideAsync("fd99::1", 8082), Is.Empty, "of another address");
            Assert.That(await AskAsync("127.0.0.1", 8080), Is.Not.Empty, "the host by 127.0.0.1");
            Assert.That(await AskAsync("127.0.0.1", 8081), Is.Not.Empty, "the host by 127.0.0.1 alone");
            Assert.That(await AskAsync("127.0.0.1", 5353, kind: "udp"), Is.Not.Empty, "the host by 127.0.0.1, UDP");
            Assert.That(await AskAsync("203.0.113.1", 8080), Is.EqualTo("203.0.113.1"), "the host by its address");
            Assert.That(await FromAsync("mate", "203.0.113.1", 8080), Is.EqualTo(mate), "a member");
            Assert.That(await FromAsync("other", "203.0.113.1", 8080), Is.Not.Empty, "another network's, which reaches no other port");
            Assert.That(await FromAsync("web", "203.0.113.1", 8080), Is.Not.Empty, "itself");
        });
        Assert.That((await Docker.Host.CalicoctlAsync("get workloadendpoints -A -o json")).Output, Does.Contain("publish.tcp-80.udp-53"));

        await Docker.DockerAsync("rm -f web");
        Assert.That(await OutsideAsync("203.0.113.1", 8080), Is.Empty);
        Assert.That(await Docker.Host.ShellAsync("nft list tables; ss -Hltnu 'sport = :8080'"), Does.Not.Contain("calico-ports"),
            "gone with the last of them");
        await RunAsync("again", "-p 8080:80");
        Assert.That(await OutsideAsync("203.0.113.1", 8080), Is.EqualTo("203.0.113.2"), "free for the next");
    }

    [Test]
    public async Task A_port_that_is_taken_is_refused_by_name_and_one_that_we_choose_is_shown()
    {
        await Docker.CreateNetworkAsync("blue", "--subnet 10.81.0.0/24");
        await RunAsync("one", "-p 8080:80");
        async Task<string> RefusalAsync(string options)
        {
            var refused = await Docker.TryDockerAsync($"run --rm {options} --network blue {BusyboxImage.Name} /bin/true");
            Assert.That(refused.ExitCode, Is.Not.Zero);
            return refused.Error;
        }

        Assert.That(await RefusalAsync("-p 127.0.0.1:8080:80"), Does.Contain("-p 127.0.0.1:8080:80/tcp").And.Contain("8080/tcp is"));
        await Docker.Host.ShellAsync($"setsid python3 -c 'import time; {Bind(8090)}; s.listen(); time.sleep(60)' "
            + ">/dev/null 2>&1 </dev/null & sleep 0.5");
        Assert.That(await RefusalAsync("-p 8090:80"), Does.Contain("-p 8090:80/tcp").And.Contain("another process"));
        Assert.That(await RefusalAsync("-p 192.0.2.200:80:80"), Does.Contain("192.0.2.200 is no address of this host"));
        var taken = await Docker.Host.ShellAsync($"python3 -c '{Bind(8080)}' 2>&1 || true");
        Assert.That(taken, Does.Contain("Address already in use"), "no other process gets it");

        await RunAsync("two", "--expose 80 -P");
        await RunAsync("three", "-p 8080-8085:80");
        var ports = (await PortsOfAsync()).Trim();
        Assert.That(ports, Does.Match(@"\*:8081 -> 80/tcp").And.Match(@"\*:(3|4|5|6)\d{4} -> 80/tcp"), ports);
        var chosen = System.Text.RegularExpressions.Regex.Match(ports, @"\*:([3-6]\d{4}) ").Groups[1].Value;
        Assert.That(await OutsideAsync("203.0.113.1", int.Parse(chosen, System.Globalization.CultureInfo.InvariantCulture)),
            Is.EqualTo("203.0.113.2"));
        Assert.That(await OutsideAsync("203.0.113.1", 8081), Is.EqualTo("203.0.113.2"));
        var table = await Docker.Host.ShellAsync("calicoctl get workloadendpoints -A -o wide");
        Assert.That(table, Does.Contain($"*:{chosen}->80/tcp").And.Contain("*:8081->80/tcp"));
        Assert.That((await Docker.DockerAsync("port two")), Is.Empty, "dockerd does not ask a remote driver what it chose");
    }

    [Test]
    public async Task What_is_published_on_127_0_0_1_is_the_hosts_own_and_opens_nothing()
    {
        await Docker.CreateNetworkAsync("blue", "--subnet 10.81.0.0/24");
        await Docker.CreateNetworkAsync("green", "--subnet 10.82.0.0/24");
        await RunAsync("web", "-p 127.0.0.1:8097:80");
        await Docker.RunAsync("other", "green");
        var web = await Docker.AddressInAsync("web", "blue");
        await UntilAsync(async () => (await AskAsync("127.0.0.1", 8097)).Length > 0, "the host comes by 127.0.0.1");
        Assert.That(await FromAsync("other", web, 80), Is.Empty, "another network's container");
        Assert.That(await OutsideAsync("203.0.113.1", 8097), Is.Empty, "from outside");
    }

    [Test]
    public async Task A_container_on_a_bridge_too_is_published_by_the_network_that_dockerd_takes()
    {
        await Docker.CreateNetworkAsync("blue", "--subnet 10.81.0.0/24");
        await Docker.CreateNetworkAsync("green", "--subnet 10.82.0.0/24");
        await RunAsync("both", "-p 8080:80");
        await Docker.DockerAsync("network connect green both");
        Assert.That(await OutsideAsync("203.0.113.1", 8080), Is.EqualTo("203.0.113.2"));
        await Docker.DockerAsync("network disconnect blue both");
        await UntilAsync(async () => await OutsideAsync("203.0.113.1", 8080) == "203.0.113.2", "the port by the network that is left");
        await Docker.DockerAsync("rm -f both");
        await Docker.DockerAsync("network rm green");

        // Of two ways out dockerd takes the first by name: the bridge's before violet, blue before the bridge's.
        await Docker.CreateNetworkAsync("violet", "--subnet 10.82.0.0/24");
        await Docker.DockerAsync("run -d --name bridged -p 8080:80 --network bridge " + BusyboxImage.Name + " /bin/sleep 1000");
        await ServeAsync("bridged");
        await Docker.DockerAsync("network connect violet bridged");
        Assert.That((await PortsOfAsync()).Trim(), Is.Empty, "the bridge publishes it, and we leave it alone");
        await UntilAsync(async () => await OutsideAsync("203.0.113.1", 8080) == "203.0.113.2", "the port by the bridge");
        await Docker.DockerAsync("network connect blue bridged");
        Assert.That(await PortsOfAsync(), Does.Contain("*:8080 -> 80/tcp"), "the bridge was told to let go");
        await UntilAsync(async () => await OutsideAsync("203.0.113.1", 8080) == "203.0.113.2", "the port by blue");
    }

    [TestCase("host")]
    [TestCase("dockerd")]
    public async Task Ports_outlive_a_host_that_is_killed_and_go_with_what_a_killed_dockerd_forgot(string what)
    {
        await Docker.CreateNetworkAsync("blue", "--subnet 10.81.0.0/24");
        await RunAsync("web", "-p 8080:80 -p 5353:53/udp");
        if (what == "host")
        {
            await Docker.Host.KillCalicoAsync();
            Assert.That(await OutsideAsync("203.0.113.1", 8080), Is.EqualTo("203.0.113.2"), "while nobody runs");
            await Docker.Host.StartCalicoAsync();
            Assert.That(await OutsideAsync("203.0.113.1", 5353, "udp"), Is.EqualTo("203.0.113.2"), "and after");
            var taken = await Docker.Host.ShellAsync($"python3 -c '{Bind(8080)}' 2>&1 || true");
            Assert.That(taken, Does.Contain("Address already in use"), "held again");
            return;
        }

        await Docker.StopDaemonAsync("KILL");
        await Docker.StartDaemonAsync();
        await Docker.DockerAsync("rm -f web");
        await UntilAsync(async () => (await Docker.Host.ShellAsync("nft list tables")).Contains("calico-ports",
            StringComparison.Ordinal) is false, "the ports to go");
        await RunAsync("next", "-p 8080:80");
        Assert.That(await OutsideAsync("203.0.113.1", 8080), Is.EqualTo("203.0.113.2"));
    }

    [Test]
    public async Task A_policy_decides_whatever_is_published()
    {
        await Docker.CreateNetworkAsync("blue", "--subnet 10.81.0.0/24");
        await RunAsync("web", "-p 8080:80 --label org.projectcalico.label.role=web");
        await UntilAsync(async () => await OutsideAsync("203.0.113.1", 8080) == "203.0.113.2", "the port");
        (await Docker.Host.CalicoctlAsync("apply -f -", """
            apiVersion: projectcalico.org/v3
            kind: GlobalNetworkPolicy
            metadata: {name: shut}
            spec: {selector: role == 'web', types: [Ingress], ingress: [{action: Allow, source: {nets: [198.51.100.0/24]}}]}
            """)).OrThrow();
        await UntilAsync(async () => await OutsideAsync("203.0.113.1", 8080) == "", "policy to shut it");
        (await Docker.Host.CalicoctlAsync("delete globalnetworkpolicy shut")).OrThrow();
    }
}
