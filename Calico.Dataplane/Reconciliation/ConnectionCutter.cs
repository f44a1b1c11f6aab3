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
/// <para>
/// A former process may have died before it cut. It leaves no note (that would be a write more for each removal): one walk at the start
/// says which addresses have connections at all, and those of no living endpoint are treated as if they waited to be cut. Until it has
/// ended, every address does but the living ones'. Nothing else is touched: most of them are other nodes' and the world's.
/// </para>
/// </remarks>
internal sealed partial class ConnectionCutter(IConntrack socket, TimeProvider time, ILogger logger) : IAsyncDisposable
{
    /// <summary>How long freed addresses are collected for one walk, and how far it stays out of the way of the removal's answer.</summary>
    private static readonly TimeSpan Collect = TimeSpan.FromMilliseconds(100);

    private readonly Lock _guard = new();

    /// <summary>Held while connections are deleted: what another cut has just done is not done to the address's next owner.</summary>
    private readonly Lock _cutting = new();
    private readonly HashSet<Cidr> _pending = [];

    /// <summary>Addresses that need no cut whatever the first walk finds; null when there is none, or it has ended.</summary>
    private HashSet<Cidr>? _settled;

    /// <summary>Addresses with connections from before the start, of no living endpoint. As many as the kernel's table had at most.
    /// </summary>
    private HashSet<Cidr> _inherited = [];

    /// <summary>What may be cut of <see cref="_inherited"/> although nobody is given it; null until it is known.</summary>
    private HashSet<Cidr>? _free;
    private readonly CancellationTokenSource _stop = new();
    private Task _round = Task.CompletedTask;
    private Task _firstWalk = Task.CompletedTask;

    /// <summary>Starts to look for what a former process left uncut; returns at once. Once, before anything is enforced.</summary>
    /// <param name="living">Addresses whose connections go on.</param>
    public void Begin(IEnumerable<Cidr> living)
    {
        lock (_guard)
        {
            _settled = [.. living];
        }

        _firstWalk = Task.Run(FindInherited);
    }

    /// <summary>Cuts what a former process left of these, although nobody is given them: another node may be. Returns at once.</summary>
    /// <param name="free">Addresses that nobody has.</param>
    public void Sweep(IEnumerable<Cidr> free)
    {
        lock (_guard)
        {
            _free = [.. free];
        }

        SweepInherited();
    }

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
    public void Finish(IEnumerable<Cidr> addresses) => Cut(addresses);

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        await _firstWalk;
        Task round;
        lock (_guard)
        {
            round = _round;
        }

        await round;
        _stop.Dispose();
    }

    private void FindInherited()
    {
        HashSet<Cidr> found;
        try
        {
            found = [.. socket.ListAddresses().Select(Cidr.From)];
        }
        catch (Exception e) when (e is NetlinkException or NetlinkFormatException)
        {
            // Every address stays under suspicion: each endpoint's first costs a walk, and none inherits.
            Log.NotListed(logger, e.Message);
            return;
        }

        lock (_guard)
        {
            found.ExceptWith(_settled!);
            (_inherited, _settled) = (found, null);
        }

        SweepInherited();
    }

    private void SweepInherited()
    {
        List<Cidr> left = [];
        lock (_guard)
        {
            if (_settled is null && _free is not null)
            {
                left = [.. _inherited.Where(_free.Contains)];
                _free = null;
            }
        }

        if (left.Count > 0)
        {
            Log.Swept(logger, left.Count);
        }

        Take(left);
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
                // What waits is cut before the end: a successor of this process would have to look for it.
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

    private void Cut(IEnumerable<Cidr> addresses)
    {
        lock (_cutting)
        {
            List<Cidr> wanted;
            lock (_guard)
            {
                wanted = [.. addresses.Where(IsToBeCut)];
            }

            if (wanted.Count == 0)
            {
                return;
            }

            socket.Delete(socket.List(wanted.Select(a => a.FirstAddress()).ToHashSet()));
            lock (_guard)
            {
                _pending.ExceptWith(wanted);
                _inherited.ExceptWith(wanted);
                _settled?.UnionWith(wanted);
            }
        }
    }

    private bool IsToBeCut(Cidr address) =>
        _pending.Contains(address) || _inherited.Contains(address) || _settled?.Contains(address) == false;

    private static partial class Log
    {
        [LoggerMessage(4301, LogLevel.Warning,
            "connections of {Count} freed addresses were not deleted; tried again before one is used: {Reason}")]
        public static partial void NotCut(ILogger logger, int count, string reason);

        [LoggerMessage(4302, LogLevel.Warning,
            "the tracked connections could not be listed; those of each address are deleted when it is given out: {Reason}")]
        public static partial void NotListed(ILogger logger, string reason);

        [LoggerMessage(4303, LogLevel.Information, "a former process left connections of {Count} freed addresses; they are deleted")]
        public static partial void Swept(ILogger logger, int count);
    }
}
