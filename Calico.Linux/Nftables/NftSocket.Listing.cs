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
            var sequence = _socket.NextSequence();
            _query.Clear();
            NftQueries.Generation(_query, sequence);
            _socket.Ask(_query, sequence, "read the nftables generation",
                (in NetlinkMessage message) => generation = NftReader.ReadGeneration(message));
        }

        return generation;
    }

    /// <summary>Names of all tables of all families, other programs' too.</summary>
    public ImmutableArray<NftTable> ListTables() => [.. ListTablesWithUnusual().Select(t => t.Table)];

    /// <summary>Netlink port of the socket that owns a table (flag <c>owner</c>): while it is open nobody else may change anything of it,
    /// and the table goes with it. Null: nobody's, or there is no such table.</summary>
    public uint? FindOwner(NftTable table) => ListTablesWithUnusual().Where(t => t.Table == table).Select(t => t.Owner).FirstOrDefault();

    /// <summary>All of one table at one generation, or null if it is not there.</summary>
    /// <exception cref="NetlinkInterruptedException">Others kept changing the ruleset.</exception>
    public NftTableState? ReadTable(NftTable table, bool withElements = true)
    {
        for (var attempt = 0; attempt < ReadAttempts; attempt++)
        {
            var generation = GetGeneration();
            try
            {
                var unusual = ListTablesWithUnusual().Where(t => t.Table == table).Select(t => t.Unusual).FirstOrDefault();
                if (unusual is null)
                {
                    return null;
                }

                var sets = ListSets(table);
                var state = new NftTableState
                {
                    Table = table, Generation = generation, Unusual = unusual, Chains = ListChains(table), Rules = ListRules(table),
                        Sets = sets,
                    Counters = ListCounters(table), StrangeObjects = ListStrangeObjects(table),
                    Elements = withElements
                        ? sets.ToImmutableDictionary(s => s.Name, s => ListElements(table, s.Name))
                        : ImmutableDictionary<string, ImmutableArray<NftElement>>.Empty,
                };
                if (GetGeneration() == generation)
                {
                    return state;
                }
            }
            catch (NetlinkException e) when (e.Errno is Errno.NoEntry or Errno.Interrupted)
            {
                // Deleted between two listings: the generation has moved, so read again.
            }
        }

        throw new NetlinkInterruptedException($"read table {table}");
    }

    public ImmutableArray<NftChain> ListChains(NftTable table) => List<NftChain>($"list chains of table {table}",
        (query, sequence) => NftQueries.Chains(query, sequence, table.Family),
        (in NetlinkMessage message, ImmutableArray<NftChain>.Builder found) => NftReader.ReadChain(message, table, found));

    /// <summary>Rules in order, of one chain or of all.</summary>
    public ImmutableArray<NftRuleState> ListRules(NftTable table, string? chain = null) => List<NftRuleState>(
        $"list rules of table {table}",
        (query, sequence) => NftQueries.Rules(query, sequence, table, chain),
        (in NetlinkMessage message, ImmutableArray<NftRuleState>.Builder found) => NftReader.ReadRule(message, table, found));

    public ImmutableArray<NftSetState> ListSets(NftTable table) => List<NftSetState>($"list sets of table {table}",
        (query, sequence) => NftQueries.Sets(query, sequence, table),
        (in NetlinkMessage message, ImmutableArray<NftSetState>.Builder found) => NftReader.ReadSet(message, table, found));

    public ImmutableArray<NftElement> ListElements(NftTable table, string set) => List<NftElement>(
        $"list elements of set {set} in table {table}",
        (query, sequence) => NftQueries.Elements(query, sequence, table, set), NftReader.ReadElements);

    /// <summary>Named counters of a table.</summary>
    public ImmutableArray<NftCounterState> ListCounters(NftTable table) => ListCounters(table, reset: false);

    /// <summary>Reads the named counters and sets them to 0, each at one moment, so that no packet is lost between.</summary>
    /// <exception cref="NetlinkInterruptedException">The ruleset changed meanwhile; some counters were reset and their counts are lost.
    /// </exception>
    public ImmutableArray<NftCounterState> ResetCounters(NftTable table) => ListCounters(table, reset: true);

    private ImmutableArray<NftCounterState> ListCounters(NftTable table, bool reset) => List<NftCounterState>(
        $"{(reset ? "reset" : "list")} counters of table {table}",
        (query, sequence) => NftQueries.Counters(query, sequence, table, reset),
        (in NetlinkMessage message, ImmutableArray<NftCounterState>.Builder found) => NftReader.ReadCounter(message, table, found),
        retry: !reset);

    private ImmutableArray<(NftTable Table, string Unusual, uint? Owner)> ListTablesWithUnusual() =>
        List<(NftTable, string, uint?)>("list tables", NftQueries.Tables, NftReader.ReadTable);

    private ImmutableArray<string> ListStrangeObjects(NftTable table) =>
    [
        .. List<string>($"list objects of table {table}", (query, sequence) => NftQueries.Objects(query, sequence, table),
            (in NetlinkMessage message, ImmutableArray<string>.Builder found) => NftReader.ReadStrangeObject(message, table, found)),
        .. List<string>($"list flowtables of table {table}", (query, sequence) => NftQueries.Flowtables(query, sequence, table),
            (in NetlinkMessage message, ImmutableArray<string>.Builder found) => NftReader.ReadFlowtable(message, table, found)),
    ];

    private delegate void Read<T>(in NetlinkMessage message, ImmutableArray<T>.Builder found);

    private ImmutableArray<T> List<T>(string what, Action<NetlinkWriter, uint> write, Read<T> read, bool retry = true)
    {
        lock (_exchange)
        {
            return retry ? NetlinkSocket.Retry(Once) : Once();
        }

        ImmutableArray<T> Once()
        {
            var found = ImmutableArray.CreateBuilder<T>();
            var sequence = _socket.NextSequence();
            _query.Clear();
            write(_query, sequence);
            _socket.Dump(_query, sequence, what, (in NetlinkMessage message) => read(message, found));
            return found.DrainToImmutable();
        }
    }
}
