using System.Globalization;
using Calico.Benchmarks;
using Calico.Benchmarks.Scenarios;
using Calico.TestKit.Hosts;

// Calico.Benchmarks [RUNS] [SCENARIO ...]: ratios of one run; the whole table goes to bench/RESULTS.md. "scale" takes the numbers of
// endpoints of other nodes: scale=10000,100000; "docker" the number of containers that memory is measured with: docker=50; "policy" the
// percentage of its large sizes and which of its parts: policy=10,change,load.
const string Scale = "scale";
const string Policy = "policy";
const string Docker = "docker";
var runs = args.Length > 0 && int.TryParse(args[0], NumberStyles.None, CultureInfo.InvariantCulture, out var asked) ? asked : 5;
var wanted = args.Skip(args.Length > 0 && int.TryParse(args[0], NumberStyles.None, CultureInfo.InvariantCulture, out _) ? 1 : 0)
    .ToHashSet();
if (TestHost.WhyNot is { } reason)
{
    Console.Error.WriteLine($"bench: {reason}");
    return 1;
}

var counts = wanted.FirstOrDefault(w => w.StartsWith(Scale + "=", StringComparison.Ordinal))?[(Scale.Length + 1)..]
    ?? "10000,100000,250000";
var containers = int.Parse(wanted.FirstOrDefault(w => w.StartsWith(Docker + "=",
    StringComparison.Ordinal))?[(Docker.Length + 1)..] ?? "200", NumberStyles.None, CultureInfo.InvariantCulture);
var policy = wanted.FirstOrDefault(w => w.StartsWith(Policy + "=", StringComparison.Ordinal))?[(Policy.Length + 1)..].Split(',') ?? [];
var percent = int.Parse(policy.FirstOrDefault(p => char.IsDigit(p[0])) ?? "100", NumberStyles.None, CultureInfo.InvariantCulture);
var parts = policy.Where(p => !char.IsDigit(p[0])).ToHashSet();
var table = new ResultTable();
var tools = await NativeTools.BuildAsync();
(string Name, Func<Task> Run)[] scenarios =
[
    ("cni", () => CniScenario.RunAsync(tools, table, runs)),
    ("shim", () => ShimScenario.RunAsync(tools, table, runs)),
    ("dataplane", () => DataplaneScenario.RunAsync(tools, table, runs)),
    (Policy, () => PolicyScenario.RunAsync(tools, table, runs, percent, parts)),
    ("heal", () => HealScenario.RunAsync(table)),
    ("ipam", () => IpamScenario.RunAsync(table, runs)),
    ("mesos", () => MesosScenario.RunAsync(tools, table, runs)),
    (Docker, () => DockerScenario.RunAsync(table, runs, containers)),
    ("host", () => HostScenario.RunAsync(table, runs)),
    (Scale, () => ScaleScenario.RunAsync(table, counts.Split(',')
        .Select(c => int.Parse(c, NumberStyles.None, CultureInfo.InvariantCulture)))),
];
foreach (var (name, run) in scenarios.Where(s => wanted.Count == 0 || wanted.Contains(s.Name)
    || wanted.Any(w => w.StartsWith(s.Name + "=", StringComparison.Ordinal))))
{
    Console.WriteLine(name);
    await run();
}

if (wanted.Count == 0)
{
    var model = File.ReadLines("/proc/cpuinfo")
        .FirstOrDefault(l => l.StartsWith("model name", StringComparison.Ordinal))?.Split(':')[1].Trim() ?? "unknown CPU";
    var kernel = (await File.ReadAllTextAsync("/proc/sys/kernel/osrelease")).Trim();
    var machine = $"{Environment.ProcessorCount} cores, {model}, kernel {kernel}, .NET {Environment.Version}, {runs} runs";
    await File.WriteAllTextAsync(Path.Combine(Repository.Root, "bench", "RESULTS.md"), table.ToMarkdown(machine));
    Console.WriteLine("written to bench/RESULTS.md");
}

return 0;
