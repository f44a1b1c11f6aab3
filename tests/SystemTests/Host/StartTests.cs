using Calico.SystemTests.Cni;
using Calico.TestKit.Hosts;

namespace Calico.SystemTests.Host;

/// <summary>What can be wrong when the host starts: it says what, and what to do, and changes nothing.</summary>
[TestFixture]
public sealed class StartTests
{
    private TestHost host = null!;

    [SetUp]
    public async Task StartAsync()
    {
        if (TestHost.WhyNot is { } reason)
        {
            Assert.Ignore(reason);
        }

        host = await TestHost.StartAsync(41);
    }

    [TearDown]
    public async Task EndAsync()
    {
        if (host is not null)
        {
            await host.DisposeAsync();
        }
    }

    [Test]
    public async Task A_corrupt_store_file_is_refused_and_kept()
    {
        await host.ShellAsync("mkdir -p /var/lib/calico; head -c 65536 /dev/urandom > /var/lib/calico/calico.db; sha256sum /var/lib/calico/calico.db > /run/before");
        var said = await RefusedAsync();
        Assert.That(said, Does.Contain("/var/lib/calico/calico.db"));
        await host.ShellAsync("sha256sum -c /run/before");
    }

    [Test]
    public async Task A_log_of_another_machine_or_a_newer_version_is_refused()
    {
        await host.StartCalicoAsync();
        await host.StopCalicoAsync();
        host.Settings["NODENAME"] = "another";
        Assert.That(await RefusedAsync(), Does.Contain("node1").And.Contain("another"));
        host.Settings["NODENAME"] = "node1";
        await host.StartCalicoAsync();
    }

    [Test]
    public async Task A_duplicate_node_name_is_refused_by_name()
    {
        await host.StartCalicoAsync();
        await host.ShellAsync("""
            calicoctl get node node1 -o yaml | sed 's/net.calico\/machine-id: .*/net.calico\/machine-id: "0123456789abcdef"/' > /run/node.yaml
            calicoctl replace -f /run/node.yaml
            """);
        await host.StopCalicoAsync();
        Assert.That(await RefusedAsync(), Does.Contain("node1").And.Contain("another machine").And.Contain("NODENAME"));
    }

    [Test]
    public async Task A_socket_that_another_process_serves_is_left_alone_and_the_adapter_named()
    {
        await host.ShellAsync("mkdir -p /run/calico; setsid /bin/busybox nc -lk local:/run/calico/cni.sock </dev/null >/dev/null 2>&1 & sleep 0.3; true");
        if ((await host.ShellAsync("[ -S /run/calico/cni.sock ] && echo yes || echo no")).Trim() == "no")
        {
            await host.ShellAsync("cat > /run/serve.pl <<'P'\nuse IO::Socket::UNIX; my $s=IO::Socket::UNIX->new(Local=>'/run/calico/cni.sock',Listen=>5) or die; while(my $c=$s->accept){close $c}\nP\nsetsid perl /run/serve.pl </dev/null >/dev/null 2>&1 & for i in $(seq 50); do [ -S /run/calico/cni.sock ] && exit 0; sleep 0.05; done; exit 1");
        }

        await host.StartCalicoAsync();
        var status = await host.CalicoctlAsync("status");
        Assert.That(status.Output + status.Error, Does.Contain("/run/calico/cni.sock"));
    }

    [Test]
    public async Task An_adapter_built_against_a_newer_contract_or_that_throws_is_named_and_the_rest_works()
    {
        var plugins = Path.Combine(host.Folder, "plugins");
        var built = Path.Combine(Repository.Root, "artifacts", "bin");
        await host.ShellAsync($"mkdir -p {plugins}/throws/1.0.0 {plugins}/newer/1.0.0; cp -r {host.Programs}/plugins/cni {plugins}/; cp {Newest(built, "ThrowingPlugin")}/* {plugins}/throws/1.0.0/; cp {Newest(built, "NewerPlugin")}/* {plugins}/newer/1.0.0/; chmod -R go-w {plugins}");
        host.Settings["CALICO_PLUGIN_DIR"] = plugins;
        await host.StartCalicoAsync();
        var status = (await host.CalicoctlAsync("status")).OrThrow().Output;
        Assert.That(status, Does.Contain("contract 1.99").And.Contain("Configure threw"));
        Assert.That(await host.ShellAsync("[ -S /run/calico/cni.sock ] && echo served"), Does.Contain("served"));
    }

    [TestCase("IP", "not-an-address", "IP")]
    [TestCase("CALICO_IPV4POOL_BLOCK_SIZE", "13", "CALICO_IPV4POOL")]
    [TestCase("CALICO_IPV4POOL_CIDR", "10.65.0.1/16", "CALICO_IPV4POOL")]
    [TestCase("DATASTORE_TYPE", "zookeeper", "DATASTORE_TYPE")]
    [TestCase("FELIX_NFTABLESMARKMASK", "0x1", "FELIX_NFTABLESMARKMASK")]
    [TestCase("NODENAME", "Not_Valid", "NODENAME")]
    public async Task A_wrong_setting_is_named(string setting, string value, string says)
    {
        host.Settings[setting] = value;
        Assert.That(await RefusedAsync(), Does.Contain(says));
    }

    [Test]
    public async Task A_full_disk_refuses_the_ADD_and_recovers()
    {
        await using var cni = await CniHost.StartAsync(h => Task.Run(() => h.ShellAsync("mount -t tmpfs -o size=3m tmpfs /var/lib/calico")).Wait(), number: 42);
        await cni.AddNamespaceAsync("full");
        await cni.Host.ShellAsync("dd if=/dev/zero of=/var/lib/calico/filler bs=4k 2>/dev/null || true");
        var first = await cni.CallAsync("ADD", "full1", "/run/netns/full");
        for (var i = 2; first.ExitCode == 0 && i < 400; i++)
        {
            // Space that the log's file still had. Either of the two may be what finds no more of it.
            first = await cni.CallAsync("DEL", $"full{i - 1}", "/run/netns/full");
            if (first.ExitCode == 0)
            {
                first = await cni.CallAsync("ADD", $"full{i}", "/run/netns/full");
            }
        }

        Assert.That(CniHost.ErrorOf(first).Message, Does.StartWith("write /var/lib/calico/calico.db: no space left"));
        Assert.That(await cni.Host.ShellAsync("ip -n full -br link | grep -c eth0 || true"), Is.EqualTo("0\n"));
        await cni.Host.ShellAsync("rm /var/lib/calico/filler");
        await cni.AddAsync("after", "full");
        await cni.DeleteAsync("after", "full");
    }

    private static string Newest(string built, string name) =>
        Directory.GetDirectories(Path.Combine(built, name)).OrderByDescending(Directory.GetLastWriteTimeUtc).First();

    private async Task<string> RefusedAsync()
    {
        var settings = host.Settings.Select(s => $"{s.Key}={s.Value}");
        var result = await host.RunAsync(["env", .. settings, $"{host.Programs}/host/calico-host"], limit: TimeSpan.FromSeconds(20));
        Assert.That(result.ExitCode, Is.EqualTo(1), result.Error + result.Output);
        Assert.That(result.Error, Does.Not.Contain("Unhandled exception"));
        return result.Error;
    }
}
