using System.Diagnostics;
using System.Text.Json.Nodes;
using Calico.Linux.Namespaces;
using Calico.Linux.Nftables;
using Calico.Linux.Route;
using NUnit.Framework;

namespace Calico.KernelTests.Linux;

/// <summary>A fresh network namespace with a unique name, for one test; gone with it.</summary>
/// <remarks>Truth is read back with <c>ip</c> and <c>nft</c> inside it. Nothing of the machine's own namespace is touched.</remarks>
internal sealed class ScratchNamespace : IDisposable
{
    public ScratchNamespace()
    {
        if (!Environment.IsPrivilegedProcess)
        {
            Assert.Ignore("needs root: it makes network namespaces");
        }

        Name = $"clt-{Guid.NewGuid().ToString("N")[..10]}";
        Execute("ip", ["netns", "add", Name]);
        Broker = new NamespaceBroker();
        File = NetworkNamespaceFile.Open($"/run/netns/{Name}");
    }

    public string Name { get; }

    public NamespaceBroker Broker { get; }

    public NetworkNamespaceFile File { get; }

    public RouteSocket OpenRoute() => Broker.Run(File, () => RouteSocket.Open());

    public NftSocket OpenNft() => Broker.Run(File, () => NftSocket.Open());

    /// <summary>What <c>ip -j</c> says inside.</summary>
    public JsonArray Ip(params string[] arguments)
    {
        var output = Inside("ip", ["-j", .. arguments]);
        return output.Trim().Length == 0 ? [] : JsonNode.Parse(output)!.AsArray();
    }

    /// <summary>Runs a program inside and returns its output.</summary>
    public string Inside(string program, params string[] arguments) => Execute("ip", ["netns", "exec", Name, program, .. arguments]);

    public void Dispose()
    {
        File.Dispose();
        Broker.Dispose();
        Execute("ip", ["netns", "delete", Name]);
    }

    private static string Execute(string program, IEnumerable<string> arguments)
    {
        var start = new ProcessStartInfo(program, arguments) { RedirectStandardOutput = true, RedirectStandardError = true };
        using var process = Process.Start(start)!;
        var error = process.StandardError.ReadToEndAsync();
        var output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        return process.ExitCode == 0 ? output : throw new InvalidOperationException(
            $"{program} {string.Join(' ', start.ArgumentList)}: exit {process.ExitCode}: {error.GetAwaiter().GetResult()}");
    }
}
