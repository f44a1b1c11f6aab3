using System.Globalization;
using System.Text;
using Calico.Host.Lifecycle;

namespace Calico.Host.Health;

/// <summary><c>GET /metrics</c> in Prometheus' text format; upstream's names where upstream has them.</summary>
internal static class MetricsText
{
    public static async Task<string> WriteAsync(HostParts parts, HealthBoard health, TimeSpan uptime, CancellationToken ct)
    {
        var text = new StringBuilder();
        var (status, revision, age) = parts.View.Sync;
        Gauge(text, "felix_resync_state", "1 waiting for the store, 2 resyncing, 3 in sync.", (int)status + 1);
        Gauge(text, "felix_active_local_endpoints", "Workload endpoints of this node.", parts.Book.Count);
        Gauge(text, "calico_datastore_revision", "Store revision that was last delivered.", revision);
        Gauge(text, "calico_datastore_age_seconds", "Time since the store last confirmed it.", age.TotalSeconds);
        Gauge(text, "calico_enforced_revision", "Store revision that the kernel enforces.", parts.Dataplane.EnforcedRevision);
        Gauge(text, "calico_dataplane_heals", "Changes of others to this node's rules, routes and settings that were undone.", parts.Dataplane.Status.Healed);
        Gauge(text, "calico_dataplane_last_heal_seconds", "How long the latest of those stood after the kernel had told of it.", parts.Dataplane.Status.LastHeal.TotalSeconds);
        Gauge(text, "calico_ready", "1 when workloads can be connected.", parts.Status.CanConnect.Ready ? 1 : 0);
        Gauge(text, "process_resident_memory_bytes", "Resident set size.", Environment.WorkingSet);
        Gauge(text, "process_uptime_seconds", "Time since start.", uptime.TotalSeconds);
        Head(text, "calico_health", "gauge", "1 when a part says that it is well.");
        foreach (var line in health.Lines)
        {
            text.Append(CultureInfo.InvariantCulture, $"calico_health{{part=\"{Escape(line.Part)}\",check=\"{Escape(line.Check)}\"}} {(line.Ok ? 1 : 0)}\n");
        }

        Head(text, "calico_dropped_packets_total", "counter", "Packets dropped, by reason.");
        foreach (var (reason, packets) in await parts.Dataplane.ReadDropsAsync(ct))
        {
            text.Append(CultureInfo.InvariantCulture, $"calico_dropped_packets_total{{reason=\"{Escape(reason)}\"}} {packets}\n");
        }

        return text.ToString();
    }

    private static void Gauge(StringBuilder text, string name, string help, double value)
    {
        Head(text, name, "gauge", help);
        text.Append(CultureInfo.InvariantCulture, $"{name} {value}\n");
    }

    private static void Head(StringBuilder text, string name, string type, string help) =>
        text.Append(CultureInfo.InvariantCulture, $"# HELP {name} {help}\n# TYPE {name} {type}\n");

    private static string Escape(string text) =>
        text.Replace("\\", "\\\\", StringComparison.Ordinal).Replace("\"", "\\\"", StringComparison.Ordinal).Replace("\n", "\\n", StringComparison.Ordinal);
}
