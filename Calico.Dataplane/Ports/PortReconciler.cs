using System.Collections.Immutable;
using System.Net.Sockets;
using Calico.Dataplane.Reconciliation;
using Calico.Dataplane.Workloads;
using Calico.Felix;
using Calico.Felix.Output;
using Calico.Linux;
using Calico.Linux.Netlink;
using Calico.Linux.Nftables;
using Calico.Linux.Route;
using Microsoft.Extensions.Logging;

namespace Calico.Dataplane.Ports;

/// <summary>Published ports lead to their endpoints, whatever policy says: it judges afterwards, by the workload's own address and
/// port.</summary>
/// <remarks>
/// In a table of its own, which is there only while somebody publishes: a nat chain costs every new connection of the host. The elements of
/// an endpoint that goes are out before its removal is answered, so before its address can be another's.
/// Who else changes it: whoever flushes the ruleset; a stranger with a table of that name. One who owns it alone is said, and keeps policy
/// from nothing.
/// </remarks>
internal sealed class PortReconciler : IReconciler
{
    private readonly INftables _nftables;
    private readonly IRoutes? _links;
    private readonly KeptLinks _kept;
    private readonly IPortConnections _connections;
    private readonly Func<NftTable, string?> _ownerOf;
    private readonly PortTable _ports;
    private readonly Dictionary<WorkloadEndpointId, string> _interfaces = [];

    /// <summary>Whether answers to 127.0.0.1 may come in, by link; of what is to be written.</summary>
    private readonly Dictionary<string, bool> _loopback = new(StringComparer.Ordinal);

    /// <summary>What changed while its endpoint lived, until it is written.</summary>
    private readonly (List<PortMapping> Ended, List<PortMapping> Begun) _changed = ([], []);
    private bool _isBegun;
    private bool _isDoubted = true;
    private bool _isCompared;
    private bool _stands;

    /// <param name="nftables">The loop's, which keeps it.</param>
    /// <param name="links">Writes settings of host sides; owned from now on. Null: there are none.</param>
    /// <param name="kept">Host sides.</param>
    /// <param name="connections">Owned from now on.</param>
    /// <param name="ownerOf">Whose alone a table is, in words; null: everybody's.</param>
    /// <param name="options">Of the dataplane.</param>
    public PortReconciler(INftables nftables, IRoutes? links, KeptLinks kept, IPortConnections connections,
        Func<NftTable, string?> ownerOf, DataplaneOptions options)
    {
        (_nftables, _links, _kept, _connections, _ownerOf, _ports) = (nftables, links, kept, connections, ownerOf, new(options));
        WhyNot = KernelNeeds.FindMissingNat(nftables);
    }

    public bool IsPolicyFree => true;

    public NftTable Table => _ports.Ruleset.Table;

    /// <summary>Why no port can be published on this host; null: they can.</summary>
    public string? WhyNot { get; }

    /// <summary>Why published ports do not lead where they should; null: they do, or there are none.</summary>
    public string? Problem { get; private set; }

    public void Apply(DataplaneUpdate update)
    {
    }

    public void Tell(LocalEndpoint endpoint)
    {
        var (former, mappings) = (_ports.MappingsOf(endpoint.Id), PortMapping.Of(endpoint));
        _ports.Set(endpoint.Id, mappings);
        _changed.Ended.AddRange(former.Except(mappings));
        // TCP says by itself that nobody was there.
        _changed.Begun.AddRange(mappings.Except(former).Where(m => m.Protocol == (byte)ProtocolType.Udp));
        if (!mappings.IsEmpty || _interfaces.ContainsKey(endpoint.Id))
        {
            _loopback[endpoint.InterfaceName] = mappings.Any(m => m.IsOnLoopback);
            _interfaces[endpoint.Id] = endpoint.InterfaceName;
        }
    }

    public void Forget(WorkloadEndpointId id)
    {
        // Its connections are cut with its address.
        _ports.Set(id, []);
        if (_interfaces.Remove(id, out var link))
        {
            _loopback[link] = false;
        }
    }

    public void Begin(bool isComplete) => _isBegun |= isComplete;

    public void Doubt() => _isDoubted = true;

    public void Read()
    {
    }

    public Reconciled Commit(int refusals)
    {
        if (!_isBegun)
        {
            return Reconciled.Nothing;
        }

        if (WhyNot is not null)
        {
            Problem = _ports.IsEmpty ? null : WhyNot;
            return Reconciled.Nothing;
        }

        try
        {
            var found = Compare(refusals);
            Write();
            Problem = null;
            _isDoubted = false;
            CutConnections();
            LetLoopback();
            return found;
        }
        catch (NftCommitException e) when (e.Errno == Errno.NotPermitted && _ownerOf(Table) is { } owner)
        {
            // Policy is in another table, and need not wait for this one.
            _isDoubted = true;
            Problem = _ports.IsEmpty ? null
                : $"nftables: table {Table} is owned by {owner}: published ports lead nowhere until that process ends";
            return Reconciled.Nothing;
        }
    }

    public void Withdraw(LocalEndpoint endpoint)
    {
    }

    public Reconciled Notice(RouteEvent change) => Reconciled.Nothing;

    /// <summary>Somebody changed tables.</summary>
    /// <returns>Whether this one alone: no policy stands in it, so nothing was let in that would have to be judged.</returns>
    public bool Notice(NftChange change)
    {
        _isDoubted |= change.Lost || change.Tables.Contains(Table);
        return !change.Lost && change.Tables.All(t => t == Table);
    }

    public void Dispose()
    {
        _connections.Dispose();
        _links?.Dispose();
    }

    private Reconciled Compare(int refusals)
    {
        if (!_isDoubted)
        {
            return Reconciled.Nothing;
        }

        var actual = _nftables.ReadTable(Table);
        var strange = _ports.Ruleset.Rebase(actual);
        var isHealed = _isCompared && _stands && !_ports.IsEmpty && !strange.IsEmpty;
        (_stands, _isCompared) = (actual is not null, true);
        if (refusals >= PolicyTable.RefusalsBeforeRecreate && _stands)
        {
            _ports.Ruleset.Recreate();
        }

        return isHealed ? Reconciled.Of($"published ports: {string.Join("; ", strange.Take(3))}") : Reconciled.Nothing;
    }

    private void Write()
    {
        var ruleset = _ports.Ruleset;
        using var batch = new NftBatch();
        if (_ports.IsEmpty)
        {
            if (_stands)
            {
                batch.DestroyTable(Table);
                _nftables.Commit(batch);
                ruleset.Rebase(null);
                _stands = false;
            }
        }
        else if (ruleset.IsPending)
        {
            ruleset.Write(batch);
            if (batch.Count > 0)
            {
                _nftables.Commit(batch);
            }

            ruleset.Settle();
            _stands = true;
        }
    }

    private void CutConnections()
    {
        _connections.Cut([.. _changed.Ended], [.. _changed.Begun]);
        _changed.Ended.Clear();
        _changed.Begun.Clear();
    }

    /// <summary>A link that is still to be wired is told by whoever wires it.</summary>
    private void LetLoopback()
    {
        foreach (var (name, lets) in _loopback)
        {
            if (_kept.LetLoopback(name, lets) is { } index)
            {
                _links?.Execute(b => b.ChangeLink(new() { Index = index, Ipv4 = WiringMessages.HostSettings(lets) }), Errno.NoDevice);
            }
        }

        _loopback.Clear();
    }
}
