using System.Globalization;
using Calico.TestKit.Hosts;

namespace Calico.Benchmarks;

/// <summary>The C programs of <c>bench/native</c>, compiled at first use.</summary>
public sealed class NativeTools
{
    private NativeTools(string folder) => Folder = folder;

    public string Folder { get; }

    public string Spawn => Path.Combine(Folder, "spawn");

    public string Connects => Path.Combine(Folder, "connects");

    public string Wire => Path.Combine(Folder, "wire");

    public static async Task<NativeTools> BuildAsync()
    {
        var folder = Path.Combine(Repository.Root, "artifacts", "bench");
        Directory.CreateDirectory(folder);
        foreach (var name in (string[])["spawn", "wire", "connects"])
        {
            (await CommandResult.RunAsync(["gcc", "-O2", "-Wall", "-o", Path.Combine(folder, name),
                Path.Combine(Repository.Root, "bench", "native", $"{name}.c")])).OrThrow();
        }

        return new(folder);
    }

    /// <summary>Runs a program many times inside a host; milliseconds of each run, and of all.</summary>
    public async Task<(Series Runs, double Wall)> SpawnAsync(TestHost host, int count, int parallel, int first, string input,
        string program, params string[] environment)
    {
        var result = (await host.RunAsync([Spawn, $"{count}", $"{parallel}", $"{first}", input, program, .. environment],
            limit: TimeSpan.FromMinutes(3))).OrThrow();
        var lines = result.Output.Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(l => l.Split(' ')).ToList();
        var failed = lines.Count(l => l[0] != "wall" && l[1] != "0");
        if (failed > 0)
        {
            throw new InvalidOperationException(
                $"{program}: {failed} of {count} runs failed: {result.Error[..Math.Min(2000, result.Error.Length)]}");
        }

        double Milliseconds(string text) => double.Parse(text, CultureInfo.InvariantCulture) / 1000;
        return (new(lines.Where(l => l[0] != "wall").Select(l => Milliseconds(l[0]))), Milliseconds(lines.Single(l => l[0] == "wall")[1]));
    }
}
