using System.Diagnostics;
using System.Globalization;
using System.Net.Sockets;
using Calico.Plugins.Mesos.V1;
using Calico.SystemTests.Mesos;
using Calico.TestKit.Hosts;
using Grpc.Core;

namespace Calico.SystemTests.Sdk;

/// <summary><c>samples/HelloOrchestrator</c> as a stranger's: built outside of the repository from the package of the contracts, beside all
/// adapters of ours, and upgraded while everybody is called and workloads talk.</summary>
[TestFixture, Parallelizable]
public sealed class HelloTests
{
    private const string Plugins = "/usr/lib/calico/plugins";

    [Test]
    public async Task M18_hello_is_upgraded_under_load_and_every_adapter_answers_again()
    {
        if (TestHost.WhyNot is { } reason)
        {
            Assert.Ignore(reason);
        }

        using var folder = new StrangersFolder(
            Repository.Packages ?? throw new InvalidOperationException("the packages are not packed: ./build.sh pack"));
        await PackAsync(folder);
        await using var host = await TestHost.StartAsync(49);
        host.Settings["CALICO_PLUGIN_DIR"] = Plugins;
        host.Settings["CALICO_LIVE_INTERVAL"] = "00:00:01";
        await host.ShellAsync($"mkdir -p {Plugins} /opt/cni/bin; cp -r {host.Programs}/plugins/* {Plugins}/; "
            + $"cp {host.Programs}/bin/calico-shim /opt/cni/bin/calico");
        await PluginAsync(host, $"install {folder.Path}/packed/HelloOrchestrator.1.0.0.nupkg");
        await host.StartCalicoAsync();
        using var agent = new PlayedAgent(host);
        foreach (var name in (string[])["w1", "w2"])
        {
            await host.ShellAsync($"ip netns add {name}");
        }

        var second = "";
        foreach (var name in (string[])["w1", "w2"])
        {
            second = (await AskAsync(host, $"up {name} /run/netns/{name}"))["ok ".Length..];
        }

        Assert.That(await AskAsync(host, "up w3 /nowhere"), Does.StartWith("error: "));
        var connection = await TalkAsync(host, second);

        await PluginAsync(host, $"install {folder.Path}/packed/HelloOrchestrator.1.1.0.nupkg");
        var pinging = host.ShellAsync($"for i in $(seq 60); do ip netns exec w1 /bin/busybox ping -c 1 -W 1 {second} >/dev/null "
            + "&& echo one || echo lost; sleep 0.05; done", limit: TimeSpan.FromMinutes(2));
        await host.StopCalicoAsync();
        var clock = Stopwatch.StartNew();
        var starting = host.StartCalicoAsync();
        var answers = await Task.WhenAll(
            FirstAsync("hello", clock, async () => (await AskAsync(host, "ls")).StartsWith("ok w1=", StringComparison.Ordinal)),
            FirstAsync("docker", clock, async () => (await host.ShellAsync(
                "curl -s --max-time 5 --unix-socket /run/docker/plugins/calico.sock -X POST http://d/Plugin.Activate"))
                .Contains("NetworkDriver", StringComparison.Ordinal)),
            FirstAsync("cni", clock, async () => (await host.ShellAsync("""
                echo '{"cniVersion":"1.1.0","name":"n","type":"calico"}' \
                  | CNI_COMMAND=STATUS CNI_PATH=/opt/cni/bin /opt/cni/bin/calico && echo well
                """)).Contains("well", StringComparison.Ordinal)),
            FirstAsync("mesos", clock, async () => await IsUnknownAsync(agent)));
        await starting;
        foreach (var (adapter, after) in answers)
        {
            TestContext.Out.WriteLine(string.Create(CultureInfo.InvariantCulture,
                $"{adapter} answers {after.TotalMilliseconds:0} ms after the host's start began"));
        }

        Assert.That(await pinging, Does.Not.Contain("lost"));
        await connection.SayAsync("still here");
        Assert.That(await PluginAsync(host, "list"),
            Does.Match(@"hello +1\.1\.0 +1\.0 +loaded").And.Match(@"hello +1\.0\.0 +1\.0 +kept"));
        Assert.That(await AskAsync(host, "ls"), Does.Contain($"w2={second}"));

        // What its orchestrator forgot is ended by its report.
        await host.ShellAsync("ip netns del w1");
        for (var patience = Stopwatch.StartNew(); (await AskAsync(host, "ls")).Contains("w1=",
            StringComparison.Ordinal); await Task.Delay(100))
        {
            Assert.That(patience.Elapsed, Is.LessThan(TimeSpan.FromSeconds(20)), "a workload without its namespace");
        }

        Assert.That(await AskAsync(host, "down w2"), Is.EqualTo("ok"));
        Assert.That(await AskAsync(host, "ls"), Is.EqualTo("ok"));
    }

