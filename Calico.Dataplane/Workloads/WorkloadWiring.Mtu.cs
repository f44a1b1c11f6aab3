using Calico.Linux.Namespaces;
using Calico.Linux.Netlink;
using Calico.Linux.Route;

namespace Calico.Dataplane.Workloads;

/// <content>A pair whose MTU changes.</content>
public sealed partial class WorkloadWiring
{
    /// <summary>MTU of any link in the host's namespace; null: there is none of that name.</summary>
    public int? MtuOf(string link)
    {
        _turn.Wait();
        try
        {
            return _socket.FindLink(link)?.Mtu;
        }
        finally
        {
            _turn.Release();
        }
    }

    /// <summary>Gives both ends of a pair another MTU; neither, if one cannot be reached: an end drops silently what is larger than its
    /// own, so two that differ lose packets.</summary>
    /// <param name="request">As it was wired, with the new MTU.</param>
    /// <param name="namespacePath">Where the namespace is found.</param>
    /// <param name="ct">Cancels the wait for other wirings.</param>
    /// <exception cref="CalicoException"><see cref="Problem.NotFound"/>, <see cref="Problem.Refused"/>.</exception>
    public async Task ResizeAsync(WiringRequest request, string? namespacePath, CancellationToken ct)
    {
        ArgumentNullException.ThrowIfNull(request);
        await _turn.WaitAsync(ct);
        try
        {
            var link = FindHostSide(request.HostInterface)
                ?? throw new CalicoException(Problem.NotFound, $"host interface {request.HostInterface} is not there");
            using var inside = OpenPeer(link, namespacePath);
            void Host()
            {
                // Before the link, so that the keeper does not take the change for a stranger's.
                Keep(request, link.Index);
                _socket.Execute(b => b.ChangeLink(new() { Index = link.Index, Mtu = request.Mtu }));
            }

            void Peer() => inside.Execute(b => b.ChangeLink(new() { Index = link.PeerIndex, Mtu = request.Mtu }));

            // The one that sends must never be the larger.
            if (request.Mtu > link.Mtu)
            {
                Host();
                Peer();
            }
            else
            {
                Peer();
                Host();
            }
        }
        catch (Exception e) when (e is NetlinkException or NamespaceException)
        {
            throw Refused($"give {request.HostInterface} MTU {request.Mtu}", e);
        }
        finally
        {
            _turn.Release();
        }
    }

    private RouteSocket OpenPeer(LinkState link, string? namespacePath)
    {
        if (namespacePath is null)
        {
            throw new CalicoException(Problem.NotFound, "its other end was handed over, and is its owner's to change");
        }

        using var file = NetworkNamespaceFile.Open(namespacePath);
        return LeadsTo(link, file.Descriptor) ? _network.Broker.Run(file, RouteSocket.OpenBrief)
            : throw new CalicoException(Problem.NotFound, $"its other end is not in {namespacePath}");
    }
}
