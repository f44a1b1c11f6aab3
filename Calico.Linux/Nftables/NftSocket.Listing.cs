using System.Collections.Immutable;
using Calico.Linux.Netlink;

namespace Calico.Linux.Nftables;

public sealed partial class NftSocket
{
    private const int ReadAttempts = 8;

    /// <summary>Number of the ruleset's present state; every commit by anyone makes a new one.</summary>
    public uint GetGeneration()
    {
        uint generation = 0;
        lock (_exchange)
        {
            uint sequence = BeginQuery(NftMessages.NFT_MSG_GETGEN, NftFamily.Unspecified, dump: false);
            _query.EndMessage();
            _socket.Ask(_query, sequence, "read the nftables generation",
                (in NetlinkMessage message) => generation = NftReader.ReadGeneration(message));
        }

        return generation;
    }

    /// <summary>Names of all tables of all families, other programs' too.</summary>
    public ImmutableArray<NftTable> ListTables() => List<NftTable>(NftMessages.NFT_MSG_GETTABLE, NftFamily.Unspecified, "list tables", null,
        static (in NetlinkMessage message, ImmutableArray<NftTable>.Builder found) => NftReader.ReadTable(message, found));

    /// <summary>All of one table at one generation, or null if it is not there.</summary>
    /// <exception cref="NetlinkInterruptedException">Others kept changing the ruleset.</exception>
    public NftTableState? ReadTable(NftTable table, bool withElements = true)
    {
        for (int attempt = 0; attempt < ReadAttempts; attempt++)
        {
            uint generation = GetGeneration();
            try
            {
                if (!ListTables().Contains(table))
                    return null;
                ImmutableArray<NftSetState> sets = ListSets(table);
                var state = new NftTableState
                {
                    Table = table, Generation = generation, Chains = ListChains(table), Rules = ListRules(table), Sets = sets,
                    Counters = ListCounters(table),
                    Elements = withElements
                        ? sets.ToImmutableDictionary(s => s.Name, s => ListElements(table, s.Name))
                        : ImmutableDictionary<string, ImmutableArray<NftElement>>.Empty,
                };
                if (GetGeneration() == generation)
                    return state;
            }
            catch (NetlinkException e) when (e.Errno is Errno.NoEntry or Errno.Interrupted)
            {
                // Deleted between two listings: the generation has moved, so read again.
            }
        }

        throw new NetlinkInterruptedException($"read table {table}");
    }

    public ImmutableArray<NftChain> ListChains(NftTable table) => List(NftMessages.NFT_MSG_GETCHAIN, table.Family,
        $"list chains of table {table}", null, (in NetlinkMessage message, ImmutableArray<NftChain>.Builder found) => NftReader.ReadChain(message, table, found));

    /// <summary>Rules in order, of one chain or of all.</summary>
    public ImmutableArray<NftRuleState> ListRules(NftTable table, string? chain = null) => List(NftMessages.NFT_MSG_GETRULE, table.Family,
        $"list rules of table {table}",
        query =>
        {
            query.WriteString(NftMessages.NFTA_RULE_TABLE, table.Name);
            if (chain is not null)
                query.WriteString(NftMessages.NFTA_RULE_CHAIN, chain);
        },
        (in NetlinkMessage message, ImmutableArray<NftRuleState>.Builder found) => NftReader.ReadRule(message, table, found));

    public ImmutableArray<NftSetState> ListSets(NftTable table) => List(NftMessages.NFT_MSG_GETSET, table.Family,
        $"list sets of table {table}", query => query.WriteString(NftMessages.NFTA_SET_TABLE, table.Name),
        (in NetlinkMessage message, ImmutableArray<NftSetState>.Builder found) => NftReader.ReadSet(message, table, found));

    public ImmutableArray<NftElement> ListElements(NftTable table, string set) => List<NftElement>(NftMessages.NFT_MSG_GETSETELEM,
        table.Family, $"list elements of set {set} in table {table}",
        query =>
        {
            query.WriteString(NftMessages.NFTA_SET_ELEM_LIST_TABLE, table.Name);
            query.WriteString(NftMessages.NFTA_SET_ELEM_LIST_SET, set);
        },
        static (in NetlinkMessage message, ImmutableArray<NftElement>.Builder found) => NftReader.ReadElements(message, found));

    /// <summary>Named counters of a table.</summary>
    public ImmutableArray<NftCounterState> ListCounters(NftTable table) => ListCounters(NftMessages.NFT_MSG_GETOBJ, table);

    /// <summary>Reads the named counters and sets them to 0, each at one moment, so that no packet is lost between.</summary>
    public ImmutableArray<NftCounterState> ResetCounters(NftTable table) => ListCounters(NftMessages.NFT_MSG_GETOBJ_RESET, table);

    private ImmutableArray<NftCounterState> ListCounters(ushort request, NftTable table) => List(request, table.Family,
        $"list counters of table {table}",
        query =>
        {
            query.WriteString(NftMessages.NFTA_OBJ_TABLE, table.Name);
            query.WriteU32BigEndian(NftMessages.NFTA_OBJ_TYPE, NftMessages.NFT_OBJECT_COUNTER);
        },
        (in NetlinkMessage message, ImmutableArray<NftCounterState>.Builder found) => NftReader.ReadCounter(message, table, found),
        retry: request != NftMessages.NFT_MSG_GETOBJ_RESET);

    private delegate void Read<T>(in NetlinkMessage message, ImmutableArray<T>.Builder found);

    private ImmutableArray<T> List<T>(ushort request, NftFamily family, string what, Action<NetlinkWriter>? write, Read<T> read,
        bool retry = true)
    {
        lock (_exchange)
            return retry ? NetlinkSocket.Retry(Once) : Once();

        ImmutableArray<T> Once()
        {
            var found = ImmutableArray.CreateBuilder<T>();
            uint sequence = BeginQuery(request, family, dump: true);
            write?.Invoke(_query);
            _query.EndMessage();
            _socket.Dump(_query, sequence, what, (in NetlinkMessage message) => read(message, found));
            return found.DrainToImmutable();
        }
    }

    private uint BeginQuery(ushort message, NftFamily family, bool dump)
    {
        uint sequence = _socket.NextSequence();
        _query.Clear();
        _query.BeginMessage(NftMessages.Type(message), NetlinkFlags.Request | (dump ? NetlinkFlags.Dump : NetlinkFlags.None), sequence);
        _query.WriteStruct(new NetfilterHeader { Family = (byte)family });
        return sequence;
    }
}
