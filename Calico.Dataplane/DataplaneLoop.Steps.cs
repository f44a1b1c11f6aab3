using System.Collections.Immutable;
using System.Text;
using Calico.Dataplane.Reconciliation;
using Calico.Dataplane.Translation;
using Calico.Datastore.Addresses;
using Calico.Felix;
using Calico.Felix.Output;
using Calico.Linux.Conntrack;
using Calico.Linux.Netlink;
using Calico.Linux.Nftables;
using Calico.Linux.Route;
using Microsoft.Extensions.Logging;

namespace Calico.Dataplane;

/// <summary>What the loop does; everything here runs on it alone.</summary>
public sealed partial class DataplaneLoop
{
    private readonly CalculationGraph _graph;
    private readonly RulesetTranslator _translator;
    private readonly ForwardingSettings _forwarding;
    private readonly Dictionary<WorkloadEndpointId, LocalEndpoint> _local = [];
    private readonly List<LoopRequest.Publish> _publishing = [];
    private readonly List<LoopRequest.Withdraw> _withdrawing = [];
    private readonly HashSet<Cidr> _freed = [];
    private readonly List<uint> _ownPorts = [];

    /// <summary>Kept up to the first comparison only.</summary>
    private readonly FreeAddresses _freeAddresses;

    private TableReconciler _table = null!;
    private RouteReconciler _routes = null!;
    private ConntrackSocket _connections = null!;
    private ConnectionCutter _cutter = null!;
    private NftChangeStream _nftChanges = null!;
    private RouteEventStream _routeEvents = null!;

    /// <summary>The kernel's table is a former process's, and what is desired is not known yet.</summary>
    private bool _isAdopted;

    /// <summary>The endpoints of this node are known.</summary>
    private bool _isInitial;

    /// <summary>The kernel has been compared with what is desired at least once.</summary>
    private bool _isReconciled;

    /// <summary>The kernel must be read before the next commit.</summary>
    private bool _mustRead;
    private bool _mustReadRoutes;
    private long? _foreignChange;
    private int _refusals;

    /// <summary>When the settings were last asserted, by the monotonic clock: one that is set back would put it off for hours.</summary>
    private long _settingsAt;
    private DateTimeOffset _confirmedAt = DateTimeOffset.UnixEpoch;

