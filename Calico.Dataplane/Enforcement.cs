using Calico.Dataplane.Reconciliation;
using Calico.Datastore.Addresses;
using Calico.Felix;
using Calico.Felix.Output;
using Calico.Linux.Netlink;
using Microsoft.Extensions.Logging;

namespace Calico.Dataplane;

/// <summary>The inside of the loop: what should be, and the turns that make the kernel hold it. Everything here runs on the loop alone.
/// </summary>
/// <remarks>
/// <code>
///   inbox -> CalculationGraph -> each reconciler in order: Read, Apply, Commit -> answers; connections later
/// </code>
/// After any refusal nothing of a transaction was applied, and what else was done is not known: all is doubted, so read and compared, and
/// the difference tried again with growing pauses. It opens nothing itself: what it works with is handed over, open.
/// </remarks>
internal sealed partial class Enforcement
{
    private static readonly TimeSpan FirstPause = TimeSpan.FromMilliseconds(100);
    private static readonly TimeSpan LongestPause = TimeSpan.FromSeconds(10);

    /// <summary>Between two attempts on a table that is another's: the kernel does not tell when an owner's table went with it.</summary>
    private static readonly TimeSpan OwnedPause = TimeSpan.FromSeconds(1);

    private readonly LoopInbox _inbox;
    private readonly LoopStatus _status;
    private readonly KernelParts _kernel;
    private readonly (KeptLinks Links, LinkLedger Ledger) _shared;
    private readonly DataplaneOptions _options;
    private readonly TimeProvider _time;
    private readonly ILogger _logger;
    private readonly CalculationGraph _graph;
    private readonly GapWatch _gap;
    private readonly Dictionary<WorkloadEndpointId, LocalEndpoint> _local = [];
    private readonly List<LoopRequest.Publish> _publishing = [];
    private readonly List<LoopRequest.Withdraw> _withdrawing = [];
    private readonly HashSet<Cidr> _freed = [];
    private readonly TableProof _proof = new();

    /// <summary>Kept up to the first comparison only.</summary>
    private readonly FreeAddresses _freeAddresses;

    /// <summary>The endpoints of this node are known.</summary>
    private bool _isInitial;

    /// <summary>The kernel has been compared with what is desired at least once.</summary>
    private bool _isReconciled;
    private int _refusals;

    /// <summary>When settings were last asserted, and everything read, by the monotonic clock: one that is set back would put it off for
    /// hours.</summary>
    private (long Settings, long Audit) _last;
    private DateTimeOffset _confirmedAt = DateTimeOffset.UnixEpoch;

    /// <param name="inbox">What waits.</param>
    /// <param name="status">Where it says how it stands.</param>
    /// <param name="kernel">What it keeps.</param>
    /// <param name="shared">What the wiring of pairs knows too.</param>
    /// <param name="options">Of the dataplane.</param>
    /// <param name="isInitial">There is no former process's work, so this node's endpoints are known: none.</param>
    /// <param name="time">For pauses.</param>
    /// <param name="logger">Of the loop.</param>
    public Enforcement(LoopInbox inbox, LoopStatus status, KernelParts kernel, (KeptLinks Links, LinkLedger Ledger) shared,
        DataplaneOptions options,
        bool isInitial, TimeProvider time, ILogger logger)
    {
        (_inbox, _status, _kernel, _shared, _options, _isInitial, _time, _logger) = (inbox, status, kernel, shared, options, isInitial,
            time, logger);
        (_graph, _freeAddresses, _gap) = (new(options.NodeName), new(options.NodeName), new(time));
        _last = (time.GetTimestamp(), time.GetTimestamp());
        kernel.Interfaces?.Tell(_graph);
        TellAll(r => r.Begin(isInitial));
    }

