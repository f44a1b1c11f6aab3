using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using Calico.Datastore.Resources.V3;

namespace Calico.Datastore.Resources.Client;

/// <summary>Sees to what every cluster has: ClusterInformation and the three built-in tiers.</summary>
/// <param name="client">Where to.</param>
public sealed class ClusterInitialization(ResourceClient client)
{
    /// <summary>Creates or completes them; what is there stays. Idempotent, safe on several nodes at once.</summary>
    /// <param name="version">Version to record; empty: leave it.</param>
    /// <param name="clusterType">Items separated by commas; those that are missing are appended.</param>
    /// <param name="ct">Cancels.</param>
    public async Task EnsureAsync(string version, string clusterType, CancellationToken ct)
    {
        await EnsureInformationAsync(version, clusterType, ct);
        foreach (var (name, order, action) in TierKind.BuiltIn)
        {
            await CreateTierAsync(name, order, action, ct);
        }
    }

    private async Task EnsureInformationAsync(string version, string clusterType, CancellationToken ct)
    {
        var fresh = Kinds.ClusterInformation.New("default", Complete(new(), version, clusterType));
        try
        {
            await client.CreateAsync(fresh, ct);
        }
        catch (CalicoException e) when (e.Problem == Problem.AlreadyExists)
        {
            var old = await client.GetAsync(Kinds.ClusterInformation, "default", ct);
            if (Complete(old.Spec, version, clusterType) is var spec && spec != old.Spec)
            {
                await client.UpdateAsync(old with { Spec = spec }, ct);
            }
        }
    }

    private async Task CreateTierAsync(string name, double order, string action, CancellationToken ct)
    {
        var tier = Kinds.Tier.New(name, new TierSpec { Order = order, DefaultAction = action });
        try
        {
            await client.CreateAsync(tier, ct);
        }
        catch (CalicoException e) when (e.Problem == Problem.AlreadyExists)
        {
            // It has been there since an earlier start, or another node was quicker.
        }
    }

    private static ClusterInformationSpec Complete(ClusterInformationSpec spec, string version, string clusterType)
    {
        var types = (spec.ClusterType ?? "").Split(',', StringSplitOptions.RemoveEmptyEntries);
        var missing = clusterType.Split(',', StringSplitOptions.RemoveEmptyEntries).Except(types, StringComparer.Ordinal);
        var all = string.Join(',', types.Concat(missing));
        return spec with
        {
            ClusterGuid = spec.ClusterGuid is { Length: > 0 } guid ? guid : Guid.NewGuid().ToString("N", CultureInfo.InvariantCulture),
            DatastoreReady = spec.DatastoreReady ?? true,
            CalicoVersion = version.Length > 0 ? version : spec.CalicoVersion,
            ClusterType = all.Length > 0 ? all : null,
        };
    }
}
