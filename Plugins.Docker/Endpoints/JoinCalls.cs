using System.Collections.Immutable;
using System.Net;
using System.Net.Sockets;
using Calico.Plugins.Docker.Daemon;
using Calico.Plugins.Docker.Networks;
using Calico.Plugins.Docker.Protocol;

namespace Calico.Plugins.Docker.Endpoints;

/// <summary>An endpoint gets its link, which dockerd moves into the container's namespace and configures itself: when this is answered the
/// namespace need not exist yet, and no call says that it was done.</summary>
internal sealed class JoinCalls(
    DockerSettings settings, NetworkBook book, IWorkloadDataplane dataplane, IIpam ipam, UnjoinedEndpoints unjoined, LabelMeter meter)
{
    /// <summary>Closed until the kernel enforces; the container's process is still to be started.</summary>
    private static readonly TimeSpan Wait = TimeSpan.FromSeconds(1);

    /// <summary>With the four letters before it, what fits into an interface's name.</summary>
    private const int IdInName = 11;

    public async Task<JoinAnswer> JoinAsync(JoinRequest request, CancellationToken ct)
    {
        var endpoint = Fields.Id(request.EndpointId, "EndpointID");
        if (request.SandboxKey is not { Length: > 0 and <= 4096 } sandbox)
        {
            throw new CalicoException(Problem.Invalid, "the endpoint joins no sandbox", "SandboxKey");
        }

        var known = book.Find(Fields.Id(request.NetworkId, "NetworkID"));
        var link = "temp" + endpoint[..Math.Min(IdInName, endpoint.Length)];
        if (known is not { IgnoresLabels: true })
        {
            meter.Joined(endpoint);
        }

        var attached = await dataplane.AttachAsync(EndpointCalls.IdOf(endpoint), endpoint, Placement.HandedOver(link, sandbox), Wait, ct);
        unjoined.Remove(endpoint);
        // An internal network leads nowhere else, and its gateway would take the default route away from one that does.
        var leadsOut = known is not { IsInternal: true };
        return new(
            new(link, known?.InterfacePrefix ?? settings.InterfacePrefix),
            leadsOut ? attached.Gateway4?.ToString() : null,
            leadsOut ? attached.Gateway6?.ToString() : null,
            Routes(attached, await ipam.ListPoolsAsync(ct)));
    }

    /// <summary>Never known, or gone: done.</summary>
    public async Task<Done> LeaveAsync(EndpointName request, CancellationToken ct)
    {
        var endpoint = Fields.Id(request.EndpointId, "EndpointID");
        await dataplane.DetachAsync(EndpointCalls.IdOf(endpoint), endpoint, ct);
        return Done.Answer;
    }

    /// <summary>To the gateways, and through them to the pools that its addresses are of. Always: dockerd takes the default route of one
    /// network, by rules of its own, and what is sent to another's members through that would leave with the wrong address.</summary>
    private static ImmutableArray<StaticRoute> Routes(Attachment attached, ImmutableArray<AddressPool> pools) =>
    [
        .. new[] { attached.Gateway4, attached.Gateway6 }.OfType<IPAddress>().Select(g => StaticRoute.OnLink(Fields.Host(g).ToString())),
        .. pools.Where(p => attached.Addresses.Any(a => PoolId.Contains(p.Cidr, a))).Select(p => StaticRoute.Through(
            p.Cidr.ToString(),
            (p.Cidr.BaseAddress.AddressFamily == AddressFamily.InterNetwork ? attached.Gateway4 : attached.Gateway6)!.ToString())),
    ];
}
