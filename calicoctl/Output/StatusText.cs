using System.Globalization;
using Calico.Cli.Connection;
using Calico.Cli.Input;
using Calico.Datastore.Output;

namespace Calico.Cli.Output;

/// <summary>The host's status for a person: the verdict first, what is well in a word, what is not in full with what helps.</summary>
internal sealed class StatusText(TextWriter output, HostStatus status, bool verbose)
{
    private const int Name = 12;

    internal void Write()
    {
        var ill = status.Health.Where(check => !check.Ok).ToArray();
        // A reason for not being ready is said as that, and not once more as a check.
        var others = ill.Where(check => !status.Reasons.Contains($"{check.Part}: {check.Check}: {check.Reason}")).ToArray();
        var warnings = others.Length + status.Warnings.Count;
        var verdict = status.Ready ? "READY" : $"NOT READY, {Count(status.Reasons.Count, "reason")}";
        output.WriteLine($"{status.Node}  {verdict}{(warnings > 0 ? $", {Count(warnings, "warning")}" : "")}   "
            + $"calico-host {status.Version}, up {Duration.Format(status.UptimeSeconds)}");
        Line("store", Describe(status.Datastore));
        Line("endpoints", Endpoints(status.Endpoints));
        Line("addresses", Join(status.Addresses.Select(pool => $"{(pool.Key.Length > 0 ? pool.Key : "of no pool")} {Number(pool.Value)}")));
        Line("adapters", Join(status.Plugins.Select(adapter => $"{adapter.Name} {adapter.Version}")));
        Line("health", ill.Length == 0 ? $"all {status.Health.Count} checks are well"
            : $"{ill.Length} of {status.Health.Count} checks are not well");
        Line("drops", Drops(status.Drops));
        if (status.NotEnforced.Count > 0)
        {
            Line("idle", $"in the store and not enforced: {Join(status.NotEnforced.Select(kind => $"{Number(kind.Value)} {kind.Key}"))}");
        }

        foreach (var reason in status.Ready ? [] : status.Reasons)
        {
            Line("! not ready", reason);
        }

        foreach (var check in others)
        {
            Line($"! {check.Part}", $"{check.Check}: {check.Reason}");
        }

        foreach (var warning in status.Warnings)
        {
            Line($"! {warning.Subject}", warning.Text + (warning.Command.Length > 0 ? $"   {warning.Command}" : ""));
        }

        foreach (var check in verbose ? status.Health : [])
        {
            Line("check", $"{check.Part}: {check.Check}: {(check.Ok ? "well" : check.Reason)}");
        }
    }

    private static string Describe(HostDatastore store) =>
        $"{store.Type}, {Words(store.Status)}, revision {Number(store.Revision)} enforced, "
        + (store is { Status: "WaitForStore", AgeSeconds: 0 } ? "never confirmed" : $"confirmed {Duration.Format(store.AgeSeconds)} ago");

    // The names are the host's enumeration; a name of another version is shown as it is.
    private static string Words(string state) => state switch
    {
        "WaitForStore" => "waiting for the store",
        "Resync" => "reading the store",
        "InSync" => "in sync",
        "ProfileUnusable" => "with an unusable profile",
        _ => state.ToLowerInvariant(),
    };

    private static string Endpoints(SortedDictionary<string, int> endpoints) => endpoints.Count == 0 ? "none"
        : $"{Number(endpoints.Values.Sum())}: {Join(endpoints.Select(state => $"{Number(state.Value)} {Words(state.Key)}"))}";

    private static string Drops(SortedDictionary<string, long> drops)
    {
        var some = drops.Where(drop => drop.Value != 0).ToArray();
        return some.Length == 0 ? "none"
            : $"{Number(some.Sum(drop => drop.Value))}: {Join(some.Select(drop => $"{drop.Key} {Number(drop.Value)}"))}   calicoctl drops";
    }

    private static string Join(IEnumerable<string> parts) => string.Join(", ", parts) is { Length: > 0 } text ? text : "none";

    private static string Count(int number, string thing) => $"{Number(number)} {thing}{(number == 1 ? "" : "s")}";

    private static string Number(long value) => value.ToString(CultureInfo.InvariantCulture);

    private void Line(string name, string text) => output.WriteLine($"{name.PadRight(Name - 1)} {EscapingWriter.Line(text)}");
}
