using System.Collections.Immutable;
using Calico.Datastore.Resources;
using Calico.Datastore.Sync;
using Calico.Host.Health;
using Calico.Host.Workloads;
using Calico.Ipam;

namespace Calico.Host.Node;

/// <summary>Brings the store to what this node knows: what it missed, and what it has lost.</summary>
/// <remarks>The order matters: without a Node no block is this node's; addresses are settled before endpoints that have them are published,
/// so that one that another got meanwhile is never shown as two endpoints'.</remarks>
public sealed class StoreUpkeep(string nodeName, Func<CancellationToken, Task<bool>> register, DatastoreView view, HostProfiles profiles, NodeIpam ipam,
    WorkloadConnector connector, EndpointPublisher publisher, AddressFollower addresses, HealthBoard health)
{
    private const string Check = "registration";

    /// <summary>The store was seen to have lost facts of this node: nothing new is connected until they are written again.</summary>
    public void NoteLoss() => health.Report("host", Check, false, "the datastore has lost facts of this node; they are being written again", neededForReady: true);

    /// <summary>Once. What fails is tried again at the next call.</summary>
    public async Task RunAsync(CancellationToken ct)
    {
        var isRegistered = !addresses.HasMoved() && !IsNodeMissing && health.Lines.Any(l => l is { Part: "host", Check: Check, Ok: true });
        isRegistered = isRegistered || await TryRegisterAsync(ct);
        await ipam.MaintainAsync(ct);
        Report("addresses", await connector.RetakeAsync(ct));
        Report("blocks", [.. ipam.DamagedBlocks.Select(d => $"block {d.Key} cannot be read ({d.Value}): its addresses are kept and not given out; mend or delete the value")]);
        Report("datastore", ipam.WhyDown is { } why ? [$"addresses are served without the datastore: {why}"] : []);
        if (await publisher.RepairAsync(ct) > 0)
        {
            await profiles.RestoreAsync(ct);
        }

        health.Report("host", "endpoints", publisher.Refused.IsEmpty, string.Join("; ", publisher.Refused));
        if (isRegistered && ipam.IsSettled)
        {
            health.Report("host", Check, true, "");
        }
    }

    private bool IsNodeMissing => view.Sync.Status == SyncStatus.InSync && view.Find(Kinds.Node.Key(nodeName)) is null;

    private async Task<bool> TryRegisterAsync(CancellationToken ct)
    {
        try
        {
            var isDone = await register(ct);
            if (isDone)
            {
                addresses.Accept();
            }

            return isDone;
        }
        catch (CalicoException e)
        {
            // Addresses and endpoints of this node are kept true all the same.
            health.Report("host", Check, false, e.Message, neededForReady: true);
            return false;
        }
    }

    private void Report(string check, ImmutableArray<string> troubles) => health.Report("ipam", check, troubles.IsEmpty, string.Join("; ", troubles));
}
