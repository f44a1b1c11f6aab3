using System.Collections.Immutable;
using System.Text;
using Calico.Dataplane.Translation;
using Calico.Linux.Netlink;
using Calico.Linux.Nftables;

namespace Calico.Dataplane.Reconciliation;

/// <summary>Brings our table in the kernel to what is desired; touches no other.</summary>
/// <remarks>
/// What a restarted process meets: the table as its predecessor left it, still enforcing. It stays so until everything desired is
/// known; then one transaction makes the difference. Every change of ours is one commit, on one socket, whose port tells the kernel
/// which notices are no stranger's.
/// </remarks>
internal sealed class TableReconciler(INftables socket, DataplaneOptions options) : IDisposable
{
    /// <summary>IFNAMSIZ of uapi linux/if.h: what a name takes in a key.</summary>
    private const int LinkNameLength = 16;

    private readonly NftBatch _batch = new();

    /// <summary>What closes workloads while the table is another's.</summary>
    public ClosingTable Closing { get; } = new(socket, options);

    public NftTableState? Read(NftTable table, bool withElements = true) => socket.ReadTable(table, withElements);

    /// <summary>Commits what is pending and need not wait, new chains in a transaction before the rest; does nothing when nothing is.
    /// </summary>
    /// <param name="ruleset">What is desired.</param>
    /// <param name="generation">Commit only on this one: what was read must still be so.</param>
    /// <returns>Whether there was something that need not wait.</returns>
    public bool Commit(Ruleset ruleset, uint? generation = null)
    {
        if (!ruleset.IsPending)
        {
            return false;
        }

        if (ruleset.HasAhead)
        {
            _batch.Clear();
            ruleset.WriteAhead(_batch);
            Commit(generation);
            ruleset.SettleAhead();
            // Ours was one more. The kernel leaves 0 out.
            generation = generation == uint.MaxValue ? 1 : generation + 1;
        }

        _batch.Clear();
        ruleset.Write(_batch);
        Commit(generation);
        ruleset.Settle();
        return _batch.Count > 0;
    }

    /// <summary>Removes an interface from the maps that a former process left, while what is desired is not known yet.</summary>
    public void RemoveInterface(NftTable table, string interfaceName)
    {
        var name = NftValue.LinkName(interfaceName);
        var key = Encoding.UTF8.GetBytes(interfaceName + "\0");
        _batch.Clear();
        if (socket.ReadTable(table) is not { } actual)
        {
            return;
        }
        // The sets that have interface names in their key, whatever the former version called them.
        foreach (var set in actual.Sets.Where(s => s.KeyLength >= name.Length))
        {
            var elements = actual.Elements[set.Name].Where(e => e.Key.Bytes.StartsWith(key)).ToList();
            if (elements.Count > 0)
            {
                _batch.DeleteElements(table, set.Name, elements);
            }
        }

        Commit(actual.Generation);
    }

    /// <summary>What of our rules' needs the kernel has not.</summary>
    public ImmutableArray<string> FindMissing() => KernelNeeds.FindMissing(socket, KernelNeeds.Expressions);

    /// <summary>Whose notices are our own doing.</summary>
    public uint PortId => socket.PortId;

    /// <summary>Interfaces that a table knows, whatever the version that wrote it called its sets.</summary>
    public static HashSet<string> InterfacesIn(NftTableState actual)
    {
        var names = new HashSet<string>(StringComparer.Ordinal);
        foreach (var set in actual.Sets.Where(s => s.KeyLength >= LinkNameLength))
        {
            foreach (var element in actual.Elements[set.Name].Where(e => e.Key.Length >= LinkNameLength))
            {
                // Keys that begin with something else give names that no interface of ours has.
                var name = element.Key.Bytes[..LinkNameLength];
                names.Add(Encoding.UTF8.GetString(name[..Math.Max(0, name.IndexOf((byte)0))]));
            }
        }

        return names;
    }

    public IEnumerable<NftCounterState> ListCounters(NftTable table) => socket.ListCounters(table);

    public void Dispose()
    {
        socket.Dispose();
        _batch.Dispose();
    }

    private void Commit(uint? generation)
    {
        if (_batch.Count == 0)
        {
            return;
        }

        socket.Commit(_batch, generation);
    }
}
