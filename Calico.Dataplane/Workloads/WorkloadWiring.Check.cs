using System.Collections.Immutable;
using Calico.Linux.Namespaces;
using Calico.Linux.Route;

namespace Calico.Dataplane.Workloads;

/// <content>What CHECK compares.</content>
public sealed partial class WorkloadWiring
{
    /// <summary>Differences between what was asked for and what the kernel has; empty: none.</summary>
    /// <param name="request">As it was wired; its namespace may be null when <paramref name="namespacePath"/> tells it.</param>
    /// <param name="namespacePath">Where the namespace is found, or null: only the host's side is looked at.</param>
    /// <param name="ct">Cancels the wait for other wirings.</param>
    public async Task<ImmutableArray<string>> CheckAsync(WiringRequest request, string? namespacePath, CancellationToken ct)
    {
        await _turn.WaitAsync(ct);
        try
        {
            var differences = ImmutableArray.CreateBuilder<string>();
            var link = FindHostSide(request.HostInterface);
            if (link is null)
            {
                return [$"host interface {request.HostInterface} is not there"];
            }

            if (link.Name != request.HostInterface)
            {
                differences.Add($"host interface {request.HostInterface} is called {link.Name}");
            }

            if (request.Mtu != 0 && link.Mtu != request.Mtu)
            {
                differences.Add($"host interface {request.HostInterface} has MTU {link.Mtu}; it was given {request.Mtu}");
            }

            if (!link.IsUp)
            {
                differences.Add($"host interface {request.HostInterface} is down");
            }

            var routes = _socket.ListRoutes(new RouteFilter { LinkIndex = link.Index }).Select(r => r.Destination).ToHashSet();
            foreach (var address in request.Addresses.Where(a => !routes.Contains(a)))
            {
                differences.Add($"the host has no route to {address} through {request.HostInterface}");
            }

            if (namespacePath is not null)
            {
                CheckInside(request, namespacePath, differences);
            }

            return differences.ToImmutable();
        }
        finally
        {
            _turn.Release();
        }
    }

    private void CheckInside(WiringRequest request, string namespacePath, ImmutableArray<string>.Builder differences)
    {
        RouteSocket inside;
        try
        {
            using var file = NetworkNamespaceFile.Open(namespacePath);
            inside = _network.Broker.Run(file, () => RouteSocket.Open());
        }
        catch (NamespaceException e)
        {
            differences.Add(e.Message);
            return;
        }

        using (inside)
        {
            if (inside.FindLink(request.PeerInterface) is not { } peer)
            {
                differences.Add($"interface {request.PeerInterface} is not in the namespace");
                return;
            }

            if (!peer.IsUp)
            {
                differences.Add($"interface {request.PeerInterface} is down");
            }

            if (request.Mtu != 0 && peer.Mtu != request.Mtu)
            {
                differences.Add($"interface {request.PeerInterface} has MTU {peer.Mtu}; it was given {request.Mtu}");
            }

            if (!peer.Mac.Equals(request.Mac))
            {
                differences.Add($"interface {request.PeerInterface} has MAC {MacText.Of(peer.Mac)}; it was "
                    + $"given {MacText.Of(request.Mac)}");
            }

            var addresses = inside.ListAddresses(peer.Index).Select(a => a.Address).ToHashSet();
            foreach (var address in request.Addresses.Where(a => !addresses.Contains(a.BaseAddress)))
            {
                differences.Add($"interface {request.PeerInterface} has lost its address {address}");
            }

            var routes = inside.ListRoutes(new RouteFilter { LinkIndex = peer.Index });
            if (request.DefaultRoute && request.Gateway4 is { } gateway
                && !routes.Any(r => r.Destination.PrefixLength == 0 && gateway.Equals(r.Gateway)))
            {
                differences.Add($"the namespace has no default route via {gateway}");
            }

            foreach (var route in request.Routes.Where(w => !routes.Any(r => r.Destination.Equals(w.Destination))))
            {
                differences.Add($"the namespace has no route to {route.Destination}");
            }
        }
    }
}
