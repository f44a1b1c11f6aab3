using Calico.Dataplane.Workloads;
using Calico.Linux.Netlink;
using Calico.Linux.Nftables;
using Calico.Linux.Route;
using Microsoft.Extensions.Logging;

namespace Calico.Dataplane;

/// <summary>What the kernel tells of others' doings.</summary>
public sealed partial class DataplaneLoop
{
    private async Task FollowNftAsync(CancellationToken ct)
    {
        await foreach (var change in _nftChanges.ReadAllAsync(ct))
        {
            if (Concerns(change))
            {
                _inbox.Post(new LoopRequest.NftNotice(change));
            }
        }
    }

    private async Task FollowRoutesAsync(CancellationToken ct)
    {
        await foreach (var change in _routeEvents.ReadAllAsync(ct))
        {
            if (Concerns(change))
            {
                _inbox.Post(new LoopRequest.RouteNotice(change));
            }
        }
    }

    private bool Concerns(NftChange change) => change.Lost || change.Tables.Contains(_translator.Ruleset.Table) || change.Tables.Contains(_table.Closing.Table);

    /// <summary>On a router with a full table most notices are nobody's business here.</summary>
    private bool Concerns(RouteEvent change) => change switch
    {
        RouteEvent.Lost => true,
        RouteEvent.LinkChanged link => link.Link.Name.StartsWith(_options.InterfacePrefix, StringComparison.Ordinal) || Links.Find(link.Link.Index) is not null,
        RouteEvent.AddressChanged { Removed: true } address => Links.Find(address.Address.LinkIndex) is not null,
        // Those of all links may have been written to each of ours.
        RouteEvent.SettingsChanged settings => settings.LinkIndex < 0 || Links.Find(settings.LinkIndex) is not null,
        RouteEvent.RouteChanged { Removed: true } route => route.Route.Protocol.Number == _options.RouteProtocol,
        RouteEvent.RouteChanged route => _routes.IsInTheWay(route.Route),
        _ => false,
    };

    private void Notice(NftChange change)
    {
        // Ours are not among them. Before the first comparison there is nothing to defend: it reads the kernel anyway.
        if (_isReconciled)
        {
            _mustRead = true;
            _foreignChange ??= _time.GetTimestamp();
            Log.Foreign(_logger, change.ProcessName, change.ProcessId);
        }
    }

    private void Notice(RouteEvent change)
    {
        try
        {
            Follow(change);
        }
        catch (NetlinkException e)
        {
            Log.NoticeFailed(_logger, e.Message);
            _mustReadRoutes = _isReconciled;
        }
    }

    private void Follow(RouteEvent change)
    {
        switch (change)
        {
            case RouteEvent.Lost:
                _mustReadRoutes = _isReconciled;
                break;
            case RouteEvent.LinkChanged { Removed: true } link:
                if (link.Link.HasMoved && Links.Find(link.Link.Index) is { } moved)
                {
                    // Its other end is still the workload's, and what it sends comes out where no rule of ours is.
                    Links.NoteMoved(moved);
                    Log.Moved(_logger, moved.Name, moved.Alias);
                }
                // A stranger's may have had the name of one of ours.
                var name = Links.Take(link.Link.Index)?.Name ?? link.Link.Name;
                Ledger.Remove(name, link.Link.Index);
                LinkGone?.Invoke(this, name);
                break;
            case RouteEvent.LinkChanged { Link.IsUp: false } link:
                // The kernel took its routes away and tells of none of them (fib_sync_down_dev).
                Ledger.ForgetRoutes(Links.Find(link.Link.Index)?.Name ?? link.Link.Name, link.Link.Index);
                Look(link.Link.Index);
                break;
            case RouteEvent.LinkChanged link:
                Look(link.Link.Index);
                if (_isReconciled)
                {
                    _routes.Notice(link.Link);
                }
                break;
            case RouteEvent.AddressChanged address:
                Look(address.Address.LinkIndex);
                break;
            case RouteEvent.SettingsChanged { LinkIndex: < 0 }:
                AssertSettings();
                break;
            case RouteEvent.SettingsChanged settings:
                Look(settings.LinkIndex);
                break;
            case RouteEvent.RouteChanged { Removed: false } route:
                if (_routes.TakePlaceOf(route.Route) && _isReconciled)
                {
                    ReportHealed($"route {route.Route.Destination}, in whose place was {route.Route} of protocol {route.Route.Protocol}");
                }
                break;
            case RouteEvent.RouteChanged { Removed: true } route:
                if (_routes.Notice(route.Route) && _isReconciled)
                {
                    ReportHealed($"route {route.Route.Destination}");
                }
                break;
            default:
                break;
        }
    }

    private void AssertSettings()
    {
        foreach (var key in _forwarding.Assert())
        {
            ReportHealed(key);
        }
        foreach (var mended in _keeper.LookAtAll())
        {
            Report(mended);
        }
    }

    private void Look(int index)
    {
        if (_keeper.Look(index) is { } mended)
        {
            Report(mended);
        }
    }

    private void Report(LinkKeeper.Mended mended)
    {
        ReportHealed($"link {mended.Name} ({mended.What})");
        _wasGap |= mended.WasRenamed;
    }

    private void ReportHealed(string what)
    {
        var stood = _foreignChange is { } since ? _time.GetElapsedTime(since) : TimeSpan.Zero;
        _status = _status with { Healed = _status.Healed + 1, LastHealed = what, LastHeal = stood };
        Log.Healed(_logger, what, stood.TotalMilliseconds);
        Changed?.Invoke(this, EventArgs.Empty);
    }

    private static partial class Log
    {
        [LoggerMessage(4000, LogLevel.Information, "took over the table of a former process: {chains} chains, {rules} rules")]
        public static partial void Adopted(ILogger logger, int chains, int rules);

        [LoggerMessage(4040, LogLevel.Warning, "the table that stands is not what a process of ours wrote: {flaws}; it is made anew, closed until policy is known")]
        public static partial void NotAdopted(ILogger logger, string flaws);

        [LoggerMessage(4001, LogLevel.Information, "loaded the skeleton: {chains} chains")]
        public static partial void Loaded(ILogger logger, int chains);

        [LoggerMessage(4002, LogLevel.Information, "the kernel holds revision {revision}: {endpoints} endpoints")]
        public static partial void Reconciled(ILogger logger, long revision, int endpoints);

        [LoggerMessage(4003, LogLevel.Warning, "{error}; will read the kernel and try again (refusal {refusals})")]
        public static partial void Refused(ILogger logger, string error, int refusals);

        [LoggerMessage(4004, LogLevel.Error, "refused {refusals} times: the table will be made anew in one transaction")]
        public static partial void Recreating(ILogger logger, int refusals);

        [LoggerMessage(4005, LogLevel.Warning, "our table was changed by {name} ({process})")]
        public static partial void Foreign(ILogger logger, string name, int process);

        [LoggerMessage(4009, LogLevel.Error, "link {link} was moved to another namespace ('{alias}'), where policy does not reach: its endpoint is ended, and the pair deleted with it")]
        public static partial void Moved(ILogger logger, string link, string alias);

        [LoggerMessage(4007, LogLevel.Critical, "the dataplane loop ended; the kernel stays as it is")]
        public static partial void Ended(ILogger logger, Exception exception);

        [LoggerMessage(4008, LogLevel.Warning, "{error}; will compare all routes")]
        public static partial void NoticeFailed(ILogger logger, string error);

        [LoggerMessage(4006, LogLevel.Warning, "{what} restored after {milliseconds} ms")]
        public static partial void Healed(ILogger logger, string what, double milliseconds);
    }
}
