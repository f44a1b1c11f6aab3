using Calico.TestKit.Hosts;

namespace Calico.SystemTests.Host;

/// <summary>Row C10 of issue 13: samples/podman/README.md, word by word, on a machine that has nothing of Calico yet.</summary>
[TestFixture, Parallelizable]
public sealed class SetupTests
{
    private TestHost _host = null!;

    [SetUp]
    public async Task StartAsync()
    {
        if (TestHost.WhyNot is { } reason)
        {
            Assert.Ignore(reason);
        }

        _host = await TestHost.StartAsync(44);
    }

    [TearDown]
    public async Task EndAsync()
    {
        if (_host is not null)
        {
            await _host.DisposeAsync();
        }
    }

    [Test]
    public async Task C10_the_readme_of_the_podman_sample_works_word_by_word_and_leaves_nothing()
    {
        // Places of the machine that a test host does not have for itself.
        await _host.ShellAsync("""
            mkdir -p /run/fresh/units /run/fresh/links
            mount --bind /run/fresh/units /etc/systemd/system
            mount --bind /run/fresh/links /usr/local/bin
            cat > /etc/containers/test.conf <<'C'
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
            C
            echo '{"default":[{"type":"insecureAcceptAnything"}]}' > /etc/containers/policy.json
            """);
        var image = Path.Combine(_host.Folder, "box.tar");
        BusyboxImage.Write(image);
        await _host.ShellAsync($"podman load -q -i {image}; podman tag {BusyboxImage.Name} localhost/busybox");
        var cgroup = (await _host.ShellAsync("hostname")).Trim();
        var before = await LeftoversAsync();

        var commands = (await File.ReadAllLinesAsync(Path.Combine(Repository.Root, "samples", "podman", "README.md")))
            .Where(l => l.StartsWith("    ", StringComparison.Ordinal)).Select(l => l.Trim()).ToList();
        Assert.That(commands, Has.Count.GreaterThan(8));
        foreach (var command in commands.TakeWhile(c => !c.StartsWith("podman rm", StringComparison.Ordinal)))
        {
            await RunAsync(command, cgroup);
        }

        var answer = await CommandResult.RunAsync(["ip", "netns", "exec", _host.Fabric, "bash", "-c",
            "printf 'GET / HTTP/1.0\\r\\n\\r\\n' | timeout 3 busybox nc -w 2 198.51.100.44 8080"]);
        Assert.That(answer.Output, Does.StartWith("HTTP/1."), "the published port, from another machine");
        Assert.That((await _host.RunAsync(["calico-host", "uninstall"])).Error, Does.Contain("calico-host runs: stop it first"));

        foreach (var command in commands.SkipWhile(c => !c.StartsWith("podman rm", StringComparison.Ordinal)))
        {
            await RunAsync(command, cgroup);
        }

        Assert.That(await LeftoversAsync(), Is.EqualTo(before));
    }

    /// <summary>Nobody runs systemd here: what it would do is done in its place.</summary>
    private async Task RunAsync(string command, string cgroup)
    {
        if (command.StartsWith("systemctl daemon-reload", StringComparison.Ordinal))
        {
            var unit = await _host.ShellAsync("cat /etc/systemd/system/calico-host.service");
            var start = unit.Split('\n').Single(l => l.StartsWith("ExecStart=", StringComparison.Ordinal))["ExecStart=".Length..];
            await _host.ShellAsync($"env -u CALICO_PLUGIN_DIR NODENAME=fresh setsid {start} >/run/calico-host.log 2>&1 </dev/null &");
            return;
        }

        if (command.StartsWith("systemctl disable", StringComparison.Ordinal))
        {
            await _host.ShellAsync("""
                for p in /proc/[0-9]*; do case "$(readlink $p/exe)" in */calico-host) kill -TERM ${p#/proc/} ;; esac; done
                for i in $(seq 200); do [ -e /run/calico/host.sock ] || exit 0; sleep 0.05; done; exit 1
                """);
            return;
        }

        var typed = command.Replace("podman run -d", $"podman run -d --cgroup-parent=/{cgroup}", StringComparison.Ordinal);
        var result = await _host.RunAsync(["bash", "-c", $"cd {Repository.Root} && env -u CALICO_PLUGIN_DIR {typed}"]);
        Assert.That(result.ExitCode, Is.Zero,
            $"{command}: {result.Error}{result.Output}\n{(await _host.RunAsync(["tail", "-n", "20", "/run/calico-host.log"])).Output}");
    }

    private async Task<string> LeftoversAsync() => await _host.ShellAsync("""
        nft list tables | grep -v "ip nat\|ip filter\|ip6 " || true
        ip -o link show | grep -o ': cali[^@:]*' || true
        ip route show proto 80
        find /etc/cni /opt/cni /usr/lib/calico /etc/systemd/system /usr/local/bin /var/lib/calico /run/calico -mindepth 1 2>/dev/null | sort || true
        """);
}
