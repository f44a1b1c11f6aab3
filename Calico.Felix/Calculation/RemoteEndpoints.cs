using System.Collections.Immutable;
using System.Globalization;
using Calico.Datastore.Addresses;
using Calico.Datastore.Resources;
using Calico.Datastore.Resources.V3;
using Calico.Datastore.Sync;
using Calico.Felix.Labels;

namespace Calico.Felix.Calculation;

/// <summary>Endpoints of other nodes, from the store. This node's own are left out: the host knows them better.</summary>
internal sealed class RemoteEndpoints(string nodeName, EndpointLabels labels)
{
    public void Apply(SyncUpdate update)
    {
        var key = new ItemKey(false, update.Key.Namespace, update.Key.Name);
        if (!Kinds.WorkloadEndpoint.TryRead(update, out var resource) || resource.Spec is not { } spec || spec.Node == nodeName)
        {
            labels.Remove(key);
            return;
        }

        labels.Set(key, WithReserved(resource), spec.Profiles ?? [], ParseAddresses(spec), spec.Ports is null ? [] : [.. ParsePorts(spec)]);
    }

    private static ImmutableSortedDictionary<string, string> WithReserved(Resource<WorkloadEndpointSpec> resource)
    {
        var own = resource.Metadata.Labels ?? ImmutableSortedDictionary<string, string>.Empty;
        own = own.SetItem(EffectiveSelector.NamespaceLabel, resource.Metadata.Namespace ?? "");
        own = own.SetItem(EffectiveSelector.OrchestratorLabel, resource.Spec.Orchestrator ?? "");
        return resource.Spec.ServiceAccountName is { Length: > 0 and < 63 } account
            ? own.SetItem(EffectiveSelector.ServiceAccountLabel, account)
            : own;
    }

    /// <summary>The store's reader has validated the resource; what is no address all the same stands for nobody.</summary>
    internal static ImmutableArray<Cidr> ParseAddresses(WorkloadEndpointSpec spec)
    {
        var addresses = ImmutableArray.CreateBuilder<Cidr>();
        foreach (var text in spec.IpNetworks ?? [])
        {
            if (Cidr.TryParse(text, out var cidr) && cidr.IsHost)
            {
                addresses.Add(cidr);
            }
        }

        return addresses.ToImmutable();
    }

    /// <summary>The named ports of an endpoint of the store; what is no port stands for none.</summary>
    internal static IEnumerable<EndpointPort> ParsePorts(WorkloadEndpointSpec spec)
    {
        foreach (var port in spec.Ports ?? [])
        {
            byte? protocol = port.Protocol?.ToString().ToLowerInvariant() switch
            {
                "tcp" => 6,
                "udp" => 17,
                "sctp" => 132,
                { } text when byte.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var number) => number,
                _ => null,
            };
            if (protocol is { } known && port is { Name.Length: > 0, Port: > 0 and <= ushort.MaxValue })
            {
                yield return new(port.Name, known, (ushort)port.Port);
            }
        }
    }
}
