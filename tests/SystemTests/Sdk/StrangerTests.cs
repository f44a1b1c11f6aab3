using System.Diagnostics;
using System.Globalization;
using System.Net.Sockets;
using System.Text.RegularExpressions;
using Calico.TestKit.Hosts;

namespace Calico.SystemTests.Sdk;

/// <summary>The way of docs/write-an-adapter.md, by somebody who has our packages and nothing else: from an empty folder to a workload.
/// </summary>
[TestFixture, Parallelizable]
public sealed partial class StrangerTests : IDisposable
{
    private StrangersFolder? _folder;
    private readonly Dictionary<string, string> _addresses = [];
    private TestHost _host = null!;

    [SetUp]
    public async Task StartAsync()
    {
        if (TestHost.WhyNot is { } reason)
        {
            Assert.Ignore(reason);
        }

        _folder = new(Repository.Packages ?? throw new InvalidOperationException("the packages are not packed: ./build.sh pack"));
        _host = await TestHost.StartAsync(47);
        _host.Settings["CALICO_PLUGIN_DIR"] = "/usr/lib/calico/plugins";
    }

    [TearDown]
    public async Task EndAsync()
    {
        if (_host is not null)
        {
            await _host.DisposeAsync();
        }

        Dispose();
    }

    public void Dispose() => _folder?.Dispose();

    [Test]
    public async Task Each_command_of_the_page_from_an_empty_folder_to_an_upgrade_under_load_and_away_again()
    {
        var folder = "";
        var commands = Commands();
        Assert.That(commands, Has.Count.GreaterThan(15));
        foreach (var command in commands)
        {
            switch (command.Split(' '))
            {
                case ["$", "cd", var to]:
                    folder = to;
                    break;
                case ["$", "dotnet", .. var arguments]:
                    var output = await _folder!.DotnetAsync(folder, arguments);
                    if (arguments is ["test"])
                    {
                        Assert.That(Passed().Match(output).Groups[1].Value, Is.Not.EqualTo("0").And.Not.Empty, output);
                    }

                    break;
                case ["#", "calico-host", "plugin", "list"] when _host.CalicoPid is null:
                    Assert.That(await PluginAsync("list"), Does.Match(@"acme +1\.0\.0 +1\.0 +- +"));
                    await _host.StartCalicoAsync();
                    Assert.That(await PluginAsync("list"), Does.Match(@"acme +1\.0\.0 +1\.0 +loaded +"));
                    break;
                case ["#", "calico-host", "plugin", "list"]:
                    await RestartUnderLoadAsync("1.1.0");
                    Assert.That(await PluginAsync("list"),
                        Does.Match(@"acme +1\.1\.0 +1\.0 +loaded +").And.Match(@"acme +1\.0\.0 +1\.0 +kept +"));
                    break;
                case ["#", "calico-host", "plugin", .. var arguments]:
                    await PluginAsync(string.Join(' ', arguments), Path.Combine(_folder!.Path, folder));
                    break;
                case ["#", "echo", ..]:
                    await AskAsync(Quoted().Match(command).Groups[1].Value);
                    break;
                case ["#", "calicoctl", "get", ..]:
                    Assert.That((await _host.CalicoctlAsync("get workloadendpoints")).OrThrow().Output,
                        Does.Contain(_addresses["w1"]).And.Contain(_addresses["w2"]));
                    await AssertPolicedAsync(_addresses["w2"]);
                    break;
                default:
                    await _host.ShellAsync(command[2..]);
                    break;
            }
        }

        await RestartUnderLoadAsync("1.0.0");
        await AskAsync("down w1");
        await AskAsync("down w2");
        Assert.That((await _host.CalicoctlAsync("get workloadendpoints")).OrThrow().Output,
            Does.Not.Contain(_addresses["w1"]).And.Not.Contain(_addresses["w2"]));
        await PluginAsync("remove acme");
        Assert.That(await PluginAsync("list"), Does.Contain("no adapter is installed"));
    }

