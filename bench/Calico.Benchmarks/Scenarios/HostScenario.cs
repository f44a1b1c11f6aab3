using System.Diagnostics;
using System.Globalization;
using System.Text.RegularExpressions;
using Calico.TestKit.Hosts;

namespace Calico.Benchmarks.Scenarios;

/// <summary>What the host costs: start, memory, idle CPU.</summary>
public static partial class HostScenario
{
    public static async Task RunAsync(ResultTable table, int runs)
    {
        await using var host = await TestHost.StartAsync(63);
        host.Settings["CALICO_LOG_LEVEL"] = "info";
        // First start makes the store; the others find it.
        await host.StartCalicoAsync();
        await host.StopCalicoAsync();
        var starts = new List<double>();
        for (var i = 0; i < runs; i++)
        {
            var clock = Stopwatch.StartNew();
            var start = host.StartCalicoAsync(waitReady: false);
            await host.ShellAsync("until calicoctl status --wait 10s >/dev/null 2>&1; do :; done");
            starts.Add(clock.Elapsed.TotalMilliseconds);
            await start;
            if (i < runs - 1)
            {
                await host.StopCalicoAsync();
            }
        }

        var ready = new Series(starts).P50;
        var own = OwnClaim().Match(await File.ReadAllTextAsync(host.HostLog));
        table.Add("host: exec to ready, seen by a client", $"{ready:0} ms", own.Success ? $"its own clock: {own.Groups[1].Value} ms" : "",
            double.NaN, "≤ 400 ms", ready <= 400);

        var pid = (await host.ShellAsync("for p in /proc/[0-9]*; do if [ \"$(readlink $p/exe)\" = " + host.Programs
            + "/host/calico-host ]; then echo ${p#/proc/}; fi; done")).Trim();
        // The runtime compiles what the start had used most; that is no idling yet.
        await Task.Delay(TimeSpan.FromSeconds(15));
        var before = await TicksAsync(host, pid);
        await Task.Delay(TimeSpan.FromSeconds(20));
        var idle = (await TicksAsync(host, pid) - before) / 100.0 / 20.0 * 100;
        var status = await host.ShellAsync($"cat /proc/{pid}/status");
        var rss = Kilobytes(status, "VmRSS") / 1024.0;
        var anonymous = Kilobytes(status, "RssAnon") / 1024.0;
        table.Add("host: resident memory, idle, one adapter", $"{rss:0} MiB", "", double.NaN, "≤ 100 MiB", rss <= 100);
        table.Add("host: anonymous memory, idle", $"{anonymous:0} MiB", "", double.NaN, "≤ 40 MiB", anonymous <= 40);
        table.Add("host: idle CPU", $"{idle:0.00} % of a core", "", double.NaN, "≤ 0.3 %", idle <= 0.3);
    }

    private static async Task<long> TicksAsync(TestHost host, string pid)
    {
        var fields = (await host.ShellAsync($"cat /proc/{pid}/stat")).Split(')')[1].Split(' ', StringSplitOptions.RemoveEmptyEntries);
        // proc(5): utime and stime are fields 14 and 15, counted from the pid; two stand before the bracket.
        return long.Parse(fields[11], CultureInfo.InvariantCulture) + long.Parse(fields[12], CultureInfo.InvariantCulture);
    }

    private static long Kilobytes(string status, string name) =>
        long.Parse(status.Split('\n').Single(l => l.StartsWith(name + ":", StringComparison.Ordinal))
            .Split(' ', StringSplitOptions.RemoveEmptyEntries)[1], CultureInfo.InvariantCulture);

    [GeneratedRegex(@"endpoints, after (\d+) ms")]
    private static partial Regex OwnClaim();
}
