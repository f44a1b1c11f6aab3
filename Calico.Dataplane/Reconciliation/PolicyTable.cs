using System.Collections.Immutable;
using Calico.Dataplane.Translation;
using Calico.Felix;
using Calico.Felix.Output;
using Calico.Linux;
using Calico.Linux.Netlink;
using Calico.Linux.Nftables;
using Calico.Linux.Route;
using Microsoft.Extensions.Logging;

namespace Calico.Dataplane.Reconciliation;

/// <summary>Our table: what policy is, rendered, and kept in the kernel.</summary>
/// <remarks>After three refusals in a row the table is deleted and made anew, in one transaction.</remarks>
internal sealed partial class PolicyTable : IPolicyTable
{
    /// <summary>Refusals in a row after which the table is deleted and made anew in one transaction.</summary>
    public const int RefusalsBeforeRecreate = 3;

    private const int SaidDifferences = 5;

    private readonly TableReconciler _table;
    private readonly INftables _nftables;
    private readonly HostNetwork _network;
    private readonly GracePeriod _grace;
    private readonly ILogger _logger;
    private NftTableState? _actual;
    private bool _isDoubted = true;
    private bool _isRead;
    private bool _isCompared;

    public PolicyTable(INftables nftables, HostNetwork network, GracePeriod grace, DataplaneOptions options, ILogger logger)
    {
        (_nftables, _network, _grace, _logger) = (nftables, network, grace, logger);
        _table = new(nftables, options);
        Policy = new(options);
    }

    public RulesetTranslator Policy { get; }

    public bool IsPolicyFree => false;

    /// <summary>What stands is a former process's, and enforces.</summary>
    public bool IsAdopted { get; private set; }

    public IReadOnlySet<string>? FormerInterfaces { get; private set; }

    /// <summary>Whose notices are our own doing.</summary>
    public uint PortId => _table.PortId;

    /// <summary>The table that closes workloads while ours is another's.</summary>
    public NftTable ClosingTable => _table.Closing.Table;

    private NftTable Table => Policy.Ruleset.Table;

    /// <summary>Loads the skeleton with empty maps, or takes over what a former process left. Once, before anything else.</summary>
    /// <returns>Why neither could be done and workloads are closed otherwise; null: one was.</returns>
    public string? Open()
    {
        var ruleset = Policy.Ruleset;
        var actual = _table.Read(ruleset.Table, withElements: false);
        var flaws = actual is null ? [] : FormerTable.FindFlaws(actual, ruleset);
        if (actual is not null && flaws.IsEmpty)
        {
            IsAdopted = true;
            Log.Adopted(_logger, actual.Chains.Length, actual.Rules.Length);
            return null;
        }

        if (actual is not null)
        {
            Log.NotAdopted(_logger, Summary(flaws));
        }
        // Whatever is there does not enforce; closed is safe.
        ruleset.Rebase(actual is null ? null : _table.Read(ruleset.Table));
        try
        {
            _table.Commit(ruleset);
        }
        catch (NftCommitException e) when (CloseWhereOwned(e) is { } owned)
        {
            return owned;
        }
        catch (NftCommitException e) when (_table.FindMissing() is { IsEmpty: false } missing)
        {
            throw new CalicoException(Problem.Unsupported, $"dataplane: {string.Join("; ", missing)}", inner: e);
        }

        Log.Loaded(_logger, ruleset.Chains.Count);
        return null;
    }

    public void Apply(DataplaneUpdate update) => Policy.Apply(update);

    public void Doubt() => _isDoubted = true;

    public void Read()
    {
        if (!_isDoubted)
        {
            return;
        }

        (_actual, _isRead) = (_table.Read(Table), true);
        FormerInterfaces = IsAdopted && _actual is not null ? TableReconciler.InterfacesIn(_actual) : null;
    }

    public Reconciled Commit(int refusals)
    {
        var ruleset = Policy.Ruleset;
        var (actual, reads) = (_actual, _isRead);
        (_actual, _isRead) = (null, false);
        var strange = reads ? ruleset.Rebase(actual) : [];
        if (reads && refusals >= RefusalsBeforeRecreate)
        {
            ruleset.Recreate();
        }

        _grace.Take(ruleset);
        if (refusals > 0)
        {
            // What stands may be in the way of what is to come.
            ruleset.Hurry();
        }

        var wasGap = _table.Commit(ruleset, actual?.Generation) && reads;
        _grace.Begin(ruleset);
        _table.Closing.Open();
        _isDoubted &= !reads;
        (IsAdopted, FormerInterfaces) = (false, null);
        var healed = _isCompared && !strange.IsEmpty ? Summary(strange) : null;
        _isCompared = true;
        return new(healed is null ? [] : [healed], wasGap);
    }

    public Reconciled Notice(RouteEvent change) => Reconciled.Nothing;

    public void Withdraw(LocalEndpoint endpoint)
    {
        if (IsAdopted)
        {
            _table.RemoveInterface(Table, endpoint.InterfaceName);
        }
    }

    public string? CloseWhereOwned(Exception refusal)
    {
        try
        {
            if (refusal is not NftCommitException { Errno: Errno.NotPermitted } || DescribeOwner(_nftables, Table,
                _network) is not { } owner)
            {
                return null;
            }

            _table.Closing.Close();
            return $"nftables: table {Table} is owned by {owner}, so no policy can be written; table {ClosingTable} keeps all workloads "
                + "closed until that process ends";
        }
        catch (Exception e) when (e is NetlinkException or NetlinkFormatException or IOException)
        {
            return $"nftables: table {Table} cannot be written ({refusal.Message}), and workloads could not be closed: {e.Message}";
        }
    }

    /// <summary>Who alone may change a table, in words; null: everybody.</summary>
    public static string? DescribeOwner(INftables nftables, NftTable table, HostNetwork network) =>
        nftables.FindOwner(table) is { } port ? network.Run(() => NetlinkPorts.Describe(NetlinkFamily.Netfilter, port)) : null;

    public IEnumerable<NftCounterState> ListCounters() => _table.ListCounters(Table);

    public void Dispose()
    {
        _grace.Dispose();
        _table.Dispose();
    }

    /// <summary>A whole table that is gone has hundreds of differences.</summary>
    private static string Summary(ImmutableArray<string> differences) => "nftables: " + string.Join("; ", differences.Take(SaidDifferences))
        + (differences.Length > SaidDifferences ? $" and {differences.Length - SaidDifferences} more" : "");

    private static partial class Log
    {
        [LoggerMessage(4000, LogLevel.Information, "took over the table of a former process: {chains} chains, {rules} rules")]
        public static partial void Adopted(ILogger logger, int chains, int rules);

        [LoggerMessage(4040, LogLevel.Warning,
            "the table that stands is not what a process of ours wrote: {flaws}; it is made anew, closed until policy is known")]
        public static partial void NotAdopted(ILogger logger, string flaws);

        [LoggerMessage(4001, LogLevel.Information, "loaded the skeleton: {chains} chains")]
        public static partial void Loaded(ILogger logger, int chains);
    }
}