    [Test]
    public async Task Each_mistake_is_a_build_error_with_its_code()
    {
        await _folder!.DotnetAsync("", "new", "install", Directory.GetFiles(Repository.Packages!, "Calico.Templates.*.nupkg").Single());
        await _folder!.DotnetAsync("", "new", "calico-adapter", "-n", "Acme");
        var plugin = Path.Combine(_folder!.Path, "Acme", "Acme", "OrchestratorPlugin.cs");
        var whole = await File.ReadAllTextAsync(plugin);
        foreach (var (code, text) in new (string, string)[]
        {
            ("CALICO001", whole.Replace("public sealed class", "internal sealed class", StringComparison.Ordinal)),
            ("CALICO002", whole + "\npublic sealed class Second : IOrchestratorPlugin { public string Name => \"second\"; public void "
                + "Configure(IPluginBuilder builder) { } }\n"),
            ("CALICO003", whole.Replace("[assembly: CalicoContract(1, 0)]", "", StringComparison.Ordinal)),
            ("CALICO004", whole.Replace("Name => \"acme\"", "Name => \"Acme Inc\"", StringComparison.Ordinal)),
            ("CALICO004", whole.Replace("Name => \"acme\"", "Name => Environment.MachineName", StringComparison.Ordinal)),
        })
        {
            await File.WriteAllTextAsync(plugin, text);
            var result = await _folder!.TryDotnetAsync("Acme/Acme", "build", "-v", "quiet");
            Assert.That(result.ExitCode, Is.Not.Zero, code);
            Assert.That(result.Output, Does.Contain(code).And.Contain($"docs/write-an-adapter.md#{code.ToLowerInvariant()}"));
        }

        await File.WriteAllTextAsync(plugin, whole);
        var project = Path.Combine(_folder!.Path, "Acme", "Acme", "Acme.csproj");
        var good = await File.ReadAllTextAsync(project);
        await File.WriteAllTextAsync(project,
            good.Replace("<PackageReference Include=\"Calico.Abstractions\"",
                "<PackageReference Include=\"Calico.Datastore\" Version=\"*\" />\n    <PackageReference Include=\"Calico.Abstractions\"",
                StringComparison.Ordinal));
        await File.WriteAllTextAsync(Path.Combine(_folder!.Path, "Acme", "Acme", "Inside.cs"),
            "namespace Acme; internal static class Inside { public static object Kind => Calico.Datastore.Resources.Kinds.IpPool; }");
        Assert.That((await _folder!.TryDotnetAsync("Acme/Acme", "build", "-v", "quiet")).Output,
            Does.Contain("CALICO005").And.Contain("Calico.Datastore"));
        File.Delete(Path.Combine(_folder!.Path, "Acme", "Acme", "Inside.cs"));
        await File.WriteAllTextAsync(project, good);
        Assert.That((await _folder!.TryDotnetAsync("Acme/Acme", "publish", "-v", "quiet", "-p:GenerateDependencyFile=false")).Output,
            Does.Contain("CALICO008"));
        await File.WriteAllTextAsync(project,
            good.Replace("</Project>",
                "  <ItemGroup><None Include=\"Calico.Abstractions.dll\" CopyToPublishDirectory=\"Always\" /></ItemGroup>\n</Project>",
                StringComparison.Ordinal));
        await File.WriteAllTextAsync(Path.Combine(_folder!.Path, "Acme", "Acme", "Calico.Abstractions.dll"), "another");
        Assert.That((await _folder!.TryDotnetAsync("Acme/Acme", "publish", "-v", "quiet")).Output,
            Does.Contain("CALICO006").And.Contain("Calico.Abstractions.dll"));
    }

    /// <summary>Lines of the page's console blocks: "$" as anybody, "#" as root on a node.</summary>
    private static List<string> Commands() =>
        [.. Blocks().Matches(File.ReadAllText(Path.Combine(Repository.Root, "docs", "write-an-adapter.md")))
            .SelectMany(m => m.Groups[1].Value.Split('\n', StringSplitOptions.RemoveEmptyEntries))];

