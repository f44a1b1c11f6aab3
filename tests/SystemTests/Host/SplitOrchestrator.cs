using System.Diagnostics;
using System.Net.Sockets;
using Calico.TestKit.Hosts;

namespace Calico.SystemTests.Host;

/// <summary>Calls of an orchestrator with a split life, through the adapter of <c>tests/Plugins/SplitPlugin</c> in a calico-host.</summary>
internal sealed class SplitOrchestrator(TestHost host)
{
    /// <summary>Lets the calico-host started next load the adapter, beside the others.</summary>
    public static void Install(TestHost host)
    {
        var (from, to) = (Path.Combine(Repository.Root, "artifacts", "bin", "SplitPlugin"),
            Path.Combine(host.Folder, "root", "usr", "lib", "calico", "plugins"));
        var built = Directory.GetDirectories(from).OrderByDescending(Directory.GetLastWriteTimeUtc).First();
        CopyFolder(Path.Combine(host.Programs, "plugins"), to);
        CopyFolder(built, Path.Combine(to, "split", "1.0.0"));
        // As it is called inside: the host's folder is under /var/tmp, where others may make entries.
        host.Settings["CALICO_PLUGIN_DIR"] = "/usr/lib/calico/plugins";
    }

    /// <summary>One call.</summary>
    /// <exception cref="InvalidOperationException">It was refused.</exception>
    public async Task<string> AskAsync(string line) => (await TimedAsync(line)).Answer;

    /// <summary>One call, and how long it took.</summary>
    public async Task<(string Answer, TimeSpan Elapsed)> TimedAsync(string line)
    {
        var clock = Stopwatch.StartNew();
        using var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        await socket.ConnectAsync(new UnixDomainSocketEndPoint(Path.Combine(host.Folder, "root", "run", "calico", "split.sock")));
        await using var stream = new NetworkStream(socket);
        using var reader = new StreamReader(stream);
        await using var writer = new StreamWriter(stream) { AutoFlush = true };
        await writer.WriteLineAsync(line);
        var answer = await reader.ReadLineAsync() ?? "error: the connection ended";
        TestContext.Out.WriteLine($"{line}: {clock.ElapsedMilliseconds} ms, {answer}");
        return answer.StartsWith("error", StringComparison.Ordinal) ? throw new InvalidOperationException($"{line}: {answer}")
            : (answer, clock.Elapsed);
    }

    private static void CopyFolder(string from, string to)
    {
        // Adapters are only loaded from where nobody else may write.
        const UnixFileMode mode = UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute;
        if (!OperatingSystem.IsWindows())
        {
            Directory.CreateDirectory(to, mode);
        }

        foreach (var folder in Directory.GetDirectories(from))
        {
            CopyFolder(folder, Path.Combine(to, Path.GetFileName(folder)));
        }

        foreach (var file in Directory.GetFiles(from))
        {
            File.Copy(file, Path.Combine(to, Path.GetFileName(file)));
        }
    }
}
