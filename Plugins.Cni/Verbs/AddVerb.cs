using System.Collections.Immutable;
using System.Net;
using System.Net.Sockets;
using Calico.Plugins.Cni.Protocol;
using Microsoft.Extensions.Logging;

namespace Calico.Plugins.Cni.Verbs;

/// <summary>ADD: all or nothing, and the answer means that the kernel enforces the endpoint's policy.</summary>
internal sealed partial class AddVerb(IWorkloadNetwork network, IWorkloadDataplane dataplane, INetworkNamespaces namespaces,
    IProfiles profiles,
    EndpointLookup lookup, EndpointPlanner planner, PoolFamilies pools, DelSpool spool, TimeProvider time, ILogger<AddVerb> log)
{
    private const string HostMac = "ee:ee:ee:ee:ee:ee";

    /// <returns>The result, and what takes back what this call made: not what was there before it.</returns>
    public async Task<(CniResult Result, Func<CancellationToken, Task>? Undo)> RunAsync(CniRequest request, CancellationToken ct)
    {
        var (call, configuration) = (request.Call, request.Configuration);
        configuration.Validate();
        if (configuration.PreviousResult is not null)
        {
            throw new CniException(CniCode.InvalidConfiguration, "calico makes the interface, so it must be the first plugin of its list",
                "prevResult: another plugin has run before");
        }

        if (configuration.Ipam.UsesPodCidr)
        {
            throw new CniException(CniCode.UnsupportedField, "ipam: usePodCidr needs the Kubernetes API, which this host does not ask",
                "ipam.subnet");
        }

        request.Timed?.Enter("lookup");
        await pools.CheckAsync(call, configuration, ct);
        await spool.SettleAsync(call, ct);
        using var networkNamespace = Open(request);
        var (id, existing) = await lookup.FindAsync(call, ct);
        if (EndpointLookup.IsAnother(existing, call))
        {
            // The same network again is no second interface: as upstream, the runtime is told what the pod has.
            if (existing!.Network == configuration.Name)
            {
                return (ResultOf(existing, call, configuration), null);
            }

            throw new CniException(CniCode.InvalidEnvironment,
                $"a pod has one Calico interface: {id.Workload} has {existing.PeerInterface}, {call.InterfaceName} of "
                    + $"network {configuration.Name} would be a second; give it a network of another plugin",
                "CNI_IFNAME");
        }

        var sameLife = existing is not null && existing.Instance == call.ContainerId;

        request.Timed?.Enter("profile");
        var networks = await EnsureAsync(EndpointPlanner.MembershipsOf(call, configuration), ct);
        // The network's first: what it denies by name, a published port does not open.
        var memberships = EndpointPlanner.PortsProfileOf(call, configuration) is { } ports
            ? networks.Add(await profiles.EnsureAsync(ports.Name, ports.Defaults, ct))
            : networks;

        request.Timed?.Enter(configuration.Ipam.IsDelegated ? "delegate" : "plan");
        var delegated = !configuration.Ipam.IsDelegated ? null
            // A retry: the delegate has given these already and would refuse to give them again.
            : sameLife ? ResultOf(existing!, call, configuration)
            : await DelegatedIpam.AddAsync(request, ct);
        try
        {
            request.Timed?.Enter("plan");
            // A second network's ADD of the same life adds to what it is in.
            var spec = planner.Plan(request, id, delegated, networkNamespace.Identity,
                sameLife ? [.. existing!.Profiles.Union(memberships)] : memberships);
            var attachment = await network.ConnectAsync(spec, Placement.In(networkNamespace, call.InterfaceName), ct);
            await AddProfilesAsync(attachment, networks, ct);
            var dns = configuration.Dns.Length > 0 ? configuration.Dns : delegated?.Dns ?? "";
            return (ResultOf(attachment, call, configuration) with { Dns = dns },
                sameLife ? null : undoing => network.DisconnectAsync(id, call.ContainerId, undoing));
        }
        catch when (delegated is not null && !sameLife)
        {
            if (await DelegatedIpam.UndoAsync(request, time) is { } left)
            {
                Log.DelegateKept(log, configuration.Ipam.Type, call.ContainerId, left.Message, left.Details);
            }

            throw;
        }
    }

    private async Task<ImmutableArray<string>> EnsureAsync(ImmutableArray<(string Name, ProfileDefaults Defaults)> memberships,
        CancellationToken ct)
    {
        var names = ImmutableArray.CreateBuilder<string>();
        foreach (var (name, defaults) in memberships)
        {
            names.Add(await profiles.EnsureAsync(name, defaults, ct));
        }

        return names.ToImmutable();
    }

    /// <summary>A container that is added again under another network's name belongs to both, as upstream has it.</summary>
    private async Task AddProfilesAsync(Attachment attachment, ImmutableArray<string> networks, CancellationToken ct)
    {
        if (!attachment.Profiles.IsEmpty && networks.Any(n => !attachment.Profiles.Contains(n)))
        {
            await dataplane.UpdateAsync(attachment.Id, new EndpointChange(Profiles: [.. attachment.Profiles.Union(networks)]), ct);
        }
    }

    private NetworkNamespace Open(CniRequest request)
    {
        try
        {
            return request.Namespace is { } descriptor
                ? namespaces.Adopt(descriptor, request.Call.NamespacePath)
                : namespaces.Open(request.Call.NamespacePath);
        }
        catch (CalicoException e) when (e.Problem is Problem.NotFound or Problem.Invalid)
        {
            throw new CniException(CniCode.InvalidEnvironment, $"failed to open netns \"{request.Call.NamespacePath}\": {e.Message}",
                "CNI_NETNS");
        }
    }

    /// <summary>Two interfaces, as the specification has it: later plugins of the list find the host side by its missing sandbox and the
    /// container's by its name. No gateway with the addresses: 169.254.1.1 is a fact of the link, not of the network.</summary>
    private static CniResult ResultOf(Attachment attachment, CniCall call, NetworkConfiguration configuration) => new()
    {
        Interfaces =
        [
            new(attachment.HostInterface, HostMac, "", attachment.Mtu),
            new(attachment.PeerInterface, MacAddress.Format(attachment.Mac), call.NamespacePath, attachment.Mtu),
        ],
        Addresses = [.. attachment.Addresses.Select(a => new CniAddress(new InterfaceAddress(a.BaseAddress, a.PrefixLength), null, 1))],
        Routes = [.. attachment.Routes.Select(r => new CniRoute(r.Destination, r.Via ?? GatewayOf(attachment, r.Destination)))],
        Dns = configuration.Dns,
    };

    private static IPAddress? GatewayOf(Attachment attachment, IPNetwork destination) =>
        destination.BaseAddress.AddressFamily == AddressFamily.InterNetwork ? attachment.Gateway4 : attachment.Gateway6;

    private static partial class Log
    {
        [LoggerMessage(7020, LogLevel.Warning, "{Delegate} could not take back what it gave container {Container}: {Reason} {Details}")]
        public static partial void DelegateKept(ILogger log, string @delegate, string container, string reason, string details);
    }
}
