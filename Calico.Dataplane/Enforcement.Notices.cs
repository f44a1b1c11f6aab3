using Calico.Dataplane.Reconciliation;
using Calico.Linux.Netlink;
using Calico.Linux.Nftables;
using Calico.Linux.Route;
using Microsoft.Extensions.Logging;

namespace Calico.Dataplane;

/// <content>What the kernel tells of others' doings.</content>
internal sealed partial class Enforcement
{
    private void Notice(NftChange change)
    {
        if (_kernel.Ports?.Notice(change) is true)
        {
            Log.Foreign(_logger, change.ProcessName, change.ProcessId);
            return;
        }

        // Ours are not among them. Before the first comparison there is nothing to defend: it reads the kernel anyway.
        if (_isReconciled)
        {
            _kernel.Table.Doubt();
            _gap.NoteForeign();
            Log.Foreign(_logger, change.ProcessName, change.ProcessId);
        }
    }

    private void Notice(RouteEvent change)
    {
        if (change is RouteEvent.LinkChanged { Removed: true } link)
        {
            NoticeGone(link.Link);
            return;
        }

        foreach (var reconciler in _kernel.Reconcilers)
        {
            try
            {
                Note(reconciler.Notice(change));
            }
            catch (NetlinkException e)
            {
                Log.NoticeFailed(_logger, e.Message);
                reconciler.Doubt();
            }
        }
    }

    private void NoticeGone(LinkState link)
    {
        if (link.HasMoved && _shared.Links.Find(link.Index) is { } moved)
        {
            // Its other end is still the workload's, and what it sends comes out where no rule of ours is.
            _shared.Links.NoteMoved(moved);
            Log.Moved(_logger, moved.Name, moved.Alias);
        }
        // A stranger's may have had the name of one of ours.
        var name = _shared.Links.Take(link.Index)?.Name ?? link.Name;
        _shared.Ledger.Remove(name, link.Index);
        _status.SayGone(name);
    }

    private void Note(Reconciled found)
    {
        _gap.Note(found.WasGap);
        foreach (var what in found.Healed)
        {
            var stood = _gap.ForeignFor;
            _status.Say(_status.Current with { Healed = _status.Current.Healed + 1, LastHealed = what, LastHeal = stood });
            Log.Healed(_logger, what, stood.TotalMilliseconds);
        }
    }

    private static partial class Log
    {
        [LoggerMessage(4002, LogLevel.Information, "the kernel holds revision {revision}: {endpoints} endpoints")]
        public static partial void Reconciled(ILogger logger, long revision, int endpoints);

        [LoggerMessage(4003, LogLevel.Warning, "{error}; will read the kernel and try again (refusal {refusals})")]
        public static partial void Refused(ILogger logger, string error, int refusals);

        [LoggerMessage(4004, LogLevel.Error, "refused {refusals} times: the table will be made anew in one transaction")]
        public static partial void Recreating(ILogger logger, int refusals);

        [LoggerMessage(4005, LogLevel.Warning, "our table was changed by {name} ({process})")]
        public static partial void Foreign(ILogger logger, string name, int process);

        [LoggerMessage(4006, LogLevel.Warning, "{what} restored after {milliseconds} ms")]
        public static partial void Healed(ILogger logger, string what, double milliseconds);

        [LoggerMessage(4008, LogLevel.Warning, "{error}; will compare all routes")]
        public static partial void NoticeFailed(ILogger logger, string error);

        [LoggerMessage(4009, LogLevel.Error,
            "link {link} was moved to another namespace ('{alias}'), where policy does not reach: its endpoint is "
                + "ended, and the pair deleted with it")]
        public static partial void Moved(ILogger logger, string link, string alias);
    }
}
