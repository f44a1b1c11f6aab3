using System.Collections.Immutable;
using Calico.Plugins.Cni.Protocol;

namespace Calico.Plugins.Cni.Verbs;

/// <summary>GC: removes what is ours in this network and not in the runtime's list.</summary>
/// <remarks>The specification has the runtime hold back ADD and DEL meanwhile, so the list is complete and as of the call.</remarks>
internal sealed class GcVerb(IWorkloadNetwork network, TimeProvider time)
{
    public async Task RunAsync(CniRequest request, CancellationToken ct)
    {
        var (configuration, now) = (request.Configuration, time.GetUtcNow());
        var valid = ValidIn(configuration);
        var keep = ImmutableArray.CreateBuilder<(WorkloadEndpointId, string)>();
        foreach (var endpoint in await network.ListAsync(null, ct))
        {
            // The list knows containers and interfaces, not pods: our record joins the two.
            if (valid.Contains((endpoint.Instance, endpoint.PeerInterface)) || valid.Contains((endpoint.Instance, endpoint.Id.Endpoint)))
            {
                keep.Add((endpoint.Id, endpoint.Instance));
            }
        }

        await network.CollectAsync(configuration.Name, new LiveReport(Complete: true, now, keep.ToImmutable(), []), ct);
        if (configuration.Ipam.IsDelegated)
        {
            await DelegatedIpam.AskAsync(request, ct);
        }
    }

    /// <exception cref="CniException">Not a GC that may be obeyed: an absent list would remove everything.</exception>
    public static HashSet<(string ContainerId, string InterfaceName)> ValidIn(NetworkConfiguration configuration)
    {
        if (!configuration.Version.HasGcAndStatus)
        {
            throw new CniException(CniCode.IncompatibleVersion, "config version does not allow GC", configuration.Version.ToString());
        }

        configuration.Validate();
        return configuration.ValidAttachments is { } attachments
            ? [.. attachments]
            : throw new CniException(CniCode.InvalidConfiguration, "GC without cni.dev/valid-attachments", "cni.dev/valid-attachments");
    }
}
