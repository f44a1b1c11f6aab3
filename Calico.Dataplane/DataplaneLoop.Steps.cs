using System.Collections.Immutable;
using Calico.Dataplane.Reconciliation;
using Calico.Dataplane.Translation;
using Calico.Dataplane.Workloads;
using Calico.Datastore.Addresses;
using Calico.Felix;
using Calico.Felix.Output;
using Calico.Linux;
using Calico.Linux.Conntrack;
using Calico.Linux.Netlink;
using Calico.Linux.Nftables;
using Calico.Linux.Route;

namespace Calico.Dataplane;

/// <summary>What the loop does; everything here runs on it alone.</summary>
public sealed partial class DataplaneLoop
{
    private const int SaidDifferences = 5;

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
    private ConnectionReview _review = null!;
    private LinkKeeper _keeper = null!;
    private RouteSocket _reviewRoutes = null!;
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

    /// <summary>There was a time in which the kernel did not enforce what is desired: what began in it is to be judged.</summary>
    private bool _wasGap;

    /// <summary>When the last one ended; not the start's, which has a walk of its own for addresses that get an owner.</summary>
    private long? _gapAt;
    private long? _foreignChange;
    private int _refusals;

    /// <summary>When the settings were last asserted, by the monotonic clock: one that is set back would put it off for hours.</summary>
    private long _settingsAt;
    private DateTimeOffset _confirmedAt = DateTimeOffset.UnixEpoch;

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
            Report(_forwarding.Problem);
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
            var owned = CloseWhereOwned(e);
            Report(owned ?? e.Message);
            Log.Refused(_logger, owned ?? e.Message, _refusals);
            return owned is null ? Pause() : OwnedPause;
        }
    }

    /// <summary>A table of our name that is another process's alone: what can be done is to close workloads.</summary>
    /// <returns>Whose, and what was done; null: that is not why the kernel refused.</returns>
    private string? CloseWhereOwned(Exception refusal)
    {
        var table = _translator.Ruleset.Table;
        try
        {
            if (refusal is not NftCommitException { Errno: Errno.NotPermitted } || _table.FindOwner(table, _network) is not { } owner)
            {
                return null;
            }
            _table.Closing.Close();
            return $"nftables: table {table} is owned by {owner}, so no policy can be written; table {_table.Closing.Table} keeps all workloads closed until that process ends";
        }
        catch (Exception e) when (e is NetlinkException or NetlinkFormatException or IOException)
        {
            return $"nftables: table {table} cannot be written ({refusal.Message}), and workloads could not be closed: {e.Message}";
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
            case LoopRequest.Publish publish when OtherOwnerOf(publish.Endpoint) is { } owner:
                publish.Done.TrySetException(new CalicoException(Problem.AlreadyExists,
                    $"interface {publish.Endpoint.InterfaceName} is {owner}'s; {publish.Endpoint.Id} needs one of its own"));
                break;
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
            case LoopRequest.Settings:
                _settingsAt = _time.GetTimestamp() - (long)(_options.SettingsInterval.TotalSeconds * _time.TimestampFrequency);
                break;
            case LoopRequest.Gap:
                _wasGap = true;
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

    private WorkloadEndpointId? OtherOwnerOf(LocalEndpoint endpoint) =>
        _local.Values.FirstOrDefault(e => e.InterfaceName == endpoint.InterfaceName && e.Id != endpoint.Id)?.Id;

    private void SetLocal(LocalEndpoint endpoint)
    {
        if (_local.TryGetValue(endpoint.Id, out var former))
        {
            // An address that it has no more may be somebody else's soon.
            _freed.UnionWith(former.Addresses.Select(Cidr.From));
        }
        else if (_gapAt is { } gap && _time.GetElapsedTime(gap) < GapMemory)
        {
            // Its pair may have stood before the gap ended, and what began through it was nobody's to judge.
            _cutter.Take([.. endpoint.Addresses.Select(Cidr.From)]);
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
            NoteGate(update);
            _translator.Apply(update);
            _routes.Apply(update);
        }
        var strange = reads ? ruleset.Rebase(actual) : [];
        if (reads && _refusals >= RefusalsBeforeRecreate)
        {
            ruleset.Recreate();
        }
        if (_foreignChange is not null || _refusals > 0 || (reads && ruleset.IsPending))
        {
            _wasGap = true;
            _gapAt = _isReconciled ? _time.GetTimestamp() : null;
        }
        _table.Commit(ruleset, actual?.Generation);
        _table.Closing.Open();
        _mustRead = false;
        if (_isReconciled && !strange.IsEmpty)
        {
            ReportHealed(Summary(strange));
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
            _isReconciled = _wasGap = true;
            _isAdopted = false;
            ForgetWithdrawn();
            _cutter.Sweep(_freeAddresses.List());
            Log.Reconciled(_logger, _graph.Revision, _translator.Endpoints.Count);
        }
        CutConnections();
        if (_wasGap)
        {
            _wasGap = false;
            _review.Ask();
        }
    }

    /// <summary>A gate that closes leaves established connections to the rules, which accept them; one that opens lets a policy in that they
    /// were not judged by.</summary>
    private void NoteGate(DataplaneUpdate update) =>
        _wasGap |= update is EndpointUpdate next && _translator.Find(next.Id) is { } former && former.Gate != next.Gate;

    /// <summary>A whole table that is gone has hundreds of differences.</summary>
    private static string Summary(ImmutableArray<string> differences) => "nftables: " + string.Join("; ", differences.Take(SaidDifferences))
        + (differences.Length > SaidDifferences ? $" and {differences.Length - SaidDifferences} more" : "");

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
}
