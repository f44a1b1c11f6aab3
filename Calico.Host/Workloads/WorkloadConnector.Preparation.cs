using System.Collections.Immutable;
using Calico.Datastore.Store;
using Calico.Host.Timings;
using Calico.Host.Workloads.Ports;
using Calico.Ipam;

namespace Calico.Host.Workloads;

/// <content>Addresses and record of an endpoint, and what becomes of the life that had its id before.</content>
internal sealed partial class WorkloadConnector
{
    private readonly EndpointGroups _groups = new(book, ipam, kernel);

    /// <summary>Claims or binds the addresses and records the endpoint; a former life of the id goes first.</summary>
    /// <remarks>Two lives cannot stand side by side: both have the same names in the kernel and the same key in the log. So what can refuse
    /// the new one is asked while the old one is whole; from its removal on a failure leaves neither.</remarks>
    private async Task<EndpointLife> PrepareHeldAsync(string adapter, EndpointSpec spec, Placement? place, CancellationToken ct)
    {
        if (!book.TryFind(spec.Id, out var before))
        {
            return await RecordHeldAsync(adapter, spec, place, [], ct);
        }

        var reserved = new List<AddressLease>();
        try
        {
            await ReserveAsync(adapter, spec, place, before.Record, reserved, ct);
            ct.ThrowIfCancellationRequested();
            // What another has is refused while the old life is whole; what it has itself passes over.
            Ports.Probe(spec, before.Record);
            await RemoveHeldAsync(before);
            var former = before.Record.Instance == spec.Instance ? before.Record.Ports : [];
            return await RecordHeldAsync(adapter, spec, place, former, ct);
        }
        catch (Exception first) when (reserved.Count > 0)
        {
            await GiveBackAsync(adapter, spec.Id, reserved, first);
            throw;
        }
    }

    /// <summary>Claims what the new life wants beside what the old one has, and refuses what cannot be.</summary>
    /// <param name="adapter">Whose.</param>
    /// <param name="spec">The new life.</param>
    /// <param name="place">Where it will be.</param>
    /// <param name="before">The old one. Addresses that both want pass over when it goes.</param>
    /// <param name="reserved">Gets the leases that were not there before.</param>
    /// <param name="ct">Cancels.</param>
    private async Task ReserveAsync(string adapter, EndpointSpec spec, Placement? place, EndpointRecord before, List<AddressLease> reserved,
        CancellationToken ct)
    {
        using var group = await _groups.EnterAsync(spec.NamespaceGroup, ct);
        var pools = await ipam.ListPoolsAsync(ct);
        EndpointSpecRules.CheckUnmanaged(spec.Id, spec.Unmanaged, pools, book.WhoHas);
        var addresses = spec.Unmanaged.Select(n => n.BaseAddress).Concat(spec.Leased).ToList();
        foreach (var address in spec.Leased)
        {
            if (await ipam.FindAsync(address, ct) is { BoundTo: { } owner } && owner != spec.Id)
            {
                throw new CalicoException(Problem.AlreadyExists, $"{address} is bound to {owner}");
            }
        }

        // The same handle again: the old life's addresses are the new one's.
        if (spec.Claim is { } claim && before.Leases.All(l => l.Handle != claim.Handle))
        {
            var exact = claim.Exact.RemoveAll(a => before.Networks.Any(n => n.BaseAddress.Equals(a)));
            addresses.AddRange(claim.Exact);
            if (claim.Exact.IsEmpty || !exact.IsEmpty)
            {
                var held = (await ipam.ListAsync(adapter, claim.Handle, ct)).Select(l => (l.Address, l.Sequence)).ToHashSet();
                var leases = await ipam.ClaimAsync(adapter, claim with { Exact = exact }, null, null, ct);
                reserved.AddRange(leases.Where(l => !held.Contains((l.Address, l.Sequence))));
                addresses.AddRange(leases.Select(l => l.Address));
            }
        }

        var others = _groups.Others(spec.NamespaceGroup, spec.Id, place);
        _ = NamespaceGroup.Place(spec, [.. addresses.Distinct().Select(EndpointDraft.HostNetwork)], others, pools);
    }

    private async Task GiveBackAsync(string adapter, WorkloadEndpointId id, List<AddressLease> reserved, Exception first)
    {
        foreach (var lease in reserved)
        {
            try
            {
                await ipam.ReleaseAsync(adapter, lease, CancellationToken.None);
            }
            catch (CalicoException e)
            {
                // Not lost: an unbound lease is collected by its age.
                Log.UndoFailed(logger, id, first.Message, e.Message);
            }
        }
    }