    /// <summary>Members of a network reach each other until a policy says no.</summary>
    private async Task AssertPolicedAsync(string address)
    {
        Assert.That(await PingsAsync(address), Is.True);
        (await _host.CalicoctlAsync("apply -f -", Deny)).OrThrow();
        await EventuallyAsync(async () => !await PingsAsync(address), "the policy to deny");
        (await _host.CalicoctlAsync("delete globalnetworkpolicy no-ping")).OrThrow();
        await EventuallyAsync(() => PingsAsync(address), "the policy to be gone");
    }

    /// <summary>Pings go on while the host stops and starts; the adapter answers within a second of the start of its successor's life.
    /// </summary>
    private async Task RestartUnderLoadAsync(string version)
    {
        var pinging = _host.ShellAsync(
            $"for i in $(seq 60); do ip netns exec w1 /bin/busybox ping -c 1 -W 1 {_addresses["w2"]} >/dev/null && echo "
                + "one || echo lost; sleep 0.05; done", limit: TimeSpan.FromMinutes(2));
        await Task.Delay(TimeSpan.FromSeconds(1));
        await _host.StopCalicoAsync();
        var clock = Stopwatch.StartNew();
        var starting = _host.StartCalicoAsync();
        var answered = TimeSpan.Zero;
        await EventuallyAsync(async () =>
        {
            try
            {
                answered = clock.Elapsed;
                return (await AskAsync("ls")).StartsWith("ok", StringComparison.Ordinal);
            }
            catch (Exception e) when (e is SocketException or IOException)
            {
                return false;
            }
        }, $"adapter {version} to answer");
        await starting;
        var pinged = await pinging;
        TestContext.Out.WriteLine(
            $"{version}: answers {answered.TotalMilliseconds:0} ms after the host's start began; {pinged.Count('\n')} pings");
        Assert.That(pinged, Does.Not.Contain("lost"));
        Assert.That(await AskAsync("ls"),
            Is.EqualTo(string.Create(CultureInfo.InvariantCulture, $"ok w1={_addresses["w1"]} w2={_addresses["w2"]}")));
    }

    private async Task<bool> PingsAsync(string address) =>
        (await _host.RunAsync(["ip", "netns", "exec", "w1", "/bin/busybox", "ping", "-c", "1", "-W", "1", address])).ExitCode == 0;

    private Task<string> PluginAsync(string arguments, string folder = "/") =>
        _host.ShellAsync($"cd {folder}; CALICO_PLUGIN_DIR=/usr/lib/calico/plugins {_host.Programs}/host/calico-host plugin {arguments}");

    private async Task<string> AskAsync(string line)
    {
        using var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        await socket.ConnectAsync(new UnixDomainSocketEndPoint(Path.Combine(_host.Folder, "root", "run", "calico", "acme.sock")));
        await using var stream = new NetworkStream(socket);
        using var reader = new StreamReader(stream);
        await using var writer = new StreamWriter(stream) { AutoFlush = true };
        await writer.WriteLineAsync(line);
        var answer = await reader.ReadLineAsync() ?? throw new IOException("the connection ended");
        if (line.StartsWith("up ", StringComparison.Ordinal) && answer.StartsWith("ok ", StringComparison.Ordinal))
        {
            _addresses[line.Split(' ')[1]] = answer.Split(' ')[1];
        }

        return answer.StartsWith("ok", StringComparison.Ordinal) ? answer : throw new IOException($"{line}: {answer}");
    }

    private static async Task EventuallyAsync(Func<Task<bool>> condition, string what)
    {
        for (var clock = Stopwatch.StartNew(); !await condition(); await Task.Delay(20))
        {
            Assert.That(clock.Elapsed, Is.LessThan(TimeSpan.FromSeconds(20)), $"waited in vain for {what}");
        }
    }

    private const string Deny = """
        apiVersion: projectcalico.org/v3
        kind: GlobalNetworkPolicy
        metadata:
          name: no-ping
        spec:
          selector: all()
          types: [Ingress]
          ingress:
          - action: Deny
            protocol: ICMP
          - action: Allow
        """;

    [GeneratedRegex("```console\n(.*?)```", RegexOptions.Singleline)]
    private static partial Regex Blocks();

    [GeneratedRegex("\"(.*)\"")]
    private static partial Regex Quoted();

    [GeneratedRegex(@"succeeded: (\d+)")]
    private static partial Regex Passed();
}