    /// <summary>Works off what waits.</summary>
    /// <returns>When to come again, if nothing wakes the loop before.</returns>
    public TimeSpan Turn()
    {
        if (_time.GetElapsedTime(_last.Audit) >= _options.AuditInterval)
        {
            _last.Audit = _time.GetTimestamp();
            DoubtAll();
        }

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
            Commit();
            _refusals = 0;
            Report(null, _kernel.Problem());
            Answer();
            return Later();
        }
        catch (Exception e) when (e is NetlinkException or NetlinkFormatException or IOException or UnauthorizedAccessException
            or ArgumentException)
        {
            // Nothing of the transaction was applied (or what it asks for fits no message), what else was done is not known: read, try
            // again.
            DoubtAll();
            if (++_refusals == PolicyTable.RefusalsBeforeRecreate)
            {
                Log.Recreating(_logger, _refusals);
            }

            var owned = _kernel.Table.CloseWhereOwned(e);
            Report(owned ?? e.Message);
            Log.Refused(_logger, owned ?? e.Message, _refusals);
            return owned is null ? Pause() : OwnedPause;
        }
    }

    private void Commit()
    {
        if (_time.GetElapsedTime(_last.Settings) >= _options.SettingsInterval)
        {
            _last.Settings = _time.GetTimestamp();
            foreach (var reconciler in _kernel.Reconcilers.Where(r => r.IsPolicyFree))
            {
                reconciler.Doubt();
            }
        }

        foreach (var reconciler in _kernel.Reconcilers.Where(r => r.IsPolicyFree))
        {
            Note(reconciler.Commit(_refusals));
        }

        if (_graph.InSync && _isInitial)
        {
            Enforce();
        }
        else
        {
            WithdrawAdopted();
        }
    }

    private void DoubtAll() => TellAll(r => r.Doubt());

    private void TellAll(Action<IReconciler> what)
    {
        foreach (var reconciler in _kernel.Reconcilers)
        {
            what(reconciler);
        }
    }

    private TimeSpan Later()
    {
        var later = _options.SettingsInterval - _time.GetElapsedTime(_last.Settings);
        return later > TimeSpan.Zero ? later : TimeSpan.Zero;
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

                _kernel.Connections.Begin(initial.Endpoints.SelectMany(e => e.Addresses.Select(Cidr.From)));
                TellAll(r => r.Begin(true));
                _isInitial = true;
                initial.Done.TrySetResult();
                break;
            case LoopRequest.Query query:
                query.Answer(this);
                break;
            case LoopRequest.Settings:
                _last.Settings = _time.GetTimestamp() - (long)(_options.SettingsInterval.TotalSeconds * _time.TimestampFrequency);
                break;
            case LoopRequest.Gap:
                _gap.Note();
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
        else if (_gap.EndedJustNow)
        {
            // Its pair may have stood before the gap ended, and what began through it was nobody's to judge.
            _kernel.Connections.Cut([.. endpoint.Addresses.Select(Cidr.From)]);
        }

        _local[endpoint.Id] = endpoint;
        TellAll(r => r.Tell(endpoint));
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
        TellAll(r => r.Forget(withdraw.Id));
        if (_isReconciled && _local.Remove(withdraw.Id, out var former))
        {
            _freed.UnionWith(former.Addresses.Select(Cidr.From));
        }
    }

    /// <summary>Makes the kernel hold what is desired.</summary>
    private void Enforce()
    {
        var bound = _kernel.Reconcilers.Where(r => !r.IsPolicyFree).ToList();
        foreach (var reconciler in bound)
        {
            reconciler.Read();
        }
        // Before an address is enforced for its new owner, its former owner's connections are gone.
        var owners = _publishing.Select(p => p.Endpoint).Concat(TakeNeverEnforced());
        _kernel.Connections.Finish(owners.SelectMany(e => e.Addresses.Select(Cidr.From)));
        foreach (var update in _graph.Flush())
        {
            NoteGate(update);
            foreach (var reconciler in bound)
            {
                reconciler.Apply(update);
            }
        }

        foreach (var reconciler in bound)
        {
            var found = reconciler.Commit(_refusals);
            if (found.WasGap || _gap.IsForeign || _refusals > 0)
            {
                _gap.NoteEnd(isStart: !_isReconciled);
            }

            Note(found);
        }

        _gap.ForgetForeign();
        if (!_isReconciled)
        {
            _isReconciled = true;
            _gap.Note();
            ForgetWithdrawn();
            _kernel.Connections.Sweep(_freeAddresses.List());
            Log.Reconciled(_logger, _graph.Revision, _kernel.Table.Policy.Endpoints.Count);
        }

        CutConnections();
        if (_gap.Take())
        {
            _kernel.Connections.JudgeAgain();
        }
    }

    /// <summary>Endpoints of the log that a former process recorded and died before it enforced them: its table does not have them. Their
    /// addresses may still have a former owner's connections; those that it has went through the cut, and their connections are their own.
    /// </summary>
    private List<LocalEndpoint> TakeNeverEnforced()
    {
        if (_isReconciled || _kernel.Table.FormerInterfaces is not { } enforced)
        {
            return [];
        }

        List<LocalEndpoint> never = [.. _local.Values.Where(e => !enforced.Contains(e.InterfaceName))];
        _kernel.Connections.Cut([.. never.SelectMany(e => e.Addresses.Select(Cidr.From))]);
        return never;
    }

    /// <summary>Endpoints that go before everything desired is known leave what a former process left.</summary>
    private void WithdrawAdopted()
    {
        foreach (var withdraw in _withdrawing)
        {
            if (_local.TryGetValue(withdraw.Id, out var endpoint))
            {
                TellAll(r => r.Withdraw(endpoint));
                _freed.UnionWith(endpoint.Addresses.Select(Cidr.From));
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
        _kernel.Connections.Cut(_freed);
        _freed.Clear();
    }
}
