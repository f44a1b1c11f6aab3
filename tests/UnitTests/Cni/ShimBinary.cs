using System.Diagnostics;
using System.Runtime.Versioning;
using Calico.TestKit.Hosts;
using NUnit.Framework;

namespace Calico.UnitTests.Cni;

/// <summary>The binary that CALICO_SHIM names, under its three names in a folder of its own. <c>./build.sh unit</c> makes it anew before;
/// nothing is searched for, so that no older one is tested unawares.</summary>
[UnsupportedOSPlatform("windows")]
internal sealed class ShimBinary : IDisposable
{
    public const string PluginsFolder = "/usr/lib/cni";

    /// <summary>The longest that a call may take before it counts as stuck.</summary>
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(60);

    public ShimBinary()
    {
        if (Environment.GetEnvironmentVariable("CALICO_SHIM") is not { Length: > 0 } shim)
        {
            throw new IgnoreException("CALICO_SHIM names no plugin binary; ./build.sh unit makes one");
        }

        Assert.That(shim, Does.Exist, "CALICO_SHIM");
        Folder = Directory.CreateTempSubdirectory("calico-shim-");
        foreach (var name in (string[])["calico", "calico-ipam", "calico_mesos"])
        {
            File.CreateSymbolicLink(PathOf(name), shim);
        }
    }

    /// <summary>On CNI_PATH of every call.</summary>
    public DirectoryInfo Folder { get; }

    public string PathOf(string name) => Path.Combine(Folder.FullName, name);

    /// <summary>A plugin for delegates to be: a shell script.</summary>
    public void AddPlugin(string name, string script, bool isExecutable = true)
    {
        File.WriteAllText(PathOf(name), "#!/bin/sh\n" + script + "\n");
        File.SetUnixFileMode(PathOf(name), UnixFileMode.UserRead | (isExecutable ? UnixFileMode.UserExecute : UnixFileMode.None));
    }

    public async Task<(int ExitCode, string Output)> RunAsync(string name, string socket, string verb, string input, string containerId,
        string netns = "", string spool = "", string arguments = "", string timeout = "",
        Action<IDictionary<string, string?>>? environment = null, params string[] tracer)
    {
        using var process = Start(name, socket, verb, containerId, netns, spool, arguments, timeout, environment, tracer);
        using var limit = new CancellationTokenSource(Limit);
        try
        {
            await process.GiveAsync(input);
            var output = await process.StandardOutput.ReadToEndAsync(limit.Token);
            await process.WaitForExitAsync(limit.Token);
            return (process.ExitCode, output);
        }
        catch (OperationCanceledException)
        {
            process.Kill(entireProcessTree: true);
            throw new AssertionException($"{name} {verb} did not end within {Limit}");
        }
    }

    public Process Start(string name, string socket, string verb, string containerId, string netns = "", string spool = "",
        string arguments = "",
        string timeout = "", Action<IDictionary<string, string?>>? environment = null, params string[] tracer)
    {
        string[] command = [.. tracer, PathOf(name), .. arguments.Split(' ', StringSplitOptions.RemoveEmptyEntries)];
        var start = new ProcessStartInfo(command[0], command[1..]) { RedirectStandardInput = true, RedirectStandardOutput = true };
        start.Environment.Clear();
        foreach (var (key, value) in CniHarness.Variables(verb, containerId, "eth0", netns, ""))
        {
            start.Environment[key] = value;
        }

        start.Environment["CNI_PATH"] = $"{PluginsFolder}:{Folder.FullName}";
        start.Environment["CALICO_CNI_SOCKET"] = socket;
        start.Environment["CALICO_SPOOL_DIR"] = spool;
        start.Environment["CALICO_CNI_TIMEOUT"] = timeout;
        environment?.Invoke(start.Environment);
        return Process.Start(start)!;
    }

    public void Dispose() => Folder.Delete(recursive: true);
}
