using System.Diagnostics;
using System.Net;
using Calico.EmbeddedStore;
using Microsoft.Extensions.Logging.Abstractions;
using NUnit.Framework;

namespace Calico.UnitTests.Store;

/// <summary>Who may speak to the store's TCP port.</summary>
[TestFixture]
public sealed class LoopbackPeerTests
{
    /// <summary>HTTP/2's greeting and an empty SETTINGS frame; a server that listens answers with its own, 9 bytes and more. One that does
    /// not may have closed before the greeting is written, which fails then: what counts is what it says.</summary>
    private const string Ask = """
        trap '' PIPE
        exec 3<>/dev/tcp/$0/$1 || exit
        printf 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0\0' >&3
        timeout 20 head -c 9 <&3 | wc -c
        """;

    [TestCase("127.0.0.1")]
    [TestCase("::1")]
    public async Task A4_the_stores_tcp_port_serves_root_and_no_other_user(string address)
    {
        if (!Environment.IsPrivilegedProcess)
        {
            Assert.Ignore("needs root: it connects as another user");
        }

        await using var folder = new TempFolder();
        await using var engine = await EmbeddedEngine.OpenAsync(
            folder.Options(),
            TimeProvider.System, NullLogger.Instance, CancellationToken.None);
        await using var server = await EtcdApiServer.StartAsync(engine, new() { Loopback = new(IPAddress.Parse(address), 0) },
            NullLoggerFactory.Instance, CancellationToken.None);
        var port = $"{server.Loopback!.Port}";
        Assert.That(Run("bash", "-c", Ask, address, port), Is.EqualTo("9"), "the probe works");
        Assert.That(Run("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "bash", "-c", Ask, address, port), Is.EqualTo("0"));
    }

    private static string Run(string program, params string[] arguments)
    {
        using var process = Process.Start(new ProcessStartInfo(program, arguments) { RedirectStandardOutput = true })!;
        return process.StandardOutput.ReadToEnd().Trim();
    }
}
