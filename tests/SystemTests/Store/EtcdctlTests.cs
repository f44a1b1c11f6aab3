using System.Diagnostics;
using Calico.TestKit.Hosts;
using NUnit.Framework;

namespace Calico.SystemTests.Store;

/// <summary>Debian's etcdctl against the embedded store.</summary>
public sealed class EtcdctlTests
{
    private EmbeddedServer _server = null!;
    private string _endpoint = "";

    [SetUp]
    public async Task StartAsync()
    {
        _server = await EmbeddedServer.StartAsync();
        _endpoint = _server.TcpEndpoint;
    }

    [TearDown]
    public async Task StopAsync() => await _server.DisposeAsync();

    [Test]
    public async Task Put_get_and_delete()
    {
        Assert.That(await RunAsync("put", "/calico/a", "1"), Is.EqualTo("OK\n"));
        Assert.That(await RunAsync("put", "/calico/b", "2", "--prev-kv"), Is.EqualTo("OK\n"));
        Assert.That(await RunAsync("put", "/calico/b", "3", "--prev-kv"), Is.EqualTo("OK\n/calico/b\n2\n"));
        Assert.That(await RunAsync("get", "--prefix", "/calico/"), Is.EqualTo("/calico/a\n1\n/calico/b\n3\n"));
        Assert.That(await RunAsync("get", "--prefix", "/calico/", "--keys-only", "--order=DESCEND"),
            Is.EqualTo("/calico/b\n\n/calico/a\n\n"));
        Assert.That(await RunAsync("get", "--prefix", "/calico/", "--limit=1"), Is.EqualTo("/calico/a\n1\n"));
        Assert.That(await RunAsync("get", "--prefix", "/calico/", "--limit=1", "--write-out=fields"),
            Does.Contain("\"More\" : true").And.Contain("\"Count\" : 2"));
        Assert.That(await RunAsync("get", "--prefix", "/calico/", "--sort-by=MODIFY", "--order=DESCEND", "--print-value-only"),
            Is.EqualTo("3\n1\n"));
        Assert.That(await RunAsync("get", "/calico/b", "--rev=3", "--print-value-only"), Is.EqualTo("2\n"));
        Assert.That(await RunAsync("get", "--from-key", "/calico/b", "--keys-only"), Is.EqualTo("/calico/b\n\n"));
        Assert.That(await RunAsync("del", "--prefix", "/calico/", "--prev-kv"), Is.EqualTo("2\n/calico/a\n1\n/calico/b\n3\n"));
        Assert.That(await RunAsync("get", "--prefix", ""), Is.Empty);
    }

    [Test]
    public async Task Txn()
    {
        await RunAsync("put", "/a", "1");
        Assert.That(await RunWithInputAsync("value(\"/a\") = \"1\"\n\nput /a 2\nget /a\n\nget /a\n\n", "txn"),
            Is.EqualTo("SUCCESS\n\nOK\n\n/a\n2\n"));
        Assert.That(await RunWithInputAsync("version(\"/a\") = \"7\"\n\ndel /a\n\nget /a\n\n", "txn"), Is.EqualTo("FAILURE\n\n/a\n2\n"));
    }

    [Test]
    public async Task Watch_from_a_revision_with_previous_values()
    {
        await RunAsync("put", "/a", "1");
        await RunAsync("put", "/a", "2");
        using var watch = Start("watch", "--prefix", "/", "--rev=3", "--prev-kv");
        try
        {
            Assert.That(await LinesAsync(watch, 5), Is.EqualTo(["PUT", "/a", "1", "/a", "2"]));
            await RunAsync("del", "/a");
            Assert.That(await LinesAsync(watch, 5), Is.EqualTo(["DELETE", "/a", "2", "/a", ""]));
        }
        finally
        {
            watch.Kill();
            await watch.WaitForExitAsync();
        }
    }

    [Test]
    public async Task Watch_of_a_compacted_revision_and_compaction()
    {
        await RunAsync("put", "/a", "1");
        await RunAsync("put", "/a", "2");
        await RunAsync("put", "/a", "3");
        Assert.That(await RunAsync("compact", "4"), Is.EqualTo("compacted revision 4\n"));
        using var watch = Start("watch", "--prefix", "/", "--rev=2");
        await watch.WaitForExitAsync().WaitAsync(TimeSpan.FromSeconds(10));
        Assert.That(await watch.StandardError.ReadToEndAsync(), Does.Contain("required revision has been compacted"));
    }

    [Test]
    public async Task Leases()
    {
        var granted = await RunAsync("lease", "grant", "60");
        var id = granted.Split(' ')[1];
        await RunAsync("put", "/leased", "x", $"--lease={id}");
        Assert.That(await RunAsync("lease", "timetolive", id, "--keys"),
            Does.Contain("granted with TTL(60s)").And.Contain("attached keys([/leased])"));
        Assert.That(await RunAsync("lease", "keep-alive", "--once", id), Does.Contain("keepalived with TTL(60)"));
        Assert.That(await RunAsync("lease", "list"), Does.Contain(id));
        Assert.That(await RunAsync("lease", "revoke", id), Does.Contain("revoked"));
        Assert.That(await RunAsync("get", "/leased"), Is.Empty);
    }

    /// <summary>With a bare address: etcdctl 3.4 sends a URL as <c>:authority</c> of this one call, which Kestrel refuses.</summary>
    [Test]
    public async Task Endpoint_status_and_health()
    {
        _endpoint = new Uri(_server.TcpEndpoint).Authority;
        Assert.That(await RunAsync("endpoint", "status", "--write-out=fields"), Does.Contain("\"Version\" : \"3.4.23\""));
        Assert.That(await RunAsync("endpoint", "health"), Is.Empty, "it says so on standard error");
    }

    private Task<string> RunAsync(params string[] arguments) => RunWithInputAsync("", arguments);

    private async Task<string> RunWithInputAsync(string input, params string[] arguments)
    {
        using var process = Start(arguments);
        await process.GiveAsync(input);
        var error = process.StandardError.ReadToEndAsync();
        var output = await process.StandardOutput.ReadToEndAsync();
        await process.WaitForExitAsync().WaitAsync(TimeSpan.FromSeconds(20));
        Assert.That(process.ExitCode, Is.Zero, await error);
        return output;
    }

    private Process Start(params string[] arguments) => Process.Start(new ProcessStartInfo("etcdctl",
        [$"--endpoints={_endpoint}", .. arguments])
    {
        Environment = { ["ETCDCTL_API"] = "3" },
        RedirectStandardInput = true,
        RedirectStandardOutput = true,
        RedirectStandardError = true,
    })!;

    private static async Task<string[]> LinesAsync(Process process, int count)
    {
        var lines = new string[count];
        for (var i = 0; i < count; i++)
        {
            lines[i] = (await process.StandardOutput.ReadLineAsync().WaitAsync(TimeSpan.FromSeconds(10)))!;
        }

        return lines;
    }
}
