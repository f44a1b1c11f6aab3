using System.Collections.Immutable;
using System.Globalization;
using Calico.Cli.Endpoints;
using Calico.Cli.Output;
using Calico.Datastore.Addresses;
using Calico.Datastore.Resources;
using Calico.Datastore.Resources.V3;
using Calico.Datastore.Sync;
using Calico.Felix.Explaining;
using Calico.Felix.Rules;

namespace Calico.Cli.Commands.Policy;

/// <summary>What hosts rewrite on a connection's way: the destination of a published port, where it comes in, and the source of what
/// leaves a pool with natOutgoing for an address of no pool, where it goes out.</summary>
/// <param name="hosts">The hosts of the store.</param>
/// <param name="stored">Everything.</param>
internal sealed class AddressTranslations(StoredHosts hosts, ImmutableArray<SyncUpdate> stored)
{
    /// <summary>The connection as each side sees it.</summary>
    internal TranslatedConnection Of(ExplainedEnd from, ExplainedEnd to, in FirstPacket asked)
    {
        var (told, assumed) = (ImmutableArray.CreateBuilder<string>(), ImmutableArray.CreateBuilder<string>());
        var (receiver, sent) = (to, asked);
        if (to.Peer is { IsHost: true, Host: { } host } && FindPublished(host.Policy.Node, asked) is { } published)
        {
            receiver = new(published.Name, new(published.Key, published.Address, host));
            sent = asked with { Destination = published.Address, DestinationPort = published.Port };
            told.Add(string.Create(CultureInfo.InvariantCulture, $"{to} port {asked.DestinationPort}: translated to {published.Name} "
                + $"{Shown(published.Address)}:{published.Port} (published port)"));
        }

        return new(receiver, sent, asked, LeavesAs(from, receiver, asked, told, assumed), told.ToImmutable(), assumed.ToImmutable());
    }

    private Published? FindPublished(string node, in FirstPacket asked)
    {
        var (found, packet) = (default(Published), asked);
        foreach (var update in stored.OrderBy(update => update.Key.ToString(), StringComparer.Ordinal))
        {
            if (!Kinds.WorkloadEndpoint.TryRead(update, out var workload) || workload.Spec.Node != node)
            {
                continue;
            }

            var address = (workload.Spec.IpNetworks ?? []).Select(StoredHosts.Read).OfType<Cidr>()
                .Where(own => own.IsIpv6 == packet.Destination.IsIpv6).Select(own => (Cidr?)own).FirstOrDefault();
            foreach (var port in workload.Spec.Ports ?? [])
            {
                if (address is not { } own || port.HostPort != packet.DestinationPort || packet.DestinationPort == 0
                    || NumberOf(port.Protocol) != packet.Protocol || port.Port is not (> 0 and <= ushort.MaxValue))
                {
                    continue;
                }

                // Of those that would take it the one that names the address has it.
                var isCertain = StoredHosts.Read(port.HostIp) is { } wanted && wanted.FirstAddress() is var only
                    && !only.Equals(System.Net.IPAddress.Any) && !only.Equals(System.Net.IPAddress.IPv6Any);
                if (isCertain ? StoredHosts.Read(port.HostIp) == packet.Destination : found is null && IsOfFamily(port.HostIp, own))
                {
                    found = new(update.Key, EndpointName.Of(workload), own, (ushort)port.Port);
                    if (isCertain)
                    {
                        return found;
                    }
                }
            }
        }

        return found;
    }

    /// <summary>Null: its own.</summary>
    private Cidr? LeavesAs(ExplainedEnd from, ExplainedEnd to, FirstPacket asked, ImmutableArray<string>.Builder told,
        ImmutableArray<string>.Builder assumed)
    {
        if (from.Peer.Host is not { } host || host.Policy.Node == to.Peer.Host?.Policy.Node)
        {
            return null;
        }

        // As the node has them: of a pool that is disabled there may still be addresses.
        var pools = stored.Select(update => Kinds.IpPool.TryRead(update, out var pool) && Cidr.TryParse(pool.Spec.Cidr, out var range)
                ? (update.Key.Name, Range: range, IsHidden: pool.Spec.NatOutgoing == true) : default)
            .Where(pool => pool.Name is not null).ToList();
        if (pools.Exists(pool => pool.Range.Contains(asked.Destination))
            || pools.Find(pool => pool.IsHidden && pool.Range.Contains(asked.Source)) is not { Name: { } name })
        {
            return null;
        }

        var (node, isIpv6) = (host.Policy.Node, asked.Source.IsIpv6);
        bool IsOfFamily(Cidr address) => address.IsIpv6 == isIpv6;
        var ofNode = hosts.AddressesOf(node).Where(IsOfFamily).ToList();
        var ofLink = host.Policy.Interfaces.GetValueOrDefault(host.InterfaceName, []).Where(IsOfFamily).ToList();
        var candidates = ofLink.Count == 0 ? ofNode : ofNode.Exists(ofLink.Contains) ? ofNode.FindAll(ofLink.Contains) : ofLink;
        if (candidates is not [var address, ..])
        {
            assumed.Add($"{from} leaves its node as an address of {node} that nobody knows (natOutgoing of pool {name}); "
                + "the receiver's side is judged as if it were its own");
            return null;
        }

        told.Add($"{from} leaves its node as {address.ToShortString()} (natOutgoing of pool {name})");
        if (host.InterfaceName.Length == 0 || candidates.Count > 1)
        {
            assumed.Add($"node {node} sends it by the interface with {address.ToShortString()}");
        }

        return address;
    }

    private static bool IsOfFamily(string? hostAddress, Cidr own) =>
        StoredHosts.Read(hostAddress) is not { } any || any.IsIpv6 == own.IsIpv6;

    private static byte? NumberOf(NumberOrString? protocol) => protocol?.ToString().ToLowerInvariant() switch
    {
        "tcp" => 6,
        "udp" => 17,
        "sctp" => 132,
        { } text when byte.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var number) => number,
        _ => null,
    };

    private static string Shown(Cidr address) => address.IsIpv6 ? $"[{address.ToShortString()}]" : address.ToShortString();

    /// <param name="Key">Of the workload.</param>
    /// <param name="Name">For people.</param>
    /// <param name="Address">Its own.</param>
    /// <param name="Port">Its own.</param>
    private sealed record Published(ResourceKey Key, string Name, Cidr Address, ushort Port);
}
