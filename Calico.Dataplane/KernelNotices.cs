using Calico.Linux.Nftables;
using Calico.Linux.Route;

namespace Calico.Dataplane;

/// <summary>What the kernel tells of others' doings: reads it, sorts out what concerns us, hands it to the loop.</summary>
/// <remarks>Opened before anything is read, so that nothing falls between the first reading and the first notice.</remarks>
internal sealed class KernelNotices(NftChangeStream nft, RouteEventStream routes, LoopInbox inbox, NoticeSieve sieve) : IDisposable
{
    public async Task FollowNftAsync(CancellationToken ct)
    {
        await foreach (var change in nft.ReadAllAsync(ct))
        {
            if (sieve.Concerns(change))
            {
                inbox.Post(new LoopRequest.NftNotice(change));
            }
        }
    }

    public async Task FollowRoutesAsync(CancellationToken ct)
    {
        await foreach (var change in routes.ReadAllAsync(ct))
        {
            if (sieve.Concerns(change))
            {
                inbox.Post(new LoopRequest.RouteNotice(change));
            }
        }
    }

    public void IgnoreDoingsOf(uint nftPort, ReadOnlySpan<uint> routePorts)
    {
        nft.IgnoreDoingsOf(nftPort);
        routes.IgnoreDoingsOf(routePorts);
    }

    public void Dispose()
    {
        nft.Dispose();
        routes.Dispose();
    }
}
