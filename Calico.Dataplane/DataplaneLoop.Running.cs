using Calico.Dataplane.Reconciliation;
using Calico.Linux.Nftables;
using Calico.Linux.Route;
using Microsoft.Extensions.Logging;

namespace Calico.Dataplane;

/// <content>Its beginning, its turns and its end.</content>
public sealed partial class DataplaneLoop
{
    /// <summary>What only exists once it is open, all of it.</summary>
    private sealed record Inside(Enforcement Enforcement, KernelParts Kernel, KernelNotices Notices, Action<uint[]> IgnoreDoingsOf);

    private Inside Open()
    {
        // Notices first: then nothing falls between them and the first reading.
        var (nft, routeEvents) = _network.Run(() =>
            (NftChangeStream.Open(), RouteEventStream.Open(
                RouteEventKinds.Links | RouteEventKinds.Routes | RouteEventKinds.Addresses | RouteEventKinds.Settings)));
        try
        {
            var shared = (Links, Ledger);
            var (parts, table, routes) = KernelParts.Open(_network, _options, shared,
                ((question, ct) => AskAsync(_ => question(), ct), _inbox.Wake), _time, _logger);
            var sieve = new NoticeSieve(_options, [table.Policy.Ruleset.Table, table.ClosingTable, parts.Ports!.Table], Links,
                routes.IsInTheWay,
                change => parts.Interfaces!.Concerns(change));
            var notices = new KernelNotices(nft, routeEvents, _inbox, sieve);
            void Ignore(uint[] ports) => notices.IgnoreDoingsOf(table.PortId, [.. ports, routes.PortId]);
            lock (_ownPorts)
            {
                Ignore([.. _ownPorts]);
            }

            try
            {
                var closed = table.Open();
                if (closed is not null)
                {
                    // The loop goes on trying.
                    _status.Say(_status.Current with { LastError = closed });
                }

                return new(new(_inbox, _status, parts, shared, _options, isInitial: !table.IsAdopted, _time, _logger), parts,
                    notices, Ignore);
            }
            catch
            {
                parts.DisposeAsync().AsTask().GetAwaiter().GetResult();
                throw;
            }
        }
        catch
        {
            nft.Dispose();
            routeEvents.Dispose();
            throw;
        }
    }

    /// <summary>Routes and links that a socket of this process changes need not be told: whoever uses it says what follows.</summary>
    internal void IgnoreDoingsOf(uint port)
    {
        lock (_ownPorts)
        {
            _ownPorts.Add(port);
            _inside?.IgnoreDoingsOf([.. _ownPorts]);
        }
    }

    private async Task RunAsync(Enforcement inside, CancellationToken ct)
    {
        using var timer = _time.CreateTimer(_ => _inbox.Wake(), null, _options.SettingsInterval, Timeout.InfiniteTimeSpan);
        while (true)
        {
            await _inbox.WaitAsync(ct);
            timer.Change(inside.Turn(), Timeout.InfiniteTimeSpan);
        }
    }

    /// <summary>A part that ends before it is asked to, the reading of notices too, ends the loop with a reason that is seen. Whether it
    /// was asked to only our own token says: a cancellation can be somebody else's.</summary>
    private async Task EndAloudAsync(Enforcement inside, Func<CancellationToken, Task> part)
    {
        try
        {
            await part(_stopping.Token);
        }
        catch (Exception e) when (!_stopping.IsCancellationRequested)
        {
            // A fault of ours. What is desired may be half changed, so nothing more is written: the kernel goes on enforcing what it has.
            Log.Ended(_logger, e);
            _status.Say(_status.Current with { InSync = false, LastError = e.ToString() });
            await _stopping.CancelAsync();
            inside.Abandon();
            LoopRequest.Abandon(_inbox.Take().Requests);
            if (e is OperationCanceledException)
            {
                // As such it would look like an end that was asked for.
                throw new CalicoException(Problem.Unavailable,
                    $"the dataplane loop was ended by another's cancellation: {e.Message}", inner: e);
            }

            throw;
        }
    }

    private static partial class Log
    {
        [LoggerMessage(4007, LogLevel.Critical, "the dataplane loop ended; the kernel stays as it is")]
        public static partial void Ended(ILogger logger, Exception exception);
    }
}
