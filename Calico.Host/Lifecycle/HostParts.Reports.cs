using System.Collections.Immutable;
using Calico.Datastore.Addresses;
using Calico.Datastore.Resources;
using Calico.Host.Health;
using Calico.Host.Workloads;

namespace Calico.Host.Lifecycle;

internal sealed partial class HostParts
{
    /// <summary>An enforced endpoint one of whose profiles denies everything, whatever its author wrote.</summary>
    private const string ProfileUnusable = "ProfileUnusable";

    /// <summary>This node's endpoints as they are shown, in key order.</summary>
    public ImmutableArray<EndpointReport> Reports() =>
        [.. Book.All.Select(life => (life.Record, life.Status)).OrderBy(life => life.Record.Key, StringComparer.Ordinal).Select(life =>
        {
            var (state, reason) = (life.Status.State.ToString(), life.Status.Reason);
            if (life.Status.State == EndpointState.Enforced && FaultsOf(life.Record) is [var fault, ..])
            {
                (state, reason) = (ProfileUnusable, $"profile '{fault.Profile}': {fault.Reason}; what no other profile allows is dropped");
            }

            var record = life.Record;
            return new EndpointReport(record.Id.ToString(), NameOf(record), record.Instance, record.Adapter, record.Network, record.HostInterface,
                record.Addresses, record.Profiles, state, reason);
        })];

    /// <summary>What a person should see to.</summary>
    public ImmutableArray<WarningReport> Warnings() =>
    [
        .. Book.All.SelectMany(life => FaultsOf(life.Record), (life, fault) => (life.Record, fault))
            .GroupBy(pair => pair.fault, pair => Shown(pair.Record))
            .OrderBy(group => group.Key.Profile, StringComparer.Ordinal)
            .Select(group => new WarningReport("profile", $"'{group.Key.Profile}' cannot be used ({group.Key.Reason}); {string.Join(", ", group.Order(StringComparer.Ordinal))} "
                + "drop what it should allow", $"calicoctl get profile {group.Key.Profile} -o yaml")),
    ];

    /// <summary>Addresses of this node's workloads, counted by pool.</summary>
    public async Task<ImmutableSortedDictionary<string, int>> AddressesAsync(CancellationToken ct)
    {
        var pools = View.List(Kinds.IpPool)
            .Select(pool => (pool.Metadata.Name, Range: Cidr.TryParse(pool.Spec.Cidr, out var range) ? range : (Cidr?)null)).ToArray();
        return (await Ipam.ListAsync(null, null, ct)).Where(lease => lease.BoundTo is not null)
            .GroupBy(lease => pools.FirstOrDefault(pool => pool.Range?.Contains(Cidr.From(lease.Address)) == true).Name ?? "")
            .ToImmutableSortedDictionary(pool => pool.Key, pool => pool.Count(), StringComparer.Ordinal);
    }

    private ImmutableArray<(string Profile, string Reason)> FaultsOf(EndpointRecord record) => [.. (Dataplane.InSync ? record.Profiles : [])
        .Select(profile => (profile, reason: Census.FaultOf(profile))).Where(pair => pair.reason is not null).Select(pair => (pair.profile, pair.reason!))];

    private static string NameOf(EndpointRecord record) =>
        record.Facts.GetValueOrDefault("pod") is { } pod ? $"{record.Namespace}/{pod}" : record.Facts.GetValueOrDefault("name", "");

    private static string Shown(EndpointRecord record) => NameOf(record) is { Length: > 0 } name ? name : record.Workload[..Math.Min(12, record.Workload.Length)];
}