    private async Task<EndpointLife> RecordHeldAsync(string adapter, EndpointSpec spec, Placement? place,
        ImmutableArray<PublishedPortRecord> former,
        CancellationToken ct)
    {
        using var group = await _groups.EnterAsync(spec.NamespaceGroup, ct);
        var name = InterfaceNames.HostInterface(node.InterfacePrefix, spec.Id, n => book.TryTake(n, spec.Id));
        try
        {
            return await RecordHeldAsync(adapter, spec, place, (name, former), ct);
        }
        catch
        {
            book.GiveBack(name, spec.Id);
            Ports.Keep(spec.Id, []);
            throw;
        }
    }

    private async Task<EndpointLife> RecordHeldAsync(string adapter, EndpointSpec spec, Placement? place,
        (string HostInterface, ImmutableArray<PublishedPortRecord> Ports) former, CancellationToken ct)
    {
        var mac = InterfaceNames.Mac(spec.Id, m => book.HasMac(EndpointRecord.Format(m), spec.Id));
        var others = _groups.Others(spec.NamespaceGroup, spec.Id, place);
        var draft = new EndpointDraft(adapter, spec, others, await ipam.ListPoolsAsync(ct), node with { Mtu = _mtu }, former.HostInterface,
            mac);
        var call = TimedCall.Current;
        EndpointRecord Make(ImmutableArray<AddressLease> leases)
        {
            if (leases.Select(l => (l.Address, Owner: book.WhoHasUnleased(l.Address)))
                .FirstOrDefault(l => l.Owner is { } owner && owner != spec.Id) is (var address, { } other))
            {
                throw new CalicoException(Problem.AlreadyExists,
                    $"{address} is to be given to {spec.Id}, but {other} has it from another IPAM, whose range an IP pool overlaps");
            }

            var made = Ports.Take(draft.Make(leases), former.Ports);
            former.Ports = made.Ports;
            return place is null ? made with { SplitLife = true } : WithPlace(made, place);
        }

        LeaseCompanion<EndpointRecord> Record(ImmutableArray<AddressLease> leases)
        {
            var planned = Make(leases);
            // The writer goes on from here, for all that wait.
            call?.Enter("commit");
            return new(planned, new([publication.Put(planned)], [planned.ToWrite()]));
        }

        return spec.Claim is { } claim ? Enter((await ipam.ClaimAsync(adapter, claim, spec.Id, Record, ct)).Made, place)
            : spec.Leased.Length > 0 ? Enter(
                (await ipam.BindAsync(adapter, spec.Leased, $"{spec.Id.Workload}.{spec.Instance}", spec.Id, Record, ct)).Made, place)
            : await RecordUnmanagedAsync(spec, place, draft.Pools, () => Make([]), ct);
    }

    /// <summary>No lease says whose another IPAM's address is, so until it is in the book a lock does.</summary>
    private async Task<EndpointLife> RecordUnmanagedAsync(EndpointSpec spec, Placement? place, ImmutableArray<AddressPool> pools,
        Func<EndpointRecord> make, CancellationToken ct)
    {
        var held = new List<IDisposable>();
        try
        {
            foreach (var address in spec.Unmanaged.Select(n => n.BaseAddress).Distinct().OrderBy(a => a.ToString(), StringComparer.Ordinal))
            {
                held.Add(await book.AddressLocks.EnterAsync(address, ct));
            }

            EndpointSpecRules.CheckUnmanaged(spec.Id, spec.Unmanaged, pools, book.WhoHas);
            if (spec.Unmanaged.Select(n => n.BaseAddress).FirstOrDefault(kernel.IsOwnAddress) is { } own)
            {
                throw new CalicoException(Problem.AlreadyExists, $"address {own} comes from another IPAM but is the host's own",
                    "unmanaged");
            }

            var record = make();
            TimedCall.Current?.Enter("commit");
            await CommitNewRecordAsync(record, ct);
            return Enter(record, place);
        }
        finally
        {
            held.ForEach(h => h.Dispose());
        }
    }

    private EndpointLife Enter(EndpointRecord record, Placement? place)
    {
        var life = new EndpointLife(record, EndpointState.Prepared) { IsBeingPlaced = place is not null };
        book.Add(life);
        return life;
    }

    /// <summary>A record without leases. IPAM undoes its own transactions; this one is undone here.</summary>
    private async Task CommitNewRecordAsync(EndpointRecord record, CancellationToken ct)
    {
        try
        {
            await CommitRecordAsync(record, ct);
        }
        catch (Exception first)
        {
            await UndoAsync(new(record, EndpointState.Prepared), first);
            throw;
        }
    }

    /// <summary>Record and resource together; with a dead or slow store the resource comes later.</summary>
    private async Task CommitRecordAsync(EndpointRecord record, CancellationToken ct)
    {
        if (await publication.WriteAsync(record, ct) is { } reason)
        {
            Log.StoreLater(logger, record.Id, reason);
        }
    }
}
