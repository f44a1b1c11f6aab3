using System.Globalization;
using Calico.Cli.Connection;
using Calico.Cli.Input;

namespace Calico.Cli.Output;

/// <summary>The host's status for a person: what is well in a word, what is not in full.</summary>
internal static class StatusText
{
    internal static void Write(TextWriter output, HostStatus status)
    {
        output.WriteLine($"Node {status.Node} is {(status.Ready ? "ready" : "not ready:")}");
        foreach (var reason in status.Ready ? [] : status.Reasons)
        {
            output.WriteLine($"  {reason}");
        }

        Line(output, "version", $"{status.Version}, up {Duration.Format(status.UptimeSeconds)}");
        Line(output, "datastore", Describe(status.Datastore));
        Line(output, "endpoints", Count(status.Endpoints));
        Line(output, "adapters", Join(status.Plugins.Select(adapter => $"{adapter.Name} {adapter.Version}")));
        var ill = status.Health.Where(check => !check.Ok).ToArray();
        Line(output, "health", ill.Length == 0 ? $"all {status.Health.Count} checks are well" : $"{ill.Length} of {status.Health.Count} checks are not well:");
        foreach (var check in ill)
        {
            output.WriteLine($"  {check.Part}: {check.Check}: {check.Reason}");
        }

        Line(output, "drops", Join(status.Drops.Where(drop => drop.Value != 0).Select(drop => $"{drop.Key} {Number(drop.Value)}")));
    }

    private static string Describe(HostDatastore store) =>
        $"{store.Type}, {Words(store.Status)}, enforced revision {Number(store.Revision)}, "
        + (store is { Status: "WaitForStore", AgeSeconds: 0 } ? "never confirmed" : $"confirmed {Duration.Format(store.AgeSeconds)} ago");

    // The names are the host's enumeration; a name of another version is shown as it is.
    private static string Words(string status) => status switch
    {
        "WaitForStore" => "waiting for the store",
        "Resync" => "reading the store",
        "InSync" => "in sync",
        _ => status,
    };

    private static string Count(SortedDictionary<string, int> endpoints) => endpoints.Count == 0
        ? "none"
        : Join(endpoints.Select(state => $"{Number(state.Value)} {state.Key.ToLowerInvariant()}"));

    private static string Join(IEnumerable<string> parts) => string.Join(", ", parts) is { Length: > 0 } text ? text : "none";

    private static string Number(long value) => value.ToString(CultureInfo.InvariantCulture);

    private static void Line(TextWriter output, string name, string text) => output.WriteLine($"{name,-10} {text}");
}