    private void Open()
    {
        _forwarding.Assert();
        // Notices first: then nothing falls between them and the first reading.
        (_nftChanges, _routeEvents) = _network.Run(() =>
            (NftChangeStream.Open(), RouteEventStream.Open(RouteEventKinds.Links | RouteEventKinds.Routes)));
        _table = new(_network.Run(() => NftSocket.Open()));
        _routes = new(_network.Run(() => RouteSocket.Open()), _options, Ledger);
        _nftChanges.IgnoreDoingsOf(_table.PortId);
        IgnoreDoingsOf(_routes.PortId);
        _connections = _network.Run(() => ConntrackSocket.Open());
        _cutter = new(_connections, _time, _logger);
        var ruleset = _translator.Ruleset;
        var actual = _table.Read(ruleset.Table, withElements: false);
        if (actual is not null && IsComplete(actual, ruleset))
        {
            _isAdopted = true;
            Log.Adopted(_logger, actual.Chains.Length, actual.Rules.Length);
            return;
        }
        // Whatever is there does not enforce; closed is safe.
        ruleset.Rebase(actual is null ? null : _table.Read(ruleset.Table));
        _table.Commit(ruleset);
        _isInitial = true;
        Log.Loaded(_logger, ruleset.Chains.Count);
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

    /// <summary>Every base chain of ours is there, where it belongs, and not empty: it enforces, whatever version wrote its rules.</summary>
    private static bool IsComplete(NftTableState actual, Ruleset ruleset) => ruleset.Chains.Where(c => c.Value.Hook is not null).All(desired =>
        actual.Chains.Any(c => c.Name == desired.Key && c.Hook == desired.Value.Hook!.Hook && c.Priority == desired.Value.Hook.Priority)
        && actual.Rules.Any(r => r.Chain == desired.Key));

    private async Task RunAsync(CancellationToken ct)
    {
        _settingsAt = _time.GetTimestamp();
        using var timer = _time.CreateTimer(_ => _inbox.Wake(), null, _options.SettingsInterval, Timeout.InfiniteTimeSpan);
        try
        {
            await FollowInboxAsync(timer, ct);
        }
        catch (Exception e) when (e is not OperationCanceledException)
        {
            // A fault of ours. What is desired may be half changed, so nothing more is written: the kernel goes on enforcing what it has.
            Log.Ended(_logger, e);
            Report(e.ToString());
            await _stopping.CancelAsync();
            Abandon();
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

    /// <summary>Works off what waits.</summary>
    /// <returns>When to try again; null: nothing is left to do.</returns>
    private TimeSpan? Step()
    {
        var (batch, requests) = _inbox.Take();
        if (batch is not null)
        {
            _graph.Apply(batch);
            if (!_isReconciled)
            {
                _freeAddresses.Apply(batch);
            }
            _confirmedAt = batch.Status == Datastore.Sync.SyncStatus.InSync ? _time.GetUtcNow() : _confirmedAt;
        }
        foreach (var request in requests)
        {
            Take(request);
        }
        try
        {
            if (_time.GetElapsedTime(_settingsAt) >= _options.SettingsInterval)
            {
                _settingsAt = _time.GetTimestamp();
                AssertSettings();
            }
            if (_graph.InSync && _isInitial)
            {
                Enforce();
            }
            else
            {
                WithdrawAdopted();
            }
            _refusals = 0;
            Report(error: null);
            Answer();
            return null;
        }
        catch (Exception e) when (e is NetlinkException or NetlinkFormatException or IOException or UnauthorizedAccessException)
        {
            // Nothing of the transaction was applied, and what else was done is not known: read, compare, try again.
            _mustRead = _mustReadRoutes = true;
            if (++_refusals == RefusalsBeforeRecreate)
            {
                Log.Recreating(_logger, _refusals);
            }
            Report(e.Message);
            Log.Refused(_logger, e.Message, _refusals);
            return Pause();
        }
    }

    private TimeSpan Pause()
    {
        var pause = FirstPause * Math.Pow(2, Math.Min(_refusals - 1, 10));
        return pause < LongestPause ? pause : LongestPause;
    }

    private void Take(LoopRequest request)
    {
        switch (request)
        {
            case LoopRequest.Publish publish:
                SetLocal(publish.Endpoint);
                _publishing.Add(publish);
                break;
            case LoopRequest.Withdraw withdraw:
                RemoveLocal(withdraw);
                break;
            case LoopRequest.Initial initial:
                foreach (var endpoint in initial.Endpoints)
                {
                    SetLocal(endpoint);
                }
                _cutter.Begin(initial.Endpoints.SelectMany(e => e.Addresses.Select(Cidr.From)));
                _isInitial = true;
                initial.Done.TrySetResult();
                break;
            case LoopRequest.Query query:
                query.Answer();
                break;
            case LoopRequest.NftNotice notice:
                Notice(notice.Change);
                break;
            case LoopRequest.RouteNotice notice:
                Notice(notice.Event);
                break;
            default:
                throw new InvalidOperationException($"unknown request {request}");
        }
    }

    private void SetLocal(LocalEndpoint endpoint)
    {
        if (_local.TryGetValue(endpoint.Id, out var former))
        {
            // An address that it has no more may be somebody else's soon.
            _freed.UnionWith(former.Addresses.Select(Cidr.From));
        }
        _local[endpoint.Id] = endpoint;
        _graph.Set(endpoint);
    }

    private void RemoveLocal(LoopRequest.Withdraw withdraw)
    {
        foreach (var superseded in _publishing.Where(p => p.Endpoint.Id == withdraw.Id))
        {
            superseded.Done.TrySetResult(EndpointState.Gone);
        }
        _publishing.RemoveAll(p => p.Endpoint.Id == withdraw.Id);
        _withdrawing.Add(withdraw);
        _graph.Remove(withdraw.Id);
        if (_isReconciled && _local.Remove(withdraw.Id, out var former))
        {
            _freed.UnionWith(former.Addresses.Select(Cidr.From));
        }
    }

    /// <summary>Makes the kernel hold what is desired.</summary>
    private void Enforce()
    {
        var ruleset = _translator.Ruleset;
        var reads = !_isReconciled || _mustRead;
        var actual = reads ? _table.Read(ruleset.Table) : null;
        // Before an address is enforced for its new owner, its former owner's connections are gone.
        var owners = _publishing.Select(p => p.Endpoint).Concat(TakeNeverEnforced(actual));
        _cutter.Finish(owners.SelectMany(e => e.Addresses.Select(Cidr.From)));
        foreach (var update in _graph.Flush())
        {
            _translator.Apply(update);
            _routes.Apply(update);
        }
        if (reads)
        {
            ruleset.Rebase(actual);
            if (_refusals >= RefusalsBeforeRecreate)
            {
                ruleset.Recreate();
            }
        }
        var heals = _mustRead && _isReconciled && _foreignChange is not null && ruleset.IsPending;
        _table.Commit(ruleset, actual?.Generation);
        _mustRead = false;
        if (heals)
        {
            ReportHealed("nftables");
        }
        _foreignChange = null;
        if (!_isReconciled || _mustReadRoutes)
        {
            _routes.Resync();
            _mustReadRoutes = false;
        }
        _routes.Commit();
        if (!_isReconciled)
        {
            _isReconciled = true;
            _isAdopted = false;
            ForgetWithdrawn();
            _cutter.Sweep(_freeAddresses.List());
            Log.Reconciled(_logger, _graph.Revision, _translator.Endpoints.Count);
        }
        CutConnections();
    }

    /// <summary>Endpoints of the log that a former process recorded and died before it enforced them: its table does not have them. Their
    /// addresses may still have a former owner's connections; those that it has went through the cut, and their connections are their own.</summary>
    private List<LocalEndpoint> TakeNeverEnforced(NftTableState? actual)
    {
        if (_isReconciled || !_isAdopted || actual is null)
        {
            return [];
        }
        var enforced = TableReconciler.InterfacesIn(actual);
        List<LocalEndpoint> never = [.. _local.Values.Where(e => !enforced.Contains(e.InterfaceName))];
        _cutter.Take([.. never.SelectMany(e => e.Addresses.Select(Cidr.From))]);
        return never;
    }

    /// <summary>Endpoints that go before everything desired is known leave what a former process left.</summary>
    private void WithdrawAdopted()
    {
        foreach (var withdraw in _withdrawing)
        {
            if (_local.TryGetValue(withdraw.Id, out var endpoint))
            {
                if (_isAdopted)
                {
                    _table.RemoveInterface(_translator.Ruleset.Table, endpoint.InterfaceName);
                }
                var addresses = endpoint.Addresses.Select(Cidr.From).ToList();
                _routes.Remove(addresses);
                _freed.UnionWith(addresses);
                _local.Remove(withdraw.Id);
            }
        }
        CutConnections();
    }

    private void ForgetWithdrawn()
    {
        foreach (var withdraw in _withdrawing)
        {
            if (_local.Remove(withdraw.Id, out var former))
            {
                _freed.UnionWith(former.Addresses.Select(Cidr.From));
            }
        }
    }

    /// <summary>The next endpoint with the address must not inherit a connection that policy would refuse it.</summary>
    private void CutConnections()
    {
        if (_freed.Count == 0)
        {
            return;
        }
        _freed.ExceptWith(_local.Values.SelectMany(e => e.Addresses.Select(Cidr.From)));
        _cutter.Take(_freed);
        _freed.Clear();
    }

    private void Answer()
    {
        foreach (var withdraw in _withdrawing)
        {
            withdraw.Done.TrySetResult();
        }
        _withdrawing.Clear();
        if (!_isReconciled)
        {
            return;
        }
        foreach (var publish in _publishing)
        {
            // Null: withdrawn or superseded meanwhile.
            publish.Done.TrySetResult(_translator.Find(publish.Endpoint.Id)?.Gate switch
            {
                EndpointGate.Open => EndpointState.Enforced,
                EndpointGate.NotLabelled => EndpointState.Closed,
                _ => EndpointState.Gone,
            });
        }
        _publishing.Clear();
    }

    private string Describe(WorkloadEndpointId id)
    {
        var endpoint = _translator.Find(id) ?? throw new CalicoException(Problem.NotFound, $"nothing is enforced for {id}");
        var text = new StringBuilder();
        text.AppendLine($"{id} {endpoint.InterfaceName} {(endpoint.Gate == EndpointGate.Open ? "enforced" : "closed: labels are still to come")}");
        foreach (var (direction, lists) in new[] { ("ingress", endpoint.Ingress), ("egress", endpoint.Egress) })
        {
            text.AppendLine($"{direction}:");
            foreach (var list in lists)
            {
                text.AppendLine($"  {list}");
                foreach (var rule in _translator.FindList(list)?.Rules.Items ?? [])
                {
                    text.AppendLine($"    {rule}");
                }
            }
            text.AppendLine("  end: drop profile-none");
        }
        return text.ToString();
    }

    private void Report(string? error)
    {
        var status = _status with
        {
            InSync = error is null && _isReconciled,
            EnforcedRevision = error is null && _isReconciled ? _graph.Revision : _status.EnforcedRevision,
            ConfirmedAt = error is null && _isReconciled ? _confirmedAt : _status.ConfirmedAt,
            LastError = error,
            Endpoints = _isReconciled ? _translator.Endpoints.Count : 0,
        };
        if (status != _status)
        {
            _status = status;
            Changed?.Invoke(this, EventArgs.Empty);
        }
    }
}
