using Calico.Datastore.Addresses;
using Calico.Linux.Conntrack;
using Calico.Linux.Netlink;
using Microsoft.Extensions.Logging;

namespace Calico.Dataplane.Reconciliation;

/// <summary>Deletes the tracked connections of addresses that were taken from an endpoint.</summary>
/// <remarks>
/// The flows themselves stop at once, with the endpoint's interface out of the maps; what is deleted here would let the next owner of the
/// address inherit a connection that policy would refuse it. So nobody waits for it, except an endpoint that is given the address:
/// <see cref="Finish"/>. A walk over the kernel's table takes about 10 ms whatever is looked for, so what waits goes in one.
/// </remarks>
internal sealed partial class ConnectionCutter(ConntrackSocket socket, TimeProvider time, ILogger logger) : IAsyncDisposable
{
    /// <summary>How long freed addresses are collected for one walk, and how far it stays out of the way of the removal's answer.</summary>
    private static readonly TimeSpan Collect = TimeSpan.FromMilliseconds(100);

    private readonly Lock _guard = new();
    private readonly HashSet<Cidr> _pending = [];
    private readonly CancellationTokenSource _stop = new();
    private Task _round = Task.CompletedTask;

    /// <summary>Takes addresses that nobody has any more; returns at once.</summary>
    public void Take(IReadOnlyCollection<Cidr> addresses)
    {
        if (addresses.Count == 0)
        {
            return;
        }
        lock (_guard)
        {
            _pending.UnionWith(addresses);
            if (_round.IsCompleted)
            {
                _round = RunAsync();
            }
        }
    }

    /// <summary>Returns when no connection of a former owner of these addresses is left.</summary>
    /// <exception cref="NetlinkException">The kernel refused; they stay to be cut.</exception>
    public void Finish(IEnumerable<Cidr> addresses)
    {
        List<Cidr> wanted;
        lock (_guard)
        {
            wanted = [.. addresses.Where(_pending.Contains)];
        }
        if (wanted.Count > 0)
        {
            Cut(wanted);
        }
    }

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        Task round;
        lock (_guard)
        {
            round = _round;
        }
        await round;
        _stop.Dispose();
    }

    private async Task RunAsync()
    {
        var last = false;
        while (!last)
        {
            try
            {
                await Task.Delay(Collect, time, _stop.Token);
            }
            catch (OperationCanceledException)
            {
                // What waits is cut before the end: a successor of this process would not know of it.
                last = true;
            }
            List<Cidr> addresses;
            lock (_guard)
            {
                addresses = [.. _pending];
                if (addresses.Count == 0)
                {
                    // Under the guard: whoever adds next sees this round as ended.
                    _round = Task.CompletedTask;
                    return;
                }
            }
            try
            {
                Cut(addresses);
            }
            catch (NetlinkException e)
            {
                // They stay: the next walk, or the endpoint that gets one of them, tries again.
                Log.NotCut(logger, addresses.Count, e.Message);
            }
        }
    }

    private void Cut(List<Cidr> addresses)
    {
        socket.DeleteAll(addresses.Select(a => a.FirstAddress()).ToHashSet());
        lock (_guard)
        {
            _pending.ExceptWith(addresses);
        }
    }

    private static partial class Log
    {
        [LoggerMessage(4301, LogLevel.Warning, "connections of {Count} freed addresses were not deleted; tried again before one is used: {Reason}")]
        public static partial void NotCut(ILogger logger, int count, string reason);
    }
}
