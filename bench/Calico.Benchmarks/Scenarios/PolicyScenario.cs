using Calico.Benchmarks.Policy;

namespace Calico.Benchmarks.Scenarios;

/// <summary>What policy costs: changes, loads, calculation, connections, explanations; each against a peer or the kernel in the same
/// run.</summary>
public static class PolicyScenario
{
    /// <param name="tools">Programs in C.</param>
    /// <param name="table">Gets the figures.</param>
    /// <param name="runs">Of what is measured in turns.</param>
    /// <param name="percent">Of the large sizes (10,000 policies, 250,000 endpoints and members): 100.</param>
    /// <param name="parts">Of change, load, connections, calculation, explain; empty: all.</param>
    public static async Task RunAsync(NativeTools tools, ResultTable table, int runs, int percent, IReadOnlySet<string> parts)
    {
        var policies = 100 * percent;
        (string Name, Func<Task> Run)[] benches =
        [
            ("change", () => ChangeBench.RunAsync(table)),
            ("load", () => LoadBench.RunAsync(table, policies)),
            ("connections", () => ConnectionBench.RunAsync(tools, table, runs, policies)),
            ("calculation", () => CalculationBench.Run(table, policies, endpoints: 2_500 * percent)),
            ("explain", () => ExplainBench.RunAsync(table, policies)),
        ];
        foreach (var (_, run) in benches.Where(b => parts.Count == 0 || parts.Contains(b.Name)))
        {
            await run();
        }
    }
}
