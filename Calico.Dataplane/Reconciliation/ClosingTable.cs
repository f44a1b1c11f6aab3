using Calico.Dataplane.Translation;
using Calico.Linux.Nftables;

namespace Calico.Dataplane.Reconciliation;

/// <summary>Closes all workloads while our own table cannot be written: a table of another name, with drops and nothing else.</summary>
/// <remarks>
/// A table with the flag <c>owner</c> is its owner's alone while that lives: if it has our name, not a rule of policy can be written. A
/// drop is final in whatever table it is, so a second table closes what the first cannot. Links set down would do that too, but lose routes
/// and addresses that then have to be made anew, and say nothing of those that come later. Written in one transaction each time; goes after
/// the commit that makes our own table enforce, a former process's too.
/// </remarks>
internal sealed class ClosingTable(INftables socket, DataplaneOptions options)
{
    private const int RawPriority = -300;

    /// <summary>Whether it stands; null: a former process may have left it.</summary>
    private bool? _stands;

    public NftTable Table { get; } = new(NftFamily.Inet, options.ClosingTableName);

    /// <summary>From now on nothing passes from or to a workload.</summary>
    public void Close()
    {
        var prefix = options.InterfacePrefix;
        using var batch = new NftBatch();
        // Whatever stands under the name: never open in between.
        batch.AddTable(Table);
        batch.DeleteTable(Table);
        batch.AddTable(Table);
        batch.AddBaseChain(Table, "prerouting", NftChainType.Filter, NftHook.Prerouting, RawPriority);
        batch.AddRule(Table, "prerouting", new RuleBuilder().IncomingPrefix(prefix).End("", Verdict.Drop));
        batch.AddRule(Table, "prerouting", new RuleBuilder().GroupOrNext(MetaKey.IncomingGroup, options.LinkGroup).End("", Verdict.Drop));
        batch.AddBaseChain(Table, "forward", NftChainType.Filter, NftHook.Forward, RawPriority);
        batch.AddRule(Table, "forward", new RuleBuilder().OutgoingPrefix(prefix).End("", Verdict.Drop));
        batch.AddRule(Table, "forward", new RuleBuilder().GroupOrNext(MetaKey.OutgoingGroup, options.LinkGroup).End("", Verdict.Drop));
        socket.Commit(batch);
        _stands = true;
    }

    /// <summary>Our own table enforces again. Nothing is done when this one does not stand.</summary>
    public void Open()
    {
        if (_stands ?? socket.ListTables().Contains(Table))
        {
            using var batch = new NftBatch();
            batch.AddTable(Table);
            batch.DeleteTable(Table);
            socket.Commit(batch);
        }

        _stands = false;
    }
}
