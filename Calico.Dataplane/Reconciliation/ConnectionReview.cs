using System.Collections.Immutable;
using System.Net;
using Calico.Dataplane.Translation;
using Calico.Linux.Conntrack;
using Calico.Linux.Netlink;
using Calico.Linux.Route;
using Microsoft.Extensions.Logging;

namespace Calico.Dataplane.Reconciliation;

/// <summary>After a gap in enforcement: judges the connections of this node's endpoints again, and deletes those that policy refuses.
/// </summary>
/// <remarks>
/// An established connection is accepted before policy is asked, so one that began while nobody enforced would live for ever. Deleting them
/// all would end allowed ones too: what was masqueraded loses its port with its entry, and a server that speaks next is judged as if it had
/// opened the connection. So each entry is put to the compiled policy, and what it allows is not touched.
/// <para>
/// A refused connection whose other direction policy would let begin can come back from that end: its next packet is new then. The tail of
/// a refused connection is therefore looked for again a few times, and cut whatever policy says of it.
/// </para>
/// Judging needs the loop's state and runs there, in portions; listing and deleting do not.
/// </remarks>
internal sealed partial class ConnectionReview(IConntrack connections, IRoutes routes, RulesetTranslator policy,
    Func<Func<object>, CancellationToken, Task<object>> onLoop, TimeProvider time, ILogger logger) : IAsyncDisposable
{
    /// <summary>Entries judged in one turn of the loop: some milliseconds.</summary>
    private const int Portion = 2000;

    /// <summary>Looks at everything. The second takes what a packet that was under way in the gap put there after the first.</summary>
    private const int Rounds = 2;

    /// <summary>Before each look; those after <see cref="Rounds"/> look for the tails of refused connections only.</summary>
    private static readonly ImmutableArray<TimeSpan> Pauses =
        [TimeSpan.Zero, .. new[] { 0.2, 0.5, 2, 5, 15, 30 }.Select(s => TimeSpan.FromSeconds(s))];

    private readonly Lock _guard = new();
    private readonly CancellationTokenSource _stop = new();
    private Task _running = Task.CompletedTask;
    private bool _isAsked;

    /// <summary>Enforcement has begun again; returns at once.</summary>
    public void Ask()
    {
        lock (_guard)
        {
            _isAsked = true;
            if (_running.IsCompleted && !_stop.IsCancellationRequested)
            {
                _running = Task.Run(RunAsync);
            }
        }
    }

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        Task running;
        lock (_guard)
        {
            running = _running;
        }

        await running;
        _stop.Dispose();
    }

    private async Task RunAsync()
    {
        var tails = new HashSet<Tail>();
        for (var look = 0; look < Pauses.Length; look++)
        {
            try
            {
                await Task.Delay(Pauses[look], time, _stop.Token);
                lock (_guard)
                {
                    (look, _isAsked) = (_isAsked ? 0 : look, false);
                }

                if (look < Rounds || tails.Count > 0)
                {
                    await LookAsync(isWhole: look < Rounds, tails);
                }
            }
            catch (Exception e) when (e is OperationCanceledException or CalicoException { Problem: Problem.Unavailable })
            {
                // The loop ends. The next process judges everything at its first comparison.
                return;
            }
            catch (Exception e) when (e is CalicoException or NetlinkException or NetlinkFormatException)
            {
                Log.NotReviewed(logger, e.Message);
                look--;
                await Task.Delay(TimeSpan.FromSeconds(1), time, _stop.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            }

            lock (_guard)
            {
                if (_isAsked)
                {
                    look = -1;
                }
                else if (look == Pauses.Length - 1 || (look >= Rounds - 1 && tails.Count == 0))
                {
                    // Under the guard: whoever asks next sees this run as ended.
                    _running = Task.CompletedTask;
                    return;
                }
            }
        }
    }

    private async Task LookAsync(bool isWhole, HashSet<Tail> tails)
    {
        var addresses = (HashSet<IPAddress>)await onLoop(
            () => policy.Updates.SelectMany(e => e.Addresses.Items.Select(a => a.FirstAddress())).ToHashSet(), _stop.Token);
        if (addresses.Count == 0)
        {
            return;
        }

        var ours = routes.ListAddresses().Select(a => a.Address).ToHashSet();
        var entries = connections.List(addresses);
        var refused = entries.Where(e => tails.Contains(Tail.Beginning(e))).ToList();
        for (var start = 0; isWhole && start < entries.Length; start += Portion)
        {
            var portion = entries[start..Math.Min(start + Portion, entries.Length)];
            refused.AddRange((List<ConntrackEntry>)await onLoop(() => Refused(portion, ours), _stop.Token));
        }

        if (refused.Count == 0)
        {
            return;
        }

        tails.UnionWith(refused.Select(Tail.Left));
        Log.Cut(logger, connections.Delete([.. refused.Distinct()]));
    }

    private List<ConntrackEntry> Refused(ImmutableArray<ConntrackEntry> entries, HashSet<IPAddress> ours)
    {
        var judge = new ConnectionJudge(policy, ours);
        return [.. entries.Where(judge.IsRefused)];
    }

    /// <summary>A connection's ends, from one of them to the other.</summary>
    private readonly record struct Tail(byte Protocol, IPAddress From, ushort FromPort, IPAddress To, ushort ToPort)
    {
        /// <summary>As it is when its own first packet is seen.</summary>
        public static Tail Beginning(ConntrackEntry e) =>
            new(e.Protocol, e.OriginalSource, e.SourcePort, e.OriginalDestination, e.DestinationPort);

        /// <summary>As it would be if its other end went on.</summary>
        public static Tail Left(ConntrackEntry e) =>
            new(e.Protocol, e.ReplySource, e.ReplySourcePort, e.ReplyDestination, e.ReplyDestinationPort);
    }

    private static partial class Log
    {
        [LoggerMessage(4350, LogLevel.Information, "after a gap in enforcement {Count} connections that policy refuses were cut")]
        public static partial void Cut(ILogger logger, int count);

        [LoggerMessage(4351, LogLevel.Warning, "connections from a gap in enforcement could not be judged, tried again: {Reason}")]
        public static partial void NotReviewed(ILogger logger, string reason);
    }
}
