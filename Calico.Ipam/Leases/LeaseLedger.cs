using System.Collections.Immutable;
using System.Net;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using Calico.Datastore.Store;

namespace Calico.Ipam;

/// <summary>What this node holds, in memory; the node log has the same. Immutable: a plan that was made on one ledger is void once there
/// is another.</summary>
internal sealed record LeaseLedger
{
    public const string Section = "ipam/";

    public ImmutableDictionary<IPAddress, LeaseRecord> Leases { get; init; } = ImmutableDictionary<IPAddress, LeaseRecord>.Empty;

    /// <summary>Released here, and not yet (or not surely) in the store.</summary>
    public ImmutableDictionary<IPAddress, HeldAddress> Releases { get; init; } = ImmutableDictionary<IPAddress, HeldAddress>.Empty;

    public ImmutableDictionary<IPAddress, HeldAddress> Parked { get; init; } = ImmutableDictionary<IPAddress, HeldAddress>.Empty;

    /// <summary>How many leases the store does not show as they are.</summary>
    public int Offline { get; init; }

    /// <summary>Whether the store lacks something that was answered already.</summary>
    public bool HasJournal => Offline > 0 || Releases.Any(r => !r.Value.IsAside);

    /// <summary>Reads the log. An entry that cannot be read is reported and left alone.</summary>
    public static LeaseLedger Load(INodeLog log, Action<string, string> report)
    {
        var edit = new LedgerEdit();
        foreach (var lease in Read(log, "lease/", LeaseJson.Default.LeaseRecord, report))
        {
            edit.Set(lease);
        }

        foreach (var parked in Read(log, "parked/", LeaseJson.Default.HeldAddress, report))
        {
            edit.SetParked(parked);
        }

        foreach (var release in Read(log, "release/", LeaseJson.Default.HeldAddress, report))
        {
            // Both are there only in a log of a version whose writes could overtake each other.
            edit.RemoveLease(release.Ip);
            edit.SetRelease(release);
        }

        return edit.ApplyTo(new(), out _);
    }

    public IEnumerable<LeaseRecord> OfHandle(string handle) => Leases.Values.Where(l => l.Handle == handle);

    public IEnumerable<LeaseRecord> OfEndpoint(string endpoint) => Leases.Values.Where(l => l.Bound == endpoint);

    private static IEnumerable<T> Read<T>(INodeLog log, string part, JsonTypeInfo<T> type, Action<string, string> report) where T : class
    {
        foreach (var (key, value) in log.List(Section + part))
        {
            T? read = null;
            try
            {
                read = JsonSerializer.Deserialize(value.Span, type);
            }
            catch (JsonException e)
            {
                report(key, e.Message);
            }

            if (read is not null)
            {
                yield return read;
            }
        }
    }
}