    /// <summary>The sample's own files, and a project that knows nothing of this repository.</summary>
    private static async Task PackAsync(StrangersFolder folder)
    {
        foreach (var file in Directory.GetFiles(Path.Combine(Repository.Root, "samples", "HelloOrchestrator"), "*.cs"))
        {
            File.Copy(file, Path.Combine(folder.Path, Path.GetFileName(file)));
        }

        var package = Directory.GetFiles(Repository.Packages!, "Calico.Abstractions.*.nupkg").Single();
        var version = Path.GetFileNameWithoutExtension(package)["Calico.Abstractions.".Length..];
        await File.WriteAllTextAsync(Path.Combine(folder.Path, "HelloOrchestrator.csproj"), $"""
            <Project Sdk="Microsoft.NET.Sdk">
              <PropertyGroup>
                <TargetFramework>net10.0</TargetFramework>
                <Nullable>enable</Nullable>
                <ImplicitUsings>enable</ImplicitUsings>
                <Description>Hello</Description>
              </PropertyGroup>
              <ItemGroup>
                <PackageReference Include="Calico.Abstractions" Version="{version}" />
                <PackageReference Include="Microsoft.Extensions.Hosting.Abstractions" Version="10.0.14" />
              </ItemGroup>
            </Project>
            """);
        foreach (var packed in (string[])["1.0.0", "1.1.0"])
        {
            await folder.DotnetAsync("", "pack", "HelloOrchestrator.csproj", "-o", "packed", "-v", "quiet", $"-p:Version={packed}");
        }
    }

    private static async Task<bool> IsUnknownAsync(PlayedAgent agent)
    {
        try
        {
            await agent.Isolator.StatusAsync(new() { ContainerId = PlayedAgent.Id("nobody") });
            return false;
        }
        catch (RpcException e)
        {
            return e.StatusCode == StatusCode.NotFound;
        }
    }

    private static async Task<(string Adapter, TimeSpan After)> FirstAsync(string adapter, Stopwatch clock, Func<Task<bool>> answers)
    {
        while (true)
        {
            var asked = clock.Elapsed;
            try
            {
                if (await answers())
                {
                    return (adapter, clock.Elapsed);
                }
            }
            catch (Exception e) when (e is SocketException or IOException or InvalidOperationException)
            {
                // Not yet.
            }

            Assert.That(asked, Is.LessThan(TimeSpan.FromSeconds(30)), adapter);
            await Task.Delay(10);
        }
    }

    private static Task<string> PluginAsync(TestHost host, string arguments) =>
        host.ShellAsync($"CALICO_PLUGIN_DIR={Plugins} {host.Programs}/host/calico-host plugin {arguments}");

    private static async Task<string> AskAsync(TestHost host, string line)
    {
        using var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        await socket.ConnectAsync(new UnixDomainSocketEndPoint(Path.Combine(host.Folder, "root", "run", "calico", "hello.sock")));
        await using var stream = new NetworkStream(socket);
        using var reader = new StreamReader(stream);
        await using var writer = new StreamWriter(stream) { AutoFlush = true };
        await writer.WriteLineAsync(line);
        return await reader.ReadLineAsync() ?? throw new IOException("the connection ended");
    }

    /// <summary>A TCP connection from w1 to w2 that stays open.</summary>
    private static async Task<OpenConnection> TalkAsync(TestHost host, string address)
    {
        await host.ShellAsync("mkfifo /run/said; (sleep 3600 | ip netns exec w2 /bin/busybox nc -l -p 7000) >/run/heard 2>/dev/null & "
            + "for i in $(seq 100); do ip netns exec w2 ss -ltn | grep -q :7000 && exit 0; sleep 0.05; done; exit 1");
        await host.ShellAsync($"(exec 3<>/run/said; ip netns exec w1 /bin/busybox nc {address} 7000 <&3) >/dev/null 2>&1 &");
        var connection = new OpenConnection(host);
        await connection.SayAsync("hello");
        return connection;
    }

    /// <summary>Ends with its host.</summary>
    private sealed class OpenConnection(TestHost host)
    {
        public async Task SayAsync(string word) => await host.ShellAsync(
            $"echo '{word}' >/run/said; for i in $(seq 100); do grep -q '{word}' /run/heard && exit 0; sleep 0.05; done; exit 1");
    }
}
