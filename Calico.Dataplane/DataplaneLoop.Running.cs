using Calico.Dataplane.Reconciliation;
using Calico.Dataplane.Translation;
using Calico.Dataplane.Workloads;
using Calico.Linux.Conntrack;
using Calico.Linux.Netlink;
using Calico.Linux.Nftables;
using Calico.Linux.Route;

namespace Calico.Dataplane;

/// <content>Its beginning, its turns and its end.</content>
public sealed partial class DataplaneLoop
{
    private void Open()
    {
        _forwarding.Assert();
        // Notices first: then nothing falls between them and the first reading.
        (_nftChanges, _routeEvents) = _network.Run(() =>
            (NftChangeStream.Open(), RouteEventStream.Open(RouteEventKinds.Links | RouteEventKinds.Routes | RouteEventKinds.Addresses | RouteEventKinds.Settings)));
        _table = new(_network.Run(() => NftSocket.Open()), _options);
        _routes = new(_network.Run(() => RouteSocket.Open()), _options, Ledger, Links);
        _nftChanges.IgnoreDoingsOf(_table.PortId);
        IgnoreDoingsOf(_routes.PortId);
        _connections = _network.Run(() => ConntrackSocket.Open());
        AskForConnections();
        _cutter = new(_connections, _time, _logger);
        _keeper = new(_network.Run(() => RouteSocket.Open()), Links, _network, _options, _logger);
        _reviewRoutes = _network.Run(() => RouteSocket.Open());
        _review = new(_connections, _reviewRoutes, _translator, AskAsync, _time, _logger);
        var ruleset = _translator.Ruleset;
        var actual = _table.Read(ruleset.Table, withElements: false);
        var flaws = actual is null ? [] : FormerTable.FindFlaws(actual, ruleset);
        if (actual is not null && flaws.IsEmpty)
        {
            _isAdopted = true;
            Log.Adopted(_logger, actual.Chains.Length, actual.Rules.Length);
            return;
        }
        if (actual is not null)
        {
            Log.NotAdopted(_logger, Summary(flaws));
        }
        // Whatever is there does not enforce; closed is safe.
        ruleset.Rebase(actual is null ? null : _table.Read(ruleset.Table));
        try
        {
            _table.Commit(ruleset);
        }
        catch (NftCommitException e) when (CloseWhereOwned(e) is { } owned)
        {
            // The loop goes on trying.
            (_isInitial, _mustRead) = (true, true);
            Report(owned);
            return;
        }
        catch (NftCommitException e) when (_table.FindMissing() is { IsEmpty: false } missing)
        {
            throw new CalicoException(Problem.Unsupported, $"dataplane: {string.Join("; ", missing)}", inner: e);
        }
        _isInitial = true;
        Log.Loaded(_logger, ruleset.Chains.Count);
    }

    /// <summary>What only a kernel that lists connections can do: end those of a freed address, and judge those that began in a gap.</summary>
    private void AskForConnections()
    {
        try
        {
            _connections.List(ConntrackTuplePart.OriginalSource, System.Net.IPAddress.Any);
        }
        catch (NetlinkException e) when (e is not NetlinkInterruptedException)
        {
            throw new CalicoException(Problem.Unsupported, "dataplane: this kernel does not list connections, CONFIG_NF_CT_NETLINK (modprobe nf_conntrack_netlink); "
                + $"without it the next owner of an address would inherit the former one's, so no workload is connected ({e.Message})", inner: e);
        }
    }

    /// <summary>Routes and links that a socket of this process changes need not be told: whoever uses it says what follows.</summary>
    internal void IgnoreDoingsOf(uint port)
    {
        lock (_ownPorts)
        {
            _ownPorts.Add(port);
            _routeEvents?.IgnoreDoingsOf([.. _ownPorts]);
        }
    }

    private void Close()
    {
        _table?.Dispose();
        _routes?.Dispose();
        _connections?.Dispose();
        _reviewRoutes?.Dispose();
        _keeper?.Dispose();
        _nftChanges?.Dispose();
        _routeEvents?.Dispose();
        Abandon();
    }

    /// <summary>Nobody will answer any more.</summary>
    private void Abandon()
    {
        var reason = new CalicoException(Problem.Unavailable, "the dataplane loop has ended");
        foreach (var request in _inbox.Take().Requests.Concat(_publishing).Concat(_withdrawing))
        {
            switch (request)
            {
                case LoopRequest.Publish publish:
                    publish.Done.TrySetException(reason);
                    break;
                case LoopRequest.Withdraw withdraw:
                    withdraw.Done.TrySetException(reason);
                    break;
                case LoopRequest.Initial initial:
                    initial.Done.TrySetException(reason);
                    break;
                default:
                    break;
            }
        }
    }

    private async Task RunAsync(CancellationToken ct)
    {
        _settingsAt = _time.GetTimestamp();
        using var timer = _time.CreateTimer(_ => _inbox.Wake(), null, _options.SettingsInterval, Timeout.InfiniteTimeSpan);
        await FollowInboxAsync(timer, ct);
    }

    /// <summary>A part that ends before it is asked to, the reading of notices too, ends the loop with a reason that is seen. Whether it was
    /// asked to only our own token says: a cancellation can be somebody else's.</summary>
    private async Task EndAloudAsync(Func<CancellationToken, Task> part)
    {
        try
        {
            await part(_stopping.Token);
        }
        catch (Exception e) when (!_stopping.IsCancellationRequested)
        {
            // A fault of ours. What is desired may be half changed, so nothing more is written: the kernel goes on enforcing what it has.
            Log.Ended(_logger, e);
            Report(e.ToString());
            await _stopping.CancelAsync();
            Abandon();
            if (e is OperationCanceledException)
            {
                // As such it would look like an end that was asked for.
                throw new CalicoException(Problem.Unavailable, $"the dataplane loop was ended by another's cancellation: {e.Message}", inner: e);
            }
            throw;
        }
    }

    private async Task FollowInboxAsync(ITimer timer, CancellationToken ct)
    {
        var audited = _time.GetTimestamp();
        while (true)
        {
            await _inbox.WaitAsync(ct);
            if (_time.GetElapsedTime(audited) >= _options.AuditInterval)
            {
                audited = _time.GetTimestamp();
                _mustRead = _mustReadRoutes = _isReconciled;
            }
            var next = Step() ?? _options.SettingsInterval - _time.GetElapsedTime(_settingsAt);
            timer.Change(next > TimeSpan.Zero ? next : TimeSpan.Zero, Timeout.InfiniteTimeSpan);
        }
    }
}
